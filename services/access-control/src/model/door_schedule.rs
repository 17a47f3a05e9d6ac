//! Doors that are unlocked by themselves.

use chrono::NaiveDate;
use domain::{IntegrationId, LocationId, Timestamp, WeeklyHours, WorkspaceId};
use proto::access::v1::AccessReason;
use uuid::Uuid;

use super::OperationSource;
use crate::control::Account;
use crate::engine::Hours;
use crate::schedule::Rule;

/// When a door is unlocked by itself.
#[derive(Debug, Clone)]
pub(crate) struct DoorSchedule {
    pub workspace: WorkspaceId,
    pub id: Uuid,
    pub account: IntegrationId,
    pub provider: String,
    pub door_ref: String,
    /// Whose holidays count.
    pub location: LocationId,
    pub hours: Option<Hours>,
    pub is_held_for_bookings: bool,
    /// It is gone once the door is locked.
    pub is_deleted: bool,
    pub due_at: Option<Timestamp>,
    /// Whether it is due to see if a door that is held open is so.
    pub is_look: bool,
    /// How often the door could not be told, in a row.
    pub failures: i32,
    pub problem: Option<AccessReason>,
}

impl DoorSchedule {
    /// Whether its door is this account's.
    pub(crate) fn is_of(&self, account: &Account) -> bool {
        self.account == account.id
    }

    /// Whether it says the same of its door.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let what = |it: &Self| (it.location, it.hours.clone(), it.is_held_for_bookings);
        what(self) == what(other)
    }
}

/// A day with other hours than those of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Holiday {
    pub date: NaiveDate,
    pub display_name: String,
    /// Those of its weekday; `None`: none.
    pub hours: Option<WeeklyHours>,
}

/// By what a door is told what a rule wants; `None`: by nobody but whoever did so by hand.
pub(crate) fn source_of(rule: Rule) -> Option<OperationSource> {
    match rule {
        Rule::Booking => Some(OperationSource::Booking),
        Rule::Hours => Some(OperationSource::Schedule),
        Rule::Lockdown | Rule::ManualHold | Rule::ManualLock | Rule::Nothing => None,
    }
}
