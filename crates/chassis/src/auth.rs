//! Who calls: tokens, and the principal that one names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::Duration;
use domain::{Clock, WorkspaceId};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, spki::der::pem::LineEnding};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use proto::Requirement;
use proto::auth::v1 as pb;
use serde::{Deserialize, Serialize};

use crate::error::{Class, Classify};

const ISSUER: &str = "latchkey";
const AUDIENCE: &str = "latchkey";
const LEEWAY_SECONDS: i64 = 30;

/// What a principal may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Owns the business.
    Owner,
    /// May do everything in a workspace but give it away.
    Admin,
    /// An admin of some locations.
    Manager,
    /// Uses the space.
    Member,
    /// Comes now and then.
    Guest,
    /// A part of the platform itself.
    Service,
}

impl Role {
    /// A role may do what those with a lower rank may.
    fn rank(self) -> u8 {
        match self {
            Self::Guest => 1,
            Self::Member => 2,
            Self::Manager => 3,
            Self::Admin => 4,
            Self::Owner => 5,
            Self::Service => 6,
        }
    }
}

/// The rank of a role that a method requires. Nobody has that of one that is not said.
fn rank(role: pb::Role) -> u8 {
    match role {
        pb::Role::Unspecified => u8::MAX,
        pb::Role::Guest => Role::Guest.rank(),
        pb::Role::Member => Role::Member.rank(),
        pb::Role::Manager => Role::Manager.rank(),
        pb::Role::Admin => Role::Admin.rank(),
        pb::Role::Owner => Role::Owner.rank(),
    }
}

fn title(role: pb::Role) -> &'static str {
    match role {
        pb::Role::Unspecified => "of nobody",
        pb::Role::Guest => "guest",
        pb::Role::Member => "member",
        pb::Role::Manager => "manager",
        pb::Role::Admin => "admin",
        pb::Role::Owner => "owner",
    }
}

/// The caller that a token names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who: a person's id, or the name of a service.
    pub id: String,
    /// In which workspace; `None` for services, which act in all.
    pub workspace: Option<WorkspaceId>,
    /// As what.
    pub role: Role,
}

/// Why a caller is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No `authorization: Bearer …`.
    #[error("a bearer token is required: send it in the header 'authorization'")]
    TokenMissing,
    /// Forged, of another installation, or garbled.
    #[error("the token is not valid here")]
    TokenInvalid,
    /// Its time is over.
    #[error("the token has expired; get a new one")]
    TokenExpired,
    /// May not do that.
    #[error("this takes the role {0}")]
    RoleTooLow(&'static str),
    /// A method for other parts of the platform.
    #[error("this is not for {0}")]
    Internal(String),
    /// The workspace is not the caller's; said as if it were not there.
    #[error("workspace {0} not found")]
    WorkspaceNotFound(WorkspaceId),
}

impl Classify for AuthError {
    fn class(&self) -> Class {
        match self {
            Self::TokenMissing | Self::TokenInvalid | Self::TokenExpired => Class::Unauthenticated,
            Self::RoleTooLow(_) | Self::Internal(_) => Class::Forbidden,
            Self::WorkspaceNotFound(_) => Class::NotFound,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TokenMissing => "TOKEN_MISSING",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::RoleTooLow(_) => "ROLE_TOO_LOW",
            Self::Internal(_) => "INTERNAL_METHOD",
            Self::WorkspaceNotFound(_) => "WORKSPACE_NOT_FOUND",
        }
    }
}

impl Principal {
    /// May manage this workspace: its owners and admins, and the platform itself.
    pub fn manages(&self, workspace: WorkspaceId) -> Result<(), AuthError> {
        if self.role == Role::Service {
            return Ok(());
        }
        if self.workspace != Some(workspace) {
            return Err(AuthError::WorkspaceNotFound(workspace));
        }
        match self.role {
            Role::Owner | Role::Admin | Role::Service => Ok(()),
            Role::Manager | Role::Member | Role::Guest => Err(AuthError::RoleTooLow("admin")),
        }
    }

