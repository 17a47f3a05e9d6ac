//! For which grants there are links or PINs. What they are, the adapters know.

use domain::names::GrantName;
use domain::{GrantId, LocationId, PersonId, Timestamp, Window, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::{Target, TargetKind};

/// Those that a person is shown at once.
const SHOWN_MAX: i64 = 50;

/// Where a person gets in by a link or a PIN.
#[derive(Debug, Clone)]
pub(crate) struct SecretPlace {
    pub grant: GrantName,
    pub target: Target,
    pub window: Window,
}

/// Notes that there is one for each of these locked grants.
pub(crate) async fn note(
    conn: &mut PgConnection,
    grants: &[(WorkspaceId, GrantId)],
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update access_grant g set has_secret = true
         from unnest($1::uuid[], $2::uuid[]) as n (workspace_id, id)
         where g.workspace_id = n.workspace_id and g.id = n.id and not g.has_secret",
    )
    .bind(grants.iter().map(|(workspace, _)| workspace.uuid()).collect::<Vec<_>>())
    .bind(grants.iter().map(|(_, grant)| grant.uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    location_id: Uuid,
    provider: String,
    target_kind: TargetKind,
    target_ref: String,
    target_name: String,
    observed_starts_at: Timestamp,
    observed_ends_at: Timestamp,
}

/// Where a person has access that is not over, as the provider has confirmed it, and gets in by a link or a PIN.
pub(crate) async fn of_person(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    person: PersonId,
    now: Timestamp,
) -> Result<Vec<SecretPlace>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select id, location_id, provider, target_kind, target_ref, target_name, observed_starts_at,
           observed_ends_at
         from access_grant
         where workspace_id = $1 and person_id = $2 and has_secret and observed = 'holds' and observed_ends_at > $3
         order by observed_starts_at, id limit $4",
    )
    .bind(workspace.uuid())
    .bind(person.uuid())
    .bind(now)
    .bind(SHOWN_MAX)
    .fetch_all(conn)
    .await?;
    let place = |row: Row| {
        let window = Window::new(row.observed_starts_at, row.observed_ends_at);
        Ok(SecretPlace {
            grant: GrantName { workspace, id: GrantId::from_uuid(row.id) },
            target: Target {
                location: LocationId::from_uuid(row.location_id),
                provider: row.provider,
                kind: row.target_kind,
                provider_ref: row.target_ref,
                display_name: row.target_name,
            },
            window: window.map_err(|error| sqlx::Error::Decode(error.into()))?,
        })
    };
    rows.into_iter().map(place).collect()
}
