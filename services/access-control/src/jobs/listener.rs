//! Hears from Postgres in which workspaces grants changed, whichever replica changed them.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use crate::live::Watches;
use crate::store::grant::CHANGES;

/// Before another try to listen.
const PAUSE: Duration = Duration::from_millis(250);

/// The job. Each replica has its own.
pub(crate) struct Listener {
    pool: PgPool,
    watches: Arc<Watches>,
}

impl Listener {
    pub(crate) fn new(pool: PgPool, watches: Arc<Watches>) -> Self {
        Self { pool, watches }
    }

    pub(crate) async fn run(self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                Err(error) = self.listen() => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "watches wait");
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        // Calls that go on would hold up the end.
        self.watches.close();
    }

    /// Until the connection is lost.
    async fn listen(&self) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANGES).await?;
        // While nobody listened.
        self.watches.anything_changed();
        loop {
            let call = listener.try_recv().await?.ok_or(sqlx::Error::PoolClosed)?;
            if let Ok(workspace) = call.payload().parse() {
                self.watches.changed(workspace);
            }
        }
    }
}
