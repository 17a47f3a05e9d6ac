//! What every service stands on: configuration, telemetry, Postgres, gRPC server and client, tokens,
//! health, shutdown.
//!
//! A service starts in three phases. [`config::load`] is pure and reports what is wrong with the
//! configuration. The service's own `build(config, deps)` makes its parts and opens nothing that
//! it was not given. [`Service::run`] serves until told to stop, then drains.

pub mod audit;
pub mod auth;
mod client_address;
pub mod config;
pub mod deps;
pub mod error;
pub mod idempotency;
pub mod identity;
pub mod input;
pub mod paging;
pub mod postgres;
mod retention;
pub mod rpc;
mod run;
mod service;
pub mod sheet;
pub mod telemetry;
mod text_enum;
pub mod weekly_hours;

pub use client_address::ClientAddress;
pub use config::PlatformConfig;
pub use deps::{BasicDeps, Deps};
pub use error::{Class, Classify};
pub use postgres::MigrationSet;
pub use run::{basic_on, install_crypto, main, main_basic, signalled, start, start_with};
pub use service::{Definition, Service, ServiceError, duplicate};
