//! What happens by time.

pub(crate) mod checker;
