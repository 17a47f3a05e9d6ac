//! For a day nothing that Stripe reports arrives, and the books are right all the same.

use std::time::Duration;

use billing::books;
use billing_core::ledger::{Account, Till as LedgerTill};
use domain::names::WorkspaceName;
use proto::billing::v1 as pb;
use proto::workspace::v1::BookingState;
use sandbox::stripe::WebhookSwitches;
use sqlx::PgPool;
use stories::Stage;
use stories::door::{Door, System};
use stories::till::Till;
use testkit::eventually;

use crate::paying::becomes;

const LIMIT: Duration = Duration::from_secs(120);

/// What stands in a column of text.
async fn texts(platform: &PgPool, select: &'static str) -> Vec<String> {
    sqlx::query_scalar(select).fetch_all(platform).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_reported_for_a_day_is_found_and_the_books_are_right() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 3, 4).await;
    let client = stage.client();
    let dollars = |settings| pb::BillingSettings { currency: "USD".into(), ..settings };
    let till = Till::open(&stage, &world.workspace, dollars).await;
    till.take_debits(&client).await;
    for room in &world.rooms {
        till.price_hour(&client, room, 1_200).await;
    }
    let (pool, platform) =
        chassis::postgres::connect(&stage.database_url(), &billing::DEFINITION, 2).await.unwrap();
    let [(ada, ada_email), (bo, bo_email), (cy, cy_email), (dan, _)] =
        [0, 1, 2, 3].map(|person| world.people[person].clone());
    till.save_bank_account(&client, &bo, "pm_usBankAccount_success").await;
    till.save_bank_account(&client, &cy, "pm_usBankAccount_insufficientFunds").await;
    let old_card = till.save_card(&client, &dan, "pm_card_visa").await;
    eventually("all that was reported is applied", LIMIT, async || {
        let due = texts(&platform, "select kind from stripe_event where due_at is not null").await;
        if due.is_empty() { Ok(()) } else { Err(format!("{due:?}")) }
    })
    .await;
    let before = texts(&platform, "select event_ref from stripe_event").await;

    stage.sandbox.stripe().switch(|all| {
        all.webhooks = WebhookSwitches { is_lost: true, ..Default::default() };
    });
    // Ada has no card: her booking fails, and she pays in her browser, which she closes. The others' debits are on their
    // way. Dan saves another card, and closes his browser, too; his old one is taken away in the dashboard.
    let now = Door::window(-60, 3_600);
    let browser = world.create(&client, 0, 0, now, "browser").await;
    let debit = world.create(&client, 1, 1, now, "debit").await;
    let bounced = world.create(&client, 2, 2, now, "bounced").await;
    becomes(&client, &browser, BookingState::Failed).await;
    let owed = till.invoices(&client, &ada).await.remove(0);
    till.pay_in_browser(&client, &owed.name, "pm_card_visa").await;
    for person in [&bo, &cy] {
        till.payment_becomes(&client, person, pb::PaymentState::Pending, 1).await;
    }
    let started = till.start(&client, &dan, pb::PaymentMethodKind::Card).await;
    till.in_browser(&started, "confirm", &[("payment_method", "pm_card_visa")]).await;
    let new_card = started.payment_method.unwrap().name;
    let method = "select method_ref from payment_method where kind = 'card' and method_ref is not null";
    till.detach(&texts(&platform, method).await[0]).await;
    till.days_pass_there(&stage, 4).await;

    // Nothing came, and nobody knows.
    assert_eq!(texts(&platform, "select event_ref from stripe_event").await.len(), before.len());
    becomes(&client, &browser, BookingState::Failed).await;
    becomes(&client, &debit, BookingState::Pending).await;
    assert!(!door.opens(&ada_email).await && !door.opens(&bo_email).await);

    // The hour comes in which the account is looked through.
    let hour = "update stripe_sweep set due_at = now()";
    sqlx::query(hour).execute(&platform).await.unwrap();
    for (booking, email) in [(&browser, &ada_email), (&debit, &bo_email)] {
        becomes(&client, booking, BookingState::Confirmed).await;
        door.lets_in(email).await;
    }
    let failed = becomes(&client, &bounced, BookingState::Failed).await;
    assert_eq!(failed.state_reason, "the payment was declined: insufficient funds");
    assert!(!door.opens(&cy_email).await);
    till.method_becomes(&client, &new_card, pb::PaymentMethodState::Saved).await;
    till.method_becomes(&client, &old_card, pb::PaymentMethodState::Removed).await;

    // What is booked is what is there, to the cent, and nothing is left to explain.
    let there: i64 = till
        .all("charges")
        .await
        .iter()
        .filter(|charge| charge["status"] == "succeeded")
        .map(|charge| charge["amount"].as_i64().unwrap())
        .sum();
    let WorkspaceName(workspace) = world.workspace.parse().unwrap();
    let mut tx = pool.begin(workspace).await.unwrap();
    let account = Account::Till(LedgerTill::Stripe);
    let booked = books::balance(&mut tx, workspace, account, "USD".parse().unwrap()).await.unwrap();
    assert_eq!((booked.minor(), there), (2_400, 2_400));
    assert_eq!(books::prove(&mut tx, workspace).await.unwrap(), []);
    drop(tx);
    assert_eq!(texts(&platform, "select kind from unexplained_event").await, [""; 0]);
    stage.settle(LIMIT).await;
}
