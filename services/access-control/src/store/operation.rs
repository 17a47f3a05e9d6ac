//! Rows of operations.

use domain::{IntegrationId, LocationId, LockdownId, OperationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::AccessReason;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::control::Account;
use crate::model::{Action, Operation, OperationSource, OperationState, SpotKind};

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    id: Uuid,
    caller: String,
    person_id: Option<Uuid>,
    source: OperationSource,
    request_id: Option<String>,
    lockdown_id: Option<Uuid>,
    action: Action,
    pulse_ms: Option<i64>,
    hold_until: Option<Timestamp>,
    location_id: Uuid,
    provider: String,
    account_id: Option<Uuid>,
    served_by: Option<Uuid>,
    spot_kind: SpotKind,
    spot_ref: String,
    spot_name: String,
    state: OperationState,
    reason: String,
    reason_time: Option<Timestamp>,
    detail: String,
    held_until: Option<Timestamp>,
    begun_at: Timestamp,
    ended_at: Option<Timestamp>,
    check_at: Option<Timestamp>,
}

impl From<Row> for Operation {
    fn from(row: Row) -> Self {
        let workspace = WorkspaceId::from_uuid(row.workspace_id);
        let account = row.account_id.map(|id| Account {
            workspace,
            provider: row.provider.clone(),
            id: IntegrationId::from_uuid(id),
            served_by: row.served_by.map(LocationId::from_uuid),
        });
        Self {
            workspace,
            id: OperationId::from_uuid(row.id),
            caller: row.caller,
            person: row.person_id.map(PersonId::from_uuid),
            source: row.source,
            request_id: row.request_id,
            lockdown: row.lockdown_id.map(LockdownId::from_uuid),
            action: row.action,
            pulse_ms: row.pulse_ms,
            hold_until: row.hold_until,
            location: LocationId::from_uuid(row.location_id),
            provider: row.provider,
            account,
            spot_kind: row.spot_kind,
            spot_ref: row.spot_ref,
            spot_name: row.spot_name,
            state: row.state,
            reason: AccessReason::from_str_name(&row.reason).unwrap_or_default(),
            reason_time: row.reason_time,
            detail: row.detail,
            held_until: row.held_until,
            begun_at: row.begun_at,
            ended_at: row.ended_at,
            check_at: row.check_at,
        }
    }
}

/// What one caller asks for at the same moment, or what is noted of one lockdown, comes one after the other.
pub(crate) async fn take_turn(conn: &mut PgConnection, whose: &str) -> Result<(), sqlx::Error> {
    sqlx::query("select pg_advisory_xact_lock(hashtextextended($1, 0))").bind(whose).execute(conn).await?;
    Ok(())
}

/// Notes a new operation.
pub(crate) async fn insert(conn: &mut PgConnection, operation: &Operation) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into operation (workspace_id, id, caller, person_id, request_id, lockdown_id, action, pulse_ms,
           hold_until, location_id, provider, account_id, served_by, spot_kind, spot_ref, spot_name, state,
           reason, reason_time, detail, held_until, begun_at, ended_at, check_at, source)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
           $21, $22, $23, $24, $25)",
    )
    .bind(operation.workspace.uuid())
    .bind(operation.id.uuid())
    .bind(&operation.caller)
    .bind(operation.person.map(PersonId::uuid))
    .bind(&operation.request_id)
    .bind(operation.lockdown.map(LockdownId::uuid))
    .bind(operation.action)
    .bind(operation.pulse_ms)
    .bind(operation.hold_until)
    .bind(operation.location.uuid())
    .bind(&operation.provider)
    .bind(operation.account.as_ref().map(|account| account.id.uuid()))
    .bind(operation.account.as_ref().and_then(|account| account.served_by).map(LocationId::uuid))
    .bind(operation.spot_kind)
    .bind(&operation.spot_ref)
    .bind(&operation.spot_name)
    .bind(operation.state)
    .bind(operation.reason.as_str_name())
    .bind(operation.reason_time)
    .bind(&operation.detail)
    .bind(operation.held_until)
    .bind(operation.begun_at)
    .bind(operation.ended_at)
    .bind(operation.check_at)
    .bind(operation.source)
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes what came of an operation. `false`: somebody else did, and knows better.
pub(crate) async fn finish(
    conn: &mut PgConnection,
    operation: &Operation,
    before: OperationState,
) -> Result<bool, sqlx::Error> {
    let finished = sqlx::query(
        "update operation set state = $3, reason = $4, detail = $5, held_until = $6, ended_at = $7, check_at = $8
         where workspace_id = $1 and id = $2 and state = $9",
    )
    .bind(operation.workspace.uuid())
    .bind(operation.id.uuid())
    .bind(operation.state)
    .bind(operation.reason.as_str_name())
    .bind(&operation.detail)
    .bind(operation.held_until)
    .bind(operation.ended_at)
    .bind(operation.check_at)
    .bind(before)
    .execute(conn)
    .await?;
    Ok(finished.rows_affected() == 1)
}

