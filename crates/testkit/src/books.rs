//! The check at the end: nothing waits, nothing is lost, nothing is dead that should not be.

use std::time::Duration;

use async_nats::jetstream;
use events::subject::{Root, StreamKind};
use futures::TryStreamExt as _;
use secrecy::SecretString;

use crate::{eventually, owner};

/// The books of one installation.
#[derive(Debug, Clone)]
pub struct Books {
    /// Its database.
    pub database_url: SecretString,
    /// Schemas that have an outbox.
    pub schemas: Vec<&'static str>,
    /// Its NATS.
    pub nats_url: String,
    /// Its subject root.
    pub root: Root,
}

impl Books {
    /// Waits until all outboxes are empty and all consumers have acknowledged everything, then until
    /// there are exactly `dead_letters`.
    pub async fn balance(&self, dead_letters: u64, limit: Duration) {
        eventually("the books balance", limit, async || self.look(dead_letters).await).await;
    }

    async fn look(&self, dead_letters: u64) -> Result<(), String> {
        for schema in &self.schemas {
            let pool = owner(&self.database_url, schema).await.map_err(|e| e.to_string())?;
            let waiting: i64 = sqlx::query_scalar("select count(*) from outbox where published_at is null")
                .fetch_one(&pool)
                .await
                .map_err(|e| e.to_string())?;
            pool.close().await;
            if waiting > 0 {
                return Err(format!("{waiting} rows wait in the outbox of {schema}"));
            }
        }
        let client = async_nats::connect(&self.nats_url).await.map_err(|e| e.to_string())?;
        let context = jetstream::new(client);
        for kind in StreamKind::ALL {
            let name = self.root.stream(kind);
            let mut stream = context.get_stream(&name).await.map_err(|e| e.to_string())?;
            let messages = stream.info().await.map_err(|e| e.to_string())?.state.messages;
            if kind == StreamKind::Dead {
                if messages != dead_letters {
                    return Err(format!("{messages} dead letters instead of {dead_letters}"));
                }
                continue;
            }
            let mut consumers = stream.consumers();
            while let Some(info) = consumers.try_next().await.map_err(|e| e.to_string())? {
                if info.num_pending > 0 || info.num_ack_pending > 0 {
                    return Err(format!(
                        "consumer {} has {} to come and {} unacknowledged",
                        info.name, info.num_pending, info.num_ack_pending
                    ));
                }
            }
        }
        Ok(())
    }
}
