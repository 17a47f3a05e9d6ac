//! Of what others admit: that the provider has something else than it should, and nobody knows.

use std::time::Duration;

use chrono::Duration as Span;
use domain::{Clock as _, SystemClock, Window};
use proto::access::v1 as access;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;
use reqwest::Method;
use sandbox::kisi::{Organization, Tap};
use sandbox::{Action, Fault, Phase, Vendor};
use serde_json::json;
use stories::Stage;
use stories::client::{Client, insist};
use stories::door::Door;
use stories::play::World;
use stories::stage::Setting;
use testkit::eventually;

use crate::reconcile::{ByHand, drifts};

const LIMIT: Duration = Duration::from_secs(120);

/// A turn comes by itself each minute or so.
const TURN: Duration = Duration::from_secs(240);

fn each_minute() -> Setting {
    let every = ("LATCHKEY_RECONCILER__EVERY_MINUTES", "1".to_owned());
    Setting { environment: vec![every], ..Setting::default() }
}

/// A window that holds now, its 15 minutes before included.
fn now_on() -> Window {
    let start = SystemClock.now() + Span::minutes(10);
    Window::new(start, start + Span::minutes(50)).unwrap()
}

async fn book(client: &Client, world: &World, room: usize) -> String {
    let name = world.create(client, room, 0, now_on(), &format!("room {room}")).await;
    let request = pb::ConfirmBookingRequest { name: name.clone(), request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    name
}

async fn integration(client: &Client, world: &World) -> integrations::Integration {
    let request =
        integrations::ListIntegrationsRequest { parent: world.workspace.clone(), ..Default::default() };
    let listed =
        insist(&client.integrations, request, |mut c, r| async move { c.list_integrations(r).await });
    listed.await.integrations.remove(0)
}

async fn opens(kisi: &std::sync::Arc<Organization>, email: &str, lock: i64, wanted: bool, limit: Duration) {
    eventually(if wanted { "the door opens" } else { "the door is shut" }, limit, async || {
        let answer = kisi.tap(&Tap::of(email, lock)).unwrap();
        if answer.opens == wanted { Ok(()) } else { Err(format!("{answer:?}")) }
    })
    .await;
}

/// Elsewhere (W4): "keys made by a mere admin may lack rights; a failing test points to that".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_lacks_rights_says_so_as_the_integrations_status() {
    let mut stage = Stage::set(Setting::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let (email, lock) = (world.people[0].1.clone(), kisi.locks()[0].id);
    let by_hand = ByHand::at(&stage, &world);
    let admin = "admin@demo.example";
    let user = json!({ "user": { "email": admin, "send_emails": false, "confirm": true } });
    by_hand.call(Method::POST, "/users", user).await;
    let key = kisi.create_api_key(admin, false).unwrap().secret;
    let says_what_it_lacks = |integration: &integrations::Integration| {
        let reason = &integration.status_reason;
        integration.status() == integrations::IntegrationStatus::Failing
            && reason.contains("may not do what is needed")
            && reason.contains("owner")
    };
    // May do nothing at all: the check says so.
    world.connect_kisi(&client, &key, "a key without rights").await;
    let checked = integration(&client, &world).await;
    assert!(says_what_it_lacks(&checked), "{checked:?}");

    // May read all, and change nothing: the first command says so.
    kisi.set_role(admin, Some("organization_observer")).unwrap();
    world.connect_kisi(&client, &key, "a key that reads").await;
    let checked = integration(&client, &world).await;
    assert_eq!(checked.status(), integrations::IntegrationStatus::Connected, "{checked:?}");
    book(&client, &world, 0).await;
    eventually("the integration says what the key lacks", LIMIT, async || {
        let integration = integration(&client, &world).await;
        if says_what_it_lacks(&integration) { Ok(()) } else { Err(format!("{integration:?}")) }
    })
    .await;
    eventually("so does the grant", LIMIT, async || {
        let request = access::ListGrantsRequest { parent: world.workspace.clone(), ..Default::default() };
        let grants =
            insist(&client.access, request, |mut c, r| async move { c.list_grants(r).await }).await.grants;
        let says = |grant: &access::Grant| grant.last_error.contains("may not do what is needed");
        if grants.iter().any(says) { Ok(()) } else { Err(format!("{grants:?}")) }
    })
    .await;

    kisi.set_role(admin, Some("organization_administrator")).unwrap();
    world.connect_kisi(&client, &key, "a key with rights").await;
    opens(&kisi, &email, lock, true, LIMIT).await;
    stage.settle(LIMIT).await;
}

/// Elsewhere (W16): "revoked cards sometimes do not reach the access system".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_did_not_reach_the_provider_is_found_and_carried_out() {
    let mut stage = Stage::set(each_minute()).await;
    let mut world = World::build(&stage, 0, 1).await;
    let client = stage.client();
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let (email, lock) = (world.people[0].1.clone(), kisi.locks()[0].id);
    world.add_room_behind(&client, &[&Door::of(&stage, &world)]).await;
    let booking = book(&client, &world, 0).await;
    opens(&kisi, &email, lock, true, LIMIT).await;
    stage.settle(LIMIT).await;

    // Kisi says that it is gone, and keeps it.
    let nothing = Action::Status {
        code: 204,
        body: None,
        content_type: None,
        retry_after: None,
        phase: Phase::BeforeEffect,
    };
    let unheard = Fault::on(Vendor::Kisi, nothing).request("DELETE", "/role_assignments/").times(1);
    stage.sandbox.faults().add(unheard).unwrap();
    let request = pb::CancelBookingRequest { name: booking, request_id: String::new(), ..Default::default() };
    insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
    eventually("the ledger takes it for gone", LIMIT, async || {
        let request = access::ListGrantsRequest { parent: world.workspace.clone(), ..Default::default() };
        let grants =
            insist(&client.access, request, |mut c, r| async move { c.list_grants(r).await }).await.grants;
        let is_gone =
            |grant: &access::Grant| grant.state() == access::GrantState::Settled && grant.observed.is_none();
        if grants.iter().all(is_gone) { Ok(()) } else { Err(format!("{grants:?}")) }
    })
    .await;
    assert!(kisi.tap(&Tap::of(&email, lock)).unwrap().opens, "it did not reach Kisi");
    opens(&kisi, &email, lock, false, TURN).await;
    eventually("it was told", TURN, async || {
        let found = drifts(&client, &world).await;
        let is_it = |drift: &access::Drift| drift.kind() == access::DriftKind::Unwanted;
        if found.iter().any(is_it) { Ok(()) } else { Err(format!("{found:?}")) }
    })
    .await;
    stage.settle(LIMIT).await;
}

