//! Identity providers: discovery, their keys, and what their ID tokens say. All checks are
//! `openidconnect`'s; here is when to ask anew, and whom to believe.

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use openidconnect::core::{
    CoreAuthPrompt, CoreAuthenticationFlow, CoreClient, CoreIdToken, CoreIdTokenClaims,
    CoreJwsSigningAlgorithm, CoreProviderMetadata,
};
use openidconnect::{
    AccessTokenHash, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    HttpRequest, HttpResponse, IssuerUrl, LoginHint, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, Scope, SignatureVerificationError, TokenResponse as _,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::request::AuthorizeRequest;
use crate::config::{IssuerConfig, SettingError};

/// An identity provider must answer within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// What it says is at most so large.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// What was discovered is believed for so long.
const METADATA_AGE_MAX: Duration = Duration::from_secs(10 * 60);
/// A token with an unknown key is a reason to discover anew, but not all the time.
const METADATA_AGE_MIN: Duration = Duration::from_secs(2);
/// How much clocks may differ.
const LEEWAY: chrono::Duration = chrono::Duration::seconds(30);
/// An ID token is at most so old when it comes.
const TOKEN_AGE_MAX: chrono::Duration = chrono::Duration::minutes(10);
/// Characters of an issuer's id of a person (OpenID Connect Core, 2: 255).
const SUBJECT_CHARS_MAX: usize = 255;

/// Signatures by private keys alone.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
];

/// An identity provider.
pub(super) struct Issuer {
    pub display_name: String,
    url: IssuerUrl,
    client_id: ClientId,
    client_secret: Option<SecretString>,
    callback: RedirectUrl,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    discovered: Mutex<Option<(Arc<CoreProviderMetadata>, Instant)>>,
}

/// Where to send a person, and what must come back.
pub(super) struct Departure {
    pub url: Url,
    pub state: String,
    pub nonce: String,
    pub verifier: String,
}

/// Who came back.
#[derive(Debug)]
pub(super) struct Arrival {
    pub subject: String,
    /// Verified by the identity provider.
    pub email: String,
}

