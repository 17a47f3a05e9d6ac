//! What happens when the clock steps back.

use uuid::Uuid;

use super::App;
use crate::error::Error;
use crate::store::{clock_step as store, door_schedule};

/// Rows of one transaction.
const BATCH: i64 = 5_000;

impl App {
    /// Has all looked at again that is to come: by the clock as it was before, some of it was over, and would be looked
    /// at no more.
    pub(crate) async fn look_at_all_again(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let in_flight_until = now + self.rules.in_flight_timeout;
        let mut after = (Uuid::nil(), Uuid::nil());
        loop {
            let mut tx = self.platform.begin().await?;
            let last = store::make_grants_due(&mut tx, after, BATCH, now, in_flight_until).await?;
            tx.commit().await?;
            match last {
                Some(key) => after = key,
                None => break,
            }
        }
        let mut tx = self.platform.begin().await?;
        store::make_users_due(&mut tx, now).await?;
        door_schedule::make_all_due(&mut tx, now).await?;
        store::make_ways_in_due(&mut tx, now, in_flight_until).await?;
        Ok(tx.commit().await?)
    }
}
