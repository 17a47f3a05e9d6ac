//! People at readers.

use super::Unifi;
use super::logs::Opening;
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
        let holder =
            state.visitors.values().find(|visitor| visitor.pin.as_ref().is_some_and(|it| it.code == pin));
        let may_enter = !state.is_locked_down
            && holder.is_some_and(|visitor| state.visitor_may_enter(visitor, &door, now));
        let opening = Opening {
            door,
            actor_id: holder.map_or_else(new_id, |visitor| visitor.id.clone()),
            actor_name: holder.map_or_else(|| "N/A".to_owned(), |visitor| visitor.full_name()),
            actor_type: "visitor",
            provider: "PIN_CODE",
            extra: None,
        };
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
