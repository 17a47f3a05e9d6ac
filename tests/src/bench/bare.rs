//! The bare chain: what the platform's way is made of, without the platform. One commit, one
//! acknowledged publish, one commit, one acknowledged publish, one HTTP POST, in sequence.

use std::time::Duration;

use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;

use super::Times;
use super::latency::RATE;
use crate::Stage;

const TABLE: &str =
    "create table if not exists bare (id bigint generated always as identity primary key, body text)";
/// Chains measured.
const CHAINS: usize = 400;

/// What the machine can do.
#[derive(Debug, Clone, Copy)]
pub struct Bare {
    /// One chain after the other.
    pub back_to_back: Times,
    /// As many a second as bookings are confirmed: the processors rest in between, as they do for those.
    pub paced: Times,
    /// Single-row commits a second at 8 connections.
    pub commits_per_second: f64,
}

/// Measures on the stage's own servers.
pub async fn measure(stage: &Stage) -> Bare {
    let url = stage.postgres.url("latchkey");
    let mut conn = PgConnection::connect(&url).await.expect("connects");
    sqlx::query(TABLE).execute(&mut conn).await.expect("a table");
    let client = async_nats::connect(stage.nats.url()).await.expect("connects");
    let jetstream = async_nats::jetstream::new(client);
    let config = async_nats::jetstream::stream::Config {
        name: "bare".into(),
        subjects: vec!["bare".into()],
        ..Default::default()
    };
    jetstream.create_stream(config).await.expect("a stream");
    let http = reqwest::Client::builder().build().expect("a client");
    let post = format!("{}/_control/clock", stage.sandbox_url());
    let body = body();

    let mut chain = async || {
        let start = Instant::now();
        for _ in 0..2 {
            sqlx::query("insert into bare (body) values ($1)")
                .bind(&body)
                .execute(&mut conn)
                .await
                .expect("a commit");
            let ack = jetstream.publish("bare", body.clone().into()).await.expect("a publish");
            ack.await.expect("an acknowledgement");
        }
        let request =
            http.post(&post).body(r#"{"advance_seconds": 0}"#).header("content-type", "application/json");
        request.send().await.expect("an answer").bytes().await.expect("a body");
        start.elapsed().as_secs_f64() * 1_000.0
    };
    let mut back_to_back = Vec::with_capacity(CHAINS);
    for _ in 0..CHAINS {
        back_to_back.push(chain().await);
    }
    let mut paced = Vec::with_capacity(CHAINS);
    let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / RATE));
    for _ in 0..CHAINS {
        ticks.tick().await;
        paced.push(chain().await);
    }
    Bare {
        back_to_back: Times::of(back_to_back),
        paced: Times::of(paced),
        commits_per_second: commits(stage).await,
    }
}

fn body() -> String {
    "x".repeat(512)
}

/// Single-row commits a second at 8 connections.
pub async fn commits(stage: &Stage) -> f64 {
    const SECONDS: u64 = 4;
    let (url, body) = (stage.postgres.url("latchkey"), body());
    let pool =
        PgPoolOptions::new().max_connections(8).min_connections(8).connect(&url).await.expect("connects");
    sqlx::query(TABLE).execute(&pool).await.expect("a table");
    let until = Instant::now() + Duration::from_secs(SECONDS);
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let (pool, body) = (pool.clone(), body.clone());
            tokio::spawn(async move {
                let mut conn = pool.acquire().await.expect("a connection");
                let mut count = 0_u64;
                while Instant::now() < until {
                    let insert = sqlx::query("insert into bare (body) values ($1)").bind(&body);
                    insert.execute(&mut *conn).await.expect("a commit");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for worker in workers {
        total += worker.await.expect("no panic");
    }
    total as f64 / SECONDS as f64
}
