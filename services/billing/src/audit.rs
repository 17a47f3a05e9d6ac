//! What this service's changes leave in the audit log.

use chassis::audit::{Author, Entry};
use domain::names::WorkspaceName;
use domain::{Timestamp, WorkspaceId};

use crate::model::settings::Settings;

/// How a workspace is paid was changed.
pub(crate) fn settings_changed(
    author: &Author,
    workspace: WorkspaceId,
    before: Settings,
    after: Settings,
    now: Timestamp,
) -> Entry {
    let subject = format!("{}/paymentSettings", WorkspaceName(workspace));
    let entry = author.changes(workspace, subject, now);
    entry.field("takes_debits", Some(before.takes_debits), Some(after.takes_debits))
}
