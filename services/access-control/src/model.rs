//! What this service knows, as plain values. No IO.

use std::collections::HashSet;

use domain::{DoorMappingId, GrantId, LocationId, PersonId, ResourceId, Window, WorkspaceId};
use uuid::Uuid;

use crate::engine::Ledger;

/// The longest lead and the longest lag: a day.
pub(crate) const MINUTES_MAX: i32 = 1_440;

chassis::text_enum! {
    /// One door, or a provider's set of doors.
    pub(crate) enum TargetKind { Group = "group", Lock = "lock" }
}

/// A door or group at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// Whose credentials are used.
    pub location: LocationId,
    pub provider: String,
    pub kind: TargetKind,
    /// The provider's id.
    pub provider_ref: String,
    /// What it is called over there.
    pub display_name: String,
}

/// Which door belongs to a resource.
#[derive(Debug, Clone)]
pub(crate) struct DoorMapping {
    pub id: DoorMappingId,
    pub resource: ResourceId,
    pub target: Target,
    pub lead_minutes: Option<i32>,
    pub lag_minutes: Option<i32>,
    /// Whether it is followed: its integration decides.
    pub is_active: bool,
}

/// An integration as the integrations service last told it.
#[derive(Debug, Clone)]
pub(crate) struct Integration {
    pub workspace: WorkspaceId,
    pub provider: String,
    /// `None`: for the whole workspace.
    pub location: Option<LocationId>,
    pub version: i64,
    /// Whether mappings are followed.
    pub is_active: bool,
    /// Whether the provider takes its values.
    pub is_connected: bool,
}

/// How windows are widened where a mapping does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub lead_minutes: i32,
    pub lag_minutes: i32,
}

/// A person as the workspace service last told them.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub workspace: WorkspaceId,
    pub id: PersonId,
    pub version: i64,
    pub display_name: String,
    /// Empty if they have none.
    pub email: String,
    pub is_active: bool,
}

/// What one is let in by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// By all that the resource is mapped to.
    Resource(ResourceId),
    /// By this door or group.
    Target(Target),
}

/// That a person may enter during a window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entitlement {
    pub person: PersonId,
    pub subject: Subject,
    pub window: Window,
}

/// What gives entitlements: one booking, for example.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceKey {
    pub workspace: WorkspaceId,
    pub kind: String,
    /// Unique among those of its kind.
    pub id: Uuid,
}

/// A source as it is at one of its versions.
#[derive(Debug, Clone)]
pub(crate) struct SourceFacts {
    pub source: SourceKey,
    pub version: i64,
    /// Whom it speaks of.
    pub people: Vec<Person>,
    /// All that it gives.
    pub entitlements: HashSet<Entitlement>,
}

/// A grant's whole row.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub workspace: WorkspaceId,
    pub id: GrantId,
    pub person: PersonId,
    pub target: Target,
    pub desired: Option<Window>,
    pub ledger: Ledger,
    /// Why the provider does not have what is wanted; empty if nothing is wrong.
    pub last_error: String,
    pub next_check_at: Option<domain::Timestamp>,
}
