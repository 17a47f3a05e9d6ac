//! What tests and people at the console see and do beside the API.

use domain::Timestamp;
use serde::Serialize;

use super::Unifi;
use super::model::Token;
use super::webhooks::Told;
use serde_json::json;

/// A door as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DoorNow {
    /// The console's id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Whether it is unlocked.
    pub is_unlocked: bool,
    /// When the rule that holds it, or keeps it locked, ends.
    pub rule_ends_at: Option<Timestamp>,
}

/// A user as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UserNow {
    /// The console's id.
    pub id: String,
    /// What they are called.
    pub name: String,
    /// Their address; may be empty.
    pub email: String,
    /// Whom someone else takes them for.
    pub employee_number: String,
    /// Whether they may enter at all.
    pub is_active: bool,
    /// What their policies are called.
    pub policies: Vec<String>,
    /// The PIN by which doors open.
    pub pin: Option<String>,
}

impl Unifi {
    /// The doors, by id.
    pub fn doors(&self) -> Vec<DoorNow> {
        let now = self.now();
        let state = self.lock();
        let doors = state.doors.values().map(|door| DoorNow {
            id: door.id.clone(),
            name: door.name.clone(),
            is_unlocked: state.is_unlocked(door, now),
            rule_ends_at: door.rule_at(now).map(|rule| rule.ends_at),
        });
        doors.collect()
    }

    /// The door of that name.
    pub fn door(&self, name: &str) -> Option<DoorNow> {
        self.doors().into_iter().find(|door| door.name == name)
    }

    /// Whether all doors are locked down.
    pub fn is_locked_down(&self) -> bool {
        self.lock().is_locked_down
    }

    /// The users, by id.
    pub fn users(&self) -> Vec<UserNow> {
        let state = self.lock();
        let name = |id: &String| state.policies.get(id).map(|policy| policy.name.clone());
        let users = state.users.values().map(|user| UserNow {
            id: user.id.clone(),
            name: user.full_name(),
            email: user.user_email.clone(),
            employee_number: user.employee_number.clone(),
            is_active: user.is_active,
            policies: user.policy_ids.iter().filter_map(name).collect(),
            pin: user.pin.as_ref().map(|pin| pin.code.clone()),
        });
        users.collect()
    }

    /// Where it reports to.
    pub fn webhooks(&self) -> Vec<String> {
        self.lock().webhooks.values().map(|webhook| webhook.endpoint.clone()).collect()
    }

    /// Adds or replaces a token.
    pub fn put_token(&self, token: impl Into<String>, new: Token) {
        self.lock().tokens.insert(token.into(), new);
    }

    /// Takes a token back.
    pub fn remove_token(&self, token: &str) {
        self.lock().tokens.remove(token);
    }

    /// Someone removes a door, or a group of doors.
    pub fn remove(&self, id: &str) {
        let mut state = self.lock();
        state.doors.remove(id);
        state.groups.remove(id);
    }

    /// A door's hub loses its connection, or gets it back.
    pub fn set_online(&self, door: &str, is_online: bool) {
        if let Some(door) = self.lock().doors.get_mut(door) {
            door.is_online = is_online;
        }
    }

    /// Someone opens a door or closes it: `open`, `close`; `none` without a sensor.
    pub fn set_position(&self, door: &str, position: &str) {
        let now = self.now();
        let mut state = self.lock();
        let Some(found) = state.doors.get_mut(door) else { return };
        found.position = Some(position.to_owned());
        let data = json!({ "object": { "event_type": "dps_change", "status": position } });
        let told = Told { event: "access.device.dps_status", door: Some(door.to_owned()), data };
        state.tell(&self.parts.deliveries, &told, now);
    }
}
