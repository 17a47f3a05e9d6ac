//! Billing is killed, and Stripe's answers get lost, while people are charged.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use billing::books;
use billing::customers::{self, Holder};
use billing::payments::{self, Ask};
use billing_core::ledger::{Account as Booked, Till};
use chassis::postgres::WorkspacePool;
use domain::names::{PersonName, WorkspaceName};
use domain::{Clock as _, InvoiceId, Money, PersonId, SystemClock, WorkspaceId};
use proto::billing::v1 as pb;
use proto::integrations::v1::ConnectIntegrationRequest;
use proto::workspace::v1::{CreateWorkspaceRequest, Workspace};
use sandbox::stripe::{Account, Key};
use sandbox::{Action, Fault, Vendor};
use serde_json::Value;
use sqlx::PgPool;
use stories::Stage;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(180);
const SECRET: &str = "sk_test_0123456789abcdef";
const PUBLISHABLE: &str = "pk_test_0123456789abcdef";
const PEOPLE: usize = 25;
const CHARGES: usize = 500;
const KILLS: usize = 20;
const PRICE: i64 = 11_613;

/// A workspace whose money goes to an account of the twin.
struct Business {
    workspace: WorkspaceId,
    pool: WorkspacePool,
    platform: PgPool,
    twin: String,
}

impl Business {
    async fn open(stage: &Stage) -> Self {
        let keys = [SECRET, PUBLISHABLE].map(|key| (key.to_owned(), Key::default()));
        let account = Account { id: "acct_story".to_owned(), keys: keys.into(), ..Account::default() };
        stage.sandbox.stripe().put_account(account);
        let client = stage.client();
        let workspace = Workspace { display_name: "Charges".into(), ..Default::default() };
        let request = CreateWorkspaceRequest { workspace: Some(workspace), request_id: "story".into() };
        let made = stories::client::insist(&client.places, request, |mut client, request| async move {
            client.create_workspace(request).await
        })
        .await;
        let name = made.workspace.unwrap().name;
        let values =
            [("secret_key", SECRET), ("publishable_key", PUBLISHABLE), ("webhook_secret", "whsec_story")];
        let request = ConnectIntegrationRequest {
            parent: name.clone(),
            provider: "stripe".into(),
            credentials: values.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            request_id: "story".into(),
            ..Default::default()
        };
        stories::client::insist(&client.integrations, request, |mut client, request| async move {
            client.connect_integration(request).await
        })
        .await;
        let WorkspaceName(workspace) = name.parse().unwrap();
        let (pool, platform) =
            chassis::postgres::connect(&stage.database_url(), &billing::DEFINITION, 4).await.unwrap();
        Self { workspace, pool, platform, twin: format!("{}/stripe", stage.sandbox_url()) }
    }

    /// Somebody saves a card, in their browser.
    async fn save_card(&self, stage: &Stage) -> PersonId {
        let (workspace, id) = (self.workspace, PersonId::new());
        let request = pb::StartPaymentMethodRequest {
            parent: WorkspaceName(workspace).to_string(),
            person: PersonName { workspace, id }.to_string(),
            kind: pb::PaymentMethodKind::Card.into(),
            ..Default::default()
        };
        let methods = stage.client().payment_methods;
        let started = stories::client::insist(&methods, request, |mut client, request| async move {
            client.start_payment_method(request).await
        })
        .await;
        let setup = started.client_secret.split("_secret").next().unwrap();
        let fields = [("client_secret", started.client_secret.as_str()), ("payment_method", "pm_card_visa")];
        let url = format!("{}/v1/setup_intents/{setup}/confirm", self.twin);
        let confirmed = http().post(url).bearer_auth(started.publishable_key).form(&fields).send().await;
        assert!(confirmed.unwrap().status().is_success());
        let name = started.payment_method.unwrap().name;
        let request = pb::CheckPaymentMethodRequest { name };
        let checked = stories::client::insist(&methods, request, |mut client, request| async move {
            client.check_payment_method(request).await
        })
        .await;
        assert_eq!(checked.payment_method.unwrap().state(), pb::PaymentMethodState::Saved);
        id
    }

    async fn charge(&self, person: PersonId) {
        let now = SystemClock.now();
        let mut tx = self.pool.begin(self.workspace).await.unwrap();
        let customer = customers::of(&mut tx, self.workspace, Holder::Person(person), now).await.unwrap();
        let ask = Ask {
            workspace: self.workspace,
            location: None,
            customer,
            invoice: InvoiceId::new(),
            amount: Money::new(PRICE, "EUR".parse().unwrap()).unwrap(),
            is_off_session: true,
        };
        payments::ask(&mut tx, ask, now).await.unwrap();
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

    /// All that the twin has in a list.
    async fn all(&self, list: &str) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        loop {
            let mut query = vec![("limit", "100".to_owned())];
            query
                .extend(found.last().map(|last| ("starting_after", last["id"].as_str().unwrap().to_owned())));
            let request = http().get(format!("{}/v1/{list}", self.twin)).bearer_auth(SECRET).query(&query);
            let mut page: Value = request.send().await.unwrap().json().await.unwrap();
            found.append(page["data"].as_array_mut().unwrap());
            if page["has_more"] == false {
                return found;
            }
        }
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap()
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

    let charges = business.all("charges").await;
    let charged = charges.iter().filter(|charge| charge["status"] == "succeeded");
    let charged: Vec<&str> = charged.map(|charge| charge["payment_intent"].as_str().unwrap()).collect();
    assert_eq!((charged.len(), charged.iter().collect::<BTreeSet<_>>().len()), (CHARGES, CHARGES));
    let intents = business.all("payment_intents").await;
    let payments: BTreeSet<&str> =
        intents.iter().map(|intent| intent["metadata"]["latchkey_payment"].as_str().unwrap()).collect();
    assert_eq!((intents.len(), payments.len()), (CHARGES, CHARGES), "one intent each");

    let mut tx = business.pool.begin(business.workspace).await.unwrap();
    assert_eq!(books::prove(&mut tx, business.workspace).await.unwrap(), []);
    let till = Booked::Till(Till::Stripe);
    let booked = books::balance(&mut tx, business.workspace, till, "EUR".parse().unwrap()).await.unwrap();
    assert_eq!(booked.minor(), PRICE * CHARGES as i64);
    drop(tx);
    stage.settle(LIMIT).await;
}
