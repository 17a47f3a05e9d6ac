//! What happens by time.

mod completion;

pub(crate) use completion::Completion;
