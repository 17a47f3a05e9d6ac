//! A call, as handlers get it: its caller may make it, and nothing of it has been read.

use chrono::TimeDelta;
use domain::Timestamp;
use serde_json::{Value, json};

use super::book::Book;
use super::params::Params;
use super::refusal::Refusal;
use super::switches::Pace;

/// By which kind of key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Secret or restricted: a server.
    Secret,
    /// Publishable: a page. It knows an intent by its client secret.
    Publishable,
}

pub(super) struct Call<'a> {
    pub book: &'a mut Book,
    /// In the path; empty if there is none.
    pub id: &'a str,
    pub params: Params,
    pub by: By,
    pub now: Timestamp,
    pub pace: &'a Pace,
    /// Where the twin is, for links.
    pub base: &'a str,
}

/// Carries a call out. It reads all parameters, says that it is [done](Params::done) with them, and then acts.
pub(super) type Handler = fn(&mut Call<'_>) -> Result<Value, Refusal>;

impl Call<'_> {
    /// Refuses a page that does not know the intent's secret.
    pub(super) fn check_client_secret(&mut self, secret: &str) -> Result<(), Refusal> {
        match self.params.filled("client_secret")? {
            Some(given) if given == secret => Ok(()),
            None if self.by == By::Secret => Ok(()),
            _ => Err(Refusal::ClientSecretWrong),
        }
    }
}

/// The holder has to go to the bank's page.
pub(super) fn authentication(
    call: &Call<'_>,
    intent: &str,
    secret: &str,
    return_url: Option<String>,
) -> Value {
    let page = format!("{}/authenticate/{intent}?client_secret={secret}", call.base);
    match return_url {
        Some(return_url) => {
            let mut page = url::Url::parse(&page).expect("the twin has an address");
            page.query_pairs_mut().append_pair("return_url", &return_url);
            let page = page.as_str();
            json!({ "type": "redirect_to_url", "redirect_to_url": { "url": page, "return_url": return_url } })
        }
        None => json!({
            "type": "use_stripe_sdk",
            "use_stripe_sdk": { "type": "three_d_secure_redirect", "stripe_js": page },
        }),
    }
}

/// The holder has to say what two small deposits were.
pub(super) fn microdeposits_action(call: &Call<'_>) -> Value {
    let arrival = call.now + TimeDelta::days(2);
    json!({
        "type": "verify_with_microdeposits",
        "verify_with_microdeposits": {
            "arrival_date": arrival.timestamp(),
            "hosted_verification_url": null,
            "microdeposit_type": "amounts",
        },
    })
}
