//! Rows of teams, and who holds what.

use chassis::auth::Reach;
use chassis::paging::Page;
use domain::{LocationId, PersonId, TeamId, Timestamp, WorkspaceId};
use sqlx::{PgConnection, Postgres, QueryBuilder};
use uuid::Uuid;

use super::corrupt;
use crate::model::{Holder, Team};

#[derive(sqlx::FromRow)]
struct TeamRow {
    workspace_id: Uuid,
    id: Uuid,
    display_name: String,
    people: Vec<Uuid>,
    version: i64,
    created_at: Timestamp,
}

impl From<TeamRow> for Team {
    fn from(row: TeamRow) -> Self {
        Self {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            id: TeamId::from_uuid(row.id),
            display_name: row.display_name,
            people: row.people.into_iter().map(PersonId::from_uuid).collect(),
            version: row.version,
            created_at: row.created_at,
        }
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, new: &Team) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into team (workspace_id, id, display_name, people, version, created_at)
         values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(new.workspace.uuid())
    .bind(new.id.uuid())
    .bind(&new.display_name)
    .bind(people(new))
    .bind(new.version)
    .bind(new.created_at)
    .execute(&mut *conn)
    .await?;
    index_people(conn, new).await
}

/// Writes who is in a team over the version before it. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, team: &Team) -> Result<(), sqlx::Error> {
    sqlx::query("update team set people = $3, version = $4 where workspace_id = $1 and id = $2")
        .bind(team.workspace.uuid())
        .bind(team.id.uuid())
        .bind(people(team))
        .bind(team.version)
        .execute(&mut *conn)
        .await?;
    index_people(conn, team).await
}

/// Has the team found by those who are in it, and by nobody else.
async fn index_people(conn: &mut PgConnection, team: &Team) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with gone as (
           delete from team_person where workspace_id = $1 and team_id = $2 and person_id <> all($3)
         )
         insert into team_person (workspace_id, person_id, team_id)
         select $1, person_id, $2 from unnest($3) as person_id
         on conflict do nothing",
    )
    .bind(team.workspace.uuid())
    .bind(team.id.uuid())
    .bind(people(team))
    .execute(conn)
    .await?;
    Ok(())
}

fn people(team: &Team) -> Vec<Uuid> {
    team.people.iter().map(|person| person.uuid()).collect()
}

pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: TeamId,
) -> Result<Option<Team>, sqlx::Error> {
    let row: Option<TeamRow> = sqlx::query_as("select * from team where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(Team::from))
}

pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: TeamId,
) -> Result<Option<Team>, sqlx::Error> {
    let row: Option<TeamRow> =
        sqlx::query_as("select * from team where workspace_id = $1 and id = $2 for update")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Team::from))
}

pub(crate) async fn list(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: Option<PersonId>,
    page: &Page,
) -> Result<Vec<Team>, sqlx::Error> {
    let mut query = QueryBuilder::new("");
    match person {
        Some(person) => push_found_teams(&mut query, workspace, person),
        None => _ = query.push("select * from team where workspace_id = ").push_bind(workspace.uuid()),
    }
    query.push(" and id > ").push_bind(page.after).push(" order by id limit ").push_bind(page.limit);
    let rows: Vec<TeamRow> = query.build_query_as().fetch_all(conn).await?;
    Ok(rows.into_iter().map(Team::from).collect())
}

/// The teams that a person is in; their rows are locked, in the order of their keys. The person's must be, before:
/// so nobody adds them meanwhile.
pub(crate) async fn lock_of_person(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
) -> Result<Vec<Team>, sqlx::Error> {
    let mut query = QueryBuilder::new("");
    push_found_teams(&mut query, workspace, person);
    query.push(" order by id for update of team");
    let rows: Vec<TeamRow> = query.build_query_as().fetch_all(conn).await?;
    Ok(rows.into_iter().map(Team::from).collect())
}

/// Begins a statement over the teams that a person is in. They are looked for first: of "the first of all that the
/// person is in" Postgres makes a search through all.
fn push_found_teams(query: &mut QueryBuilder<Postgres>, workspace: WorkspaceId, person: PersonId) {
    query.push("with found as materialized (");
    push_team_ids(query, workspace, person);
    query.push(") select team.* from found join team on team.workspace_id = ").push_bind(workspace.uuid());
    query.push(" and team.id = found.team_id where true");
}

