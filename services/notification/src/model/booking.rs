//! A booking as it was last told.

use std::collections::HashMap;

use chrono::Duration;
use domain::{PersonId, Timestamp, WorkspaceId};
use serde::{Deserialize, Serialize};

use super::Content;

/// A booking, for what is to be said of it later.
#[derive(Clone)]
pub(crate) struct Booking {
    pub workspace: WorkspaceId,
    /// Whether it is confirmed.
    pub stands: bool,
    /// Whether nothing can bring it back.
    pub is_final: bool,
    /// What messages say of it, without an address.
    pub content: Content,
    /// Who may come; and of a visit, who expects them.
    pub people: HashMap<PersonId, Contact>,
}

/// What someone is called, and where they are reached. Kept as JSON, so fields are added, never renamed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub name: String,
    #[serde(default)]
    pub email: Option<String>,
    #[serde(default)]
    pub phone: Option<String>,
}

/// Whether what was found out of a booking at a moment still holds of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    /// It was called off or moved since.
    Outdated,
    /// The booking as it was then is still to be heard of.
    Unheard,
}

/// What is told of a booking is heard so long after it became true at most, or it never will be.
const HEARD_LATE: Duration = Duration::minutes(10);

/// Judges what was found out at `found_at` of a booking that began at `starts_at`, by what is known of it.
pub(crate) fn verdict(
    known: Option<&Booking>,
    starts_at: Timestamp,
    found_at: Timestamp,
    now: Timestamp,
) -> Verdict {
    let Some(known) = known else { return Verdict::Unheard };
    if known.stands && known.content.window.start() == starts_at {
        return Verdict::Holds;
    }
    // Whoever found it had not heard of the end.
    if known.is_final {
        return Verdict::Outdated;
    }
    // What differs is newer than that, or older and about to be followed by what was found.
    let is_newer = found_at < known.content.told_at;
    if is_newer || found_at + HEARD_LATE <= now { Verdict::Outdated } else { Verdict::Unheard }
}

#[cfg(test)]
pub(super) mod tests {
    use domain::{BookingId, Window};

    use super::*;

    pub(crate) fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_796_112_000 + minute * 60, 0).unwrap()
    }

    /// A booking of an hour, as it was told at a minute.
    pub(crate) fn booking(starts: i64, told: i64, stands: bool) -> Booking {
        let content = Content {
            to: String::new(),
            person_name: "Ada".into(),
            resource_name: "Room".into(),
            location_name: "House".into(),
            address: String::new(),
            time_zone: "UTC".into(),
            window: Window::new(at(starts), at(starts + 60)).unwrap(),
            previous_window: None,
            title: String::new(),
            reason: String::new(),
            workspace_name: "Space".into(),
            reply_to: None,
            booking: BookingId::new(),
            booking_version: 1,
            told_at: at(told),
            problems: Vec::new(),
            problems_more: 0,
            host: None,
            host_id: None,
            way_in: None,
            arrival: None,
            dispute: None,
        };
        Booking { workspace: WorkspaceId::new(), stands, is_final: false, content, people: HashMap::new() }
    }

    /// What was found out at minute 0 of what begins at minute 60.
    #[test]
    fn what_was_moved_or_called_off_since_is_not_told_and_what_is_not_heard_of_yet_is_waited_for() {
        for (known, now, expected) in [
            (None, 1, Verdict::Unheard),
            (Some(booking(60, -100, true)), 1, Verdict::Holds),
            // Invited someone since: it is the same booking.
            (Some(booking(60, 1, true)), 1, Verdict::Holds),
            (Some(booking(60, 1, false)), 1, Verdict::Outdated),
            (Some(booking(90, 1, true)), 1, Verdict::Outdated),
            (Some(booking(90, -100, true)), 1, Verdict::Unheard),
            (Some(booking(60, -100, false)), 1, Verdict::Unheard),
            // Called off before, of which whoever found it had not heard: nothing brings it back.
            (Some(Booking { is_final: true, ..booking(60, -100, false) }), 1, Verdict::Outdated),
            // Called off at the moment of the check, which had not heard of it.
            (Some(booking(60, -1, false)), 10, Verdict::Outdated),
        ] {
            let told = known.as_ref().map(|known| (known.content.window.start(), known.stands));
            assert_eq!(verdict(known.as_ref(), at(60), at(0), at(now)), expected, "{told:?} {now}");
        }
    }
}
