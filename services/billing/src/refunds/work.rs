//! Asks Stripe for refunds: the next step of the one that is due longest.

use billing_core::refund::{News, Step};
use chrono::Duration;
use domain::Timestamp;
use sqlx::PgConnection;

use super::record::{Sighting, record};
use super::{Refund, store};
use crate::app::App;
use crate::error::Error;
use crate::payments::{self, is_refusal};
use crate::store::customer;
use crate::vendor::{ChargingError, SeenRefund, is_missing};

/// The longest pause while Stripe can't be reached, or a person must act.
const PAUSE_MAX: Duration = Duration::minutes(5);

/// A step that was stored, and is to be done.
struct Work {
    refund: Refund,
    step: Step,
    /// Until when it is our turn at the customer.
    until: Timestamp,
}

impl App {
    /// Does the next step of the refund that is due longest. Whether there was one.
    pub(crate) async fn work_on_refund(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let Some(refund) = store::claim_due(&mut tx, now).await? else { return Ok(false) };
        let work = decide(&mut tx, refund, now, now + self.lease).await?;
        tx.commit().await?;
        let Some(work) = work else { return Ok(true) };
        let done = self.ask_or_look(&work).await;
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        match done {
            Ok(sighting) => record(&mut tx, work.refund.workspace, work.refund.id, sighting, now).await?,
            Err(error) => miss(&mut tx, &work.refund, &error, now).await?,
        }
        customer::end_turn(&mut tx, work.refund.workspace, work.refund.customer, work.until).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What comes of a step.
    async fn ask_or_look(&self, work: &Work) -> Result<Sighting, Error> {
        let refund = &work.refund;
        let mut tx = self.pool.begin(refund.workspace).await?;
        let payment = payments::find(&mut tx, refund.workspace, refund.payment).await?;
        drop(tx);
        let payment = payment.ok_or(Error::PaymentNotFound(refund.payment))?;
        let intent = payment.life.intent().ok_or(Error::PaymentNotFound(refund.payment))?;
        let account = self.account_of_payment(&payment).await?;
        let version = refund.life.version();
        if let Step::Ask { attempt } = work.step {
            return match account.create_refund(refund.id, attempt, intent, refund.amount).await {
                Ok(seen) => Ok(Sighting::of(version, seen)),
                // An intent that is not there is another account's: that says nothing of the refund.
                Err(ChargingError::Vendor(error)) if is_refusal(&error) && !is_missing(&error) => {
                    let failure_code = error.code().unwrap_or("refused").to_owned();
                    Ok(Sighting { news: News::Refused { attempt }, refund_ref: None, failure_code })
                }
                Err(error) => Err(error.into()),
            };
        }
        let found = account.list_refunds(intent).await?;
        let ours = found.into_iter().find(|seen: &SeenRefund| seen.ours == Some(refund.id));
        Ok(match ours {
            Some(seen) => Sighting::of(version, seen),
            None => {
                Sighting { news: News::NotThere { version }, refund_ref: None, failure_code: String::new() }
            }
        })
    }
}

/// Stores what is about to be done. None: nothing is, before a time has come.
async fn decide(
    conn: &mut PgConnection,
    before: Refund,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Work>, Error> {
    let (life, step) = before.life.step(now);
    let refund = before.with_life(life, now);
    if let Step::Wait(at) = step {
        store::update(conn, &Refund { due_at: at, ..refund }).await?;
        return Ok(None);
    }
    // Should we die, another one does it again then.
    let refund = Refund { due_at: Some(until), misses: before.misses, ..refund };
    store::update(conn, &refund).await?;
    customer::take_turn(conn, refund.workspace, refund.customer, now, until).await?;
    Ok(Some(Work { refund, step, until }))
}

/// Stripe could not be asked, or did not say: the same again, later.
async fn miss(conn: &mut PgConnection, refund: &Refund, error: &Error, now: Timestamp) -> Result<(), Error> {
    tracing::warn!(refund.id = %refund.id, error = error as &dyn std::error::Error, "a refund waits");
    let Some(found) = store::find_for_update(conn, refund.workspace, refund.id).await? else { return Ok(()) };
    // Meanwhile it may have been seen.
    if found.due_at.is_none() {
        return Ok(());
    }
    let pause = Duration::seconds(1 << found.misses.clamp(0, 10)).min(PAUSE_MAX);
    let misses = found.misses.saturating_add(1);
    Ok(store::update(conn, &Refund { due_at: Some(now + pause), misses, ..found }).await?)
}
