//! People at readers.

use super::Unifi;
use super::logs::Opening;
use super::model::Pin;
use super::state::new_id;

impl Unifi {
    /// Someone types a PIN at a door. Whether it opens.
    pub fn present_pin(&self, door: &str, pin: &str) -> bool {
        let now = self.now();
        let mut state = self.lock();
        let Some(found) = state.doors.get(door).filter(|door| door.is_bind_hub && door.takes_pins) else {
            return false;
        };
        let door = found.id.clone();
        let is_it = |held: &Option<Pin>| held.as_ref().is_some_and(|it| it.code == pin);
        let visitor = state.visitors.values().find(|visitor| is_it(&visitor.pin));
        let user = state.users.values().find(|user| is_it(&user.pin));
        let may_enter = !state.is_locked_down
            && (visitor.is_some_and(|visitor| state.visitor_may_enter(visitor, &door, now))
                || user.is_some_and(|user| state.user_may_enter(user, &door, now)));
        let (actor_id, actor_name, actor_type) = match (visitor, user) {
            (Some(visitor), _) => (visitor.id.clone(), visitor.full_name(), "visitor"),
            (None, Some(user)) => (user.id.clone(), user.full_name(), "user"),
            (None, None) => (new_id(), "N/A".to_owned(), "visitor"),
        };
        let opening = Opening { door, actor_id, actor_name, actor_type, provider: "PIN_CODE", extra: None };
        if may_enter {
            if let Some(visitor) = state.visitors.get_mut(&opening.actor_id) {
                visitor.has_come = true;
            }
            self.open_door(&mut state, opening);
        } else {
            state.log(opening, false, now);
        }
        may_enter
    }
}
