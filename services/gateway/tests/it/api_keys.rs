//! Machines that call with API keys.

use std::sync::atomic::Ordering;

use chassis::auth::{ApiKeyText, Principal, Role};
use domain::names::{ApiKeyName, LocationName};
use domain::{ApiKeyId, Clock as _, LocationId};
use futures::future::join_all;
use proto::auth::v1::Role as ProtoRole;
use proto::workspace::v1 as pb;
use reqwest::StatusCode;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::browser::{client, get_booking, header};
use crate::upstream::{Key, message};
use crate::world::{World, closed_port, refusal};
use crate::wrong_tokens::from_here;

const GET_BOOKING: &str = "latchkey.workspace.v1.BookingService/GetBooking";

impl World {
    /// A key that the workspace service knows; `change` says how it is another than an admin's.
    pub(crate) fn key(&self, change: impl FnOnce(&mut pb::ApiKey)) -> ApiKeyText {
        let text = ApiKeyText::generate(ApiKeyId::new());
        let mut api_key = pb::ApiKey {
            name: ApiKeyName { workspace: self.workspace, id: text.id() }.to_string(),
            role: ProtoRole::Admin.into(),
            ..Default::default()
        };
        change(&mut api_key);
        let key = Key { hash: text.hash(), verdict: pb::ApiKeyVerdict::Good, api_key };
        self.seen.keys.lock().unwrap().insert(text.id(), key);
        text
    }

    fn say(&self, key: &ApiKeyText, verdict: pb::ApiKeyVerdict) {
        self.seen.keys.lock().unwrap().get_mut(&key.id()).unwrap().verdict = verdict;
    }

    pub(crate) fn exchanges(&self) -> usize {
        self.seen.exchanges.lock().unwrap().len()
    }

    fn later(&self, seconds: i64) {
        self.clock.advance(chrono::Duration::seconds(seconds));
    }
}

fn unauthenticated(reason: &str) -> (Code, String) {
    (Code::Unauthenticated, reason.to_owned())
}

#[tokio::test]
async fn a_call_with_a_key_reaches_its_service_as_the_keys() {
    let world = World::new().await;
    let location = LocationId::new();
    let key = world.key(|key| {
        key.role = ProtoRole::Manager.into();
        key.locations = vec![LocationName { workspace: world.workspace, id: location }.to_string()];
        key.methods = vec![GET_BOOKING.into()];
    });
    world.call(key.text()).await.unwrap();
    let expected = Principal {
        address: Some("127.0.0.1".parse().unwrap()),
        ..Principal::api_key(key.id(), world.workspace, Role::Manager)
            .at([location])
            .only_for(vec![GET_BOOKING.into()])
    };
    assert_eq!(*world.seen.caller.lock().unwrap(), Some(expected.clone()));

    // A page's call, by gRPC-web.
    *world.seen.caller.lock().unwrap() = None;
    let request = get_booking(&world, "workspaces/w/bookings/1").bearer_auth(key.text());
    let response = request.send().await.unwrap();
    assert_eq!((response.status(), header(&response, "grpc-status")), (StatusCode::OK, ""));
    assert_eq!(*world.seen.caller.lock().unwrap(), Some(expected));
}

#[tokio::test]
async fn the_key_itself_goes_no_further() {
    let world = World::new().await;
    let key = world.key(|_| {});
    let request = client()
        .post(format!("{}/test.v1.Raw/Headers", world.address))
        .header("content-type", "application/grpc-web+proto")
        .bearer_auth(key.text())
        // Nor does it as a second one.
        .header("authorization", format!("Bearer {}", key.text()));
    request.body(message(b"")).send().await.unwrap();
    let seen = world.seen.headers.lock().unwrap();
    let authorization: Vec<&str> =
        seen.get_all("authorization").iter().map(|value| value.to_str().unwrap()).collect();
    assert!(
        matches!(authorization.as_slice(), [token] if token.starts_with("Bearer ey")),
        "{authorization:?}"
    );
    assert!(!format!("{seen:?}").contains(key.text()));
}

