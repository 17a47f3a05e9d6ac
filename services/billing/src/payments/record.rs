//! What came of a step, taken down in one transaction with all that follows.

use billing_core::payment::{News, Seen, State};
use domain::Timestamp;
use events::outbox;
use sqlx::PgConnection;

use super::{Payment, settle, store};
use crate::customers;
use crate::error::Error;
use crate::facts::{self, PaymentFact};
use crate::invoices::store as invoices;
use crate::settings;

/// What was found out.
pub(super) struct Heard {
    pub news: News,
    /// Why an attempt was declined, by Stripe's word.
    pub failure_code: String,
}

impl Heard {
    fn seen(&self) -> Option<Seen> {
        match &self.news {
            News::Answered { seen, .. } | News::Read { seen, .. } => Some(*seen),
            _ => None,
        }
    }
}

/// Takes it down. The payment afterwards.
pub(super) async fn record(
    conn: &mut PgConnection,
    payment: &Payment,
    heard: Heard,
    now: Timestamp,
) -> Result<Payment, Error> {
    let workspace = payment.site.workspace;
    // First the invoice, then the payment, as whoever changes an invoice does.
    invoices::lock(conn, workspace, payment.invoice).await?;
    let before = store::find_for_update(conn, workspace, payment.id)
        .await?
        .ok_or(Error::PaymentNotFound(payment.id))?;
    let schedule = settings::retries(conn, workspace).await?;
    let schedule = if store::is_debit(conn, &before).await? { schedule.for_debits() } else { schedule };
    let seen = heard.seen();
    let life = before.life.hear(heard.news, &schedule, now);
    // Where the intent is made is where it stays.
    let site = if before.life.intent().is_none() { payment.site } else { before.site };
    let failure_code = match seen {
        Some(Seen::Succeeded) => String::new(),
        _ if heard.failure_code.is_empty() => before.failure_code.clone(),
        _ => heard.failure_code,
    };
    let had_been_read = before.must_read && seen.is_some();
    let after =
        Payment { site, failure_code, must_read: before.must_read && !had_been_read, ..before.clone() };
    let after = after.with_life(life, now);
    store::update(conn, &after).await?;
    if after.life == before.life {
        return Ok(after);
    }
    if let (State::Confirming { .. } | State::InDoubt | State::Pending, Some(seen)) =
        (before.life.state(), seen)
    {
        store::end_attempt(conn, &after, outcome(seen), &after.failure_code, now).await?;
    }
    tell(conn, &before, &after, seen, now).await?;
    Ok(after)
}

/// Books and tells what follows of how a payment is now.
pub(super) async fn tell(
    conn: &mut PgConnection,
    before: &Payment,
    after: &Payment,
    seen: Option<Seen>,
    now: Timestamp,
) -> Result<(), Error> {
    let (was, is) = (before.life.state(), after.life.state());
    let fact = match (was, is) {
        _ if was == is => return Ok(()),
        (_, State::Succeeded) => {
            settle::received(conn, after, now).await?;
            PaymentFact::Succeeded
        }
        _ if after.has_failed() => PaymentFact::Failed,
        // The last word is told when the vendor knows.
        (_, State::Ready { .. } | State::Waiting { .. }) if matches!(seen, Some(Seen::Declined(_))) => {
            PaymentFact::Failed
        }
        (_, State::Waiting { .. }) if matches!(seen, Some(Seen::AwaitsPerson)) => PaymentFact::Failed,
        _ => return Ok(()),
    };
    if let PaymentFact::Failed = fact {
        settle::failed(conn, after, now).await?;
    }
    let holder = customers::holder(conn, after.site.workspace, after.customer).await?;
    let holder = holder.ok_or(Error::PaymentNotFound(after.id))?;
    outbox::append(conn, &[facts::payment(fact, after, holder, now)]).await?;
    Ok(())
}

fn outcome(seen: Seen) -> &'static str {
    match seen {
        Seen::Unconfirmed => "unconfirmed",
        Seen::Declined(_) => "declined",
        Seen::AwaitsPerson => "awaits_person",
        Seen::Processing => "processing",
        Seen::Succeeded => "succeeded",
        Seen::Cancelled => "cancelled",
    }
}
