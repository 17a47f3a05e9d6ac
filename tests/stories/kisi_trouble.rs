//! Kisi does all that a vendor can do wrong.

use std::time::Duration;

use chrono::Duration as Span;
use domain::{Clock as _, SystemClock, Window};
use proto::access::v1 as access;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;
use sandbox::kisi::{DuplicateAssignments, Refusal, Switches, Tap};
use sandbox::{Action, Fault, Phase, Vendor};
use stories::Stage;
use stories::checks::{doors_are_right, messages_are_right};
use stories::client::insist;
use stories::play::{Expected, World};
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

async fn book_all(stage: &Stage, world: &World, bookings: usize) -> Vec<Expected> {
    let client = stage.client();
    let mut done = Vec::with_capacity(bookings);
    for number in 0..bookings {
        done.push(world.book(&client, number).await);
    }
    done
}

async fn everything_is_right(mut stage: Stage, world: &World, bookings: &[Expected]) {
    doors_are_right(&stage, world, bookings, LIMIT).await;
    messages_are_right(&stage, bookings, LIMIT).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_that_was_pushed_before_an_outage_opens_the_door_during_it() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    // Its access window, 15 minutes wider, begins in 4 seconds.
    let start = SystemClock.now() + Span::minutes(15) + Span::seconds(4);
    let window = Window::new(start, start + Span::minutes(30)).unwrap();
    let name = world.create(&client, 0, 0, window, "pushed").await;
    let request = pb::ConfirmBookingRequest { name, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let (email, lock) = (world.people[0].1.clone(), kisi.locks()[0].id);
    eventually("the access is pushed", LIMIT, async || {
        if kisi.access_windows_of(&email, lock).is_empty() { Err("not yet") } else { Ok(()) }
    })
    .await;
    stage.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::Outage)).unwrap();
    let opens = |tap: &Tap| kisi.tap(tap).unwrap().opens;
    assert!(!opens(&Tap::of(&email, lock)), "the door opened too early");
    eventually("the door opens at the start, with Kisi's API away", LIMIT, async || {
        if opens(&Tap::of(&email, lock)) { Ok(()) } else { Err("shut") }
    })
    .await;
    stage.sandbox.faults().clear();
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bursts_of_429_and_500_and_lost_answers_change_nothing_in_the_end() {
    let stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 3, 12).await;
    let on = |action| Fault::on(Vendor::Kisi, action);
    let too_many = Action::Status {
        code: 429,
        body: None,
        content_type: None,
        retry_after: Some(1),
        phase: Phase::BeforeEffect,
    };
    for fault in [
        on(too_many).every(7),
        on(Action::status(500)).every(5),
        on(Action::DropAfterEffect).request("POST", ".*").every(4),
        on(Action::DropBeforeEffect).every(11),
    ] {
        stage.sandbox.faults().add(fault.times(40)).unwrap();
    }
    let bookings = book_all(&stage, &world, 48).await;
    everything_is_right(stage, &world, &bookings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_over_all_bookings_is_made_good() {
    let stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 3, 12).await;
    stage.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::Outage)).unwrap();
    let bookings = book_all(&stage, &world, 36).await;
    messages_are_right(&stage, &bookings, LIMIT).await;
    stage.sandbox.faults().clear();
    everything_is_right(stage, &world, &bookings).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_assignment_that_is_refused_by_409_or_422_is_replaced() {
    for refusal in [Refusal::Conflict, Refusal::Unprocessable] {
        let stage = Stage::set(Default::default()).await;
        let world = World::build(&stage, 3, 6).await;
        let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
        let strict = DuplicateAssignments::Strict;
        let switches = Switches { duplicate_assignments: strict, strict_refusal: refusal, ..kisi.switches() };
        kisi.set_switches(switches);
        let bookings = book_all(&stage, &world, 30).await;
        everything_is_right(stage, &world, &bookings).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_shows_as_the_integrations_status_and_bookings_go_on() {
    let stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 2, 12).await;
    let client = stage.client();
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let mut bookings = Vec::new();
    for number in 0..4 {
        bookings.push(world.book(&client, number).await);
    }
    doors_are_right(&stage, &world, &bookings, LIMIT).await;

    kisi.revoke_login(&world.kisi.key).unwrap();
    for number in 4..10 {
        bookings.push(world.book(&client, number).await);
    }
    messages_are_right(&stage, &bookings, LIMIT).await;
    let status = async || {
        let request =
            integrations::ListIntegrationsRequest { parent: world.workspace.clone(), ..Default::default() };
        let answer =
            insist(&client.integrations, request, |mut c, r| async move { c.list_integrations(r).await })
                .await;
        answer.integrations[0].clone()
    };
    eventually("the integration is shown as failing", LIMIT, async || {
        let integration = status().await;
        let is_failing = integration.status() == integrations::IntegrationStatus::Failing;
        if is_failing && !integration.status_reason.is_empty() {
            Ok(())
        } else {
            Err(format!("{integration:?}"))
        }
    })
    .await;
    eventually("the grants say what is wrong", LIMIT, async || {
        let request = access::ListGrantsRequest { parent: world.workspace.clone(), ..Default::default() };
        let grants =
            insist(&client.access, request, |mut c, r| async move { c.list_grants(r).await }).await.grants;
        if grants.iter().any(|grant| !grant.last_error.is_empty()) {
            Ok(())
        } else {
            Err(format!("{grants:?}"))
        }
    })
    .await;

    let owner =
        kisi.users().into_iter().find(|user| user.record.email.starts_with("owner")).unwrap().record.email;
    let key = kisi.create_api_key(&owner, false).unwrap().secret;
    world.connect_kisi(&client, &key, "connect again").await;
    everything_is_right(stage, &world, &bookings).await;
}
