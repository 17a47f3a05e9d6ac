//! What vendors report, on its way to its owner.

use std::sync::{Arc, Mutex};

use chassis::rpc::REQUEST_BYTES_MAX;
use proto::access::v1 as access_pb;
use proto::access::v1::unifi_webhook_service_server::{UnifiWebhookService, UnifiWebhookServiceServer};
use proto::notification::v1 as pb;
use proto::notification::v1::webhook_service_server::{WebhookService, WebhookServiceServer};
use reqwest::{RequestBuilder, StatusCode};
use tonic::{Code, Request, Response, Status};

use crate::browser::client;
use crate::world::World;

const BODY_BYTES_MAX: usize = 8 * 1024 * 1024;

/// An owner that says as it is told.
#[derive(Default)]
struct Owner {
    taken: Mutex<Vec<pb::ReceiveSendGridEventsRequest>>,
    callbacks: Mutex<Vec<pb::ReceiveTwilioCallbackRequest>>,
    says: Mutex<Option<Code>>,
}

struct Methods(Arc<Owner>);

#[tonic::async_trait]
impl WebhookService for Methods {
    async fn receive_send_grid_events(
        &self,
        request: Request<pb::ReceiveSendGridEventsRequest>,
    ) -> Result<Response<pb::ReceiveSendGridEventsResponse>, Status> {
        if let Some(code) = *self.0.says.lock().unwrap() {
            return Err(Status::new(code, "as told"));
        }
        self.0.taken.lock().unwrap().push(request.into_inner());
        Ok(Response::new(pb::ReceiveSendGridEventsResponse {}))
    }

    async fn receive_twilio_callback(
        &self,
        request: Request<pb::ReceiveTwilioCallbackRequest>,
    ) -> Result<Response<pb::ReceiveTwilioCallbackResponse>, Status> {
        self.0.callbacks.lock().unwrap().push(request.into_inner());
        Ok(Response::new(pb::ReceiveTwilioCallbackResponse {}))
    }
}

async fn world() -> (World, Arc<Owner>) {
    let owner = Arc::<Owner>::default();
    // The owner knows the tokens of the world's own authority, so it is built first and filled in after.
    let listener = Arc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = format!("https://{}", listener.local_addr().unwrap());
    let mut world = World::with(|config| drop(config.services.insert("notification".into(), address))).await;
    let deps = chassis::BasicDeps { listener, ..world.deps("notification").await };
    let server =
        WebhookServiceServer::new(Methods(owner.clone())).max_decoding_message_size(REQUEST_BYTES_MAX);
    world.run(chassis::Service::new("notification", &deps).grpc(server));
    (world, owner)
}

fn delivery(world: &World, body: impl Into<reqwest::Body>) -> RequestBuilder {
    client()
        .post(format!("{}/webhooks/sendgrid", world.address))
        .header("content-type", "application/json")
        .header("X-Twilio-Email-Event-Webhook-Signature", "c2lnbmVk")
        .header("X-Twilio-Email-Event-Webhook-Timestamp", "1790000000")
        .body(body)
}

#[tokio::test]
async fn a_delivery_reaches_its_owner_byte_for_byte_without_a_token() {
    let (world, owner) = world().await;
    let body = b"[{\"event\":\"delivered\"} ,\r\n\xff]".to_vec();
    assert_eq!(delivery(&world, body.clone()).send().await.unwrap().status(), StatusCode::OK);
    let taken = owner.taken.lock().unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].body, body);
    assert_eq!((taken[0].signature.as_str(), taken[0].timestamp.as_str()), ("c2lnbmVk", "1790000000"));
}

