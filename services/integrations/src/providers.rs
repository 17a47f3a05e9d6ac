//! The providers that can be connected, and the values that each of them takes.

mod format;
mod relay;
mod stripe;

use std::borrow::Cow;
use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

/// A provider.
#[derive(Debug)]
pub(crate) struct Provider {
    /// In the contract, in settings and on the bus: one subject token.
    pub name: &'static str,
    /// For people.
    pub display_name: &'static str,
    /// The values that it takes.
    pub credentials: &'static [CredentialSpec],
    /// The one service that may have them.
    pub reader: &'static str,
    /// Whether the values in force together make sense.
    pub agree: fn(&Values) -> Result<(), Disagreement>,
}

/// What is to be known of a value before it is saved.
#[derive(Debug)]
pub(crate) struct CredentialSpec {
    pub name: &'static str,
    /// Whether it may be shown by a mask only.
    pub is_secret: bool,
    /// Whether nothing works without it.
    pub is_required: bool,
    /// What it must look like.
    pub check: Check,
}

/// Whether a value is as it must be. The problem continues the field's name and never repeats the value.
pub(crate) type Check = fn(&str) -> Result<(), Cow<'static, str>>;

/// Values by name.
pub(crate) type Values = BTreeMap<String, SecretString>;

/// A value that does not go with another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disagreement {
    pub credential: &'static str,
    /// Continues the field's name.
    pub problem: &'static str,
}

/// The value that says where a host is.
pub(crate) const HOST: &str = "host";

/// All of them.
pub(crate) static PROVIDERS: [Provider; 4] = [
    Provider {
        name: "kisi",
        display_name: "Kisi",
        // Kisi API reference, Authentication: `Authorization: KISI-LOGIN {key}`, and nothing else.
        credentials: &[secret("api_key", format::key)],
        reader: "kisi-adapter",
        agree: nothing_to_agree_on,
    },
    Provider {
        name: "relay",
        display_name: "the relay boards",
        // Boards that speak Modbus know no key.
        credentials: &[
            plain(relay::BOARDS, relay::boards),
            CredentialSpec { is_required: false, ..secret(relay::KEYS, relay::keys) },
        ],
        reader: "relay-adapter",
        agree: relay::keys_are_of_boards,
    },
    Provider {
        name: "stripe",
        display_name: "Stripe",
        credentials: &[
            secret("secret_key", stripe::secret_key),
            secret("publishable_key", stripe::publishable_key),
            secret("webhook_secret", stripe::webhook_secret),
        ],
        reader: "billing",
        agree: stripe::modes_match,
    },
    Provider {
        name: "unifi",
        display_name: "UniFi Access",
        // Consoles listen at port 12445, unless something stands before them.
        credentials: &[
            plain(HOST, format::host),
            CredentialSpec { is_required: false, ..plain("port", format::port) },
            secret("api_key", format::key),
        ],
        reader: "unifi-adapter",
        agree: nothing_to_agree_on,
    },
];

const fn secret(name: &'static str, check: Check) -> CredentialSpec {
    CredentialSpec { name, is_secret: true, is_required: true, check }
}

const fn plain(name: &'static str, check: Check) -> CredentialSpec {
    CredentialSpec { name, is_secret: false, is_required: true, check }
}

fn nothing_to_agree_on(_: &Values) -> Result<(), Disagreement> {
    Ok(())
}

/// The provider of that name.
pub(crate) fn find(name: &str) -> Option<&'static Provider> {
    PROVIDERS.iter().find(|provider| provider.name == name)
}

impl Provider {
    /// The value of that name.
    pub(crate) fn credential(&self, name: &str) -> Option<&'static CredentialSpec> {
        self.credentials.iter().find(|spec| spec.name == name)
    }

    /// The required values that are not among these.
    pub(crate) fn missing<'a>(&self, names: impl Iterator<Item = &'a str> + Clone) -> Vec<&'static str> {
        let required = self.credentials.iter().filter(|spec| spec.is_required).map(|spec| spec.name);
        required.filter(|required| names.clone().all(|name| name != *required)).collect()
    }
}

/// A secret that is shorter shows nothing of itself: four characters would be too much of it.
const SHOWN_CHARS_MIN: usize = 12;
const DOTS: &str = "••••••••";

