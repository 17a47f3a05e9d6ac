//! Native gRPC, on its way through.

use chassis::auth::Principal;
use opentelemetry::trace::TracerProvider as _;
use proto::workspace::v1 as pb;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Code;
use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1alpha::server_reflection_response::MessageResponse;
use tonic_types::StatusExt as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::upstream::{message, not_found};
use crate::world::{World, refusal};

fn get(name: &str) -> pb::GetBookingRequest {
    pb::GetBookingRequest { name: name.into() }
}

/// A call to `test.v1.Raw` whose frames are looked at.
async fn raw(
    world: &World,
    method: &str,
    extra: &[(&'static str, &str)],
) -> http::Response<tonic::body::Body> {
    use tower::ServiceExt as _;
    let mut request = http::Request::post(format!("/test.v1.Raw/{method}"))
        .header("authorization", world.bearer())
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    for (name, value) in extra {
        request = request.header(*name, *value);
    }
    let body = tonic::body::Body::new(http_body_util::Full::new(message(b"x")));
    world.plain_channel().oneshot(request.body(body).unwrap()).await.unwrap()
}

#[tokio::test]
async fn a_call_reaches_its_service_as_its_caller() {
    let world = World::new().await;
    let answer = world.bookings().get_booking(get("workspaces/w/bookings/1")).await.unwrap();
    assert_eq!(answer.into_inner().booking.unwrap().name, "workspaces/w/bookings/1");
    let here = Some("127.0.0.1".parse().unwrap());
    let caller = Principal { address: here, ..world.admin() };
    assert_eq!(*world.seen.caller.lock().unwrap(), Some(caller));
}

#[tokio::test]
async fn the_service_hears_from_where_a_call_came_by_trusted_proxies_alone() {
    for (trusted_proxies, expected) in [("", "127.0.0.1"), ("127.0.0.0/8", "203.0.113.7")] {
        let world = World::with(|config| config.connections.trusted_proxies = trusted_proxies.into()).await;
        let mut request = tonic::Request::new(get("workspaces/w/bookings/1"));
        for header in ["x-forwarded-for", "latchkey-client-address"] {
            request.metadata_mut().insert(header, "198.51.100.1, 203.0.113.7".parse().unwrap());
        }
        world.bookings().get_booking(request).await.unwrap();
        let caller = world.seen.caller.lock().unwrap().clone().unwrap();
        assert_eq!(caller.address.unwrap().to_string(), expected, "trusted: {trusted_proxies:?}");
    }
}

#[tokio::test]
async fn a_refusal_with_details_comes_back_as_it_was() {
    let world = World::new().await;
    let status = world.bookings().get_booking(get("workspaces/w/bookings/7")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (not_found().code(), not_found().message()));
    assert_eq!(status.details(), not_found().details());
    assert_eq!(status.get_details_error_info().unwrap().reason, "BOOKING_NOT_FOUND");
}

#[tokio::test]
async fn headers_go_in_and_trailers_come_out() {
    use http_body_util::BodyExt as _;
    let world = World::new().await;
    let response = raw(&world, "Headers", &[("x-own-header", "kept"), ("grpc-timeout", "9S")]).await;
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["x-own-trailer"], "kept");
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(body.to_bytes(), message(b"done"));
    let seen = world.seen.headers.lock().unwrap();
    assert_eq!(seen["x-own-header"], "kept");
    assert_eq!(seen["grpc-timeout"], "9S");
    assert_eq!(seen["authorization"], world.bearer());
    assert_eq!(seen["content-type"], "application/grpc");
}

#[tokio::test]
async fn the_trace_goes_on_with_the_gateways_span() {
    use http_body_util::BodyExt as _;
    let provider = opentelemetry_sdk::trace::SdkTracerProvider::builder().build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    tracing_subscriber::registry().with(layer).try_init().unwrap();
    let world = World::new().await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    raw(&world, "Headers", &[("traceparent", parent)]).await.into_body().collect().await.unwrap();
    let seen = world.seen.headers.lock().unwrap()["traceparent"].to_str().unwrap().to_owned();
    assert!(seen.starts_with("00-0af7651916cd43dd8448eb211c80319c-"), "{seen}");
    assert_ne!(seen, parent);
}

#[tokio::test]
async fn a_stream_flows_both_ways_at_once() {
    let world = World::new().await;
    let (requests, stream) = tokio::sync::mpsc::channel(1);
    let ask = |request| ServerReflectionRequest { host: String::new(), message_request: Some(request) };
    let list = || ask(MessageRequest::ListServices(String::new()));
    requests.send(list()).await.unwrap();
    let mut client = ServerReflectionClient::new(world.channel());
    let answers = client.server_reflection_info(ReceiverStream::new(stream)).await.unwrap();
    let mut answers = answers.into_inner();
    for _ in 0..3 {
        // Each question is put after the answer to the one before.
        let answer = answers.message().await.unwrap().unwrap();
        assert!(matches!(answer.message_response, Some(MessageResponse::ListServicesResponse(_))));
        requests.send(list()).await.unwrap();
    }
    drop(requests);
    assert!(answers.message().await.unwrap().is_some());
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn a_service_that_is_down_is_unavailable_with_details() {
    let world = World::new().await;
    let mut people = PersonServiceClient::new(world.channel());
    let status = people.get_person(pb::GetPersonRequest::default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status.get_details_error_info().unwrap().reason, "SERVICE_UNREACHABLE");
    assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_with_a_status() {
    use http_body_util::BodyExt as _;
    let world = World::new().await;
    let mut body = raw(&world, "Broken", &[]).await.into_body();
    let half = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(half, message(b"half"));
    world.seen.breaks_off.notify_one();
    let trailers = body.frame().await.unwrap().unwrap().into_trailers().unwrap();
    let status = tonic::Status::from_header_map(&trailers).unwrap();
    assert_eq!(refusal::<()>(Err(status)), (Code::Unavailable, "SERVICE_UNREACHABLE".into()));
    assert!(body.frame().await.is_none());
}
