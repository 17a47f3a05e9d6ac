//! Sessions: opened with a code, renewed with a refresh token, each of which is taken once. Pure.
//!
//! A code or refresh token is `<session id>.<secret>`; of the secret only the SHA-256 is kept. It has 256
//! random bits, so a plain hash is enough.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::Duration;
use domain::{Timestamp, WorkspaceId};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// A code must be redeemed within this time (RFC 6749, 4.1.2 asks for ten minutes at most).
const CODE_LIFETIME: Duration = Duration::minutes(1);
/// A session ends after this time, however often it is renewed; then one signs in again.
const LIFETIME: Duration = Duration::days(30);
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Characters of a code verifier (RFC 7636, 4.1).
const VERIFIER_CHARS: std::ops::RangeInclusive<usize> = 43..=128;

chassis::text_enum! {
    /// How far a session is.
    pub(crate) enum SessionState { Opened = "opened", InUse = "in_use", Ended = "ended" }
}

/// Someone who signed in.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub id: Uuid,
    pub email: String,
    pub issuer: String,
    pub subject: String,
    pub workspace: WorkspaceId,
    pub client_id: String,
    pub redirect_uri: String,
    pub code_challenge: String,
    pub nonce: String,
    pub secret_hash: Vec<u8>,
    pub previous_hash: Option<Vec<u8>>,
    pub state: SessionState,
    pub opened_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A code or a refresh token as it was shown.
#[derive(Debug)]
pub(crate) struct Shown {
    pub session: Uuid,
    secret: SecretString,
}

/// What a client says when it redeems a code.
#[derive(Debug)]
pub(crate) struct Redemption<'a> {
    pub client_id: &'a str,
    pub redirect_uri: &'a str,
    pub code_verifier: &'a str,
}

/// Why a session is not given.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is not this caller's, or over.
    Unfit,
    /// Someone has a copy of what was taken before: the session, ended.
    Copied(Box<Session>),
}

/// Something that shows whose a session is; to be stored as a hash alone.
pub(crate) struct Secret(SecretString);

impl Secret {
    pub(crate) fn generate() -> Self {
        let bytes: [u8; SECRET_BYTES] = rand::random();
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    pub(crate) fn hash(&self) -> Vec<u8> {
        hash(self.0.expose_secret())
    }

    /// The code or refresh token of a session.
    pub(crate) fn of(&self, session: Uuid) -> String {
        format!("{}.{}", session.simple(), self.0.expose_secret())
    }
}

impl Shown {
    /// Reads a code or refresh token; `None` if it can't be one.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (session, secret) = text.split_once('.')?;
        let secret =
            Some(secret).filter(|it| URL_SAFE_NO_PAD.decode(it).is_ok_and(|it| it.len() == SECRET_BYTES))?;
        Some(Self { session: session.parse().ok()?, secret: secret.into() })
    }

    fn is(&self, hashed: &[u8]) -> bool {
        hash(self.secret.expose_secret()).ct_eq(hashed).into()
    }
}

impl Session {
    /// When a session's code that is made now is no longer taken.
    pub(crate) fn code_expiry(now: Timestamp) -> Timestamp {
        now + CODE_LIFETIME
    }

    /// The session in use, with the hash of its first refresh token.
    pub(crate) fn redeem(
        &self,
        code: &Shown,
        said: &Redemption<'_>,
        next: &Secret,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let is_fit = said.client_id == self.client_id
            && said.redirect_uri == self.redirect_uri
            && VERIFIER_CHARS.contains(&said.code_verifier.len())
            && challenge(said.code_verifier) == self.code_challenge;
        let is_open = self.state == SessionState::Opened && now < self.expires_at;
        if is_fit && is_open && code.is(&self.secret_hash) {
            let taken =
                Self { state: SessionState::InUse, expires_at: self.opened_at + LIFETIME, ..self.clone() };
            return Ok(taken.turned(next));
        }
        // RFC 6749, 4.1.2: a code that comes twice ends what it gave.
        if self.state == SessionState::InUse && self.was_taken(code) {
            return Err(Refusal::Copied(Box::new(self.ended())));
        }
        Err(Refusal::Unfit)
    }

    /// The session with the hash of its next refresh token.
    pub(crate) fn renew(
        &self,
        token: &Shown,
        client_id: &str,
        next: &Secret,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        if self.state != SessionState::InUse || now >= self.expires_at || client_id != self.client_id {
            return Err(Refusal::Unfit);
        }
        if token.is(&self.secret_hash) {
            return Ok(self.turned(next));
        }
        if self.was_taken(token) {
            return Err(Refusal::Copied(Box::new(self.ended())));
        }
        Err(Refusal::Unfit)
    }

    /// The session ended on request; `None` if it is not this caller's.
    pub(crate) fn end(&self, token: &Shown, client_id: &str) -> Option<Self> {
        (client_id == self.client_id && token.is(&self.secret_hash)).then(|| self.ended())
    }

