//! What this service knows, as plain values. No IO.

mod card;
mod door_event;
mod door_schedule;
mod door_setting;
mod log;
mod operation;

use std::collections::HashSet;

use domain::names::{IntegrationName, LocationName, PassProductName, PlanName, ResourceName};
use domain::{
    DoorMappingId, DriftId, GrantId, IntegrationId, LocationId, PassProductId, PersonId, PlanId,
    ProviderUserId, ResourceId, Timestamp, WayInId, Window, WorkspaceId,
};
use proto::access::v1::{AccessReason, PreflightFinding};
use uuid::Uuid;

pub(crate) use self::card::{Card, CardErrand, CardPlace, CardState};
pub(crate) use self::door_event::DoorEvent;
pub(crate) use self::door_schedule::{DoorSchedule, Holiday, source_of};
pub(crate) use self::door_setting::DoorSetting;
pub(crate) use self::log::{LogFilter, PresenceSearch, RETENTION_DAYS, RETENTION_DAYS_DEFAULT};
pub(crate) use self::operation::{Action, Lockdown, Operation, OperationSource, OperationState, SpotKind};
use crate::engine::{Hours, Ledger, Observed, Policy, UserLedger, WayInLedger};
use crate::preflight::Stage;

/// The longest lead and the longest lag: a day.
pub(crate) const MINUTES_MAX: i32 = 1_440;

chassis::text_enum! {
    /// One door, or a provider's set of doors.
    pub(crate) enum TargetKind { Group = "group", Lock = "lock" }
}

/// A door or group at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// Where it is.
    pub location: LocationId,
    pub provider: String,
    pub kind: TargetKind,
    /// The provider's id.
    pub provider_ref: String,
    /// What it is called over there.
    pub display_name: String,
}

chassis::text_enum! {
    /// What kind of thing doors are mapped to.
    pub(crate) enum SubjectKind {
        Resource = "resource",
        PassProduct = "pass_product",
        Plan = "plan",
        Location = "location",
    }
}

/// What doors are mapped to: whoever is entitled to it gets them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SubjectKey {
    pub kind: SubjectKind,
    pub id: Uuid,
}

impl SubjectKey {
    /// Its name in the API.
    pub(crate) fn name(self, workspace: WorkspaceId) -> String {
        let id = self.id;
        match self.kind {
            SubjectKind::Resource => ResourceName { workspace, id: ResourceId::from_uuid(id) }.to_string(),
            SubjectKind::PassProduct => {
                PassProductName { workspace, id: PassProductId::from_uuid(id) }.to_string()
            }
            SubjectKind::Plan => PlanName { workspace, id: PlanId::from_uuid(id) }.to_string(),
            SubjectKind::Location => LocationName { workspace, id: LocationId::from_uuid(id) }.to_string(),
        }
    }
}

/// What one is let in by.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// By all that the resource is mapped to.
    Resource(ResourceId),
    /// By all that the pass product is mapped to.
    PassProduct(PassProductId),
    /// By all that the plan is mapped to.
    Plan(PlanId),
    /// By all that the location as a whole is mapped to, such as its main entrance.
    Location(LocationId),
    /// By this door or group.
    Target(Target),
}

impl Subject {
    /// What the doors are mapped to that it opens; `None` for a door itself.
    pub(crate) fn key(&self) -> Option<SubjectKey> {
        let (kind, id) = match self {
            Self::Resource(id) => (SubjectKind::Resource, id.uuid()),
            Self::PassProduct(id) => (SubjectKind::PassProduct, id.uuid()),
            Self::Plan(id) => (SubjectKind::Plan, id.uuid()),
            Self::Location(id) => (SubjectKind::Location, id.uuid()),
            Self::Target(_) => return None,
        };
        Some(SubjectKey { kind, id })
    }
}

impl Subject {
    /// The resource that it is, if it is one, with its workspace.
    pub(crate) fn resource(&self, workspace: WorkspaceId) -> Option<(WorkspaceId, ResourceId)> {
        match self {
            Self::Resource(id) => Some((workspace, *id)),
            Self::PassProduct(_) | Self::Plan(_) | Self::Location(_) | Self::Target(_) => None,
        }
    }
}

