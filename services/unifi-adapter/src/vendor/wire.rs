//! The console's JSON, by its own names; of what it has, just what we use. Source of each: UniFi Access API reference
//! 4.0.10 and 4.2.16, the section in brackets.

use std::collections::BTreeMap;

use domain::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};

/// What every answer has [2.8].
#[derive(Debug, Deserialize)]
pub struct Head {
    /// `SUCCESS`, or `CODE_…`.
    pub code: String,
    /// Prose.
    #[serde(default)]
    pub msg: String,
}

/// What answers have that are a success.
#[derive(Debug, Deserialize)]
pub struct Body<T> {
    /// The thing.
    pub data: T,
}

/// Of what was made, the id.
#[derive(Debug, Deserialize)]
pub struct Made {
    /// Id.
    pub id: String,
}

/// A list. One of nothing may be `null`; that it lacks is something else.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct List<T> {
    /// The rows.
    #[serde(deserialize_with = "rows")]
    pub data: Vec<T>,
}

fn rows<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

/// A door [7.7].
#[derive(Debug, Clone, Deserialize)]
pub struct Door {
    /// Id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it has a hub. One without can't be opened.
    #[serde(default)]
    pub is_bind_hub: bool,
    /// `lock` or `unlock`.
    #[serde(default)]
    pub door_lock_relay_status: String,
    /// `open` or `close`; `none`, empty or nothing without a sensor.
    #[serde(default)]
    pub door_position_status: Option<String>,
}

/// A building, or a group of doors that someone made [7.1].
#[derive(Debug, Clone, Deserialize)]
pub struct Group {
    /// Id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// `building`, `access`, or nothing.
    #[serde(default)]
    pub r#type: String,
    /// Its doors, by floor.
    #[serde(default, deserialize_with = "rows")]
    pub resource_topologies: Vec<Floor>,
}

/// A floor of a building [7.1].
#[derive(Debug, Clone, Deserialize)]
pub struct Floor {
    /// Its doors.
    #[serde(default, deserialize_with = "rows")]
    pub resources: Vec<Resource>,
}

/// What a building's `type` is.
pub const BUILDING: &str = "building";

/// A visitor [4.1].
#[derive(Debug, Clone, Deserialize)]
pub struct Visitor {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub first_name: String,
    /// Name.
    #[serde(default)]
    pub last_name: String,
    /// Address.
    #[serde(default)]
    pub email: String,
    /// What staff reads, and where we write which grant it is.
    #[serde(default)]
    pub remarks: String,
    /// Unix seconds.
    pub start_time: i64,
    /// Unix seconds.
    pub end_time: i64,
    /// How far the visit is.
    pub status: Status,
    /// Where. Single doors may stand behind a group that the console made of them.
    #[serde(default, deserialize_with = "rows")]
    pub resources: Vec<Resource>,
    /// What is left of a PIN when it is read: that there is one.
    #[serde(default)]
    pub pin_code: Option<PinCode>,
}

impl Visitor {
    /// Whether someone called the visit off.
    pub fn is_cancelled(&self) -> bool {
        self.status.is_cancelled()
    }
}

/// How far a visit is: a word, or a number to some.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Status {
    /// Such as `ACTIVE`.
    Word(String),
    /// Such as 6.
    Number(i64),
}

impl Status {
    fn is_cancelled(&self) -> bool {
        match self {
            Self::Word(word) => word == "CANCELLED" || word == "CANCELED",
            Self::Number(number) => *number == 4,
        }
    }
}

/// A PIN that someone has.
#[derive(Debug, Clone, Deserialize)]
pub struct PinCode {}

/// A door, or a group of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Id.
    pub id: String,
    /// `door` or `door_group`.
    pub r#type: String,
    /// What it is called; not sent.
    #[serde(default, skip_serializing)]
    pub name: String,
}

/// A visitor to make, or as one should be [4.2, 4.5]. Without hours of a week: once, and open for all of the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewVisitor {
    /// Name. Must not be empty.
    pub first_name: String,
    /// Name. Must not be empty.
    pub last_name: String,
    /// Address; may be empty.
    pub email: String,
    /// Which grant it is.
    pub remarks: String,
    /// One of a closed list.
    pub visit_reason: &'static str,
    /// Unix seconds.
    pub start_time: i64,
    /// Unix seconds.
    pub end_time: i64,
    /// Where.
    pub resources: Vec<Resource>,
}

