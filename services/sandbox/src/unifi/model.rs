//! What a console keeps.

use std::collections::{BTreeMap, BTreeSet};

use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// A token of the API.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Token {
    /// What it is called: the actor of what is done with it.
    pub name: String,
    /// Its permission keys, such as `view:space`. None: all of them.
    pub scopes: Option<BTreeSet<String>>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
}

/// A door that the twin starts with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DoorSeed {
    /// What it is called.
    pub name: String,
    /// Its id; none: a new one.
    #[serde(default)]
    pub id: Option<String>,
    /// Whether it has a hub. Without one it can't be unlocked.
    #[serde(default = "yes")]
    pub is_bind_hub: bool,
    /// Whether its reader takes PINs.
    #[serde(default = "yes")]
    pub takes_pins: bool,
    /// For how many seconds its hub unlocks it.
    #[serde(default = "five")]
    pub unlock_seconds: u32,
}

/// A group of doors that the twin starts with.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSeed {
    /// What it is called.
    pub name: String,
    /// Its id; none: a new one.
    #[serde(default)]
    pub id: Option<String>,
    /// Names of its doors.
    pub doors: Vec<String>,
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Door {
    pub id: String,
    pub name: String,
    pub is_bind_hub: bool,
    pub takes_pins: bool,
    pub is_online: bool,
    pub unlock_seconds: u32,
    /// As the sensor says: `open`, `close`, `none`, or nothing.
    pub position: Option<String>,
    pub unlocked_until: Option<Timestamp>,
    pub rule: Option<Rule>,
    /// Of the hub and the reader: MAC addresses without colons.
    pub devices: [String; 2],
}

impl Door {
    /// The rule that holds, if one does.
    pub(super) fn rule_at(&self, now: Timestamp) -> Option<&Rule> {
        self.rule.as_ref().filter(|rule| now < rule.ends_at)
    }

    /// Whether a rule holds it open.
    pub(super) fn is_held_open(&self, now: Timestamp) -> bool {
        self.rule_at(now).is_some_and(|rule| matches!(rule.kind, RuleKind::KeepUnlock | RuleKind::Custom))
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Rule {
    pub kind: RuleKind,
    pub ends_at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RuleKind {
    KeepLock,
    KeepUnlock,
    Custom,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Group {
    pub name: String,
    pub doors: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Resource {
    pub id: String,
    pub r#type: ResourceKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ResourceKind {
    Door,
    DoorGroup,
}

/// A day's hours, as `HH:MM:SS`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hours {
    pub start_time: chrono::NaiveTime,
    pub end_time: chrono::NaiveTime,
}

/// By `sunday` to `saturday`.
pub(super) type Week = BTreeMap<String, Vec<Hours>>;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Visitor {
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    pub remarks: String,
    pub mobile_phone: String,
    pub email: String,
    pub visitor_company: String,
    pub visit_reason: String,
    pub created_at: i64,
    pub start_time: i64,
    pub end_time: i64,
    /// As they were asked for.
    pub resources: Vec<Resource>,
    /// Of the group that the console makes of its single doors; not listed.
    pub group_id: String,
    pub schedule_id: String,
    pub week_schedule: Option<Week>,
    pub is_cancelled: bool,
    pub has_come: bool,
    pub pin: Option<Pin>,
    /// By which it was last told.
    pub status_told: Option<VisitorStatus>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum VisitorStatus {
    Upcoming,
    Visited,
    Visiting,
    Cancelled,
    NoVisit,
    Active,
}

impl VisitorStatus {
    /// In the list's filter.
    pub(super) fn number(self) -> usize {
        match self {
            Self::Upcoming => 1,
            Self::Visited => 2,
            Self::Visiting => 3,
            Self::Cancelled => 4,
            Self::NoVisit => 5,
            Self::Active => 6,
        }
    }
}

impl Visitor {
    pub(super) fn status(&self, now: Timestamp) -> VisitorStatus {
        let now = now.timestamp();
        match (self.is_cancelled, self.has_come) {
            (true, _) => VisitorStatus::Cancelled,
            _ if now < self.start_time => VisitorStatus::Upcoming,
            (_, true) if now < self.end_time => VisitorStatus::Visiting,
            (_, false) if now < self.end_time => VisitorStatus::Active,
            (_, true) => VisitorStatus::Visited,
            (_, false) => VisitorStatus::NoVisit,
        }
    }
}

/// Somebody who comes for good.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct User {
    pub id: String,
    pub first_name: String,
    pub last_name: String,
    pub user_email: String,
    pub employee_number: String,
    pub is_active: bool,
    pub policy_ids: Vec<String>,
    pub pin: Option<Pin>,
}

/// Where users may enter, and at which hours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Policy {
    pub name: String,
    pub resources: Vec<Resource>,
    pub schedule_id: String,
}

/// Hours of policies.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Schedule {
    pub name: String,
    pub week: Week,
}

/// A PIN, and what reading shows of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pin {
    pub code: String,
    pub token: String,
}

/// A card that the console knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Card {
    pub token: String,
    /// What readers read of it, and what is shown.
    pub number: String,
    pub alias: String,
    pub holder: Option<Holder>,
}

impl Card {
    /// Whether the visitor or user with this id has it.
    pub(super) fn is_of(&self, id: &str) -> bool {
        self.holder.as_ref().is_some_and(|holder| holder.id == id)
    }
}

/// Who has a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub kind: HolderKind,
    pub id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum HolderKind {
    User,
    Visitor,
}

/// A reader that waits for a card, or has read one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CardSession {
    pub device: String,
    pub token: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Webhook {
    pub endpoint: String,
    pub name: String,
    pub events: Vec<String>,
    pub headers: BTreeMap<String, String>,
    pub secret: String,
    pub sent: u64,
}

/// An entry of the system log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The console's id of it.
    pub id: String,
    /// When it happened.
    pub at: Timestamp,
    /// The door.
    pub door_id: String,
    /// What the door is called.
    pub door_name: String,
    /// Who it was: a visitor's id, or whom the caller named.
    pub actor_id: String,
    /// What they are called.
    pub actor_name: String,
    /// `visitor` or `user`.
    pub actor_type: String,
    /// How: `PIN_CODE`, `NFC` or `REMOTE_THROUGH_UAH`.
    pub provider: String,
    /// Whether the door opened.
    pub is_open: bool,
}
