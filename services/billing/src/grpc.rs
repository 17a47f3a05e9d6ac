//! The contract's methods: check, call, convert back; nothing else.

mod connection;
mod invoice;
mod method;
mod payment;
mod price;

use std::str::FromStr;

use chassis::input::Input;
use chassis::rpc::refuse;
use domain::names::NameError;
use tonic::Status;

pub(crate) use connection::connection_service;
pub(crate) use invoice::invoice_service;
pub(crate) use method::payment_method_service;
pub(crate) use payment::payment_service;
pub(crate) use price::price_service;

/// A name in a field of a request.
fn name<T: FromStr<Err = NameError>>(field: &str, text: &str) -> Result<T, Status> {
    let mut input = Input::new();
    let parsed = input.parse(field, text);
    input.finish_with(parsed).map_err(refuse)
}
