//! What a client asks for at the authorization endpoint (RFC 6749, 4.1.1; RFC 7636; OpenID Connect Core,
//! 3.1.2.1).

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::client::Client;

/// Characters of each thing that is given back: all of them travel in one cookie.
const CHARS_MAX: usize = 512;
/// An S256 challenge has as many characters.
const CHALLENGE_CHARS: usize = 43;
/// What a client may ask of the identity provider's page.
const PROMPTS: [&str; 4] = ["none", "login", "consent", "select_account"];

/// A request that makes sense.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AuthorizeRequest {
    pub client_id: String,
    pub redirect_uri: String,
    pub state: Option<String>,
    pub nonce: Option<String>,
    pub code_challenge: String,
    /// Which workspace the person shall be in, if the client knows: `workspaces/{workspace}`.
    pub workspace: Option<String>,
    /// Which identity provider, by its name in the settings.
    pub issuer: Option<String>,
    /// For the identity provider.
    pub login_hint: Option<String>,
    /// For the identity provider.
    pub prompt: Option<String>,
}

/// A request that makes none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AuthorizeError {
    /// It is not sure whom it would be told to, so that the person is told.
    Untellable(&'static str),
    /// The client is told.
    Told(Refusal),
}

/// Where an answer goes, and what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub redirect_uri: String,
    pub state: Option<String>,
    /// A code of RFC 6749, 4.1.2.1, or OpenID Connect Core, 3.1.2.6.
    pub error: &'static str,
    pub description: &'static str,
}

impl AuthorizeRequest {
    pub(super) fn read(
        mut said: HashMap<String, String>,
        clients: &BTreeMap<String, Client>,
    ) -> Result<Self, AuthorizeError> {
        if said.values().any(|value| value.chars().count() > CHARS_MAX) {
            return Err(AuthorizeError::Untellable("A part of the request is too long."));
        }
        let mut take = |name: &str| said.remove(name).filter(|value| !value.is_empty());
        let (client_id, redirect_uri) = (take("client_id"), take("redirect_uri"));
        let known = client_id.and_then(|id| clients.get(&id).map(|client| (id, client)));
        let Some((client_id, client)) = known else {
            return Err(AuthorizeError::Untellable("The application that sent you is not known here."));
        };
        let Some(redirect_uri) = redirect_uri.filter(|uri| client.takes(uri)) else {
            return Err(AuthorizeError::Untellable(
                "The application that sent you wants the answer at an address that is not registered for it.",
            ));
        };
        let state = take("state");
        let refuse = |error, description| {
            let (redirect_uri, state) = (redirect_uri.clone(), state.clone());
            Err(AuthorizeError::Told(Refusal { redirect_uri, state, error, description }))
        };
        if take("response_type").as_deref() != Some("code") {
            return refuse("unsupported_response_type", "response_type must be code");
        }
        if !take("scope").is_some_and(|scope| scope.split(' ').any(|word| word == "openid")) {
            return refuse("invalid_scope", "scope must have openid");
        }
        if take("code_challenge_method").as_deref() != Some("S256") {
            return refuse("invalid_request", "code_challenge_method must be S256 (PKCE)");
        }
        let Some(code_challenge) = take("code_challenge").filter(|it| it.len() == CHALLENGE_CHARS) else {
            return refuse("invalid_request", "code_challenge must be the S256 of a verifier (PKCE)");
        };
        let prompt = take("prompt");
        if prompt.as_deref().is_some_and(|prompt| !prompt.split(' ').all(|word| PROMPTS.contains(&word))) {
            return refuse("invalid_request", "prompt must be none, login, consent or select_account");
        }
        Ok(Self {
            nonce: take("nonce"),
            workspace: take("workspace"),
            issuer: take("issuer"),
            login_hint: take("login_hint"),
            client_id,
            redirect_uri,
            state,
            code_challenge,
            prompt,
        })
    }

    /// What the client is told instead of a code.
    pub(super) fn refusal(&self, error: &'static str, description: &'static str) -> Refusal {
        Refusal { redirect_uri: self.redirect_uri.clone(), state: self.state.clone(), error, description }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ClientConfig;

    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn read(change: &[(&str, &str)]) -> Result<AuthorizeRequest, AuthorizeError> {
        let config = ClientConfig { redirect_uris: "https://c.example/back".into(), is_local: false };
        let clients = BTreeMap::from([("console".to_owned(), Client::new("console", &config).unwrap())]);
        let usual = [
            ("client_id", "console"),
            ("redirect_uri", "https://c.example/back"),
            ("response_type", "code"),
            ("scope", "openid email"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "s"),
            ("nonce", "n"),
        ];
        let said = usual.iter().chain(change).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        AuthorizeRequest::read(said, &clients)
    }

    #[test]
    fn a_good_request_is_taken() {
        let request = read(&[("prompt", "login consent")]).unwrap();
        assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("s"), Some("n")));
    }

    #[test]
    fn who_is_not_registered_is_told_nothing() {
        for change in [
            ("client_id", "other"),
            ("client_id", ""),
            ("redirect_uri", "https://evil.example/back"),
            ("redirect_uri", ""),
            ("state", &"x".repeat(513)),
        ] {
            let outcome = read(&[change]);
            assert!(matches!(outcome, Err(AuthorizeError::Untellable(_))), "{change:?}: {outcome:?}");
        }
    }

    #[test]
    fn a_client_is_told_what_is_wrong() {
        for (change, code) in [
            (("response_type", "token"), "unsupported_response_type"),
            (("scope", "email"), "invalid_scope"),
            (("code_challenge_method", "plain"), "invalid_request"),
            (("code_challenge_method", ""), "invalid_request"),
            (("code_challenge", "short"), "invalid_request"),
            (("prompt", "jump"), "invalid_request"),
        ] {
            let Err(AuthorizeError::Told(refusal)) = read(&[change]) else { panic!("{change:?}") };
            assert_eq!((refusal.error, refusal.state.as_deref()), (code, Some("s")), "{change:?}");
        }
    }
}
