//! What events change here.

use std::collections::{BTreeMap, HashMap};

use domain::{GrantId, Timestamp, Window, WorkspaceId};
use events::{Envelope, Outgoing, outbox};
use proto::access::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use crate::convert::CommandResult;
use crate::engine::{Observed, Outcome, observe};
use crate::error::Error;
use crate::explain::Passage;
use crate::model::{Grant, Integration, Person, SourceFacts, SourceKey};
use crate::sources::{self, Difference};
use crate::store::{
    card, door_schedule, drift, entitlement, grant as store, integration, mapping, person, provider_user,
    secret,
};
use crate::{explain, facts};

/// A message with what it says.
pub(crate) type Heard<'a, T> = (&'a Envelope, &'a tracing::Span, &'a T);

impl App {
    /// Holds off new mappings and integrations of these workspaces until the end of the transaction. Comes before
    /// all that hears of sources.
    pub(crate) async fn hold_off_mappings(
        &self,
        conn: &mut PgConnection,
        workspaces: &[WorkspaceId],
    ) -> Result<(), Error> {
        Ok(mapping::hold_off_new(conn, workspaces).await?)
    }

    /// Waits for all who hear of sources in these workspaces, and holds them off until the end of the transaction.
    /// Comes before all that hears of integrations.
    pub(crate) async fn hold_off_sources(
        &self,
        conn: &mut PgConnection,
        workspaces: &[WorkspaceId],
    ) -> Result<(), Error> {
        Ok(mapping::lock_new(conn, workspaces).await?)
    }

