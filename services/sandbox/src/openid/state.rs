//! What the provider remembers: people, keys, codes and access tokens.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::id_token::{Flaw, FlawOrder};
use super::keys::Keyring;
use super::person::Person;

/// How long a code can be exchanged.
const CODE_LIFETIME: Duration = Duration::seconds(60);

/// How long an access token holds.
pub(super) const TOKEN_LIFETIME: Duration = Duration::hours(1);

/// That a person signed in to a client, and on which terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SignIn {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) sub: String,
    pub(super) scopes: BTreeSet<String>,
    pub(super) nonce: Option<String>,
    /// Of PKCE, always S256.
    pub(super) code_challenge: Option<String>,
    pub(super) at: Timestamp,
}

/// A code, which stands for a sign-in once.
#[derive(Debug, Serialize, Deserialize)]
struct Code {
    sign_in: SignIn,
    expires_at: Timestamp,
    is_spent: bool,
}

/// An access token.
#[derive(Debug, Serialize, Deserialize)]
struct AccessToken {
    sign_in: SignIn,
    expires_at: Timestamp,
    /// By which it was got.
    code: String,
}

/// Everything.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    /// By their subs.
    pub(super) people: BTreeMap<String, Person>,
    pub(super) keyring: Keyring,
    codes: BTreeMap<String, Code>,
    tokens: BTreeMap<String, AccessToken>,
    pub(super) flaw: Option<FlawOrder>,
}

impl State {
    pub(super) fn seeded(people: &[Person]) -> Self {
        Self {
            people: people.iter().map(|person| (person.sub.clone(), person.clone())).collect(),
            keyring: Keyring::default(),
            codes: BTreeMap::new(),
            tokens: BTreeMap::new(),
            flaw: None,
        }
    }

    pub(super) fn person_by_email(&self, email: &str) -> Option<&Person> {
        self.people.values().find(|person| person.email.eq_ignore_ascii_case(email))
    }

    /// A code for this sign-in.
    pub(super) fn add_code(&mut self, sign_in: SignIn) -> String {
        let now = sign_in.at;
        self.codes.retain(|_, code| code.expires_at > now);
        let code = secret();
        let expires_at = now + CODE_LIFETIME;
        self.codes.insert(code.clone(), Code { sign_in, expires_at, is_spent: false });
        code
    }

    /// Spends a code, whatever comes of it. If it was spent before, the access token that it was exchanged
    /// for is void from now on: one of the two was not the client (RFC 6749, 4.1.2).
    pub(super) fn spend(&mut self, code: &str, now: Timestamp) -> Option<SignIn> {
        let known = self.codes.get_mut(code).filter(|code| code.expires_at > now)?;
        if known.is_spent {
            self.tokens.retain(|_, token| token.code != code);
            return None;
        }
        known.is_spent = true;
        Some(known.sign_in.clone())
    }

    /// An access token for this sign-in, got by `code`.
    pub(super) fn add_token(&mut self, sign_in: SignIn, code: &str, now: Timestamp) -> String {
        self.tokens.retain(|_, token| token.expires_at > now);
        let token = secret();
        let expires_at = now + TOKEN_LIFETIME;
        self.tokens.insert(token.clone(), AccessToken { sign_in, expires_at, code: code.to_owned() });
        token
    }

    /// The sign-in that an access token stands for, while it holds.
    pub(super) fn sign_in(&self, token: &str, now: Timestamp) -> Option<&SignIn> {
        self.tokens.get(token).filter(|token| token.expires_at > now).map(|token| &token.sign_in)
    }

    /// What is to be wrong with the next ID token.
    pub(super) fn take_flaw(&mut self) -> Option<Flaw> {
        let order = self.flaw.as_mut()?;
        let flaw = order.flaw;
        if let Some(times) = &mut order.times {
            *times -= 1;
            if *times == 0 {
                self.flaw = None;
            }
        }
        Some(flaw)
    }
}

/// A text that nobody guesses.
fn secret() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}
