//! A controller of our own at a door, when nobody can reach it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use chassis::auth::Role;
use chassis::input::timestamp;
use chrono::Duration as Span;
use domain::{Clock as _, SystemClock};
use proto::access::v1 as access;
use proto::access::v1::AccessLogSource as Source;
use proto::access::v1::DoorOperationState as State;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::access::v1::reveal_door_secret_response::Secret;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{Door, RelayDoor};
use stories::play::World;
use stories::stage::Setting;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

/// Controllers are visited every two seconds.
fn often() -> Setting {
    Setting { environment: vec![("LATCHKEY_LOG__EVERY_SECONDS", "2".to_owned())], ..Setting::default() }
}

/// The PIN that a person has for the door, as they are told it.
async fn pin(stage: &Stage, client: &Client, world: &World, person: usize) -> String {
    let channel = chassis::rpc::channel(
        &stage.address("relay-adapter"),
        "relay-adapter",
        &stage.identity("notification"),
    )
    .unwrap();
    let request = access::ListGrantsRequest { parent: world.workspace.clone(), ..Default::default() };
    let grants =
        insist(&client.access, request, |mut c, r| async move { c.list_grants(r).await }).await.grants;
    let grant = grants.into_iter().find(|grant| grant.person == world.people[person].0).unwrap();
    let request = access::RevealDoorSecretRequest { name: grant.name };
    let revealed = insist(&DoorProviderServiceClient::new(channel), request, |mut c, r| async move {
        c.reveal_door_secret(r).await
    })
    .await;
    match revealed.secret {
        Some(Secret::Pin(pin)) => pin,
        Some(Secret::Link(_)) | None => panic!("no PIN"),
    }
}

/// A PIN that was typed, as the access log has it: by whom, whether it opened, and what the controller said.
type Typed = (String, bool, String);

/// What the access log has of PINs, each entry of the controller's once.
async fn typed(client: &Client, world: &World) -> Vec<Typed> {
    let parent = world.workspace.clone();
    let request = access::ListAccessLogRequest { parent, page_size: 500, ..Default::default() };
    let page =
        insist(&client.access_log, request, |mut c, r| async move { c.list_access_log(r).await }).await;
    let by_pin: Vec<_> = page.entries.into_iter().filter(|entry| entry.source() == Source::Pin).collect();
    let entries: BTreeSet<&str> = by_pin.iter().map(|entry| entry.event_ref.as_str()).collect();
    assert_eq!(entries.len(), by_pin.len(), "{by_pin:?}");
    let typed = |entry: access::AccessLogEntry| {
        let opened = entry.outcome() == State::Done;
        (entry.actor, opened, entry.detail)
    };
    by_pin.into_iter().map(typed).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_network_cut_a_pin_opens_within_the_booking_alone_and_the_log_comes_later_and_whole() {
    let mut stage = Stage::set(often()).await;
    let client = stage.client();
    let mut world = World::build(&stage, 0, 1).await;
    world.without_margins(&client).await;
    let relay = RelayDoor::put_up(&stage, &world).await;
    let (machine, door) = (relay.machine(), Door::from(relay.clone()));
    world.add_room_behind(&client, &[&door]).await;
    let (person, email) = world.people[0].clone();
    let window = Door::window(30, 15);
    let booking = world.create(&client, 0, 0, window, "offline").await;
    let request = pb::ConfirmBookingRequest { name: booking, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    door.knows(&email).await;
    let pin = pin(&stage, &client, &world, 0).await;
    eventually("the controller knows the PIN", LIMIT, async || match machine.enter(1, &pin).await {
        Err(reason) if reason == "PIN_NOT_NOW" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(SystemClock.now() < window.start(), "the machine is too slow for this story");

    machine.cut_off(true);
    let openings = Cell::new(0);
    let is_opened = || openings.set(openings.get() + 1);
    eventually("the PIN opens", LIMIT, async || machine.enter(1, &pin).await.map(|()| is_opened())).await;
    assert!(SystemClock.now() >= window.start() && machine.is_on(1));
    let other = if pin == "00000000" { "00000001" } else { "00000000" };
    assert_eq!(machine.enter(1, other).await, Err("PIN_WRONG".to_owned()));
    assert_eq!(machine.enter(2, &pin).await, Err("PIN_NOT_HERE".to_owned()), "nothing is booked there");
    eventually("the PIN does not open any more", LIMIT, async || match machine.enter(1, &pin).await {
        Ok(()) => {
            is_opened();
            Err("it opens".to_owned())
        }
        Err(reason) if reason == "PIN_NOT_NOW" => Ok(()),
        Err(reason) => panic!("{reason}"),
    })
    .await;
    assert!(SystemClock.now() >= window.end());
    assert!(!typed(&client, &world).await.iter().any(|(_, opened, _)| *opened), "nobody knows of it");

    machine.cut_off(false);
    let whole = async |wrong: usize| {
        let log = typed(&client, &world).await;
        let opened = log.iter().filter(|entry| **entry == (person.clone(), true, String::new())).count();
        let said = |reason: &str| log.iter().filter(|(_, opened, said)| !opened && said == reason).count();
        let is_whole = (opened, said("PIN_WRONG"), said("PIN_NOT_HERE")) == (openings.get(), wrong, 1);
        if is_whole && said("PIN_NOT_NOW") >= 2 {
            Ok(())
        } else {
            Err(format!("{} openings; {log:?}", openings.get()))
        }
    };
    eventually("the log has come, whole", LIMIT, async || whole(1).await).await;
    // What happens from now on comes as well, and nothing comes twice.
    assert_eq!(machine.enter(2, other).await, Err("PIN_WRONG".to_owned()));
    eventually("the next round", LIMIT, async || whole(2).await).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_controller_that_is_killed_while_a_door_is_held_locks_it_and_nothing_opens_it_again() {
    let mut stage = Stage::set(often()).await;
    let world = World::build(&stage, 0, 1).await;
    let relay = RelayDoor::put_up(&stage, &world).await;
    let admin = stage.doors_of(&world, 0, Role::Admin);
    let until = SystemClock.now() + Span::seconds(40);
    let request = access::HoldDoorOpenRequest {
        parent: world.workspace.clone(),
        door: Some(relay.address()),
        end_time: Some(timestamp(until)),
        ..Default::default()
    };
    let held = insist(&admin, request, |mut c, r| async move { c.hold_door_open(r).await }).await;
    assert_eq!(held.operation.unwrap().state(), State::Done);
    let machine = relay.machine();
    assert!(machine.is_on(1));
    machine.kill().await;
    assert!(!machine.is_on(1), "what systemd runs after the end");
    machine.start().await;
    eventually("the hold is over", LIMIT, async || {
        assert!(!machine.is_on(1), "the hold is taken up again");
        if relay.is_held().await { Err("it stands") } else { Ok(()) }
    })
    .await;
    assert!(SystemClock.now() >= until && !machine.is_on(1));
    stage.settle(LIMIT).await;
}
