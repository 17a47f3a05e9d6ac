//! Contracts over desks and offices: started, and ended early.

use chassis::audit::Author;
use chassis::auth::Reach;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{ContractId, Timestamp, WorkspaceId};
use events::outbox;
use proto::membership::v1 as pb;
use sqlx::PgConnection;

use super::App;
use super::team::{find_party, new_party};
use crate::error::{Error, refusal};
use crate::facts::{self, ContractFact, SOURCE};
use crate::model::contract::{NewContract, Over, Refusal, Request};
use crate::model::{Contract, ContractSnapshot, Location, Party, Team, policy};
use crate::store::team::Filter;
use crate::store::{contract as store, place};
use crate::{audit, convert};

impl App {
    pub(crate) async fn start_contract(
        &self,
        workspace: WorkspaceId,
        new: NewContract,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::StartContractResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let party = new_party(change.conn(), workspace, new.holder).await?;
        let contract = new.started(workspace, now).map_err(|Over| Error::ContractOver)?;
        let snapshot = surroundings(change.conn(), contract, party).await?;
        store::insert(change.conn(), &snapshot.contract).await?;
        audit::contract(author, None, &snapshot.contract, now).record(SOURCE, change.conn()).await?;
        outbox::append(change.conn(), &[facts::contract(ContractFact::Started, &snapshot)]).await?;
        let contract = Some(convert::contract(&snapshot.contract));
        Ok(change.commit(pb::StartContractResponse { contract }).await?)
    }

    pub(crate) async fn get_contract(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        id: ContractId,
    ) -> Result<pb::Contract, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?.ok_or(Error::ContractNotFound(id))?;
        let found = snapshot(&mut tx, found).await?;
        if !policy::sees_any(reach, &found.party.people, &found.locations) {
            return Err(Error::ContractNotFound(id));
        }
        Ok(convert::contract(&found.contract))
    }

    pub(crate) async fn list_contracts(
        &self,
        workspace: WorkspaceId,
        reach: Reach,
        filter: Filter,
        page: Page,
    ) -> Result<pb::ListContractsResponse, Error> {
        let filter = filter.within(reach);
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &filter, &page).await?;
        let next_page_token = page.finish(&mut rows, |contract| contract.id.uuid());
        let contracts = rows.iter().map(convert::contract).collect();
        Ok(pb::ListContractsResponse { contracts, next_page_token })
    }

    /// Ends a contract before its end: at once, or at a time to come.
    pub(crate) async fn end_contract(
        &self,
        workspace: WorkspaceId,
        id: ContractId,
        end: Option<Timestamp>,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::EndContractResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::ContractNotFound(id))?;
        let now = self.clock.now();
        let planned = before.plan(Request::End(end), now).map_err(|why| {
            let problem = match why {
                Refusal::BeforeStart => "must be after the contract's start; leave it out to end it at once",
                Refusal::AfterEnd => "must be before the end that the contract has",
            };
            refusal("end_time", problem)
        })?;
        if let Some(after) = &planned {
            store::update(change.conn(), after).await?;
            audit::contract(author, Some(&before), after, now).record(SOURCE, change.conn()).await?;
            let fact = match after.ended_at {
                Some(_) => ContractFact::Ended,
                None => ContractFact::Shortened { previous: before.ends_at },
            };
            let after = snapshot(change.conn(), after.clone()).await?;
            outbox::append(change.conn(), &[facts::contract(fact, &after)]).await?;
        }
        let contract = Some(convert::contract(planned.as_ref().unwrap_or(&before)));
        Ok(change.commit(pb::EndContractResponse { contract }).await?)
    }
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
        // One that was ended is none of those.
        let Ok(Some(after)) = before.plan(Request::ChangePeople, now) else { continue };
        store::update(conn, &after).await?;
        let after = surroundings(conn, after, party.clone()).await?;
        messages.push(facts::contract(ContractFact::PeopleChanged, &after));
    }
    Ok(outbox::append(conn, &messages).await?)
}

/// A contract with its surroundings.
pub(super) async fn snapshot(conn: &mut PgConnection, contract: Contract) -> Result<ContractSnapshot, Error> {
    let party = find_party(conn, contract.workspace, contract.holder).await?;
    surroundings(conn, contract, party).await
}

async fn surroundings(
    conn: &mut PgConnection,
    contract: Contract,
    party: Party,
) -> Result<ContractSnapshot, Error> {
    let id = contract.workspace;
    let workspace = place::find_workspace(conn, id).await?.ok_or(Error::WorkspaceNotFound(id))?;
    let mut resources = Vec::new();
    let mut locations: Vec<Location> = Vec::new();
    for &resource in &contract.resources {
        let found = place::find_resource(conn, id, resource).await?;
        let found = found.ok_or(Error::ResourceNotFound(resource))?;
        if locations.iter().all(|location| location.id != found.location) {
            let at = place::find_location(conn, id, found.location).await?;
            locations.push(at.ok_or(Error::LocationNotFound(found.location))?);
        }
        resources.push(found);
    }
    Ok(ContractSnapshot { contract, resources, locations, party, workspace })
}
