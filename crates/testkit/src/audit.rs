//! What a service recorded for the audit log.

use proto::audit::v1::{AuditEntry, ChangeRecorded};
use secrecy::SecretString;

use crate::owner;

/// All entries that stand in a schema's outbox, oldest first.
pub(crate) async fn recorded(url: &SecretString, schema: &str) -> Vec<AuditEntry> {
    let owner = owner(url, schema).await.unwrap();
    let payloads: Vec<Vec<u8>> = sqlx::query_scalar(
        "select payload from outbox where subject like 'event.audit.change\\_recorded.%' order by id",
    )
    .fetch_all(&owner)
    .await
    .unwrap();
    let entry = |payload: Vec<u8>| {
        let message: ChangeRecorded = serde_json::from_slice(&payload).unwrap();
        message.audit_entry.unwrap()
    };
    payloads.into_iter().map(entry).collect()
}

/// What an entry says was changed, in one line: `ChangeRole: role REPLACED member -> admin; email SET`.
pub fn audit_line(entry: &AuditEntry) -> String {
    let method = entry.action.rsplit('/').next().unwrap_or_default();
    let changes = entry.changes.iter().map(|change| {
        let kind = change.kind().as_str_name().trim_start_matches("FIELD_CHANGE_KIND_");
        let values = match (change.before.as_str(), change.after.as_str()) {
            ("", "") => String::new(),
            ("", after) => format!(" {after}"),
            (before, "") => format!(" {before}"),
            (before, after) => format!(" {before} -> {after}"),
        };
        format!("{} {kind}{values}", change.field)
    });
    format!("{method}: {}", changes.collect::<Vec<_>>().join("; "))
}
