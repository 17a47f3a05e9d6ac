//! People at readers.

use super::Unifi;
use super::logs::Opening;
use super::model::{Pin, User, Visitor};
use super::state::{State, new_id};

impl Unifi {
    /// Someone types a PIN at a door. Whether it opens.
    pub fn present_pin(&self, door: &str, pin: &str) -> bool {
        let mut state = self.lock();
        if !state.doors.get(door).is_some_and(|door| door.is_bind_hub && door.takes_pins) {
            return false;
        }
        let is_it = |held: &Option<Pin>| held.as_ref().is_some_and(|it| it.code == pin);
        let visitor = state.visitors.values().find(|visitor| is_it(&visitor.pin)).cloned();
        let user = state.users.values().find(|user| is_it(&user.pin)).cloned();
        self.let_in(&mut state, door, "PIN_CODE", visitor, user)
    }

    /// Someone holds a card to the reader of a door. Whether it opens.
    pub fn present_card(&self, door: &str, number: &str) -> bool {
        let mut state = self.lock();
        if !state.doors.get(door).is_some_and(|door| door.is_bind_hub) {
            return false;
        }
        let holder =
            state.cards.values().find(|card| card.number == number).and_then(|card| card.holder.clone());
        let id = holder.map(|holder| holder.id).unwrap_or_default();
        let (visitor, user) = (state.visitors.get(&id).cloned(), state.users.get(&id).cloned());
        self.let_in(&mut state, door, "NFC", visitor, user)
    }

    fn let_in(
        &self,
        state: &mut State,
        door: &str,
        provider: &'static str,
        visitor: Option<Visitor>,
        user: Option<User>,
    ) -> bool {
        let now = self.now();
        let may_enter = !state.is_locked_down
            && (visitor.as_ref().is_some_and(|visitor| state.visitor_may_enter(visitor, door, now))
                || user.as_ref().is_some_and(|user| state.user_may_enter(user, door, now)));
        let (actor_id, actor_name, actor_type) = match (visitor, user) {
            (Some(visitor), _) => (visitor.id.clone(), visitor.full_name(), "visitor"),
            (None, Some(user)) => (user.id.clone(), user.full_name(), "user"),
            (None, None) => (new_id(), "N/A".to_owned(), "visitor"),
        };
        let opening =
            Opening { door: door.to_owned(), actor_id, actor_name, actor_type, provider, extra: None };
        if may_enter {
            if let Some(visitor) = state.visitors.get_mut(&opening.actor_id) {
                visitor.has_come = true;
            }
            self.open_door(state, opening);
        } else {
            state.log(opening, false, now);
        }
        may_enter
    }
}
