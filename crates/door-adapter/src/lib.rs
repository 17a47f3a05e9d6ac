//! What all door adapters share: the trait of a provider, and the runtime that carries commands out.
//!
//! An adapter is told by `AccessCommand` what one person should have at one door or group, and answers
//! each command exactly once with `AccessCommandCompleted`; by `UserCommand` and `UserCommandCompleted`, how the
//! user should be that the provider takes a person for; by `WayInCommand` and `WayInCommandCompleted`, whether there
//! should be another way in than a person's own access. It tries once; when to try again is
//! access-control's business. On demand, access-control has doors operated by calls. A new provider implements
//! [`DoorProvider`], [`DoorControl`] and [`Cards`], calls [`build`], adds [`MIGRATOR`] to its schema and passes the conformance
//! suites (feature `conformance`).
//!
//! What holds for every provider:
//! - A command is stored when it comes in, so that none blocks another; only the newest of a grant counts.
//! - Accounts are worked in parallel, each by one process at a time, its commands by urgency. A slow, dead
//!   or huge account delays no other.
//! - The answer, the change of the provider's ledger and the end of the command are one transaction. A
//!   crash before it means that the command is carried out again, on the ledger as it was.
//! - Now and then all that an account has is read and compared with the answers. What differs is told; what
//!   must be done about a grant is access-control's business again.
//! - Each provider's own log is read on and on, and each event of it is told once.
//! - Credentials come from the integrations service and are kept in memory only, for a short time.
//! - What lets in whoever has it, a link or a PIN, is kept sealed, and revealed to whom tells it to the person.
//!
//! Deliberately absent: what should be and when (access-control), and what a provider keeps of people
//! and assignments (each provider's own ledger).

mod accounts;
mod batcher;
mod card;
mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod consumers;
mod control;
mod credentials;
mod drift;
mod error;
mod facts;
mod grpc;
mod log;
mod provider;
mod request;
mod runtime;
mod secret;
mod service;
mod store;

pub use accounts::Accounts;
pub use batcher::Batcher;
pub use card::{CardRequest, CardWish, Cards, FoundCard, SoughtCard, no_cards, taken_card, unknown_card};
pub use config::{CommandsConfig, ConfigError, LogConfig, PeersConfig, ReconcilerConfig};
pub use control::{
    Abilities, Action, Actor, Door, DoorControl, DoorState, Fate, Operated, Operation, PulseLength, Spot,
    cannot,
};
pub use drift::{Drift, Held, compare};
pub use error::{ApplyError, ErrorKind, LedgerError, Problem, ProblemKind, ProviderError};
pub use log::{DoorEvent, EventOutcome};
/// Why a door does not open, and what providers' logs say, in the words of the contracts.
pub use proto::access::v1::{AccessLogSource, AccessReason, DoorAction, PassageDirection};
pub use provider::{
    Account, AccountInfo, Applied, Capabilities, Credential, DoorProvider, Finding, Listed, MobileLogin,
    Origin, Period, PhoneKey, Place, Right, UserApplied, UserState, WayInApplied,
};
pub use request::{AccessRequest, Person, Target, TargetKind, UserRequest, UserWish, WayInRequest};
pub use sealing::SealingConfig;
pub use secret::DoorSecret;
pub use service::{BuildError, Settings, build, build_with_accounts};
pub use store::log::{look_soon, look_within};

/// The tables of this crate, for the schema of each adapter.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// Where a schema notes which of them it has.
pub const MIGRATIONS_TABLE: &str = "_migration_door_adapter";
