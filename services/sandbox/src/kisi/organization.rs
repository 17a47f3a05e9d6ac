//! One organization: its locked state, and what every change of it may need.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use domain::{Clock as _, Timestamp};

use super::model::{CardAssignmentRecord, GroupLink, Id, Login, OrganizationRecord};
use super::state::State;
use super::switches::Switches;
use crate::TwinParts;

/// What all organizations share.
pub(super) struct Shared {
    pub(super) parts: TwinParts,
    last_id: AtomicI64,
    /// Which organization a secret belongs to. May know secrets that no longer work.
    secrets: RwLock<HashMap<String, Weak<Organization>>>,
}

impl Shared {
    pub(super) fn new(parts: TwinParts) -> Self {
        Self { parts, last_id: AtomicI64::new(0), secrets: RwLock::default() }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// Ids are unique among all organizations, so that one's id never names another's object.
    pub(super) fn next_id(&self) -> Id {
        self.last_id.fetch_add(1, Ordering::AcqRel) + 1
    }

    pub(super) fn last_id(&self) -> Id {
        self.last_id.load(Ordering::Acquire)
    }

    pub(super) fn set_last_id(&self, id: Id) {
        self.last_id.store(id, Ordering::Release);
    }

    pub(super) fn by_secret(&self, secret: &str) -> Option<Arc<Organization>> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).get(secret)?.upgrade()
    }

    fn remember(&self, secret: &str, organization: &Arc<Organization>) {
        let mut secrets = self.secrets.write().unwrap_or_else(PoisonError::into_inner);
        secrets.insert(secret.to_owned(), Arc::downgrade(organization));
    }

    pub(super) fn forget(&self, secret: &str) {
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).remove(secret);
    }

    pub(super) fn forget_all(&self) {
        self.secrets.write().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One organization of the Kisi twin.
pub struct Organization {
    pub(super) id: Id,
    pub(super) shared: Arc<Shared>,
    /// Whether any route switch is set, so that requests need not lock to know.
    has_route_switches: AtomicBool,
    state: Mutex<State>,
}

impl Organization {
    pub(super) fn new(record: OrganizationRecord, switches: Switches, shared: Arc<Shared>) -> Arc<Self> {
        Self::from_state(State::new(record, switches), shared)
    }

    /// An organization as it was saved; its secrets work at once.
    pub(super) fn from_state(mut state: State, shared: Arc<Shared>) -> Arc<Self> {
        state.reindex();
        let organization = Arc::new(Self {
            id: state.organization.id,
            shared,
            has_route_switches: AtomicBool::new(!state.switches.routes.is_empty()),
            state: Mutex::new(state),
        });
        let state = organization.state();
        let secrets = state.index.login_by_secret.keys().chain(state.index.link_by_secret.keys());
        for secret in secrets {
            organization.shared.remember(secret, &organization);
        }
        drop(state);
        organization
    }

    /// Its id.
    pub fn id(&self) -> Id {
        self.id
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_route_switches(&self) -> bool {
        self.has_route_switches.load(Ordering::Acquire)
    }

    /// How it behaves where the real Kisi's behaviour is unknown or varies.
    pub fn switches(&self) -> Switches {
        self.state().switches.clone()
    }

    /// Changes how it behaves.
    pub fn set_switches(&self, switches: Switches) {
        self.has_route_switches.store(!switches.routes.is_empty(), Ordering::Release);
        self.state().switches = switches;
    }

    pub(super) fn add_login(self: &Arc<Self>, state: &mut State, login: Login) {
        self.shared.remember(&login.secret, self);
        state.insert_login(login);
    }

    /// The card is the user's, and works.
    pub(super) fn assign_card(
        &self,
        state: &mut State,
        card_id: Id,
        assignee_id: Id,
        now: Timestamp,
    ) -> CardAssignmentRecord {
        let id = self.shared.next_id();
        let assignment = CardAssignmentRecord {
            id,
            card_id,
            assignee_id,
            is_active: true,
            created_at: now,
            updated_at: now,
        };
        state.card_assignments.insert(id, assignment.clone());
        assignment
    }

    pub(super) fn add_link(self: &Arc<Self>, state: &mut State, link: GroupLink) {
        self.shared.remember(&link.secret, self);
        state.insert_link(link);
    }
}

impl std::fmt::Debug for Organization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Organization({})", self.id)
    }
}

/// A secret that nobody guesses: 128 bits in hex.
pub(super) fn new_secret() -> String {
    format!("{:032x}", rand::random::<u128>())
}
