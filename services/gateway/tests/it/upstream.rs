//! Services behind the gateway: bookings, API keys and sessions by contract, and raw answers that no
//! contract has.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use chassis::rpc::principal;
use domain::names::WorkspaceName;
use domain::{ApiKeyId, PersonId, WorkspaceId};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Bytes, Frame};
use proto::auth::v1::Role;
use proto::workspace::v1 as pb;
use proto::workspace::v1::api_key_exchange_service_server::{
    ApiKeyExchangeService, ApiKeyExchangeServiceServer,
};
use proto::workspace::v1::booking_service_server::{BookingService, BookingServiceServer};
use proto::workspace::v1::session_service_server::{SessionService, SessionServiceServer};
use tonic::body::Body;
use tonic::service::Routes;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What the services saw.
#[derive(Default)]
pub(crate) struct Seen {
    /// When the raw answer that breaks off does so.
    pub breaks_off: tokio::sync::Notify,
    /// Headers of the last raw call.
    pub headers: Mutex<HeaderMap>,
    /// Who made the last call for a booking.
    pub caller: Mutex<Option<chassis::auth::Principal>>,
    /// The API keys that there are.
    pub keys: Mutex<HashMap<ApiKeyId, Key>>,
    /// The API keys that were asked for, one after the other.
    pub exchanges: Mutex<Vec<ApiKeyId>>,
    /// What is said of API keys instead.
    pub exchange_fails: Mutex<Option<Code>>,
    /// How many codes and refresh tokens came.
    pub sessions: AtomicUsize,
}

/// An API key as the workspace service knows it.
pub(crate) struct Key {
    pub hash: [u8; 32],
    pub verdict: pb::ApiKeyVerdict,
    pub api_key: pb::ApiKey,
}

struct Bookings(Arc<Seen>);

/// A refusal with details, as the workspace service gives it.
pub(crate) fn not_found() -> Status {
    let details = ErrorDetails::with_error_info("BOOKING_NOT_FOUND", "latchkey", HashMap::new());
    Status::with_error_details(Code::NotFound, "booking 7 not found: %, ä", details)
}

#[tonic::async_trait]
impl BookingService for Bookings {
    async fn get_booking(
        &self,
        request: tonic::Request<pb::GetBookingRequest>,
    ) -> Result<tonic::Response<pb::GetBookingResponse>, Status> {
        *self.0.caller.lock().unwrap() = Some(principal(&request)?);
        let name = request.into_inner().name;
        if name.ends_with("/7") {
            return Err(not_found());
        }
        let booking = Some(pb::Booking { name, ..Default::default() });
        Ok(tonic::Response::new(pb::GetBookingResponse { booking }))
    }

    async fn create_booking(
        &self,
        request: tonic::Request<pb::CreateBookingRequest>,
    ) -> Result<tonic::Response<pb::CreateBookingResponse>, Status> {
        Ok(tonic::Response::new(pb::CreateBookingResponse { booking: request.into_inner().booking }))
    }

