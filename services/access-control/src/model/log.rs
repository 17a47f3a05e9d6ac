//! Which part of the access log.

use std::ops::RangeInclusive;

use chassis::auth::Reach;
use domain::{LocationId, PersonId, Timestamp, WorkspaceId};

use super::OperationState;

/// How many days entries are kept, unless the workspace says otherwise.
pub(crate) const RETENTION_DAYS_DEFAULT: i32 = 730;

/// How many it may say.
pub(crate) const RETENTION_DAYS: RangeInclusive<i32> = 30..=3_650;

/// Who may be inside where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PresenceSearch {
    pub workspace: WorkspaceId,
    pub location: LocationId,
    /// Seen since then.
    pub since: Option<Timestamp>,
}

/// Which entries: those that all of it covers.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFilter {
    /// At these; `None`: at all.
    pub locations: Option<Vec<LocationId>>,
    pub person: Option<PersonId>,
    /// Provider, and its id of the door.
    pub door: Option<(String, String)>,
    pub from: Option<Timestamp>,
    /// Until just before then.
    pub until: Option<Timestamp>,
    /// With one of these; empty: with any.
    pub outcomes: Vec<OperationState>,
}

impl LogFilter {
    /// As far as it is the caller's: what is at their locations.
    pub(crate) fn within(self, reach: &Reach) -> Self {
        let theirs = match reach {
            Reach::Workspace => return self,
            Reach::Locations(theirs) => theirs.clone(),
            Reach::Own(_) => Vec::new(),
        };
        let asked = self.locations.unwrap_or_else(|| theirs.clone());
        let locations = asked.into_iter().filter(|location| theirs.contains(location)).collect();
        Self { locations: Some(locations), ..self }
    }
}
