//! gRPC-web over HTTP/1.1 and CORS, as browsers speak them.

use base64::Engine as _;
use prost::Message as _;
use proto::workspace::v1 as pb;
use reqwest::{Method, RequestBuilder, Response, StatusCode};

use crate::upstream::{message, not_found};
use crate::world::World;

const PAGE: &str = "https://console.example.org";

pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().build().unwrap()
}

fn web(world: &World, service: &str, method: &str) -> RequestBuilder {
    client()
        .post(format!("{}/{service}/{method}", world.address))
        .header("origin", PAGE)
        .header("content-type", "application/grpc-web+proto")
        .header("x-grpc-web", "1")
}

/// A call for a booking, as ConnectRPC's gRPC-web transport makes it.
pub(crate) fn get_booking(world: &World, name: &str) -> RequestBuilder {
    let body = message(&pb::GetBookingRequest { name: name.into() }.encode_to_vec());
    web(world, "latchkey.workspace.v1.BookingService", "GetBooking")
        .header("accept", "application/grpc-web+proto")
        .body(body)
}

/// The frames of a gRPC-web body: flag and content.
fn frames(mut body: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((&flag, rest)) = body.split_first() {
        let (length, rest) = rest.split_first_chunk::<4>().unwrap();
        let (content, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        frames.push((flag, content.to_vec()));
        body = rest;
    }
    frames
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_page_gets_its_answer_with_trailers_in_the_body() {
    let world = World::new().await;
    let name = "workspaces/w/bookings/1";
    let request = get_booking(&world, name).header("authorization", world.bearer());
    let response = request.send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_11);
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "content-type"), "application/grpc-web+proto");
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    let body = response.bytes().await.unwrap();
    let frames = frames(&body);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].0, 0);
    let answer = pb::GetBookingResponse::decode(frames[0].1.as_slice()).unwrap();
    assert_eq!(answer.booking.unwrap().name, name);
    assert_eq!(frames[1].0, 0x80);
    let trailers = String::from_utf8(frames[1].1.clone()).unwrap();
    assert!(trailers.lines().any(|line| line.replace(' ', "") == "grpc-status:0"), "{trailers}");
}

#[tokio::test]
async fn a_refusal_is_readable_by_the_page_with_its_details() {
    let world = World::new().await;
    let request = get_booking(&world, "workspaces/w/bookings/7").header("authorization", world.bearer());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "grpc-status"), "5");
    let details = base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(header(&response, "grpc-status-details-bin").trim_end_matches('='))
        .unwrap();
    assert_eq!(details, not_found().details());
    let exposed = header(&response, "access-control-expose-headers").to_lowercase();
    for name in ["grpc-status", "grpc-message", "grpc-status-details-bin"] {
        assert!(exposed.split(',').any(|exposed| exposed.trim() == name), "{name} in {exposed}");
    }
}

#[tokio::test]
async fn the_gateways_own_refusals_are_readable_too() {
    let world = World::new().await;
    let nobody = get_booking(&world, "workspaces/w/bookings/1").send().await.unwrap();
    let down = web(&world, "latchkey.workspace.v1.PersonService", "GetPerson")
        .header("authorization", world.bearer())
        .body(message(b""));
    let down = down.send().await.unwrap();
    for (response, code) in [(nobody, "16"), (down, "14")] {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "grpc-status"), code);
        assert_eq!(header(&response, "access-control-allow-origin"), "*");
        assert!(header(&response, "content-type").starts_with("application/grpc-web"));
        assert!(!header(&response, "grpc-status-details-bin").is_empty());
    }
}

fn preflight(world: &World, origin: &str) -> RequestBuilder {
    client()
        .request(
            Method::OPTIONS,
            format!("{}/latchkey.workspace.v1.BookingService/GetBooking", world.address),
        )
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type,grpc-timeout,x-grpc-web")
}

#[tokio::test]
async fn a_preflight_needs_no_token() {
    let world = World::new().await;
    let response = preflight(&world, PAGE).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    assert!(header(&response, "access-control-allow-methods").contains("POST"));
    let allowed = header(&response, "access-control-allow-headers").to_lowercase();
    for name in ["authorization", "content-type", "grpc-timeout", "x-grpc-web", "x-user-agent"] {
        assert!(allowed.split(',').any(|allowed| allowed.trim() == name), "{name} in {allowed}");
    }
}

#[tokio::test]
async fn only_the_pages_that_are_listed_may_call() {
    let listed = format!("http://localhost:5173,{PAGE}");
    let world = World::with(|config| config.cors.allowed_origins = listed).await;
    let ours = preflight(&world, PAGE).send().await.unwrap();
    assert_eq!(header(&ours, "access-control-allow-origin"), PAGE);
    let other = preflight(&world, "https://evil.example").send().await.unwrap();
    assert_eq!(header(&other, "access-control-allow-origin"), "");
}

#[tokio::test]
async fn plain_http_is_health_and_nothing_else() {
    let world = World::new().await;
    let get = async |path: &str| client().get(format!("{}{path}", world.address)).send().await.unwrap();
    let health = get("/healthz").await;
    assert_eq!(health.status(), StatusCode::OK);
    assert_eq!(health.text().await.unwrap(), "ok");
    assert_eq!(get("/").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(get("/webhooks/sendgrid").await.status(), StatusCode::METHOD_NOT_ALLOWED);
}
