//! Everything has a bound.

use proto::workspace::v1 as pb;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;

use crate::upstream::message;
use crate::world::{World, refusal};

const MIB: usize = 1024 * 1024;

fn create(title_bytes: usize) -> pb::CreateBookingRequest {
    let booking = pb::Booking { title: "x".repeat(title_bytes), ..Default::default() };
    pb::CreateBookingRequest { booking: Some(booking), ..Default::default() }
}

#[tokio::test]
async fn a_request_may_be_ten_mebibytes_and_no_more() {
    let world = World::new().await;
    let mut bookings = world.bookings().max_decoding_message_size(64 * MIB);
    assert!(bookings.create_booking(create(9 * MIB)).await.is_ok());
    let outcome = bookings.create_booking(create(11 * MIB)).await.map(|_| ());
    assert_eq!(refusal(outcome), (Code::ResourceExhausted, "REQUEST_TOO_LARGE".into()));
    assert!(bookings.create_booking(create(1)).await.is_ok(), "the next call is none the worse");
}

#[tokio::test]
async fn large_headers_are_refused() {
    let world = World::new().await;
    let response = crate::browser::client()
        .post(format!("{}/latchkey.workspace.v1.BookingService/GetBooking", world.address))
        .header("content-type", "application/grpc-web+proto")
        .header("authorization", world.bearer())
        .header("x-large", "x".repeat(17 * 1024))
        .body(message(b""))
        .send()
        .await
        .unwrap();
    assert_eq!(response.headers()["grpc-status"], "8");
}

/// A stream that stays open, and its next answer.
struct Stream {
    requests: tokio::sync::mpsc::Sender<ServerReflectionRequest>,
    answers: tonic::Streaming<tonic_reflection::pb::v1alpha::ServerReflectionResponse>,
}

impl Stream {
    async fn open(world: &World) -> Self {
        let (requests, stream) = tokio::sync::mpsc::channel(1);
        let message_request = Some(MessageRequest::ListServices(String::new()));
        requests.send(ServerReflectionRequest { host: String::new(), message_request }).await.unwrap();
        let mut client = ServerReflectionClient::new(world.channel());
        let answers = client.server_reflection_info(ReceiverStream::new(stream)).await.unwrap();
        let mut answers = answers.into_inner();
        assert!(answers.message().await.unwrap().is_some());
        Self { requests, answers }
    }
}

#[tokio::test]
async fn a_call_too_many_is_told_to_come_again_and_finds_a_place_later() {
    let world = World::with(|config| config.limits.requests_max = 1).await;
    let mut stream = Stream::open(&world).await;
    let outcome = world.bookings().create_booking(create(1)).await;
    assert_eq!(refusal(outcome), (Code::Unavailable, "GATEWAY_BUSY".into()));
    drop(stream.requests);
    while stream.answers.message().await.unwrap().is_some() {}
    assert!(world.bookings().create_booking(create(1)).await.is_ok());
}

#[tokio::test]
async fn a_stream_ends_in_time_with_a_status() {
    let world = World::with(|config| config.limits.stream_seconds_max = 1).await;
    let mut stream = Stream::open(&world).await;
    let end = stream.answers.message().await;
    assert_eq!(refusal(end), (Code::DeadlineExceeded, "STREAM_TOO_LONG".into()));
}

#[tokio::test]
async fn a_limit_of_nothing_is_refused_at_start() {
    let world = World::new().await;
    for (requests_max, stream_seconds_max, wrong_tokens_per_minute, setting) in
        [(0, 1, 1, "requests_max"), (1, 0, 1, "stream_seconds_max"), (1, 1, 0, "wrong_tokens_per_minute")]
    {
        let mut config: gateway::Config =
            chassis::config::load(gateway::CONFIG_DEFAULTS, std::collections::BTreeMap::new()).unwrap().1;
        config.limits = gateway::LimitsConfig { requests_max, stream_seconds_max, wrong_tokens_per_minute };
        let problem = gateway::build(config, world.deps(gateway::NAME).await)
            .await
            .map(|_| ())
            .unwrap_err()
            .to_string();
        assert!(problem.contains(setting), "{problem}");
    }
}
