//! Payments: charged once by the saved method, declined, retried, confirmed by people, pending for days.

use billing::books;
use billing::customers::{self, Holder};
use billing::invoices::{self, BillTo, Draft, Line, Place};
use billing::payments::{self, Ask, AskError};
use billing_core::Quantity;
use billing_core::ledger::{Account, Till};
use chassis::auth::{Principal, Role};
use chrono::Duration;
use domain::names::PaymentName;
use domain::{CustomerId, InvoiceId, Money, PaymentId};
use proto::billing::v1 as pb;
use proto::billing::v1::payment_service_client::PaymentServiceClient;
use sandbox::{Action, Fault, Vendor};
use testkit::{Bearer, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::methods::{Browser, LIMIT, Person, connected, reason, rows};
use crate::world::{OTHER_KEY, TEST_KEY, World};

fn money(minor: i64, currency: &str) -> Money {
    Money::new(minor, currency.parse().unwrap()).unwrap()
}

fn draft(amount: Money) -> Draft {
    let line = Line {
        description: "Desk".into(),
        quantity: Quantity::ONE,
        unit_price: amount,
        coupon: None,
        tax: None,
        subject: None,
        period: None,
    };
    Draft { bill_to: BillTo::default(), lines: vec![line], due_on: None, memo: String::new() }
}

/// What somebody owes.
pub(crate) struct Owed {
    pub invoice: InvoiceId,
    pub payment: PaymentId,
}

impl Person<'_> {
    pub(crate) fn payments(&self) -> PaymentServiceClient<InterceptedService<Channel, Bearer>> {
        let principal = Principal::person(self.id.to_string(), self.world.workspace, Role::Member);
        PaymentServiceClient::new(self.world.harness.channel_with(&self.world.address, &principal))
    }

    async fn customer(&self) -> CustomerId {
        let (workspace, now) = (self.world.workspace, self.world.deps.basic.clock.now());
        let mut tx = self.world.deps.pool.begin(workspace).await.unwrap();
        let customer = customers::of(&mut tx, workspace, Holder::Person(self.id), now).await.unwrap();
        tx.commit().await.unwrap();
        customer
    }

    pub(crate) async fn asked(&self, ask: impl FnOnce(Ask) -> Ask) -> Result<Owed, AskError> {
        let (workspace, now) = (self.world.workspace, self.world.deps.basic.clock.now());
        let fresh = InvoiceId::new();
        let mut asked = ask(Ask {
            workspace,
            location: None,
            customer: self.customer().await,
            invoice: fresh,
            amount: money(11_613, "EUR"),
            is_off_session: true,
        });
        let mut tx = self.world.deps.pool.begin(workspace).await.unwrap();
        if asked.invoice == fresh {
            let (holder, time_zone) = (Holder::Person(self.id), chrono_tz::Europe::Vienna);
            let place = Place { workspace, holder, location: None, time_zone };
            let invoice =
                invoices::create(&mut tx, place, asked.amount.currency(), draft(asked.amount), now).await;
            asked.invoice = invoice.unwrap().id;
            invoices::finalise(&mut tx, workspace, asked.invoice, now).await.unwrap();
        }
        let payment = payments::ask(&mut tx, asked, now).await?;
        tx.commit().await.unwrap();
        Ok(Owed { invoice: asked.invoice, payment })
    }

    pub(crate) async fn owes(&self) -> Owed {
        self.asked(|ask| ask).await.unwrap()
    }

    async fn payment(&self, owed: &Owed) -> pb::Payment {
        let request = pb::GetPaymentRequest { name: self.payment_name(owed) };
        self.payments().get_payment(request).await.unwrap().into_inner().payment.unwrap()
    }

    pub(crate) fn payment_name(&self, owed: &Owed) -> String {
        PaymentName { workspace: self.world.workspace, id: owed.payment }.to_string()
    }

    pub(crate) async fn becomes(&self, owed: &Owed, state: pb::PaymentState, attempts: i32) -> pb::Payment {
        eventually("the payment goes on", LIMIT, async || {
            let payment = self.payment(owed).await;
            let is_there = payment.state() == state && payment.attempts == attempts;
            // Where a person or the time decides, it comes to rest first.
            let rests = state != pb::PaymentState::Charging || payment.next_time.is_some();
            if is_there && rests { Ok(payment) } else { Err(format!("{payment:?}")) }
        })
        .await
    }

    async fn retries(&self, owed: &Owed) -> Result<pb::Payment, Status> {
        let request = pb::RetryPaymentRequest { name: self.payment_name(owed), ..Default::default() };
        Ok(self.payments().retry_payment(request).await?.into_inner().payment.unwrap())
    }

    async fn checks(&self, owed: &Owed) {
        let request = pb::CheckPaymentRequest { name: self.payment_name(owed) };
        self.payments().check_payment(request).await.unwrap();
    }
}

