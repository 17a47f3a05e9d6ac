//! The edge, as others see it.

use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::insist;
use stories::play::{World, first_hour};
use tokio::process::Command;

/// Where the npm project is.
const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_web_client_of_npm_confirms_a_booking() {
    let stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    let window = domain::Window::new(first_hour(), first_hour() + chrono::Duration::hours(1)).unwrap();
    let name = world.create(&client, 0, 0, window, "web").await;
    let output = Command::new("node")
        .arg("confirm.mjs")
        .current_dir(WEB)
        .env("GATEWAY", stage.gateway())
        .env("TOKEN", stage.admin_token(&world.workspace))
        .env("BOOKING", &name)
        .output()
        .await
        .expect("node is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "CONFIRMED");
    let request = pb::GetBookingRequest { name };
    let booking = insist(&client.bookings, request, |mut c, r| async move { c.get_booking(r).await })
        .await
        .booking
        .unwrap();
    assert_eq!(booking.state(), pb::BookingState::Confirmed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buf_curl_calls_by_reflection_alone() {
    let stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 2, 1).await;
    let url = format!("{}/latchkey.workspace.v1.WorkspaceService/ListResources", stage.gateway());
    let output = Command::new("node_modules/.bin/buf")
        .args(["curl", "--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", "grpc-v1"])
        // Reflection wants the token, too.
        .args(["--reflect-header", "*"])
        .arg("--header")
        .arg(format!("authorization: Bearer {}", stage.admin_token(&world.workspace)))
        .arg("--data")
        .arg(format!(r#"{{"parent": "{}"}}"#, world.workspace))
        .arg(url)
        .current_dir(WEB)
        .output()
        .await
        .expect("buf is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Room 0") && text.contains("Room 1"), "{text}");
}
