//! A workspace whose rooms open by Kisi and by a UniFi console at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chassis::input::timestamp;
use domain::SystemClock;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;
use sandbox::{Action, CONFIG_DEFAULTS, Fault, ProcessConfig, Sandbox, Vendor};
use stories::Stage;
use stories::checks::{MARGIN, doors_are_right, wanted_access};
use stories::client::insist;
use stories::door::{CONSOLE_DOOR, CONSOLE_TOKEN, Door, System};
use stories::play::World;
use testkit::eventually;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(120);

/// A workspace whose rooms open by Kisi and by the console's door.
pub(crate) async fn build(stage: &Stage, rooms: usize, people: usize) -> (World, Door) {
    let mut world = World::build(stage, 0, people).await;
    let console = System::Unifi.connect(stage, &world).await;
    for _ in 0..rooms {
        world.add_room_behind(&stage.client(), &[&Door::of(stage, &world), &console]).await;
    }
    (world, console)
}

/// The PIN that the first of the people was told, by text and by email.
pub(crate) async fn told_pin(stage: &Stage, email: &str) -> String {
    eventually("the PIN comes by text and by email", LIMIT, async || {
        let texts = stage.sandbox.twilio().messages_to("+436641000000").into_iter().map(|text| text.body);
        let mut pins = texts.filter_map(|text| {
            let (_, rest) = text.split_once("PIN ")?;
            rest.split_once('.').map(|(pin, _)| pin.to_owned())
        });
        let pin = pins.next_back().ok_or("no text")?;
        let mails = stage.sandbox.sendgrid().messages_to(email);
        let has_mail = mails.iter().any(|mail| format!("{:?}", mail.mail).contains(&pin));
        if has_mail { Ok(pin) } else { Err("no email") }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_booked_is_told_the_pin_that_opens_and_it_stays_when_the_booking_is_moved() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, _) = build(&stage, 1, 1).await;
    let (client, console) = (stage.client(), stage.sandbox.unifi().clone());
    let window = Door::window(600, 3_000);
    let name = world.create(&client, 0, 0, window, "now").await;
    let request = pb::ConfirmBookingRequest { name: name.clone(), request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let pin = told_pin(&stage, &world.people[0].1).await;
    assert!(console.present_pin(CONSOLE_DOOR, &pin));
    assert!(!console.present_pin("front-door", &pin), "no booking is for that one");

    let later = Door::window(7_800, 3_000);
    let request = pb::RescheduleBookingRequest {
        name: name.clone(),
        start_time: Some(timestamp(later.start())),
        end_time: Some(timestamp(later.end())),
        request_id: "move".into(),
    };
    insist(&client.bookings, request, |mut c, r| async move { c.reschedule_booking(r).await }).await;
    let is_shut = async || if console.present_pin(CONSOLE_DOOR, &pin) { Err("open") } else { Ok(()) };
    eventually("it does not open yet", LIMIT, is_shut).await;
    assert_eq!(console.access_windows(CONSOLE_DOOR)[0].pin.as_ref(), Some(&pin), "the same one");

    let request = pb::CancelBookingRequest { name, reason: String::new(), request_id: "cancel".into() };
    insist(&client.bookings, request, |mut c, r| async move { c.cancel_booking(r).await }).await;
    eventually("the visitor is gone", LIMIT, async || {
        let left = console.access_windows(CONSOLE_DOOR);
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forty_bookings_are_right_at_both_while_the_adapter_dies_and_the_console_loses_answers() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, console) = build(&stage, 2, 8).await;
    let client = stage.client();
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
    console.lets_in_exactly(|| wanted_access(&world, &bookings, MARGIN), LIMIT).await;
    stage.settle(LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_with_another_certificate_is_told_and_left_alone_until_it_is_accepted() {
    let mut stage = Stage::set(Default::default()).await;
    let (world, console) = build(&stage, 1, 1).await;
    let client = stage.client();
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
    let window = Door::window(600, 3_000);
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
    assert!(stage.sandbox.unifi().access_windows(CONSOLE_DOOR).is_empty(), "nothing was sent");
    let request = integrations::AcceptCertificateRequest {
        name: integration.name,
        fingerprint: integration.changed_certificate.unwrap().fingerprint,
        request_id: "accept".into(),
    };
    insist(&client.integrations, request, |mut c, r| async move { c.accept_certificate(r).await }).await;
    console.knows(&world.people[0].1).await;
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
        .envs([("HOST", "127.0.0.1"), ("PORT", &console.port().to_string()), ("TOKEN", CONSOLE_TOKEN)])
        .env("CONTROL", control)
        .output()
        .await
        .expect("Python is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "ALL AS OUTSIDERS EXPECT");
    stop.cancel();
    serving.await.unwrap().unwrap();
}
