//! Who calls: the `Authorization` header, the caller's rights, the rate limit.

use std::sync::{Arc, MutexGuard};

use axum::extract::{FromRequestParts, Path};
use chrono::Duration;
use domain::Timestamp;
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use super::error::ApiError;
use super::model::{Id, Login, Target, User};
use super::organization::Organization;
use super::roles::{Permission, Role};
use super::state::State;
use super::{Kisi, doors};

/// A credential as it stands in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Credential<'a> {
    Login(&'a str),
    GroupLink(&'a str),
}

impl<'a> Credential<'a> {
    /// None if the header is missing or has another prefix: the twin knows no other schemes.
    pub(super) fn of(headers: &'a HeaderMap) -> Option<Self> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, secret) = value.split_once(' ')?;
        let secret = secret.trim();
        if scheme.eq_ignore_ascii_case("KISI-LOGIN") {
            Some(Self::Login(secret))
        } else if scheme.eq_ignore_ascii_case("KISI-GROUP-LINK") {
            Some(Self::GroupLink(secret))
        } else {
            None
        }
    }

    pub(super) fn secret(self) -> &'a str {
        match self {
            Self::Login(secret) | Self::GroupLink(secret) => secret,
        }
    }
}

/// Whose credential it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A user, by one of their logins.
    User { user_id: Id, login_id: Id },
    /// The holder of a group link.
    Link { link_id: Id },
}

impl Caller {
    fn id(self) -> Id {
        match self {
            Self::User { user_id, .. } => user_id,
            Self::Link { link_id } => link_id,
        }
    }
}

/// A request with valid credentials, within the rate limit.
pub(super) struct Session {
    pub(super) kisi: Arc<Kisi>,
    pub(super) organization: Arc<Organization>,
    pub(super) caller: Caller,
    pub(super) now: Timestamp,
}

impl FromRequestParts<Arc<Kisi>> for Session {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, kisi: &Arc<Kisi>) -> Result<Self, ApiError> {
        let credential = Credential::of(&parts.headers).ok_or_else(ApiError::unauthorized)?;
        let organization = kisi.by_secret(credential.secret()).ok_or_else(ApiError::unauthorized)?;
        let now = kisi.now();
        let caller = {
            let mut state = organization.state();
            let caller = authenticate(&mut state, credential, now)?;
            if state.switches.rate_limit && !state.limits.admits(caller.id()) {
                return Err(ApiError::RateLimited { retry_after: state.switches.retry_after_header });
            }
            state.remove_expired_assignments(now);
            caller
        };
        Ok(Self { kisi: kisi.clone(), organization, caller, now })
    }
}

fn authenticate(state: &mut State, credential: Credential<'_>, now: Timestamp) -> Result<Caller, ApiError> {
    match credential {
        Credential::Login(secret) => {
            let login_id = *state.index.login_by_secret.get(secret).ok_or_else(ApiError::unauthorized)?;
            let api_days = state.switches.api_logins_expire_after_days;
            let device_seconds = state.organization.device_logins_expire_after;
            let login = state.logins.get_mut(&login_id).ok_or_else(ApiError::unauthorized)?;
            let life = if login.is_api() {
                Duration::days(api_days.into())
            } else {
                Duration::seconds(device_seconds)
            };
            if login.record.expire && login.used_at() + life <= now {
                return Err(ApiError::unauthorized());
            }
            login.record.last_used_at = Some(now);
            Ok(Caller::User { user_id: login.record.user_id, login_id })
        }
        Credential::GroupLink(secret) => {
            let link_id = *state.index.link_by_secret.get(secret).ok_or_else(link_invalid)?;
            let link = state.links.get(&link_id).ok_or_else(link_invalid)?;
            let is_over = link.record.valid_until.is_some_and(|until| until <= now);
            if is_over || !link.record.link_enabled {
                return Err(link_invalid());
            }
            Ok(Caller::Link { link_id })
        }
    }
}

fn link_invalid() -> ApiError {
    ApiError::coded(StatusCode::UNAUTHORIZED, "f29aef", "The link is not valid")
}

impl Session {
    /// The organization's state. Locked until it is dropped: never across an await.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.organization.state()
    }

    /// The calling user. Group links may not call: 401.
    pub(super) fn user_id(&self) -> Result<Id, ApiError> {
        match self.caller {
            Caller::User { user_id, .. } => Ok(user_id),
            Caller::Link { .. } => Err(ApiError::unauthorized()),
        }
    }

    /// The calling user and login. Group links may not call: 401.
    pub(super) fn user<'s>(&self, state: &'s State) -> Result<(&'s User, &'s Login), ApiError> {
        let Caller::User { user_id, login_id } = self.caller else {
            return Err(ApiError::unauthorized());
        };
        // Both may have gone since the request was admitted.
        let user = state.users.get(&user_id).ok_or_else(ApiError::unauthorized)?;
        let login = state.logins.get(&login_id).ok_or_else(ApiError::unauthorized)?;
        Ok((user, login))
    }

    /// 403 unless the caller holds an organization's role that permits it; 401 for group links.
    pub(super) fn require(&self, state: &State, permission: Permission) -> Result<(), ApiError> {
        let user_id = self.user_id()?;
        if permits(state, user_id, permission) { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// 403 if a role is above the caller's own.
    pub(super) fn require_level(&self, state: &State, role: &Role) -> Result<(), ApiError> {
        let own = organization_roles(state, self.user_id()?).map(|role| role.level).max();
        if own.is_some_and(|own| own >= role.level) { Ok(()) } else { Err(ApiError::forbidden()) }
    }

    /// `me` stands for the caller.
    pub(super) fn user_or_me(&self, text: &str) -> Result<Id, ApiError> {
        if text == "me" {
            return self.user_id();
        }
        text.parse().map_err(|_| ApiError::bad_request("user_id is invalid"))
    }

    /// Who stands at the door.
    pub(super) fn visitor(&self) -> doors::Visitor {
        match self.caller {
            Caller::User { user_id, .. } => doors::Visitor::User(user_id),
            Caller::Link { link_id } => doors::Visitor::Link(link_id),
        }
    }
}

/// Whether a user's roles in the organization permit something everywhere.
pub(super) fn permits(state: &State, user_id: Id, permission: Permission) -> bool {
    organization_roles(state, user_id).any(|role| role.permits(permission))
}

fn organization_roles(state: &State, user_id: Id) -> impl Iterator<Item = &'static Role> {
    state
        .assignments_of_user(user_id)
        .filter(|row| matches!(row.target, Target::Organization(_)))
        .filter_map(|row| Role::find(&row.role_id))
}

/// The id in a path. What is not a number names nothing: 404.
pub(super) struct PathId(pub(super) Id);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::not_found())?;
        text.parse().map(Self).map_err(|_| ApiError::not_found())
    }
}
