//! Stripe's keys say by their beginning what they are, and whether money is real.

use std::borrow::Cow;

use secrecy::ExposeSecret as _;

use super::{Disagreement, Values};

const SECRET: [&str; 4] = ["sk_test_", "sk_live_", "rk_test_", "rk_live_"];
const PUBLISHABLE: [&str; 2] = ["pk_test_", "pk_live_"];

/// A secret or restricted key.
pub(super) fn secret_key(value: &str) -> Result<(), Cow<'static, str>> {
    if begins_with(&SECRET, value) {
        Ok(())
    } else if value.starts_with("pk_") {
        Err("must be a secret key (sk_… or rk_…); this is a publishable key".into())
    } else if value.starts_with("whsec_") {
        Err("must be a secret key (sk_… or rk_…); this is a webhook's signing secret".into())
    } else {
        Err("must be a secret key: sk_test_…, sk_live_…, rk_test_… or rk_live_…".into())
    }
}

/// The key of web pages.
pub(super) fn publishable_key(value: &str) -> Result<(), Cow<'static, str>> {
    if begins_with(&PUBLISHABLE, value) {
        Ok(())
    } else {
        Err("must be a publishable key: pk_test_… or pk_live_…".into())
    }
}

/// What webhooks are signed with: more than one while it is being rolled, the new one and the one before. They do not
/// say their mode.
pub(super) fn webhook_secret(value: &str) -> Result<(), Cow<'static, str>> {
    let mut secrets = value.split_whitespace().peekable();
    if secrets.peek().is_some() && secrets.all(|secret| begins_with(&["whsec_"], secret)) {
        Ok(())
    } else {
        Err("must be a webhook's signing secret: whsec_…; several with a space between them".into())
    }
}

fn begins_with(beginnings: &[&str], value: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_alphanumeric() || b"_+/=".contains(&byte);
    let rest = beginnings.iter().find_map(|beginning| value.strip_prefix(beginning));
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_sign))
}

/// A page with a live key can't pay to a test account, nor the other way round.
pub(super) fn modes_match(values: &Values) -> Result<(), Disagreement> {
    let is_live = |name| {
        values
            .get(name)
            .map(|key| key.expose_secret().get(2..).is_some_and(|rest| rest.starts_with("_live_")))
    };
    match (is_live("secret_key"), is_live("publishable_key")) {
        (Some(secret), Some(publishable)) if secret != publishable => Err(Disagreement {
            credential: "publishable_key",
            problem: "must be of the same mode as secret_key, both test or both live",
        }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_match_or_one_of_the_keys_is_not_there_yet() {
        for (secret, publishable, is_fine) in [
            (Some("sk_test_a"), Some("pk_test_a"), true),
            (Some("rk_live_a"), Some("pk_live_a"), true),
            (Some("sk_live_a"), Some("pk_test_a"), false),
            (Some("rk_test_a"), Some("pk_live_a"), false),
            // What stands behind the mode does not count.
            (Some("sk_test_sk_live_a"), Some("pk_test_a"), true),
            (Some("sk_live_a"), None, true),
            (None, Some("pk_test_a"), true),
        ] {
            let pairs = [("secret_key", secret), ("publishable_key", publishable)];
            let values = pairs.into_iter().filter_map(|(name, key)| Some((name.to_owned(), key?.into())));
            assert_eq!(modes_match(&values.collect()).is_ok(), is_fine, "{secret:?} {publishable:?}");
        }
    }

    #[test]
    fn a_key_in_the_wrong_field_is_called_what_it_is() {
        assert!(secret_key("pk_live_a").unwrap_err().contains("publishable"));
        assert!(secret_key("whsec_a").unwrap_err().contains("webhook"));
    }

    #[test]
    fn a_webhook_has_one_secret_or_several_while_it_is_rolled() {
        for value in ["whsec_a", "whsec_a whsec_b", "whsec_a\nwhsec_b "] {
            assert!(webhook_secret(value).is_ok(), "{value:?}");
        }
        for value in ["", " ", "whsec_", "whsec_a,whsec_b", "whsec_a sk_test_b"] {
            assert!(webhook_secret(value).is_err(), "{value:?}");
        }
    }
}
