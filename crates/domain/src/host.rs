//! Hosts that people type, such as those of consoles and controllers, and what they show of themselves.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// A host by its name, in lower case, or by its address. Where a name leads, only asking tells.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Host {
    /// Such as `relay-1.hall.example`.
    Name(String),
    /// Such as `10.0.0.7`.
    Address(IpAddr),
}

/// The text is no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::TEXT)]
pub struct HostError;

impl HostError {
    /// What is wrong, after the field's name.
    pub const TEXT: &str = "must be a host name or an IP address, without https://, port or path";
}

impl FromStr for Host {
    type Err = HostError;

    /// Takes an address as it is usually written, or a name of letters, digits and hyphens. No scheme, user,
    /// port, path, brackets or zone, and none of the other ways to write an address: `2130706433`, `0x7f.1`.
    fn from_str(text: &str) -> Result<Self, HostError> {
        match text.parse() {
            Ok(address) => Ok(Self::Address(address)),
            Err(_) if is_name(text) => Ok(Self::Name(text.to_ascii_lowercase())),
            Err(_) => Err(HostError),
        }
    }
}

fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=LABEL_BYTES_MAX).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    // What ends in a number is read as an address (URL standard, "ends in a number").
    let is_number = |label: &str| {
        let hexadecimal = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        label.bytes().all(|byte| byte.is_ascii_digit())
            || hexadecimal.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    text.len() <= NAME_BYTES_MAX
        && text.split('.').all(is_label)
        && text.rsplit('.').next().is_some_and(|last| !is_number(last))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl TryFrom<String> for Host {
    type Error = HostError;
    fn try_from(text: String) -> Result<Self, HostError> {
        text.parse()
    }
}

impl From<Host> for String {
    fn from(host: Host) -> Self {
        host.to_string()
    }
}

/// A TCP port: 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Port(NonZeroU16);

/// The text is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Self::TEXT)]
pub struct PortError;

impl PortError {
    /// What is wrong, after the field's name.
    pub const TEXT: &str = "must be a number from 1 to 65535";
}

impl Port {
    /// The port as a number.
    pub fn number(self) -> u16 {
        self.0.get()
    }
}

impl FromStr for Port {
    type Err = PortError;
    fn from_str(text: &str) -> Result<Self, PortError> {
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit());
        if is_plain { text.parse().map(Self).map_err(|_| PortError) } else { Err(PortError) }
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a certificate is known by: its SHA-256, as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fingerprint([u8; Fingerprint::BYTES]);

/// The text is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be the SHA-256 of a certificate: 64 hexadecimal digits")]
pub struct FingerprintError;

impl Fingerprint {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// By its bytes.
    pub const fn new(sha256: [u8; Self::BYTES]) -> Self {
        Self(sha256)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    /// Takes capitals, and colons between the bytes, as OpenSSL and browsers show them.
    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        let has_colons = text.contains(':');
        let is_plain = text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b':');
        let length = Self::BYTES * 2 + if has_colons { Self::BYTES - 1 } else { 0 };
        if !is_plain || text.len() != length {
            return Err(FingerprintError);
        }
        let mut bytes = [0; Self::BYTES];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let start = index * if has_colons { 3 } else { 2 };
            *byte = u8::from_str_radix(&text[start..start + 2], 16).map_err(|_| FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

impl TryFrom<String> for Fingerprint {
    type Error = FingerprintError;
    fn try_from(text: String) -> Result<Self, FingerprintError> {
        text.parse()
    }
}

impl From<Fingerprint> for String {
    fn from(fingerprint: Fingerprint) -> Self {
        fingerprint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        let long = format!("{}.example", "a".repeat(63));
        for text in ["relay", "relay-1.hall.example", "1.example", "0x7f.example", "10.0.0.7", &long] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), text);
        }
        assert_eq!("Relay.Example".parse(), Ok(Host::Name("relay.example".into())));
        assert_eq!("2001:DB8::7".parse(), Ok(Host::Address("2001:db8::7".parse().unwrap())));
    }

    #[test]
    fn whatever_else_could_be_typed_is_no_host() {
        let (long_label, long_name) = (format!("{}.example", "a".repeat(64)), "a.".repeat(126) + "ab");
        for text in [
            "",
            " ",
            "https://relay.example",
            "//relay.example",
            "relay.example/path",
            "relay.example?a",
            "relay.example#a",
            "relay.example:443",
            "10.0.0.7:443",
            "user@relay.example",
            "user:word@relay.example",
            "relay example",
            "relay.example ",
            "relay..example",
            ".relay",
            "relay.",
            "127.0.0.1.",
            "-relay.example",
            "relay-.example",
            "re_lay.example",
            "rélay.example",
            "relay%2eexample",
            "[::1]",
            "fe80::1%eth0",
            "fe80::1%25eth0",
            "256.1.1.1",
            "10.0.0",
            "127.1",
            "010.0.0.7",
            "2130706433",
            "017700000001",
            "0x7f000001",
            "0X7F.1",
            "0x7f.0x0.0x0.0x1",
            "relay.0x",
            &long_label,
            &long_name,
        ] {
            assert_eq!(text.parse::<Host>(), Err(HostError), "{text:?}");
        }
    }

    #[test]
    fn a_port_is_a_plain_number() {
        for text in ["1", "80", "4196", "65535"] {
            assert_eq!(text.parse::<Port>().unwrap().to_string(), text);
        }
        for text in ["", "0", "65536", "-1", "+80", "8O", "80 ", "8.0", "0x50"] {
            assert_eq!(text.parse::<Port>(), Err(PortError), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_fingerprint_is_read_as_it_is_shown_here_and_elsewhere(bytes: [u8; 32]) {
            let fingerprint = Fingerprint::new(bytes);
            let shown = fingerprint.to_string();
            prop_assert_eq!(shown.parse(), Ok(fingerprint));
            let by_openssl: Vec<String> = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
            prop_assert_eq!(by_openssl.join(":").parse(), Ok(fingerprint));
            prop_assert_eq!(shown[1..].parse::<Fingerprint>(), Err(FingerprintError));
        }

        #[test]
        fn no_text_makes_a_fingerprint_panic(text in "[0-9a-f:+ä]{0,100}") {
            let _ = text.parse::<Fingerprint>();
            let _ = ["+1".repeat(32), format!("{text:0>64}"), format!("{text::>95}")].map(|text| text.parse::<Fingerprint>());
        }
    }
}
