//! Kisi's JSON by its own names; only the fields that are used. Fields that are not known are ignored.
//!
//! Source: Kisi API reference (OpenAPI document "Kisi API 1.0.0", 2026-07). Requests are wrapped in the
//! singular name of the resource; answers and lists are bare.

use std::fmt;

use domain::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// A card that was enrolled.
    CardId,
    /// That a person has a card.
    CardAssignmentId,
    /// A group: locks that are granted together.
    GroupId,
    /// A link that opens a group's locks, for whoever has it.
    GroupLinkId,
    /// A lock in a group.
    GroupLockId,
    /// A door.
    LockId,
    /// An operator's account at Kisi.
    OrganizationId,
    /// A site.
    PlaceId,
    /// A right: who, on what, as what, from when until when.
    RoleAssignmentId,
    /// A person in one organization.
    UserId,
}

/// Something that stands in a list.
pub(crate) trait Row {
    /// Its id, by which repeated rows are known.
    fn row_id(&self) -> u64;
}

macro_rules! rows {
    ($($name:ident),+) => {$(
        impl Row for $name {
            fn row_id(&self) -> u64 {
                self.id.0
            }
        }
    )+};
}

rows!(Place, Lock, Group, GroupLink, GroupLock, WireUser, WireRoleAssignment);

/// `GET /places`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Place {
    /// Its id.
    pub id: PlaceId,
    /// What it is called.
    pub name: String,
    /// IANA time zone.
    pub time_zone: Option<String>,
    /// Whether it is in lockdown: then its locks open for nobody.
    #[serde(default)]
    pub locked_down: bool,
}

/// `GET /locks`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lock {
    /// Its id.
    pub id: LockId,
    /// What it is called.
    pub name: String,
    /// The site.
    pub place_id: Option<PlaceId>,
    /// Whether hardware is assigned to it. Without, it cannot be unlocked.
    #[serde(default)]
    pub configured: bool,
    /// Whether its controller is online; `None` if Kisi does not know.
    pub online: Option<bool>,
    /// Whether it stands open, by its contact; `None` if Kisi does not know.
    pub open: Option<bool>,
    /// Whether it is unlocked; `None` if Kisi does not know.
    pub unlocked: Option<bool>,
    /// Whether it is in lockdown: then it opens for nobody.
    #[serde(default)]
    pub locked_down: bool,
    /// Whether it opens only near by.
    #[serde(default)]
    pub geofence_restriction_enabled: bool,
    /// Whether it opens only at the reader, which refuses remote unlocks.
    #[serde(default)]
    pub reader_restriction_enabled: bool,
    /// Whether it opens only by its schedule.
    #[serde(default)]
    pub time_restriction_enabled: bool,
}

/// `GET /groups`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// What it is called.
    pub name: String,
    /// The site; `None` spans the organization.
    pub place_id: Option<PlaceId>,
    /// Whether its members may unlock with an app.
    #[serde(default)]
    pub login_enabled: bool,
    /// Whether it opens only near by.
    #[serde(default)]
    pub geofence_restriction_enabled: bool,
    /// Whether it opens only at the reader, which refuses remote unlocks.
    #[serde(default)]
    pub reader_restriction_enabled: bool,
    /// Whether it opens only by its schedule.
    #[serde(default)]
    pub time_restriction_enabled: bool,
    /// Whether it opens only by a person's primary device.
    #[serde(default)]
    pub primary_device_restriction_enabled: bool,
    /// Whether it opens only by managed devices.
    #[serde(default)]
    pub managed_device_restriction_enabled: bool,
    /// Whether it opens only by a tap at the reader.
    #[serde(default)]
    pub tap_to_access_restriction_enabled: bool,
    /// How many locks it holds.
    #[serde(default)]
    pub locks_count: u64,
}

/// `POST /groups`.
#[derive(Serialize)]
pub(crate) struct NewGroup<'a> {
    pub(crate) group: NewGroupFields<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewGroupFields<'a> {
    pub(crate) name: &'a str,
    pub(crate) description: &'a str,
    pub(crate) place_id: Option<PlaceId>,
    pub(crate) login_enabled: bool,
    pub(crate) geofence_restriction_enabled: bool,
    pub(crate) primary_device_restriction_enabled: bool,
    pub(crate) reader_restriction_enabled: bool,
    pub(crate) time_restriction_enabled: bool,
}

