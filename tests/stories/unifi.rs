//! A workspace whose rooms open by Kisi and by a UniFi console at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::input::timestamp;
use chrono::Duration as Span;
use domain::{Clock as _, SystemClock, Timestamp, Window};
use proto::access::v1 as access;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;
use sandbox::kisi::Tap;
use sandbox::{Action, CONFIG_DEFAULTS, Fault, ProcessConfig, Sandbox, Vendor};
use stories::Stage;
use stories::checks::{doors_are_right, wanted_access};
use stories::client::{Client, insist};
use stories::play::World;
use testkit::eventually;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(120);

/// The console's door, in the sandbox's default world.
pub(crate) const DOOR: &str = "room-1";
/// The console's token there.
const TOKEN: &str = "demo-unifi-token";

/// Connects the console, and has it open all rooms as well.
pub(crate) async fn add_console(stage: &Stage, client: &Client, world: &World) {
    let address = stage.sandbox.unifi().open(([127, 0, 0, 1], 0).into()).await.unwrap();
    let values = [
        ("host", "127.0.0.1".to_owned()),
        ("port", address.port().to_string()),
        ("api_key", TOKEN.to_owned()),
    ];
    let request = integrations::ConnectIntegrationRequest {
        parent: world.workspace.clone(),
        provider: "unifi".into(),
        location: String::new(),
        credentials: values.map(|(name, value)| (name.to_owned(), value)).into(),
        request_id: "connect-unifi".into(),
    };
    insist(&client.integrations, request, |mut c, r| async move { c.connect_integration(r).await }).await;
    for (number, room) in world.rooms.iter().enumerate() {
        let request = access::CreateDoorMappingRequest {
            parent: world.workspace.clone(),
            door_mapping: Some(access::DoorMapping {
                resource: room.clone(),
                location: world.location.clone(),
                provider: "unifi".into(),
                target: Some(access::DoorTarget {
                    kind: access::DoorTargetKind::Lock.into(),
                    r#ref: DOOR.into(),
                    display_name: "Room 1".into(),
                }),
                ..Default::default()
            }),
            request_id: format!("mapping-unifi-{number}"),
        };
        insist(&client.access, request, |mut c, r| async move { c.create_door_mapping(r).await }).await;
    }
}

/// Whom the console lets in, by email. More than one visitor of a person is a fault.
fn access_at_console(stage: &Stage) -> Result<BTreeMap<String, (Timestamp, Timestamp)>, String> {
    let mut found = BTreeMap::new();
    for visit in stage.sandbox.unifi().access_windows(DOOR) {
        let window = (visit.window.start(), visit.window.end());
        if found.insert(visit.email.clone(), window).is_some() {
            return Err(format!("{} is there twice", visit.email));
        }
    }
    Ok(found)
}

/// Fifty minutes, whose access window, 15 minutes wider, has begun.
pub(crate) fn soon() -> Window {
    let now = Timestamp::from_timestamp(SystemClock.now().timestamp(), 0).unwrap();
    Window::new(now + Span::minutes(10), now + Span::minutes(60)).unwrap()
}

/// What the console should have of one booking.
fn at_console(email: &str, window: Window) -> BTreeMap<String, (Timestamp, Timestamp)> {
    let window = window.widened(Span::minutes(15), Span::minutes(15));
    BTreeMap::from([(email.to_owned(), (window.start(), window.end()))])
}

