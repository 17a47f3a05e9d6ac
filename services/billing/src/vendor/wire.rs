//! Stripe's JSON, by its own names, as far as we use it (Stripe API reference).

use std::collections::HashMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

/// The Account object.
#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) business_profile: Option<BusinessProfile>,
    pub(super) settings: Option<Settings>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BusinessProfile {
    pub(super) name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    pub(super) dashboard: Option<Dashboard>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dashboard {
    pub(super) display_name: Option<String>,
}

/// The Customer object.
#[derive(Debug, Deserialize)]
pub(super) struct Customer {
    pub(super) id: String,
}

/// The SetupIntent object. Its status is an open set.
#[derive(Debug, Deserialize)]
pub(super) struct SetupIntent {
    pub(super) id: String,
    pub(super) client_secret: SecretString,
    pub(super) status: String,
    pub(super) payment_method: Option<String>,
    pub(super) next_action: Option<NextAction>,
}

#[derive(Debug, Deserialize)]
pub(super) struct NextAction {
    pub(super) verify_with_microdeposits: Option<Microdeposits>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Microdeposits {
    pub(super) hosted_verification_url: Option<String>,
}

/// The PaymentMethod object. Its type is an open set.
#[derive(Debug, Deserialize)]
pub(super) struct PaymentMethod {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) customer: Option<String>,
    pub(super) card: Option<Card>,
    pub(super) us_bank_account: Option<BankAccount>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Card {
    pub(super) brand: Option<String>,
    pub(super) last4: Option<String>,
    pub(super) exp_month: Option<u32>,
    pub(super) exp_year: Option<i32>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct BankAccount {
    pub(super) bank_name: Option<String>,
    pub(super) last4: Option<String>,
    pub(super) status_details: Option<StatusDetails>,
}

#[derive(Debug, Deserialize)]
pub(super) struct StatusDetails {
    pub(super) blocked: Option<Blocked>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Blocked {
    pub(super) reason: Option<String>,
}

/// `requires_payment_method` and so on: an open set (Stripe API reference, The PaymentIntent object).
#[derive(Debug, Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) client_secret: SecretString,
    pub(super) status: String,
    pub(super) last_payment_error: Option<PaymentError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentError {
    pub(super) code: Option<String>,
    pub(super) decline_code: Option<String>,
    pub(super) advice_code: Option<String>,
}

/// The Refund object.
#[derive(Debug, Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    /// In what Stripe counts in.
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: String,
    pub(super) failure_reason: Option<String>,
    #[serde(default)]
    pub(super) metadata: HashMap<String, String>,
}

/// The Dispute object.
#[derive(Debug, Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    /// In what Stripe counts in.
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) reason: String,
    pub(super) status: String,
    /// In Unix seconds.
    pub(super) created: i64,
}

/// A page of a list (Stripe API reference, Pagination).
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// The Event object, with what happened to it as it was then, which has secrets. Its type is an open set.
#[derive(Deserialize)]
pub(super) struct Event {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) livemode: bool,
    #[serde(default)]
    pub(super) data: EventData,
}

#[derive(Default, Deserialize)]
pub(super) struct EventData {
    #[serde(default)]
    pub(super) object: Value,
}
