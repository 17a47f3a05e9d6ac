//! What vendors report of messages, and what people answer.

use domain::contact::PhoneNumber;

use super::App;
use crate::error::Error;
use crate::model::Report;
use crate::store::report::Told;
use crate::store::{ledger, report, suppression};

impl App {
    /// Notes what a vendor reports: that it has the messages, whatever was known of them before, and what became of them.
    pub(crate) async fn report(&self, reports: Vec<Report>) -> Result<(), Error> {
        if reports.is_empty() {
            return Ok(());
        }
        let mut taken: Vec<_> = reports.iter().map(|it| (it.key, it.vendor_ref.clone())).collect();
        // Several reports of one message come in one delivery, as a rule.
        taken.sort_by_key(|(key, _)| (key.workspace, key.id));
        taken.dedup_by_key(|(key, _)| *key);
        let mut tx = self.platform.begin().await?;
        let news = ledger::mark_sent(&mut tx, &taken, self.clock.now()).await?;
        let told = report::note(&mut tx, &reports).await?;
        tx.commit().await?;
        if news > 0 {
            tracing::debug!(messages = news, "a vendor has messages that were not known to be sent");
        }
        told.iter().for_each(trace);
        Ok(())
    }

    /// Someone wrote STOP to the platform's number.
    pub(crate) async fn stop_texts(&self, number: &PhoneNumber) -> Result<(), Error> {
        let mut tx = self.platform.begin().await?;
        suppression::stop(&mut tx, number, self.clock.now()).await?;
        Ok(tx.commit().await?)
    }

    /// They wrote START.
    pub(crate) async fn start_texts(&self, number: &PhoneNumber) -> Result<(), Error> {
        let mut tx = self.platform.begin().await?;
        suppression::start(&mut tx, number).await?;
        Ok(tx.commit().await?)
    }
}

/// Ends the trace of what was told with what became of the telling.
fn trace(told: &Told) {
    let span = tracing::info_span!(
        "report",
        otel.name = format!("{} {}", told.channel, told.receipt),
        workspace.id = %told.key.workspace,
        message.id = %told.key.id,
    );
    events::trace::continue_from(&span, told.traceparent.as_deref());
}
