//! The command line of Latchkey: `latchkey up` runs the whole platform on one machine, with its own
//! Postgres and NATS; the other commands are an operator's.

mod access_log;
mod audit;
pub mod cli;
mod client;
mod dead_letters;
mod demo;
mod explain;
pub mod import;
mod installation;
mod keys;
mod token;
mod trace;
pub mod up;