/// `GET /group_locks`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct GroupLock {
    pub(crate) id: GroupLockId,
    pub(crate) group_id: GroupId,
    pub(crate) lock_id: LockId,
}

/// `POST /group_locks`.
#[derive(Serialize)]
pub(crate) struct NewGroupLock {
    pub(crate) group_lock: NewGroupLockFields,
}

#[derive(Serialize)]
pub(crate) struct NewGroupLockFields {
    pub(crate) group_id: GroupId,
    pub(crate) lock_id: LockId,
}

/// `GET /user`, `GET /users`. No `Debug`: it holds personal data.
#[derive(Clone, Deserialize)]
pub(crate) struct WireUser {
    pub(crate) id: UserId,
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) access_enabled: Option<bool>,
    pub(crate) notes: Option<String>,
    pub(crate) metadata: Option<Map<String, Value>>,
    /// Only in `GET /user`.
    pub(crate) organization: Option<Organization>,
}

#[derive(Clone, Deserialize)]
pub(crate) struct Organization {
    pub(crate) id: OrganizationId,
    pub(crate) name: String,
}

/// `POST /users`.
#[derive(Serialize)]
pub(crate) struct CreateUser<'a> {
    pub(crate) user: CreateUserFields<'a>,
}

/// `send_emails: false` with `confirm: true` makes a managed user, who gets no mail from Kisi and cannot
/// sign in there (Kisi docs, Managed users).
#[derive(Serialize)]
pub(crate) struct CreateUserFields<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) send_emails: bool,
    pub(crate) confirm: bool,
    pub(crate) access_enabled: bool,
    pub(crate) notes: &'a str,
    pub(crate) metadata: Map<String, Value>,
}

/// `PATCH /users/{id}`.
#[derive(Serialize)]
pub(crate) struct PatchUser<'a> {
    pub(crate) user: PatchUserFields<'a>,
}

/// What is left out stays as it is. The address can't be changed: no such field is documented.
#[derive(Serialize)]
pub(crate) struct PatchUserFields<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) access_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<&'a str>,
}

/// `GET /role_assignments`. Kisi returns a newer spelling (`assignee_*`, `applies_to_*`) beside an older
/// one (`user_id`, `group_id`), which it calls deprecated.
#[derive(Clone, Deserialize)]
pub(crate) struct WireRoleAssignment {
    pub(crate) id: RoleAssignmentId,
    pub(crate) role_id: String,
    pub(crate) assignee_type: Option<AssigneeType>,
    pub(crate) assignee_id: Option<u64>,
    pub(crate) assignee: Option<WireAssignee>,
    pub(crate) applies_to_type: Option<TargetType>,
    pub(crate) applies_to_id: Option<u64>,
    pub(crate) user_id: Option<u64>,
    pub(crate) group_id: Option<u64>,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

/// Within a role assignment. No `Debug`: it holds personal data.
#[derive(Clone, Deserialize)]
pub(crate) struct WireAssignee {
    pub(crate) name: Option<String>,
    pub(crate) email: Option<String>,
}

/// Who holds a role assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AssigneeType {
    /// A person with an account.
    User,
    /// A team of people.
    Team,
    /// A person without an account.
    Guest,
    /// A kind that is not known yet.
    #[serde(untagged)]
    Other(String),
}

/// What a role assignment applies to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetType {
    /// The whole organization.
    Organization,
    /// A site.
    Place,
    /// A group. Only these assignments have a window.
    Group,
    /// A kind that is not known yet.
    #[serde(untagged)]
    Other(String),
}

/// `POST /event_sets`: a question to the log.
#[derive(Serialize)]
pub(crate) struct NewEventSet<'a> {
    pub(crate) event_set: NewEventSetFields<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewEventSetFields<'a> {
    /// Begin and end, with a stroke in between.
    pub(crate) interval: &'a str,
    /// Several with commas.
    pub(crate) event_type: &'a str,
    #[serde(flatten)]
    pub(crate) attempts: Option<AttemptsFilter<'a>>,
}

