//! Callers, and what they may do.

use std::net::IpAddr;

use domain::{ApiKeyId, LocationId, PersonId, WorkspaceId};
use proto::Requirement;
use proto::auth::v1 as pb;
use serde::{Deserialize, Serialize};

use crate::error::{Class, Classify};

/// The service that acts for the operator of the platform: the command line.
const OPERATOR: &str = "latchkey";

/// What the id of an API key's principal begins with.
const API_KEY: &str = "api-key:";

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
    /// A role may do what those with a lower rank may. A service has none: it may call what names it.
    fn rank(self) -> u8 {
        match self {
            Self::Service => 0,
            Self::Guest => 1,
            Self::Member => 2,
            Self::Manager => 3,
            Self::Admin => 4,
            Self::Owner => 5,
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Admin => "admin",
            Self::Manager => "manager",
            Self::Member => "member",
            Self::Guest => "guest",
            Self::Service => "service",
        }
    }

    /// As contracts say it; services have none there.
    pub(crate) fn contract(self) -> pb::Role {
        match self {
            Self::Owner => pb::Role::Owner,
            Self::Admin => pb::Role::Admin,
            Self::Manager => pb::Role::Manager,
            Self::Member => pb::Role::Member,
            Self::Guest => pb::Role::Guest,
            Self::Service => pb::Role::Unspecified,
        }
    }

    /// A role as contracts say it.
    pub fn of_contract(role: pb::Role) -> Option<Self> {
        match role {
            pb::Role::Unspecified => None,
            pb::Role::Guest => Some(Self::Guest),
            pb::Role::Member => Some(Self::Member),
            pb::Role::Manager => Some(Self::Manager),
            pb::Role::Admin => Some(Self::Admin),
            pb::Role::Owner => Some(Self::Owner),
        }
    }
}

/// The caller that a token or a certificate names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// Who: a person's id, `api-key:` and an API key's id, or the name of a service.
    pub id: String,
    /// In which workspace; `None` for services.
    pub workspace: Option<WorkspaceId>,
    /// As what.
    pub role: Role,
    /// Where a manager is one.
    pub locations: Vec<LocationId>,
    /// Which methods an API key is for, as `package.Service/Method` or `package.Service/*`; `None`: all
    /// that its role may call.
    pub methods: Option<Vec<String>>,
    /// From where it calls, if that is known.
    pub address: Option<IpAddr>,
}

/// How much of a workspace a principal may look at and change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// All of it.
    Workspace,
    /// What is at these locations.
    Locations(Vec<LocationId>),
    /// What is this person's.
    Own(PersonId),
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
    /// The API key is for other methods.
    #[error("this API key is not for this method")]
    MethodNotAllowed,
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
            Self::RoleTooLow(_) | Self::MethodNotAllowed | Self::Internal(_) => Class::Forbidden,
            Self::WorkspaceNotFound(_) => Class::NotFound,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::TokenMissing => "TOKEN_MISSING",
            Self::TokenInvalid => "TOKEN_INVALID",
            Self::TokenExpired => "TOKEN_EXPIRED",
            Self::RoleTooLow(_) => "ROLE_TOO_LOW",
            Self::MethodNotAllowed => "METHOD_NOT_ALLOWED",
            Self::Internal(_) => "INTERNAL_METHOD",
            Self::WorkspaceNotFound(_) => "WORKSPACE_NOT_FOUND",
        }
    }
}

impl Principal {
    /// A person of a workspace.
    pub fn person(id: impl Into<String>, workspace: WorkspaceId, role: Role) -> Self {
        Self { workspace: Some(workspace), role, ..Self::service(id) }
    }

    /// An API key of a workspace.
    pub fn api_key(id: ApiKeyId, workspace: WorkspaceId, role: Role) -> Self {
        Self::person(format!("{API_KEY}{id}"), workspace, role)
    }

    /// A part of the platform.
    pub fn service(name: impl Into<String>) -> Self {
        Self {
            id: name.into(),
            workspace: None,
            role: Role::Service,
            locations: Vec::new(),
            methods: None,
            address: None,
        }
    }

    /// The operator of the platform, who may do everything everywhere.
    pub fn operator() -> Self {
        Self::service(OPERATOR)
    }

