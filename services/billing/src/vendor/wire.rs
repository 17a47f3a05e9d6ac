//! Stripe's JSON, by its own names, as far as we use it (Stripe API reference, The Account object).

use serde::Deserialize;

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
