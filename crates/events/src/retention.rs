//! Old rows go: outbox rows once the bus has surely stored them, inbox rows once nothing can come back.

use sqlx::PgPool;

/// Outbox rows are kept this long after they were published, to be published again if the bus loses
/// its stream.
pub const OUTBOX: chrono::Duration = chrono::Duration::days(3);

/// Inbox rows outlive outbox rows and the event stream (7 days), so that whatever is published or
/// replayed from there is known.
pub const INBOX: chrono::Duration = chrono::Duration::days(14);

/// Rows of each table that one statement removes at most.
const BATCH: i64 = 5_000;

/// Removes rows that are past their retention, all of them, in batches. Returns how many.
pub async fn sweep(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let mut removed = 0;
    for (statement, age) in [
        (
            "delete from outbox where id in (select id from outbox where published_at < now() - $1
             order by published_at limit $2)",
            OUTBOX,
        ),
        (
            "delete from inbox where (consumer, event_id) in (select consumer, event_id from inbox
             where applied_at < now() - $1 order by applied_at limit $2)",
            INBOX,
        ),
    ] {
        loop {
            let rows = sqlx::query(statement).bind(age).bind(BATCH).execute(pool).await?.rows_affected();
            removed += rows;
            if rows < BATCH as u64 {
                break;
            }
        }
    }
    Ok(removed)
}
