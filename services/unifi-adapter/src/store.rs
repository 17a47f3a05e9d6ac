//! The ledger: which visitor stands for which grant.

mod hold;
mod member;
mod webhook;

use std::collections::{HashMap, HashSet};

use chassis::postgres::WorkspacePool;
use domain::names::{GrantName, IntegrationName};
use domain::{GrantId, PersonId, Timestamp};
use door_adapter::{AccessRequest, LedgerError, Target, TargetKind};
use sqlx::PgConnection;
use uuid::Uuid;

pub use hold::Hold;
pub(crate) use hold::take_due;
pub(crate) use member::Standing;
pub(crate) use webhook::WebhookRow;

/// The ledger. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Ledger {
    pool: WorkspacePool,
}

/// What the ledger knows of a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub grant: GrantId,
    /// Without what it is called.
    pub target: Target,
    pub ends_at: Timestamp,
    /// None: the console was asked for a visitor, or nearly; the answer is not known.
    pub visitor: Option<String>,
    /// Whether it has a PIN that we gave it, and that is kept.
    pub has_pin: bool,
}

/// What became of a grant.
#[derive(Debug, Clone)]
pub struct Change {
    account: IntegrationName,
    grant: GrantName,
    to: To,
}

#[derive(Debug, Clone)]
enum To {
    /// Its visitor; `None`: it is gone.
    Visitor(Option<Entry>),
    /// What its person has by it as a user; `None`: nothing.
    Standing(Option<Standing>),
}

#[derive(Debug, Clone)]
struct Entry {
    person: PersonId,
    target: Target,
    ends_at: Timestamp,
    /// None: not known.
    visitor: Option<String>,
    has_pin: bool,
}

impl Change {
    pub(crate) fn gone(account: IntegrationName, grant: GrantName) -> Self {
        Self { account, grant, to: To::Visitor(None) }
    }

    /// The person has it as a user.
    pub(crate) fn stands(account: IntegrationName, standing: Standing) -> Self {
        Self { account, grant: standing.grant, to: To::Standing(Some(standing)) }
    }

    /// The person has it as a user no longer.
    pub(crate) fn stands_no_more(account: IntegrationName, grant: GrantName) -> Self {
        Self { account, grant, to: To::Standing(None) }
    }

    /// The console has that visitor for the request, with a PIN of ours or not; without a visitor, it may have some.
    pub(crate) fn is(
        account: IntegrationName,
        request: &AccessRequest,
        ends_at: Timestamp,
        visitor: Option<String>,
        has_pin: bool,
    ) -> Self {
        let (person, target) = (request.person.id, request.target.clone());
        let entry = Entry { person, target, ends_at, visitor, has_pin };
        Self { account, grant: request.grant, to: To::Visitor(Some(entry)) }
    }
}

#[derive(sqlx::FromRow)]
struct Columns {
    grant_id: Uuid,
    target_kind: String,
    target_ref: String,
    ends_at: Timestamp,
    visitor_id: Option<String>,
    has_pin: bool,
}

impl From<Columns> for Row {
    fn from(columns: Columns) -> Self {
        Self {
            grant: GrantId::from_uuid(columns.grant_id),
            target: target_of(&columns.target_kind, columns.target_ref),
            ends_at: columns.ends_at,
            visitor: columns.visitor_id,
            has_pin: columns.has_pin,
        }
    }
}

const DOOR: &str = "door";
const DOOR_GROUP: &str = "door_group";

fn kind_of(target: &Target) -> &'static str {
    match target.kind {
        TargetKind::Lock => DOOR,
        TargetKind::Group => DOOR_GROUP,
    }
}

fn target_of(kind: &str, provider_ref: String) -> Target {
    let kind = if kind == DOOR { TargetKind::Lock } else { TargetKind::Group };
    Target { kind, provider_ref, display_name: String::new() }
}

impl Ledger {
    pub(crate) fn new(pool: WorkspacePool) -> Self {
        Self { pool }
    }

    /// What is known of a grant.
    pub(crate) async fn read(
        &self,
        account: IntegrationName,
        grant: GrantName,
    ) -> Result<Option<Row>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let row: Option<Columns> = sqlx::query_as(
            "select grant_id, target_kind, target_ref, ends_at, visitor_id, has_pin from unifi_visitor
             where workspace_id = $1 and account_id = $2 and grant_id = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(grant.id.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        Ok(row.map(Row::from))
    }

    /// All that is known of a console, by grant.
    pub(crate) async fn read_all(
        &self,
        account: IntegrationName,
    ) -> Result<HashMap<GrantId, Row>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<Columns> = sqlx::query_as(
            "select grant_id, target_kind, target_ref, ends_at, visitor_id, has_pin from unifi_visitor
             where workspace_id = $1 and account_id = $2",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        Ok(rows.into_iter().map(Row::from).map(|row| (row.grant, row)).collect())
    }

    /// Those of the grants that another integration of the workspace has visitors for, or may have: it may lead to the same
    /// console.
    pub(crate) async fn grants_elsewhere(
        &self,
        account: IntegrationName,
        grants: &[GrantId],
    ) -> Result<HashSet<GrantId>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<Uuid> = sqlx::query_scalar(
            "select grant_id from unifi_visitor
             where workspace_id = $1 and grant_id = any($2) and account_id <> $3",
        )
        .bind(account.workspace.uuid())
        .bind(grants.iter().map(|grant| grant.uuid()).collect::<Vec<_>>())
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        Ok(rows.into_iter().map(GrantId::from_uuid).collect())
    }

