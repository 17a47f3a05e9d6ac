//! No statement of the service's, however wrong, reaches another workspace's rows.

use billing::DEFINITION;
use domain::WorkspaceId;
use testkit::Harness;

use crate::methods::{Browser, Person};
use crate::webhooks::{SECRET, event};
use crate::world::{TEST_KEY, World};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_that_names_no_workspace_stays_within_its_own() {
    let mut world = World::start().await;
    let here = world.workspace;
    settle(&world).await;
    world.workspace = WorkspaceId::new();
    settle(&world).await;
    let tried = world.harness.assert_isolated(&DEFINITION, [here, world.workspace]).await;
    assert_eq!(
        tried,
        [
            "customer",
            "outbox",
            "payment_method",
            "payment_settings",
            "request",
            "stripe_customer",
            "stripe_event",
            "stripe_sweep"
        ]
    );
    Harness::finish(world.harness).await;
}

/// Somebody saves a card, Stripe reports something, and an admin turns debits on.
async fn settle(world: &World) {
    world.saved.set(&world.name(), TEST_KEY);
    world.saved.set_webhook_secret(&world.name(), SECRET);
    world.report(SECRET, &event("evt_1", "pigeon.landed", "{}")).await.unwrap();
    world.take_debits(true).await.unwrap();
    let ada = Person::new(world);
    ada.saves(Browser::card("pm_card_visa")).await;
}
