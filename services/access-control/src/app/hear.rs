//! What events change here.

use std::collections::HashMap;

use domain::{GrantId, Timestamp, WorkspaceId};
use events::{Envelope, Outgoing, outbox};
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert::{BookingFacts, CommandResult};
use crate::engine::{Observed, Outcome, observe};
use crate::error::Error;
use crate::facts;
use crate::model::{Entitlement, Grant, Integration, Person};
use crate::store::{drift, entitlement, grant as store, integration, mapping, person};

/// A message with what it says.
pub(crate) type Heard<'a, T> = (&'a Envelope, &'a tracing::Span, &'a T);

impl App {
    /// Holds off new mappings of these workspaces until the end of the transaction. Comes before all that
    /// hears of bookings.
    pub(crate) async fn hold_off_mappings(
        &self,
        conn: &mut PgConnection,
        workspaces: &[WorkspaceId],
    ) -> Result<(), Error> {
        Ok(mapping::hold_off_new(conn, workspaces).await?)
    }

    /// Takes bookings' facts in: the newest version of each counts.
    pub(crate) async fn hear_bookings(
        &self,
        conn: &mut PgConnection,
        heard: &[Heard<'_, BookingFacts>],
    ) -> Result<(), Error> {
        let mut newest: HashMap<_, Heard<'_, BookingFacts>> = HashMap::new();
        for &(envelope, span, facts) in heard {
            let entitlement = &facts.entitlement;
            let kept =
                newest.entry((entitlement.workspace, entitlement.booking)).or_insert((envelope, span, facts));
            if kept.2.entitlement.version < entitlement.version {
                *kept = (envelope, span, facts);
            }
        }
        let people: Vec<&Person> = heard.iter().map(|(_, _, facts)| &facts.person).collect();
        self.hear_people(conn, &people).await?;
        let entitlements: Vec<&Entitlement> =
            newest.values().map(|(_, _, facts)| &facts.entitlement).collect();
        let changed = entitlement::upsert(conn, &entitlements).await?;
        if changed.is_empty() {
            return Ok(());
        }
        let grants = store::ensure_for_sources(conn, &changed).await?;
        // A grant's command belongs to the story of a booking of its person: the one that came last.
        let causes: HashMap<_, _> = newest
            .values()
            .map(|(envelope, span, facts)| {
                ((facts.entitlement.workspace, facts.entitlement.person), (*envelope, *span))
            })
            .collect();
        self.replan(conn, &grants, |grant| {
            causes
                .get(&(grant.workspace, grant.person))
                .map(|(envelope, span)| ((*envelope).clone(), (*span).clone()))
        })
        .await
    }

    /// Takes changes of people in; their grants are looked at soon.
    pub(crate) async fn hear_people(&self, conn: &mut PgConnection, people: &[&Person]) -> Result<(), Error> {
        let changed = self.store_people(conn, people).await?;
        if !changed.is_empty() {
            store::make_people_due(conn, &changed, self.clock.now()).await?;
        }
        Ok(())
    }

    async fn store_people(
        &self,
        conn: &mut PgConnection,
        people: &[&Person],
    ) -> Result<Vec<(WorkspaceId, domain::PersonId)>, Error> {
        let mut newest: HashMap<_, &Person> = HashMap::new();
        for person in people {
            let kept = newest.entry((person.workspace, person.id)).or_insert(person);
            if kept.version < person.version {
                *kept = person;
            }
        }
        let mut people: Vec<&Person> = newest.into_values().collect();
        people.sort_unstable_by_key(|person| (person.workspace, person.id));
        Ok(person::upsert(conn, &people).await?)
    }

    /// Takes adapters' results in. Those of older commands change nothing.
    pub(crate) async fn hear_results(
        &self,
        conn: &mut PgConnection,
        heard: &[Heard<'_, CommandResult>],
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let keys: Vec<_> =
            heard.iter().map(|(_, _, result)| (result.grant.workspace, result.grant.id)).collect();
        let mut grants: HashMap<GrantId, Grant> =
            store::lock(conn, &keys).await?.into_iter().map(|grant| (grant.id, grant)).collect();
        let mut messages = Vec::new();
        let mut applied = Vec::new();
        let mut causes = HashMap::new();
        for &(envelope, span, result) in heard {
            let Some(grant) = grants.get_mut(&result.grant.id) else { continue };
            let spread = spread(grant.id);
            let Some(ledger) = observe(grant.ledger, result.generation, result.outcome, now, spread) else {
                continue;
            };
            let before = std::mem::replace(&mut grant.ledger, ledger);
            grant.last_error.clone_from(&result.reason);
            let told = span.in_scope(|| tell(grant, before.observed, before.failures, result, now));
            messages.extend(told.map(|message| message.caused_by(envelope)));
            causes.insert(grant.id, (envelope.clone(), span.clone()));
            if matches!(result.outcome, Outcome::Applied(_)) {
                applied.push((grant.workspace, grant.id));
            }
        }
        outbox::append(conn, &messages).await?;
        if !applied.is_empty() {
            drift::end_of_grants(conn, &applied, now).await?;
        }
        let grants = grants.into_values().filter(|grant| causes.contains_key(&grant.id)).collect();
        self.replan_locked(conn, grants, |grant| causes.get(&grant.id).cloned()).await
    }

    /// Takes an integration in. If its mappings are followed from now on, or not any more, its grants are
    /// looked at. If its values are taken again, what failed is tried at once.
    pub(crate) async fn hear_integration(
        &self,
        conn: &mut PgConnection,
        heard: &Integration,
    ) -> Result<(), Error> {
        let (workspace, location, now) = (heard.workspace, heard.location, self.clock.now());
        if integration::upsert(conn, heard).await? {
            store::make_workspace_due(conn, workspace, Some((&heard.provider, location)), now).await?;
        }
        if heard.is_connected {
            store::retry_provider(conn, workspace, &heard.provider, location, now).await?;
        }
        Ok(())
    }
}

/// The event of a result, if it changed what people have.
fn tell(
    grant: &Grant,
    before: Observed,
    failures_before: u32,
    result: &CommandResult,
    now: Timestamp,
) -> Option<Outgoing> {
    match (result.outcome, grant.ledger.observed) {
        (Outcome::Applied(_), after) if after == before => None,
        (Outcome::Applied(_), Observed::Holds(_)) => Some(facts::granted(grant, now)),
        (Outcome::Applied(_), _) => Some(facts::revoked(grant, now)),
        // Told once, not with every attempt.
        (Outcome::Failed { .. }, _) if failures_before > 0 => None,
        (Outcome::Failed { kind, is_unknown, .. }, _) => Some(facts::failing(
            grant,
            pb::AccessFailure {
                kind: crate::convert::failure_kind(kind).into(),
                reason: result.reason.clone(),
                outcome_unknown: is_unknown,
                retry_after: None,
            },
            now,
        )),
    }
}

/// A number between 0 and 1 that is each grant's own.
fn spread(grant: GrantId) -> f64 {
    let bytes = grant.uuid().into_bytes();
    f64::from(u16::from_be_bytes([bytes[14], bytes[15]])) / f64::from(u16::MAX)
}
