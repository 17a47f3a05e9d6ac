//! Has payments charged: the next step of the one that is due longest.

use billing_core::decline::{Ask, Decline, Remedy};
use billing_core::payment::{News, Seen, Step};
use chrono::Duration;
use domain::Timestamp;
use vendor_http::{Effect, ErrorKind, VendorError};

use super::record::{Heard, record, tell};
use super::store;
use super::{Payment, due};
use crate::app::App;
use crate::credentials::Keys;
use crate::error::Error;
use crate::store::{customer, method, settings};
use crate::vendor::{ChargingError, MethodKind, SeenIntent, StripeAccount, is_missing};

/// A debit that nothing is heard of is looked at this often.
pub(crate) const PENDING_LOOK: Duration = Duration::hours(6);
/// The longest pause while Stripe can't be reached, or a person must act.
const PAUSE_MAX: Duration = Duration::minutes(5);

/// A step that was stored, and is to be done.
struct Work {
    payment: Payment,
    step: Step,
    /// Stripe's id of the method that is charged, if there is one.
    method_ref: Option<String>,
    /// Until when it is our turn at the customer.
    until: Timestamp,
}

impl App {
    /// Does the next step of the payment that is due longest. Whether there was one.
    pub(crate) async fn work_on_payment(&self) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let Some(payment) = store::claim_due(&mut tx, now).await? else { return Ok(false) };
        let work = decide(&mut tx, payment, now, now + self.lease).await?;
        tx.commit().await?;
        let Some(work) = work else { return Ok(true) };
        // On the heap: it is a large one.
        let done = Box::pin(self.carry_out(&work)).await;
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        match done {
            Ok((payment, heard)) => drop(record(&mut tx, &payment, heard, now).await?),
            Err(error) => miss(&mut tx, &work.payment, &error, now).await?,
        }
        customer::end_turn(&mut tx, work.payment.site.workspace, work.payment.customer, work.until).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What comes of a step; also the payment, which an intent that is made binds to the account where it is.
    async fn carry_out(&self, work: &Work) -> Result<(Payment, Heard), Error> {
        let payment = &work.payment;
        let (keys, account) = self.account(payment.site).await?;
        if work.step == Step::Create {
            let payment = Payment { site: keys.site, ..payment.clone() };
            let heard = self.create(&payment, &keys, &account).await?;
            return Ok((payment, heard));
        }
        let Some(intent) = payment.life.intent() else { return Err(Error::PaymentNotFound(payment.id)) };
        let version = payment.life.version();
        let heard = match (work.step, &work.method_ref) {
            (Step::Confirm { attempt }, Some(method)) => {
                let SeenIntent { seen, decline_code } =
                    confirm(&account, payment, attempt, intent, method).await?;
                Heard { news: News::Answered { attempt, seen }, failure_code: decline_code }
            }
            (Step::Confirm { attempt }, None) => {
                let seen = Seen::Declined(Remedy::Person(Ask::OtherMethod));
                Heard {
                    news: News::Answered { attempt, seen },
                    failure_code: "payment_method_missing".into(),
                }
            }
            (Step::Cancel, _) => read(version, account.cancel_payment_intent(intent).await?),
            _ => read(version, account.read_payment_intent(intent).await?),
        };
        Ok((payment.clone(), heard))
    }

    async fn create(&self, payment: &Payment, keys: &Keys, account: &StripeAccount) -> Result<Heard, Error> {
        let site = payment.site;
        let mut tx = self.pool.begin(site.workspace).await?;
        let takes_debits = settings::find(&mut tx, site.workspace).await?.takes_debits;
        drop(tx);
        // Debits are in dollars alone, and what becomes of them is told by webhooks.
        let takes_debits =
            takes_debits && payment.amount.currency().code() == "USD" && !keys.webhook_secrets.is_empty();
        let mut customer_ref = self.customer_ref(account, site, payment.customer).await?;
        let mut is_new = false;
        loop {
            let made = account
                .create_payment_intent(payment.id, payment.amount, Some(&customer_ref), takes_debits)
                .await;
            let refused = match made {
                Ok(made) => {
                    return Ok(Heard { news: News::Created(made.intent), failure_code: String::new() });
                }
                // The key is another account's than when they became a customer there.
                Err(ChargingError::Vendor(error)) if is_missing(&error) && !is_new => {
                    customer_ref = self.new_customer(account, site, payment.customer).await?;
                    is_new = true;
                    continue;
                }
                Err(ChargingError::Vendor(error)) if is_refusal(&error) => {
                    error.code().unwrap_or("refused").to_owned()
                }
                Err(ChargingError::Amount(error)) => {
                    tracing::error!(payment.id = %payment.id, %error, "a payment can't be made");
                    "amount_invalid".to_owned()
                }
                Err(error) => return Err(error.into()),
            };
            // There never will be an intent.
            return Ok(Heard { news: News::Withdrawn, failure_code: refused });
        }
    }
}

