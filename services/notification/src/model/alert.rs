//! What staff are to be told of a check ahead of a booking. Pure.

use chrono::Duration;
use domain::{BookingId, LocationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::PreflightStage;

use super::{Booking, Content, Problem};

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

impl Alert {
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
            person: person(booking, finding.person),
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

fn person(booking: &Booking, id: PersonId) -> String {
    booking.people.get(&id).map_or_else(|| "Someone".to_owned(), |contact| contact.name.clone())
}

#[cfg(test)]
mod tests {
    use domain::BookingId;

    use super::super::booking::tests::{at, booking};
    use super::*;

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
