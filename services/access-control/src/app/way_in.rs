//! Other ways in, for people whose own access a provider has not confirmed in time.

use std::collections::HashMap;

use domain::{GrantId, Timestamp, WayInId, Window};
use events::outbox;
use sqlx::PgConnection;

use super::App;
use super::hear::{Heard, spread};
use super::replan::people;
use crate::convert::WayInResult;
use crate::engine::{
    Entitled, Outlook, WayInLedger, WayInState, is_entitled_for, observe_way_in, plan_way_in, way_in_window,
};
use crate::error::Error;
use crate::facts;
use crate::model::{Grant, SourceKey, WayIn};
use crate::store::{entitlement, integration, way_in as store};

impl App {
    /// Another way in for a person whose grant is not confirmed shortly before what begins during `booked`, where
    /// there may be one.
    pub(super) fn way_in_for(
        &self,
        grant: &Grant,
        entitled: impl IntoIterator<Item = Entitled>,
        source: &SourceKey,
        booked: Window,
        now: Timestamp,
    ) -> Option<WayIn> {
        let outlook = Outlook::new(entitled, now, &self.rules);
        let window = way_in_window(outlook.windows(), grant.ledger.observed, booked)?;
        Some(WayIn {
            workspace: grant.workspace,
            id: WayInId::new(),
            grant: grant.id,
            person: grant.person,
            target: grant.target.clone(),
            served_by: grant.served_by,
            source: source.clone(),
            source_starts_at: booked.start(),
            window,
            ledger: WayInLedger::NEW,
            reason: String::new(),
            next_check_at: Some(now),
        })
    }

    /// Looks at ways in whose time has come, one batch. Says how many, and when the next one is due.
    pub(crate) async fn ways_in_due(&self, limit: u16) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let ways_in = store::claim_due(&mut tx, now, limit).await?;
        let count = ways_in.len();
        self.replan_ways_in(&mut tx, ways_in).await?;
        let next = store::next_due(&mut tx).await?;
        tx.commit().await?;
        Ok((count, next))
    }

    /// Decides about ways in that are locked, and tells the adapters.
    async fn replan_ways_in(&self, conn: &mut PgConnection, mut ways_in: Vec<WayIn>) -> Result<(), Error> {
        if ways_in.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let grants: Vec<_> = ways_in.iter().map(|way_in| (way_in.workspace, way_in.grant)).collect();
        let entitled = entitlement::of_grants(conn, &grants, self.defaults, now).await?;
        let outlooks: HashMap<GrantId, Outlook> = entitled
            .into_iter()
            .map(|(grant, entitled)| (grant, Outlook::new(entitled, now, &self.rules)))
            .collect();
        let resting = integration::resting_grants(conn, &grants).await?;
        let people = people(conn, ways_in.iter().map(|way_in| (way_in.workspace, way_in.person))).await?;
        let mut messages = Vec::new();
        for way_in in &mut ways_in {
            let person = people.get(&(way_in.workspace, way_in.person));
            let windows = outlooks.get(&way_in.grant).map(Outlook::windows).unwrap_or_default();
            let is_entitled =
                person.is_some_and(|person| person.is_active) && is_entitled_for(windows, way_in.window);
            let timeout = self.rules.in_flight_timeout;
            let decision = plan_way_in(way_in.window, is_entitled, way_in.ledger, now, timeout);
            if resting.contains(&way_in.grant) && decision.next_check_at.is_some() {
                // A command would fail, or reach another door. The grant is looked at once that is over, and this with it.
                way_in.next_check_at = Some(way_in.window.end().max(now + timeout));
                continue;
            }
            way_in.ledger = decision.ledger;
            way_in.next_check_at = decision.next_check_at;
            if let (Some(command), Some(person)) = (decision.command, person) {
                messages.push(facts::way_in_command(way_in, command, person, now));
            }
        }
        store::update(conn, &ways_in).await?;
        outbox::append(conn, &messages).await?;
        Ok(())
    }

    /// Takes adapters' results in. Those of older commands change nothing.
    pub(crate) async fn hear_ways_in(
        &self,
        conn: &mut PgConnection,
        heard: &[Heard<'_, WayInResult>],
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let keys: Vec<_> =
            heard.iter().map(|(_, _, result)| (result.way_in.workspace, result.way_in.id)).collect();
        let mut ways_in: HashMap<WayInId, WayIn> =
            store::lock(conn, &keys).await?.into_iter().map(|way_in| (way_in.id, way_in)).collect();
        let mut messages = Vec::new();
        for &(envelope, span, result) in heard {
            let Some(way_in) = ways_in.get_mut(&result.way_in.id) else { continue };
            let spread = spread(way_in.id.uuid());
            let seen = observe_way_in(way_in.ledger, result.generation, result.outcome, now, spread);
            let Some(ledger) = seen else { continue };
            way_in.ledger = ledger;
            way_in.reason.clone_from(&result.reason);
            if ledger.state == WayInState::Ready && result.reason.is_empty() {
                let message = span.in_scope(|| facts::way_in_ready(way_in, now));
                messages.push(message.caused_by(envelope));
            }
        }
        outbox::append(conn, &messages).await?;
        self.replan_ways_in(conn, ways_in.into_values().collect()).await
    }
}