    /// Whether a person has visitors, or may have some, whose time is not over at `now`, or access as a user.
    pub(crate) async fn has_access(
        &self,
        account: IntegrationName,
        person: PersonId,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let has_access = sqlx::query_scalar(
            "select exists (select from unifi_visitor
               where workspace_id = $1 and account_id = $2 and person_id = $3 and ends_at > $4)
               or exists (select from unifi_standing
               where workspace_id = $1 and account_id = $2 and person_id = $3 and ends_at > $4)",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(now)
        .fetch_one(&mut *tx)
        .await?;
        Ok(has_access)
    }

    /// Whose visitors and users are, or were, by the console's ids.
    pub(crate) async fn people_of(
        &self,
        account: IntegrationName,
        visitors: &HashSet<&str>,
    ) -> Result<HashMap<String, PersonId>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<(String, Uuid)> = sqlx::query_as(
            "select visitor_id, person_id from unifi_known_visitor
             where workspace_id = $1 and account_id = $2 and visitor_id = any($3)",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(visitors.iter().copied().collect::<Vec<_>>())
        .fetch_all(&mut *tx)
        .await?;
        Ok(rows.into_iter().map(|(visitor, person)| (visitor, PersonId::from_uuid(person))).collect())
    }

    /// Writes down at once what can't wait for the answer.
    pub(crate) async fn note(&self, change: &Change) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(change.account.workspace).await?;
        write(&mut tx, change).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Writes changes in their order.
    pub(crate) async fn record(conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        for change in changes {
            write(conn, change).await?;
        }
        Ok(())
    }
}

async fn write(conn: &mut PgConnection, change: &Change) -> Result<(), sqlx::Error> {
    let (account, grant) = (change.account, change.grant.id.uuid());
    let entry = match &change.to {
        To::Visitor(entry) => entry,
        To::Standing(Some(standing)) => return member::write_standing(conn, account, standing).await,
        To::Standing(None) => return member::delete_standing(conn, account, change.grant).await,
    };
    let Some(entry) = entry else {
        sqlx::query(
            "delete from unifi_visitor where workspace_id = $1 and account_id = $2 and grant_id = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(grant)
        .execute(conn)
        .await?;
        return Ok(());
    };
    sqlx::query(
        "insert into unifi_visitor (workspace_id, account_id, grant_id, person_id, target_kind, target_ref, ends_at,
                                    visitor_id, has_pin)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         on conflict (workspace_id, account_id, grant_id) do update
           set person_id = excluded.person_id, target_kind = excluded.target_kind,
               target_ref = excluded.target_ref, ends_at = excluded.ends_at, visitor_id = excluded.visitor_id,
               has_pin = excluded.has_pin",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(grant)
    .bind(entry.person.uuid())
    .bind(kind_of(&entry.target))
    .bind(&entry.target.provider_ref)
    .bind(entry.ends_at)
    .bind(&entry.visitor)
    .bind(entry.has_pin)
    .execute(&mut *conn)
    .await?;
    match &entry.visitor {
        Some(visitor) => remember(conn, account, visitor, entry.person, entry.ends_at).await,
        None => Ok(()),
    }
}

/// Keeps whose visitor or user it is, and forgets those who are over for long.
async fn remember(
    conn: &mut PgConnection,
    account: IntegrationName,
    visitor: &str,
    person: PersonId,
    ends_at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "with forgotten as (
           delete from unifi_known_visitor
           where workspace_id = $1 and account_id = $2 and ends_at < now() - interval '90 days'
             and visitor_id <> $3)
         insert into unifi_known_visitor (workspace_id, account_id, visitor_id, person_id, ends_at)
         values ($1, $2, $3, $4, $5)
         on conflict (workspace_id, account_id, visitor_id) do update
           set person_id = excluded.person_id, ends_at = excluded.ends_at",
    )
    .bind(account.workspace.uuid())
    .bind(account.id.uuid())
    .bind(visitor)
    .bind(person.uuid())
    .bind(ends_at)
    .execute(conn)
    .await?;
    Ok(())
}
