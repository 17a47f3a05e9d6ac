//! What the Kisi twin stores, by the vendor's names. A `…Record` holds exactly the plain fields that the
//! vendor shows; what it hides (secrets, how a user came to be) stands beside the record.

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Kisi's ids are integers.
pub type Id = i64;

/// A field that the vendor has and the twin always shows as `null`.
pub(super) type Null = Option<()>;

/// Kisi API reference, Organizations.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OrganizationRecord {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// By which people sign in; unique among all organizations.
    pub domain: String,
    /// IANA name.
    pub time_zone: String,
    /// Seconds after which an unused device login expires.
    pub device_logins_expire_after: i64,
    /// The owner.
    pub user_id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Kisi API reference, Places.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlaceRecord {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Postal address.
    pub address: String,
    /// Degrees.
    pub latitude: Option<f64>,
    /// Degrees.
    pub longitude: Option<f64>,
    /// IANA name.
    pub time_zone: String,
    /// Nobody gets in while set.
    pub locked_down: bool,
    /// Since when.
    pub locked_down_since: Option<Timestamp>,
    /// Whose.
    pub organization_id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Kisi API reference, Locks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LockRecord {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether hardware was set up for it.
    pub configured: bool,
    /// Whether its controller is reachable; unknown for some.
    pub online: Option<bool>,
    /// Nobody gets in while set.
    pub locked_down: bool,
    /// Since when.
    pub locked_down_since: Option<Timestamp>,
    /// Somebody must have come in first.
    pub first_to_arrive_satisfied: bool,
    /// Degrees.
    pub latitude: Option<f64>,
    /// Degrees.
    pub longitude: Option<f64>,
    /// The app unlocks only near the door.
    pub geofence_restriction_enabled: bool,
    /// How near, in metres.
    pub geofence_restriction_radius: f64,
    /// The app unlocks only with proof of being at the reader.
    pub reader_restriction_enabled: bool,
    /// Unlocks only during its schedule.
    pub time_restriction_enabled: bool,
    /// Where it is.
    pub place_id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Kisi API reference, Groups.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupRecord {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Whether its people may unlock from the app.
    pub login_enabled: bool,
    /// The app unlocks only near the door.
    pub geofence_restriction_enabled: bool,
    /// How near, in metres.
    pub geofence_restriction_radius: f64,
    /// Only a person's primary device unlocks.
    pub primary_device_restriction_enabled: bool,
    /// Only managed devices unlock.
    pub managed_device_restriction_enabled: bool,
    /// The app unlocks only with proof of being at the reader.
    pub reader_restriction_enabled: bool,
    /// Unlocks only during its schedule.
    pub time_restriction_enabled: bool,
    /// No unlocking from within the app.
    pub tap_to_access_restriction_enabled: bool,
    /// The place it belongs to; none for a group of the whole organization.
    pub place_id: Option<Id>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Kisi API reference, Group locks: a door that a group opens.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupLockRecord {
    /// Its id.
    pub id: Id,
    /// The group.
    pub group_id: Id,
    /// The door.
    pub lock_id: Id,
    /// The door's place.
    pub place_id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Kisi API reference, Users.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UserRecord {
    /// Its id.
    pub id: Id,
    /// The person's name.
    pub name: Option<String>,
    /// The person's address, as it was given.
    pub email: String,
    /// An image's address.
    pub image: Option<String>,
    /// False for a suspended user.
    pub access_enabled: bool,
    /// Last successful unlock.
    pub last_accessed_at: Option<Timestamp>,
    /// Whether the user may sign in with a password.
    pub password_flow_enabled: bool,
    /// Free text.
    pub notes: Option<String>,
    /// The integrator's own values.
    pub metadata: Map<String, Value>,
    /// Whose.
    pub organization_id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A user and how it came to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct User {
    /// What the vendor shows.
    pub record: UserRecord,
    /// Made with `send_emails: false` and `confirm: true`: no sign-up and no mail from Kisi.
    pub managed: bool,
    /// Whether the address was confirmed.
    pub confirmed: bool,
    /// Since when it is suspended.
    pub suspended_at: Option<Timestamp>,
}

/// Who holds a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Target {
    /// In the whole organization.
    Organization(Id),
    /// In a place.
    Place(Id),
    /// In a group.
    Group(Id),
}

impl Target {
    /// The vendor's name of its kind.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Organization(_) => "Organization",
            Self::Place(_) => "Place",
            Self::Group(_) => "Group",
        }
    }

    /// Its id.
    pub fn id(self) -> Id {
        match self {
            Self::Organization(id) | Self::Place(id) | Self::Group(id) => id,
        }
    }
}

/// Kisi API reference, Role assignments: a user's role somewhere, in a group during a window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RoleAssignment {
    /// Its id.
    pub id: Id,
    /// Who.
    pub user_id: Id,
    /// Where.
    pub target: Target,
    /// Which role.
    pub role_id: String,
    /// Whether the person was to be mailed.
    pub notify: bool,
    /// First moment of the right; none: since ever.
    pub valid_from: Option<Timestamp>,
    /// First moment after the right; none: for ever.
    pub valid_until: Option<Timestamp>,
    /// The user whose key made it.
    pub created_by_id: Option<Id>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Kisi API reference, Logins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoginRecord {
    /// Its id.
    pub id: Id,
    /// `api` or `device`.
    pub r#type: String,
    /// Its name.
    pub name: Option<String>,
    /// Whether it is the user's primary device.
    pub primary: bool,
    /// Whether it expires when unused.
    pub expire: bool,
    /// Last request with it.
    pub last_used_at: Option<Timestamp>,
    /// The phone's maker.
    pub device_brand: Option<String>,
    /// The phone's model.
    pub device_model: Option<String>,
    /// The phone's system.
    pub os_name: Option<String>,
    /// Whose.
    pub user_id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A login and its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Login {
    /// What the vendor shows.
    pub record: LoginRecord,
    /// What stands after `KISI-LOGIN`.
    pub secret: String,
}

impl Login {
    pub(super) fn is_api(&self) -> bool {
        self.record.r#type == "api"
    }

    /// The time by which its use is told.
    pub(super) fn used_at(&self) -> Timestamp {
        self.record.last_used_at.unwrap_or(self.record.created_at)
    }
}

/// Kisi API reference, Cards.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CardRecord {
    /// Its id.
    pub(super) id: Id,
    /// Such as `mifare_desfire`.
    pub(super) r#type: String,
    /// What is printed on it.
    pub(super) token: String,
    /// Last use at a reader.
    pub(super) last_used_at: Option<Timestamp>,
    /// When it was enrolled.
    pub(super) created_at: Timestamp,
    /// When it was last changed.
    pub(super) updated_at: Timestamp,
}

/// Kisi API reference, Cards: who has one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CardAssignmentRecord {
    /// Its id.
    pub(super) id: Id,
    /// Which card.
    pub(super) card_id: Id,
    /// Whose.
    pub(super) assignee_id: Id,
    /// Whether it opens anything.
    pub(super) is_active: bool,
    /// When it was made.
    pub(super) created_at: Timestamp,
    /// When it was last changed.
    pub(super) updated_at: Timestamp,
}

impl CardAssignmentRecord {
    pub(super) fn status(&self) -> &'static str {
        if self.is_active { "activated" } else { "deactivated" }
    }
}

