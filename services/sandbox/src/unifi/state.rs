//! The console's whole state, and how it follows the clock.

use std::collections::{BTreeMap, VecDeque};

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::model::{
    Card, CardSession, Door, Group, LogEntry, Pin, Policy, Resource, ResourceKind, Schedule, Token, User,
    Visitor, Webhook,
};
use super::refusal::{Code, Refusal};
use super::switches::Switches;
use super::{Config, webhooks};

/// How often a free PIN is looked for.
const PIN_TRIES: usize = 1_000;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct State {
    pub time_zone: String,
    pub tokens: BTreeMap<String, Token>,
    pub building: String,
    /// Also the id of the group of all its doors.
    pub building_id: String,
    pub floor_id: String,
    pub doors: BTreeMap<String, Door>,
    pub groups: BTreeMap<String, Group>,
    pub is_locked_down: bool,
    pub is_evacuated: bool,
    pub visitors: BTreeMap<String, Visitor>,
    #[serde(default)]
    pub users: BTreeMap<String, User>,
    #[serde(default)]
    pub policies: BTreeMap<String, Policy>,
    #[serde(default)]
    pub schedules: BTreeMap<String, Schedule>,
    /// By token.
    #[serde(default)]
    pub cards: BTreeMap<String, Card>,
    #[serde(default)]
    pub card_sessions: BTreeMap<String, CardSession>,
    pub webhooks: BTreeMap<String, Webhook>,
    /// Oldest first.
    pub logs: VecDeque<LogEntry>,
    pub switches: Switches,
}

/// A random id, as the console's are.
pub(super) fn new_id() -> String {
    uuid::Builder::from_random_bytes(rand::random()).into_uuid().to_string()
}

/// So many random hexadecimal digits, up to 32.
pub(super) fn hex(digits: usize) -> String {
    format!("{:032x}", rand::random::<u128>())[..digits].to_owned()
}

impl State {
    pub(super) fn seeded(config: &Config) -> Self {
        let doors: BTreeMap<String, Door> = config
            .doors
            .iter()
            .map(|seed| {
                let id = seed.id.clone().unwrap_or_else(new_id);
                let door = Door {
                    id: id.clone(),
                    name: seed.name.clone(),
                    is_bind_hub: seed.is_bind_hub,
                    takes_pins: seed.takes_pins,
                    is_online: true,
                    unlock_seconds: seed.unlock_seconds,
                    position: None,
                    unlocked_until: None,
                    rule: None,
                    devices: [hex(12), hex(12)],
                };
                (id, door)
            })
            .collect();
        let by_name: BTreeMap<&str, &str> =
            doors.values().map(|door| (door.name.as_str(), door.id.as_str())).collect();
        let groups = config.groups.iter().map(|seed| {
            let ids = seed.doors.iter().filter_map(|name| by_name.get(name.as_str()));
            let doors = ids.map(|id| (*id).to_owned()).collect();
            let group = Group { name: seed.name.clone(), doors };
            (seed.id.clone().unwrap_or_else(new_id), group)
        });
        let groups = groups.collect();
        Self {
            time_zone: config.time_zone.clone(),
            tokens: config.tokens.clone(),
            building: config.building.clone(),
            building_id: new_id(),
            floor_id: new_id(),
            doors,
            groups,
            is_locked_down: false,
            is_evacuated: false,
            visitors: BTreeMap::new(),
            users: BTreeMap::new(),
            policies: BTreeMap::new(),
            schedules: BTreeMap::new(),
            cards: BTreeMap::new(),
            card_sessions: BTreeMap::new(),
            webhooks: BTreeMap::new(),
            logs: VecDeque::new(),
            switches: Switches::default(),
        }
    }

    pub(super) fn door(&self, id: &str) -> Result<&Door, Refusal> {
        self.doors.get(id).ok_or(Refusal::new(Code::NotExists))
    }

    pub(super) fn door_mut(&mut self, id: &str) -> Result<&mut Door, Refusal> {
        self.doors.get_mut(id).ok_or(Refusal::new(Code::NotExists))
    }

    /// Refuses resources that are not there.
    pub(super) fn check_resources(&self, resources: &[Resource]) -> Result<(), Refusal> {
        let is_there = |resource: &Resource| match resource.r#type {
            ResourceKind::Door => self.doors.contains_key(&resource.id),
            ResourceKind::DoorGroup => {
                resource.id == self.building_id || self.groups.contains_key(&resource.id)
            }
        };
        if resources.iter().all(is_there) { Ok(()) } else { Err(Refusal::new(Code::NotExists)) }
    }

    /// Whether the door is unlocked at the moment: an emergency, then a rule, then a moment's unlock.
    pub(super) fn is_unlocked(&self, door: &Door, now: Timestamp) -> bool {
        if self.is_locked_down {
            return false;
        }
        self.is_evacuated || door.is_held_open(now) || door.unlocked_until.is_some_and(|until| now < until)
    }

    fn pins(&self) -> impl Iterator<Item = (&str, &Pin)> {
        let visitors = self.visitors.values().map(|visitor| (visitor.id.as_str(), &visitor.pin));
        let users = self.users.values().map(|user| (user.id.as_str(), &user.pin));
        visitors.chain(users).filter_map(|(id, pin)| Some((id, pin.as_ref()?)))
    }

    /// A PIN that nobody has.
    pub(super) fn free_pin(&self) -> String {
        let digits = usize::try_from(self.switches.pin_digits).unwrap_or(8).clamp(4, 9);
        let range = 10u32.pow(u32::try_from(digits).unwrap_or(8));
        let drawn = || format!("{:0digits$}", rand::random_range(0..range));
        let is_free = |pin: &String| self.pins().all(|(_, held)| held.code != *pin);
        (0..PIN_TRIES).map(|_| drawn()).find(is_free).unwrap_or_else(drawn)
    }

    /// The PIN for a holder, unless someone has it or it has the wrong length.
    pub(super) fn pin_for(&self, holder: &str, code: &str) -> Result<Pin, Refusal> {
        let has_length = u32::try_from(code.len()) == Ok(self.switches.pin_digits);
        if !has_length || !code.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(Refusal::new(Code::PinLengthInvalid));
        }
        let is_taken =
            |(by, held): (&str, &Pin)| held.code == code && (by != holder || self.switches.own_pin_is_taken);
        if self.pins().any(is_taken) {
            return Err(Refusal::new(Code::PinExists));
        }
        Ok(Pin { code: code.to_owned(), token: hex(32) })
    }

    /// What the clock brought about, as webhooks.
    pub(super) fn follow_clock(&mut self, now: Timestamp) -> Vec<webhooks::Told> {
        let mut told = Vec::new();
        for visitor in self.visitors.values_mut() {
            let status = visitor.status(now);
            if visitor.status_told.replace(status) != Some(status) {
                told.push(webhooks::Told {
                    event: "access.visitor.status.changed",
                    door: None,
                    data: json!({ "object": { "id": visitor.id, "status": status } }),
                });
            }
        }
        for door in self.doors.values_mut() {
            if door.rule.take_if(|rule| rule.ends_at <= now).is_some() {
                told.push(webhooks::Told {
                    event: "access.temporary_unlock.end",
                    door: Some(door.id.clone()),
                    data: json!({ "object": {} }),
                });
            }
        }
        told
    }
}