/// A user [3.1].
#[derive(Debug, Clone, Deserialize)]
pub struct User {
    /// Id.
    pub id: String,
    /// Name.
    #[serde(default)]
    pub first_name: String,
    /// Name.
    #[serde(default)]
    pub last_name: String,
    /// Address.
    #[serde(default)]
    pub user_email: String,
    /// Where we write whom we take them for.
    #[serde(default)]
    pub employee_number: String,
    /// `ACTIVE`, `PENDING` or `DEACTIVATED`.
    #[serde(default)]
    pub status: String,
    /// What is left of a PIN when it is read: that there is one.
    #[serde(default)]
    pub pin_code: Option<PinCode>,
    /// Their policies, where they were asked for.
    #[serde(default, deserialize_with = "rows")]
    pub access_policies: Vec<Policy>,
}

impl User {
    /// Whether they may enter nowhere.
    pub fn is_deactivated(&self) -> bool {
        self.status == DEACTIVATED
    }
}

/// A user to make, or as one should be [3.2, 3.3].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewUser {
    /// Name. Must not be empty.
    pub first_name: String,
    /// Name. Must not be empty.
    pub last_name: String,
    /// Address; may be empty.
    pub user_email: String,
    /// Whom we take them for.
    pub employee_number: String,
}

/// Whether a user may enter [3.3].
#[derive(Debug, Serialize)]
pub struct UserStatus {
    status: &'static str,
}

impl UserStatus {
    /// They may, or may not.
    pub fn of(is_active: bool) -> Self {
        Self { status: if is_active { "ACTIVE" } else { DEACTIVATED } }
    }
}

const DEACTIVATED: &str = "DEACTIVATED";

/// What a user has, or is to have: these policies and no others [3.6].
#[derive(Debug, Serialize)]
pub struct PolicyIds<'a> {
    /// Ids.
    pub access_policy_ids: &'a [String],
}

/// Where users may enter, and at which hours [5.1].
#[derive(Debug, Clone, Deserialize)]
pub struct Policy {
    /// Id.
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// Where.
    #[serde(default, deserialize_with = "rows")]
    pub resources: Vec<Resource>,
    /// Its hours.
    #[serde(default)]
    pub schedule_id: String,
}

/// A policy to make, or as one should be [5.2, 5.3].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NewPolicy {
    /// What it is called.
    pub name: String,
    /// Where.
    pub resources: Vec<Resource>,
    /// Its hours.
    pub schedule_id: String,
}

/// Hours of policies [5.13].
#[derive(Debug, Clone, Deserialize)]
pub struct Schedule {
    /// Id.
    pub id: String,
    /// What it is called; no two are called the same.
    #[serde(default)]
    pub name: String,
}

/// Hours to make [5.14].
#[derive(Debug, Serialize)]
pub struct NewSchedule<'a> {
    /// What they are called.
    pub name: &'a str,
    /// By day.
    pub week_schedule: BTreeMap<&'a str, Vec<Hours>>,
}

/// A part of a day.
#[derive(Debug, Serialize)]
pub struct Hours {
    /// `HH:MM:SS`.
    pub start_time: &'static str,
    /// The last second of it.
    pub end_time: &'static str,
}

/// A PIN for someone [3.8, 4.11].
#[derive(Serialize)]
pub struct NewPin<'a> {
    /// Digits.
    pub pin_code: &'a str,
}

/// Opens a door for a moment [7.9]. Who did it has an id and a name, or neither.
#[derive(Debug, Serialize)]
pub struct Unlock {
    /// Id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_id: Option<String>,
    /// Name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_name: Option<String>,
    /// Comes back in webhooks.
    pub extra: Extra,
}

/// What we want to find again.
#[derive(Debug, Serialize)]
pub struct Extra {
    /// Which operation it is.
    pub operation: String,
}

/// What holds a door open, or keeps it locked [7.10, 7.11].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rule {
    /// `custom`, `keep_unlock`, `keep_lock`, `reset` and others; nothing without a rule.
    #[serde(default)]
    pub r#type: String,
    /// Of a new custom one, in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<i64>,
    /// When it ends, in Unix seconds; decades ahead for what has no end.
    #[serde(default, skip_serializing)]
    pub ended_time: Option<i64>,
}

