//! The parameters of a request, from its query or its form.

use std::collections::BTreeMap;

use url::form_urlencoded;

/// By name. One without a value counts as left out (RFC 6749, 3.1).
pub(super) struct Parameters(BTreeMap<String, String>);

/// No parameter may be there more than once.
#[derive(Debug, thiserror::Error)]
#[error("the parameter {0:?} is there more than once")]
pub(super) struct Repeated(String);

impl Parameters {
    pub(super) fn read(form: &[u8]) -> Result<Self, Repeated> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(form).filter(|(_, value)| !value.is_empty()) {
            if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
                return Err(Repeated(name.into_owned()));
            }
        }
        Ok(Self(parameters))
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The words of a list separated by spaces.
    pub(super) fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        self.get(name).unwrap_or_default().split_ascii_whitespace()
    }

    pub(super) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_without_a_value_is_left_out_and_one_that_comes_twice_is_refused() {
        let parameters = Parameters::read(b"state=&scope=openid+email&state=a%20b").unwrap();
        assert_eq!(parameters.get("state"), Some("a b"));
        assert_eq!(parameters.words("scope").collect::<Vec<_>>(), ["openid", "email"]);
        assert_eq!(parameters.get("nonce"), None);
        assert!(Parameters::read(b"state=a&state=a").is_err());
    }
}
