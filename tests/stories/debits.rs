//! Debits of bank accounts: on their way for days, in which nobody is late, and heard of by Stripe's reports.

use std::time::Duration;

use proto::billing::v1 as billing;
use proto::membership::v1 as membership;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::Client;
use stories::door::{Door, System};
use stories::till::Till;

use crate::paying::{becomes, days_pass, found, is_renewed, join};

const LIMIT: Duration = Duration::from_secs(120);
/// So long a debit takes, and a little more.
const DAYS: i64 = 4;

async fn open(stage: &Stage, workspace: &str, client: &Client) -> Till {
    let dollars = |settings| billing::BillingSettings {
        currency: "USD".into(),
        auto_charge: true,
        pause_after_days: 1,
        ..settings
    };
    let till = Till::open(stage, workspace, dollars).await;
    till.take_debits(client).await;
    till
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_lets_in_when_it_has_come_days_later_and_one_that_is_returned_does_not() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 2, 2).await;
    let client = stage.client();
    let till = open(&stage, &world.workspace, &client).await;
    for room in &world.rooms {
        till.price_hour(&client, room, 1_200).await;
    }
    let [(ada, ada_email), (bo, bo_email)] = [0, 1].map(|person| world.people[person].clone());
    // Ada types her account's number, and is asked for two small amounts a day later.
    let started = till.start(&client, &ada, billing::PaymentMethodKind::UsBankAccount).await;
    let typed = [
        ("payment_method_data[type]", "us_bank_account"),
        ("payment_method_data[billing_details][name]", "Ada"),
        ("payment_method_data[us_bank_account][account_number]", "000123456789"),
        ("payment_method_data[us_bank_account][routing_number]", "110000000"),
    ];
    till.in_browser(&started, "confirm", &typed).await;
    let account = started.payment_method.as_ref().unwrap().name.clone();
    till.method_becomes(&client, &account, billing::PaymentMethodState::AwaitsDeposits).await;
    let amounts = [("amounts[0]", "32"), ("amounts[1]", "45")];
    till.in_browser(&started, "verify_microdeposits", &amounts).await;
    till.method_becomes(&client, &account, billing::PaymentMethodState::Saved).await;
    till.save_bank_account(&client, &bo, "pm_usBankAccount_insufficientFunds").await;

    let now = Door::window(-60, 3_600);
    let good = world.create(&client, 0, 0, now, "good").await;
    let bad = world.create(&client, 1, 1, now, "bad").await;
    for (person, booking, email) in [(&ada, &good, &ada_email), (&bo, &bad, &bo_email)] {
        till.payment_becomes(&client, person, billing::PaymentState::Pending, 1).await;
        // The bank is at it: that is not called unpaid, and nobody is let in for it yet.
        let invoice = till.invoices(&client, person).await.remove(0);
        assert_eq!(invoice.state(), billing::InvoiceState::Open);
        becomes(&client, booking, pb::BookingState::Pending).await;
        assert!(!door.opens(email).await);
    }

    till.days_pass_there(&stage, DAYS).await;
    becomes(&client, &good, pb::BookingState::Confirmed).await;
    door.lets_in(&ada_email).await;
    assert_eq!(till.invoices(&client, &ada).await[0].state(), billing::InvoiceState::Paid);
    let failed = becomes(&client, &bad, pb::BookingState::Failed).await;
    assert_eq!(failed.state_reason, "the payment was declined: insufficient funds");
    assert!(!door.opens(&bo_email).await);
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_who_pays_by_debit_keeps_the_doors_while_it_is_on_its_way_and_is_renewed() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, door) = System::Kisi.world(&stage, 0, 1).await;
    let client = stage.client();
    let till = open(&stage, &world.workspace, &client).await;
    let (ada, email) = world.people[0].clone();
    till.save_bank_account(&client, &ada, "pm_usBankAccount_success").await;
    let started = join(&client, &world, &till, &door, &ada).await;
    door.lets_in(&email).await;
    till.payment_becomes(&client, &ada, billing::PaymentState::Pending, 1).await;
    // Its day to be paid goes by, and more: the money is on its way.
    days_pass(&stage, 3).await;
    assert_eq!(till.invoices(&client, &ada).await[0].state(), billing::InvoiceState::Open);
    assert_eq!(found(&client, &started.name).await.state(), membership::MembershipState::Active);
    assert!(door.opens(&email).await);

    till.days_pass_there(&stage, DAYS).await;
    till.payment_becomes(&client, &ada, billing::PaymentState::Succeeded, 1).await;
    let renewed = is_renewed(&client, &started.name).await;
    assert_eq!(renewed.state(), membership::MembershipState::Active);
    assert_eq!(till.invoices(&client, &ada).await[0].state(), billing::InvoiceState::Paid);
    assert!(door.opens(&email).await);
    stage.settle(LIMIT).await;
}