impl Rule {
    /// Holds the door open for so many minutes.
    pub fn custom(minutes: i64) -> Self {
        Self { r#type: "custom".to_owned(), interval: Some(minutes), ended_time: None }
    }

    /// Ends the rule that there is.
    pub fn reset() -> Self {
        Self { r#type: "reset".to_owned(), interval: None, ended_time: None }
    }
}

/// The site's emergency [7.12, 7.13].
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Emergency {
    /// All doors are locked.
    #[serde(default)]
    pub lockdown: bool,
    /// All doors are open.
    #[serde(default)]
    pub evacuation: bool,
}

/// A new emergency, or its end. What is not said stays, or so one hopes: say it.
#[derive(Debug, Serialize)]
pub struct NewEmergency {
    /// All doors are locked.
    pub lockdown: bool,
    /// All doors are open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evacuation: Option<bool>,
}

/// Where the console reports to [11.3].
#[derive(Debug, Clone, Deserialize)]
pub struct Webhook {
    /// Id.
    pub id: String,
    /// Address.
    pub endpoint: String,
    /// What is reported.
    #[serde(default, deserialize_with = "rows")]
    pub events: Vec<String>,
    /// What reports are signed with.
    pub secret: SecretString,
}

/// Where the console should report to, and what [11.4].
#[derive(Debug, Serialize)]
pub struct NewWebhook<'a> {
    /// Address.
    pub endpoint: &'a str,
    /// What staff reads.
    pub name: &'a str,
    /// What is to be reported.
    pub events: &'a [&'a str],
}

/// What is asked of the log [9.2].
#[derive(Debug, Serialize)]
pub struct LogQuery {
    /// `door_openings`.
    pub topic: &'static str,
    /// Unix seconds.
    pub since: i64,
    /// Unix seconds.
    pub until: i64,
}

/// A page of the log [9.2].
#[derive(Debug, Deserialize)]
pub struct Openings {
    /// Newest first.
    #[serde(default, deserialize_with = "rows")]
    pub hits: Vec<Opening>,
}

/// That a door opened, or did not [9.2].
#[derive(Debug, Clone, Deserialize)]
pub struct Opening {
    /// The console's id of the line.
    #[serde(rename = "_id")]
    pub id: String,
    #[serde(rename = "@timestamp")]
    at: Option<Timestamp>,
    #[serde(rename = "_source")]
    source: Source,
}

#[derive(Debug, Clone, Deserialize)]
struct Source {
    actor: Option<Actor>,
    authentication: Option<Authentication>,
    event: Event,
    #[serde(default, deserialize_with = "rows")]
    target: Vec<LogTarget>,
}

#[derive(Debug, Clone, Deserialize)]
struct Actor {
    #[serde(default)]
    id: String,
    #[serde(default)]
    display_name: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Authentication {
    #[serde(default)]
    credential_provider: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Event {
    #[serde(default)]
    result: String,
    #[serde(default)]
    reason: String,
    /// Unix milliseconds.
    published: Option<i64>,
}

/// What a line of the log is about.
#[derive(Debug, Clone, Deserialize)]
pub struct LogTarget {
    #[serde(default)]
    r#type: String,
    /// Id.
    #[serde(default)]
    pub id: String,
    /// What it is called.
    #[serde(default)]
    pub display_name: String,
}

impl Opening {
    /// When it happened.
    pub fn time(&self) -> Option<Timestamp> {
        self.source.event.published.and_then(Timestamp::from_timestamp_millis).or(self.at)
    }

    /// By what; may be empty.
    pub fn means(&self) -> &str {
        self.source.authentication.as_ref().map_or("", |it| it.credential_provider.as_str())
    }

    /// Whether it came from afar, as ours do.
    pub fn is_remote(&self) -> bool {
        self.means() == "REMOTE_THROUGH_UAH"
    }

    /// At which door.
    pub fn door(&self) -> Option<&LogTarget> {
        self.source.target.iter().find(|target| target.r#type == "door")
    }

    /// Whether it was at that door.
    pub fn is_at(&self, door: &str) -> bool {
        self.source.target.iter().any(|target| target.r#type == "door" && target.id == door)
    }

    /// `entry` or `exit`, where there is a reader for each.
    pub fn entry_method(&self) -> Option<&str> {
        let method =
            self.source.target.iter().find(|it| it.r#type == "device_config" && it.id == "door_entry_method");
        method.map(|method| method.display_name.as_str())
    }

    /// Who wanted it; may be empty.
    pub fn actor_id(&self) -> &str {
        self.source.actor.as_ref().map_or("", |actor| actor.id.as_str())
    }

    /// What they are called; may be empty.
    pub fn actor_name(&self) -> &str {
        self.source.actor.as_ref().map_or("", |actor| actor.display_name.as_str())
    }

    /// Why the door did not open, if the console says so.
    pub fn refusal(&self) -> &str {
        if self.is_open() { "" } else { &self.source.event.reason }
    }

    /// Whether the door opened.
    pub fn is_open(&self) -> bool {
        self.source.event.result == "ACCESS"
    }
}
