//! Bookings: whoever holds one and who is invited, while it is confirmed or completed.

use std::collections::BTreeSet;

use domain::BookingId;
use domain::names::BookingName;
use proto::workspace::v1 as told;
use proto::workspace::v1::BookingState;

use super::names::moment;
use super::source::{Entitled, Mapped, Told, Whim, everyone};
use super::truth::{Second, Site};

/// The version at which bookings are told first: they were pending before.
pub(super) const FIRST: i64 = 2;

#[derive(Debug)]
pub(super) struct Booking {
    pub id: BookingId,
    pub resource: usize,
    pub holder: usize,
    pub attendees: BTreeSet<usize>,
    pub start: Second,
    pub end: Second,
    pub state: BookingState,
    /// Whether an invitation was taken back when it was completed already.
    pub is_left: bool,
}

impl Booking {
    pub(super) fn gives(&self) -> Vec<Entitled> {
        if !matches!(self.state, BookingState::Confirmed | BookingState::Completed) {
            return Vec::new();
        }
        let people = self.attendees.iter().copied().chain([self.holder]).collect();
        let subjects = [Mapped::Resource(self.resource), Mapped::Location];
        everyone(&people, subjects, (self.start, self.end), None)
    }

    pub(super) fn change(&mut self, Whim { now, start, length, choice, .. }: Whim) {
        if self.state == BookingState::Completed {
            // All that can still happen to it.
            self.is_left |= self.attendees.remove(&1);
            return;
        }
        match choice {
            0..4 => (self.start, self.end) = (start, start + length),
            4 => self.end += length,
            5..7 => {
                if !self.attendees.remove(&1) {
                    self.attendees.insert(1);
                }
            }
            7 if self.end <= now && self.state == BookingState::Confirmed => {
                self.state = BookingState::Completed;
            }
            8 if self.state == BookingState::Confirmed => self.state = BookingState::Failed,
            9 if self.state != BookingState::Confirmed => self.state = BookingState::Confirmed,
            _ => self.state = BookingState::Cancelled,
        }
    }

    pub(super) fn told(&self, site: &Site, version: i64) -> Told {
        let name = BookingName { workspace: site.workspace, id: self.id }.to_string();
        let booking = told::Booking {
            name: name.clone(),
            resource: site.resource(self.resource),
            person: site.person_name(self.holder),
            start_time: Some(moment(self.start)),
            end_time: Some(moment(self.end)),
            state: self.state.into(),
            version,
            ..Default::default()
        };
        let snapshot = Some(told::BookingSnapshot {
            booking: Some(booking),
            person: Some(site.person(self.holder)),
            attendees: self.attendees.iter().map(|&number| site.person(number)).collect(),
            location: Some(site.told_location()),
            ..Default::default()
        });
        match self.state {
            BookingState::Cancelled => {
                Told::new(name, &told::BookingCancelled { snapshot, ..Default::default() })
            }
            BookingState::Failed => Told::new(name, &told::BookingFailed { snapshot, ..Default::default() }),
            BookingState::Completed if self.is_left => {
                let person = site.person_name(1);
                Told::new(name, &told::BookingAttendeeRemoved { snapshot, person })
            }
            BookingState::Completed => Told::new(name, &told::BookingCompleted { snapshot }),
            _ if version == FIRST => Told::new(name, &told::BookingConfirmed { snapshot }),
            _ => Told::new(name, &told::BookingRescheduled { snapshot, ..Default::default() }),
        }
    }
}