impl CredentialSpec {
    /// How a value is shown to those who may not see it.
    pub(crate) fn mask(&self, value: &SecretString) -> String {
        let value = value.expose_secret();
        if !self.is_secret {
            return value.to_owned();
        }
        match value.char_indices().rev().nth(3) {
            Some((last_four, _)) if value.chars().count() >= SHOWN_CHARS_MIN => {
                format!("{DOTS}{}", &value[last_four..])
            }
            _ => DOTS.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(spec: &CredentialSpec, value: &str) -> String {
        spec.mask(&value.into())
    }

    #[test]
    fn a_long_secret_shows_its_end_and_a_short_one_nothing() {
        let key = secret("api_key", format::key);
        assert_eq!(mask(&key, "0123456789ab"), "••••••••89ab");
        assert_eq!(mask(&key, "0123456789ä€öü"), "••••••••ä€öü");
        for short in ["0123456789a", "ab", "ööööööööööö", ""] {
            assert_eq!(mask(&key, short), "••••••••", "{short}");
        }
        assert_eq!(mask(&plain("host", format::host), "10.0.0.7"), "10.0.0.7");
    }

    #[test]
    fn what_is_missing_is_named_and_what_is_optional_is_not() {
        let relay = find("relay").unwrap();
        assert_eq!(relay.missing(["keys"].into_iter()), ["boards"]);
        assert!(relay.missing(["boards"].into_iter()).is_empty());
        let unifi = find("unifi").unwrap();
        assert_eq!(unifi.missing(std::iter::empty()), ["host", "api_key"]);
    }

    /// Each value of each provider with texts that it must not be. A hidden word stands in each, to show
    /// that no problem repeats it.
    #[test]
    fn bad_formats_are_refused_and_never_repeated() {
        let bad: [(&str, &str, &[&str]); 9] = [
            ("kisi", "api_key", &["hid den", "hidden\u{7}", "hïdden", "\"hidden\u{a0}\""]),
            (
                "relay",
                "boards",
                &[
                    "hidden",
                    "front hidden 10.0.0.7",
                    "front shelly hidden_host",
                    "a shelly 10.0.0.7:0",
                    "a modbus h hidden=1",
                ],
            ),
            ("relay", "keys", &["hidden", "Front hidden", "front hid\u{7}den", "front hidden\nfront hidden"]),
            (
                "stripe",
                "secret_key",
                &[
                    "hidden",
                    "pk_test_hidden",
                    "whsec_hidden",
                    "sk_test_",
                    "rk_live_",
                    "sk_hidden",
                    "sk_prod_hidden",
                    "SK_TEST_hidden",
                    "sk_test_hid-den",
                    "sk_test_hid den",
                    "xsk_test_hidden",
                ],
            ),
            (
                "stripe",
                "publishable_key",
                &["hidden", "sk_live_hidden", "pk_hidden", "pk_test_", "pk_live_ö"],
            ),
            ("stripe", "webhook_secret", &["hidden", "whsec_", "sk_test_hidden", "whsec_hid den"]),
            ("unifi", "host", BAD_HOSTS),
            ("unifi", "port", &["hidden", "0", "65536", "-1", "12445 hidden"]),
            ("unifi", "api_key", &["hid\tden"]),
        ];
        for (provider, name, values) in bad {
            let spec = find(provider).unwrap().credential(name).unwrap();
            for value in values {
                let problem = (spec.check)(value).expect_err(&format!("{provider} {name}: {value:?}"));
                assert!(problem.starts_with("must "), "{problem}");
                assert!(!problem.contains("hidden"), "{problem}");
            }
        }
        let tried = bad.len();
        assert_eq!(PROVIDERS.iter().map(|provider| provider.credentials.len()).sum::<usize>(), tried);
    }

    const BAD_HOSTS: &[&str] = &[
        "https://hidden.example",
        "hidden.example/path",
        "hidden.example:443",
        "user@hidden.example",
        "hidden example",
        "hidden..example",
        ".hidden",
        "hidden.",
        "-hidden.example",
        "hidden-.example",
        "hid_den.example",
        "hïdden.example",
        "256.1.1.1",
        "10.0.0",
        "[::1]",
        "fe80::1%hidden",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example",
    ];

    #[test]
    fn good_formats_are_taken() {
        for (provider, name, values) in [
            ("kisi", "api_key", &["d34db33fd34db33f", "a/b+c="] as &[&str]),
            ("unifi", "host", &["10.0.0.7", "console", "console-1.hall.example", "2001:db8::7", "1.example"]),
            (
                "relay",
                "boards",
                &["front shelly 10.0.0.7", "a tasmota a.lan\nb modbus 10.0.0.8:4196 framing=rtu"],
            ),
            ("relay", "keys", &["front pass word\nb user:key"]),
            ("stripe", "secret_key", &["sk_test_4eC39HqLyjWD", "sk_live_a", "rk_test_a", "rk_live_A_9"]),
            ("stripe", "publishable_key", &["pk_test_TYooMQauvdED", "pk_live_a"]),
            ("stripe", "webhook_secret", &["whsec_a", "whsec_5WbX5kEWLlfzsGNjH64I8lOOqUB6e8FH+/="]),
        ] {
            let spec = find(provider).unwrap().credential(name).unwrap();
            for value in values {
                assert_eq!((spec.check)(value), Ok(()), "{provider} {name}: {value}");
            }
        }
    }
}
