//! What lets people in themselves, for them alone.

use domain::WorkspaceId;
use proto::access::v1::reveal_door_secret_response::Secret;

use super::App;
use super::operate::Caller;
use crate::error::Error;
use crate::store::secret::{self as store, SecretPlace};

/// A link or a PIN, and where and when it lets its person in.
pub(crate) struct ShownSecret {
    pub place: SecretPlace,
    pub secret: Secret,
}

impl App {
    /// The caller's own, by when they open. What an adapter does not reveal lacks.
    pub(crate) async fn list_secrets(
        &self,
        workspace: WorkspaceId,
        caller: &Caller,
    ) -> Result<Vec<ShownSecret>, Error> {
        let Some(person) = caller.person else { return Ok(Vec::new()) };
        let mut tx = self.pool.begin(workspace).await?;
        let places = store::of_person(&mut tx, workspace, person, self.clock.now()).await?;
        tx.commit().await?;
        let asking = places.into_iter().map(async |place| {
            let secret = self.adapters.reveal(&place.target.provider, &place.grant.to_string()).await?;
            Some(ShownSecret { place, secret })
        });
        Ok(futures::future::join_all(asking).await.into_iter().flatten().collect())
    }
}
