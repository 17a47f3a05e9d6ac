//! Access-control, through its contract: bookings in, commands out, results back; on real Postgres and
//! NATS.

#![expect(clippy::unwrap_used, reason = "tests say what went wrong by panicking")]

mod access_log;
mod access_log_kept;
mod adapter;
mod attendees;
mod audit;
mod bookings;
mod cards;
mod contracts;
mod control;
mod door_events;
mod door_settings;
mod doors;
mod drift;
mod explain;
mod hours;
mod integrations;
mod isolation;
mod listings;
mod lockdown;
mod manual;
mod mappings;
mod memberships;
mod migration;
mod order;
mod passes;
mod people;
mod plans;
mod preflight;
mod races;
mod results;
mod retirement;
mod retold;
mod schedule;
mod secrets;
mod settings;
mod unlocking;
mod visits;
mod watch;
mod ways_in;
mod world;
