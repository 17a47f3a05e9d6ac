//! What this service knows, as plain values. No IO.

mod content;
mod message;

pub(crate) use content::Content;
pub(crate) use message::{Channel, Entry, Kind, MessageKey, NewMessage, Standing, State};
