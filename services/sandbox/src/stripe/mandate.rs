//! Mandates: what a holder has agreed to (Stripe API reference, Mandates).

use domain::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::book::{Book, new_id};
use super::call::Call;
use super::params::Params;
use super::refusal::Refusal;
use super::shelf::Object;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Mandate {
    pub id: String,
    pub created: i64,
    pub is_live: bool,
    pub is_active: bool,
    pub payment_method: String,
    pub acceptance: Acceptance,
}

/// How a holder has agreed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Acceptance {
    /// `online` or `offline`.
    pub kind: String,
    /// Of the first.
    pub online: Value,
}

impl Object for Mandate {
    const KIND: &'static str = "mandate";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "mandate",
            "customer_acceptance": {
                "accepted_at": self.created,
                "type": self.acceptance.kind,
                "online": self.acceptance.online,
            },
            "livemode": self.is_live,
            "multi_use": {},
            "payment_method": self.payment_method,
            "payment_method_details": { "type": "us_bank_account", "us_bank_account": {} },
            "status": if self.is_active { "active" } else { "inactive" },
            "type": "multi_use",
        })
    }
}

/// Reads `mandate_data`.
pub(super) fn read(params: &mut Params) -> Result<Option<Acceptance>, Refusal> {
    let Some(mut data) = params.within("mandate_data")? else { return Ok(None) };
    let Some(mut given) = data.within("customer_acceptance")? else {
        return Err(Refusal::ParameterMissing(data.name("customer_acceptance")));
    };
    data.done()?;
    let kind = given.one_of("type", &["online", "offline"])?;
    let kind = kind.ok_or_else(|| Refusal::ParameterMissing(given.name("type")))?;
    let online = match given.within("online")? {
        None => Value::Null,
        Some(mut online) => {
            let read = json!({
                "ip_address": online.filled("ip_address")?,
                "user_agent": online.filled("user_agent")?,
            });
            // A page says it without them: Stripe sees them itself.
            online.flag("infer_from_client")?;
            online.done()?;
            read
        }
    };
    given.text("offline").ok();
    given.integer("accepted_at")?;
    given.done()?;
    Ok(Some(Acceptance { kind, online }))
}

/// Notes what was agreed to; its id.
pub(super) fn make(book: &mut Book, payment_method: &str, acceptance: Acceptance, now: Timestamp) -> String {
    let mandate = Mandate {
        id: new_id("mandate"),
        created: now.timestamp(),
        is_live: book.is_live,
        is_active: true,
        payment_method: payment_method.to_owned(),
        acceptance,
    };
    let id = mandate.id.clone();
    book.mandates.add(mandate);
    id
}

/// The one that holds for a payment method.
pub(super) fn of<'a>(book: &'a Book, payment_method: &str) -> Option<&'a Mandate> {
    let mut newest_first = book.mandates.all().iter().rev();
    newest_first.find(|mandate| mandate.is_active && mandate.payment_method == payment_method)
}

/// The bank takes no more debits.
pub(super) fn end(book: &mut Book, payment_method: &str, now: Timestamp) {
    let Some(id) = of(book, payment_method).map(|mandate| mandate.id.clone()) else { return };
    let Some(mandate) = book.mandates.get_mut(&id) else { return };
    mandate.is_active = false;
    let shown = mandate.json();
    book.tell("mandate.updated", shown, now);
}

pub(super) fn show(call: &mut Call<'_>) -> Result<Value, Refusal> {
    call.params.done()?;
    Ok(Book::find(&call.book.mandates, call.id, "id")?.json())
}
