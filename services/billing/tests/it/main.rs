//! The service beside the sandbox's Stripe twin and a make-believe integrations service.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod books;
mod charging;
mod checking;
mod desk;
mod disputes;
mod due;
mod invoices;
mod isolation;
mod methods;
mod payments;
mod refunds;
mod sweep;
mod webhooks;
mod world;