/// An operation by its id.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: OperationId,
) -> Result<Option<Operation>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as("select * from operation where workspace_id = $1 and id = $2")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(row.map(Operation::from))
}

/// Operations by their ids.
pub(crate) async fn find_all(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    ids: &[Uuid],
) -> Result<Vec<Operation>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as("select * from operation where workspace_id = $1 and id = any($2)")
        .bind(workspace.uuid())
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(Operation::from).collect())
}

/// The operation that a caller's request made before.
pub(crate) async fn of_request(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    caller: &str,
    request_id: &str,
) -> Result<Option<Operation>, sqlx::Error> {
    let row: Option<Row> =
        sqlx::query_as("select * from operation where workspace_id = $1 and caller = $2 and request_id = $3")
            .bind(workspace.uuid())
            .bind(caller)
            .bind(request_id)
            .fetch_optional(conn)
            .await?;
    Ok(row.map(Operation::from))
}

/// What the caller asked of the door last, after `since`, if it was just this. What came before an emergency, or
/// before it was lifted, is not the same as what comes after.
pub(crate) async fn same_tap(
    conn: &mut PgConnection,
    wanted: &Operation,
    since: Timestamp,
) -> Result<Option<Operation>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as(
        "select * from operation
         where workspace_id = $1 and provider = $2 and spot_ref = $3 and begun_at > $4 and caller = $5
           and spot_kind = 'door' and lockdown_id is null
           and account_id is not distinct from $6
           and not exists (
               select from lockdown
               where lockdown.workspace_id = $1
                 and (lockdown.begun_at >= operation.begun_at or lockdown.lifted_at >= operation.begun_at)
           )
         order by begun_at desc, id desc limit 1",
    )
    .bind(wanted.workspace.uuid())
    .bind(&wanted.provider)
    .bind(&wanted.spot_ref)
    .bind(since)
    .bind(&wanted.caller)
    .bind(wanted.account.as_ref().map(|account| account.id.uuid()))
    .fetch_optional(conn)
    .await?;
    Ok(row.map(Operation::from).filter(|before| before.action == wanted.action))
}

/// Operations of a lockdown, in the order in which they began.
pub(crate) async fn of_lockdown(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    lockdown: LockdownId,
) -> Result<Vec<Operation>, sqlx::Error> {
    let rows: Vec<Row> =
        sqlx::query_as("select * from operation where workspace_id = $1 and lockdown_id = $2 order by id")
            .bind(workspace.uuid())
            .bind(lockdown.uuid())
            .fetch_all(conn)
            .await?;
    Ok(rows.into_iter().map(Operation::from).collect())
}

/// What a lockdown had told to doors may not be so any more.
pub(crate) async fn doubt(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    lockdown: LockdownId,
    action: Action,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "update operation set state = 'unknown'
         where workspace_id = $1 and lockdown_id = $2 and action = $3 and state = 'done'",
    )
    .bind(workspace.uuid())
    .bind(lockdown.uuid())
    .bind(action)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes some operations whose fate is to be looked up, for so long; across workspaces.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    now: Timestamp,
    until: Timestamp,
    limit: i64,
) -> Result<Vec<Operation>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "update operation o set check_at = $2
         from (select workspace_id, id from operation where check_at <= $1 order by check_at limit $3
               for update skip locked) as due
         where o.workspace_id = due.workspace_id and o.id = due.id
         returning o.*",
    )
    .bind(now)
    .bind(until)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Operation::from).collect())
}
