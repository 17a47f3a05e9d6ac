//! What values look like that several providers take.

use std::net::IpAddr;

const HOST_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A key that goes into an HTTP header.
pub(super) fn key(value: &str) -> Result<(), &'static str> {
    if value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(())
    } else {
        Err("must be of ASCII letters, digits and signs, without blanks")
    }
}

/// A host name or an address.
pub(super) fn host(value: &str) -> Result<(), &'static str> {
    if value.parse::<IpAddr>().is_ok() || is_host_name(value) {
        Ok(())
    } else {
        Err("must be a host name or an IP address, without https://, port or path")
    }
}

fn is_host_name(value: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // An address that is none, such as 256.1.1.1, is no name either.
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    value.len() <= HOST_BYTES_MAX
        && value.split('.').all(is_label)
        && !value.rsplit('.').next().is_none_or(is_number)
}

/// A TCP port.
pub(super) fn port(value: &str) -> Result<(), &'static str> {
    let is_port =
        value.bytes().all(|byte| byte.is_ascii_digit()) && value.parse::<u16>().is_ok_and(|port| port != 0);
    if is_port { Ok(()) } else { Err("must be a number from 1 to 65535") }
}
