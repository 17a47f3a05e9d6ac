//! Events and commands between services: the outbox that they are written to, the bus that carries
//! them, the inbox that makes a second delivery harmless, and the dead letters.
//!
//! The database is the truth, NATS only carries. A service writes [`outbox`] rows in the transaction
//! of the change; the [`publisher`] puts them on the bus and keeps them until the bus has surely stored
//! them; a [`consumer`] applies a batch of deliveries and its inbox rows in one transaction. At-least-once
//! delivery, exactly-once effect. What fails for good waits among the [`dead_letter`]s with its reason.

pub mod bus;
pub mod consumer;
pub mod dead_letter;
pub mod envelope;
pub mod outbox;
pub mod pace;
pub mod publisher;
pub mod retention;
pub mod subject;
pub mod trace;

pub use bus::{Bus, Connection};
pub use consumer::{ApplyError, Consumer, ConsumerConfig, Handler, Received};
pub use envelope::Envelope;
pub use outbox::Outgoing;
pub use publisher::{Publisher, PublisherConfig};

/// The tables of this crate, created in the schema of each service.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();
