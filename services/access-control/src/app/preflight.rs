//! Checks ahead of bookings whether everybody who may come will be let in.

use std::collections::{HashMap, HashSet};

use chassis::paging::Page;
use chrono::Duration;
use domain::{Timestamp, Window, WorkspaceId};
use events::outbox;
use proto::access::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use super::doorway::{AskedAhead, troubles};
use crate::error::Error;
use crate::explain::{GrantState, Passage, Situation, Standing, explain};
use crate::model::{GrantFilter, PreflightCheck, SourceFacts, SourceKey, WayIn};
use crate::preflight::{Due, Stage, due, is_in_order, next_due};
use crate::store::{entitlement, grant, integration, person, preflight as store, way_in};
use crate::{convert, facts, sources};

/// Before the end of what is booked, which is itself outside.
const LAST_MOMENT: Duration = Duration::seconds(1);

/// Grants that one check looks at.
pub(super) const GRANTS_MAX: i64 = 500;

impl App {
    /// Notes when those of these sources begin and end that are checked ahead.
    pub(super) async fn keep_checks(
        &self,
        conn: &mut PgConnection,
        told: impl Iterator<Item = &SourceFacts>,
    ) -> Result<(), Error> {
        let checked: Vec<(SourceKey, Option<Window>)> = told
            .filter(|facts| sources::is_checked_ahead(&facts.source))
            .map(|facts| {
                let windows = facts.entitlements.iter().map(|entitlement| entitlement.window);
                (facts.source.clone(), windows.min_by_key(|window| window.start()))
            })
            .collect();
        if !checked.is_empty() {
            store::keep(conn, &checked, self.clock.now()).await?;
        }
        Ok(())
    }

    /// Makes the checks that are due, one batch. Says how many came up, and when the next one does. Accounts are asked
    /// for their doors before, for nobody is to wait for them with rows locked.
    pub(crate) async fn check_due(
        &self,
        asked: &mut AskedAhead,
        limit: u16,
    ) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.clock.now();
        self.ask_ahead(asked, now, limit).await?;
        let mut tx = self.platform.begin().await?;
        let claimed = store::claim_due(&mut tx, now, limit).await?;
        let mut messages = Vec::new();
        let mut ways_in = Vec::new();
        let mut again = Vec::with_capacity(claimed.len());
        for (source, window) in claimed {
            let due = due(window, now);
            if let Due::Check(stage) = due {
                let (check, instead) = self.check(&mut tx, &source, window, stage, now, asked).await?;
                ways_in.extend(instead);
                // What leads to no door is not checked: nothing of it is in order, or not.
                if !check.findings.is_empty() {
                    store::note(&mut tx, &check).await?;
                }
                if !check.is_in_order() {
                    messages.push(facts::preflight_failed(&check));
                }
            }
            again.push((source, (due != Due::Forget).then(|| next_due(window, now))));
        }
        if !again.is_empty() {
            store::come_again(&mut tx, &again).await?;
        }
        outbox::append(&mut tx, &messages).await?;
        if !ways_in.is_empty() {
            way_in::offer(&mut tx, &ways_in).await?;
        }
        let next = store::next_time(&mut tx).await?;
        tx.commit().await?;
        if !ways_in.is_empty() {
            self.wake();
        }
        Ok((again.len(), next))
    }

    /// Checks. With the ways in that people need instead of what is not confirmed.
    async fn check(
        &self,
        conn: &mut PgConnection,
        source: &SourceKey,
        window: Window,
        stage: Stage,
        now: Timestamp,
        asked: &AskedAhead,
    ) -> Result<(PreflightCheck, Vec<WayIn>), Error> {
        let filter = GrantFilter { source: Some(source.clone()), ..Default::default() };
        let grants = grant::list(conn, source.workspace, &filter, Uuid::nil(), GRANTS_MAX).await?;
        let keys: Vec<_> = grants.iter().map(|grant| (grant.workspace, grant.id)).collect();
        let mut entitled = entitlement::of_grants(conn, &keys, self.defaults, now).await?;
        let resting = integration::resting_grants(conn, &keys).await?;
        let people: Vec<_> = grants.iter().map(|grant| (grant.workspace, grant.person)).collect();
        let people: HashMap<_, bool> = person::find_many(conn, &people)
            .await?
            .into_iter()
            .map(|person| (person.id, person.is_active))
            .collect();
        let has_other_way_in = match stage {
            Stage::Minutes => way_in::sent_for(conn, source.workspace, &grants).await?,
            Stage::Day | Stage::Hour => HashSet::new(),
        };
        let mut troubles = troubles(conn, source.workspace, &grants, asked, now).await?;
        let mut ways_in = Vec::new();
        let mut findings = Vec::with_capacity(grants.len());
        for grant in &grants {
            let entitled = entitled.remove(&grant.id).unwrap_or_default();
            let is_let_in = people.get(&grant.person) == Some(&true) && !resting.contains(&grant.id);
            if is_let_in && has_other_way_in.contains(&grant.id) {
                ways_in.extend(self.way_in_for(grant, entitled.iter().cloned(), source, window, now));
            }
            let passages = entitled.into_iter();
            let situation = Situation {
                now,
                at: window.start(),
                person: match people.get(&grant.person) {
                    Some(true) => Standing::Active,
                    Some(false) => Standing::NotActive,
                    None => Standing::Unknown,
                },
                passages: passages
                    .map(|entitled| Passage { source: source.clone(), mapping: None, entitled })
                    .collect(),
                has_door: true,
                is_followed: !resting.contains(&grant.id),
                grant: Some(GrantState::from(grant)),
            };
            // A longer window may not have reached the provider, which holds the one before.
            let moments = [window.start(), window.end() - LAST_MOMENT].map(|at| {
                let explanation = explain(&Situation { at, ..situation.clone() }, &self.rules);
                let is_in_order = is_in_order(stage, explanation.decision, explanation.reason);
                (explanation, is_in_order)
            });
            let [first, last] = moments;
            let (mut explanation, mut is_in_order) = if last.1 || !first.1 { first } else { last };
            if is_in_order && let Some((reason, said)) = troubles.remove(&grant.id) {
                explanation = explanation.but(reason, said);
                is_in_order = false;
            }
            findings.push(convert::finding(grant, &explanation, is_in_order));
        }
        findings.sort_by_key(|finding| finding.is_in_order);
        let check = PreflightCheck {
            id: Uuid::now_v7(),
            source: source.clone(),
            stage,
            starts_at: window.start(),
            checked_at: now,
            findings,
        };
        Ok((check, ways_in))
    }

    pub(crate) async fn list_checks(
        &self,
        workspace: WorkspaceId,
        source: Option<&SourceKey>,
        only_failed: bool,
        page: Page,
    ) -> Result<pb::ListPreflightChecksResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, source, only_failed, &page).await?;
        let next_page_token = page.finish(&mut rows, |check| check.id);
        let checks = rows.iter().map(convert::check).collect();
        Ok(pb::ListPreflightChecksResponse { checks, next_page_token })
    }
}
