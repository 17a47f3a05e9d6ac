//! Decides anew for grants whose surroundings changed, or whose time has come.

use std::collections::HashMap;

use domain::{GrantId, PersonId, Timestamp, WorkspaceId};
use events::{Envelope, Outgoing, outbox};
use proto::access::v1::AccessReason;
use sqlx::PgConnection;

use super::App;
use crate::engine::{Observed, Outlook, plan};
use crate::error::Error;
use crate::facts;
use crate::model::{Grant, Person};
use crate::store::{entitlement, grant as store, integration, person, provider_user, way_in};

impl App {
    /// Locks these grants, decides, writes, and tells the adapters. `cause` gives the message that led
    /// to a grant's change, if there was one.
    pub(super) async fn replan(
        &self,
        conn: &mut PgConnection,
        keys: &[(WorkspaceId, GrantId)],
        cause: impl Fn(&Grant) -> Option<(Envelope, tracing::Span)>,
    ) -> Result<(), Error> {
        if keys.is_empty() {
            return Ok(());
        }
        let grants = store::lock(conn, keys).await?;
        self.replan_locked(conn, grants, cause).await
    }

    /// The same for grants that are locked already.
    pub(super) async fn replan_locked(
        &self,
        conn: &mut PgConnection,
        mut grants: Vec<Grant>,
        cause: impl Fn(&Grant) -> Option<(Envelope, tracing::Span)>,
    ) -> Result<(), Error> {
        if grants.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let keys: Vec<_> = grants.iter().map(|grant| (grant.workspace, grant.id)).collect();
        // Read after the lock: whoever changed an entitlement locks its grants, too, so the later one of
        // two sees what both wrote.
        let mut entitled = entitlement::of_grants(conn, &keys, self.defaults, now).await?;
        let people = people(conn, grants.iter().map(|grant| (grant.workspace, grant.person))).await?;
        let resting = integration::resting_grants(conn, &keys).await?;
        let mut messages = Vec::new();
        let mut is_idle = Vec::with_capacity(grants.len());
        for grant in &mut grants {
            let person = people.get(&(grant.workspace, grant.person));
            let entitled = match person {
                Some(person) if person.is_active => entitled.remove(&grant.id).unwrap_or_default(),
                _ => Vec::new(),
            };
            grant.ledger.knows_person =
                person.is_none_or(|person| person.contact_version == grant.known_contact);
            let outlook = Outlook::new(entitled, now, &self.rules);
            is_idle.push(!outlook.is_ahead(now));
            let decision = plan(outlook, grant.ledger, now, &self.rules);
            grant.desired = decision.desired;
            if resting.contains(&grant.id) {
                rest(grant);
                continue;
            }
            grant.ledger = decision.ledger;
            grant.next_check_at = decision.next_check_at;
            if decision.ledger.retry_at.is_none() {
                grant.problem = None;
                grant.last_error.clear();
            }
            if let (Some(command), Some(person)) = (decision.command, person) {
                grant.told_contact = person.contact_version;
                messages.push(command_message(grant, command, person, now, cause(grant)));
            }
        }
        store::update(conn, &grants, now).await?;
        let looked_at: Vec<_> = grants.iter().zip(is_idle).collect();
        provider_user::look_at(conn, &looked_at, now).await?;
        way_in::look_at(conn, &keys, now).await?;
        outbox::append(conn, &messages).await?;
        Ok(())
    }

    /// Looks at grants whose time has come, one batch. Says how many, and when the next one is due.
    pub(crate) async fn replan_due(&self, limit: u16) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let grants = store::claim_due(&mut tx, now, limit).await?;
        let count = grants.len();
        self.replan_locked(&mut tx, grants, |_| None).await?;
        let next = store::next_due(&mut tx).await?;
        tx.commit().await?;
        Ok((count, next))
    }
}

/// Leaves a grant as it is until its integration is connected, to the right account: a command would fail,
/// or reach other doors.
fn rest(grant: &mut Grant) {
    grant.next_check_at = None;
    let has_nothing_to_do = grant.desired.is_none() && grant.ledger.observed == Observed::Nothing;
    (grant.problem, grant.last_error) = if has_nothing_to_do {
        (None, String::new())
    } else {
        let why = "nothing is told to the provider: its integration is disconnected, was not checked yet, or \
                   leads to another account than before; connect it, or confirm the account";
        (Some(AccessReason::IntegrationInactive), why.to_owned())
    };
}

fn command_message(
    grant: &Grant,
    command: crate::engine::Command,
    person: &Person,
    now: Timestamp,
    cause: Option<(Envelope, tracing::Span)>,
) -> Outgoing {
    match cause {
        Some((envelope, span)) => {
            span.in_scope(|| facts::command(grant, command, person, now)).caused_by(&envelope)
        }
        None => facts::command(grant, command, person, now),
    }
}

/// Those of the people who are known.
pub(super) async fn people(
    conn: &mut PgConnection,
    keys: impl Iterator<Item = (WorkspaceId, PersonId)>,
) -> Result<HashMap<(WorkspaceId, PersonId), Person>, sqlx::Error> {
    let mut keys: Vec<_> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    let people = person::find_many(conn, &keys).await?;
    Ok(people.into_iter().map(|person| ((person.workspace, person.id), person)).collect())
}
