//! What consoles report by themselves. A report is a hint, and no more: it may get lost, come twice, or late, and so it only
//! has the console's log read sooner, which is the truth behind it.

mod receive;
mod signature;

use std::sync::Arc;

use chrono::Duration;
use domain::names::IntegrationName;
use door_adapter::{Account, ApplyError, ProviderError};
use sealing::{Keys, SealError};
use secrecy::SecretString;

use crate::provider::UnifiProvider;
use crate::store::WebhookRow;
use crate::vendor::wire::{NewWebhook, Webhook};
use crate::vendor::{Console, Line, NOT_SUPPORTED};

pub(crate) use receive::service;

/// What is reported: that someone was let in, or was not.
const EVENTS: [&str; 1] = ["access.door.unlock"];

/// What our webhooks are called at consoles.
const NAME: &str = "Latchkey";

/// How often it is looked whether a console still reports to us.
const LOOK_EVERY: Duration = Duration::hours(1);

/// Where consoles report to, and what keeps their secrets. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Webhooks {
    base: String,
    keys: Arc<Keys>,
}

impl Webhooks {
    /// At the gateway that consoles reach there. `None` without an address: then they report nothing.
    pub fn at(public_url: &str, keys: Arc<Keys>) -> Option<Self> {
        let base = public_url.trim().trim_end_matches('/').to_owned();
        (!base.is_empty()).then_some(Self { base, keys })
    }

    /// Where a console reports to: another address for each integration.
    fn endpoint(&self, account: IntegrationName) -> String {
        format!("{}/webhooks/unifi/{}/{}", self.base, account.workspace, account.id)
    }

    fn seal(&self, account: IntegrationName, secret: &SecretString) -> Vec<u8> {
        self.keys.seal(&label(account), secret)
    }

    fn open(&self, account: IntegrationName, sealed: &[u8]) -> Result<SecretString, SealError> {
        self.keys.open(&label(account), sealed)
    }
}

fn label(account: IntegrationName) -> Vec<u8> {
    let ids = [account.workspace.uuid(), account.id.uuid()].map(uuid::Uuid::into_bytes);
    [b"latchkey unifi webhook 1".as_slice(), &ids.concat()].concat()
}

impl UnifiProvider {
    /// Has the console report to us. That it can't is no fault: its log is read in any case.
    pub(crate) async fn tend_webhook(
        &self,
        account: &Account,
        webhooks: &Webhooks,
    ) -> Result<(), ApplyError> {
        let (name, now) = (account.integration, self.now());
        let endpoint = webhooks.endpoint(name);
        let known = self.ledger.webhook(name).await?;
        let is_fresh = |row: &WebhookRow| row.endpoint == endpoint && now < row.looked_at + LOOK_EVERY;
        if known.as_ref().is_some_and(is_fresh) {
            return Ok(());
        }
        let known_id = known.and_then(|row| row.webhook_id);
        let registered = match self.open(account, Line::Work) {
            Ok(console) => register(&console, &endpoint, known_id.as_deref()).await,
            Err(error) => Err(error),
        };
        let found = match registered {
            Ok(found) => Some(found),
            Err(error) if can_never(&error) => {
                tracing::info!(integration.id = %name.id, %error, "a console does not report to us");
                None
            }
            Err(error) => {
                tracing::warn!(integration.id = %name.id, %error, "a console's webhook is looked for again");
                return Ok(());
            }
        };
        let sealed = found.as_ref().map(|found| webhooks.seal(name, &found.secret));
        let row = WebhookRow { endpoint, webhook_id: found.map(|found| found.id), sealed, looked_at: now };
        Ok(self.ledger.note_webhook(name, &row).await?)
    }
}

/// The console's webhook to us, as it should be: the one that there is, by its id or its address, or a new one.
async fn register(
    console: &Console,
    endpoint: &str,
    known_id: Option<&str>,
) -> Result<Webhook, ProviderError> {
    let wanted = NewWebhook { endpoint, name: NAME, events: &EVENTS };
    let listed = console.list_webhooks().await?;
    let is_known = |webhook: &&Webhook| Some(webhook.id.as_str()) == known_id;
    let found = listed.iter().find(is_known).or(listed.iter().find(|webhook| webhook.endpoint == endpoint));
    match found {
        Some(found) if found.endpoint == endpoint && found.events == EVENTS => Ok(found.clone()),
        Some(found) => console.update_webhook(&found.id, &wanted).await,
        None => console.create_webhook(&wanted).await,
    }
}

/// Whether it is no use to try again soon: the console is too old, or its token must not.
fn can_never(error: &ProviderError) -> bool {
    matches!(error.vendor_code(), Some(NOT_SUPPORTED | "CODE_UNAUTHORIZED" | "CODE_OPERATION_FORBIDDEN"))
}
