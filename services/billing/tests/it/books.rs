//! The books: added to once, never changed, always proven.

use billing::DEFINITION;
use billing::books::{self, Fault};
use billing_core::invoice::{Input, Invoice, Outcome};
use billing_core::ledger::{Account, Fact, Till};
use chassis::Deps;
use chrono::{Duration, NaiveDate};
use domain::{CustomerId, InvoiceId, Money, Timestamp, WorkspaceId};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use testkit::Harness;
use uuid::Uuid;

use crate::world::World;

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

/// An invoice over 120, of which 20 are tax.
struct Owed {
    invoice: InvoiceId,
    customer: CustomerId,
    life: Invoice,
}

impl Owed {
    fn new() -> Self {
        let due_on = NaiveDate::from_ymd_opt(2026, 12, 14).unwrap();
        let life = Invoice::draft("EUR".parse().unwrap());
        let life = life.apply(Input::Finalise { total: eur(120), due_on }).unwrap().invoice;
        Self { invoice: InvoiceId::new(), customer: CustomerId::new(), life }
    }

    fn finalised(&self) -> Fact {
        Fact::Finalised { invoice: self.invoice, total: eur(120), tax: eur(20) }
    }

    fn paid(&mut self, amount: i64) -> Fact {
        let outcome: Outcome = self.life.apply(Input::Pay(eur(amount))).unwrap();
        self.life = outcome.invoice;
        Fact::Paid {
            invoice: self.invoice,
            customer: self.customer,
            by: Account::Till(Till::Stripe),
            outcome,
        }
    }
}

struct Books {
    harness: Harness,
    deps: Deps,
    workspace: WorkspaceId,
}

impl Books {
    async fn new() -> Self {
        let mut harness = Harness::new().await;
        let deps = harness.deps(&DEFINITION).await;
        Self { harness, deps, workspace: WorkspaceId::new() }
    }

    fn now(&self) -> Timestamp {
        self.deps.basic.clock.now()
    }

    async fn post(&self, fact: Fact, cause: Uuid) -> bool {
        let mut tx = self.deps.pool.begin(self.workspace).await.unwrap();
        let is_new = books::post(&mut tx, self.workspace, fact, cause, self.now()).await.unwrap();
        tx.commit().await.unwrap();
        is_new
    }

    async fn balances(&self, accounts: &[Account]) -> Vec<i64> {
        let mut tx = self.deps.pool.begin(self.workspace).await.unwrap();
        let mut found = Vec::new();
        for account in accounts {
            let currency = "EUR".parse().unwrap();
            found.push(books::balance(&mut tx, self.workspace, *account, currency).await.unwrap().minor());
        }
        found
    }

    async fn prove(&self) -> Vec<Fault> {
        let mut tx = self.deps.pool.begin(self.workspace).await.unwrap();
        books::prove(&mut tx, self.workspace).await.unwrap()
    }

