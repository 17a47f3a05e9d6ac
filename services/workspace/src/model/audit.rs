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

/// Which entries are meant. All of them if nothing is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    pub start: Option<Timestamp>,
    /// Exclusive.
    pub end: Option<Timestamp>,
    pub actor: Option<String>,
    pub subject: Option<String>,
}
