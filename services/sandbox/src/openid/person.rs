//! Whom one can sign in as, and what is told of them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Someone who can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Who it is, for ever; all else may change.
    pub sub: String,
    /// The email address.
    pub email: String,
    /// What they are called.
    pub name: String,
    /// Whether the provider knows that the address is theirs. Default: yes.
    #[serde(default = "Person::email_verified_default")]
    pub email_verified: bool,
}

/// What an ID token and `userinfo` tell of a person, as far as the scopes go.
#[derive(Debug, Serialize)]
pub(super) struct PersonClaims {
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email_verified: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl Person {
    fn email_verified_default() -> bool {
        true
    }

    pub(super) fn claims(&self, scopes: &BTreeSet<String>) -> PersonClaims {
        let has_email = scopes.contains("email");
        PersonClaims {
            sub: self.sub.clone(),
            email: has_email.then(|| self.email.clone()),
            email_verified: has_email.then_some(self.email_verified),
            name: scopes.contains("profile").then(|| self.name.clone()),
        }
    }
}
