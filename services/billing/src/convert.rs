//! Between messages and the model. Input is checked field by field.

mod connection;
mod method;
mod payment;

pub(crate) use connection::{failed, found, missing};
pub(crate) use method::{NewMethod, holder_of, new_method, payment_method, settings};
pub(crate) use payment::payment;
