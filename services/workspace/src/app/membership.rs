//! Memberships: started, changed by their verbs, ended by time.

use chassis::audit::Author;
use chassis::auth::Reach;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{MembershipId, Timestamp, WorkspaceId};
use events::outbox;
use proto::membership::v1 as pb;
use sqlx::PgConnection;

use super::App;
use super::team::{find_party, new_party};
use crate::error::{Error, refusal};
use crate::facts::{self, MembershipFact, SOURCE};
use crate::model::membership::{NewMembership, Over, Refusal, Request};
use crate::model::{Membership, MembershipSnapshot, Party, Plan, Team, policy};
use crate::store::team::Filter;
use crate::store::{membership as store, place, plan};
use crate::{audit, convert};

/// Memberships that one round ends at most.
const ENDED_PER_ROUND: i64 = 200;

impl App {
    /// Starts a membership, with the terms that its plan has by now. For someone who is paused, too: they are
    /// let in when they are taken up again.
    pub(crate) async fn start_membership(
        &self,
        workspace: WorkspaceId,
        new: NewMembership,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::StartMembershipResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let (id, now) = (new.plan, self.clock.now());
        let plan = plan::find(change.conn(), workspace, id).await?.ok_or(Error::PlanNotFound(id))?;
        if plan.disabled_at.is_some() {
            return Err(Error::PlanDisabled(id));
        }
        let party = new_party(change.conn(), workspace, new.holder).await?;
        let membership = new.started(&plan, now).map_err(|Over| Error::MembershipOver)?;
        store::insert(change.conn(), &membership).await?;
        audit::membership(author, None, &membership, now).record(SOURCE, change.conn()).await?;
        let snapshot = surroundings(change.conn(), membership, plan, party).await?;
        outbox::append(change.conn(), &[facts::membership(MembershipFact::Started, &snapshot)]).await?;
        let membership = Some(convert::membership(&snapshot.membership));
        Ok(change.commit(pb::StartMembershipResponse { membership }).await?)
    }

    pub(crate) async fn get_membership(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        id: MembershipId,
    ) -> Result<pb::Membership, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?.ok_or(Error::MembershipNotFound(id))?;
        let found = snapshot(&mut tx, found).await?;
        if !policy::sees_any(reach, &found.party.people, &found.locations) {
            return Err(Error::MembershipNotFound(id));
        }
        Ok(convert::membership(&found.membership))
    }

    pub(crate) async fn list_memberships(
        &self,
        workspace: WorkspaceId,
        reach: Reach,
        filter: Filter,
        page: Page,
    ) -> Result<pb::ListMembershipsResponse, Error> {
        let filter = filter.within(reach);
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &filter, &page).await?;
        let next_page_token = page.finish(&mut rows, |membership| membership.id.uuid());
        let memberships = rows.iter().map(convert::membership).collect();
        Ok(pb::ListMembershipsResponse { memberships, next_page_token })
    }

    /// Renews, pauses, resumes or cancels a membership, or takes note that it won't be renewed.
    pub(crate) async fn change_membership(
        &self,
        workspace: WorkspaceId,
        id: MembershipId,
        request: Request,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Membership, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = store::find_for_update(change.conn(), workspace, id)
            .await?
            .ok_or(Error::MembershipNotFound(id))?;
        let after = apply(change.conn(), before, request, author, self.clock.now()).await?;
        Ok(change.commit(convert::membership(&after)).await?)
    }

    /// Ends memberships that were to end with their paid period, one batch. Says how many, and when the next
    /// one ends.
    pub(crate) async fn end_due_memberships(&self) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due = store::claim_due(&mut tx, now, ENDED_PER_ROUND).await?;
        let mut messages = Vec::with_capacity(due.len());
        for ended in due.iter().filter_map(|membership| membership.run_out(now)) {
            store::update(&mut tx, &ended).await?;
            let ended = snapshot(&mut tx, ended).await?;
            messages.push(facts::membership(MembershipFact::Ended, &ended));
        }
        outbox::append(&mut tx, &messages).await?;
        let next = store::next_due(&mut tx).await?;
        tx.commit().await?;
        Ok((messages.len(), next))
    }
}

/// Changes a locked membership and tells it; nothing, if it is so already.
pub(super) async fn apply(
    conn: &mut PgConnection,
    before: Membership,
    request: Request,
    author: &Author,
    now: Timestamp,
) -> Result<Membership, Error> {
    let planned = before.plan(request, now).map_err(|why| match why {
        Refusal::Ended => Error::MembershipEnded(before.id),
        Refusal::PaidLonger => refusal(
            "period_end_time",
            format!("must not be before {}: until then it is paid for", before.period_ends_at),
        ),
    })?;
    let Some(after) = planned else { return Ok(before) };
    audit::membership(author, Some(&before), &after, now).record(SOURCE, conn).await?;
    let fact = match request {
        Request::Renew(_) => MembershipFact::Renewed { previous: before.period_ends_at },
        Request::FailRenewal(_) => MembershipFact::RenewalFailed,
        Request::Pause => MembershipFact::Paused,
        Request::Resume => MembershipFact::Resumed,
        Request::Cancel { .. } => MembershipFact::Cancelled,
        Request::ChangePeople => MembershipFact::PeopleChanged,
    };
    store::update(conn, &after).await?;
    let after = snapshot(conn, after).await?;
    outbox::append(conn, &[facts::membership(fact, &after)]).await?;
    Ok(after.membership)
}

/// Tells of all that a team holds whom it is for by now, as far as it was not over `since`. The team's row is
/// locked.
pub(super) async fn tell_people(
    conn: &mut PgConnection,
    team: &Team,
    party: &Party,
    now: Timestamp,
    since: Timestamp,
) -> Result<(), Error> {
    let mut messages = Vec::new();
    for before in store::lock_of_team(conn, team.workspace, team.id, since).await? {
        // Nothing of the membership forbids it.
        let Ok(Some(after)) = before.plan(Request::ChangePeople, now) else { continue };
        store::update(conn, &after).await?;
        let plan = find_plan(conn, &after).await?;
        let after = surroundings(conn, after, plan, party.clone()).await?;
        messages.push(facts::membership(MembershipFact::PeopleChanged, &after));
    }
    Ok(outbox::append(conn, &messages).await?)
}

/// A membership with its surroundings.
pub(super) async fn snapshot(
    conn: &mut PgConnection,
    membership: Membership,
) -> Result<MembershipSnapshot, Error> {
    let party = find_party(conn, membership.workspace, membership.holder).await?;
    let plan = find_plan(conn, &membership).await?;
    surroundings(conn, membership, plan, party).await
}

async fn find_plan(conn: &mut PgConnection, membership: &Membership) -> Result<Plan, Error> {
    let id = membership.plan;
    plan::find(conn, membership.workspace, id).await?.ok_or(Error::PlanNotFound(id))
}

async fn surroundings(
    conn: &mut PgConnection,
    membership: Membership,
    plan: Plan,
    party: Party,
) -> Result<MembershipSnapshot, Error> {
    let id = membership.workspace;
    let workspace = place::find_workspace(conn, id).await?.ok_or(Error::WorkspaceNotFound(id))?;
    let mut locations = Vec::new();
    for location in membership.terms.locations() {
        let found = place::find_location(conn, id, location).await?;
        locations.push(found.ok_or(Error::LocationNotFound(location))?);
    }
    Ok(MembershipSnapshot { membership, plan, locations, party, workspace })
}
