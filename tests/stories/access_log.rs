//! What people do at doors, with cards and PINs, stands in the access log.

use std::collections::BTreeMap;
use std::time::Duration;

use access_control::access_log::Chain;
use proto::access::v1 as pb;
use proto::access::v1::AccessLogSource as Source;
use proto::access::v1::DoorOperationState as State;
use proto::workspace::v1 as workspace_pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{CONSOLE_DOOR as DOOR, Door};
use stories::play::World;
use stories::stage::Setting;
use testkit::eventually;

use crate::unifi::{build, told_pin};

const LIMIT: Duration = Duration::from_secs(120);

/// Logs are read every two seconds.
fn often() -> Setting {
    Setting { environment: vec![("LATCHKEY_LOG__EVERY_SECONDS", "2".to_owned())], ..Setting::default() }
}

/// The whole log, oldest first. Its chain holds.
async fn whole(client: &Client, world: &World) -> Vec<pb::AccessLogEntry> {
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    loop {
        let parent = world.workspace.clone();
        let request = pb::ListAccessLogRequest { parent, page_token, ..Default::default() };
        let page =
            insist(&client.access_log, request, |mut c, r| async move { c.list_access_log(r).await }).await;
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    entries.reverse();
    let mut chain = Chain::default();
    for entry in &entries {
        assert_eq!(chain.follow(entry), Ok(()), "{entry:?}");
    }
    entries
}

/// What there should be of an event of a provider's.
type Wanted = BTreeMap<String, (Option<String>, Source, bool)>;

/// By the providers' ids of events: who, by what, whether it opened.
fn happened(stage: &Stage, world: &World) -> Wanted {
    let (person, email) = &world.people[0];
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let taps = kisi.events().into_iter().filter(|event| event.r#type == "lock.unlock").map(|event| {
        let who = (event.actor_email.as_ref() == Some(email)).then(|| person.clone());
        // Kisi does not say by what a stranger tried.
        let source = if event.authenticated_by_type.is_some() { Source::Card } else { Source::Provider };
        (event.uuid, (who, source, event.success))
    });
    let visits = stage.sandbox.unifi().logs().into_iter().map(|entry| {
        let who = entry.is_open.then(|| person.clone());
        (entry.id, (who, Source::Pin, entry.is_open))
    });
    taps.chain(visits).collect()
}

/// Waits until as much is in the log as has happened. Gives both.
async fn all_in_log(stage: &Stage, client: &Client, world: &World) -> (Vec<pb::AccessLogEntry>, Wanted) {
    let wanted = happened(stage, world);
    let entries = eventually("all is in the log", LIMIT, async || {
        let entries = whole(client, world).await;
        if entries.len() == wanted.len() { Ok(entries) } else { Err(entries.len()) }
    })
    .await;
    (entries, wanted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_tap_and_pin_is_in_the_log_once_with_who_it_was_whoever_is_killed() {
    let mut stage = Stage::set(often()).await;
    let (world, _) = build(&stage, 1, 1).await;
    let (client, door) = (stage.client(), Door::of(&stage, &world));
    let (email, window) = (world.people[0].1.clone(), Door::window(600, 3_000));
    let name = world.create(&client, 0, 0, window, "now").await;
    let request = workspace_pb::ConfirmBookingRequest { name, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    door.lets_in(&email).await;
    let console = stage.sandbox.unifi().clone();
    let pin = told_pin(&stage, &email).await;
    let wrong: String = pin.chars().map(|digit| if digit == '9' { '0' } else { '9' }).collect();

    for service in ["access-control", "kisi-adapter", "unifi-adapter", "access-control"] {
        assert!(door.opens(&email).await && door.opens(&email).await, "twice at once");
        assert!(!door.opens("stranger@example.org").await);
        assert!(console.present_pin(DOOR, &pin));
        assert!(!console.present_pin(DOOR, &wrong));
        tokio::time::sleep(Duration::from_millis(rand::random_range(50..2_500))).await;
        stage.kill(service).await;
        door.opens(&email).await;
        console.present_pin(DOOR, &pin);
        stage.start(service).await;
    }

    assert!(happened(&stage, &world).len() >= 4 * 7);
    all_in_log(&stage, &client, &world).await;
    // A later reading has all of it once more.
    assert!(door.opens(&email).await && console.present_pin(DOOR, &pin));
    let (entries, wanted) = all_in_log(&stage, &client, &world).await;
    let found: Wanted = entries
        .iter()
        .map(|entry| {
            let who = Some(entry.actor.clone()).filter(|actor| !actor.is_empty());
            (entry.event_ref.clone(), (who, entry.source(), entry.outcome() == State::Done))
        })
        .collect();
    assert_eq!(found.len(), entries.len());
    assert_eq!(found, wanted);
    let is_there = |entry: &pb::AccessLogEntry| entry.door.as_ref().unwrap().location == world.location;
    assert!(entries.iter().all(is_there), "mappings say where the doors are");
    stage.settle(LIMIT).await;
}
