//! What staff are to be told of a check ahead of a booking, and whether that still holds. Pure.

use chrono::Duration;
use domain::{BookingId, LocationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::PreflightStage;

use super::{Booking, Content, Problem};

/// What is told of a booking is heard so long after it became true at most, or it never will be.
const HEARD_LATE: Duration = Duration::minutes(10);

/// Problems that one message names.
const PROBLEMS_MAX: usize = 20;

/// A check that found that not everybody will be let in.
pub(crate) struct Alert {
    pub workspace: WorkspaceId,
    pub booking: BookingId,
    pub stage: PreflightStage,
    /// When that begins what was checked.
    pub starts_at: Timestamp,
    pub checked_at: Timestamp,
    pub findings: Vec<Finding>,
}

/// A door that will not let someone in.
pub(crate) struct Finding {
    pub person: PersonId,
    pub location: LocationId,
    pub door: String,
    pub sentence: String,
    pub detail: String,
}

/// Whether an alert still holds of a booking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Holds,
    /// The booking was called off or moved since: where it is now it is checked anew.
    Outdated,
    /// The booking that was checked is still to be heard of.
    Unheard,
}

impl Alert {
    /// Judges by what is known of the booking.
    pub(crate) fn verdict(&self, known: Option<&Booking>, now: Timestamp) -> Verdict {
        let Some(known) = known else { return Verdict::Unheard };
        if known.stands && known.content.window.start() == self.starts_at {
            return Verdict::Holds;
        }
        // What differs is newer than the check, or older and about to be followed by what was checked.
        let is_newer = self.checked_at < known.content.told_at;
        if is_newer || self.checked_at + HEARD_LATE <= now { Verdict::Outdated } else { Verdict::Unheard }
    }

    /// Whether an email may not be read in time.
    pub(crate) fn is_urgent(&self) -> bool {
        self.stage != PreflightStage::Day
    }

    /// Until the next check says better, or there is nothing left to be let in to.
    pub(crate) fn expires_at(&self, booking: &Booking) -> Timestamp {
        match self.stage {
            PreflightStage::Day => self.starts_at - Duration::hours(1),
            PreflightStage::Hour => self.starts_at - Duration::minutes(5),
            PreflightStage::Minutes | PreflightStage::Unspecified => booking.content.window.end(),
        }
    }

    /// Where the doors are, each once.
    pub(crate) fn locations(&self) -> Vec<LocationId> {
        let mut locations: Vec<LocationId> = self.findings.iter().map(|finding| finding.location).collect();
        locations.sort();
        locations.dedup();
        locations
    }

    /// What a message says, without its recipient.
    pub(crate) fn content(&self, booking: &Booking) -> Content {
        let problem = |finding: &Finding| Problem {
            person: booking.people.get(&finding.person).cloned().unwrap_or_else(|| "Someone".to_owned()),
            door: finding.door.clone(),
            sentence: finding.sentence.clone(),
            detail: finding.detail.clone(),
        };
        Content {
            problems: self.findings.iter().take(PROBLEMS_MAX).map(problem).collect(),
            problems_more: self.findings.len().saturating_sub(PROBLEMS_MAX),
            ..booking.content.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use domain::Window;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_timestamp(1_796_112_000 + minute * 60, 0).unwrap()
    }

    /// A booking of an hour, as it was told at a minute.
    fn booking(starts: i64, told: i64, stands: bool) -> Booking {
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
        };
        Booking { workspace: WorkspaceId::new(), stands, content, people: HashMap::new() }
    }

    /// A check at minute 0 of what begins at minute 60.
    fn alert() -> Alert {
        Alert {
            workspace: WorkspaceId::new(),
            booking: BookingId::new(),
            stage: PreflightStage::Hour,
            starts_at: at(60),
            checked_at: at(0),
            findings: Vec::new(),
        }
    }

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
            // Called off at the moment of the check, which had not heard of it.
            (Some(booking(60, -1, false)), 10, Verdict::Outdated),
        ] {
            let told = known.as_ref().map(|known| (known.content.window.start(), known.stands));
            assert_eq!(alert().verdict(known.as_ref(), at(now)), expected, "{told:?} {now}");
        }
    }

    #[test]
    fn each_check_has_its_say_until_the_next() {
        let booking = booking(60, -100, true);
        for (stage, until) in
            [(PreflightStage::Day, 0), (PreflightStage::Hour, 55), (PreflightStage::Minutes, 120)]
        {
            let alert = Alert { stage, ..alert() };
            assert_eq!(alert.expires_at(&booking), at(until));
            assert_eq!(alert.is_urgent(), stage != PreflightStage::Day);
        }
    }
}
