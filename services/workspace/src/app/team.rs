//! Teams: made, joined and left; and who has what a team or a person holds.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{PersonId, TeamId, Timestamp, WorkspaceId};
use proto::membership::v1 as pb;
use sqlx::PgConnection;

use super::{App, contract, membership};
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::person::Refusal;
use crate::model::team::{Full, LAG_MAX, Request};
use crate::model::{Holder, Party, Person, PersonStatus, Team};
use crate::store::{person, place, team as store};
use crate::{audit, convert};

impl App {
    pub(crate) async fn create_team(
        &self,
        workspace: WorkspaceId,
        (display_name, people): (String, Vec<PersonId>),
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreateTeamResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        place::find_workspace(change.conn(), workspace).await?.ok_or(Error::WorkspaceNotFound(workspace))?;
        let known = person::hold(change.conn(), workspace, &people).await?;
        for &id in &people {
            present(id, known.get(&id))?;
        }
        let now = self.clock.now();
        let team = Team { workspace, id: TeamId::new(), display_name, people, version: 1, created_at: now };
        store::insert(change.conn(), &team).await?;
        audit::team(author, None, &team, now).record(SOURCE, change.conn()).await?;
        Ok(change.commit(pb::CreateTeamResponse { team: Some(convert::team(&team)) }).await?)
    }

    pub(crate) async fn get_team(&self, workspace: WorkspaceId, id: TeamId) -> Result<pb::Team, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?.ok_or(Error::TeamNotFound(id))?;
        Ok(convert::team(&found))
    }

    pub(crate) async fn list_teams(
        &self,
        workspace: WorkspaceId,
        person: Option<PersonId>,
        page: Page,
    ) -> Result<pb::ListTeamsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, person, &page).await?;
        let next_page_token = page.finish(&mut rows, |team| team.id.uuid());
        Ok(pb::ListTeamsResponse { teams: rows.iter().map(convert::team).collect(), next_page_token })
    }

    /// Adds a person to a team, or takes them out. What the team holds is told anew, for whom it is by now, in
    /// the same transaction: who came or went has or loses it at once.
    pub(crate) async fn change_team(
        &self,
        workspace: WorkspaceId,
        id: TeamId,
        request: Request,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::Team, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        if let Request::Add(person) = request {
            let known = person::hold(change.conn(), workspace, &[person]).await?;
            present(person, known.get(&person))?;
        }
        // First of all but that: whoever starts something for the team waits, or has come to an end.
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::TeamNotFound(id))?;
        let after = before.plan(request).map_err(|Full| Error::TeamFull(id))?;
        if let Some(after) = &after {
            write(change.conn(), &before, after, author, self.clock.now()).await?;
        }
        Ok(change.commit(convert::team(after.as_ref().unwrap_or(&before))).await?)
    }
}

/// Takes a person out of all of their teams. The person's row is locked: whoever adds them to another waits.
pub(super) async fn leave_all(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
    author: &Author,
    now: Timestamp,
) -> Result<(), Error> {
    for before in store::lock_of_person(conn, workspace, person).await? {
        let after = before.plan(Request::Remove(person)).map_err(|Full| Error::TeamFull(before.id))?;
        if let Some(after) = after {
            write(conn, &before, &after, author, now).await?;
        }
    }
    Ok(())
}

/// Writes who is in a team, and tells of all that it holds whom that is for by now. The row is locked.
async fn write(
    conn: &mut PgConnection,
    before: &Team,
    after: &Team,
    author: &Author,
    now: Timestamp,
) -> Result<(), Error> {
    store::update(conn, after).await?;
    let party = party_of(conn, after.clone()).await?;
    membership::tell_people(conn, after, &party, now, now - LAG_MAX).await?;
    contract::tell_people(conn, after, &party, now, now - LAG_MAX).await?;
    Ok(audit::team(author, Some(before), after, now).record(SOURCE, conn).await?)
}

/// A person of the workspace who was not removed.
async fn find_present(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: PersonId,
) -> Result<Person, Error> {
    let found = person::find(conn, workspace, id).await?;
    present(id, found.as_ref())?;
    found.ok_or(Error::PersonNotFound(id))
}

/// Whether someone who was looked for is there, and was not removed.
fn present(id: PersonId, found: Option<&Person>) -> Result<(), Error> {
    let person = found.ok_or(Error::PersonNotFound(id))?;
    if person.status == PersonStatus::Removed {
        return Err(Error::PersonStays { id, refusal: Refusal::Removed });
    }
    Ok(())
}

/// Whom something new is for, if its holder can hold it. A team's row is locked, so that whoever comes or goes
/// meanwhile waits until it is there, and is told of it.
pub(super) async fn new_party(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    holder: Holder,
) -> Result<Party, Error> {
    match holder {
        Holder::Person(id) => {
            let person = find_present(conn, workspace, id).await?;
            Ok(Party { team: None, people: vec![person] })
        }
        Holder::Team(id) => {
            let team = store::find_for_update(conn, workspace, id).await?.ok_or(Error::TeamNotFound(id))?;
            let party = party_of(conn, team).await?;
            if party.is_empty() { Err(Error::TeamEmpty(id)) } else { Ok(party) }
        }
    }
}

/// Whom something is for. Read once its row is locked, if it is: whoever changes the team writes that row,
/// too, so the later one of two tells what both made of it.
pub(super) async fn find_party(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    holder: Holder,
) -> Result<Party, Error> {
    match holder {
        Holder::Person(id) => {
            let person = person::find(conn, workspace, id).await?.ok_or(Error::PersonNotFound(id))?;
            Ok(Party { team: None, people: vec![person] })
        }
        Holder::Team(id) => {
            let team = store::find(conn, workspace, id).await?.ok_or(Error::TeamNotFound(id))?;
            party_of(conn, team).await
        }
    }
}

async fn party_of(conn: &mut PgConnection, team: Team) -> Result<Party, Error> {
    let keys: Vec<_> = team.people.iter().map(|&person| (team.workspace, person)).collect();
    let known = person::find_many(conn, &keys).await?;
    let people = team.people.iter().filter_map(|id| known.get(id).cloned()).collect();
    Ok(Party { team: Some(team), people })
}