    /// The same at these locations.
    #[must_use]
    pub fn at(self, locations: impl IntoIterator<Item = LocationId>) -> Self {
        Self { locations: locations.into_iter().collect(), ..self }
    }

    /// The same for these methods alone, `package.Service/Method` or `package.Service/*`; for all that its
    /// role may call, if there are none.
    #[must_use]
    pub fn only_for(self, methods: Vec<String>) -> Self {
        Self { methods: (!methods.is_empty()).then_some(methods), ..self }
    }

    /// Whether this is a machine with an API key.
    pub fn is_api_key(&self) -> bool {
        self.api_key_id().is_some()
    }

    /// The id of a machine's API key.
    pub(crate) fn api_key_id(&self) -> Option<&str> {
        self.id.strip_prefix(API_KEY)
    }

    /// Whether this is the operator of the platform.
    pub fn is_operator(&self) -> bool {
        self.role == Role::Service && self.id == OPERATOR
    }

    /// How much of this workspace is this caller's to see. Nothing of another's. An API key stands for
    /// nobody: as a member or guest it sees what is for all of them, and has nothing of its own.
    pub fn reach(&self, workspace: WorkspaceId) -> Result<Reach, AuthError> {
        if self.is_operator() {
            return Ok(Reach::Workspace);
        }
        if self.workspace != Some(workspace) {
            return Err(AuthError::WorkspaceNotFound(workspace));
        }
        match self.role {
            Role::Owner | Role::Admin => Ok(Reach::Workspace),
            Role::Manager => Ok(Reach::Locations(self.locations.clone())),
            Role::Member | Role::Guest => {
                let own = self.api_key_id().unwrap_or(&self.id);
                own.parse().map(Reach::Own).map_err(|_| AuthError::RoleTooLow(Role::Manager.title()))
            }
            Role::Service => Err(AuthError::Internal(self.id.clone())),
        }
    }

    /// May manage this workspace: its owners and admins, and the operator.
    pub fn manages(&self, workspace: WorkspaceId) -> Result<(), AuthError> {
        match self.reach(workspace)? {
            Reach::Workspace => Ok(()),
            Reach::Locations(_) | Reach::Own(_) => Err(AuthError::RoleTooLow(Role::Admin.title())),
        }
    }

    /// May call the method at `path`, `/package.Service/Method`, which requires this.
    pub fn meets(&self, requirement: &Requirement, path: &str) -> Result<(), AuthError> {
        match requirement {
            Requirement::Internal(services) => {
                let is_named = self.role == Role::Service && services.contains(&self.id);
                if is_named { Ok(()) } else { Err(AuthError::Internal(self.id.clone())) }
            }
            Requirement::Role(_) if self.is_operator() => Ok(()),
            Requirement::Role(_) if self.role == Role::Service => Err(AuthError::Internal(self.id.clone())),
            Requirement::Role(least) => {
                let Some(least) = Role::of_contract(*least) else {
                    return Err(AuthError::RoleTooLow("of nobody"));
                };
                if self.role.rank() < least.rank() {
                    return Err(AuthError::RoleTooLow(least.title()));
                }
                if !self.methods.as_ref().is_none_or(|patterns| matches(patterns, path)) {
                    return Err(AuthError::MethodNotAllowed);
                }
                Ok(())
            }
        }
    }
}