impl From<SubjectKey> for Subject {
    fn from(SubjectKey { kind, id }: SubjectKey) -> Self {
        match kind {
            SubjectKind::Resource => Self::Resource(ResourceId::from_uuid(id)),
            SubjectKind::PassProduct => Self::PassProduct(PassProductId::from_uuid(id)),
            SubjectKind::Plan => Self::Plan(PlanId::from_uuid(id)),
            SubjectKind::Location => Self::Location(LocationId::from_uuid(id)),
        }
    }
}

/// Which door belongs to a subject.
#[derive(Debug, Clone)]
pub(crate) struct DoorMapping {
    pub id: DoorMappingId,
    pub subject: SubjectKey,
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
    pub account: IntegrationId,
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

/// The same for one location; `None`: as the workspace has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LocationSettings {
    pub lead_minutes: Option<i32>,
    pub lag_minutes: Option<i32>,
    /// Whether people have another way in sent when their own access is not confirmed in time.
    pub sends_way_in: bool,
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
    /// Whether they are no longer of the workspace, which is more than paused.
    pub is_removed: bool,
    /// Whether they are there for a visit alone, as a guest.
    pub is_guest: bool,
    /// The version at which they last got another name or address.
    pub contact_version: i64,
}

/// That a person may enter during a window.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entitlement {
    pub person: PersonId,
    pub subject: Subject,
    pub window: Window,
    /// Only at these hours of it; `None`: at all.
    pub hours: Option<Hours>,
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
    /// The location whose own integration serves it; `None`: the workspace's does.
    pub served_by: Option<LocationId>,
    pub desired: Option<Window>,
    pub ledger: Ledger,
    /// The contact version that the last command told.
    pub told_contact: i64,
    /// The contact version by which the provider knows the person.
    pub known_contact: i64,
    /// Why the provider does not have what is wanted; `None` if nothing is wrong.
    pub problem: Option<AccessReason>,
    /// The same in words; empty if nothing is wrong.
    pub last_error: String,
    pub next_check_at: Option<domain::Timestamp>,
    /// Since when it stands so; `None` if it never stood otherwise.
    pub changed_at: Option<Timestamp>,
}

/// Which grants: those that all of it covers.
#[derive(Debug, Clone, Default)]
pub(crate) struct GrantFilter {
    pub person: Option<PersonId>,
    pub target: Option<Target>,
    /// Those that this leads to.
    pub source: Option<SourceKey>,
}

/// What becomes of a provider's users whose people have no access there any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAccessPolicy {
    pub provider: String,
    /// `None`: they are kept.
    pub policy: Option<Policy>,
    /// Whether users that Latchkey did not make are meant, too.
    pub includes_foreign: bool,
}

impl NoAccessPolicy {
    /// Nothing becomes of them.
    pub(crate) fn keep(provider: &str) -> Self {
        Self { provider: provider.to_owned(), policy: None, includes_foreign: false }
    }
}

/// The user that a provider takes a person for: a whole row.
#[derive(Debug, Clone)]
pub(crate) struct ProviderUser {
    pub workspace: WorkspaceId,
    pub id: ProviderUserId,
    pub person: PersonId,
    pub provider: String,
    /// The location whose own integration is used; `None`: the workspace's is.
    pub served_by: Option<LocationId>,
    pub ledger: UserLedger,
    /// Why it is kept, or why the last command failed.
    pub reason: String,
    pub next_check_at: Option<Timestamp>,
}

/// Another way in than someone's own access.
#[derive(Debug, Clone)]
pub(crate) struct WayIn {
    pub workspace: WorkspaceId,
    pub id: WayInId,
    /// What is not confirmed.
    pub grant: GrantId,
    pub person: PersonId,
    pub target: Target,
    /// The location whose own integration is used; `None`: the workspace's is.
    pub served_by: Option<LocationId>,
    /// Because of what.
    pub source: SourceKey,
    /// When that begins.
    pub source_starts_at: Timestamp,
    /// When it opens.
    pub window: Window,
    pub ledger: WayInLedger,
    /// Why the last command failed.
    pub reason: String,
    /// `None`: it is over and done with.
    pub next_check_at: Option<Timestamp>,
}

/// A door or group as its provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedDoor {
    pub kind: TargetKind,
    pub provider_ref: String,
    pub display_name: String,
    /// What of the provider's own may keep people out there.
    pub warnings: Vec<String>,
}

/// All that an account has, or a part of it.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub account: IntegrationName,
    pub version: i64,
    pub listed_at: Timestamp,
    /// Which part, from 1 to `part_count`.
    pub part: i32,
    pub part_count: i32,
    pub doors: Vec<ListedDoor>,
}