    async fn list_bookings(
        &self,
        _: tonic::Request<pb::ListBookingsRequest>,
    ) -> Result<tonic::Response<pb::ListBookingsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn confirm_booking(
        &self,
        _: tonic::Request<pb::ConfirmBookingRequest>,
    ) -> Result<tonic::Response<pb::ConfirmBookingResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn reschedule_booking(
        &self,
        _: tonic::Request<pb::RescheduleBookingRequest>,
    ) -> Result<tonic::Response<pb::RescheduleBookingResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn cancel_booking(
        &self,
        _: tonic::Request<pb::CancelBookingRequest>,
    ) -> Result<tonic::Response<pb::CancelBookingResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn fail_booking(
        &self,
        _: tonic::Request<pb::FailBookingRequest>,
    ) -> Result<tonic::Response<pb::FailBookingResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn add_attendee(
        &self,
        _: tonic::Request<pb::AddAttendeeRequest>,
    ) -> Result<tonic::Response<pb::AddAttendeeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn remove_attendee(
        &self,
        _: tonic::Request<pb::RemoveAttendeeRequest>,
    ) -> Result<tonic::Response<pb::RemoveAttendeeResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

struct Keys(Arc<Seen>);

#[tonic::async_trait]
impl ApiKeyExchangeService for Keys {
    async fn exchange_api_key(
        &self,
        request: tonic::Request<pb::ExchangeApiKeyRequest>,
    ) -> Result<tonic::Response<pb::ExchangeApiKeyResponse>, Status> {
        let request = request.into_inner();
        let id: ApiKeyId = request.id.parse().unwrap();
        self.0.exchanges.lock().unwrap().push(id);
        if let Some(code) = *self.0.exchange_fails.lock().unwrap() {
            return Err(Status::new(code, "as told"));
        }
        let keys = self.0.keys.lock().unwrap();
        let verdict = match keys.get(&id) {
            None => pb::ApiKeyVerdict::Unknown,
            Some(key) if key.hash.as_slice() != request.sha256 => pb::ApiKeyVerdict::WrongSecret,
            Some(key) => key.verdict,
        };
        let api_key = (verdict == pb::ApiKeyVerdict::Good).then(|| keys[&id].api_key.clone());
        Ok(tonic::Response::new(pb::ExchangeApiKeyResponse { verdict: verdict.into(), api_key }))
    }
}

struct Sessions(Arc<Seen>);

/// The code of the one session that there is. Its refresh token is the code with an `x`, and so on.
pub(crate) const CODE: &str = "good";

impl Sessions {
    fn take(&self, shown: &str) -> Result<pb::Session, Status> {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        if shown.trim_end_matches('x') != CODE {
            return Err(Status::failed_precondition("the session is over"));
        }
        let workspace = WorkspaceName(WorkspaceId::new());
        let membership = pb::Membership {
            person: format!("{workspace}/people/{}", PersonId::new()),
            workspace: workspace.to_string(),
            role: Role::Member.into(),
            ..Default::default()
        };
        Ok(pb::Session { membership: Some(membership), refresh_token: format!("{shown}x") })
    }
}

#[tonic::async_trait]
impl SessionService for Sessions {
    async fn list_memberships(
        &self,
        _: tonic::Request<pb::ListMembershipsRequest>,
    ) -> Result<tonic::Response<pb::ListMembershipsResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn open_session(
        &self,
        _: tonic::Request<pb::OpenSessionRequest>,
    ) -> Result<tonic::Response<pb::OpenSessionResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn redeem_code(
        &self,
        request: tonic::Request<pb::RedeemCodeRequest>,
    ) -> Result<tonic::Response<pb::RedeemCodeResponse>, Status> {
        let session = Some(self.take(&request.get_ref().code)?);
        Ok(tonic::Response::new(pb::RedeemCodeResponse { session, nonce: String::new() }))
    }

    async fn renew_session(
        &self,
        request: tonic::Request<pb::RenewSessionRequest>,
    ) -> Result<tonic::Response<pb::RenewSessionResponse>, Status> {
        let session = Some(self.take(&request.get_ref().refresh_token)?);
        Ok(tonic::Response::new(pb::RenewSessionResponse { session }))
    }

    async fn end_session(
        &self,
        _: tonic::Request<pb::EndSessionRequest>,
    ) -> Result<tonic::Response<pb::EndSessionResponse>, Status> {
        self.0.sessions.fetch_add(1, Ordering::Relaxed);
        Ok(tonic::Response::new(pb::EndSessionResponse {}))
    }
}

/// The service of bookings, keys and sessions, as any service of the platform runs.
pub(crate) fn workspace(deps: &chassis::BasicDeps, seen: Arc<Seen>) -> chassis::Service {
    let bookings = BookingServiceServer::new(Bookings(seen.clone()));
    chassis::Service::new("workspace", deps)
        .grpc(bookings.max_decoding_message_size(64 * 1024 * 1024))
        .grpc(ApiKeyExchangeServiceServer::new(Keys(seen.clone())))
        .grpc(SessionServiceServer::new(Sessions(seen)))
}

/// `test.v1.Raw`, which answers frame by frame, and `grpc.reflection.v1alpha.ServerReflection`, which
/// streams both ways.
pub(crate) fn raw(seen: Arc<Seen>) -> Routes {
    let seen_by_broken = seen.clone();
    let broken = async move || {
        let half = futures::stream::iter([Ok(Frame::data(message(b"half")))]);
        let end = futures::stream::once(async move {
            seen_by_broken.breaks_off.notified().await;
            Err(Status::internal("broken off"))
        });
        answer(half.chain(end))
    };
    let headers = async move |request: Request<axum::body::Body>| {
        *seen.headers.lock().unwrap() = request.headers().clone();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert("x-own-trailer", HeaderValue::from_static("kept"));
        answer(futures::stream::iter([Ok(Frame::data(message(b"done"))), Ok(Frame::trailers(trailers))]))
    };
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTORS)
        .build_v1alpha()
        .unwrap();
    Routes::from(
        Router::new().route("/test.v1.Raw/Headers", post(headers)).route("/test.v1.Raw/Broken", post(broken)),
    )
    .add_service(reflection)
}

fn answer(frames: impl Stream<Item = Result<Frame<Bytes>, Status>> + Send + 'static) -> Response<Body> {
    let body = Body::new(http_body_util::StreamBody::new(frames));
    Response::builder().header("content-type", "application/grpc").body(body).unwrap()
}

/// A message in the frame of gRPC.
pub(crate) fn message(body: &[u8]) -> Bytes {
    let length = u32::try_from(body.len()).unwrap().to_be_bytes();
    [[0].as_slice(), &length, body].concat().into()
}
