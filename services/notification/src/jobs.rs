//! What happens by time.

pub(crate) mod sender;
