//! Removes rows of the shared tables that are past their time.

use std::time::Duration;

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

/// Sweeps now and then, until shutdown.
pub(crate) async fn run(pool: PgPool, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(Duration::from_secs(600));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = sweep(&pool).await {
            tracing::warn!(error = %error, "cannot remove old rows; trying again later");
        }
    }
}

async fn sweep(pool: &PgPool) -> Result<(), sqlx::Error> {
    events::retention::sweep(pool).await?;
    let mut conn = pool.acquire().await?;
    crate::idempotency::sweep(&mut conn).await?;
    Ok(())
}