impl World {
    /// What is in the till, and owed for an invoice.
    pub(crate) async fn booked(&self, invoice: InvoiceId, currency: &str) -> [i64; 2] {
        let mut tx = self.deps.pool.begin(self.workspace).await.unwrap();
        let mut found = [0, 0];
        let accounts = [Account::Till(Till::Stripe), Account::Receivable(invoice)];
        for (account, found) in accounts.into_iter().zip(&mut found) {
            let currency = currency.parse().unwrap();
            *found = books::balance(&mut tx, self.workspace, account, currency).await.unwrap().minor();
        }
        assert_eq!(books::prove(&mut tx, self.workspace).await.unwrap(), []);
        found
    }

    /// What was told of payments, in order: the last part of the event's subject but one.
    async fn told(&self) -> Vec<String> {
        let select = "select split_part(split_part(subject, 'billing.', 2), '.', 1) from outbox
                       where subject like '%billing.payment\\_%' order by id";
        rows(self, select).await
    }

    /// What was charged at an account: each charge that went well.
    async fn charges(&self, key: &str) -> usize {
        let charges = self.get(key, "/v1/charges?limit=100").await;
        charges["data"].as_array().unwrap().iter().filter(|charge| charge["status"] == "succeeded").count()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_owed_is_charged_by_the_saved_card_once_and_booked() {
    let world = connected().await;
    let ada = Person::new(&world);
    ada.saves(Browser::card("pm_card_visa")).await;
    let owed = ada.owes().await;
    let paid = ada.becomes(&owed, pb::PaymentState::Succeeded, 1).await;
    assert_eq!(paid.amount.as_ref().unwrap().minor_units, 11_613);
    assert_eq!((paid.failure_code.as_str(), paid.next_time), ("", None));
    assert_eq!(world.booked(owed.invoice, "EUR").await, [11_613, 0]);
    assert_eq!(world.told().await, ["payment_succeeded"]);
    assert_eq!(world.charges(TEST_KEY).await, 1);
    // What is paid is not tried again, and may be looked at as often as one likes.
    assert_eq!(ada.retries(&owed).await.unwrap(), paid);
    ada.checks(&owed).await;
    let listed = pb::ListPaymentsRequest { parent: world.name(), person: ada.name(), ..Default::default() };
    assert_eq!(ada.payments().list_payments(listed).await.unwrap().into_inner().payments, [paid]);
    let bo = Person::new(&world);
    let of_ada = pb::GetPaymentRequest { name: ada.payment_name(&owed) };
    assert_eq!(bo.payments().get_payment(of_ada).await.unwrap_err().code(), Code::NotFound);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_card_is_tried_again_by_the_schedule_and_another_one_at_once() {
    let world = connected().await;
    let ada = Person::new(&world);
    ada.saves(Browser::card("pm_card_chargeCustomerFail")).await;
    let owed = ada.owes().await;
    let failed = ada.becomes(&owed, pb::PaymentState::Charging, 1).await;
    assert_eq!(failed.failure_code, "generic_decline");
    let again = ada.asked(|ask| Ask { invoice: owed.invoice, ..ask }).await;
    assert!(matches!(again, Err(AskError::UnderWay(_))), "one payment at a time");
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, 11_613]);
    world.harness.clock.advance(Duration::days(1));
    ada.becomes(&owed, pb::PaymentState::Charging, 2).await;
    // A card that works is charged as soon as its holder says so.
    let good = ada.saves(Browser::card("pm_card_visa")).await;
    ada.choose(&good.name).await.unwrap();
    ada.retries(&owed).await.unwrap();
    ada.becomes(&owed, pb::PaymentState::Succeeded, 3).await;
    assert_eq!(world.told().await, ["payment_failed", "payment_failed", "payment_succeeded"]);
    assert_eq!(world.booked(owed.invoice, "EUR").await, [11_613, 0]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schedule_comes_to_its_end_and_nothing_is_charged_after_it() {
    let world = connected().await;
    let ada = Person::new(&world);
    ada.saves(Browser::card("pm_card_chargeCustomerFail")).await;
    let owed = ada.owes().await;
    for (attempt, days) in (1..).zip([1, 3, 5, 7]) {
        ada.becomes(&owed, pb::PaymentState::Charging, attempt).await;
        world.harness.clock.advance(Duration::days(days));
    }
    ada.becomes(&owed, pb::PaymentState::Failed, 5).await;
    let intents = world.get(TEST_KEY, "/v1/payment_intents").await;
    assert_eq!(intents["data"][0]["status"], "canceled", "nobody can pay it any more");
    assert_eq!(world.told().await, ["payment_failed"; 5]);
    // Then it may be asked for anew.
    assert!(ada.asked(|ask| Ask { invoice: owed.invoice, ..ask }).await.is_ok());
    world.harness.finish_with_dead_letters(0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_to_confirm_does_so_in_their_browser() {
    let world = connected().await;
    let ada = Person::new(&world);
    let started = ada.start(pb::PaymentMethodKind::Card).await.unwrap();
    ada.enters(&started, "pm_card_authenticationRequired").await;
    assert!(
        world.sandbox.stripe().authenticate(started.client_secret.split("_secret").next().unwrap(), true)
    );
    let card = ada.check(&started.payment_method.unwrap().name).await.unwrap();
    assert_eq!(card.state(), pb::PaymentMethodState::Saved);
    let owed = ada.owes().await;
    let waits = ada.becomes(&owed, pb::PaymentState::AwaitsPayer, 1).await;
    assert_eq!(waits.payer_action(), pb::PayerAction::Authenticate);
    assert_eq!(waits.failure_code, "authentication_required");

    let request = pb::ContinuePaymentRequest { name: ada.payment_name(&owed) };
    let go_on = ada.payments().continue_payment(request.clone()).await.unwrap().into_inner();
    let intent = go_on.client_secret.split("_secret").next().unwrap();
    let fields = [("client_secret", go_on.client_secret.as_str()), ("payment_method", "pm_card_visa")];
    world.post(&go_on.publishable_key, &format!("/v1/payment_intents/{intent}/confirm"), &fields).await;
    ada.checks(&owed).await;
    ada.becomes(&owed, pb::PaymentState::Succeeded, 1).await;
    assert_eq!(world.told().await, ["payment_failed", "payment_succeeded"]);
    let refused = ada.payments().continue_payment(request).await.unwrap_err();
    assert_eq!(reason(&refused), "PAYMENT_NOT_CONTINUABLE");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_no_card_is_asked_for_one() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.owes().await;
    let waits = ada.becomes(&owed, pb::PaymentState::AwaitsPayer, 1).await;
    assert_eq!(
        (waits.payer_action(), waits.failure_code.as_str()),
        (pb::PayerAction::OtherMethod, "payment_method_missing")
    );
    ada.saves(Browser::card("pm_card_visa")).await;
    ada.retries(&owed).await.unwrap();
    ada.becomes(&owed, pb::PaymentState::Succeeded, 2).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_debit_is_pending_for_days_and_nobody_is_late() {
    let world = connected().await;
    world.saved.set_webhook_secret(&world.name(), "whsec_0123456789abcdef");
    world.take_debits(true).await.unwrap();
    let (ada, bo) = (Person::new(&world), Person::new(&world));
    ada.saves(Browser::bank_account("pm_usBankAccount_success")).await;
    bo.saves(Browser::bank_account("pm_usBankAccount_insufficientFunds")).await;
    let dollars = |ask| Ask { amount: money(5_000, "USD"), ..ask };
    let (paid, failed) = (ada.asked(dollars).await.unwrap(), bo.asked(dollars).await.unwrap());
    ada.becomes(&paid, pb::PaymentState::Pending, 1).await;
    bo.becomes(&failed, pb::PaymentState::Pending, 1).await;
    let mut tx = world.deps.pool.begin(world.workspace).await.unwrap();
    assert!(payments::is_pending(&mut tx, world.workspace, paid.invoice).await.unwrap());
    drop(tx);
    assert_eq!(world.booked(paid.invoice, "USD").await, [0, 5_000]);
    world.harness.clock.advance(Duration::days(4));
    ada.becomes(&paid, pb::PaymentState::Succeeded, 1).await;
    let again = bo.becomes(&failed, pb::PaymentState::Charging, 1).await;
    assert_eq!(again.failure_code, "insufficient_funds");
    assert_eq!(world.booked(paid.invoice, "USD").await, [5_000, 0]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_get_lost_and_stripe_is_away_and_each_is_charged_once() {
    let mut world = connected().await;
    let people: Vec<_> = (0..5).map(|_| Person::new(&world).id).collect();
    for id in &people {
        Person { world: &world, id: *id }.saves(Browser::card("pm_card_visa")).await;
    }
    for (action, every) in
        [(Action::DropAfterEffect, 3), (Action::DropBeforeEffect, 4), (Action::status(429), 5)]
    {
        let fault = Fault::on(Vendor::Stripe, action).request("POST", "payment_intents").every(every);
        world.sandbox.faults().add(fault).unwrap();
    }
    // Two processes share the work.
    let second = world.run(world.config()).await;
    assert_ne!(second, world.address);
    let mut owed = Vec::new();
    for id in people.iter().cycle().take(10) {
        owed.push((*id, Person { world: &world, id: *id }.owes().await));
    }
    for (id, owed) in &owed {
        let person = Person { world: &world, id: *id };
        eventually("it is paid", LIMIT * 3, async || {
            world.harness.clock.advance(Duration::seconds(1));
            let payment = person.payment(owed).await;
            if payment.state() == pb::PaymentState::Succeeded { Ok(()) } else { Err(format!("{payment:?}")) }
        })
        .await;
    }
    assert_eq!(world.charges(TEST_KEY).await, 10);
    assert_eq!(world.told().await.len(), 10);
    assert_eq!(world.booked(owed[0].1.invoice, "EUR").await[0], 10 * 11_613);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_is_made_where_it_is_asked_for_and_not_at_all_if_stripe_takes_none_such() {
    let world = connected().await;
    let location = world.new_location();
    world.saved.set(&location, OTHER_KEY);
    let location = location.parse::<domain::names::LocationName>().unwrap().id;
    let ada = Person::new(&world);
    ada.saves(Browser::card("pm_card_visa")).await;
    // Her card is saved at the workspace's account, not at the location's.
    let there = ada.asked(|ask| Ask { location: Some(location), ..ask }).await.unwrap();
    ada.becomes(&there, pb::PaymentState::AwaitsPayer, 1).await;
    assert_eq!(world.get(OTHER_KEY, "/v1/payment_intents").await["data"].as_array().unwrap().len(), 1);

    let little = ada.asked(|ask| Ask { amount: money(3, "EUR"), ..ask }).await.unwrap();
    let failed = ada.becomes(&little, pb::PaymentState::Failed, 0).await;
    assert_eq!(failed.failure_code, "amount_too_small");
    let dinar = ada.asked(|ask| Ask { amount: money(1_234, "KWD"), ..ask }).await.unwrap();
    assert_eq!(ada.becomes(&dinar, pb::PaymentState::Failed, 0).await.failure_code, "amount_invalid");

    // What is called off before it is charged never is.
    let never = ada.asked(|ask| Ask { amount: money(700, "JPY"), ..ask }).await.unwrap();
    ada.becomes(&never, pb::PaymentState::Succeeded, 1).await;
    let off = ada.asked(|ask| Ask { is_off_session: false, ..ask }).await.unwrap();
    ada.becomes(&off, pb::PaymentState::AwaitsPayer, 0).await;
    let mut tx = world.deps.pool.begin(world.workspace).await.unwrap();
    payments::withdraw(&mut tx, world.workspace, off.invoice, world.deps.basic.clock.now()).await.unwrap();
    tx.commit().await.unwrap();
    ada.becomes(&off, pb::PaymentState::Withdrawn, 0).await;
    world.harness.finish().await;
}