/// Whether one of the patterns, `package.Service/Method` or `package.Service/*`, is for the path.
fn matches(patterns: &[String], path: &str) -> bool {
    let Some((service, method)) = path.strip_prefix('/').and_then(|path| path.split_once('/')) else {
        return false;
    };
    patterns
        .iter()
        .filter_map(|pattern| pattern.split_once('/'))
        .any(|(of, which)| of == service && (which == "*" || which == method))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/latchkey.workspace.v1.BookingService/GetBooking";

    fn person(role: Role) -> Principal {
        Principal::person(PersonId::new().to_string(), WorkspaceId::new(), role)
    }

    #[test]
    fn another_workspace_is_as_if_it_were_not_there() {
        let admin = person(Role::Admin);
        let (home, other) = (admin.workspace.unwrap(), WorkspaceId::new());
        assert_eq!(admin.manages(other), Err(AuthError::WorkspaceNotFound(other)));
        assert_eq!(admin.manages(home), Ok(()));
        let member = Principal { role: Role::Member, ..admin };
        assert_eq!(member.manages(home), Err(AuthError::RoleTooLow("admin")));
        assert_eq!(member.reach(other), Err(AuthError::WorkspaceNotFound(other)));
    }

    #[test]
    fn a_role_reaches_the_workspace_its_locations_or_its_own() {
        let home = WorkspaceId::new();
        let (someone, here) = (PersonId::new(), LocationId::new());
        let with = |role| Principal::person(someone.to_string(), home, role).at([here]);
        for (role, expected) in [
            (Role::Owner, Reach::Workspace),
            (Role::Admin, Reach::Workspace),
            (Role::Manager, Reach::Locations(vec![here])),
            (Role::Member, Reach::Own(someone)),
            (Role::Guest, Reach::Own(someone)),
        ] {
            assert_eq!(with(role).reach(home), Ok(expected), "{role:?}");
        }
        let id = ApiKeyId::new();
        let key = Principal::api_key(id, home, Role::Member);
        assert_eq!(key.reach(home), Ok(Reach::Own(PersonId::from_uuid(id.uuid()))), "of nobody's");
        assert!(key.reach(WorkspaceId::new()).is_err());
        let nobody = Principal::person("someone", home, Role::Member);
        assert_eq!(nobody.reach(home), Err(AuthError::RoleTooLow("manager")));
        assert_eq!(Principal::operator().reach(home), Ok(Reach::Workspace));
        assert!(Principal::service("gateway").reach(home).is_err());
    }

    #[test]
    fn a_method_is_for_its_role_and_higher_ones_and_not_for_services() {
        let manager = Requirement::Role(pb::Role::Manager);
        for (role, is_enough) in [
            (Role::Guest, false),
            (Role::Member, false),
            (Role::Manager, true),
            (Role::Admin, true),
            (Role::Owner, true),
        ] {
            assert_eq!(person(role).meets(&manager, PATH).is_ok(), is_enough, "{role:?}");
        }
        assert_eq!(Principal::operator().meets(&manager, PATH), Ok(()));
        let gateway = Principal::service("gateway");
        assert_eq!(gateway.meets(&manager, PATH), Err(AuthError::Internal("gateway".into())));
        assert!(person(Role::Owner).meets(&Requirement::Role(pb::Role::Unspecified), PATH).is_err());
    }

    #[test]
    fn an_internal_method_is_for_the_services_that_it_names() {
        let internal = Requirement::Internal(vec!["gateway".into()]);
        assert_eq!(Principal::service("gateway").meets(&internal, PATH), Ok(()));
        for other in [Principal::service("notification"), Principal::operator()] {
            assert_eq!(other.meets(&internal, PATH), Err(AuthError::Internal(other.id.clone())));
        }
        let named_so = Principal { id: "gateway".into(), ..person(Role::Owner) };
        assert_eq!(named_so.meets(&internal, PATH), Err(AuthError::Internal("gateway".into())));
    }

    #[test]
    fn an_api_key_is_for_its_methods() {
        let needed = Requirement::Role(pb::Role::Guest);
        for (pattern, is_for_it) in [
            ("latchkey.workspace.v1.BookingService/GetBooking", true),
            ("latchkey.workspace.v1.BookingService/*", true),
            ("latchkey.workspace.v1.BookingService/Get", false),
            ("latchkey.workspace.v1.PersonService/*", false),
            ("latchkey.workspace.v1.*", false),
            ("*", false),
        ] {
            let key = person(Role::Admin).only_for(vec![pattern.into()]);
            assert_eq!(key.meets(&needed, PATH).is_ok(), is_for_it, "{pattern}");
        }
        let none = Principal { methods: Some(Vec::new()), ..person(Role::Admin) };
        assert_eq!(none.meets(&needed, PATH), Err(AuthError::MethodNotAllowed));
        assert_eq!(person(Role::Admin).only_for(Vec::new()).meets(&needed, PATH), Ok(()), "for all");
    }
}
