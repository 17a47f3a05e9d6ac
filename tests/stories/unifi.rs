//! A workspace whose rooms open by Kisi and by a UniFi console at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

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
