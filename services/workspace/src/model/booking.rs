//! The life of a booking: pending → confirmed → completed, or failed, or cancelled. A failed one can still be
//! confirmed or cancelled.

use domain::{BookingId, PersonId, ResourceId, Timestamp, Window, WorkspaceId};

use super::{Location, Person, Resource, Workspace};

chassis::text_enum! {
    /// Where a booking stands.
    pub(crate) enum BookingState {
        Pending = "pending",
        Confirmed = "confirmed",
        Completed = "completed",
        Failed = "failed",
        Cancelled = "cancelled",
    }
}

impl BookingState {
    /// Whether the booking may still change.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Confirmed)
    }
}

/// People who are invited to one booking at most: its events name them all.
pub(crate) const ATTENDEES_MAX: usize = 200;

/// A booking as stored.
#[derive(Debug, Clone)]
pub(crate) struct Booking {
    pub workspace: WorkspaceId,
    pub id: BookingId,
    pub resource: ResourceId,
    pub person: PersonId,
    /// Who is invited, in the order of their invitations.
    pub attendees: Vec<PersonId>,
    pub window: Window,
    pub title: String,
    pub state: BookingState,
    pub state_reason: String,
    pub external_ref: Option<String>,
    pub external_sequence: Option<i64>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A booking with all that readers of its events need.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub booking: Booking,
    pub person: Person,
    /// Those of the booking, in their order.
    pub attendees: Vec<Person>,
    pub resource: Resource,
    pub location: Location,
    pub workspace: Workspace,
}

/// What is asked of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    Confirm,
    Reschedule(Window),
    Cancel { reason: String },
    Fail { reason: String },
    AddAttendee(PersonId),
    RemoveAttendee(PersonId),
}

/// Why a booking can't do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its state forbids it.
    State(BookingState),
    /// Its end has passed.
    Over,
    /// As many are invited as may be.
    Full,
}

impl Booking {
    /// The booking after `request`; `None` if it is so already. Pure.
    pub(crate) fn plan(&self, request: &Request, now: Timestamp) -> Result<Option<Self>, Refusal> {
        let becomes = |state, reason: &str| Self { state, state_reason: reason.to_owned(), ..self.clone() };
        // What failed for want of money stands once that has come after all, unless it was called off since.
        let is_undecided = self.state == BookingState::Failed
            && matches!(request, Request::Confirm | Request::Cancel { .. });
        let next = match (request, self.state) {
            (Request::Confirm, BookingState::Confirmed)
            | (Request::Cancel { .. }, BookingState::Cancelled)
            | (Request::Fail { .. }, BookingState::Failed) => return Ok(None),
            (Request::Reschedule(window), _) if *window == self.window => return Ok(None),
            (Request::AddAttendee(person), _) if self.has(*person) => return Ok(None),
            (Request::RemoveAttendee(person), _) if !self.attendees.contains(person) => return Ok(None),
            // Access lasts a while longer than the booking.
            (Request::RemoveAttendee(person), BookingState::Completed) => self.without(*person),
            (_, state) if !state.is_open() && !is_undecided => return Err(Refusal::State(state)),
            (Request::Confirm, _) if self.window.end() <= now => return Err(Refusal::Over),
            (Request::Confirm, _) => becomes(BookingState::Confirmed, ""),
            (Request::Reschedule(window), _) if window.end() <= now => return Err(Refusal::Over),
            (Request::Reschedule(window), _) => Self { window: *window, ..self.clone() },
            (Request::Cancel { reason }, _) => becomes(BookingState::Cancelled, reason),
            (Request::Fail { reason }, _) => becomes(BookingState::Failed, reason),
            (Request::AddAttendee(_), _) if self.window.end() <= now => return Err(Refusal::Over),
            (Request::AddAttendee(_), _) if self.attendees.len() >= ATTENDEES_MAX => {
                return Err(Refusal::Full);
            }
            (Request::AddAttendee(person), _) => {
                Self { attendees: self.attendees.iter().copied().chain([*person]).collect(), ..self.clone() }
            }
            (Request::RemoveAttendee(person), _) => self.without(*person),
        };
        Ok(Some(Self { version: self.version + 1, updated_at: now, ..next }))
    }

    /// Whether a person holds it or is invited to it.
    pub(crate) fn has(&self, person: PersonId) -> bool {
        self.person == person || self.attendees.contains(&person)
    }

