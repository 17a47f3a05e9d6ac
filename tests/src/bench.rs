//! What the benchmark measures: the bare chain of this machine, the way from a confirmation to Kisi's request, sustained
//! bookings, what the gateway costs, what an unlock costs, what a due grant costs in a large ledger, what schedules of
//! doors cost, what a daily run of invoices costs, how fast Stripe's reports are taken in, and memory at rest. All in one run, for machines differ and are noisy.

pub mod bare;
pub mod bills;
pub mod gateway;
pub mod latency;
pub mod ledger;
pub mod memory;
pub mod schedules;
pub mod sustained;
pub mod unlock;
pub mod webhooks;

use sqlx::{Connection as _, PgConnection};

use crate::Stage;

/// How long something took that was done many times.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// How many times.
    pub count: usize,
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, in milliseconds.
    pub p99_ms: f64,
}

impl Times {
    /// Of these, in milliseconds.
    pub fn of(mut times_ms: Vec<f64>) -> Self {
        times_ms.sort_by(f64::total_cmp);
        let at = |percent: f64| {
            let index = (times_ms.len().saturating_sub(1) as f64 * percent / 100.0).round() as usize;
            times_ms.get(index).copied().unwrap_or(f64::NAN)
        };
        Self { count: times_ms.len(), p50_ms: at(50.0), p99_ms: at(99.0) }
    }
}

/// Has Postgres look at its tables as autovacuum does within a minute: the tables of a benchmark grow faster.
pub async fn analyze(stage: &Stage) {
    let mut conn = PgConnection::connect(&stage.postgres.url("latchkey")).await.expect("connects");
    sqlx::query("analyze").execute(&mut conn).await.expect("analyzes");
}
