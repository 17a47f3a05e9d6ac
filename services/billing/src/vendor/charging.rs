//! Payments, a method each call.
//!
//! What changes something carries a key that is made of our own id and the attempt, so that a repetition is the same
//! call to Stripe.

use billing_core::payment::Seen;
use domain::{Money, PaymentId};
use secrecy::SecretString;
use vendor_http::{Call, ErrorKind, VendorError};

use super::amount::{AmountError, to_stripe};
use super::client::{StripeAccount, keyed};
use super::method::MethodKind;
use super::wire::PaymentIntent;

/// The metadata by which an intent is known as ours.
pub(super) const PAYMENT: &str = "latchkey_payment";

/// A charge or a refund could not be asked for, or what was said is not known.
#[derive(Debug, thiserror::Error)]
pub enum ChargingError {
    /// Stripe refused or did not answer.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// Stripe takes no such amount. Nothing was sent.
    #[error(transparent)]
    Amount(#[from] AmountError),
    /// Stripe has words that this client was not written for.
    #[error("Stripe calls it {0:?}, which is not known here")]
    UnknownStatus(String),
}

/// What an intent was seen like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenIntent {
    /// In our words.
    pub seen: Seen,
    /// Why its last attempt was declined, by Stripe's word. Empty: it was not.
    pub decline_code: String,
}

/// An intent that was made.
#[derive(Debug)]
pub struct CreatedIntent {
    /// Stripe's id of it.
    pub intent: String,
    /// With this, and only in the person's browser, it can be confirmed by them.
    pub client_secret: SecretString,
}

impl StripeAccount {
    /// Makes the intent of a payment, to be paid by card, or by debit if those are taken. It is not confirmed yet.
    pub async fn create_payment_intent(
        &self,
        payment: PaymentId,
        amount: Money,
        customer_ref: Option<&str>,
        takes_debits: bool,
    ) -> Result<CreatedIntent, ChargingError> {
        let (amount, currency) = to_stripe(amount)?;
        let (payment, metadata) = (payment.to_string(), format!("metadata[{PAYMENT}]"));
        let mut fields = vec![
            ("amount", amount.as_str()),
            ("currency", currency.as_str()),
            ("payment_method_types[0]", MethodKind::Card.as_str()),
            (metadata.as_str(), payment.as_str()),
        ];
        fields
            .extend(takes_debits.then_some(("payment_method_types[1]", MethodKind::UsBankAccount.as_str())));
        fields.extend(customer_ref.map(|customer| ("customer", customer)));
        let call = self.post("/v1/payment_intents", &["payment_intents"], &fields);
        let intent: PaymentIntent = self.send(keyed(call, &format!("payment-{payment}"))).await?.json()?;
        Ok(CreatedIntent { intent: intent.id, client_secret: intent.client_secret })
    }

    /// Charges an intent by a saved method, without the person. What became of it, also if it was declined: then it is
    /// read, for refusals do not say all that is known.
    pub async fn confirm_payment_intent(
        &self,
        payment: PaymentId,
        attempt: u32,
        intent: &str,
        method: &str,
    ) -> Result<SeenIntent, ChargingError> {
        let fields = [("payment_method", method), ("off_session", "true")];
        let path = ["payment_intents", intent, "confirm"];
        let call = self.post("/v1/payment_intents/{id}/confirm", &path, &fields);
        self.send_and_see(keyed(call, &format!("payment-{payment}-{attempt}")), intent).await
    }

    /// Cancels an intent, if that is possible still. What it is then.
    pub async fn cancel_payment_intent(&self, intent: &str) -> Result<SeenIntent, ChargingError> {
        let path = ["payment_intents", intent, "cancel"];
        // Twice is the same as once: the second time it is refused, and read.
        let call = self.post("/v1/payment_intents/{id}/cancel", &path, &[]).idempotent();
        self.send_and_see(call, intent).await
    }

    /// What an intent is.
    pub async fn read_payment_intent(&self, intent: &str) -> Result<SeenIntent, ChargingError> {
        let call = self.get("/v1/payment_intents/{id}", &["payment_intents", intent], &[]);
        self.send(call).await?.json::<PaymentIntent>()?.seen()
    }

    /// With what a person can confirm an intent, in their browser.
    pub async fn read_client_secret(&self, intent: &str) -> Result<SecretString, VendorError> {
        let call = self.get("/v1/payment_intents/{id}", &["payment_intents", intent], &[]);
        Ok(self.send(call).await?.json::<PaymentIntent>()?.client_secret)
    }

    /// What an intent is after a call that may have been refused for what it is.
    async fn send_and_see(&self, call: Call, intent: &str) -> Result<SeenIntent, ChargingError> {
        match self.send(call).await {
            Ok(answer) => answer.json::<PaymentIntent>()?.seen(),
            Err(error) if error.kind == ErrorKind::Rejected && is_about_state(&error) => {
                self.read_payment_intent(intent).await
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a refusal is about the card, or what the intent is, rather than about what was sent.
fn is_about_state(error: &VendorError) -> bool {
    error.status() == Some(402) || error.code() == Some("payment_intent_unexpected_state")
}
