//! A hold ends when it should, though the console counts in minutes.

use chrono::Duration;
use domain::{OperationId, Timestamp};
use door_adapter::conformance::{ControlWorld as _, World as _};
use door_adapter::{Action, DoorControl as _, Operation, Spot};

use crate::conformance::UnifiWorld;

const DOOR: &str = "door-00";

async fn hold(world: &UnifiWorld, until: Timestamp) -> Timestamp {
    let operation = Operation {
        id: OperationId::new(),
        spot: Spot::Door(DOOR.to_owned()),
        action: Action::HoldOpen(until),
        actor: None,
    };
    let held = world.provider().operate(&world.account(), &operation).await.unwrap();
    held.held_until.unwrap()
}

/// As the job does. How many holds were over.
async fn end_due(world: &UnifiWorld) -> usize {
    let provider = world.provider();
    let due = provider.take_due_holds(world.platform()).await.unwrap();
    for over in &due {
        provider.end_hold(&world.account(), over).await.unwrap();
    }
    due.len()
}

#[tokio::test]
async fn a_hold_ends_to_the_second() {
    let world = UnifiWorld::new().await;
    let until = world.now() + Duration::seconds(90);
    assert_eq!(hold(&world, until).await, world.now() + Duration::minutes(2), "by itself");
    world.advance(Duration::seconds(89));
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (0, true));
    world.advance(Duration::seconds(1));
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (1, false));
    world.advance(Duration::minutes(5));
    assert_eq!(end_due(&world).await, 0, "it is forgotten");
    world.finish().await;
}

#[tokio::test]
async fn what_a_door_was_told_since_stays() {
    let world = UnifiWorld::new().await;
    hold(&world, world.now() + Duration::seconds(30)).await;
    hold(&world, world.now() + Duration::minutes(10)).await;
    world.advance(Duration::minutes(1));
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (0, true), "held for longer since");
    world.advance(Duration::minutes(10));
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (1, false));
    // The operator, at the console itself.
    hold(&world, world.now() + Duration::seconds(30)).await;
    let theirs = serde_json::json!({ "type": "keep_unlock" });
    world.console.operate(axum::http::Method::PUT, "/doors/door-00/lock_rule", theirs).await;
    world.advance(Duration::seconds(31));
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (1, true));
    world.finish().await;
}

#[tokio::test]
async fn a_hold_that_can_t_be_ended_is_tried_again_until_the_console_has_ended_it() {
    let world = UnifiWorld::new().await;
    hold(&world, world.now() + Duration::seconds(5)).await;
    world.advance(Duration::seconds(5));
    world.unplug(DOOR);
    let provider = world.provider();
    let due = provider.take_due_holds(world.platform()).await.unwrap();
    assert_eq!(due.len(), 1);
    provider.end_hold(&world.account(), &due[0]).await.unwrap_err();
    assert_eq!(provider.take_due_holds(world.platform()).await.unwrap(), [], "not at once");
    world.console.twin().set_online(DOOR, true);
    world.advance(Duration::seconds(20));
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (1, false));

    hold(&world, world.now() + Duration::seconds(5)).await;
    world.advance(Duration::minutes(2));
    let calls = world.calls();
    assert_eq!((end_due(&world).await, world.is_held(DOOR)), (1, false));
    assert_eq!(world.calls(), calls, "the console has ended it by itself");
    world.finish().await;
}
