//! The resources as JSON: numbers as strings, dates as RFC 2822, the way Twilio writes them.

use domain::Timestamp;
use serde_json::{Value, json};

use super::API_VERSION;
use super::state::{Account, AccountKind, Message};

/// The account resource (Twilio API reference, Account). The auth token is masked.
pub(crate) fn account(account: &Account) -> Value {
    let uri = format!("/{API_VERSION}/Accounts/{}", account.sid);
    json!({
        "sid": account.sid,
        "friendly_name": account.friendly_name,
        "status": "active",
        "type": if account.kind == AccountKind::Trial { "Trial" } else { "Full" },
        "auth_token": "********************************",
        "owner_account_sid": account.sid,
        "date_created": Value::Null,
        "date_updated": Value::Null,
        "uri": format!("{uri}.json"),
        "subresource_uris": { "messages": format!("{uri}/Messages.json") },
    })
}

/// The message resource (Twilio API reference, Messages resource).
pub(crate) fn message(message: &Message) -> Value {
    let uri = format!("/{API_VERSION}/Accounts/{}/Messages/{}", message.account_sid, message.sid);
    json!({
        "sid": message.sid,
        "account_sid": message.account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": date(message.created_at),
        "date_sent": message.sent_at.map(date),
        "date_updated": date(message.updated_at),
        "direction": if message.is_inbound { "inbound" } else { "outbound-api" },
        "error_code": message.error_code,
        "error_message": message.error_code.map(meaning),
        "from": message.from,
        "messaging_service_sid": message.messaging_service_sid,
        "num_media": message.media.len().to_string(),
        "num_segments": message.segments.to_string(),
        "price": Value::Null,
        "price_unit": "USD",
        "status": message.status.as_str(),
        "subresource_uris": { "media": format!("{uri}/Media.json") },
        "to": message.to,
        "uri": format!("{uri}.json"),
    })
}

fn date(at: Timestamp) -> String {
    // The day in two digits, which RFC 2822 leaves open.
    at.format("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// What the code of an undelivered message means, in short.
fn meaning(code: u32) -> &'static str {
    match code {
        30001 => "Queue overflow",
        30002 => "Account suspended",
        30003 => "Unreachable destination handset",
        30004 => "Message blocked",
        30005 => "Unknown destination handset",
        30006 => "Landline or unreachable carrier",
        30007 => "Message filtered",
        30010 => "Message price exceeds max price",
        30034 => "Message from an unregistered number",
        _ => "Unknown error",
    }
}