/// Someone's events at something.
#[derive(Serialize)]
pub(crate) struct AttemptsFilter<'a> {
    pub(crate) event_object_type: &'a str,
    pub(crate) event_object_id: LockId,
    pub(crate) event_actor_type: &'a str,
    pub(crate) event_actor_id: UserId,
}

/// `POST /event_sets` and `GET /event_sets/{id}`: there are no events while it is in progress.
#[derive(Deserialize)]
pub(crate) struct EventSet {
    pub(crate) id: u64,
    pub(crate) status: EventSetStatus,
    pub(crate) cursor: Option<String>,
    #[serde(default)]
    pub(crate) events: Vec<Event>,
}

/// How far an event set is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventSetStatus {
    Finished,
    #[serde(untagged)]
    Other(String),
}

/// An event of the log.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Event {
    pub(crate) uuid: String,
    /// Such as `lock.unlock`.
    pub(crate) r#type: String,
    pub(crate) created_at: Timestamp,
    /// `User`, `GroupLink`; none of what Kisi does by itself.
    pub(crate) actor_type: Option<String>,
    pub(crate) actor_id: Option<u64>,
    pub(crate) actor_name: Option<String>,
    /// `Login`, `Card`, `GroupLink` and others.
    pub(crate) authenticated_by_type: Option<String>,
    /// Of a lock or a place.
    pub(crate) object_id: Option<u64>,
    pub(crate) object_name: Option<String>,
    #[serde(default)]
    pub(crate) message: Option<String>,
    /// Of an attempt at a door: whether it opened.
    pub(crate) success: bool,
    /// Why not.
    #[serde(default)]
    pub(crate) error_code: Option<String>,
    #[serde(default)]
    pub(crate) error_message: Option<String>,
}

/// `POST /role_assignments`.
#[derive(Serialize)]
pub(crate) struct NewRoleAssignment<'a> {
    pub(crate) role_assignment: NewRoleAssignmentFields<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewRoleAssignmentFields<'a> {
    pub(crate) assignee_type: AssigneeType,
    pub(crate) assignee_id: UserId,
    pub(crate) applies_to_type: TargetType,
    pub(crate) applies_to_id: GroupId,
    pub(crate) role_id: &'a str,
    pub(crate) notify: bool,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

/// In `GET /group_links`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct GroupLink {
    pub(crate) id: GroupLinkId,
    pub(crate) name: String,
    pub(crate) group_id: GroupId,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

/// `POST /group_links`.
#[derive(Serialize)]
pub(crate) struct NewGroupLink<'a> {
    pub(crate) group_link: NewGroupLinkFields<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewGroupLinkFields<'a> {
    pub(crate) group_id: GroupId,
    pub(crate) name: &'a str,
    /// Whom Kisi sends it to: nobody.
    pub(crate) email: Option<&'a str>,
    pub(crate) phone: Option<&'a str>,
    pub(crate) link_enabled: bool,
    pub(crate) valid_from: Option<Timestamp>,
    pub(crate) valid_until: Option<Timestamp>,
}

/// A login for someone's phone.
#[derive(Serialize)]
pub(crate) struct NewLogin<'a> {
    pub(crate) login: NewLoginFields<'a>,
}

#[derive(Serialize)]
pub(crate) struct NewLoginFields<'a> {
    pub(crate) r#type: &'static str,
    /// Whose: exactly as the user has it.
    pub(crate) email: &'a str,
    pub(crate) device_model: &'a str,
}

/// The answer to that: it alone has the secrets. No `Debug`.
#[derive(Deserialize)]
pub(crate) struct MadeLogin {
    pub(crate) id: u64,
    pub(crate) secret: SecretString,
    #[serde(default)]
    pub(crate) scram_credentials: Option<ScramCredentials>,
}

/// What a phone shows a reader. No `Debug`.
#[derive(Deserialize)]
pub(crate) struct ScramCredentials {
    pub(crate) phone_key: SecretString,
    pub(crate) online_certificate: SecretString,
}

/// The answer to that: it alone has the secret. No `Debug`.
#[derive(Deserialize)]
pub(crate) struct MadeGroupLink {
    pub(crate) id: GroupLinkId,
    pub(crate) secret: SecretString,
}
