//! Plain values and their rules.

mod file;
mod key;
mod kind;
mod name;
mod refusal;
mod types;
mod who;

pub(crate) use file::{File, NewFile, Removal, State, Step, Stored};
pub(crate) use key::{Key, ObjectName, Place};
pub(crate) use kind::Kind;
pub(crate) use name::{FileTitle, disposition};
pub(crate) use refusal::Refusal;
pub(crate) use types::{Detected, FileType, HEAD_BYTES, Nature, detect};
pub(crate) use who::Caller;
