//! Who may open which door, and when.

use chrono::{Datelike as _, NaiveTime, Timelike as _};
use domain::{Timestamp, Window};
use serde::Serialize;

use super::Unifi;
use super::model::{Policy, Resource, ResourceKind, User, Visitor, Week};
use super::state::State;

/// A visitor's time at a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccessWindow {
    /// The visitor.
    pub visitor_id: String,
    /// The visitor's address; empty if there is none.
    pub email: String,
    /// What the console's staff reads.
    pub remarks: String,
    /// From when until when.
    pub window: Window,
    /// The PIN by which the door opens; without one it does not.
    pub pin: Option<String>,
}

impl Unifi {
    /// The times of all visitors who have not been cancelled at a door, by start.
    pub fn access_windows(&self, door: &str) -> Vec<AccessWindow> {
        let state = self.lock();
        let at = |seconds| Timestamp::from_timestamp(seconds, 0);
        let let_in = state.visitors.values().filter(|visitor| !visitor.is_cancelled);
        let mut windows: Vec<AccessWindow> = let_in
            .filter(|visitor| state.cover(&visitor.resources, door))
            .filter_map(|visitor| {
                Some(AccessWindow {
                    visitor_id: visitor.id.clone(),
                    email: visitor.email.clone(),
                    remarks: visitor.remarks.clone(),
                    window: Window::new(at(visitor.start_time)?, at(visitor.end_time)?).ok()?,
                    pin: visitor.pin.as_ref().map(|pin| pin.code.clone()),
                })
            })
            .collect();
        windows.sort_by_key(|row| row.window.start());
        windows
    }
}

impl State {
    /// Whether the resources hold the door.
    pub(super) fn cover(&self, resources: &[Resource], door: &str) -> bool {
        self.doors.contains_key(door)
            && resources.iter().any(|resource| match resource.r#type {
                ResourceKind::Door => resource.id == door,
                ResourceKind::DoorGroup if resource.id == self.building_id => true,
                ResourceKind::DoorGroup => {
                    self.groups.get(&resource.id).is_some_and(|group| group.doors.iter().any(|id| id == door))
                }
            })
    }

    pub(super) fn visitor_may_enter(&self, visitor: &Visitor, door: &str, at: Timestamp) -> bool {
        let is_in_window = (visitor.start_time..visitor.end_time).contains(&at.timestamp());
        let is_in_week = visitor.week_schedule.as_ref().is_none_or(|week| self.is_within(week, at));
        !visitor.is_cancelled && is_in_window && is_in_week && self.cover(&visitor.resources, door)
    }

    pub(super) fn user_may_enter(&self, user: &User, door: &str, at: Timestamp) -> bool {
        let lets_in = |policy: &Policy| {
            let week = self.schedules.get(&policy.schedule_id).map(|schedule| &schedule.week);
            self.cover(&policy.resources, door) && week.is_some_and(|week| self.is_within(week, at))
        };
        user.is_active && user.policy_ids.iter().filter_map(|id| self.policies.get(id)).any(lets_in)
    }

    /// Whether a week's hours hold, by the console's clocks.
    fn is_within(&self, week: &Week, at: Timestamp) -> bool {
        let local = domain::zone::parse(&self.time_zone)
            .map_or(at.naive_utc(), |zone| at.with_timezone(&zone).naive_local());
        let hours = week.get(day_name(local.weekday())).map(Vec::as_slice).unwrap_or_default();
        hours.iter().any(|hours| is_in(local.time(), hours.start_time, hours.end_time))
    }
}

/// Lists end on `…:59`: that second is inside.
fn is_in(time: NaiveTime, start: NaiveTime, end: NaiveTime) -> bool {
    start <= time && time.with_nanosecond(0).is_some_and(|second| second <= end)
}

fn day_name(day: chrono::Weekday) -> &'static str {
    match day {
        chrono::Weekday::Mon => "monday",
        chrono::Weekday::Tue => "tuesday",
        chrono::Weekday::Wed => "wednesday",
        chrono::Weekday::Thu => "thursday",
        chrono::Weekday::Fri => "friday",
        chrono::Weekday::Sat => "saturday",
        chrono::Weekday::Sun => "sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_hold_until_the_end_of_their_last_second() {
        let time = |text: &str| text.parse::<NaiveTime>().unwrap();
        for (at, inside) in
            [("08:59:59", false), ("09:00:00", true), ("16:59:59.9", true), ("17:00:00", false)]
        {
            assert_eq!(is_in(time(at), time("09:00:00"), time("16:59:59")), inside, "{at}");
        }
        assert!(is_in(time("23:59:59.5"), time("00:00:00"), time("23:59:59")));
    }
}
