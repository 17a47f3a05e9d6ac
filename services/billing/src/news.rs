//! What was heard of payment methods: each is read anew at Stripe, later, by whoever has the time.
//!
//! So someone who closes their browser has saved their card all the same, and small deposits that are confirmed on
//! Stripe's own page make a bank account one that can be charged.

use domain::Timestamp;
use sqlx::PgConnection;

use crate::app::App;
use crate::credentials::Site;
use crate::error::Error;
use crate::store::look;
use crate::vendor::ListedEvent;

/// When a method is looked at again that could not be read.
const PAUSE: chrono::Duration = chrono::Duration::minutes(5);

/// Has the method read that an event is about, if it is one of ours.
pub(crate) async fn take(
    conn: &mut PgConnection,
    site: Site,
    event: &ListedEvent,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    match event.kind.split('.').next() {
        // We made it.
        _ if event.kind == "setup_intent.created" => Ok(()),
        Some("setup_intent") => look::at_setup(conn, site, &event.object_ref, now).await,
        Some("payment_method" | "mandate") => look::at_method(conn, site, &event.method_ref, now).await,
        _ => Ok(()),
    }
}

impl App {
    /// Reads the method of which something was heard longest ago. Whether there was one.
    pub(crate) async fn read_heard_method(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let until = now + PAUSE;
        let mut tx = self.platform.begin().await?;
        let Some(method) = look::claim(&mut tx, now, until).await? else { return Ok(false) };
        tx.commit().await?;
        let read = self.read_method(&method).await;
        if let Err(error) = &read {
            tracing::warn!(
                payment_method.id = %method.id, error = error as &dyn std::error::Error,
                "a payment method is not read",
            );
        }
        // What Stripe refuses, such as since the key is another account's, it will refuse again.
        if matches!(read, Ok(_) | Err(Error::StripeRefused(_))) {
            let mut tx = self.pool.begin(method.site.workspace).await?;
            look::done(&mut tx, &method, until).await?;
            tx.commit().await?;
        }
        Ok(true)
    }
}
