//! How people are reached: email addresses and phone numbers.

use std::fmt;
use std::str::FromStr;

/// An email address, trimmed, its case kept. Compare with [`EmailAddress::matches`].
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EmailAddress(String);

/// Why a text is no email address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an email address such as ada@example.org")]
pub struct EmailError;

impl EmailAddress {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether two addresses reach the same mailbox: vendors compare without regard to case.
    pub fn matches(&self, other: &str) -> bool {
        self.0.eq_ignore_ascii_case(other.trim())
    }
}

impl FromStr for EmailAddress {
    type Err = EmailError;

    /// Accepts `local@domain` of at most 254 bytes without white space or control characters, with a
    /// dot in the domain. Whether it can receive mail, only sending tells.
    fn from_str(text: &str) -> Result<Self, EmailError> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(EmailError)?;
        let local_fits = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| c.is_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
        let label_fits = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let domain_fits = domain.contains('.') && domain.split('.').all(label_fits);
        if text.len() <= 254 && local_fits && domain_fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(EmailError)
        }
    }
}

/// Never the address itself: logs carry no personal data.
impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(…)")
    }
}

/// A country, by its ISO 3166-1 alpha-2 code in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Country(phonenumber::country::Id);

/// The text is no country code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a two-letter country code such as AT")]
pub struct CountryError;

impl Country {
    /// The code, such as `AT`.
    pub fn code(&self) -> &str {
        self.0.as_ref()
    }
}

impl FromStr for Country {
    type Err = CountryError;
    fn from_str(text: &str) -> Result<Self, CountryError> {
        text.to_ascii_uppercase().parse().map(Self).map_err(|_| CountryError)
    }
}

/// A phone number in E.164: `+`, country code, number; at most 15 digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// Why a text is no phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// A national number without a country to read it by.
    #[error("has no country prefix: write it as +43…, or give the person a country")]
    CountryMissing,
    /// Cannot be a number of its country.
    #[error("cannot be a phone number of its country")]
    Impossible,
}

impl PhoneNumber {
    /// Reads a number as people write it. One without `+` is read as a number of `country`.
    pub fn parse(text: &str, country: Option<Country>) -> Result<Self, PhoneError> {
        let text = text.trim();
        if country.is_none() && !text.starts_with('+') {
            return Err(PhoneError::CountryMissing);
        }
        let number = phonenumber::parse(country.map(|c| c.0), text).map_err(|_| PhoneError::Impossible)?;
        if !phonenumber::is_valid(&number) {
            return Err(PhoneError::Impossible);
        }
        Ok(Self(number.format().mode(phonenumber::Mode::E164).to_string()))
    }

    /// The number in E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Never the number itself: logs carry no personal data.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_are_none_are_refused() {
        for text in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "a b@example.org",
            "ada@example",
            "a@b@",
            "ada@-x.org",
            "ada..b@example.org",
            "ada@example.org\nBcc: x@y.z",
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(EmailError), "{text:?}");
        }
    }

    #[test]
    fn addresses_keep_their_spelling_and_match_without_case() {
        let address: EmailAddress = " Ada+desk@Example.org ".parse().unwrap();
        assert_eq!(address.as_str(), "Ada+desk@Example.org");
        assert!(address.matches("ada+DESK@example.org"));
    }

    #[test]
    fn national_numbers_are_read_by_the_country() {
        let austria = "at".parse().ok();
        assert_eq!(PhoneNumber::parse("0664 1234567", austria).unwrap().as_str(), "+436641234567");
        assert_eq!(PhoneNumber::parse("+1 415 555 2671", austria).unwrap().as_str(), "+14155552671");
        assert_eq!(PhoneNumber::parse("0664 1234567", None), Err(PhoneError::CountryMissing));
        assert_eq!(PhoneNumber::parse("12", austria), Err(PhoneError::Impossible));
        assert_eq!(PhoneNumber::parse("+999 12345678", None), Err(PhoneError::Impossible));
    }

    #[test]
    fn debug_output_shows_no_personal_data() {
        let address: EmailAddress = "ada@example.org".parse().unwrap();
        let number = PhoneNumber::parse("+436641234567", None).unwrap();
        assert!(!format!("{address:?} {number:?}").contains("ada"));
        assert!(!format!("{address:?} {number:?}").contains("664"));
    }
}
