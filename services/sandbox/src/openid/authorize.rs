//! The authorization endpoint and the page behind it (OpenID Connect Core, 3.1.2; RFC 6749, 4.1; RFC 7636, 4.3).

use axum::response::{IntoResponse, Redirect, Response};
use domain::Timestamp;
use url::Url;

use super::client::Client;
use super::parameters::{Parameters, Repeated};
use super::state::SignIn;
use super::{OpenId, Person};

/// The characters of a SHA-256 in Base64 without padding.
const CODE_CHALLENGE_CHARS: usize = 43;

/// Why a request is refused on a page: there is no address that the answer could safely be sent to.
#[derive(Debug, thiserror::Error)]
pub(super) enum Dead {
    #[error("the request is not a form")]
    Unreadable,
    #[error(transparent)]
    Repeated(#[from] Repeated),
    #[error("the client_id is missing or not registered")]
    ClientUnknown,
    #[error("the redirect_uri is missing or not registered for this client")]
    RedirectUriUnknown,
}

/// Why the client does not get a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Denial {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("the only response_type is code")]
    UnsupportedResponseType,
    #[error("the scope must contain openid")]
    InvalidScope,
    #[error("prompt=none needs a login_hint that is somebody's email address")]
    LoginRequired,
    #[error("nobody was chosen")]
    AccessDenied,
    #[error("request objects are not supported")]
    RequestNotSupported,
    #[error("request objects are not supported")]
    RequestUriNotSupported,
}

impl Denial {
    /// RFC 6749, 4.1.2.1, and OpenID Connect Core, 3.1.2.6.
    fn code(self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::AccessDenied => "access_denied",
            Self::RequestNotSupported => "request_not_supported",
            Self::RequestUriNotSupported => "request_uri_not_supported",
        }
    }
}

/// Where the answer goes.
struct WayBack<'a> {
    client: &'a Client,
    redirect_uri: Url,
    state: Option<&'a str>,
    issuer: &'a str,
}

impl WayBack<'_> {
    fn code(self, code: &str) -> Response {
        self.answer(&[("code", code)])
    }

    fn denial(self, denial: Denial) -> Response {
        self.answer(&[("error", denial.code()), ("error_description", &denial.to_string())])
    }

    fn answer(mut self, parameters: &[(&str, &str)]) -> Response {
        let state = self.state.map(|state| ("state", state));
        self.redirect_uri
            .query_pairs_mut()
            .extend_pairs(parameters)
            .extend_pairs(state)
            .append_pair("iss", self.issuer);
        Redirect::to(self.redirect_uri.as_str()).into_response()
    }
}

impl OpenId {
    /// A client sends somebody: they are asked whom to sign in as, or sent back at once.
    pub(super) fn begin(&self, issuer: &str, parameters: &Parameters) -> Result<Response, Dead> {
        let way_back = self.way_back(issuer, parameters)?;
        if let Err(denial) = check(parameters, way_back.client) {
            return Ok(way_back.denial(denial));
        }
        let hinted =
            parameters.get("login_hint").and_then(|email| self.lock().person_by_email(email).cloned());
        let is_silent = parameters.words("prompt").any(|prompt| prompt == "none");
        Ok(match (is_silent, hinted) {
            (true, Some(person)) => way_back.code(&self.sign_in(parameters, person)),
            (true, None) => way_back.denial(Denial::LoginRequired),
            (false, hinted) => {
                self.pages.choice(way_back.client, parameters, &self.people(), hinted.as_ref())
            }
        })
    }

    /// The page's answer: the same request, and who was chosen.
    pub(super) fn finish(&self, issuer: &str, parameters: &Parameters) -> Result<Response, Dead> {
        let way_back = self.way_back(issuer, parameters)?;
        if let Err(denial) = check(parameters, way_back.client) {
            return Ok(way_back.denial(denial));
        }
        let chosen = parameters.get("person").and_then(|sub| self.lock().people.get(sub).cloned());
        Ok(match chosen {
            Some(person) => way_back.code(&self.sign_in(parameters, person)),
            None => way_back.denial(Denial::AccessDenied),
        })
    }

    fn way_back<'a>(&'a self, issuer: &'a str, parameters: &'a Parameters) -> Result<WayBack<'a>, Dead> {
        let client = parameters.get("client_id").and_then(|id| self.client(id)).ok_or(Dead::ClientUnknown)?;
        let redirect_uri = parameters
            .get("redirect_uri")
            .filter(|uri| client.may_return_to(uri))
            .and_then(|uri| Url::parse(uri).ok())
            .ok_or(Dead::RedirectUriUnknown)?;
        Ok(WayBack { client, redirect_uri, state: parameters.get("state"), issuer })
    }

    /// A code for this request, which [`check`] has found in order.
    fn sign_in(&self, parameters: &Parameters, person: Person) -> String {
        let sign_in = sign_in(parameters, person, self.now());
        self.lock().add_code(sign_in)
    }
}

fn sign_in(parameters: &Parameters, person: Person, at: Timestamp) -> SignIn {
    let text = |name| parameters.get(name).map(str::to_owned);
    SignIn {
        client_id: text("client_id").unwrap_or_default(),
        redirect_uri: text("redirect_uri").unwrap_or_default(),
        sub: person.sub,
        scopes: parameters.words("scope").map(str::to_owned).collect(),
        nonce: text("nonce"),
        code_challenge: text("code_challenge"),
        at,
    }
}

fn check(parameters: &Parameters, client: &Client) -> Result<(), Denial> {
    match parameters.get("response_type") {
        Some("code") => {}
        Some(_) => return Err(Denial::UnsupportedResponseType),
        None => return Err(Denial::InvalidRequest("the response_type is missing")),
    }
    if parameters.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Denial::InvalidRequest("the only response_mode is query"));
    }
    if parameters.get("request").is_some() {
        return Err(Denial::RequestNotSupported);
    }
    if parameters.get("request_uri").is_some() {
        return Err(Denial::RequestUriNotSupported);
    }
    if parameters.words("scope").all(|scope| scope != "openid") {
        return Err(Denial::InvalidScope);
    }
    if parameters.words("prompt").count() > 1 && parameters.words("prompt").any(|prompt| prompt == "none") {
        return Err(Denial::InvalidRequest("prompt=none stands alone"));
    }
    match (parameters.get("code_challenge"), parameters.get("code_challenge_method")) {
        (None, None) if client.secret.is_some() => Ok(()),
        (None, _) => Err(Denial::InvalidRequest("a code_challenge is required")),
        (Some(challenge), Some("S256")) if challenge.chars().count() == CODE_CHALLENGE_CHARS => Ok(()),
        (Some(_), Some("S256")) => Err(Denial::InvalidRequest("the code_challenge has 43 characters")),
        (Some(_), _) => Err(Denial::InvalidRequest("the only code_challenge_method is S256")),
    }
}
