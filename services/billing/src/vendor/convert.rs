//! What Stripe's answers and keys mean to us.

use secrecy::{ExposeSecret as _, SecretString};
use vendor_http::VendorError;

use super::wire::Account;

/// What a key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    /// Stripe's id of the account. Empty if Stripe did not say it.
    pub account_ref: String,
    /// What the account is called in the dashboard, else what its customers know it as. Empty if it has no
    /// name yet, or the key may not read it.
    pub display_name: String,
    /// Whether money is real.
    pub mode: Mode,
}

/// Whether money is real.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is not.
    Test,
    /// It is.
    Live,
}

impl Mode {
    /// The mode of a secret or restricted key, which says it by its beginning (Stripe documentation, API
    /// keys). None: it is no such key.
    pub fn of_key(key: &SecretString) -> Option<Self> {
        let key = key.expose_secret();
        let rest = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"))?;
        match rest.split_once('_') {
            Some(("test", _)) => Some(Self::Test),
            Some(("live", _)) => Some(Self::Live),
            _ => None,
        }
    }

    /// `test` or `live`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Test => "test",
            Self::Live => "live",
        }
    }
}

impl KeyCheck {
    pub(super) fn of_account(account: Account, mode: Mode) -> Self {
        let dashboard = account.settings.and_then(|settings| settings.dashboard?.display_name);
        let business = account.business_profile.and_then(|profile| profile.name);
        let display_name = [dashboard, business].into_iter().flatten().find(|name| !name.trim().is_empty());
        Self { account_ref: account.id, display_name: display_name.unwrap_or_default(), mode }
    }

    /// A restricted key that may not read its account is answered 403, and is good all the same: some
    /// permissions can't be given to it. Stripe's words name the account (stripe-node, issue 2246).
    pub(super) fn of_refusal(error: &VendorError, mode: Mode) -> Option<Self> {
        let account_ref = account_in(error.message().unwrap_or_default()).unwrap_or_default().to_owned();
        (error.status() == Some(403)).then_some(Self { account_ref, display_name: String::new(), mode })
    }
}

/// The account id in `… on account 'acct_…'. …`, if it stands there whole.
fn account_in(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once("on account '")?;
    let (id, _) = rest.split_once('\'')?;
    let is_whole = id.strip_prefix("acct_")?.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_whole.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(json: &str) -> KeyCheck {
        KeyCheck::of_account(serde_json::from_str(json).unwrap(), Mode::Test)
    }

    #[test]
    fn an_account_is_called_as_in_the_dashboard_else_as_its_customers_know_it() {
        let full = account(include_str!("samples/account.json"));
        assert_eq!(
            (full.account_ref.as_str(), full.display_name.as_str()),
            ("acct_1Nv0FGQ9RKHgCVdK", "Acme")
        );
        let blank = r#"{"id":"acct_1","settings":{"dashboard":{"display_name":" "}},"business_profile":{"name":"Acme GmbH"}}"#;
        assert_eq!(account(blank).display_name, "Acme GmbH");
        for nameless in
            [r#"{"id":"acct_1"}"#, r#"{"id":"acct_1","settings":null,"business_profile":{"name":null}}"#]
        {
            assert_eq!(account(nameless).display_name, "");
        }
    }

    #[test]
    fn the_mode_is_that_of_the_key() {
        let mode = |key: &str| Mode::of_key(&key.into());
        assert_eq!((mode("sk_test_a"), mode("rk_live_a")), (Some(Mode::Test), Some(Mode::Live)));
        for other in ["pk_live_a", "whsec_a", "sk_prod_a", "sk_test", "test_a", ""] {
            assert_eq!(mode(other), None, "{other}");
        }
    }

    #[test]
    fn a_refusal_names_the_account_or_none() {
        let refusal =
            |id: &str| format!("The provided key […] does not have the permissions on account '{id}'. Ask.");
        assert_eq!(account_in(&refusal("acct_1PJBLEBBLEfV")), Some("acct_1PJBLEBBLEfV"));
        for other in ["acct_1[number]LE", "cus_1", ""] {
            assert_eq!(account_in(&refusal(other)), None, "{other}");
        }
        assert_eq!(account_in("Forbidden"), None);
    }
}
