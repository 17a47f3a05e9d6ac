//! Rows that are past their time.

use chrono::Duration;
use events::retention::{self, INBOX, OUTBOX};
use uuid::Uuid;

use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_old_and_published_goes() {
    let world = World::new().await;
    let hour = Duration::hours(1);
    for (subject, written, published) in [
        ("old and published", OUTBOX + hour * 2, Some(OUTBOX + hour)),
        ("old, published lately", OUTBOX + hour * 2, Some(OUTBOX - hour)),
        ("old and never published", OUTBOX * 10, None),
        ("new", hour, Some(hour)),
    ] {
        sqlx::query(
            "insert into outbox (id, workspace_id, subject, headers, payload, created_at, published_at)
             values ($1, $2, $3, '{}', '', now() - $4, now() - $5)",
        )
        .bind(Uuid::now_v7())
        .bind(world.workspace.uuid())
        .bind(subject)
        .bind(written)
        .bind(published)
        .execute(&world.pool)
        .await
        .unwrap();
    }
    for (consumer, age) in [("old", INBOX + hour), ("new", INBOX - hour)] {
        sqlx::query("insert into inbox (consumer, event_id, applied_at) values ($1, $2, now() - $3)")
            .bind(consumer)
            .bind(Uuid::now_v7())
            .bind(age)
            .execute(&world.pool)
            .await
            .unwrap();
    }
    assert_eq!(retention::sweep(&world.pool).await.unwrap(), 2);
    let left: Vec<String> = sqlx::query_scalar("select subject from outbox order by subject")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    assert_eq!(left, ["new", "old and never published", "old, published lately"]);
    let left: Vec<String> =
        sqlx::query_scalar("select consumer from inbox").fetch_all(&world.pool).await.unwrap();
    assert_eq!(left, ["new"]);
    assert_eq!(retention::sweep(&world.pool).await.unwrap(), 0);
    // The row that was never published is this test's own.
    sqlx::query("delete from outbox").execute(&world.pool).await.unwrap();
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_one_statement_removes_goes_too() {
    let world = World::new().await;
    sqlx::query(
        "insert into inbox (consumer, event_id, applied_at)
         select 'old', gen_random_uuid(), now() - $1 from generate_series(1, 11000)",
    )
    .bind(INBOX * 2)
    .execute(&world.pool)
    .await
    .unwrap();
    assert_eq!(retention::sweep(&world.pool).await.unwrap(), 11_000);
    world.finish().await;
}