    fn without(&self, person: PersonId) -> Self {
        let attendees = self.attendees.iter().copied().filter(|attendee| *attendee != person).collect();
        Self { attendees, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};

    use super::*;

    fn booking(state: BookingState) -> Booking {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        Booking {
            workspace: WorkspaceId::new(),
            id: BookingId::new(),
            resource: ResourceId::new(),
            person: PersonId::new(),
            attendees: Vec::new(),
            window: Window::new(start, start + Duration::hours(1)).unwrap(),
            title: String::new(),
            state,
            state_reason: String::new(),
            external_ref: None,
            external_sequence: None,
            version: 3,
            created_at: start,
            updated_at: start,
        }
    }

    fn later(booking: &Booking) -> Window {
        Window::new(booking.window.start() + Duration::hours(2), booking.window.end() + Duration::hours(2))
            .unwrap()
    }

    #[test]
    fn each_state_takes_what_it_may() {
        use BookingState::{Cancelled, Completed, Confirmed, Failed, Pending};
        let (cancel, fail) =
            (Request::Cancel { reason: "ill".into() }, Request::Fail { reason: "card".into() });
        for (from, request, to) in [
            (Pending, Request::Confirm, Ok(Some(Confirmed))),
            (Confirmed, Request::Confirm, Ok(None)),
            (Cancelled, Request::Confirm, Err(Refusal::State(Cancelled))),
            (Failed, Request::Confirm, Ok(Some(Confirmed))),
            (Completed, Request::Confirm, Err(Refusal::State(Completed))),
            (Pending, cancel.clone(), Ok(Some(Cancelled))),
            (Confirmed, cancel.clone(), Ok(Some(Cancelled))),
            (Cancelled, cancel.clone(), Ok(None)),
            (Completed, cancel.clone(), Err(Refusal::State(Completed))),
            (Failed, cancel, Ok(Some(Cancelled))),
            (Pending, fail.clone(), Ok(Some(Failed))),
            (Confirmed, fail.clone(), Ok(Some(Failed))),
            (Failed, fail.clone(), Ok(None)),
            (Cancelled, fail, Err(Refusal::State(Cancelled))),
        ] {
            let booking = booking(from);
            let planned = booking.plan(&request, booking.window.start());
            assert_eq!(planned.map(|next| next.map(|b| b.state)), to, "{request:?} of a {from} booking");
        }
    }

    #[test]
    fn a_change_counts_the_version_up() {
        let booking = booking(BookingState::Pending);
        let next = booking.plan(&Request::Confirm, booking.window.start()).unwrap().unwrap();
        assert_eq!(next.version, 4);
    }

    #[test]
    fn moving_keeps_the_state_and_moving_to_the_same_place_is_nothing() {
        let booking = booking(BookingState::Confirmed);
        let now = booking.window.start();
        let moved = booking.plan(&Request::Reschedule(later(&booking)), now).unwrap().unwrap();
        assert_eq!((moved.state, moved.window), (BookingState::Confirmed, later(&booking)));
        assert!(booking.plan(&Request::Reschedule(booking.window), now).unwrap().is_none());
    }

    #[test]
    fn whoever_is_invited_is_there_once_and_until_they_are_not() {
        let booking = booking(BookingState::Confirmed);
        let (now, [ada, bo]) = (booking.window.start(), [PersonId::new(), PersonId::new()]);
        let plan = |booking: &Booking, request| booking.plan(&request, now).unwrap();
        let one = plan(&booking, Request::AddAttendee(ada)).unwrap();
        assert_eq!((one.attendees.as_slice(), one.version), ([ada].as_slice(), 4));
        assert!(plan(&one, Request::AddAttendee(ada)).is_none(), "twice is once");
        assert!(plan(&one, Request::AddAttendee(one.person)).is_none(), "who holds it is there anyway");
        let two = plan(&one, Request::AddAttendee(bo)).unwrap();
        let left = plan(&two, Request::RemoveAttendee(ada)).unwrap();
        assert_eq!((left.attendees.as_slice(), left.version), ([bo].as_slice(), 6));
        assert!(plan(&left, Request::RemoveAttendee(ada)).is_none());
        assert!(plan(&left, Request::RemoveAttendee(left.person)).is_none());
    }

    #[test]
    fn nobody_is_invited_to_what_is_over_called_off_or_full() {
        let (full, someone) = (booking(BookingState::Pending), PersonId::new());
        let full = Booking { attendees: (0..ATTENDEES_MAX).map(|_| PersonId::new()).collect(), ..full };
        let (start, end) = (full.window.start(), full.window.end());
        let add = |booking: &Booking, now| booking.plan(&Request::AddAttendee(someone), now).unwrap_err();
        assert_eq!(add(&full, start), Refusal::Full);
        assert_eq!(add(&full, end), Refusal::Over);
        for state in [BookingState::Cancelled, BookingState::Failed, BookingState::Completed] {
            assert_eq!(add(&booking(state), start), Refusal::State(state));
        }
    }

    #[test]
    fn after_the_end_an_attendee_can_still_be_kept_out() {
        for (state, expected) in [
            (BookingState::Completed, Ok(0)),
            (BookingState::Cancelled, Err(Refusal::State(BookingState::Cancelled))),
        ] {
            let someone = PersonId::new();
            let booking = Booking { attendees: vec![someone], ..booking(state) };
            let planned = booking.plan(&Request::RemoveAttendee(someone), booking.window.end());
            assert_eq!(planned.map(|after| after.unwrap().attendees.len()), expected);
        }
    }

    #[test]
    fn what_is_over_is_not_confirmed() {
        let failed = booking(BookingState::Failed);
        assert_eq!(failed.plan(&Request::Confirm, failed.window.end()).unwrap_err(), Refusal::Over);
        let booking = booking(BookingState::Pending);
        assert_eq!(booking.plan(&Request::Confirm, booking.window.end()).unwrap_err(), Refusal::Over);
        let past = booking.window;
        let moved = Booking { window: later(&booking), ..booking };
        assert_eq!(moved.plan(&Request::Reschedule(past), past.end()).unwrap_err(), Refusal::Over);
    }
}
