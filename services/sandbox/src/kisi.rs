//! The Kisi twin: door access for organizations of make-believe people and doors.
//!
//! Follows Kisi's API reference. Left out: members, shares, guests, teams, elevators, favourites,
//! reports, password sign-in; those routes answer as routes that do not exist. Where the real behaviour
//! is not documented or varies, [`Switches`] choose one per organization.

mod auth;
mod cards;
mod control;
mod doors;
mod error;
mod event_sets;
mod events;
mod fields;
mod group_links;
mod group_locks;
mod groups;
mod inspect;
mod integrations;
mod invites;
mod limits;
mod lists;
mod locks;
mod logins;
mod model;
mod organization;
mod organizations;
mod places;
mod role_assignments;
mod roles;
mod routes;
mod seed;
mod short;
mod state;
mod switches;
mod users;
mod webhooks;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use axum::Router;
use domain::Timestamp;
use http::StatusCode;
use http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Twin, TwinParts, Vendor};
use organization::Shared;
use state::State;

pub use inspect::{AccessWindow, Counts, InspectError, Tap, TapAnswer};
pub use model::{
    Event, GroupLink, GroupLinkRecord, GroupLockRecord, GroupRecord, Id, Integration, IntegrationRecord,
    LockRecord, Login, LoginRecord, Mail, OrganizationRecord, PlaceRecord, RoleAssignment, Target, User,
    UserRecord,
};
pub use organization::Organization;
pub use seed::{
    Config, CreatedGroup, CreatedKey, CreatedLock, CreatedOrganization, CreatedOwner, CreatedPlace, NewGroup,
    NewOrganization, NewPlace, SeedError,
};
pub use switches::{
    DuplicateAssignments, EmailChange, Refusal, RouteState, RouteSwitch, Switches, WebhookSignature,
};

/// The Kisi twin.
pub struct Kisi {
    config: Config,
    shared: Arc<Shared>,
    organizations: RwLock<Organizations>,
    /// Held while an organization is made, so that no two get one domain.
    creating: Mutex<()>,
}

#[derive(Default)]
struct Organizations {
    by_id: BTreeMap<Id, Arc<Organization>>,
    by_domain: HashMap<String, Id>,
}

#[derive(Deserialize)]
struct Saved {
    last_id: Id,
    organizations: Vec<State>,
}

impl Kisi {
    pub(crate) fn new(config: Config, parts: TwinParts) -> Self {
        let kisi = Self {
            config,
            shared: Arc::new(Shared::new(parts)),
            organizations: RwLock::default(),
            creating: Mutex::default(),
        };
        kisi.seed();
        kisi
    }

    /// Makes the configured organizations, those whose domain is there already excepted.
    fn seed(&self) {
        for organization in &self.config.organizations {
            if let Err(error) = self.create_organization(organization.clone())
                && !matches!(error, SeedError::DomainTaken(_))
            {
                tracing::error!(%error, "a configured Kisi organization was not made");
            }
        }
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }

    fn next_id(&self) -> Id {
        self.shared.next_id()
    }

    fn by_secret(&self, secret: &str) -> Option<Arc<Organization>> {
        self.shared.by_secret(secret)
    }

    /// The organization with this id.
    pub fn organization(&self, id: Id) -> Option<Arc<Organization>> {
        self.known().by_id.get(&id).cloned()
    }

    /// The organization with this domain.
    pub fn by_domain(&self, domain: &str) -> Option<Arc<Organization>> {
        let known = self.known();
        known.by_domain.get(domain).and_then(|id| known.by_id.get(id)).cloned()
    }

    /// All organizations, by id.
    pub fn organizations(&self) -> Vec<Arc<Organization>> {
        self.known().by_id.values().cloned().collect()
    }

    fn known(&self) -> RwLockReadGuard<'_, Organizations> {
        self.organizations.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, organization: Arc<Organization>) {
        let domain = organization.state().organization.domain.clone();
        let mut known = self.organizations.write().unwrap_or_else(PoisonError::into_inner);
        known.by_domain.insert(domain, organization.id());
        known.by_id.insert(organization.id(), organization);
    }

    fn clear(&self) {
        *self.organizations.write().unwrap_or_else(PoisonError::into_inner) = Organizations::default();
        self.shared.forget_all();
        self.shared.set_last_id(0);
    }
}

impl Twin for Kisi {
    fn vendor(&self) -> Vendor {
        Vendor::Kisi
    }

    fn router(self: Arc<Self>) -> Router {
        routes::router(self)
    }

    fn control(self: Arc<Self>) -> Router {
        control::router(self)
    }

    fn account(&self, request: &Parts) -> Option<String> {
        let credential = auth::Credential::of(&request.headers)?;
        Some(self.by_secret(credential.secret())?.id().to_string())
    }

    fn error_body(&self, status: StatusCode) -> Value {
        error::ApiError::general_body(status)
    }

    fn save(&self) -> Result<Value, serde_json::Error> {
        #[derive(Serialize)]
        struct Saving {
            last_id: Id,
            organizations: Vec<Value>,
        }
        let organizations = self.organizations().into_iter().map(|o| serde_json::to_value(&*o.state()));
        let organizations = organizations.collect::<Result<_, _>>()?;
        // Read last: no saved object has a later id.
        serde_json::to_value(Saving { last_id: self.shared.last_id(), organizations })
    }

    fn restore(&self, saved: Value) -> Result<(), serde_json::Error> {
        let saved: Saved = serde_json::from_value(saved)?;
        self.clear();
        self.shared.set_last_id(saved.last_id);
        for state in saved.organizations {
            self.insert(Organization::from_state(state, self.shared.clone()));
        }
        self.seed();
        Ok(())
    }

    fn reset(&self) {
        self.clear();
        self.seed();
    }
}
