//! Who pays: people and teams. Each is one customer, from when they are first asked for money.

use billing_core::ledger::Account;
use domain::{Currency, CustomerId, Money, PersonId, TeamId, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::books::{self, BooksError};

/// Whose a customer's money is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Holder {
    /// A person.
    Person(PersonId),
    /// A team.
    Team(TeamId),
}

impl Holder {
    /// The columns of a person and of a team; one is empty.
    pub(crate) fn columns(self) -> (Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Person(person) => (Some(person.uuid()), None),
            Self::Team(team) => (None, Some(team.uuid())),
        }
    }

    /// By its columns; `None`: neither is set.
    pub(crate) fn of_columns(person: Option<Uuid>, team: Option<Uuid>) -> Option<Self> {
        let person = person.map(|id| Self::Person(PersonId::from_uuid(id)));
        person.or_else(|| team.map(|id| Self::Team(TeamId::from_uuid(id))))
    }
}

/// The customer that a person or a team is, known from now on.
pub async fn of(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    holder: Holder,
    now: Timestamp,
) -> Result<CustomerId, sqlx::Error> {
    if let Some(known) = find_of(conn, workspace, holder).await? {
        return Ok(known);
    }
    let (person, team) = holder.columns();
    sqlx::query(
        "insert into customer (workspace_id, id, person_id, team_id, created_at) values ($1, $2, $3, $4, $5)
         on conflict do nothing",
    )
    .bind(workspace.uuid())
    .bind(CustomerId::new().uuid())
    .bind(person)
    .bind(team)
    .bind(now)
    .execute(&mut *conn)
    .await?;
    // Another one may have been faster.
    find_of(conn, workspace, holder).await?.ok_or(sqlx::Error::RowNotFound)
}

/// The customer that a person or a team is, if they are one.
pub async fn find_of(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    holder: Holder,
) -> Result<Option<CustomerId>, sqlx::Error> {
    let (person, team) = holder.columns();
    // Two partial indexes: each half uses its own.
    let id: Option<Uuid> = sqlx::query_scalar(
        "select id from customer where workspace_id = $1 and person_id = $2
         union all
         select id from customer where workspace_id = $1 and team_id = $3",
    )
    .bind(workspace.uuid())
    .bind(person)
    .bind(team)
    .fetch_optional(conn)
    .await?;
    Ok(id.map(CustomerId::from_uuid))
}

/// Locks a customer until the end of the transaction: who decides about their credit comes one after the other.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: CustomerId,
) -> Result<(), sqlx::Error> {
    sqlx::query("select from customer where workspace_id = $1 and id = $2 for update")
        .bind(workspace.uuid())
        .bind(id.uuid())
        .execute(conn)
        .await?;
    Ok(())
}

/// What a customer has as credit; below zero: what they owe beside invoices.
pub(crate) async fn credit(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: CustomerId,
    currency: Currency,
) -> Result<Money, BooksError> {
    // In the books it is below zero.
    Ok(books::balance(conn, workspace, Account::Credit(id), currency).await?.negated())
}

/// Whose a customer's money is.
pub async fn holder(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: CustomerId,
) -> Result<Option<Holder>, sqlx::Error> {
    let found: Option<(Option<Uuid>, Option<Uuid>)> =
        sqlx::query_as("select person_id, team_id from customer where workspace_id = $1 and id = $2")
            .bind(workspace.uuid())
            .bind(id.uuid())
            .fetch_optional(conn)
            .await?;
    Ok(found.and_then(|(person, team)| Holder::of_columns(person, team)))
}
