//! Use cases: begin, read, decide, write, outbox, commit. No call to Stripe is made inside a transaction.

mod coupon;
mod document;
mod invoice;
mod method;
mod payment;
mod price;
mod refund;
mod turn;

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::Clock;
use sqlx::PgPool;

use crate::credentials::{Credentials, Keys, Site};
use crate::error::Error;
use crate::payments::Payment;
use crate::vendor::{Stripe, StripeAccount};

pub(crate) use invoice::Verb;
pub(crate) use method::Started;
pub(crate) use payment::Continued;

/// The service's use cases.
pub(crate) struct App {
    pub pool: WorkspacePool,
    /// For what works across workspaces.
    pub platform: PgPool,
    pub clock: Arc<dyn Clock>,
    pub credentials: Credentials,
    pub stripe: Stripe,
    /// So long the turn at a customer of a process that died stays taken. Longer than the calls of one turn take.
    pub lease: chrono::Duration,
}

impl App {
    /// The account by which money is asked for there.
    pub(crate) async fn account(&self, site: Site) -> Result<(Keys, StripeAccount), Error> {
        let keys = self.credentials.keys(site).await?.ok_or(Error::StripeNotConnected)?;
        let account = self.stripe.account(&keys.secret).map_err(|_| Error::KeyRefused)?;
        Ok((keys, account))
    }

    /// The account at which a payment was made.
    pub(crate) async fn account_of_payment(&self, payment: &Payment) -> Result<StripeAccount, Error> {
        let (_, account) = self.account(payment.site).await?;
        Ok(account)
    }
}
