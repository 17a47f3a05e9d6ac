//! Payments and refunds against Stripe's twin, also when answers get lost.

use std::sync::Arc;

use billing::vendor::{AmountError, ChargingError, Stripe, StripeAccount};
use billing_core::decline::{Ask, Remedy};
use billing_core::payment::Seen;
use billing_core::refund;
use domain::{Money, PaymentId, RefundId};
use sandbox::{Action, Fault, Vendor};
use vendor_http::{Effect, ErrorKind, VendorHttp};

use crate::world::{TEST_KEY, World};

fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

/// The account, called by a client that tries each call `attempts` times.
fn account(world: &World, attempts: u32) -> StripeAccount {
    let mut config = vendor_http::Config::new("test");
    config.retry = vendor_http::Retry { attempts_max: attempts, ..Default::default() };
    let http = VendorHttp::new(config, Arc::clone(&world.harness.clock) as Arc<dyn domain::Clock>).unwrap();
    let stripe = Stripe::new(&http, world.config().stripe.base_url.parse().unwrap());
    stripe.account(&TEST_KEY.into()).unwrap()
}

async fn intent(stripe: &StripeAccount, payment: PaymentId, amount: i64) -> String {
    let made = stripe.create_payment_intent(payment, eur(amount), None, false).await.unwrap();
    made.intent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_of_a_charge_is_seen_as_what_is_to_be_done() {
    let world = World::start().await;
    let stripe = account(&world, 1);
    for (card, seen) in [
        ("pm_card_visa", Seen::Succeeded),
        ("pm_card_chargeDeclined", Seen::Declined(Remedy::Retry)),
        ("pm_card_chargeDeclinedInsufficientFunds", Seen::Declined(Remedy::Retry)),
        ("pm_card_chargeDeclinedLostCard", Seen::Declined(Remedy::Never)),
        ("pm_card_chargeDeclinedExpiredCard", Seen::Declined(Remedy::Person(Ask::CheckMethod))),
        ("pm_card_authenticationRequired", Seen::Declined(Remedy::Person(Ask::Authenticate))),
    ] {
        let payment = PaymentId::new();
        let intent = intent(&stripe, payment, 11_613).await;
        assert_eq!(stripe.read_payment_intent(&intent).await.unwrap().seen, Seen::Unconfirmed, "{card}");
        let confirmed = stripe.confirm_payment_intent(payment, 1, &intent, card).await.unwrap();
        assert_eq!(confirmed.seen, seen, "{card}");
        assert_eq!(stripe.read_payment_intent(&intent).await.unwrap().seen, seen, "{card}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_whose_answers_get_lost_is_one_intent_and_one_charge() {
    let world = World::start().await;
    // One that gives up at once, and one that tries again by itself.
    for attempts in [1, 3] {
        let stripe = account(&world, attempts);
        let payment = PaymentId::new();
        let lose = || {
            let fault = Fault::on(Vendor::Stripe, Action::DropAfterEffect).request("POST", "").times(1);
            world.sandbox.faults().add(fault).unwrap();
        };
        lose();
        let first = stripe.create_payment_intent(payment, eur(500), None, false).await;
        if attempts == 1 {
            let ChargingError::Vendor(error) = first.unwrap_err() else { panic!("nothing else can fail") };
            assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown));
        }
        let made = intent(&stripe, payment, 500).await;
        assert_eq!(intent(&stripe, payment, 500).await, made);
        lose();
        let confirm = || stripe.confirm_payment_intent(payment, 1, &made, "pm_card_visa");
        assert_eq!(confirm().await.is_ok(), attempts > 1);
        assert_eq!(
            (confirm().await.unwrap().seen, confirm().await.unwrap().seen),
            (Seen::Succeeded, Seen::Succeeded)
        );
        // Nor does another attempt charge once more.
        let again = stripe.confirm_payment_intent(payment, 2, &made, "pm_card_visa").await.unwrap();
        assert_eq!(again.seen, Seen::Succeeded);
        let all = stripe.create_refund(RefundId::new(), 1, &made, eur(500)).await.unwrap();
        assert_eq!(all.seen, refund::Seen::Succeeded);
        let more = stripe.create_refund(RefundId::new(), 1, &made, eur(500)).await.unwrap_err();
        assert!(matches!(more, ChargingError::Vendor(error) if error.kind == ErrorKind::Rejected));
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_payment_is_tried_again_and_what_was_cancelled_is_not() {
    let world = World::start().await;
    let stripe = account(&world, 1);
    let payment = PaymentId::new();
    let made = intent(&stripe, payment, 500).await;
    let confirm =
        |attempt: u32, card: &'static str| stripe.confirm_payment_intent(payment, attempt, &made, card);
    let declined = Seen::Declined(Remedy::Retry);
    assert_eq!(confirm(1, "pm_card_chargeDeclinedInsufficientFunds").await.unwrap().seen, declined);
    assert_eq!(confirm(2, "pm_card_visa").await.unwrap().seen, Seen::Succeeded);
    // What is paid can't be cancelled.
    assert_eq!(stripe.cancel_payment_intent(&made).await.unwrap().seen, Seen::Succeeded);

    let payment = PaymentId::new();
    let made = intent(&stripe, payment, 500).await;
    let fault = Fault::on(Vendor::Stripe, Action::DropAfterEffect).request("POST", "cancel").times(1);
    world.sandbox.faults().add(fault).unwrap();
    assert!(stripe.cancel_payment_intent(&made).await.is_err());
    assert_eq!(stripe.cancel_payment_intent(&made).await.unwrap().seen, Seen::Cancelled);
    let confirmed = stripe.confirm_payment_intent(payment, 1, &made, "pm_card_visa").await.unwrap();
    assert_eq!(confirmed.seen, Seen::Cancelled);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_is_given_once_and_found_again() {
    let world = World::start().await;
    let stripe = account(&world, 1);
    let payment = PaymentId::new();
    let made = intent(&stripe, payment, 500).await;
    stripe.confirm_payment_intent(payment, 1, &made, "pm_card_visa").await.unwrap();
    let (some, rest) = (RefundId::new(), RefundId::new());
    assert_eq!(stripe.list_refunds(&made).await.unwrap(), []);
    let fault = Fault::on(Vendor::Stripe, Action::DropAfterEffect).request("POST", "refunds").times(1);
    world.sandbox.faults().add(fault).unwrap();
    assert!(stripe.create_refund(some, 1, &made, eur(200)).await.is_err());
    let listed = stripe.list_refunds(&made).await.unwrap();
    assert_eq!((listed[0].ours, listed[0].seen), (Some(some), refund::Seen::Succeeded));
    assert_eq!(stripe.create_refund(some, 1, &made, eur(200)).await.unwrap(), listed[0]);
    let more = stripe.create_refund(rest, 1, &made, eur(301)).await.unwrap_err();
    assert!(matches!(more, ChargingError::Vendor(error) if error.kind == ErrorKind::Rejected));
    let given = stripe.create_refund(rest, 2, &made, eur(300)).await.unwrap();
    assert_eq!((given.seen, given.amount), (refund::Seen::Succeeded, eur(300)));
    assert_eq!(stripe.list_refunds(&made).await.unwrap().len(), 2);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stripe_does_not_take_is_not_sent() {
    let world = World::start().await;
    let stripe = account(&world, 1);
    let made = stripe.create_payment_intent(PaymentId::new(), eur(0), None, false).await;
    assert!(matches!(made, Err(ChargingError::Amount(AmountError::NotPositive))));
    let missing = stripe.read_payment_intent("pi_of_another_account").await.unwrap_err();
    assert!(matches!(missing, ChargingError::Vendor(error) if error.kind == ErrorKind::NotFound));
    world.harness.finish().await;
}
