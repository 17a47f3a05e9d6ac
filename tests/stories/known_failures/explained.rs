//! Of what others admit: that somebody stands before a shut door, and nobody knew or says why.

use std::time::Duration;

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::{Duration as Span, SubsecRound as _};
use domain::names::{PersonName, WorkspaceName};
use domain::{Clock as _, SystemClock, Timestamp, Window};
use proto::access::v1 as access;
use proto::access::v1::access_service_client::AccessServiceClient;
use proto::access::v1::explain_access_request::Where;
use proto::access::v1::{AccessDecision, AccessReason};
use proto::workspace::v1 as pb;
use reqwest::Method;
use sandbox::{Action, Fault, Vendor};
use serde_json::json;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::Door;
use stories::play::World;
use testkit::eventually;
use tonic::Request;

use crate::reconcile::ByHand;

const LIMIT: Duration = Duration::from_secs(120);

async fn confirm(client: &Client, booking: &str) {
    let request = pb::ConfirmBookingRequest { name: booking.to_owned(), request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
}

/// A booking whose check an hour ahead is still to come.
async fn book_ahead(client: &Client, world: &World, room: usize, person: usize) -> (String, Timestamp) {
    let start = SystemClock.now().trunc_subsecs(0) + Span::hours(1) + Span::seconds(30);
    let window = Window::new(start, start + Span::hours(1)).unwrap();
    let booking = world.create(client, room, person, window, &format!("ahead-{room}")).await;
    confirm(client, &booking).await;
    (booking, start)
}

fn about(world: &World, person: usize, room: usize, at: Option<Timestamp>) -> access::ExplainAccessRequest {
    access::ExplainAccessRequest {
        parent: world.workspace.clone(),
        person: world.people[person].0.clone(),
        r#where: Some(Where::Resource(world.rooms[room].clone())),
        time: at.map(timestamp),
    }
}

/// What the one door of a room does, and the code that decides.
async fn verdict(client: &Client, request: access::ExplainAccessRequest) -> (AccessDecision, AccessReason) {
    let answer = insist(&client.access, request, |mut c, r| async move { c.explain_access(r).await }).await;
    (answer.doors[0].decision(), answer.doors[0].reason())
}

/// Waits until the check ahead of a booking has found that something is not in order, and gives that.
async fn found_ahead(client: &Client, world: &World, booking: &str) -> access::PreflightFinding {
    let request = access::ListPreflightChecksRequest {
        parent: world.workspace.clone(),
        source: booking.to_owned(),
        only_failed: true,
        ..Default::default()
    };
    eventually("the check finds it", LIMIT, async || {
        let listed =
            insist(
                &client.access,
                request.clone(),
                |mut c, r| async move { c.list_preflight_checks(r).await },
            );
        let check = listed.await.checks.into_iter().next().ok_or("not yet")?;
        Ok::<_, &str>(check.findings[0].clone())
    })
    .await
}

/// Elsewhere (W3): "Kisi outage: no automatic substitute; manual grants needed".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outage_shuts_nobody_out_who_was_known_before_and_is_told_in_time_for_the_others() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 2, 2).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let [known, late] = [0, 1].map(|person| world.people[person].1.clone());
    let window = Door::window(20, 100);
    let booking = world.create(&client, 0, 0, window, "before the outage").await;
    confirm(&client, &booking).await;
    door.knows(&known).await;

    stage.sandbox.faults().add(Fault::on(Vendor::Kisi, Action::Outage)).unwrap();
    let (booking, start) = book_ahead(&client, &world, 1, 1).await;
    door.lets_in(&known).await;
    let found = found_ahead(&client, &world, &booking).await;
    assert_eq!((&found.person, found.reason()), (&world.people[1].0, AccessReason::ProviderUnreachable));
    let then = verdict(&client, about(&world, 1, 1, Some(start))).await;
    assert_eq!(then, (AccessDecision::MayNotEnter, AccessReason::ProviderUnreachable));

    stage.sandbox.faults().clear();
    door.knows(&late).await;
    stage.settle(LIMIT).await;
}

/// Elsewhere (W5): "members must accept Kisi's own invitation; unaccepted means locked out".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_no_invitation_to_accept_and_who_kisi_keeps_out_is_known_before_the_booking() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 2, 2).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let [ours, theirs] = [0, 1].map(|person| world.people[person].1.clone());
    let by_hand = ByHand::at(&stage, &world);
    let user = json!({ "user": { "email": theirs, "send_emails": false, "confirm": true } });
    let user = by_hand.call(Method::POST, "/users", user).await;
    let suspended = json!({ "user": { "access_enabled": false } });
    by_hand.call(Method::PATCH, &format!("/users/{}", user["id"]), suspended).await;

    let window = Door::window(20, 100);
    let booking = world.create(&client, 0, 0, window, "without an invitation").await;
    confirm(&client, &booking).await;
    let (booking, _) = book_ahead(&client, &world, 1, 1).await;
    door.lets_in(&ours).await;
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let made = kisi.users().into_iter().find(|user| user.record.email == ours).unwrap();
    assert!(made.managed && kisi.mails().is_empty(), "Kisi asks nothing of whom Latchkey brings");

    let found = found_ahead(&client, &world, &booking).await;
    assert_eq!((&found.person, found.reason()), (&world.people[1].0, AccessReason::ProviderRejects));
    assert!(found.detail.contains("suspended"), "{found:?}");
    let enabled = json!({ "user": { "access_enabled": true } });
    by_hand.call(Method::PATCH, &format!("/users/{}", user["id"]), enabled).await;
    door.knows(&theirs).await;
    stage.settle(LIMIT).await;
}

/// Elsewhere (W12): "automatic unlock of the nearest door fails with an error if the customer lacks that door".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn someone_at_a_door_that_is_not_theirs_is_told_why_and_gets_no_error() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 2, 2).await;
    let client = stage.client();
    world.without_margins(&client).await;
    let door = Door::of(&stage, &world);
    let window = Door::window(10, 3_600);
    for person in [0, 1] {
        let booking = world.create(&client, person, person, window, &person.to_string()).await;
        confirm(&client, &booking).await;
        if person == 1 {
            let request = pb::CancelBookingRequest { name: booking, ..Default::default() };
            insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
        }
    }
    door.lets_in(&world.people[0].1).await;
    // Each asks for themselves, as an app at the door would.
    let WorkspaceName(home) = world.workspace.parse().unwrap();
    let ask = async |person: usize| {
        let PersonName { id, .. } = world.people[person].0.parse().unwrap();
        let token = stage.token(&Principal::person(id.to_string(), home, Role::Member));
        let mut request = Request::new(about(&world, person, 0, None));
        request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        let channel = chassis::rpc::outside_channel(&stage.gateway()).unwrap();
        let answer = AccessServiceClient::new(channel).explain_access(request).await.unwrap().into_inner();
        (answer.doors[0].decision(), answer.doors[0].reason())
    };
    for (person, wanted) in [
        (0, (AccessDecision::MayEnter, AccessReason::ProviderHolds)),
        (1, (AccessDecision::MayNotEnter, AccessReason::EntitlementNone)),
    ] {
        eventually("the reason is known", LIMIT, async || {
            let verdict = ask(person).await;
            if verdict == wanted { Ok(()) } else { Err(format!("{verdict:?}")) }
        })
        .await;
    }
    assert!(!door.opens(&world.people[1].1).await, "and so it is");
    stage.settle(LIMIT).await;
}
