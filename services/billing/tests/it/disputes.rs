//! Disputes: found at Stripe, booked as the money moves, shown on the invoice.

use chrono::Duration;
use proto::billing::v1 as pb;
use testkit::eventually;
use tonic::Code;

use crate::desk::eur;
use crate::methods::{LIMIT, Person, connected, reason, rows};
use crate::payments::Owed;
use crate::world::{ACCOUNT, World};

const PAID: i64 = 11_613;

impl World {
    async fn disputes(&self) -> Vec<pb::Dispute> {
        let request = pb::ListDisputesRequest { parent: self.name(), ..Default::default() };
        self.desk_payments().list_disputes(request).await.unwrap().into_inner().disputes
    }

    /// Waits until the sweep has found that the only dispute stands so.
    async fn dispute_becomes(&self, state: pb::DisputeState) -> pb::Dispute {
        self.harness.clock.advance(Duration::minutes(61));
        eventually("the dispute is seen", LIMIT, async || {
            let disputes = self.disputes().await;
            match &disputes[..] {
                [dispute] if dispute.state() == state => Ok(dispute.clone()),
                _ => Err(format!("{disputes:#?}")),
            }
        })
        .await
    }

    async fn disputed(&self) -> String {
        let select = "select coalesce(sum(amount), 0)::text from ledger_posting where account = 'disputed'";
        rows(self, select).await.remove(0)
    }

    async fn is_marked(&self, owed: &Owed, state: pb::DisputeState, owes: i64) {
        let invoice = self.invoice(owed).await;
        assert_eq!((invoice.dispute_state(), invoice.owed), (state, Some(eur(owes))));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_marks_the_invoice_and_one_that_is_won_gives_the_money_back() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_createDispute").await;
    let dispute = world.dispute_becomes(pb::DisputeState::Open).await;
    assert_eq!((dispute.amount, dispute.reason.as_str()), (Some(eur(PAID)), "fraudulent"));
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, 0]);
    assert_eq!(world.disputed().await, PAID.to_string());
    world.is_marked(&owed, pb::DisputeState::Open, 0).await;
    let refused = ada.refund(&owed, None, "disputed").await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::FailedPrecondition, "PAYMENT_DISPUTED"));

    assert!(world.sandbox.stripe().close_dispute(ACCOUNT, false, &dispute.dispute_ref, true));
    world.dispute_becomes(pb::DisputeState::Won).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID, 0]);
    assert_eq!(world.disputed().await, "0");
    world.is_marked(&owed, pb::DisputeState::Won, 0).await;
    assert_eq!(world.told_of("dispute").await, ["dispute_opened", "dispute_closed"]);
    // Then it can be given back.
    ada.refund(&owed, None, "won").await.unwrap();
    ada.refunds_become(&owed, &[pb::RefundState::Succeeded]).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dispute_takes_for_good_is_owed_again() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_createDispute").await;
    let dispute = world.dispute_becomes(pb::DisputeState::Open).await;
    assert!(world.sandbox.stripe().close_dispute(ACCOUNT, false, &dispute.dispute_ref, false));
    let lost = world.dispute_becomes(pb::DisputeState::Lost).await;
    assert_eq!((lost.version, &lost.name), (2, &dispute.name));
    assert_eq!(world.booked(owed.invoice, "EUR").await, [0, PAID]);
    assert_eq!(world.disputed().await, "0");
    world.is_marked(&owed, pb::DisputeState::Lost, PAID).await;
    assert_eq!(world.told_of("dispute").await, ["dispute_opened", "dispute_closed"]);
    assert_eq!(world.told_of("invoice").await.last().unwrap(), "invoice_reopened");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_bank_only_asks_about_moves_no_money() {
    let world = connected().await;
    let ada = Person::new(&world);
    let owed = ada.paid("pm_card_createDisputeInquiry").await;
    world.dispute_becomes(pb::DisputeState::Inquiry).await;
    assert_eq!(world.booked(owed.invoice, "EUR").await, [PAID, 0]);
    world.is_marked(&owed, pb::DisputeState::Inquiry, 0).await;
    assert_eq!(world.told_of("dispute").await, ["dispute_opened"]);
    ada.refund(&owed, Some(1), "asked").await.unwrap();
    ada.refunds_become(&owed, &[pb::RefundState::Succeeded]).await;
    world.harness.finish().await;
}
