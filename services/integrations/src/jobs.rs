//! What happens by time.

pub(crate) mod checker;
pub(crate) mod retelling;