/// Why nobody is believed to have come back.
#[derive(Debug, thiserror::Error)]
pub(super) enum IssuerError {
    /// It can't be asked, or makes no sense.
    #[error("the identity provider can't be reached or makes no sense")]
    Unreachable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not take the code.
    #[error("the identity provider does not take the code")]
    CodeRefused(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is no ID token, or it is not for us, not now, or not by them.
    #[error("the ID token is not valid")]
    Token(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It does not vouch for an email address.
    #[error("the identity provider has not verified an email address")]
    EmailUnverified,
}

/// An answer that can't be used.
#[derive(Debug, thiserror::Error)]
enum HttpError {
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    #[error("the answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    #[error(transparent)]
    Malformed(#[from] http::Error),
}

impl Issuer {
    pub(super) fn new(
        name: &str,
        config: &IssuerConfig,
        callback: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, SettingError> {
        let wrong = |_| SettingError::Issuer { name: name.to_owned(), url: config.url.clone() };
        let http = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            // Where we are sent on to is not whom we trust.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(SettingError::Http)?;
        Ok(Self {
            display_name: config.display_name.clone().unwrap_or_else(|| name.to_owned()),
            url: IssuerUrl::new(config.url.clone()).map_err(wrong)?,
            client_id: ClientId::new(config.client_id.clone()),
            client_secret: config.client_secret.clone(),
            callback: RedirectUrl::new(callback.to_owned())
                .map_err(|_| SettingError::PublicUrl(callback.to_owned()))?,
            http,
            clock,
            discovered: Mutex::new(None),
        })
    }

    /// Where a person goes to sign in.
    pub(super) async fn depart(&self, request: &AuthorizeRequest) -> Result<Departure, IssuerError> {
        let metadata = self.metadata(METADATA_AGE_MAX).await?;
        let client = CoreClient::from_provider_metadata(
            CoreProviderMetadata::clone(&metadata),
            self.client_id.clone(),
            self.secret(),
        )
        .set_redirect_uri(self.callback.clone());
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut departure = client
            .authorize_url(
                CoreAuthenticationFlow::AuthorizationCode,
                CsrfToken::new_random,
                Nonce::new_random,
            )
            .add_scopes([Scope::new("email".into()), Scope::new("profile".into())])
            .set_pkce_challenge(challenge);
        if let Some(hint) = &request.login_hint {
            departure = departure.set_login_hint(LoginHint::new(hint.clone()));
        }
        for prompt in request.prompt.iter().flat_map(|prompt| prompt.split(' ')) {
            departure = departure.add_prompt(match prompt {
                "none" => CoreAuthPrompt::None,
                "login" => CoreAuthPrompt::Login,
                "consent" => CoreAuthPrompt::Consent,
                _ => CoreAuthPrompt::SelectAccount,
            });
        }
        let (url, state, nonce) = departure.url();
        Ok(Departure {
            url,
            state: state.into_secret(),
            nonce: nonce.secret().clone(),
            verifier: verifier.into_secret(),
        })
    }

    /// Who came back with this code.
    pub(super) async fn arrive(
        &self,
        code: String,
        verifier: String,
        nonce: String,
    ) -> Result<Arrival, IssuerError> {
        let metadata = self.metadata(METADATA_AGE_MAX).await?;
        let client = CoreClient::from_provider_metadata(
            CoreProviderMetadata::clone(&metadata),
            self.client_id.clone(),
            self.secret(),
        )
        .set_redirect_uri(self.callback.clone());
        let http = |request| self.call(request);
        let tokens = client
            .exchange_code(AuthorizationCode::new(code))
            .map_err(|error| IssuerError::Unreachable(error.into()))?
            .set_pkce_verifier(PkceCodeVerifier::new(verifier))
            .request_async(&http)
            .await
            .map_err(|error| match error {
                openidconnect::RequestTokenError::ServerResponse(_) => IssuerError::CodeRefused(error.into()),
                _ => IssuerError::Unreachable(error.into()),
            })?;
        let id_token = tokens.id_token().ok_or_else(|| IssuerError::Token("there is none".into()))?;
        let nonce = Nonce::new(nonce);
        let claims = match self.verify(&metadata, id_token, &nonce) {
            Err(error) if is_unknown_key(&error) => {
                // They may have a new key since.
                let metadata = self.metadata(METADATA_AGE_MIN).await?;
                self.verify(&metadata, id_token, &nonce)
            }
            outcome => outcome,
        }
        .map_err(|error| IssuerError::Token(error.into()))?;
        self.check_access_token(&metadata, id_token, &claims, tokens.access_token())?;
        if claims.email_verified() != Some(true) {
            return Err(IssuerError::EmailUnverified);
        }
        let email = claims.email().ok_or(IssuerError::EmailUnverified)?.to_string();
        let subject = claims.subject().chars().take(SUBJECT_CHARS_MAX).collect();
        Ok(Arrival { subject, email })
    }

    fn verify(
        &self,
        metadata: &CoreProviderMetadata,
        id_token: &CoreIdToken,
        nonce: &Nonce,
    ) -> Result<CoreIdTokenClaims, ClaimsVerificationError> {
        let now = self.clock.now();
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), self.secret());
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || now - LEEWAY)
            .set_issue_time_verifier_fn(move |issued| {
                let is_now = issued <= now + LEEWAY && issued >= now - TOKEN_AGE_MAX;
                if is_now { Ok(()) } else { Err(format!("issued at {issued}, which is not now")) }
            });
        id_token.claims(&verifier, nonce).cloned()
    }

    /// The ID token speaks of the access token that came with it (OpenID Connect Core, 3.1.3.8).
    fn check_access_token(
        &self,
        metadata: &CoreProviderMetadata,
        id_token: &CoreIdToken,
        claims: &CoreIdTokenClaims,
        access_token: &openidconnect::AccessToken,
    ) -> Result<(), IssuerError> {
        let Some(expected) = claims.access_token_hash() else { return Ok(()) };
        let client =
            CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), self.secret());
        let wrong = |error: Box<dyn std::error::Error + Send + Sync>| IssuerError::Token(error);
        let algorithm = id_token.signing_alg().map_err(|error| wrong(error.into()))?;
        let verifier = client.id_token_verifier();
        let key = id_token.signing_key(&verifier).map_err(|error| wrong(error.into()))?;
        let actual =
            AccessTokenHash::from_token(access_token, algorithm, key).map_err(|error| wrong(error.into()))?;
        if actual == *expected { Ok(()) } else { Err(wrong("at_hash is of another access token".into())) }
    }

    fn secret(&self) -> Option<ClientSecret> {
        self.client_secret.as_ref().map(|secret| ClientSecret::new(secret.expose_secret().to_owned()))
    }

    /// What was discovered no longer ago than `age`.
    async fn metadata(&self, age: Duration) -> Result<Arc<CoreProviderMetadata>, IssuerError> {
        let mut discovered = self.discovered.lock().await;
        if let Some((metadata, time)) = &*discovered
            && time.elapsed() < age
        {
            return Ok(metadata.clone());
        }
        let http = |request| self.call(request);
        let metadata = CoreProviderMetadata::discover_async(self.url.clone(), &http)
            .await
            .map_err(|error| IssuerError::Unreachable(error.into()))?;
        let metadata = Arc::new(metadata);
        *discovered = Some((metadata.clone(), Instant::now()));
        Ok(metadata)
    }

    /// One call of `openidconnect`'s, by our client.
    fn call(&self, request: HttpRequest) -> impl Future<Output = Result<HttpResponse, HttpError>> + use<> {
        let http = self.http.clone();
        async move {
            let (parts, body) = request.into_parts();
            let mut response = http
                .request(parts.method, parts.uri.to_string())
                .headers(parts.headers)
                .body(body)
                .send()
                .await?;
            let mut answer = http::Response::builder().status(response.status());
            if let Some(headers) = answer.headers_mut() {
                headers.clone_from(response.headers());
            }
            let mut body = Vec::new();
            while let Some(chunk) = response.chunk().await? {
                body.extend_from_slice(&chunk);
                if body.len() > ANSWER_BYTES_MAX {
                    return Err(HttpError::TooLarge);
                }
            }
            Ok(answer.body(body)?)
        }
    }
}

fn is_unknown_key(error: &ClaimsVerificationError) -> bool {
    let ClaimsVerificationError::SignatureVerification(error) = error else { return false };
    matches!(error, SignatureVerificationError::NoMatchingKey | SignatureVerificationError::AmbiguousKeyId(_))
}
