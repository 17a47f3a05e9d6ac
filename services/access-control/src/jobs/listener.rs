//! Hears from Postgres in which workspaces grants changed, or the access log grew, whichever replica did it.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio_util::sync::CancellationToken;

use crate::live::Watches;

/// Before another try to listen.
const PAUSE: Duration = Duration::from_millis(250);

/// The job. Each replica has its own.
pub(crate) struct Listener {
    pool: PgPool,
    /// By channel.
    watches: [(&'static str, Arc<Watches>); 2],
}

impl Listener {
    pub(crate) fn new(pool: PgPool, watches: [(&'static str, Arc<Watches>); 2]) -> Self {
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
        for (_, watches) in &self.watches {
            watches.close();
        }
    }

    /// Until the connection is lost.
    async fn listen(&self) -> Result<std::convert::Infallible, sqlx::Error> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.eager_reconnect(false);
        listener.listen_all(self.watches.iter().map(|(channel, _)| *channel)).await?;
        // While nobody listened.
        for (_, watches) in &self.watches {
            watches.anything_changed();
        }
        loop {
            let call = listener.try_recv().await?.ok_or(sqlx::Error::PoolClosed)?;
            let watches = self.watches.iter().find(|(channel, _)| *channel == call.channel());
            if let (Some((_, watches)), Ok(workspace)) = (watches, call.payload().parse()) {
                watches.changed(workspace);
            }
        }
    }
}
