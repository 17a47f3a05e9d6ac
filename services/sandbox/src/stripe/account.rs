//! The account of a key, and its balance (Stripe API reference, Accounts, Balance).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use http::HeaderMap;
use serde_json::{Value, json};

use super::Stripe;
use super::refusal::Refusal;
use super::serve::Access;

/// The account object, of an account that is set up.
pub(super) async fn show(
    State(stripe): State<Arc<Stripe>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let account = stripe.admit(&headers, "accounts_kyc_id_numbers", Access::Read, false)?.account;
    Ok(Json(json!({
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
    })))
}

/// Without amounts: fees and payouts are not there.
pub(super) async fn show_balance(
    State(stripe): State<Arc<Stripe>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    let caller = stripe.admit(&headers, "balance", Access::Read, false)?;
    Ok(Json(json!({
        "object": "balance",
        "available": [],
        "livemode": caller.is_live(),
        "pending": [],
    })))
}