    /// May call a method that requires this.
    pub fn meets(&self, requirement: &Requirement) -> Result<(), AuthError> {
        match requirement {
            Requirement::Internal(services) => {
                let is_named = self.role == Role::Service && services.contains(&self.id);
                if is_named { Ok(()) } else { Err(AuthError::Internal(self.id.clone())) }
            }
            Requirement::Role(least) => {
                let is_enough = self.role.rank() >= rank(*least);
                if is_enough { Ok(()) } else { Err(AuthError::RoleTooLow(title(*least))) }
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<WorkspaceId>,
    iat: i64,
    exp: i64,
}

/// Signs and verifies tokens with this installation's key.
#[derive(Clone)]
pub struct Authority {
    encoding: EncodingKey,
    decoding: DecodingKey,
    clock: Arc<dyn Clock>,
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Can't read or write the file.
    #[error("cannot use the key file {path}; `latchkey up` makes one, auth.key_file says where it is")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Not an Ed25519 key.
    #[error("the key file {path} holds no Ed25519 key in PKCS#8 PEM")]
    Content {
        /// Which.
        path: PathBuf,
    },
}

impl Authority {
    /// An authority with a key of its own, for tests.
    pub fn with_new_key(clock: Arc<dyn Clock>) -> Self {
        Self::from_key(&SigningKey::generate(&mut rand_core::OsRng), clock)
    }

    /// The authority whose key stands in `path`.
    pub fn load(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, KeyError> {
        let pem = std::fs::read_to_string(path)
            .map_err(|source| KeyError::File { path: path.to_owned(), source })?;
        let key =
            SigningKey::from_pkcs8_pem(&pem).map_err(|_| KeyError::Content { path: path.to_owned() })?;
        Ok(Self::from_key(&key, clock))
    }

    /// Makes a key file that only its owner may read, unless there is one.
    pub fn ensure_key_file(path: &Path) -> Result<(), KeyError> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let failed = |source| KeyError::File { path: path.to_owned(), source };
        let pem = SigningKey::generate(&mut rand_core::OsRng)
            .to_pkcs8_pem(LineEnding::LF)
            .expect("a generated key can be encoded");
        match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(failed),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }

    fn from_key(key: &SigningKey, clock: Arc<dyn Clock>) -> Self {
        let der = key.to_pkcs8_der().expect("a key can be encoded");
        Self {
            encoding: EncodingKey::from_ed_der(der.as_bytes()),
            decoding: DecodingKey::from_ed_der(key.verifying_key().as_bytes()),
            clock,
        }
    }

    /// A token that names `principal` for `lifetime`.
    pub fn issue(&self, principal: &Principal, lifetime: Duration) -> String {
        let now = self.clock.now();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: principal.id.clone(),
            role: principal.role,
            workspace: principal.workspace,
            iat: now.timestamp(),
            exp: (now + lifetime).timestamp(),
        };
        jsonwebtoken::encode(&Header::new(Algorithm::EdDSA), &claims, &self.encoding)
            .expect("claims of strings and numbers can be signed")
    }

    /// The caller that a token names, if it is ours and its time is not over.
    pub fn verify(&self, token: &str) -> Result<Principal, AuthError> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        // Time is checked below, by the clock that we were given.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|_| AuthError::TokenInvalid)?
            .claims;
        let now = self.clock.now().timestamp();
        if claims.exp + LEEWAY_SECONDS <= now {
            return Err(AuthError::TokenExpired);
        }
        if claims.iat > now + LEEWAY_SECONDS {
            return Err(AuthError::TokenInvalid);
        }
        if claims.workspace.is_none() && claims.role != Role::Service {
            return Err(AuthError::TokenInvalid);
        }
        Ok(Principal { id: claims.sub, workspace: claims.workspace, role: claims.role })
    }

    /// The caller of a request with these headers.
    pub fn authenticate(&self, headers: &http::HeaderMap) -> Result<Principal, AuthError> {
        let value = headers.get(http::header::AUTHORIZATION).ok_or(AuthError::TokenMissing)?;
        let text = value.to_str().map_err(|_| AuthError::TokenInvalid)?;
        let (scheme, token) = text.split_once(' ').ok_or(AuthError::TokenMissing)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(AuthError::TokenMissing);
        }
        self.verify(token.trim())
    }
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(…)")
    }
}

