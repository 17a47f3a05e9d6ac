//! People who come and are no members: guests of bookings, and visitors whom hosts announce.

use domain::contact::{EmailAddress, PhoneNumber};
use domain::{BookingId, LocationId, PersonId, ResourceId, Timestamp, VisitId, Window, WorkspaceId};

use super::{Booking, BookingState, Location, Person, PersonStatus, Resource, Role, Workspace};

/// Guests of one booking, and visits of one workspace that are ahead or under way. Each takes something at providers.
pub(crate) const GUESTS_MAX: i64 = 20;
/// Guests that a booking ever had. Each is written to, and whoever is uninvited stands for another again.
pub(crate) const INVITATIONS_MAX: i64 = 60;
pub(crate) const VISITS_MAX: i64 = 1_000;

chassis::text_enum! {
    /// Where a visit stands: its booking is not confirmed, they may come, or it was called off.
    pub(crate) enum VisitState { Pending = "pending", Expected = "expected", Cancelled = "cancelled" }
}

/// Who comes, and where they are told how they get in.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub display_name: String,
    pub email: Option<EmailAddress>,
    pub phone: Option<PhoneNumber>,
}

/// What a visit is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A booking, whose window and doors are the visit's.
    Booking(BookingId),
    /// Doors of a location, and perhaps of a resource there.
    Place { location: LocationId, resource: Option<ResourceId>, window: Window },
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct NewVisit {
    pub visitor: Visitor,
    /// `None`: whoever asks.
    pub host: Option<PersonId>,
    pub purpose: Purpose,
}

/// A visit as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Visit {
    pub workspace: WorkspaceId,
    pub id: VisitId,
    pub host: PersonId,
    pub booking: Option<BookingId>,
    pub location: LocationId,
    pub resource: Option<ResourceId>,
    pub display_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub window: Window,
    pub state: VisitState,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A visit with all that readers of its events need.
#[derive(Debug, Clone)]
pub(crate) struct VisitSnapshot {
    pub visit: Visit,
    pub host: Person,
    pub resource: Option<Resource>,
    pub location: Location,
    pub workspace: Workspace,
}

impl VisitSnapshot {
    /// Whom doors know the visitor as: a person who is there for this visit alone, and paused as long as their host is.
    pub(crate) fn visitor(&self) -> Person {
        let status = match self.host.status {
            PersonStatus::Paused => PersonStatus::Paused,
            // Who is removed has no visits that stand.
            PersonStatus::Active | PersonStatus::Removed => PersonStatus::Active,
        };
        Person { status, ..self.visit.visitor() }
    }
}

impl Visit {
    fn visitor(&self) -> Person {
        Person {
            id: self.visitor_id(),
            display_name: self.display_name.clone(),
            email: self.email.clone(),
            phone: self.phone.clone(),
            country: None,
            role: Role::Guest,
            locations: Vec::new(),
            status: PersonStatus::Active,
            version: self.version,
        }
    }

    /// The id of that person.
    pub(crate) fn visitor_id(&self) -> PersonId {
        PersonId::from_uuid(self.id.uuid())
    }

    /// The visit called off; `None` if it is so already.
    pub(crate) fn cancelled(&self, now: Timestamp) -> Option<Self> {
        let is_new = self.state != VisitState::Cancelled;
        is_new.then(|| self.changed(VisitState::Cancelled, self.window, now))
    }

    /// The visit as its booking has it be by now; `None` if it is so already. One that was called off stays so.
    pub(crate) fn following(&self, booking: &Booking, now: Timestamp) -> Option<Self> {
        let state = state_for(booking.state);
        let differs = self.state != state || self.window != booking.window;
        let follows = self.state != VisitState::Cancelled && differs;
        follows.then(|| self.changed(state, booking.window, now))
    }

    /// The visit, told again because its host is paused, or is not any more.
    pub(crate) fn with_host_changed(&self, now: Timestamp) -> Self {
        self.changed(self.state, self.window, now)
    }

    fn changed(&self, state: VisitState, window: Window, now: Timestamp) -> Self {
        Self { state, window, version: self.version + 1, updated_at: now, ..self.clone() }
    }
}

/// What becomes of a booking's guests.
pub(crate) fn state_for(booking: BookingState) -> VisitState {
    match booking {
        // One that failed can still be confirmed.
        BookingState::Pending | BookingState::Failed => VisitState::Pending,
        BookingState::Confirmed | BookingState::Completed => VisitState::Expected,
        BookingState::Cancelled => VisitState::Cancelled,
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};

    use super::*;

    fn at(hour: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + Duration::hours(hour)
    }

    fn window(start: i64) -> Window {
        Window::new(at(start), at(start + 1)).unwrap()
    }

    fn booking(state: BookingState, start: i64) -> Booking {
        Booking {
            workspace: WorkspaceId::new(),
            id: BookingId::new(),
            resource: ResourceId::new(),
            person: PersonId::new(),
            attendees: Vec::new(),
            window: window(start),
            title: String::new(),
            state,
            state_reason: String::new(),
            external_ref: None,
            external_sequence: None,
            version: 1,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    fn visit(state: VisitState) -> Visit {
        Visit {
            workspace: WorkspaceId::new(),
            id: VisitId::new(),
            host: PersonId::new(),
            booking: None,
            location: LocationId::new(),
            resource: None,
            display_name: "Eve".into(),
            email: None,
            phone: None,
            window: window(2),
            state,
            version: 3,
            created_at: at(0),
            updated_at: at(0),
        }
    }

    #[test]
    fn a_guest_is_expected_while_the_booking_stands_and_moves_with_it() {
        use BookingState as B;
        use VisitState::{Cancelled, Expected, Pending};
        for (before, booked, start, after) in [
            (Pending, B::Pending, 2, None),
            (Pending, B::Confirmed, 2, Some(Expected)),
            (Pending, B::Cancelled, 2, Some(Cancelled)),
            (Expected, B::Confirmed, 2, None),
            (Expected, B::Completed, 2, None),
            (Expected, B::Confirmed, 5, Some(Expected)),
            (Expected, B::Failed, 2, Some(Pending)),
            (Expected, B::Cancelled, 2, Some(Cancelled)),
            // Whoever was uninvited stays so.
            (Cancelled, B::Confirmed, 2, None),
            (Cancelled, B::Confirmed, 5, None),
        ] {
            let followed = visit(before).following(&booking(booked, start), at(1));
            let expected = after.map(|state| (state, window(start), 4));
            let what = format!("{before:?} {booked:?} {start}");
            assert_eq!(followed.map(|it| (it.state, it.window, it.version)), expected, "{what}");
        }
    }

    #[test]
    fn a_visit_is_called_off_once() {
        let off = visit(VisitState::Expected).cancelled(at(1)).unwrap();
        assert_eq!((off.state, off.version), (VisitState::Cancelled, 4));
        assert!(off.cancelled(at(2)).is_none());
    }
}
