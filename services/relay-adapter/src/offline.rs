//! What controllers need for deciding alone: people's PINs, and lists of who may open what by theirs. Pure.

mod list;
mod pin;

pub(crate) use list::{Content, HORIZON, Head, Signed, is_due, next_look};
pub(crate) use pin::{Pin, PinHash, PinOwner};
