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
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes who is in a team over the version before it. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, team: &Team) -> Result<(), sqlx::Error> {
    sqlx::query("update team set people = $3, version = $4 where workspace_id = $1 and id = $2")
        .bind(team.workspace.uuid())
        .bind(team.id.uuid())
        .bind(people(team))
        .bind(team.version)
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
    let rows: Vec<TeamRow> = sqlx::query_as(
        "select * from team
         where workspace_id = $1 and id > $2 and ($4::uuid is null or $4 = any(people))
         order by id limit $3",
    )
    .bind(workspace.uuid())
    .bind(page.after)
    .bind(page.limit)
    .bind(person.map(PersonId::uuid))
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Team::from).collect())
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

    /// What a statement says of who holds something.
    pub(super) fn push_holders(&self, query: &mut QueryBuilder<Postgres>, workspace: WorkspaceId) {
        for person in [self.person, self.own].into_iter().flatten() {
            query.push(" and (person_id = ").push_bind(person.uuid());
            query.push(" or team_id = any(array(select id from team where workspace_id = ");
            query.push_bind(workspace.uuid()).push(" and ").push_bind(person.uuid());
            query.push(" = any(people))))");
        }
        if let Some(team) = self.team {
            query.push(" and team_id = ").push_bind(team.uuid());
        }
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
