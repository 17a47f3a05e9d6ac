//! What was saved stands nowhere in plain: not in a row, a page, an index or the write-ahead log.

use sqlx::{Connection as _, PgConnection};

use crate::adapter::GOOD_KEY;
use crate::world::World;

/// Where in the database's files a text stands. Needs a superuser, which tests are.
async fn files_with(conn: &mut PgConnection, text: &str) -> Vec<String> {
    sqlx::query("checkpoint").execute(&mut *conn).await.unwrap();
    sqlx::query_scalar(
        "with file as (
           select pg_relation_filepath(c.oid) as path from pg_class c
           join pg_namespace n on n.oid = c.relnamespace
           where n.nspname in ('integrations', 'pg_toast') and pg_relation_filepath(c.oid) is not null
           union all
           select 'pg_wal/' || name from pg_ls_waldir()
         )
         select path from file where position($1::bytea in pg_read_binary_file(path)) > 0",
    )
    .bind(text.as_bytes())
    .fetch_all(conn)
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_value_is_nowhere_in_plain() {
    use secrecy::ExposeSecret as _;
    let mut world = World::new().await;
    let location = world.new_location();
    let wrong = format!("wrong-{}", domain::IntegrationId::new());
    let mut request = world.request("", GOOD_KEY);
    request.request_id = "a-request-id-that-is-kept".into();
    world.send(request).await.unwrap();
    world.connect(&location, &wrong).await.unwrap();
    world.resolve(&location).await;

    let mut conn = PgConnection::connect(world.harness.database_url().expose_secret()).await.unwrap();
    // So that the search is known to find what is there: a table's page and the log.
    let found = files_with(&mut conn, "a-request-id-that-is-kept").await;
    assert!(found.iter().any(|path| path.starts_with("base/")), "{found:?}");
    assert!(found.iter().any(|path| path.starts_with("pg_wal/")), "{found:?}");
    assert_eq!(files_with(&mut conn, &wrong).await, Vec::<String>::new());
    assert_eq!(files_with(&mut conn, GOOD_KEY).await, Vec::<String>::new());

    // Neither it nor its mask goes out on the bus.
    let bodies: Vec<String> = sqlx::query_scalar("select convert_from(payload, 'UTF8') from outbox")
        .fetch_all(&world.pool)
        .await
        .unwrap();
    let shows = |body: &String| body.contains('•') || body.contains(&GOOD_KEY[GOOD_KEY.len() - 8..]);
    assert!(bodies.len() >= 4 && !bodies.iter().any(shows), "{bodies:?}");
    world.harness.finish().await;
}
