//! Who may come in, and how far.

use proto::integrations::v1::ResolveCredentialRequest;
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use tonic::{Code, Request, Status};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::world::{World, refusal};

impl World {
    async fn call_with(&self, authorization: Option<String>) -> Result<(), Status> {
        let mut request = Request::new(pb::GetBookingRequest { name: "workspaces/w/bookings/1".into() });
        if let Some(authorization) = authorization {
            request.metadata_mut().insert("authorization", authorization.parse().unwrap());
        }
        BookingServiceClient::new(self.plain_channel()).get_booking(request).await.map(|_| ())
    }
}

#[tokio::test]
async fn without_a_good_token_nothing_is_passed_on() {
    let world = World::new().await;
    let unauthenticated = |reason: &str| (Code::Unauthenticated, reason.to_owned());
    assert_eq!(refusal(world.call_with(None).await), unauthenticated("TOKEN_MISSING"));
    let basic = Some("Basic YTpi".to_owned());
    assert_eq!(refusal(world.call_with(basic).await), unauthenticated("TOKEN_MISSING"));
    let garbage = Some("Bearer x.y.z".to_owned());
    assert_eq!(refusal(world.call_with(garbage).await), unauthenticated("TOKEN_INVALID"));
    let (forger, _) = chassis::auth::new_pair(world.clock.clone());
    let forged = forger.issue(&world.admin(), chrono::Duration::hours(1));
    let forged = Some(format!("Bearer {forged}"));
    assert_eq!(refusal(world.call_with(forged).await), unauthenticated("TOKEN_INVALID"));
    let claims = serde_json::json!({"sub": "ada", "role": "owner", "workspace": world.workspace});
    let hour = chrono::Duration::hours(1);
    let for_others = world.signer.sign("latchkey", "another", hour, &claims);
    let good = world.signer.sign("latchkey", "latchkey", hour, &claims);
    assert!(world.call_with(Some(format!("Bearer {good}"))).await.is_ok());
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap());
    for token in [for_others, unsigned, format!("{good}x"), "x".repeat(9_000)] {
        let outcome = world.call_with(Some(format!("Bearer {token}"))).await;
        assert_eq!(refusal(outcome), unauthenticated("TOKEN_INVALID"), "{token}");
    }
    let bearer = world.bearer();
    assert!(world.call_with(Some(bearer.clone())).await.is_ok());
    *world.seen.caller.lock().unwrap() = None;
    world.clock.advance(chrono::Duration::hours(2));
    assert_eq!(refusal(world.call_with(Some(bearer)).await), unauthenticated("TOKEN_EXPIRED"));
    assert_eq!(*world.seen.caller.lock().unwrap(), None);
}

#[tokio::test]
async fn a_service_without_a_route_is_unknown() {
    let world = World::new().await;
    let mut workspaces = WorkspaceServiceClient::new(world.channel());
    let outcome = workspaces.get_workspace(pb::GetWorkspaceRequest::default()).await;
    assert_eq!(refusal(outcome), (Code::Unimplemented, "SERVICE_UNKNOWN".into()));
}

#[tokio::test]
async fn what_is_internal_is_refused_even_to_the_operator() {
    let world = World::new().await;
    let channel =
        chassis::rpc::operator_channel(&world.address, world.signer.clone(), world.clock.clone()).unwrap();
    let outcome =
        CredentialServiceClient::new(channel).resolve_credential(ResolveCredentialRequest::default()).await;
    assert_eq!(refusal(outcome), (Code::PermissionDenied, "INTERNAL_METHOD".into()));
}

#[tokio::test]
async fn a_route_to_what_is_internal_is_refused_at_start() {
    let world = World::new().await;
    let mut config: gateway::Config =
        chassis::config::load(gateway::CONFIG_DEFAULTS, std::collections::BTreeMap::new()).unwrap().1;
    let service = "latchkey.integrations.v1.CredentialService";
    config.routes.insert(service.into(), "integrations".into());
    let problem =
        gateway::build(config, world.deps(gateway::NAME).await).await.map(|_| ()).unwrap_err().to_string();
    assert!(problem.contains(service), "{problem}");
}

#[tokio::test]
async fn health_takes_no_token() {
    let world = World::new().await;
    let channel = world.plain_channel();
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
    let answer = client.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();
    assert_eq!(answer.into_inner().status(), tonic_health::pb::health_check_response::ServingStatus::Serving);
}

#[tokio::test]
async fn reflection_lists_all_services_to_who_has_a_token() {
    let world = World::new().await;
    let list = || {
        tokio_stream::iter([ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        }])
    };
    let mut nobody = ServerReflectionClient::new(world.plain_channel());
    assert_eq!(refusal(nobody.server_reflection_info(list()).await).0, Code::Unauthenticated);
    let mut client = ServerReflectionClient::new(world.channel());
    let mut answers = client.server_reflection_info(list()).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    for service in ["latchkey.workspace.v1.BookingService", "latchkey.access.v1.AccessService"] {
        assert!(list.service.iter().any(|s| s.name == service), "{service}: {list:?}");
    }
}