#[tokio::test]
async fn a_key_is_refused_for_other_methods() {
    let world = World::new().await;
    let key = world.key(|key| key.methods = vec!["latchkey.workspace.v1.PersonService/*".into()]);
    let refused = refusal(world.call(key.text()).await);
    assert_eq!(refused, (Code::PermissionDenied, "METHOD_NOT_ALLOWED".into()));
    let low = world.key(|key| key.role = ProtoRole::Guest.into());
    let mut request = tonic::Request::new(pb::ConfirmBookingRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {}", low.text()).parse().unwrap());
    let mut bookings = pb::booking_service_client::BookingServiceClient::new(world.plain_channel());
    let refused = refusal(bookings.confirm_booking(request).await);
    assert_eq!(refused, (Code::PermissionDenied, "ROLE_TOO_LOW".into()));
    assert_eq!(*world.seen.caller.lock().unwrap(), None, "it was not passed on");
}

#[tokio::test]
async fn a_revoked_key_is_out_within_ten_seconds() {
    let world = World::new().await;
    let key = world.key(|_| {});
    world.call(key.text()).await.unwrap();
    world.say(&key, pb::ApiKeyVerdict::Revoked);
    world.later(9);
    world.call(key.text()).await.unwrap();
    assert_eq!(world.exchanges(), 1);
    world.later(1);
    for _ in 0..100 {
        assert_eq!(refusal(world.call(key.text()).await), unauthenticated("API_KEY_REVOKED"));
    }
    assert_eq!(world.exchanges(), 2, "who had a good one does not keep others busy");
    world.later(10);
    world.say(&key, pb::ApiKeyVerdict::Expired);
    assert_eq!(refusal(world.call(key.text()).await), unauthenticated("API_KEY_EXPIRED"));
    // Never what nobody said.
    world.later(10);
    world.say(&key, pb::ApiKeyVerdict::Unspecified);
    assert_eq!(refusal(world.call(key.text()).await).0, Code::Unavailable);
}

#[tokio::test]
async fn a_key_is_asked_for_again_when_its_own_time_is_over() {
    let world = World::new().await;
    let end = world.clock.now() + chrono::Duration::seconds(4);
    let key = world.key(|key| key.expire_time = Some(chassis::input::timestamp(end)));
    world.call(key.text()).await.unwrap();
    world.say(&key, pb::ApiKeyVerdict::Expired);
    world.later(3);
    world.call(key.text()).await.unwrap();
    world.later(1);
    assert_eq!(refusal(world.call(key.text()).await), unauthenticated("API_KEY_EXPIRED"));
}

#[tokio::test]
async fn many_calls_with_one_key_ask_for_it_once() {
    let world = World::new().await;
    let (key, channel) = (world.key(|_| {}), world.plain_channel());
    for round in 1..=2 {
        let calls = join_all((0..50).map(|_| world.call_over(&channel, key.text(), None))).await;
        assert!(calls.iter().all(Result::is_ok), "{calls:?}");
        assert_eq!(world.exchanges(), round);
        world.later(10);
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let world = World::new().await;
    let key = world.key(|_| {});
    for text in ["lk_", "lk_x_y", &key.text()[..99], &format!("{}0", key.text())] {
        assert_eq!(refusal(world.call(text).await), unauthenticated("API_KEY_INVALID"), "{text}");
    }
    assert_eq!(world.exchanges(), 0, "nobody need be asked");
    let unknown = ApiKeyText::generate(ApiKeyId::new());
    let guess = ApiKeyText::generate(key.id());
    for text in [unknown.text(), guess.text()] {
        assert_eq!(refusal(world.call(text).await), unauthenticated("API_KEY_INVALID"));
    }
    assert_eq!(world.exchanges(), 2);
    world.call(key.text()).await.unwrap();
    assert_eq!(world.seen.sessions.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn while_nobody_can_be_asked_a_key_is_unavailable_and_not_wrong() {
    let world = World::new().await;
    let (key, known) = (world.key(|_| {}), world.key(|_| {}));
    world.call(known.text()).await.unwrap();
    *world.seen.exchange_fails.lock().unwrap() = Some(Code::Unavailable);
    // What was heard a moment ago still holds.
    world.call(known.text()).await.unwrap();
    world.later(10);
    // More often than wrong ones are put up with.
    for _ in 0..70 {
        for key in [&key, &known] {
            let status = world.call(key.text()).await.unwrap_err();
            assert!(status.get_details_retry_info().unwrap().retry_delay.is_some());
            assert_eq!(refusal::<()>(Err(status)), (Code::Unavailable, "SERVICE_UNREACHABLE".into()));
        }
    }
    // Nor is a known one a stranger because of it.
    world.flood(from_here(world.wrong(100))).await;
    *world.seen.exchange_fails.lock().unwrap() = None;
    world.call(known.text()).await.unwrap();
    assert_eq!(refusal(world.call(key.text()).await).1, "TOO_MANY_WRONG_TOKENS");
    world.later(1);
    world.call(key.text()).await.unwrap();

    let away = closed_port().await;
    let world = World::with(|config| drop(config.services.insert("workspace".into(), away))).await;
    let key = world.key(|_| {});
    let refused = refusal(world.call(key.text()).await);
    assert_eq!(refused, (Code::Unavailable, "SERVICE_UNREACHABLE".into()));
}
