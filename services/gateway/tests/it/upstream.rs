//! Services behind the gateway: bookings by contract, and raw answers that no contract has.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::post;
use chassis::rpc::principal;
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::{Bytes, Frame};
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_server::{BookingService, BookingServiceServer};
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
}

/// The service of bookings, as any service of the platform runs.
pub(crate) fn bookings(deps: &chassis::BasicDeps, seen: Arc<Seen>) -> chassis::Service {
    let server = BookingServiceServer::new(Bookings(seen)).max_decoding_message_size(64 * 1024 * 1024);
    chassis::Service::new("workspace", deps).grpc(server)
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
