//! Numbers of documents, without gaps: the last one is a row, which waits for the transaction that uses it.

use domain::WorkspaceId;
use sqlx::PgConnection;

/// The next number of a workspace's documents of that kind. Given back if the transaction comes to nothing.
pub(super) async fn next(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    kind: &'static str,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "insert into document_number as it (workspace_id, kind, last) values ($1, $2, 1)
         on conflict (workspace_id, kind) do update set last = it.last + 1 returning last",
    )
    .bind(workspace.uuid())
    .bind(kind)
    .fetch_one(conn)
    .await
}

/// A number as it stands on a document: `INV-00012`.
pub(super) fn text(prefix: &str, number: i64) -> String {
    format!("{prefix}{number:05}")
}
