//! Billing is killed, and Stripe's answers get lost, while people are charged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use billing::books;
use billing::customers::Holder;
use billing::invoices::{self, BillTo, Draft, Line, Place};
use billing_core::Quantity;
use billing_core::ledger::Account;
use chassis::postgres::WorkspacePool;
use domain::names::{PersonName, WorkspaceName};
use domain::{Clock as _, Money, PersonId, SystemClock, WorkspaceId};
use proto::workspace::v1::{CreateWorkspaceRequest, Workspace};
use sandbox::{Action, Fault, Vendor};
use sqlx::PgPool;
use stories::Stage;
use stories::client::insist;
use stories::till::Till;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(180);
const PEOPLE: usize = 25;
const CHARGES: usize = 500;
const KILLS: usize = 20;
const PRICE: i64 = 11_613;

/// A workspace whose money goes to an account of the twin.
struct Business {
    till: Till,
    workspace: WorkspaceId,
    pool: WorkspacePool,
    platform: PgPool,
}

impl Business {
    async fn open(stage: &Stage) -> Self {
        let client = stage.client();
        let workspace = Workspace { display_name: "Charges".into(), ..Default::default() };
        let request = CreateWorkspaceRequest { workspace: Some(workspace), request_id: "story".into() };
        let made =
            insist(&client.places, request, |mut c, r| async move { c.create_workspace(r).await }).await;
        let name = made.workspace.unwrap().name;
        let till = Till::open(stage, &name, |settings| settings).await;
        let WorkspaceName(workspace) = name.parse().unwrap();
        let (pool, platform) =
            chassis::postgres::connect(&stage.database_url(), &billing::DEFINITION, 4).await.unwrap();
        Self { till, workspace, pool, platform }
    }

    /// Somebody saves a card, in their browser.
    async fn save_card(&self, stage: &Stage) -> PersonId {
        let id = PersonId::new();
        let name = PersonName { workspace: self.workspace, id }.to_string();
        self.till.save_card(&stage.client(), &name, "pm_card_visa").await;
        id
    }

    async fn charge(&self, person: PersonId) {
        let now = SystemClock.now();
        let mut tx = self.pool.begin(self.workspace).await.unwrap();
        let line = Line {
            description: "Desk".into(),
            quantity: Quantity::ONE,
            unit_price: Money::new(PRICE, "EUR".parse().unwrap()).unwrap(),
            coupon: None,
            tax: None,
            subject: None,
            period: None,
        };
        let place = Place {
            workspace: self.workspace,
            holder: Holder::Person(person),
            location: None,
            time_zone: chrono_tz::Europe::Vienna,
        };
        let draft =
            Draft { bill_to: BillTo::default(), lines: vec![line], due_on: None, memo: String::new() };
        invoices::raise(&mut tx, place, draft, true, now).await.unwrap();
        tx.commit().await.unwrap();
    }

    /// How many payments stand how.
    async fn standing(&self) -> BTreeMap<String, i64> {
        let counted: Vec<(String, i64)> =
            sqlx::query_as("select state, count(*) from payment group by state")
                .fetch_all(&self.platform)
                .await
                .unwrap();
        counted.into_iter().collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn billing_is_killed_again_and_again_and_each_of_500_is_charged_once() {
    let services = vec!["workspace", "integrations", "billing", "gateway"];
    let mut stage = Stage::set(stories::stage::Setting { services, ..Default::default() }).await;
    let business = Business::open(&stage).await;
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        people.push(business.save_card(&stage).await);
    }
    for (action, every) in
        [(Action::DropAfterEffect, 5), (Action::DropBeforeEffect, 9), (Action::status(429), 11)]
    {
        let fault = Fault::on(Vendor::Stripe, action).request("POST", "payment_intents").every(every);
        stage.sandbox.faults().add(fault).unwrap();
    }
    for person in people.iter().cycle().take(CHARGES) {
        business.charge(*person).await;
    }
    for _ in 0..KILLS {
        // Time to get into the middle of something, another one each time.
        tokio::time::sleep(Duration::from_millis(rand::random_range(100..1_500))).await;
        stage.kill("billing").await;
        stage.start("billing").await;
    }
    println!("after {KILLS} kills: {:?}", business.standing().await);
    eventually("all is paid", LIMIT, async || {
        let standing = business.standing().await;
        let is_paid = standing == BTreeMap::from([("succeeded".to_owned(), CHARGES as i64)]);
        if is_paid { Ok(()) } else { Err(format!("{standing:?}")) }
    })
    .await;

    let charges = business.till.all("charges").await;
    let charged = charges.iter().filter(|charge| charge["status"] == "succeeded");
    let charged: Vec<&str> = charged.map(|charge| charge["payment_intent"].as_str().unwrap()).collect();
    assert_eq!((charged.len(), charged.iter().collect::<BTreeSet<_>>().len()), (CHARGES, CHARGES));
    let intents = business.till.all("payment_intents").await;
    let payments: BTreeSet<&str> =
        intents.iter().map(|intent| intent["metadata"]["latchkey_payment"].as_str().unwrap()).collect();
    assert_eq!((intents.len(), payments.len()), (CHARGES, CHARGES), "one intent each");

    let mut tx = business.pool.begin(business.workspace).await.unwrap();
    assert_eq!(books::prove(&mut tx, business.workspace).await.unwrap(), []);
    let till = Account::Till(billing_core::ledger::Till::Stripe);
    let booked = books::balance(&mut tx, business.workspace, till, "EUR".parse().unwrap()).await.unwrap();
    assert_eq!(booked.minor(), PRICE * CHARGES as i64);
    drop(tx);
    stage.settle(LIMIT).await;
}
