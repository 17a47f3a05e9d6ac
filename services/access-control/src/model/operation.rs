//! Operations of doors, and lockdowns.

use domain::{LocationId, LockdownId, OperationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::AccessReason;

use crate::control::Account;

chassis::text_enum! {
    /// What a door is told.
    pub(crate) enum Action {
        Pulse = "pulse",
        HoldOpen = "hold_open",
        Lock = "lock",
        LockDown = "lock_down",
        LiftLockdown = "lift_lockdown",
    }
}

chassis::text_enum! {
    /// What came of an operation.
    pub(crate) enum OperationState {
        UnderWay = "under_way",
        Done = "done",
        Refused = "refused",
        Failed = "failed",
        Unknown = "unknown",
    }
}

chassis::text_enum! {
    /// By what an operation was asked for: what the person is entitled to, their role, a lockdown, or by itself, for a
    /// door's hours or a booking.
    pub(crate) enum OperationSource {
        App = "app",
        Admin = "admin",
        Emergency = "emergency",
        Schedule = "schedule",
        Booking = "booking",
    }
}

impl OperationSource {
    /// Whether nobody asked for it.
    pub(crate) fn is_by_itself(self) -> bool {
        matches!(self, Self::Schedule | Self::Booking)
    }
}

chassis::text_enum! {
    /// What is told: one door, or a place with all of its doors.
    pub(crate) enum SpotKind { Door = "door", Place = "place" }
}

/// Something that a door was told on demand, or was not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operation {
    pub workspace: WorkspaceId,
    pub id: OperationId,
    /// The principal that asked; empty: nobody did.
    pub caller: String,
    /// The same, if it is a person.
    pub person: Option<PersonId>,
    pub source: OperationSource,
    pub request_id: Option<String>,
    /// The lockdown that it is of.
    pub lockdown: Option<LockdownId>,
    pub action: Action,
    /// For a pulse: how long.
    pub pulse_ms: Option<i64>,
    pub hold_until: Option<Timestamp>,
    pub location: LocationId,
    pub provider: String,
    /// `None`: none was known.
    pub account: Option<Account>,
    pub spot_kind: SpotKind,
    pub spot_ref: String,
    pub spot_name: String,
    pub state: OperationState,
    pub reason: AccessReason,
    /// When that begins, ends or happens.
    pub reason_time: Option<Timestamp>,
    /// What the provider said.
    pub detail: String,
    pub held_until: Option<Timestamp>,
    pub begun_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// When it is looked up what became of it.
    pub check_at: Option<Timestamp>,
}

impl Operation {
    /// Whether someone had a door held open or locked: the door's schedule takes it into account.
    pub(crate) fn is_lasting_by_hand(&self) -> bool {
        matches!(self.action, Action::HoldOpen | Action::Lock) && !self.source.is_by_itself()
    }

    /// What came of it, and why.
    pub(crate) fn outcome(&self) -> (OperationState, AccessReason) {
        (self.state, self.reason)
    }
}

/// Nobody opens a door there until it is lifted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lockdown {
    pub workspace: WorkspaceId,
    pub id: LockdownId,
    /// `None`: the whole workspace.
    pub location: Option<LocationId>,
    pub begun_at: Timestamp,
    pub lifted_at: Option<Timestamp>,
    /// Who wanted it so last: the principal.
    pub caller: String,
    /// The same, if it is a person.
    pub person: Option<PersonId>,
}

impl Lockdown {
    /// Whether it is about a location.
    pub(crate) fn covers(&self, location: LocationId) -> bool {
        self.location.is_none_or(|of| of == location)
    }
}
