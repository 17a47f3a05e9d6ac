//! The books of a workspace, in Postgres: entries of [`billing_core::ledger`], which are only ever added.
//!
//! Postgres itself holds that: what is there can't be changed, an entry that does not add up can't be committed, and
//! balances follow from postings by triggers. Once a day all of it is [proven](prove) from the postings.

use billing_core::ledger::{Account, Entry, EntryError, Fact, Till};
use domain::{Currency, LedgerEntryId, Money, MoneyError, Timestamp, WorkspaceId};
use sqlx::PgConnection;
use uuid::Uuid;

/// Faults of a workspace's books that are told at once; there may be more.
const FAULTS_MAX: i64 = 100;

/// Why something can't be booked or read.
#[derive(Debug, thiserror::Error)]
pub enum BooksError {
    /// Postgres refused, or does not answer.
    #[error("cannot reach the books")]
    Store(#[from] sqlx::Error),
    /// It does not add up.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// A balance that nobody can have.
    #[error(transparent)]
    Amount(#[from] MoneyError),
}

/// Something in the books that can't be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// An entry whose postings don't add up.
    Entry(LedgerEntryId),
    /// A balance that is not the sum of its postings.
    Balance {
        /// Which account.
        account: String,
        /// Whose.
        owner: Uuid,
    },
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entry(id) => write!(f, "entry {id} does not add up"),
            Self::Balance { account, owner } => {
                write!(f, "the balance of {account} of {owner} is not the sum of its postings")
            }
        }
    }
}

/// Books what happened to the row `cause`, in the transaction in which it does. Whether it was not booked before: a
/// fact that is told twice is booked once. A fact that moves no money is not booked.
pub async fn post(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    fact: Fact,
    cause: Uuid,
    now: Timestamp,
) -> Result<bool, BooksError> {
    let entry = match fact.entry() {
        Err(EntryError::Empty) => return Ok(false),
        entry => entry?,
    };
    let id = LedgerEntryId::new();
    let added = sqlx::query(
        "insert into ledger_entry (workspace_id, id, kind, cause_id, currency, booked_at)
         values ($1, $2, $3, $4, $5, $6) on conflict (workspace_id, kind, cause_id) do nothing",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(fact.kind())
    .bind(cause)
    .bind(entry.currency().code())
    .bind(now)
    .execute(&mut *conn)
    .await?;
    if added.rows_affected() == 0 {
        return Ok(false);
    }
    add_postings(conn, workspace, id, &entry).await?;
    sqlx::query("insert into ledger_proof (workspace_id, due_at) values ($1, $2) on conflict do nothing")
        .bind(workspace.uuid())
        .bind(now)
        .execute(conn)
        .await?;
    Ok(true)
}

async fn add_postings(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    id: LedgerEntryId,
    entry: &Entry,
) -> Result<(), sqlx::Error> {
    let postings = entry.postings();
    let (accounts, owners): (Vec<&str>, Vec<Option<Uuid>>) =
        postings.iter().map(|posting| columns(posting.account)).unzip();
    let amounts: Vec<i64> = postings.iter().map(|posting| posting.amount.minor()).collect();
    // Balances are locked in one order by everybody: no two wait for each other.
    sqlx::query(
        "insert into ledger_posting (workspace_id, entry_id, line, account, owner_id, currency, amount)
         select $1, $2, line, account, owner_id, $3, amount
           from unnest($4::text[], $5::uuid[], $6::bigint[]) with ordinality as it (account, owner_id, amount, line)
          order by account, owner_id",
    )
    .bind(workspace.uuid())
    .bind(id.uuid())
    .bind(entry.currency().code())
    .bind(&accounts)
    .bind(&owners)
    .bind(&amounts)
    .execute(conn)
    .await?;
    Ok(())
}

/// An account, and whose it is.
fn columns(account: Account) -> (&'static str, Option<Uuid>) {
    match account {
        Account::Receivable(invoice) => ("receivable", Some(invoice.uuid())),
        Account::Credit(customer) => ("credit", Some(customer.uuid())),
        Account::Till(Till::Stripe) => ("stripe", None),
        Account::Till(Till::Cash) => ("cash", None),
        Account::Till(Till::Bank) => ("bank", None),
        Account::Disputed => ("disputed", None),
        Account::Revenue => ("revenue", None),
        Account::Tax => ("tax", None),
        Account::BadDebt => ("bad_debt", None),
    }
}

/// What is owed for an invoice, or a customer has as credit (then below zero), as it was booked. Of the accounts of the
/// workspace itself there is no balance: they are summed up, however many postings they have.
pub async fn balance(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    account: Account,
    currency: Currency,
) -> Result<Money, BooksError> {
    let (name, owner) = columns(account);
    let read = match owner {
        Some(_) => {
            "select amount from ledger_balance
              where workspace_id = $1 and account = $2 and owner_id = $3 and currency = $4"
        }
        None => {
            "select sum(amount)::bigint from ledger_posting
              where workspace_id = $1 and account = $2 and owner_id is not distinct from $3 and currency = $4"
        }
    };
    let amount: Option<Option<i64>> = sqlx::query_scalar(read)
        .bind(workspace.uuid())
        .bind(name)
        .bind(owner)
        .bind(currency.code())
        .fetch_optional(conn)
        .await?;
    Ok(Money::new(amount.flatten().unwrap_or_default(), currency)?)
}

/// Proves a workspace's books: each entry adds up, and each balance is the sum of its postings. What is wrong; the
/// first hundred of either.
pub async fn prove(conn: &mut PgConnection, workspace: WorkspaceId) -> Result<Vec<Fault>, sqlx::Error> {
    let entries: Vec<Uuid> = sqlx::query_scalar(
        "select entry.id from ledger_entry entry
           left join ledger_posting posting
             on posting.workspace_id = entry.workspace_id and posting.entry_id = entry.id
          where entry.workspace_id = $1
          group by entry.id
         having count(posting.line) < 2 or coalesce(sum(posting.amount), 0) <> 0
          limit $2",
    )
    .bind(workspace.uuid())
    .bind(FAULTS_MAX)
    .fetch_all(&mut *conn)
    .await?;
    let balances: Vec<(String, Uuid)> = sqlx::query_as(
        "select account, owner_id from (
           select account, owner_id, currency, sum(amount) as amount from ledger_posting
            where workspace_id = $1 and owner_id is not null group by account, owner_id, currency
         ) summed full join (
           select account, owner_id, currency, amount from ledger_balance where workspace_id = $1
         ) balance using (account, owner_id, currency)
          where coalesce(summed.amount, 0) <> coalesce(balance.amount, 0)
          limit $2",
    )
    .bind(workspace.uuid())
    .bind(FAULTS_MAX)
    .fetch_all(conn)
    .await?;
    let entries = entries.into_iter().map(|id| Fault::Entry(LedgerEntryId::from_uuid(id)));
    let balances = balances.into_iter().map(|(account, owner)| Fault::Balance { account, owner });
    Ok(entries.chain(balances).collect())
}
