//! What others admit to doing badly, and what happens here. Each story is named after one such failure.

mod at_the_provider;
mod explained;

use std::time::Duration;

use futures::future::join_all;
use proto::workspace::v1 as pb;
use sandbox::kisi::{NewGroup, NewOrganization, NewPlace};
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::{Door, System};
use stories::play::{Account, World};
use stories::stage::SERVICES;

use crate::passes;

const LIMIT: Duration = Duration::from_secs(120);

async fn confirm(client: &Client, booking: &str, key: &str) {
    let request = pb::ConfirmBookingRequest { name: booking.to_owned(), request_id: key.to_owned() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
}

async fn fail(client: &Client, booking: &str) {
    let request = pb::FailBookingRequest {
        name: booking.to_owned(),
        reason: "the card was refused".into(),
        request_id: format!("fail-{booking}"),
    };
    insist(&client.bookings, request, |mut c, r| async move { c.fail_booking(r).await }).await;
}

/// Elsewhere (W1): "a booking paid after it was first confirmed may get no door access".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_is_paid_after_its_first_confirmation_gets_its_access() {
    let mut stage = Stage::set(Default::default()).await;
    join_all(System::ALL.map(|system| four_pay_when_they_like(&stage, system))).await;
    stage.settle(LIMIT).await;
}

async fn four_pay_when_they_like(stage: &Stage, system: System) {
    let (world, door) = system.world(stage, 4, 4).await;
    let client = stage.client();
    let window = Door::window(25, 20);
    let mut bookings = Vec::new();
    for number in 0..4 {
        bookings.push(world.create(&client, number, number, window, &number.to_string()).await);
    }
    let [once, twice, late, unpaid] = <[String; 4]>::try_from(bookings).unwrap();
    // Paid first: the payment confirms it.
    confirm(&client, &once, "paid").await;
    // Confirmed by staff, and by its payment afterwards, or the other way round.
    confirm(&client, &twice, "by staff").await;
    confirm(&client, &twice, "paid afterwards").await;
    // It failed before the payment came.
    fail(&client, &late).await;
    confirm(&client, &late, "paid late").await;
    // Confirmed by staff, not paid in time, and its access is gone; then it is paid all the same.
    confirm(&client, &unpaid, "before it is paid").await;
    let email = &world.people[3].1;
    door.knows(email).await;
    fail(&client, &unpaid).await;
    door.forgets(email).await;
    confirm(&client, &unpaid, "paid after all").await;
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|number| world.people[number].1.as_str());
    tokio::join!(
        door.obeys(first, window),
        door.obeys(second, window),
        door.obeys(third, window),
        door.obeys(fourth, window)
    );
}

/// Elsewhere (W2): "revocation may not happen at booking end; advice is to look in Kisi and revoke by hand".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_ends_at_the_bookings_end_even_if_nobody_revokes_it() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let window = Door::window(10, 8);
    let booking = world.create(&client, 0, 0, window, "0").await;
    confirm(&client, &booking, "confirm").await;
    let email = &world.people[0].1;
    door.knows(email).await;
    // Nothing of Latchkey runs any more.
    for service in SERVICES {
        stage.kill(service).await;
    }
    door.obeys(email, window).await;
    // Up again, it tidies away what has ended.
    for service in SERVICES {
        stage.start(service).await;
    }
    door.forgets(email).await;
    stage.settle(LIMIT).await;
}

/// Elsewhere (W10): passes open what is in groups of one vendor alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pass_opens_single_locks_as_well_as_groups() {
    let mut stage = Stage::set(Default::default()).await;
    let place = NewPlace {
        name: "Story".to_owned(),
        locks: vec!["Entrance".to_owned(), "Lab".to_owned(), "Vault".to_owned()],
        groups: vec![NewGroup { name: "Members".to_owned(), locks: vec!["Entrance".to_owned()] }],
        ..Default::default()
    };
    let organization =
        NewOrganization { name: "Story".to_owned(), places: vec![place], ..Default::default() };
    let made = stage.sandbox.kisi().create_organization(organization).unwrap();
    let kisi = Account {
        organization: made.id,
        group: made.places[0].groups[0].id,
        key: made.api_key.secret.clone(),
    };
    let client = stage.client();
    let world = World::build_one(&client, "", &kisi, 0, 1).await;
    let email = &world.people[0].1;
    let [entrance, lab, vault] = ["Entrance", "Lab", "Vault"].map(|name| Door::called(&stage, &world, name));
    let terms =
        pb::PassTerms { kind: pb::PassKind::Time.into(), uses: 0, validity_days: 1, weekly_hours: None };
    let product = passes::sell(&client, &world, &world.location, terms).await;
    for target in [world.target(), lab.target()] {
        passes::map(&client, &world, &product, &world.location, target).await;
    }
    assert!(!entrance.opens(email).await && !lab.opens(email).await, "before");
    let pass = passes::issue(&client, &world, &product, 0).await;
    entrance.lets_in(email).await;
    lab.lets_in(email).await;
    assert!(!vault.opens(email).await, "what the product is not mapped to stays shut");
    passes::take_back(&client, &pass).await;
    entrance.keeps_out(email).await;
    lab.keeps_out(email).await;
    stage.settle(LIMIT).await;
}
