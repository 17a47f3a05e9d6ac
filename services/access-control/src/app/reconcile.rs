//! What comparisons of accounts found: what grants lack is given again by the engine, all is noted and
//! told.

use std::collections::HashMap;

use chassis::paging::Page;
use domain::{GrantId, WorkspaceId};
use events::outbox;
use opentelemetry::KeyValue;
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use super::hear::Heard;
use crate::convert;
use crate::engine::drift;
use crate::error::Error;
use crate::facts;
use crate::model::{DriftKind, Grant, Reconciled, Report, Sighting, Turn, TurnOutcome};
use crate::store::{drift as store, grant};

impl App {
    /// Takes comparisons in. One that is older than a whole one that is known says nothing.
    pub(crate) async fn hear_reconciled(
        &self,
        conn: &mut PgConnection,
        heard: &[Heard<'_, Reconciled>],
    ) -> Result<(), Error> {
        let keys: Vec<(WorkspaceId, GrantId)> = heard
            .iter()
            .flat_map(|(_, _, reconciled)| {
                reconciled
                    .reports()
                    .iter()
                    .filter_map(|report| Some((reconciled.turn.account.workspace, report.sighting.grant?)))
            })
            .collect();
        let mut grants: HashMap<(WorkspaceId, GrantId), Grant> = grant::lock(conn, &keys)
            .await?
            .into_iter()
            .map(|grant| ((grant.workspace, grant.id), grant))
            .collect();
        let mut causes = HashMap::new();
        for &(envelope, span, reconciled) in heard {
            let turn = &reconciled.turn;
            let (comparison, reports) = match &reconciled.outcome {
                TurnOutcome::Failed(reason) => {
                    store::note_failed(conn, turn, reason).await?;
                    continue;
                }
                TurnOutcome::Whole(comparison, reports) => (comparison, reports),
            };
            if !store::note_whole(conn, turn, comparison).await? {
                continue;
            }
            self.note(conn, turn, reports, &grants, envelope).await?;
            store::end_unseen(conn, turn, comparison, self.clock.now()).await?;
            for report in reports {
                let key = report.sighting.grant.map(|grant| (turn.account.workspace, grant));
                let Some(grant) = key.and_then(|key| grants.get_mut(&key)) else { continue };
                if let Some(ledger) = drift(grant.ledger, report.generation, report.found()) {
                    grant.ledger = ledger;
                    causes.insert((grant.workspace, grant.id), (envelope.clone(), span.clone()));
                }
            }
        }
        let changed: Vec<Grant> =
            grants.into_values().filter(|grant| causes.contains_key(&(grant.workspace, grant.id))).collect();
        self.replan_locked(conn, changed, |grant| causes.get(&(grant.workspace, grant.id)).cloned()).await
    }

    /// Notes what a turn saw. What is news is told, and counted.
    async fn note(
        &self,
        conn: &mut PgConnection,
        turn: &Turn,
        reports: &[Report],
        grants: &HashMap<(WorkspaceId, GrantId), Grant>,
        cause: &events::Envelope,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        // Whose a grant is stands in our ledger.
        let sightings: Vec<Sighting> = reports
            .iter()
            .map(|report| {
                let of = report.sighting.grant.and_then(|id| grants.get(&(turn.account.workspace, id)));
                Sighting { person: of.map(|grant| grant.person), ..report.sighting.clone() }
            })
            .collect();
        let mut once: HashMap<(DriftKind, &str, Option<GrantId>), &Sighting> = HashMap::new();
        for sighting in &sightings {
            once.insert((sighting.kind, &sighting.provider_ref, sighting.grant), sighting);
        }
        let sightings: Vec<&Sighting> = once.into_values().collect();
        let news = store::see(conn, turn, &sightings, now).await?;
        let mut messages = Vec::with_capacity(news.len());
        for drift in &news {
            let kind = drift.sighting.kind.as_str();
            let provider = turn.provider.clone();
            self.drifts.add(1, &[KeyValue::new("provider.name", provider), KeyValue::new("kind", kind)]);
            messages.push(facts::drift_found(turn.account.workspace, drift, now).caused_by(cause));
        }
        Ok(outbox::append(conn, &messages).await?)
    }

    pub(crate) async fn list_drifts(
        &self,
        workspace: WorkspaceId,
        show_ended: bool,
        page: Page,
    ) -> Result<pb::ListDriftsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, show_ended, &page).await?;
        let next_page_token = page.finish(&mut rows, |drift| drift.id.uuid());
        let drifts = rows.iter().map(|drift| convert::drift(workspace, drift)).collect();
        Ok(pb::ListDriftsResponse { drifts, next_page_token })
    }

    pub(crate) async fn list_reconciliations(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListReconciliationsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list_reconciliations(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |reconciliation| reconciliation.account.uuid());
        let reconciliations = rows.iter().map(|row| convert::reconciliation(workspace, row)).collect();
        Ok(pb::ListReconciliationsResponse { reconciliations, next_page_token })
    }
}
