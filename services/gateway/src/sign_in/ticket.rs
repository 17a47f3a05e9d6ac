//! What the gateway must know again between two steps of a sign-in, signed and for ten minutes. A browser
//! holds it; it can read it, and not change it.

use chassis::auth::{AuthError, Signer, Verifier};
use chrono::Duration;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::request::AuthorizeRequest;

/// How long a sign-in may take.
pub(super) const LIFETIME: Duration = Duration::minutes(10);

/// A person is at the identity provider.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Away {
    pub request: AuthorizeRequest,
    /// Where they went.
    pub issuer: String,
    /// What the identity provider must give back.
    pub state: String,
    /// What its ID token must say.
    pub nonce: String,
    /// What its code is redeemed with (PKCE).
    pub verifier: String,
}

/// A person is verified, and has to choose a workspace.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Known {
    pub request: AuthorizeRequest,
    pub issuer: String,
    pub subject: String,
    pub email: String,
}

/// Signs and reads tickets.
pub(super) struct Tickets {
    issuer: String,
    signer: Signer,
    verifier: Verifier,
}

/// A kind of ticket. One can't stand for another, nor for a token.
pub(super) trait Ticket: Serialize + DeserializeOwned {
    const AUDIENCE: &'static str;
}

impl Ticket for Away {
    const AUDIENCE: &'static str = "latchkey:sign-in:away";
}

impl Ticket for Known {
    const AUDIENCE: &'static str = "latchkey:sign-in:known";
}

impl Tickets {
    pub(super) fn new(issuer: &str, signer: Signer, verifier: Verifier) -> Self {
        Self { issuer: issuer.to_owned(), signer, verifier }
    }

    pub(super) fn write<T: Ticket>(&self, ticket: &T) -> String {
        self.signer.sign(&self.issuer, T::AUDIENCE, LIFETIME, ticket)
    }

    pub(super) fn read<T: Ticket>(&self, text: &str) -> Result<T, AuthError> {
        self.verifier.open(&self.issuer, T::AUDIENCE, text)
    }
}
