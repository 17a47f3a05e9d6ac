//! The resources as JSON (Stripe API reference).

use serde_json::{Value, json};

use super::Account;

/// The account object, of an account that is set up.
pub(super) fn account(account: &Account) -> Value {
    json!({
        "id": account.id,
        "object": "account",
        "business_profile": {
            "mcc": null,
            "name": account.business_name,
            "product_description": null,
            "support_email": null,
            "support_phone": null,
            "support_url": null,
            "url": null,
        },
        "business_type": "company",
        "charges_enabled": true,
        "country": account.country,
        "default_currency": account.default_currency,
        "details_submitted": true,
        "email": null,
        "payouts_enabled": true,
        "settings": { "dashboard": { "display_name": account.display_name, "timezone": "Etc/UTC" } },
        "type": "standard",
    })
}