#[cfg(test)]
mod tests {
    use domain::SettableClock;

    use super::*;

    fn setup() -> (Arc<SettableClock>, Authority, Principal) {
        let clock = Arc::new(SettableClock::at(chrono::DateTime::from_timestamp(1_790_000_000, 0).unwrap()));
        let authority = Authority::with_new_key(clock.clone());
        let admin = Principal { id: "ada".into(), workspace: Some(WorkspaceId::new()), role: Role::Admin };
        (clock, authority, admin)
    }

    #[test]
    fn a_token_names_its_principal_until_it_expires() {
        let (clock, authority, admin) = setup();
        let token = authority.issue(&admin, Duration::minutes(10));
        assert_eq!(authority.verify(&token), Ok(admin));
        clock.advance(Duration::minutes(11));
        assert_eq!(authority.verify(&token), Err(AuthError::TokenExpired));
    }

    #[test]
    fn tokens_of_others_and_garbled_ones_are_refused() {
        let (clock, authority, admin) = setup();
        let other = Authority::with_new_key(clock).issue(&admin, Duration::minutes(10));
        let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.";
        for token in [other.as_str(), none, "", "a.b.c"] {
            assert_eq!(authority.verify(token), Err(AuthError::TokenInvalid), "{token:?}");
        }
    }

    #[test]
    fn another_workspace_is_as_if_it_were_not_there() {
        let (_, _, admin) = setup();
        let other = WorkspaceId::new();
        assert_eq!(admin.manages(other), Err(AuthError::WorkspaceNotFound(other)));
        assert_eq!(admin.manages(admin.workspace.unwrap()), Ok(()));
        let member = Principal { role: Role::Member, ..admin.clone() };
        assert_eq!(member.manages(admin.workspace.unwrap()), Err(AuthError::RoleTooLow("admin")));
    }

    #[test]
    fn a_method_is_for_its_role_and_higher_ones_or_for_the_services_that_it_names() {
        let (_, _, admin) = setup();
        let with = |role| Principal { role, ..admin.clone() };
        let manager = Requirement::Role(pb::Role::Manager);
        for (role, is_enough) in [
            (Role::Guest, false),
            (Role::Member, false),
            (Role::Manager, true),
            (Role::Admin, true),
            (Role::Owner, true),
            (Role::Service, true),
        ] {
            assert_eq!(with(role).meets(&manager).is_ok(), is_enough, "{role:?}");
        }
        let internal = Requirement::Internal(vec!["gateway".into()]);
        let service = |name: &str| Principal { id: name.into(), workspace: None, role: Role::Service };
        assert_eq!(service("gateway").meets(&internal), Ok(()));
        assert_eq!(service("notification").meets(&internal), Err(AuthError::Internal("notification".into())));
        let named_so = Principal { id: "gateway".into(), role: Role::Owner, ..admin };
        assert_eq!(named_so.meets(&internal), Err(AuthError::Internal("gateway".into())));
        assert!(service("gateway").meets(&Requirement::Role(pb::Role::Unspecified)).is_err());
    }

    #[test]
    fn a_key_file_is_made_once_and_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.pem");
        Authority::ensure_key_file(&path).unwrap();
        let first = std::fs::read(&path).unwrap();
        Authority::ensure_key_file(&path).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (clock, _, admin) = setup();
        let authority = Authority::load(&path, clock).unwrap();
        assert!(authority.verify(&authority.issue(&admin, Duration::minutes(1))).is_ok());
    }
}
