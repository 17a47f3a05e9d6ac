//! What happens by time.

mod completion;
mod retelling;

pub(crate) use completion::Completion;
pub(crate) use retelling::Retelling;
