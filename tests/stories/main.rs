//! Whole-platform stories: every service a process of its own, on real Postgres and NATS. Each ends with
//! all outboxes empty, no message unacknowledged, no dead letter that is not meant to be, and the vendors
//! having exactly what they should.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "stories say what went wrong by panicking"
)]

mod access_log;
mod attendees;
mod audit;
mod authorization;
mod bookings;
mod charges;
mod contracts;
mod debits;
mod deliveries;
mod disorder;
mod doors_on_demand;
mod kill;
mod kisi_trouble;
mod known_failures;
mod manual;
mod memberships;
mod offline;
mod passes;
mod paying;
mod reconcile;
mod refunds;
mod retirement;
mod secrets;
mod servers;
mod sign_in;
mod stripe;
mod unifi;
mod unifi_on_demand;
mod unifi_webhooks;
mod unlocking;
mod visits;
mod way_in;
mod web;
mod webhooks_off;
