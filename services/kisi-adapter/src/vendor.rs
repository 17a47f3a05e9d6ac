//! Kisi's HTTP API, as far as Latchkey uses it.
//!
//! [`Kisi`] stands for the vendor and is made once per process; [`KisiAccount`] is one API key. The
//! client is thin: who should have what is decided elsewhere. Three facts shape it (Kisi API
//! reference):
//!
//! - there is no grant on a lock, only on a group that holds locks: hence
//!   [`KisiAccount::ensure_lock_group`];
//! - there is no idempotency key, and what exists already is refused with 409 or 422: hence
//!   [`may_exist_already`];
//! - calls are limited to five per second and user, whichever of the user's keys makes them: hence the
//!   account key is an input of [`Kisi::account`].

mod assignments;
mod cards;
mod client;
mod convert;
mod doors;
mod error;
mod events;
mod groups;
mod links;
mod listing;
mod reader;
mod users;
pub mod wire;

pub(crate) use assignments::rights_on;
pub(crate) use cards::KnownBy;
pub use client::{Kisi, KisiAccount, Line, Settings, account_key_of_owner};
pub use convert::{Assignee, GROUP_BASIC, KeyCheck, NewUser, RoleAssignment, Target, User, Validity};
pub use error::{Error, Reason, may_exist_already};
pub use groups::LockGroup;
pub(crate) use reader::Reader;
pub(crate) use users::USER_PAGE;