async fn console_has(stage: &Stage, wanted: &BTreeMap<String, (Timestamp, Timestamp)>) {
    eventually("the console has exactly what it should", LIMIT, async || {
        let found = access_at_console(stage)?;
        if found == *wanted { Ok(()) } else { Err(format!("{found:?} in place of {wanted:?}")) }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_booking_opens_a_kisi_door_and_a_unifi_door_and_shuts_both() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    add_console(&stage, &client, &world).await;
    let (kisi, console) =
        (stage.sandbox.kisi().organization(world.kisi.organization).unwrap(), stage.sandbox.unifi().clone());
    let (email, lock) = (world.people[0].1.clone(), kisi.locks()[0].id);
    let opens_at_kisi = || kisi.tap(&Tap::of(&email, lock)).unwrap().opens;
    let window = soon();
    let name = world.create(&client, 0, 0, window, "now").await;
    let request = pb::ConfirmBookingRequest { name: name.clone(), request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let wanted = |window| at_console(&email, window);
    console_has(&stage, &wanted(window)).await;
    eventually("Kisi's door opens", LIMIT, async || if opens_at_kisi() { Ok(()) } else { Err("shut") }).await;

    // The visitor gets a PIN from the operator.
    let visitor = console.access_windows(DOOR)[0].visitor_id.clone();
    give_pin(&stage, &visitor, "01234567").await;
    assert!(console.present_pin(DOOR, "01234567"));
    assert!(!console.present_pin("front-door", "01234567"), "no booking is for that one");

    let later = Window::new(window.start() + Span::hours(2), window.end() + Span::hours(2)).unwrap();
    let request = pb::RescheduleBookingRequest {
        name: name.clone(),
        start_time: Some(timestamp(later.start())),
        end_time: Some(timestamp(later.end())),
        request_id: "move".into(),
    };
    insist(&client.bookings, request, |mut c, r| async move { c.reschedule_booking(r).await }).await;
    console_has(&stage, &wanted(later)).await;
    assert!(!console.present_pin(DOOR, "01234567"), "not yet");
    let moved = &console.access_windows(DOOR)[0];
    assert_eq!((&moved.visitor_id, moved.pin.as_deref()), (&visitor, Some("01234567")), "the same visitor");

    let request = pb::CancelBookingRequest { name, reason: String::new(), request_id: "cancel".into() };
    insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
    console_has(&stage, &BTreeMap::new()).await;
    eventually("Kisi's door is shut", LIMIT, async || if opens_at_kisi() { Err("open") } else { Ok(()) })
        .await;
    stage.settle(LIMIT).await;
}

/// The operator's page.
pub(crate) async fn give_pin(stage: &Stage, visitor: &str, pin: &str) {
    let url = format!("{}/unifi/api/v1/developer/visitors/{visitor}/pin_codes", stage.sandbox_url());
    let http = reqwest::Client::builder().build().unwrap();
    let body = serde_json::json!({ "pin_code": pin }).to_string();
    let answer = http.put(url).bearer_auth(TOKEN).body(body).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("SUCCESS"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_bookings_are_right_at_both_while_the_adapter_dies_and_the_console_loses_answers() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 2, 8).await;
    let client = stage.client();
    add_console(&stage, &client, &world).await;
    let lost = Fault::on(Vendor::Unifi, Action::DropAfterEffect).every(3).times(20);
    stage.sandbox.faults().add(lost).unwrap();
    let mut bookings = Vec::new();
    for number in 0..40 {
        bookings.push(world.book(&client, number).await);
        if number % 13 == 5 {
            stage.kill("unifi-adapter").await;
            stage.start("unifi-adapter").await;
        }
    }
    doors_are_right(&stage, &world, &bookings, LIMIT).await;
    console_has(&stage, &wanted_access(&world, &bookings)).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_with_another_certificate_is_told_and_left_alone_until_it_is_accepted() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    add_console(&stage, &client, &world).await;
    let find = async || {
        let request =
            integrations::ListIntegrationsRequest { parent: world.workspace.clone(), ..Default::default() };
        let listed =
            insist(&client.integrations, request, |mut c, r| async move { c.list_integrations(r).await })
                .await;
        listed.integrations.into_iter().find(|it| it.provider == "unifi").unwrap()
    };
    eventually("the console is connected", LIMIT, async || {
        let found = find().await;
        match found.status() {
            integrations::IntegrationStatus::Connected => Ok(()),
            other => Err(format!("{other:?}: {:?}", found.problems)),
        }
    })
    .await;
    stage.sandbox.unifi().rotate_certificate();
    let window = soon();
    let name = world.create(&client, 0, 0, window, "now").await;
    let request = pb::ConfirmBookingRequest { name, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let integration = eventually("it is told", LIMIT, async || {
        let found = find().await;
        let changed = integrations::ConnectionProblemKind::CertificateChanged;
        let is_told = found.problems.iter().any(|it| it.kind() == changed && it.credential == "host");
        if is_told && found.changed_certificate.is_some() { Ok(found) } else { Err(format!("{found:?}")) }
    })
    .await;
    assert_eq!(access_at_console(&stage), Ok(BTreeMap::new()), "nothing was sent");
    let request = integrations::AcceptCertificateRequest {
        name: integration.name,
        fingerprint: integration.changed_certificate.unwrap().fingerprint,
        request_id: "accept".into(),
    };
    insist(&client.integrations, request, |mut c, r| async move { c.accept_certificate(r).await }).await;
    console_has(&stage, &at_console(&world.people[0].1, window)).await;
    stage.settle(LIMIT).await;
}

/// Where the Python project is.
const OUTSIDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/unifi");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn public_clients_find_the_console_as_they_know_it() {
    if !std::path::Path::new(OUTSIDERS).join("venv/bin/python").exists() {
        eprintln!("left out: no Python 3 with venv when the tests were made ready");
        return;
    }
    chassis::install_crypto();
    let (_, process) = chassis::config::load::<ProcessConfig>(CONFIG_DEFAULTS, BTreeMap::new()).unwrap();
    let sandbox = Sandbox::new(process.sandbox, Arc::new(SystemClock));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = format!("http://{}/_control", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let (twins, token) = (sandbox.clone(), stop.clone());
    let serving = tokio::spawn(async move { twins.serve(listener, token).await });
    let console = sandbox.unifi().open(([127, 0, 0, 1], 0).into()).await.unwrap();
    let output = Command::new("venv/bin/python")
        .arg("outsider.py")
        .current_dir(OUTSIDERS)
        .envs([("HOST", "127.0.0.1"), ("PORT", &console.port().to_string()), ("TOKEN", TOKEN)])
        .env("CONTROL", control)
        .output()
        .await
        .expect("Python is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ALL AS OUTSIDERS EXPECT");
    stop.cancel();
    serving.await.unwrap().unwrap();
}