/// What stands between a mapping and its door.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Health {
    /// Why it leads nowhere; `None`: it leads somewhere, as far as is known.
    pub broken: Option<String>,
    pub warnings: Vec<String>,
}

chassis::text_enum! {
    /// How a provider differs from what it should have.
    pub(crate) enum DriftKind {
        /// What was given is not there any more.
        Missing = "missing",
        /// What was given has another window.
        Changed = "changed",
        /// No grant is for it, where Latchkey alone gives access.
        Unwanted = "unwanted",
        /// Someone else gave it.
        Foreign = "foreign",
    }
}

/// A comparison of an account with what it should have.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub account: IntegrationName,
    pub provider: String,
    /// Counts up with each of the account's.
    pub number: i64,
    pub began_at: Timestamp,
    pub ended_at: Timestamp,
}

/// A turn and what came of it.
#[derive(Debug, Clone)]
pub(crate) struct Reconciled {
    pub turn: Turn,
    pub outcome: TurnOutcome,
}

/// What came of a turn.
#[derive(Debug, Clone)]
pub(crate) enum TurnOutcome {
    /// What it found in all, and a part of that.
    Whole(Comparison, Vec<Report>),
    /// Why it could not read all.
    Failed(String),
}

impl Reconciled {
    /// What it found, as far as it is told here.
    pub(crate) fn reports(&self) -> &[Report] {
        match &self.outcome {
            TurnOutcome::Whole(_, reports) => reports,
            TurnOutcome::Failed(_) => &[],
        }
    }
}

/// What a turn found, in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Comparison {
    pub rights: i32,
    pub missing: i32,
    pub changed: i32,
    pub unwanted: i32,
    pub foreign: i32,
}

impl Comparison {
    /// All differences.
    pub(crate) fn drifts(self) -> i64 {
        [self.missing, self.changed, self.unwanted, self.foreign].map(i64::from).iter().sum()
    }
}

/// A difference as an adapter saw it.
#[derive(Debug, Clone)]
pub(crate) struct Sighting {
    pub kind: DriftKind,
    pub target_kind: TargetKind,
    pub target_ref: String,
    pub target_name: String,
    pub grant: Option<GrantId>,
    pub person: Option<PersonId>,
    pub holder: String,
    pub provider_ref: String,
    pub expected: Option<Window>,
    pub found_from: Option<Timestamp>,
    pub found_until: Option<Timestamp>,
}

/// A sighting, and of which of the grant's commands the outcome is not there.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    pub sighting: Sighting,
    pub generation: i64,
}

impl Report {
    /// What the provider has in place of what it should.
    pub(crate) fn found(&self) -> Observed {
        if self.sighting.kind == DriftKind::Missing {
            return Observed::Nothing;
        }
        let window = self.sighting.found_from.zip(self.sighting.found_until);
        // Without a begin or an end it is no window of ours, whatever else.
        window
            .and_then(|(from, until)| Window::new(from, until).ok())
            .map_or(Observed::Unknown, Observed::Holds)
    }
}

/// A difference that was seen, by one turn or several.
#[derive(Debug, Clone)]
pub(crate) struct Drift {
    pub id: DriftId,
    pub account: IntegrationId,
    pub provider: String,
    pub sighting: Sighting,
    pub last_turn: i64,
    pub first_seen_at: Timestamp,
    pub last_seen_at: Timestamp,
    /// When it was repaired, or was there no more.
    pub ended_at: Option<Timestamp>,
}

/// How an account was last compared.
#[derive(Debug, Clone)]
pub(crate) struct Reconciliation {
    pub account: IntegrationId,
    pub provider: String,
    /// From when until when, and what it found.
    pub whole: Option<(Timestamp, Timestamp, Comparison)>,
    /// When a later one failed, and why.
    pub failed: Option<(Timestamp, String)>,
}

/// What a check ahead found.
#[derive(Debug, Clone)]
pub(crate) struct PreflightCheck {
    pub id: Uuid,
    pub source: SourceKey,
    pub stage: Stage,
    pub starts_at: Timestamp,
    pub checked_at: Timestamp,
    /// What is not in order comes first.
    pub findings: Vec<PreflightFinding>,
}

impl PreflightCheck {
    /// Whether there is nothing to be done.
    pub(crate) fn is_in_order(&self) -> bool {
        self.findings.iter().all(|finding| finding.is_in_order)
    }
}
