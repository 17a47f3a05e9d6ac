//! Plain values and their rules, pure.

pub(crate) mod method;
pub(crate) mod settings;

pub(crate) use method::{Method, MethodState};
