//! Refunds: given once, never more than was paid, booked when Stripe has taken them; and what others gave back.

use chassis::auth::{Principal, Role};
use chrono::Duration;
use domain::names::InvoiceName;
use domain::{Clock as _, PersonId};
use proto::billing::v1 as pb;
use proto::billing::v1::RefundState::{Failed, Pending, Succeeded};
use proto::billing::v1::invoice_service_client::InvoiceServiceClient;
use proto::billing::v1::payment_service_client::PaymentServiceClient;
use proto::billing::v1::price_service_client::PriceServiceClient;
use sandbox::{Action, Fault, Vendor};
use testkit::{Bearer, audit_line, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

use crate::desk::{eur, settings};
use crate::methods::{Browser, LIMIT, Person, connected, reason, rows};
use crate::payments::Owed;
use crate::world::{TEST_KEY, World};

const PAID: i64 = 11_613;

impl World {
    /// One and the same admin's.
    fn admin_link(&self) -> InterceptedService<Channel, Bearer> {
        let admin = PersonId::from_uuid(self.workspace.uuid());
        let principal = Principal::person(admin.to_string(), self.workspace, Role::Admin);
        self.harness.channel_with(&self.address, &principal)
    }

    pub(crate) fn desk_payments(&self) -> PaymentServiceClient<InterceptedService<Channel, Bearer>> {
        PaymentServiceClient::new(self.admin_link())
    }

    pub(crate) async fn invoice(&self, owed: &Owed) -> pb::Invoice {
        let name = InvoiceName { workspace: self.workspace, id: owed.invoice }.to_string();
        let mut invoices = InvoiceServiceClient::new(self.admin_link());
        invoices.get_invoice(pb::GetInvoiceRequest { name }).await.unwrap().into_inner().invoice.unwrap()
    }

    pub(crate) async fn told_of(&self, what: &str) -> Vec<String> {
        let select = format!(
            "select split_part(split_part(subject, 'billing.', 2), '.', 1) from outbox
              where subject like '%billing.{what}\\_%' order by id"
        );
        rows(self, &select).await
    }
}

impl Person<'_> {
    /// A payment that succeeded, by such a card.
    pub(crate) async fn paid(&self, card: &str) -> Owed {
        self.saves(Browser::card(card)).await;
        let owed = self.owes().await;
        self.becomes(&owed, pb::PaymentState::Succeeded, 1).await;
        owed
    }

    fn refund_request(&self, owed: &Owed, amount: Option<pb::Money>, key: &str) -> pb::CreateRefundRequest {
        let refund = pb::Refund {
            payment: self.payment_name(owed),
            amount,
            reason: "the heating was off".into(),
            ..Default::default()
        };
        pb::CreateRefundRequest {
            parent: self.world.name(),
            refund: Some(refund),
            request_id: key.to_owned(),
        }
    }

    /// An admin gives some of it back; none given: all that is left.
    pub(crate) async fn refund(
        &self,
        owed: &Owed,
        minor: Option<i64>,
        key: &str,
    ) -> Result<pb::Refund, Status> {
        let request = self.refund_request(owed, minor.map(eur), key);
        Ok(self.world.desk_payments().create_refund(request).await?.into_inner().refund.unwrap())
    }

    async fn refunds(&self, owed: &Owed) -> Vec<pb::Refund> {
        let (parent, payment) = (self.world.name(), self.payment_name(owed));
        let request = pb::ListRefundsRequest { parent, payment, ..Default::default() };
        self.payments().list_refunds(request).await.unwrap().into_inner().refunds
    }

    /// Waits until the payment's refunds stand so.
    pub(crate) async fn refunds_become(&self, owed: &Owed, states: &[pb::RefundState]) -> Vec<pb::Refund> {
        eventually("the refunds go on", LIMIT, async || {
            let refunds = self.refunds(owed).await;
            let found: Vec<pb::RefundState> = refunds.iter().map(pb::Refund::state).collect();
            if found == states { Ok(refunds) } else { Err(format!("{refunds:#?}")) }
        })
        .await
    }
}

