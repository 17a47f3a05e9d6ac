//! People who have a pass stand before the door.

use std::time::Duration;

use chrono::{Datelike as _, Days, Duration as Span, NaiveDate};
use chrono_tz::Tz;
use domain::{Clock as _, SystemClock, Timestamp, Window, zone};
use proto::access::v1 as access;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::Door;
use stories::play::World;

const LIMIT: Duration = Duration::from_secs(120);

/// A product at a location.
pub(crate) async fn sell(client: &Client, world: &World, location: &str, terms: pb::PassTerms) -> String {
    let request_id = format!("sell-{}-{}", terms.uses, terms.weekly_hours.is_some());
    let request = pb::CreatePassProductRequest {
        parent: world.workspace.clone(),
        pass_product: Some(pb::PassProduct {
            location: location.to_owned(),
            display_name: "Pass".into(),
            terms: Some(terms),
            ..Default::default()
        }),
        request_id,
    };
    insist(&client.passes, request, |mut c, r| async move { c.create_pass_product(r).await })
        .await
        .pass_product
        .unwrap()
        .name
}

/// Whoever has a pass of this product gets this door.
pub(crate) async fn map(
    client: &Client,
    world: &World,
    product: &str,
    location: &str,
    target: access::DoorTarget,
) {
    let request = access::CreateDoorMappingRequest {
        parent: world.workspace.clone(),
        request_id: format!("map-{}-{}", id(product), target.r#ref),
        door_mapping: Some(access::DoorMapping {
            subject: product.to_owned(),
            location: location.to_owned(),
            provider: "kisi".into(),
            target: Some(target),
            ..Default::default()
        }),
    };
    insist(&client.access, request, |mut c, r| async move { c.create_door_mapping(r).await }).await;
}

/// A pass for one of the people.
pub(crate) async fn issue(client: &Client, world: &World, product: &str, person: usize) -> String {
    let request = pb::IssuePassRequest {
        parent: world.workspace.clone(),
        product: product.to_owned(),
        person: world.people[person].0.clone(),
        start_date: String::new(),
        request_id: format!("issue-{}-{person}", id(product)),
    };
    insist(&client.passes, request, |mut c, r| async move { c.issue_pass(r).await }).await.pass.unwrap().name
}

/// The last part of a name.
fn id(name: &str) -> &str {
    name.rsplit('/').next().unwrap()
}

async fn use_for(client: &Client, pass: &str, day: NaiveDate) -> pb::Pass {
    let request =
        pb::UsePassRequest { name: pass.to_owned(), date: day.to_string(), request_id: format!("use-{day}") };
    insist(&client.passes, request, |mut c, r| async move { c.use_pass(r).await }).await.pass.unwrap()
}

pub(crate) async fn take_back(client: &Client, pass: &str) {
    let request =
        pb::CancelPassRequest { name: pass.to_owned(), request_id: "refund".into(), ..Default::default() };
    insist(&client.passes, request, |mut c, r| async move { c.cancel_pass(r).await }).await;
}

/// A location by whose clocks it is another day than by those of most people.
async fn far_away(client: &Client, world: &World) -> (String, Tz) {
    let zone = Tz::Pacific__Kiritimati;
    let request = pb::CreateLocationRequest {
        parent: world.workspace.clone(),
        location: Some(pb::Location {
            display_name: "Christmas".into(),
            time_zone: zone.name().into(),
            country: "KI".into(),
            ..Default::default()
        }),
        request_id: "far away".into(),
    };
    let made = insist(&client.places, request, |mut c, r| async move { c.create_location(r).await }).await;
    (made.location.unwrap().name, zone)
}

/// Whether the door opens to someone who will tap at that time: by Kisi alone, for it holds the window.
async fn opens_at(stage: &Stage, door: &Door, email: &str, time: Timestamp) -> bool {
    let clock = stage.sandbox.clock();
    clock.set(time);
    let opens = door.opens(email).await;
    clock.set_offset(Span::zero());
    opens
}

/// Taps before, at the beginning, at the end of, and after what will be open.
async fn assert_open_during(stage: &Stage, door: &Door, email: &str, window: Window) {
    let second = Span::seconds(1);
    for (time, is_open) in [
        (window.start() - second, false),
        (window.start(), true),
        (window.end() - second, true),
        (window.end(), false),
    ] {
        assert_eq!(opens_at(stage, door, email, time).await, is_open, "at {time}, of {window:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_pass_opens_on_the_local_days_that_it_is_used_for_and_never_else() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let (location, zone) = far_away(&client, &world).await;
    let terms =
        pb::PassTerms { kind: pb::PassKind::Day.into(), uses: 2, validity_days: 7, weekly_hours: None };
    let product = sell(&client, &world, &location, terms).await;
    map(&client, &world, &product, &location, world.target()).await;
    let pass = issue(&client, &world, &product, 0).await;
    let email = &world.people[0].1;
    stage.settle(LIMIT).await;
    assert!(!door.opens(email).await, "no day was chosen");

    // By its clocks; if midnight comes while this story is told, a day more does no harm.
    let today = SystemClock.now().with_timezone(&zone).date_naive();
    let tomorrow = today + Days::new(1);
    use_for(&client, &pass, tomorrow).await;
    door.knows(email).await;
    assert_open_during(&stage, &door, email, zone::day(zone, tomorrow).unwrap()).await;
    let used_up = use_for(&client, &pass, today).await;
    assert_eq!(used_up.state(), pb::PassState::UsedUp);
    door.lets_in(email).await;
    let request = pb::UsePassRequest {
        name: pass.clone(),
        date: (today + Days::new(3)).to_string(),
        ..Default::default()
    };
    let refused = client.passes.clone().use_pass(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    let last = zone::day(zone, tomorrow).unwrap().end() - Span::seconds(1);
    assert!(opens_at(&stage, &door, email, last).await, "both days");
    assert!(!opens_at(&stage, &door, email, last + Span::seconds(1)).await, "and none after");
    take_back(&client, &pass).await;
    door.keeps_out(email).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_pass_opens_at_its_hours_of_the_week_until_it_is_taken_back_but_to_nobody_who_is_paused() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 0, 2).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let (location, zone) = far_away(&client, &world).await;
    let tomorrow = SystemClock.now().with_timezone(&zone).date_naive() + Days::new(1);
    let days_from_sunday = i32::try_from(tomorrow.weekday().num_days_from_monday()).unwrap() + 1;
    let morning = pb::WeeklyInterval { day: days_from_sunday, start_minute: 8 * 60, end_minute: 12 * 60 };
    let whenever =
        pb::PassTerms { kind: pb::PassKind::Time.into(), uses: 0, validity_days: 3, weekly_hours: None };
    let mornings = pb::PassTerms {
        weekly_hours: Some(pb::WeeklyHours { intervals: vec![morning] }),
        ..whenever.clone()
    };
    let [(person, whenevers), (_, early)] = [0, 1].map(|number| world.people[number].clone());
    let product = sell(&client, &world, &location, mornings).await;
    map(&client, &world, &product, &location, world.target()).await;
    issue(&client, &world, &product, 1).await;
    let product = sell(&client, &world, &location, whenever).await;
    map(&client, &world, &product, &location, world.target()).await;
    assert!(!door.opens(&whenevers).await, "they have no pass yet");
    let pass = issue(&client, &world, &product, 0).await;

    door.lets_in(&whenevers).await;
    door.knows(&early).await;
    let midnight = zone::midnight(zone, tomorrow);
    let open = Window::new(midnight + Span::hours(8), midnight + Span::hours(12)).unwrap();
    assert_open_during(&stage, &door, &early, open).await;
    let request = pb::PausePersonRequest { name: person.clone(), request_id: "pause".into() };
    insist(&client.people, request, |mut c, r| async move { c.pause_person(r).await }).await;
    door.keeps_out(&whenevers).await;
    let request = pb::UnpausePersonRequest { name: person, request_id: "unpause".into() };
    insist(&client.people, request, |mut c, r| async move { c.unpause_person(r).await }).await;
    door.lets_in(&whenevers).await;
    let last_day = zone::day(zone, tomorrow + Days::new(1)).unwrap();
    assert!(opens_at(&stage, &door, &whenevers, last_day.end() - Span::seconds(1)).await);
    assert!(!opens_at(&stage, &door, &whenevers, last_day.end()).await, "it has expired");
    take_back(&client, &pass).await;
    door.keeps_out(&whenevers).await;
    stage.settle(LIMIT).await;
}
