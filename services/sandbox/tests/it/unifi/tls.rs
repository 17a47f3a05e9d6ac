//! Point 1: TLS, with a certificate that can be rotated.

use std::net::SocketAddr;

use http::StatusCode;
use reqwest::Certificate;
use sandbox::{Action, Fault, Vendor};

use super::{TOKEN, World};
use crate::harness::within;

async fn open(world: &World) -> SocketAddr {
    world.running.sandbox.unifi().open(([127, 0, 0, 1], 0).into()).await.unwrap()
}

/// A client that believes this certificate alone, and calls the console by the name in it.
fn believing(certificate: &[u8], address: SocketAddr) -> reqwest::Client {
    reqwest::Client::builder()
        .tls_certs_only([Certificate::from_der(certificate).unwrap()])
        .resolve("unifi.local", address)
        .build()
        .unwrap()
}

async fn doors(client: &reqwest::Client, host: &str, port: u16) -> Result<StatusCode, reqwest::Error> {
    let url = format!("https://{host}:{port}/api/v1/developer/doors");
    let answer = within(client.get(url).bearer_auth(TOKEN).send()).await?;
    Ok(answer.status())
}

#[tokio::test]
async fn it_is_served_over_tls_with_a_certificate_that_names_no_address() {
    let world = World::start().await;
    let address = open(&world).await;
    assert_eq!(world.console().address(), Some(address));
    let client = believing(&world.console().certificate(), address);
    assert_eq!(doors(&client, "unifi.local", address.port()).await.unwrap(), StatusCode::OK);
    doors(&client, "127.0.0.1", address.port()).await.unwrap_err();
    let log = world.running.sandbox.requests().of(Vendor::Unifi);
    assert_eq!((log.len(), log[0].account.as_deref()), (1, Some("Latchkey")));
    world.running.sandbox.faults().add(Fault::on(Vendor::Unifi, Action::Outage)).unwrap();
    doors(&client, "unifi.local", address.port()).await.unwrap_err();
}

#[tokio::test]
async fn a_rotated_certificate_is_shown_at_once_also_to_who_was_connected() {
    let world = World::start().await;
    let address = open(&world).await;
    let before = world.console().certificate();
    let connected = believing(&before, address);
    assert_eq!(doors(&connected, "unifi.local", address.port()).await.unwrap(), StatusCode::OK);
    world.console().rotate_certificate();
    let after = world.console().certificate();
    assert_ne!(before, after);
    for client in [connected, believing(&before, address)] {
        doors(&client, "unifi.local", address.port()).await.unwrap_err();
    }
    let status = doors(&believing(&after, address), "unifi.local", address.port()).await.unwrap();
    assert_eq!(status, StatusCode::OK);
    world.running.sandbox.reset();
    assert_eq!(world.console().certificate(), after, "a reset makes no new one");
}