#[tokio::test]
async fn a_vendor_hears_success_only_if_the_owner_took_it() {
    let (world, owner) = world().await;
    for (says, hears) in [
        (Code::InvalidArgument, StatusCode::BAD_REQUEST),
        (Code::PermissionDenied, StatusCode::FORBIDDEN),
        (Code::Unauthenticated, StatusCode::FORBIDDEN),
        (Code::Unavailable, StatusCode::SERVICE_UNAVAILABLE),
        (Code::Internal, StatusCode::SERVICE_UNAVAILABLE),
        (Code::DeadlineExceeded, StatusCode::SERVICE_UNAVAILABLE),
    ] {
        *owner.says.lock().unwrap() = Some(says);
        assert_eq!(delivery(&world, "[]").send().await.unwrap().status(), hears, "{says:?}");
    }
    assert!(owner.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn while_the_owner_is_away_the_vendor_is_asked_to_send_again() {
    let world = World::new().await;
    let response = delivery(&world, "[]").send().await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_delivery_that_is_not_signed_is_not_passed_on() {
    let (world, owner) = world().await;
    let url = format!("{}/webhooks/sendgrid", world.address);
    let unsigned = client().post(&url).body("[]").send().await.unwrap();
    assert_eq!(unsigned.status(), StatusCode::BAD_REQUEST);
    let half = client().post(&url).header("X-Twilio-Email-Event-Webhook-Signature", "c2lnbmVk");
    assert_eq!(half.body("[]").send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    assert!(owner.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_delivery_may_be_eight_mebibytes_and_no_more() {
    let (world, owner) = world().await;
    let largest = delivery(&world, vec![b' '; BODY_BYTES_MAX]).send().await.unwrap();
    assert_eq!(largest.status(), StatusCode::OK);
    let larger = delivery(&world, vec![b' '; BODY_BYTES_MAX + 1]).send().await.unwrap();
    assert_eq!(larger.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(owner.taken.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_callback_of_twilio_reaches_its_owner_with_its_query_and_is_answered_with_nothing() {
    let (world, owner) = world().await;
    let send = async |body: Vec<u8>, signature: Option<&str>| {
        let post = client().post(format!("{}/webhooks/twilio?workspace=1&message=%2B2", world.address));
        let post = signature.into_iter().fold(post, |post, it| post.header("X-Twilio-Signature", it));
        let answer = post.body(body).send().await.unwrap();
        (answer.status(), answer.bytes().await.unwrap().len())
    };
    let form = b"MessageSid=SM1&MessageStatus=sent".to_vec();
    assert_eq!(send(form.clone(), Some("c2ln")).await, (StatusCode::NO_CONTENT, 0));
    assert_eq!(send(form.clone(), None).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send(vec![b'a'; 64 * 1024 + 1], Some("c2ln")).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let taken = owner.callbacks.lock().unwrap();
    let expected = pb::ReceiveTwilioCallbackRequest {
        body: form,
        signature: "c2ln".to_owned(),
        query: "workspace=1&message=%2B2".to_owned(),
    };
    assert_eq!(*taken, [expected]);
}

/// An adapter that takes what its consoles report.
#[derive(Clone, Default)]
struct Adapter(Arc<Mutex<Vec<access_pb::ReceiveUnifiEventRequest>>>);

#[tonic::async_trait]
impl UnifiWebhookService for Adapter {
    async fn receive_unifi_event(
        &self,
        request: Request<access_pb::ReceiveUnifiEventRequest>,
    ) -> Result<Response<access_pb::ReceiveUnifiEventResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(access_pb::ReceiveUnifiEventResponse {}))
    }
}

#[tokio::test]
async fn what_a_console_reports_reaches_the_adapter_with_its_address() {
    let adapter = Adapter::default();
    let listener = Arc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap());
    let address = format!("https://{}", listener.local_addr().unwrap());
    let mut world = World::with(|config| drop(config.services.insert("unifi_adapter".into(), address))).await;
    let deps = chassis::BasicDeps { listener, ..world.deps("unifi-adapter").await };
    let server = UnifiWebhookServiceServer::new(adapter.clone());
    world.run(chassis::Service::new("unifi-adapter", &deps).grpc(server));
    let send = async |headers: &[(&str, &str)], body: Vec<u8>| {
        let post = client().post(format!("{}/webhooks/unifi/one/two", world.address));
        let post = headers.iter().fold(post, |post, (name, value)| post.header(*name, *value));
        post.body(body).send().await.unwrap().status()
    };
    let signed = [("Signature", "t=1,v1=00")];
    let body = b"{\"event\":\"access.door.unlock\"}\r\n\xff".to_vec();
    assert_eq!(send(&signed, body.clone()).await, StatusCode::OK);
    assert_eq!(send(&[], body.clone()).await, StatusCode::BAD_REQUEST);
    assert_eq!(send(&signed, vec![b' '; 256 * 1024 + 1]).await, StatusCode::PAYLOAD_TOO_LARGE);
    let taken = adapter.0.lock().unwrap();
    assert_eq!(taken.len(), 1);
    assert_eq!(taken[0].integration, "workspaces/one/integrations/two");
    assert_eq!((&taken[0].body, taken[0].signature.as_str()), (&body, "t=1,v1=00"));
}