fn push_team_ids(query: &mut QueryBuilder<Postgres>, workspace: WorkspaceId, person: PersonId) {
    query.push("select team_id from team_person where workspace_id = ").push_bind(workspace.uuid());
    query.push(" and person_id = ").push_bind(person.uuid());
}

/// Which memberships or contracts to list; each that is set narrows further.
#[derive(Debug, Default, Clone)]
pub(crate) struct Filter {
    pub locations: Option<Vec<LocationId>>,
    /// Who holds it, or is in the team that does.
    pub person: Option<PersonId>,
    /// The same, of the caller.
    pub own: Option<PersonId>,
    pub team: Option<TeamId>,
}

impl Filter {
    /// Those that the caller sees.
    pub(crate) fn within(self, reach: Reach) -> Self {
        match reach {
            Reach::Workspace => self,
            Reach::Locations(locations) => Self { locations: Some(locations), ..self },
            Reach::Own(own) => Self { own: Some(own), ..self },
        }
    }

    /// A statement that lists one page of a table of what people and teams hold. What is of a person, a team, or at
    /// locations has an index of its own, and is looked for first; what else is said is looked at in each of those.
    pub(super) fn query(
        &self,
        table: &'static str,
        workspace: WorkspaceId,
        page: &Page,
    ) -> QueryBuilder<Postgres> {
        let of = workspace.uuid();
        let locations = self.locations.as_ref();
        let mut locations: Option<Vec<Uuid>> = locations.map(|ids| ids.iter().map(|id| id.uuid()).collect());
        let (mut query, mut own) = (QueryBuilder::new("with found as materialized (select "), self.own);
        if let Some(person) = self.person.or_else(|| own.take()) {
            query.push("id from ").push(table).push(" where workspace_id = ").push_bind(of);
            query.push(" and person_id = ").push_bind(person.uuid());
            query.push(" union all select id from ").push(table).push(" where workspace_id = ").push_bind(of);
            query.push(" and team_id = any(array(");
            push_team_ids(&mut query, workspace, person);
            query.push("))");
        } else if let Some(team) = self.team {
            query.push("id from ").push(table).push(" where workspace_id = ").push_bind(of);
            query.push(" and team_id = ").push_bind(team.uuid());
        } else if let Some(locations) = locations.take() {
            query.push("distinct ").push(table).push("_id as id from ").push(table);
            query.push("_location where workspace_id = ").push_bind(of);
            query.push(" and location_id = any(").push_bind(locations).push(")");
        } else {
            query = QueryBuilder::new("select * from ");
            query.push(table).push(" as held where workspace_id = ").push_bind(of);
            query.push(" and id > ").push_bind(page.after).push(" order by id limit ").push_bind(page.limit);
            return query;
        }
        query.push(") select held.* from found join ").push(table).push(" as held on held.workspace_id = ");
        query.push_bind(of).push(" and held.id = found.id where held.id > ").push_bind(page.after);
        if let Some(own) = own {
            query.push(" and (held.person_id = ").push_bind(own.uuid()).push(" or held.team_id = any(array(");
            push_team_ids(&mut query, workspace, own);
            query.push(")))");
        }
        if let Some(team) = self.team {
            query.push(" and held.team_id = ").push_bind(team.uuid());
        }
        if let Some(locations) = locations {
            query
                .push(" and exists (select from ")
                .push(table)
                .push("_location as l where l.workspace_id = ");
            query.push_bind(of).push(" and l.location_id = any(").push_bind(locations).push(") and l.");
            query.push(table).push("_id = held.id)");
        }
        query.push(" order by held.id limit ").push_bind(page.limit);
        query
    }
}

/// The two columns of a holder.
#[derive(sqlx::FromRow)]
pub(super) struct HolderRow {
    person_id: Option<Uuid>,
    team_id: Option<Uuid>,
}

impl TryFrom<HolderRow> for Holder {
    type Error = sqlx::Error;
    fn try_from(row: HolderRow) -> Result<Self, sqlx::Error> {
        match (row.person_id, row.team_id) {
            (Some(person), None) => Ok(Self::Person(PersonId::from_uuid(person))),
            (None, Some(team)) => Ok(Self::Team(TeamId::from_uuid(team))),
            _ => Err(corrupt("a holder is a person or a team")),
        }
    }
}

/// What stands in the columns of a holder: a person, or a team.
pub(super) fn holder(holder: Holder) -> (Option<Uuid>, Option<Uuid>) {
    match holder {
        Holder::Person(person) => (Some(person.uuid()), None),
        Holder::Team(team) => (None, Some(team.uuid())),
    }
}
