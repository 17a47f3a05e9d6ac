//! `NotificationService`.

use std::sync::Arc;

use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, principal, refuse};
use domain::BookingId;
use domain::names::{BookingName, WorkspaceName};
use proto::notification::v1 as pb;
use proto::notification::v1::notification_service_server::{NotificationService, NotificationServiceServer};
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::convert;

pub(crate) struct Methods {
    app: Arc<App>,
}

pub(crate) fn notification_service(app: Arc<App>) -> NotificationServiceServer<Methods> {
    NotificationServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl NotificationService for Methods {
    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let mut input = Input::new();
        let parent: Option<WorkspaceName> = input.parse("parent", &message.parent);
        let booking: Option<BookingName> = input.parse_optional("booking", &message.booking);
        let WorkspaceName(workspace) = input.finish_with(parent).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let booking = booking.map(|booking| booking_of(booking, workspace)).transpose().map_err(refuse)?;
        let binding = ["ListMessages", &message.parent, &message.booking];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let (entries, next_page_token) = self.app.list(workspace, booking, page).await.map_err(refuse)?;
        Ok(Response::new(pb::ListMessagesResponse {
            messages: entries.iter().map(convert::message).collect(),
            next_page_token,
        }))
    }
}

fn booking_of(
    booking: BookingName,
    workspace: domain::WorkspaceId,
) -> Result<BookingId, chassis::input::InvalidInput> {
    let mut input = Input::new();
    if booking.workspace != workspace {
        input.refuse("booking", "must be a booking of this workspace");
    }
    input.finish_with(Some(booking.id))
}
