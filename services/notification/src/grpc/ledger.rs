//! `NotificationService`.

use std::sync::Arc;

use chassis::input::{Input, InvalidInput};
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, author, principal, refuse};
use domain::WorkspaceId;
use domain::contact::{EmailAddress, PhoneNumber};
use domain::names::{BookingName, MessageName, PersonName, WorkspaceName};
use proto::notification::v1 as pb;
use proto::notification::v1::notification_service_server::{NotificationService, NotificationServiceServer};
use tonic::{Request, Response, Status};

use crate::app::App;
use crate::convert;
use crate::error::Error;
use crate::model::{Channel, Filter};
use crate::vendor::sendgrid::SendGrid;

pub(crate) struct Methods {
    app: Arc<App>,
    /// It has a list of bounces of its own.
    sendgrid: Option<SendGrid>,
}

pub(crate) fn notification_service(
    app: Arc<App>,
    sendgrid: Option<SendGrid>,
) -> NotificationServiceServer<Methods> {
    NotificationServiceServer::new(Methods { app, sendgrid }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

#[tonic::async_trait]
impl NotificationService for Methods {
    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let filter = filter_of(&message, workspace).map_err(refuse)?;
        let order = if message.newest_first { "newest" } else { "oldest" };
        let binding =
            ["ListMessages", &message.parent, &message.booking, &message.person, &message.recipient, order];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let listed = self.app.list(workspace, &filter, message.newest_first, page).await;
        let (entries, next_page_token) = listed.map_err(refuse)?;
        let messages = entries.iter().map(convert::message).collect();
        Ok(Response::new(pb::ListMessagesResponse { messages, next_page_token }))
    }

    async fn get_message(
        &self,
        request: Request<pb::GetMessageRequest>,
    ) -> Result<Response<pb::GetMessageResponse>, Status> {
        let caller = principal(&request)?;
        let mut input = Input::new();
        let name: Option<MessageName> = input.parse("name", &request.get_ref().name);
        let name = input.finish_with(name).map_err(refuse)?;
        caller.manages(name.workspace).map_err(refuse)?;
        let (trail, reports) = self.app.message(name).await.map_err(refuse)?;
        Ok(Response::new(convert::trail(&trail, &reports)))
    }

    async fn list_suppressions(
        &self,
        request: Request<pb::ListSuppressionsRequest>,
    ) -> Result<Response<pb::ListSuppressionsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let binding = ["ListSuppressions", &message.parent];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let listed = self.app.list_suppressions(workspace, page).await;
        let (rows, next_page_token) = listed.map_err(refuse)?;
        let suppressions = rows.iter().map(convert::suppression).collect();
        Ok(Response::new(pb::ListSuppressionsResponse { suppressions, next_page_token }))
    }

    async fn lift_suppression(
        &self,
        request: Request<pb::LiftSuppressionRequest>,
    ) -> Result<Response<pb::LiftSuppressionResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent).map_err(refuse)?;
        caller.manages(workspace).map_err(refuse)?;
        let mut input = Input::new();
        let address = Address::read(&mut input, &message);
        let address = input.finish_with(address).map_err(refuse)?;
        self.app.check_suppression(workspace, &address.key()).await.map_err(refuse)?;
        if let (Address::Email(email), Some(sendgrid)) = (&address, &self.sendgrid) {
            sendgrid.forget_bounce(email).await.map_err(|error| refuse(Error::BounceKept(error)))?;
        }
        self.app.lift_suppression(workspace, &address.key(), &author).await.map_err(refuse)?;
        Ok(Response::new(pb::LiftSuppressionResponse {}))
    }
}

/// Where messages go.
enum Address {
    Email(EmailAddress),
    Number(PhoneNumber),
}

impl Address {
    fn read(input: &mut Input, request: &pb::LiftSuppressionRequest) -> Option<Self> {
        match request.channel() {
            pb::MessageChannel::Email => input.parse("address", &request.address).map(Self::Email),
            pb::MessageChannel::Sms => number(input, "address", &request.address).map(Self::Number),
            pb::MessageChannel::Unspecified => {
                input.refuse("channel", "must be set");
                None
            }
        }
    }

    /// As it is kept.
    fn key(&self) -> (Channel, String) {
        match self {
            Self::Email(email) => (Channel::Email, email.as_str().to_lowercase()),
            Self::Number(number) => (Channel::Sms, number.as_str().to_owned()),
        }
    }
}

fn parent(name: &str) -> Result<WorkspaceId, InvalidInput> {
    let mut input = Input::new();
    let parent: Option<WorkspaceName> = input.parse("parent", name);
    Ok(input.finish_with(parent)?.0)
}

fn number(input: &mut Input, field: &'static str, text: &str) -> Option<PhoneNumber> {
    PhoneNumber::parse(text, None).map_err(|error| input.refuse(field, error)).ok()
}

/// Of which messages a list is to be.
fn filter_of(request: &pb::ListMessagesRequest, workspace: WorkspaceId) -> Result<Filter, InvalidInput> {
    let mut input = Input::new();
    let booking: Option<BookingName> = input.parse_optional("booking", &request.booking);
    let person: Option<PersonName> = input.parse_optional("person", &request.person);
    if booking.is_some_and(|name| name.workspace != workspace) {
        input.refuse("booking", "must be a booking of this workspace");
    }
    if person.is_some_and(|name| name.workspace != workspace) {
        input.refuse("person", "must be a person of this workspace");
    }
    let recipient = if request.recipient.is_empty() {
        None
    } else if request.recipient.contains('@') {
        let email: Option<EmailAddress> = input.parse("recipient", &request.recipient);
        email.map(|email| email.as_str().to_lowercase())
    } else {
        number(&mut input, "recipient", &request.recipient).map(|number| number.as_str().to_owned())
    };
    let filter = match (booking, person, recipient) {
        (None, None, None) => Filter::All,
        (Some(booking), None, None) => Filter::Booking(booking.id),
        (None, Some(person), None) => Filter::Person(person.id),
        (None, None, Some(recipient)) => Filter::Recipient(recipient),
        _ => {
            input.refuse("booking", "must be the only one of booking, person and recipient");
            Filter::All
        }
    };
    input.finish_with(Some(filter))
}
