//! Who is a user of a console, and by which grants.

use std::collections::HashSet;

use domain::names::{GrantName, IntegrationName};
use domain::{GrantId, PersonId, Timestamp, Window};
use door_adapter::{LedgerError, Target};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Ledger, kind_of, target_of};

/// The user that a console has for a person.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct UserRow {
    /// `None`: the console was asked for one, or nearly; the answer is not known.
    pub user_id: Option<String>,
    /// Sealed.
    pub pin: Option<Vec<u8>>,
}

/// A grant that a person has as a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub grant: GrantName,
    pub person: PersonId,
    /// Without what it is called.
    pub target: Target,
    pub window: Window,
    /// Whether the person's PIN is kept for it.
    pub has_pin: bool,
    /// The console's id of the user, as far as it is known.
    pub user_id: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Columns {
    workspace_id: Uuid,
    grant_id: Uuid,
    person_id: Uuid,
    target_kind: String,
    target_ref: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    has_pin: bool,
    user_id: Option<String>,
}

impl From<Columns> for Standing {
    fn from(columns: Columns) -> Self {
        let workspace = domain::WorkspaceId::from_uuid(columns.workspace_id);
        Self {
            grant: GrantName { workspace, id: GrantId::from_uuid(columns.grant_id) },
            person: PersonId::from_uuid(columns.person_id),
            target: target_of(&columns.target_kind, columns.target_ref),
            window: Window::new(columns.starts_at, columns.ends_at).expect("it was a window"),
            has_pin: columns.has_pin,
            user_id: columns.user_id,
        }
    }
}

/// What is read of grants, and of which.
macro_rules! standing_where {
    ($which:literal) => {
        concat!(
            "select s.workspace_id, s.grant_id, s.person_id, s.target_kind, s.target_ref, s.starts_at,
      s.ends_at, s.has_pin, u.user_id
    from unifi_standing s
    left join unifi_user u on u.workspace_id = s.workspace_id and u.account_id = s.account_id
      and u.person_id = s.person_id
    where s.workspace_id = $1 and s.account_id = $2",
            $which
        )
    };
}

impl Ledger {
    /// What a person has as a user by a grant.
    pub(crate) async fn standing(
        &self,
        account: IntegrationName,
        grant: GrantName,
    ) -> Result<Option<Standing>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let row: Option<Columns> = sqlx::query_as(standing_where!(" and s.grant_id = $3"))
            .bind(account.workspace.uuid())
            .bind(account.id.uuid())
            .bind(grant.id.uuid())
            .fetch_optional(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(row.map(Standing::from))
    }

    /// What everybody has as a user of a console.
    pub(crate) async fn all_standing(&self, account: IntegrationName) -> Result<Vec<Standing>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<Columns> = sqlx::query_as(standing_where!(""))
            .bind(account.workspace.uuid())
            .bind(account.id.uuid())
            .fetch_all(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(Standing::from).collect())
    }

    /// The user of a person.
    pub(crate) async fn user(
        &self,
        account: IntegrationName,
        person: PersonId,
    ) -> Result<Option<UserRow>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let row = sqlx::query_as(
            "select user_id, pin from unifi_user where workspace_id = $1 and account_id = $2 and person_id = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Those of the users that another integration of the workspace has made: it may lead to the same console.
    pub(crate) async fn users_elsewhere(
        &self,
        account: IntegrationName,
        users: &[&str],
    ) -> Result<HashSet<String>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<String> = sqlx::query_scalar(
            "select user_id from unifi_user where workspace_id = $1 and user_id = any($2) and account_id <> $3",
        )
        .bind(account.workspace.uuid())
        .bind(users)
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().collect())
    }

    /// Notes which user a person has, or may have. Of the PIN of another one nothing is left.
    pub(crate) async fn note_user(
        &self,
        account: IntegrationName,
        person: PersonId,
        user_id: Option<&str>,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query(
            "insert into unifi_user (workspace_id, account_id, person_id, user_id) values ($1, $2, $3, $4)
             on conflict (workspace_id, account_id, person_id) do update
               set user_id = excluded.user_id,
                   pin = case when unifi_user.user_id = excluded.user_id then unifi_user.pin end",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(user_id)
        .execute(&mut *tx)
        .await?;
        if let Some(user_id) = user_id {
            super::remember(&mut tx, account, user_id, person, FOR_EVER).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Notes that a person may have a user from now on. Whether that was not noted before.
    pub(crate) async fn ask_for_user(
        &self,
        account: IntegrationName,
        person: PersonId,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let noted = sqlx::query(
            "insert into unifi_user (workspace_id, account_id, person_id) values ($1, $2, $3) on conflict do nothing",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(noted.rows_affected() == 1)
    }

    /// Notes that a user was made for a person, unless another one is known by now. Which one it is.
    pub(crate) async fn claim_user(
        &self,
        account: IntegrationName,
        person: PersonId,
        made: &str,
    ) -> Result<String, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let kept: String = sqlx::query_scalar(
            "insert into unifi_user (workspace_id, account_id, person_id, user_id) values ($1, $2, $3, $4)
             on conflict (workspace_id, account_id, person_id) do update
               set user_id = coalesce(unifi_user.user_id, excluded.user_id)
             returning user_id",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(made)
        .fetch_one(&mut *tx)
        .await?;
        super::remember(&mut tx, account, &kept, person, FOR_EVER).await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Notes a person's PIN, or that none is known. It is none that was kept for a grant before.
    pub(crate) async fn note_pin(
        &self,
        account: IntegrationName,
        person: PersonId,
        sealed: Option<&[u8]>,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query(
            "with kept as (
               update unifi_user set pin = $4 where workspace_id = $1 and account_id = $2 and person_id = $3
             )
             update unifi_standing set has_pin = false
             where workspace_id = $1 and account_id = $2 and person_id = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(sealed)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The user is gone.
    pub(crate) async fn forget_user(
        &self,
        account: IntegrationName,
        person: PersonId,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query("delete from unifi_user where workspace_id = $1 and account_id = $2 and person_id = $3")
            .bind(account.workspace.uuid())
            .bind(account.id.uuid())
            .bind(person.uuid())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes what a person has, or is about to have, as a user.
    pub(crate) async fn note_standing(
        &self,
        account: IntegrationName,
        standing: &Standing,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        write_standing(&mut tx, account, standing).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Whose users were is remembered for good.
const FOR_EVER: Timestamp = chrono::DateTime::<chrono::Utc>::from_timestamp(7_226_582_400, 0).expect("2199");

pub(super) async fn write_standing(
    conn: &mut PgConnection,
    account: IntegrationName,
    standing: &Standing,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into unifi_standing (workspace_id, account_id, grant_id, person_id, target_kind, target_ref, starts_at,
                                     ends_at, has_pin)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (workspace_id, account_id, grant_id) do update
           set person_id = excluded.person_id, target_kind = excluded.target_kind,
               target_ref = excluded.target_ref, starts_at = excluded.starts_at, ends_at = excluded.ends_at,
               has_pin = excluded.has_pin",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(standing.grant.id.uuid())
    .bind(standing.person.uuid())
    .bind(kind_of(&standing.target))
    .bind(&standing.target.provider_ref)
    .bind(standing.window.start())
    .bind(standing.window.end())
    .bind(standing.has_pin)
    .execute(conn)
    .await?;
    Ok(())
}

pub(super) async fn delete_standing(
    conn: &mut PgConnection,
    account: IntegrationName,
    grant: GrantName,
) -> Result<(), sqlx::Error> {
    sqlx::query("delete from unifi_standing where workspace_id = $1 and account_id = $2 and grant_id = $3")
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(grant.id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}
