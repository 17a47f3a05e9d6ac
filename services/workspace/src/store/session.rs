//! Rows of sessions, and who someone with an email address is.

use domain::{LocationId, PersonId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::model::session::{Session, SessionState};
use crate::model::{Member, Role};

/// Places that one email address has at most.
const MEMBERSHIPS_MAX: i64 = 100;

#[derive(sqlx::FromRow)]
struct SessionRow {
    id: Uuid,
    email: String,
    issuer: String,
    subject: String,
    workspace_id: Uuid,
    client_id: String,
    redirect_uri: String,
    code_challenge: String,
    nonce: String,
    secret_hash: Vec<u8>,
    previous_hash: Option<Vec<u8>>,
    state: SessionState,
    opened_at: Timestamp,
    expires_at: Timestamp,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Self {
        Self {
            id: row.id,
            email: row.email,
            issuer: row.issuer,
            subject: row.subject,
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            client_id: row.client_id,
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            nonce: row.nonce,
            secret_hash: row.secret_hash,
            previous_hash: row.previous_hash,
            state: row.state,
            opened_at: row.opened_at,
            expires_at: row.expires_at,
        }
    }
}

pub(crate) async fn insert(conn: &mut PgConnection, session: &Session) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into session (id, email, issuer, subject, workspace_id, client_id, redirect_uri,
           code_challenge, nonce, secret_hash, previous_hash, state, opened_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(session.id)
    .bind(&session.email)
    .bind(&session.issuer)
    .bind(&session.subject)
    .bind(session.workspace.uuid())
    .bind(&session.client_id)
    .bind(&session.redirect_uri)
    .bind(&session.code_challenge)
    .bind(&session.nonce)
    .bind(&session.secret_hash)
    .bind(&session.previous_hash)
    .bind(session.state)
    .bind(session.opened_at)
    .bind(session.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// A session; its row is locked.
pub(crate) async fn find_for_update(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<Session>, sqlx::Error> {
    let row: Option<SessionRow> = sqlx::query_as("select * from session where id = $1 for update")
        .bind(id)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(Session::from))
}

/// Writes what changes of a session. The row must be locked.
pub(crate) async fn update(conn: &mut PgConnection, session: &Session) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update session set workspace_id = $2, secret_hash = $3, previous_hash = $4, state = $5, expires_at = $6
         where id = $1",
    )
    .bind(session.id)
    .bind(session.workspace.uuid())
    .bind(&session.secret_hash)
    .bind(&session.previous_hash)
    .bind(session.state)
    .bind(session.expires_at)
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes sessions that are over, some at a time.
pub(crate) async fn delete_expired(
    conn: &mut PgConnection,
    now: Timestamp,
    limit: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from session where id in
           (select id from session where expires_at < $1 order by expires_at limit $2 for update skip locked)",
    )
    .bind(now)
    .bind(limit)
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct MemberRow {
    workspace_id: Uuid,
    workspace_display_name: String,
    id: Uuid,
    display_name: String,
    email: String,
    role: Role,
    locations: Vec<Uuid>,
}

/// Who someone with that address is, in all workspaces or in one; by the name of the workspace. Removed
/// people are nobody.
pub(crate) async fn members(
    conn: &mut PgConnection,
    email: &str,
    workspace: Option<WorkspaceId>,
) -> Result<Vec<Member>, sqlx::Error> {
    let rows: Vec<MemberRow> = sqlx::query_as(
        "select p.workspace_id, w.display_name as workspace_display_name, p.id, p.display_name, p.email,
           p.role, p.locations
         from person p join workspace w on w.workspace_id = p.workspace_id
         where p.email_key = lower($1) and p.status <> 'removed'
           and ($2::uuid is null or p.workspace_id = $2)
         order by w.display_name, w.workspace_id limit $3",
    )
    .bind(email)
    .bind(workspace.map(WorkspaceId::uuid))
    .bind(MEMBERSHIPS_MAX)
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Member {
            workspace: WorkspaceId::from_uuid(row.workspace_id),
            workspace_display_name: row.workspace_display_name,
            person: PersonId::from_uuid(row.id),
            display_name: row.display_name,
            email: row.email,
            role: row.role,
            locations: row.locations.into_iter().map(LocationId::from_uuid).collect(),
        })
        .collect())
}
