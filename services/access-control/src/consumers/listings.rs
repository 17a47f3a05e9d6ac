//! What accounts have, from the adapters.

use std::sync::Arc;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::access::v1::AccountDoorsListed;
use sqlx::PgConnection;

use crate::app::App;
use crate::convert;
use crate::model::Listing;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("access-control-listings", StreamKind::Event, "event.access.account_doors_listed.*")
}

pub(crate) struct Listings {
    app: Arc<App>,
}

impl Listings {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { app }
    }
}

impl Handler for Listings {
    type Body = Listing;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Listing>, String> {
        let message: AccountDoorsListed = decode_json(payload)?;
        let listing = convert::listing(envelope.sequence, &message).ok_or("the listing is not complete")?;
        if listing.account.workspace != envelope.workspace {
            return Err("the account is another workspace's".to_owned());
        }
        Ok(Some(listing))
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Listing>]) -> Result<(), ApplyError> {
        let mut batch = batch.to_vec();
        // Whoever takes in several accounts' does it in this order.
        batch.sort_by_key(|received| received.body.account.id);
        for received in batch {
            self.app.hear_listing(conn, &received.body).await?;
        }
        Ok(())
    }
}
