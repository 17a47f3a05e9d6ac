//! Rows of what admins say of doors.

use domain::names::IntegrationName;
use sqlx::PgConnection;

use crate::control::Account;
use crate::model::DoorSetting;

/// What admins call a door of this account, if they do.
pub(crate) async fn name(
    conn: &mut PgConnection,
    account: IntegrationName,
    door_ref: &str,
) -> Result<Option<String>, sqlx::Error> {
    let name: Option<Option<String>> = sqlx::query_scalar(
        "select display_name from door_setting where workspace_id = $1 and account_id = $2 and door_ref = $3",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(door_ref)
    .fetch_optional(conn)
    .await?;
    Ok(name.flatten())
}

/// What is said of a door, to be changed until the end of the transaction; nothing, if nobody did.
pub(crate) async fn find(
    conn: &mut PgConnection,
    account: &Account,
    door_ref: &str,
) -> Result<DoorSetting, sqlx::Error> {
    let row: Option<(Option<String>, Option<i64>)> = sqlx::query_as(
        "select display_name, pulse_ms from door_setting
         where workspace_id = $1 and account_id = $2 and door_ref = $3 for update",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(door_ref)
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|(display_name, pulse_ms)| DoorSetting { display_name, pulse_ms }).unwrap_or_default())
}

/// Has something else said of a door.
pub(crate) async fn replace(
    conn: &mut PgConnection,
    account: &Account,
    door_ref: &str,
    setting: &DoorSetting,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into door_setting (workspace_id, account_id, door_ref, display_name, pulse_ms)
         values ($1, $2, $3, $4, $5)
         on conflict (workspace_id, account_id, door_ref) do update set display_name = $4, pulse_ms = $5",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(door_ref)
    .bind(&setting.display_name)
    .bind(setting.pulse_ms)
    .execute(conn)
    .await?;
    Ok(())
}
