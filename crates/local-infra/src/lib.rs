//! A private PostgreSQL and a private NATS server on this machine, as child processes, and a private
//! certificate authority: for `latchkey up` (data under its folder, fixed ports) and for tests (temp
//! folder, free ports).
//!
//! Both servers listen on the loopback address only and want a password that is made on first start and
//! kept in the data folder. Both end when this process ends, however it ends. What a former run
//! left running in the same folder is stopped first; two runs on one folder at once are refused.
//!
//! Deliberately absent: servers that others run (those are a URL in the configuration), clusters,
//! backups.

mod account;
mod binaries;
mod certificates;
mod error;
mod folder;
mod install;
mod leftovers;
mod log;
mod nats;
mod port;
mod postgres;
mod process;

pub use certificates::{Certificates, Issued};
pub use error::{Error, Server};
pub use install::install_missing;
pub use nats::{Nats, NatsConfig};
pub use postgres::{Postgres, PostgresConfig};