    /// Takes sources of entitlement in: the newest version of each counts, also if it is told once more. Only those
    /// have their grants looked at for whom it gives another thing than before.
    pub(crate) async fn hear_sources(
        &self,
        conn: &mut PgConnection,
        heard: &[Heard<'_, SourceFacts>],
    ) -> Result<(), Error> {
        let mut newest: BTreeMap<&SourceKey, Heard<'_, SourceFacts>> = BTreeMap::new();
        for &(envelope, span, facts) in heard {
            let kept = newest.entry(&facts.source).or_insert((envelope, span, facts));
            if kept.2.version < facts.version {
                *kept = (envelope, span, facts);
            }
        }
        let people: Vec<&Person> = heard.iter().flat_map(|(_, _, facts)| &facts.people).collect();
        self.hear_people(conn, &people).await?;
        let told: Vec<&SourceFacts> = newest.values().map(|(_, _, facts)| *facts).collect();
        let newer = entitlement::keep_newest(conn, &told).await?;
        if newer.is_empty() {
            return Ok(());
        }
        self.keep_checks(conn, told.iter().copied().filter(|facts| newer.contains(&facts.source))).await?;
        // After the sources' rows are locked: whoever else changes them has come to an end.
        let known = entitlement::of_sources(conn, &newer).await?;
        let given = newest.iter().filter(|(source, _)| newer.contains(source)).flat_map(
            |(&source, (_, _, facts))| facts.entitlements.iter().map(|it| (source.clone(), it.clone())),
        );
        let Difference { gone, new } = sources::difference(known, given);
        entitlement::delete(conn, &gone).await?;
        entitlement::insert(conn, &new).await?;
        store::ensure_for_entitlements(conn, &new).await?;
        let changed = gone.iter().map(|(_, it)| it).chain(&new);
        let booked: Vec<_> =
            changed.filter_map(|(source, it)| it.subject.resource(source.workspace)).collect();
        if !booked.is_empty() {
            door_schedule::make_booked_due(conn, &booked, self.clock.now()).await?;
        }
        let grants = store::of_entitlements(conn, gone.iter().map(|(_, it)| it).chain(&new)).await?;
        // A grant's command belongs to the story of a source that its person has something of: the last one's.
        let mut causes = HashMap::new();
        for (source, entitlement) in gone.iter().map(|(_, it)| it).chain(&new) {
            let (envelope, span, _) = newest[source];
            causes.insert((source.workspace, entitlement.person), (envelope, span));
        }
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
            door_schedule::make_people_due(conn, &changed, self.clock.now()).await?;
            self.hear_card_holders(conn, &changed).await?;
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
        let mut with_secret = Vec::new();
        for &(envelope, span, result) in heard {
            let Some(grant) = grants.get_mut(&result.grant.id) else { continue };
            // Also of an older command: the later ones found it there.
            if let (true, Outcome::Applied(Some(window))) = (result.has_new_secret, result.outcome) {
                let message = self.secret_made(conn, grant, window, span).await?;
                messages.extend(message.map(|message| message.caused_by(envelope)));
                with_secret.push((grant.workspace, grant.id));
            }
            let spread = spread(grant.id.uuid());
            let Some(ledger) = observe(grant.ledger, result.generation, result.outcome, now, spread) else {
                continue;
            };
            let before = std::mem::replace(&mut grant.ledger, ledger);
            grant.problem = match result.outcome {
                Outcome::Applied(_) => None,
                Outcome::Failed { kind, .. } => Some(explain::of_failure(kind)),
            };
            grant.last_error.clone_from(&result.reason);
            let told = span.in_scope(|| tell(grant, before.observed, before.failures, result, now));
            messages.extend(told.map(|message| message.caused_by(envelope)));
            causes.insert(grant.id, (envelope.clone(), span.clone()));
            if matches!(result.outcome, Outcome::Applied(_)) {
                grant.known_contact = grant.told_contact;
                applied.push((grant.workspace, grant.id));
            }
        }
        outbox::append(conn, &messages).await?;
        if !with_secret.is_empty() {
            secret::note(conn, &with_secret).await?;
        }
        if !applied.is_empty() {
            drift::end_of_grants(conn, &applied, now).await?;
            let holders: Vec<_> =
                applied.iter().map(|(workspace, grant)| (*workspace, grants[grant].person)).collect();
            card::restore(conn, &holders, now).await?;
        }
        let grants = grants.into_values().filter(|grant| causes.contains_key(&grant.id)).collect();
        self.replan_locked(conn, grants, |grant| causes.get(&grant.id).cloned()).await
    }

    /// That a person is to be told what lets them in during a window, if they are still entitled to any of it.
    async fn secret_made(
        &self,
        conn: &mut PgConnection,
        grant: &Grant,
        window: Window,
        span: &tracing::Span,
    ) -> Result<Option<Outgoing>, Error> {
        let now = self.clock.now();
        let (workspace, person) = (grant.workspace, grant.person);
        let passages =
            entitlement::passages(conn, workspace, person, &grant.target, self.defaults, now).await?;
        let is_part = |passage: &&Passage| {
            let entitled = &passage.entitled;
            let access = entitled.window.widened(entitled.lead, entitled.lag);
            access.start() < window.end() && window.start() < access.end()
        };
        // The earliest come first.
        let sources = || passages.iter().filter(is_part).map(|passage| &passage.source);
        let told = sources().find(|source| sources::is_checked_ahead(source)).or_else(|| sources().next());
        Ok(told.map(|source| span.in_scope(|| facts::secret_made(grant, window, source, now))))
    }

    /// Takes an integration in. If its mappings are followed from now on, or not any more, its provider's grants
    /// and users are looked at. If it serves its location from now on, people get their doors there by it, and lose them by
    /// the workspace's. If its values are taken again, what failed is tried at once.
    pub(crate) async fn hear_integration(
        &self,
        conn: &mut PgConnection,
        heard: &Integration,
    ) -> Result<(), Error> {
        let (workspace, location, now) = (heard.workspace, heard.location, self.clock.now());
        let change = integration::upsert(conn, heard).await?;
        if let (true, Some(location)) = (change.begins_to_serve, location) {
            store::ensure_for_location(conn, workspace, &heard.provider, location, now).await?;
        }
        if change.of_following || change.begins_to_serve {
            store::make_workspace_due(conn, workspace, Some(&heard.provider), now).await?;
            provider_user::make_provider_due(conn, workspace, &heard.provider, now).await?;
            door_schedule::make_workspace_due(conn, workspace, Some(&heard.provider), now).await?;
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
                code: crate::explain::of_failure(kind).into(),
            },
            now,
        )),
    }
}

/// A number between 0 and 1 that is each row's own.
pub(super) fn spread(row: Uuid) -> f64 {
    let bytes = row.into_bytes();
    f64::from(u16::from_be_bytes([bytes[14], bytes[15]])) / f64::from(u16::MAX)
}
