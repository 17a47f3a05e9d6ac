//! The audit log.

use domain::{AuditEntryId, Timestamp};
use proto::audit::v1 as pb;

/// An entry as it was told.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AuditEntry {
    pub id: AuditEntryId,
    pub time: Timestamp,
    pub told: pb::AuditEntry,
}

/// When entries were made: from `start` until just before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub start: Timestamp,
    pub end: Timestamp,
}

impl Period {
    /// All times that an entry can have.
    pub(crate) const ALWAYS: Self = Self { start: Timestamp::UNIX_EPOCH, end: Timestamp::MAX_UTC };
}

/// Which entries are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    pub period: Period,
    pub actor: Option<String>,
    pub subject: Option<String>,
}