/// Charges by a method. A refusal of just that method is a decline.
async fn confirm(
    account: &StripeAccount,
    payment: &Payment,
    attempt: u32,
    intent: &str,
    method: &str,
) -> Result<SeenIntent, ChargingError> {
    match account.confirm_payment_intent(payment.id, attempt, intent, method).await {
        // An intent that is not there is another account's: that says nothing of the method.
        Err(ChargingError::Vendor(error)) if is_refusal(&error) && error.kind != ErrorKind::NotFound => {
            let code = error.code().unwrap_or_default().to_owned();
            let remedy = match (Decline { code: code.clone(), ..Decline::default() }).remedy() {
                // What is refused as it is will be refused again.
                Remedy::Retry => Remedy::Person(Ask::OtherMethod),
                remedy => remedy,
            };
            Ok(SeenIntent { seen: Seen::Declined(remedy), decline_code: code })
        }
        answered => answered,
    }
}

/// Whether Stripe said no to just this call, and did nothing: not that the key may not make it.
pub(crate) fn is_refusal(error: &VendorError) -> bool {
    let is_no =
        matches!(error.kind, ErrorKind::Rejected | ErrorKind::NotFound) && error.status() != Some(403);
    is_no && error.effect == Effect::None
}

fn read(version: u64, found: SeenIntent) -> Heard {
    Heard { news: News::Read { version, seen: found.seen }, failure_code: found.decline_code }
}

/// Stores what is about to be done. None: nothing is, before something is heard or a time has come.
async fn decide(
    conn: &mut sqlx::PgConnection,
    before: Payment,
    now: Timestamp,
    until: Timestamp,
) -> Result<Option<Work>, Error> {
    let (life, step) = match before.must_read || before.life.is_pending() {
        true => (before.life.clone(), Step::Read),
        false => before.life.step(now),
    };
    let payment = before.with_life(life, now);
    if let Step::Wait(_) = step {
        let payment = Payment { due_at: due(payment.life.state(), now), ..payment };
        store::update(conn, &payment).await?;
        // It may have ended just by that.
        tell(conn, &before, &payment, None, now).await?;
        return Ok(None);
    }
    let method_ref = match step {
        Step::Confirm { .. } => {
            let methods = method::list_saved_for_update(conn, payment.site, payment.customer).await?;
            let method = methods.iter().find(|method| method.is_default);
            let is_taken = |kind| kind == MethodKind::Card || payment.amount.currency().code() == "USD";
            let method = method.filter(|method| is_taken(method.kind));
            store::begin_attempt(conn, &payment, method, now).await?
        }
        _ => None,
    };
    // Should we die, another one does it again then.
    let payment = Payment { due_at: Some(until), misses: before.misses, ..payment };
    store::update(conn, &payment).await?;
    customer::take_turn(conn, payment.site.workspace, payment.customer, now, until).await?;
    Ok(Some(Work { payment, step, method_ref, until }))
}

/// Stripe could not be asked, or did not say: the same again, later.
async fn miss(
    conn: &mut sqlx::PgConnection,
    payment: &Payment,
    error: &Error,
    now: Timestamp,
) -> Result<(), Error> {
    tracing::warn!(payment.id = %payment.id, error = error as &dyn std::error::Error, "a payment waits");
    let found = store::find_for_update(conn, payment.site.workspace, payment.id).await?;
    let Some(found) = found else { return Ok(()) };
    let pause = Duration::seconds(1 << found.misses.clamp(0, 10)).min(PAUSE_MAX);
    let misses = found.misses.saturating_add(1);
    Ok(store::update(conn, &Payment { due_at: Some(now + pause), misses, ..found }).await?)
}
