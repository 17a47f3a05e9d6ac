//! What values look like that several providers take.

use std::borrow::Cow;

use domain::host::{Host, HostError, Port, PortError};

/// A key that goes into an HTTP header.
pub(super) fn key(value: &str) -> Result<(), Cow<'static, str>> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("must be of ASCII letters, digits and signs, without blanks".into())
    }
}

/// A TCP port.
pub(super) fn port(value: &str) -> Result<(), Cow<'static, str>> {
    value.parse::<Port>().map(drop).map_err(|_| PortError::TEXT.into())
}

/// A host name or an address.
pub(super) fn host(value: &str) -> Result<(), Cow<'static, str>> {
    value.parse::<Host>().map(drop).map_err(|_| HostError::TEXT.into())
}