/// Elsewhere (W18): "permissions can go stale, hence a manual 'sync now' for safety".
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_that_went_stale_are_put_right_without_anyones_doing() {
    let mut stage = Stage::set(each_minute()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let (email, lock) = (world.people[0].1.clone(), kisi.locks()[0].id);
    book(&client, &world, 0).await;
    opens(&kisi, &email, lock, true, LIMIT).await;
    stage.settle(LIMIT).await;
    let by_hand = ByHand::at(&stage, &world);
    let given = kisi.access_windows_of(&email, lock).remove(0);
    // One after the other: each is put right by a turn of its own.
    let at = |hours| SystemClock.now() + Span::hours(hours);
    let moved = json!({ "role_assignment": { "valid_from": at(2), "valid_until": at(3) } });
    let suspended = json!({ "user": { "access_enabled": false } });
    for (path, change) in [
        (format!("/role_assignments/{}", given.role_assignment_id), moved),
        (format!("/users/{}", given.user_id), suspended),
    ] {
        by_hand.call(Method::PATCH, &path, change).await;
        assert!(!kisi.tap(&Tap::of(&email, lock)).unwrap().opens, "{path}");
        opens(&kisi, &email, lock, true, TURN).await;
        stage.settle(LIMIT).await;
    }
    let found = drifts(&client, &world).await;
    assert!(found.iter().all(|drift| drift.kind() != access::DriftKind::Foreign), "{found:?}");
    assert!(found.len() >= 2, "each was told: {found:?}");
}
