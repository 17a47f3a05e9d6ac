//! Names of door access systems.

use std::fmt;
use std::str::FromStr;

/// Bytes of a name.
const BYTES_MAX: usize = 32;

/// What a provider is called on the bus and in contracts, such as `kisi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderName(String);

/// The text can't be a provider's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the name of a provider, such as kisi")]
pub struct ProviderNameError;

impl FromStr for ProviderName {
    type Err = ProviderNameError;
    fn from_str(text: &str) -> Result<Self, ProviderNameError> {
        let is_token = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() || text.len() > BYTES_MAX || !text.chars().all(is_token) {
            return Err(ProviderNameError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_token_of_a_subject() {
        for text in ["kisi", "unifi", "relay-2"] {
            assert_eq!(text.parse::<ProviderName>().unwrap().to_string(), text);
        }
        for text in ["", "Kisi", "kisi.*", "kisi >", "kısi", &"k".repeat(33)] {
            assert_eq!(text.parse::<ProviderName>(), Err(ProviderNameError), "{text:?}");
        }
    }
}