/// Kisi API reference, Group links: access without an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupLinkRecord {
    /// Its id.
    pub id: Id,
    /// Its name; events show it.
    pub name: String,
    /// Where Kisi mailed it to.
    pub email: Option<String>,
    /// Where Kisi texted it to.
    pub phone: Option<String>,
    /// Last unlock with it.
    pub last_used_at: Option<Timestamp>,
    /// Whether the address works; if not, only the QR code does.
    pub link_enabled: bool,
    /// `online`, `offline` or none.
    pub quick_response_code_type: Option<String>,
    /// First moment of the right.
    pub valid_from: Option<Timestamp>,
    /// First moment after the right.
    pub valid_until: Option<Timestamp>,
    /// The group whose doors it opens.
    pub group_id: Id,
    /// The user whose key made it.
    pub created_by_id: Option<Id>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A group link and its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GroupLink {
    /// What the vendor shows.
    pub record: GroupLinkRecord,
    /// What stands after `KISI-GROUP-LINK`.
    pub secret: String,
}

/// Kisi API reference, Integrations of type `event_webhook`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct IntegrationRecord {
    /// Its id.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Always `event_webhook` here.
    pub r#type: String,
    /// Whether events are sent.
    pub enabled: bool,
    /// Switched off by Kisi because of failures.
    pub disabled_due_to_error: bool,
    /// Since when.
    pub disabled_due_to_error_at: Option<Timestamp>,
    /// Where events go.
    pub url: String,
    /// Which events; empty: all.
    pub enabled_events: Vec<String>,
    /// Whose.
    pub organization_id: Id,
    /// Only events of this place.
    pub place_id: Option<Id>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An integration, its key, and how its deliveries went.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Integration {
    /// What the vendor shows.
    pub record: IntegrationRecord,
    /// With which deliveries are signed. Never shown.
    pub signature_key: Option<String>,
    /// Deliveries that failed one after the other.
    pub failures: u32,
    /// Deliveries so far, for the switches that act on every nth.
    pub deliveries: u64,
}

/// A mail or text that Kisi would have sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Mail {
    /// The address or number.
    pub to: String,
    /// `user`, `role_assignment`, `invite`, `group_link` or `organizations`.
    pub about: String,
    /// When.
    pub at: Timestamp,
}

/// Kisi API reference, Events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// By which it is told apart.
    pub uuid: String,
    /// Such as `lock.unlock`.
    pub r#type: String,
    /// `User`, `GroupLink` or none.
    pub actor_type: Option<String>,
    /// Who did it.
    pub actor_id: Option<Id>,
    /// The actor's name.
    pub actor_name: Option<String>,
    /// The actor's address.
    pub actor_email: Option<String>,
    /// `Login`, `Card`, `GroupLink` or none.
    pub authenticated_by_type: Option<String>,
    /// With what.
    pub authenticated_by_id: Option<Id>,
    /// `RoleAssignment`, `GroupLink` or none.
    pub authorized_by_type: Option<String>,
    /// By what right.
    pub authorized_by_id: Option<Id>,
    /// By what role.
    pub authorized_by_role_id: Option<String>,
    /// Such as `Lock`.
    pub object_type: String,
    /// To what.
    pub object_id: Id,
    /// Its name.
    pub object_name: Option<String>,
    /// Such as `unlock`.
    pub action: String,
    /// When.
    pub created_at: Timestamp,
    /// Text for people.
    pub message: String,
    /// Whether it succeeded.
    pub success: bool,
    /// As `error_code`.
    pub code: Option<String>,
    /// Counts up within an organization.
    pub sequence: i64,
    /// Whose.
    pub organization_id: Id,
    /// Where.
    pub place_id: Option<Id>,
    /// Why it failed.
    pub error_code: Option<String>,
    /// Why it failed, for people.
    pub error_message: Option<String>,
}