impl World {
    /// Has the workspace try what was declined again by a schedule of its own.
    async fn retries_after(&self, days: Vec<i32>) -> Result<pb::BillingSettings, Status> {
        let schedule = Some(pb::RetrySchedule { days, patience_days: 0 });
        let settings = pb::BillingSettings { retry_schedule: schedule, ..settings(&self.name()) };
        let request = pb::SetBillingSettingsRequest { settings: Some(settings) };
        let answer = PriceServiceClient::new(self.admin_link()).set_billing_settings(request).await?;
        Ok(answer.into_inner().settings.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_declined_is_tried_again_by_the_workspaces_own_schedule() {
    let world = connected().await;
    for days in [vec![0], vec![61], vec![-1], vec![1; 9]] {
        let refused = world.retries_after(days.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{days:?}");
    }
    let settings = world.retries_after(vec![2]).await.unwrap();
    assert_eq!(settings.retry_schedule, Some(pb::RetrySchedule { days: vec![2], patience_days: 14 }));
    let ada = Person::new(&world);
    ada.saves(Browser::card("pm_card_chargeCustomerFail")).await;
    let owed = ada.owes().await;
    let declined = ada.becomes(&owed, pb::PaymentState::Charging, 1).await;
    let in_two_days = world.harness.clock.now() + Duration::days(2);
    assert_eq!(declined.next_time, Some(chassis::input::timestamp(in_two_days)));
    world.harness.clock.advance(Duration::days(2));
    ada.becomes(&owed, pb::PaymentState::Failed, 2).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_paid_is_given_back_in_parts_and_never_more_of_it() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_visa").await;
    let asked = ada.refund(&owed, Some(5_000), "some").await.unwrap();
    assert_eq!(
        ada.refund(&owed, Some(5_000), "some").await.unwrap(),
        asked,
        "the same request is one refund"
    );
    let given = ada.refunds_become(&owed, &[Succeeded]).await.remove(0);
    assert_eq!((given.amount, given.is_made_at_stripe), (Some(eur(5_000)), false));
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID - 5_000, 0]);
    let invoice = world.invoice(&owed).await;
    assert_eq!(
        (invoice.state(), invoice.credited, invoice.paid, invoice.owed, invoice.refunded),
        (pb::InvoiceState::Paid, Some(eur(5_000)), Some(eur(6_613)), Some(eur(0)), Some(eur(5_000)))
    );
    let more = ada.refund(&owed, Some(6_614), "more").await.unwrap_err();
    assert_eq!((more.code(), reason(&more).as_str()), (Code::InvalidArgument, "INVALID_INPUT"));
    ada.refund(&owed, None, "the rest").await.unwrap();
    let all = ada.refunds_become(&owed, &[Succeeded, Succeeded]).await;
    assert_eq!(all[1].amount, Some(eur(6_613)));
    assert_ne!(all[0].credit_note, all[1].credit_note);
    assert_eq!(ada.refund(&owed, None, "nothing").await.unwrap_err().code(), Code::InvalidArgument);
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, 0]);
    assert_eq!(world.invoice(&owed).await.refunded, Some(eur(PAID)));
    assert_eq!(world.told_of("refund").await, ["refund_created", "refund_created"]);
    // Whoever's it is not does not see it.
    let bo = Person::new(&world);
    let request = pb::GetRefundRequest { name: all[0].name.clone() };
    assert_eq!(
        ada.payments().get_refund(request.clone()).await.unwrap().into_inner().refund,
        Some(all[0].clone())
    );
    assert_eq!(bo.payments().get_refund(request).await.unwrap_err().code(), Code::NotFound);
    let list = pb::ListRefundsRequest { parent: world.name(), ..Default::default() };
    assert_eq!(world.desk_payments().list_refunds(list.clone()).await.unwrap().into_inner().refunds, all);
    assert_eq!(bo.payments().list_refunds(list).await.unwrap_err().code(), Code::InvalidArgument);
    let logged: Vec<String> =
        world.harness.audit_entries(&billing::DEFINITION).await.iter().map(audit_line).collect();
    let of_refunds = logged.iter().filter(|line| line.starts_with("CreateRefund: payment SET"));
    assert_eq!(of_refunds.count(), 2, "{logged:#?}");
    assert!(logged.iter().all(|line| !line.contains("heating")), "why stands on the credit note alone");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_who_give_back_at_the_same_time_give_back_no_more_than_was_paid() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_visa").await;
    let (one, other) =
        tokio::join!(ada.refund(&owed, Some(6_000), "one"), ada.refund(&owed, Some(6_000), "other"));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    ada.refunds_become(&owed, &[Succeeded]).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID - 6_000, 0]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_whose_answers_get_lost_is_given_once() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_visa").await;
    for action in [Action::DropAfterEffect, Action::DropBeforeEffect, Action::status(500)] {
        let fault = Fault::on(Vendor::Stripe, action).request("POST", "^/v1/refunds$").times(1);
        world.sandbox.faults().add(fault).unwrap();
    }
    ada.refund(&owed, Some(700), "lost").await.unwrap();
    eventually("it is given", LIMIT, async || {
        world.harness.clock.advance(Duration::seconds(1));
        let refunds = ada.refunds(&owed).await;
        if refunds[0].state() == Succeeded { Ok(()) } else { Err(format!("{refunds:?}")) }
    })
    .await;
    let there = world.get(TEST_KEY, "/v1/refunds").await;
    assert_eq!(there["data"].as_array().unwrap().len(), 1);
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID - 700, 0]);
    assert_eq!(world.told_of("refund").await, ["refund_created"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stripe_refuses_leaves_the_books_as_they_are() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_visa").await;
    // Somebody was faster on the dashboard, and nobody has heard of it yet.
    let intent = rows(&world, "select intent_ref from payment").await.remove(0);
    let fields = [("payment_intent", intent.as_str()), ("amount", "11000")];
    world.post(TEST_KEY, "/v1/refunds", &fields).await;
    ada.refund(&owed, Some(5_000), "too late").await.unwrap();
    eventually("Stripe refuses it", LIMIT, async || {
        let refused = rows(&world, "select state from refund").await;
        if refused == ["refused"] { Ok(()) } else { Err(format!("{refused:?}")) }
    })
    .await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID, 0]);
    // An hour later nothing can be on its way any more; and the sweep has found the other one.
    world.harness.clock.advance(Duration::minutes(61));
    let both = ada.refunds_become(&owed, &[Failed, Succeeded]).await;
    assert_ne!(both[0].failure_code, "");
    assert!(both[1].is_made_at_stripe);
    assert_eq!(world.booked(owed.invoice, "EUR").await, [613, 0]);
    let invoice = world.invoice(&owed).await;
    assert_eq!((invoice.refunded, invoice.credited), (Some(eur(11_000)), Some(eur(11_000))));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_comes_back_is_the_payers_credit_and_can_be_given_again() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_refundFail").await;
    ada.refund(&owed, None, "all").await.unwrap();
    ada.refunds_become(&owed, &[Succeeded]).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, 0]);
    world.harness.clock.advance(Duration::hours(25));
    let failed = ada.refunds_become(&owed, &[Failed]).await;
    assert_eq!(failed[0].failure_code, "expired_or_canceled_card");
    assert_eq!(world.told_of("refund").await, ["refund_created", "refund_failed"]);
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID, 0]);
    assert_eq!(world.invoice(&owed).await.refunded, Some(eur(0)));
    ada.refund(&owed, None, "again").await.unwrap();
    ada.refunds_become(&owed, &[Failed, Succeeded]).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, 0]);
    assert_eq!(world.invoice(&owed).await.credited, Some(eur(PAID)), "credited once");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_takes_its_time_is_followed() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_pendingRefund").await;
    ada.refund(&owed, None, "all").await.unwrap();
    ada.refunds_become(&owed, &[Pending]).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, 0]);
    world.harness.clock.advance(Duration::hours(25));
    ada.refunds_become(&owed, &[Succeeded]).await;
    assert_eq!(world.told_of("refund").await, ["refund_created"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_means_is_refused_and_changes_nothing() {
    let world = connected().await;
    let ada = Person::new(&world);
    let waits = ada.owes().await;
    ada.becomes(&waits, pb::PaymentState::AwaitsPayer, 1).await;
    let unpaid = ada.refund(&waits, Some(1), "unpaid").await.unwrap_err();
    assert_eq!(
        (unpaid.code(), reason(&unpaid).as_str()),
        (Code::FailedPrecondition, "PAYMENT_NOT_SUCCEEDED")
    );
    let bo = Person::new(&world);
    let owed = bo.paid("pm_card_visa").await;
    let other = |minor_units, currency: &str| pb::Money { minor_units, currency: currency.into() };
    for amount in [
        eur(0),
        eur(-1),
        eur(PAID + 1),
        eur(i64::MAX),
        eur(i64::MIN),
        other(1, "USD"),
        other(1, "XYZ"),
        other(1, "eur"),
        other(1, ""),
    ] {
        let request = bo.refund_request(&owed, Some(amount.clone()), "bad");
        let refused = world.desk_payments().create_refund(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{amount:?}");
        assert!(!refused.message().is_empty());
    }
    let once = bo.refund_request(&owed, None, "");
    assert_eq!(world.desk_payments().create_refund(once).await.unwrap_err().code(), Code::InvalidArgument);
    let why = pb::CreateRefundRequest {
        refund: Some(pb::Refund { payment: bo.payment_name(&owed), ..Default::default() }),
        ..bo.refund_request(&owed, None, "why")
    };
    assert_eq!(world.desk_payments().create_refund(why).await.unwrap_err().code(), Code::InvalidArgument);
    // A key is for one request, and payers do not give themselves their money back.
    bo.refund(&owed, Some(100), "key").await.unwrap();
    let reused = bo.refund(&owed, Some(101), "key").await.unwrap_err();
    assert_eq!(reason(&reused), "REQUEST_ID_REUSED");
    let own = bo.payments().create_refund(bo.refund_request(&owed, None, "own")).await.unwrap_err();
    assert_eq!(own.code(), Code::PermissionDenied);
    bo.refunds_become(&owed, &[Succeeded]).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID - 100, 0]);
    world.harness.finish().await;
}
