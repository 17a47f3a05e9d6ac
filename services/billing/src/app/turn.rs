//! One call at a time per customer: Stripe refuses a second one (Stripe API reference, `lock_timeout`).

use std::time::Duration;

use domain::{CustomerId, WorkspaceId};

use super::App;
use crate::error::Error;
use crate::store::customer as store;

/// How often it is looked whether somebody else is done, and how soon.
const LOOKS_MAX: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);

impl App {
    /// Does some work about a customer at Stripe when nobody else does.
    pub(super) async fn in_turn<T>(
        &self,
        workspace: WorkspaceId,
        customer: CustomerId,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        for _ in 0..LOOKS_MAX {
            let now = self.clock.now();
            let mut tx = self.pool.begin(workspace).await?;
            let is_ours = store::take_turn(&mut tx, workspace, customer, now, now + self.lease).await?;
            tx.commit().await?;
            if is_ours {
                let done = work.await;
                let mut tx = self.pool.begin(workspace).await?;
                store::end_turn(&mut tx, workspace, customer, now + self.lease).await?;
                tx.commit().await?;
                return done;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Error::CustomerBusy)
    }
}
