//! What providers' own logs say of doors.

use domain::names::{IntegrationName, OperationName, WayInName};
use domain::{PersonId, Timestamp};
use proto::access::v1::{AccessLogSource, AccessReason, PassageDirection};

use super::{Action, OperationState, SpotKind};

/// That something happened at a door, as a provider's own log has it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DoorEvent {
    pub account: IntegrationName,
    pub provider: String,
    /// The provider's id of it.
    pub event_ref: String,
    /// By the provider's clock.
    pub happened_at: Timestamp,
    pub spot_kind: SpotKind,
    pub spot_ref: String,
    pub spot_name: String,
    pub action: Action,
    pub source: AccessLogSource,
    pub outcome: OperationState,
    pub reason: AccessReason,
    pub detail: String,
    pub person: Option<PersonId>,
    /// As the provider calls them.
    pub holder: String,
    pub way_in: Option<WayInName>,
    /// Our own operation, of which it is the trace.
    pub operation: Option<OperationName>,
    pub direction: PassageDirection,
}

impl DoorEvent {
    /// Whether somebody came in, as far as is known.
    pub(crate) fn lets_in(&self) -> bool {
        self.outcome == OperationState::Done
            && self.action == Action::Pulse
            && self.direction != PassageDirection::Exit
    }

    /// Whether it may be the trace of an operation: those are seen as calls, or as those of whoever has the key.
    pub(crate) fn may_be_ours(&self) -> bool {
        matches!(self.source, AccessLogSource::Provider | AccessLogSource::ProviderApp)
    }
}