    fn was_taken(&self, shown: &Shown) -> bool {
        self.previous_hash.as_ref().is_some_and(|previous| shown.is(previous))
    }

    fn turned(&self, next: &Secret) -> Self {
        Self { previous_hash: Some(self.secret_hash.clone()), secret_hash: next.hash(), ..self.clone() }
    }

    fn ended(&self) -> Self {
        Self { state: SessionState::Ended, ..self.clone() }
    }
}

fn hash(secret: &str) -> Vec<u8> {
    Sha256::digest(secret).to_vec()
}

/// The S256 challenge of a verifier (RFC 7636, 4.2).
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_790_000_000 + seconds, 0).unwrap()
    }

    fn opened() -> (Session, Shown) {
        let (id, code) = (Uuid::now_v7(), Secret::generate());
        let session = Session {
            id,
            email: "ada@example.org".into(),
            issuer: "https://id.example".into(),
            subject: "ada".into(),
            workspace: WorkspaceId::new(),
            client_id: "console".into(),
            redirect_uri: "https://console.example/back".into(),
            // RFC 7636, appendix B.
            code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
            nonce: "n".into(),
            secret_hash: code.hash(),
            previous_hash: None,
            state: SessionState::Opened,
            opened_at: at(0),
            expires_at: Session::code_expiry(at(0)),
        };
        (session, shown(&code, id))
    }

    fn shown(secret: &Secret, session: Uuid) -> Shown {
        Shown::read(&secret.of(session)).unwrap()
    }

    fn said() -> Redemption<'static> {
        Redemption {
            client_id: "console",
            redirect_uri: "https://console.example/back",
            code_verifier: VERIFIER,
        }
    }

    fn in_use() -> (Session, Shown, Shown) {
        let (session, code) = opened();
        let token = Secret::generate();
        let session = session.redeem(&code, &said(), &token, at(5)).unwrap();
        let token = shown(&token, session.id);
        (session, code, token)
    }

    #[test]
    fn a_code_is_taken_by_whom_it_is_for_in_time() {
        let (session, code) = opened();
        let next = Secret::generate();
        assert!(session.redeem(&code, &said(), &next, at(59)).is_ok());
        let unfit = |said: Redemption<'_>, code: &Shown, now| {
            matches!(session.redeem(code, &said, &next, now), Err(Refusal::Unfit))
        };
        assert!(unfit(said(), &code, at(60)), "too late");
        assert!(unfit(Redemption { client_id: "other", ..said() }, &code, at(1)));
        assert!(unfit(Redemption { redirect_uri: "https://evil.example", ..said() }, &code, at(1)));
        assert!(unfit(Redemption { code_verifier: &VERIFIER.replace('d', "e"), ..said() }, &code, at(1)));
        assert!(unfit(Redemption { code_verifier: "", ..said() }, &code, at(1)));
        assert!(unfit(said(), &shown(&next, session.id), at(1)), "another code");
    }

    #[test]
    fn what_was_taken_before_ends_the_session() {
        let (session, code, token) = in_use();
        let next = Secret::generate();
        let Err(Refusal::Copied(ended)) = session.redeem(&code, &said(), &next, at(6)) else { panic!() };
        assert_eq!(ended.state, SessionState::Ended);
        let renewed = session.renew(&token, "console", &next, at(100)).unwrap();
        let Err(Refusal::Copied(ended)) = renewed.renew(&token, "console", &Secret::generate(), at(101))
        else {
            panic!()
        };
        let newest = shown(&next, session.id);
        assert!(ended.renew(&newest, "console", &Secret::generate(), at(102)).is_err(), "for its owner too");
    }

    #[test]
    fn a_guess_changes_nothing() {
        let (session, _, token) = in_use();
        let (guess, next) = (shown(&Secret::generate(), session.id), Secret::generate());
        assert!(matches!(session.renew(&guess, "console", &next, at(10)), Err(Refusal::Unfit)));
        assert!(matches!(session.renew(&token, "other", &next, at(10)), Err(Refusal::Unfit)));
        assert!(session.end(&guess, "console").is_none());
        assert!(session.renew(&token, "console", &next, at(10)).is_ok());
    }

    #[test]
    fn a_session_is_over_after_its_time_however_often_it_was_renewed() {
        let (mut session, _, mut token) = in_use();
        for day in 1..30 {
            let next = Secret::generate();
            session = session.renew(&token, "console", &next, at(day * 86_400)).unwrap();
            token = shown(&next, session.id);
        }
        assert!(session.renew(&token, "console", &Secret::generate(), at(30 * 86_400)).is_err());
    }

    #[test]
    fn only_codes_and_tokens_are_read() {
        for text in ["", ".", "a.b", &format!("{}.", Uuid::now_v7()), &format!("{}.abc", Uuid::now_v7())] {
            assert!(Shown::read(text).is_none(), "{text:?}");
        }
    }
}