    /// One that may do everything, as nobody should.
    async fn owner(&self) -> PgPool {
        testkit::owner(self.harness.database_url(), DEFINITION.schema).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fact_is_booked_once_and_balances_follow() {
    let books = Books::new().await;
    let mut owed = Owed::new();
    let (payment, accounts) = (
        Uuid::now_v7(),
        [
            Account::Receivable(owed.invoice),
            Account::Credit(owed.customer),
            Account::Till(Till::Stripe),
            Account::Revenue,
            Account::Tax,
            Account::Disputed,
        ],
    );
    assert!(books.post(owed.finalised(), owed.invoice.uuid()).await);
    assert_eq!(books.balances(&accounts).await, [120, 0, 0, -100, -20, 0]);
    let paid = owed.paid(150);
    let twice = tokio::join!(books.post(paid, payment), books.post(paid, payment));
    assert!(twice.0 != twice.1, "{twice:?}");
    assert!(!books.post(paid, payment).await);
    assert_eq!(books.balances(&accounts).await, [0, -30, 150, -100, -20, 0]);
    // The same row, but another fact.
    assert!(books.post(Fact::Withheld(eur(150)), payment).await);
    assert!(books.post(Fact::Withheld(eur(-150)), payment).await);
    // Nothing happened.
    assert!(!books.post(Fact::Withheld(eur(0)), Uuid::now_v7()).await);
    assert_eq!(books.prove().await, []);
    books.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_rolled_back_was_never_booked() {
    let books = Books::new().await;
    let owed = Owed::new();
    let mut tx = books.deps.pool.begin(books.workspace).await.unwrap();
    assert!(
        books::post(&mut tx, books.workspace, owed.finalised(), owed.invoice.uuid(), books.now())
            .await
            .unwrap()
    );
    tx.rollback().await.unwrap();
    assert_eq!(books.balances(&[Account::Receivable(owed.invoice), Account::Revenue]).await, [0, 0]);
    assert!(books.post(owed.finalised(), owed.invoice.uuid()).await);
    books.harness.finish().await;
}

/// Facts of one workspace at the same time, in any order, wait for each other's balances and never for good.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_at_the_same_time_are_all_there() {
    let books = Books::new().await;
    let customer = CustomerId::new();
    let granted = Fact::Granted { customer, amount: eur(6), tax: eur(1) };
    let refunded = Fact::Refunded { customer, till: Till::Cash, amount: eur(2) };
    let posts =
        (0..40).map(|number| books.post(if number % 2 == 0 { granted } else { refunded }, Uuid::now_v7()));
    let all = futures::future::join_all(posts).await;
    assert!(all.into_iter().all(|is_new| is_new));
    let accounts = [Account::Credit(customer), Account::Till(Till::Cash), Account::Revenue, Account::Tax];
    assert_eq!(books.balances(&accounts).await, [-80, -40, 100, 20]);
    assert_eq!(books.prove().await, []);
    books.harness.finish().await;
}

async fn refused(conn: &mut PgConnection, statement: &str) -> String {
    let error = sqlx::query(AssertSqlSafe(statement.to_owned())).execute(conn).await.unwrap_err();
    error.as_database_error().unwrap().message().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_booked_stays_even_for_who_may_do_everything() {
    let books = Books::new().await;
    let owed = Owed::new();
    books.post(owed.finalised(), owed.invoice.uuid()).await;
    let mut owner = books.owner().await.acquire().await.unwrap();
    for (statement, said) in [
        ("update ledger_entry set kind = 'paid'", "append-only: UPDATE"),
        ("delete from ledger_posting", "append-only: DELETE"),
        ("update ledger_posting set amount = amount * 2", "append-only: UPDATE"),
        ("truncate ledger_entry cascade", "append-only: TRUNCATE"),
        ("truncate ledger_balance", "append-only: TRUNCATE"),
        ("update ledger_balance set amount = 0", "balances follow from postings: UPDATE"),
        ("delete from ledger_balance", "balances follow from postings: DELETE"),
        (
            "insert into ledger_balance select workspace_id, account, gen_random_uuid(), currency, 1 from ledger_balance",
            "balances follow from postings: INSERT",
        ),
    ] {
        let found = refused(&mut owner, statement).await;
        assert!(found.contains(said), "{statement}: {found}");
    }
    assert_eq!(books.prove().await, []);
    books.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_entry_that_does_not_add_up_can_not_be_committed() {
    let books = Books::new().await;
    let owed = Owed::new();
    books.post(owed.finalised(), owed.invoice.uuid()).await;
    let entry = "insert into ledger_entry (workspace_id, id, kind, cause_id, currency, booked_at)
                 select workspace_id, gen_random_uuid(), 'paid', gen_random_uuid(), 'EUR', now() from ledger_entry limit 1";
    // To an entry that was right, something is added.
    let posting = "insert into ledger_posting (workspace_id, entry_id, line, account, currency, amount)
                   select workspace_id, id, 9, 'cash', 'EUR', 1 from ledger_entry";
    for statement in [entry, posting] {
        let mut tx = books.deps.pool.begin(books.workspace).await.unwrap();
        sqlx::query(statement).execute(&mut *tx).await.unwrap();
        let error = tx.commit().await.unwrap_err();
        assert!(error.to_string().contains("is off by"), "{error}");
    }
    // Nor are postings of another currency than their entry.
    let mut tx = books.deps.pool.begin(books.workspace).await.unwrap();
    let found = refused(&mut tx, &posting.replace("'EUR', 1", "'JPY', 1")).await;
    assert!(found.contains("foreign key"), "{found}");
    drop(tx);
    books.harness.finish().await;
}

/// Someone with all rights, who takes the locks off, is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_that_were_changed_are_found_wrong() {
    let books = Books::new().await;
    let (owed, other) = (Owed::new(), Owed::new());
    books.post(owed.finalised(), owed.invoice.uuid()).await;
    books.post(other.finalised(), other.invoice.uuid()).await;
    let owner = books.owner().await;
    let tables = ["ledger_entry", "ledger_posting", "ledger_balance"];
    let triggers =
        |what: &str| tables.map(|table| format!("alter table {table} {what} trigger user;")).join(" ");
    let change = format!(
        "{} update ledger_posting set amount = 70 where owner_id = '{}'; {}",
        triggers("disable"),
        owed.invoice,
        triggers("enable")
    );
    sqlx::raw_sql(AssertSqlSafe(change)).execute(&owner).await.unwrap();
    let faults = books.prove().await;
    let wrong = Fault::Balance { account: "receivable".into(), owner: owed.invoice.uuid() };
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(matches!(faults[0], Fault::Entry(_)));
    assert_eq!(faults[1], wrong);
    books.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn books_are_proven_once_a_day_by_any_number_of_replicas() {
    let mut world = World::start().await;
    let config = world.config();
    world.run(config).await;
    let deps = world.harness.deps(&DEFINITION).await;
    let owed = Owed::new();
    let now = deps.basic.clock.now();
    let mut tx = deps.pool.begin(world.workspace).await.unwrap();
    books::post(&mut tx, world.workspace, owed.finalised(), owed.invoice.uuid(), now).await.unwrap();
    tx.commit().await.unwrap();
    let proven = || async {
        let read = "select proven_at, due_at, faults from ledger_proof where workspace_id = $1";
        let row: (Option<Timestamp>, Timestamp, i32) =
            sqlx::query_as(read).bind(world.workspace.uuid()).fetch_one(&deps.platform).await.unwrap();
        row
    };
    let limit = std::time::Duration::from_secs(30);
    let until = |at: Timestamp| {
        let proven = &proven;
        testkit::eventually("books are proven", limit, move || async move {
            let row = proven().await;
            if row == (Some(at), at + Duration::days(1), 0) { Ok(()) } else { Err(format!("{row:?}")) }
        })
    };
    until(now).await;
    world.harness.clock.advance(Duration::days(1));
    until(now + Duration::days(1)).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut books = Books::new().await;
    let here = books.workspace;
    let owed = Owed::new();
    books.post(owed.finalised(), owed.invoice.uuid()).await;
    books.workspace = WorkspaceId::new();
    let owed = Owed::new();
    books.post(owed.finalised(), owed.invoice.uuid()).await;
    let tried = books.harness.assert_isolated(&DEFINITION, [here, books.workspace]).await;
    assert_eq!(tried, ["ledger_balance", "ledger_entry", "ledger_posting", "ledger_proof"]);
    books.harness.finish().await;
}
