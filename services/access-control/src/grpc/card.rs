//! `CardService`.

use std::sync::Arc;

use chassis::audit::Author;
use chassis::input::Input;
use chassis::paging::Page;
use chassis::rpc::{REQUEST_BYTES_MAX, author, principal, refuse};
use domain::WorkspaceId;
use domain::names::{CardName, WorkspaceName};
use proto::access::v1 as pb;
use proto::access::v1::card_service_server::{CardService, CardServiceServer};
use tonic::{Request, Response, Status};

use super::{Methods, of};
use crate::app::{App, Caller};
use crate::convert;
use crate::model::CardState;

pub(crate) fn card_service(app: Arc<App>) -> CardServiceServer<Methods> {
    CardServiceServer::new(Methods { app }).max_decoding_message_size(REQUEST_BYTES_MAX)
}

fn parent(text: &str) -> Result<WorkspaceId, Status> {
    let mut input = Input::new();
    let parsed = input.parse("parent", text);
    let WorkspaceName(workspace) = input.finish_with(parsed).map_err(refuse)?;
    Ok(workspace)
}

/// Whom a request is of, and which card it names.
fn named<T>(request: &Request<T>, name: &str) -> Result<(CardName, Caller, Author), Status> {
    let (caller, author) = (principal(request)?, author(request)?);
    let mut input = Input::new();
    let parsed = input.parse("name", name);
    let name: CardName = input.finish_with(parsed).map_err(refuse)?;
    Ok((name, of(name.workspace, &caller)?, author))
}

impl Methods {
    async fn end_card(
        &self,
        (name, caller, author): (CardName, Caller, Author),
        state: CardState,
    ) -> Result<Option<pb::Card>, Status> {
        let card = self.app.end_card(name, state, &caller, &author).await.map_err(refuse)?;
        Ok(Some(convert::card(&card, caller.is_staff())))
    }
}

#[tonic::async_trait]
impl CardService for Methods {
    async fn give_card(
        &self,
        request: Request<pb::GiveCardRequest>,
    ) -> Result<Response<pb::GiveCardResponse>, Status> {
        let (caller, author) = (principal(&request)?, author(&request)?);
        let message = request.into_inner();
        let workspace = parent(&message.parent)?;
        caller.manages(workspace).map_err(refuse)?;
        let given = convert::given_card(workspace, message).map_err(refuse)?;
        let card = self.app.give_card(workspace, given, &author).await.map_err(refuse)?;
        Ok(Response::new(pb::GiveCardResponse { card: Some(convert::card(&card, true)) }))
    }

    async fn list_cards(
        &self,
        request: Request<pb::ListCardsRequest>,
    ) -> Result<Response<pb::ListCardsResponse>, Status> {
        let caller = principal(&request)?;
        let message = request.into_inner();
        let workspace = parent(&message.parent)?;
        let caller = of(workspace, &caller)?;
        let person = convert::cards_of(workspace, &message.person).map_err(refuse)?;
        let shown = if message.show_ended { "all" } else { "held" };
        let binding = ["ListCards", &message.parent, &message.person, shown];
        let page = Page::read(message.page_size, &message.page_token, &binding).map_err(refuse)?;
        let listed = self.app.list_cards(workspace, person, message.show_ended, &caller, page).await;
        let (cards, next_page_token) = listed.map_err(refuse)?;
        let cards = cards.iter().map(|card| convert::card(card, caller.is_staff())).collect();
        Ok(Response::new(pb::ListCardsResponse { cards, next_page_token }))
    }

    async fn take_card(
        &self,
        request: Request<pb::TakeCardRequest>,
    ) -> Result<Response<pb::TakeCardResponse>, Status> {
        let named = named(&request, &request.get_ref().name)?;
        let card = self.end_card(named, CardState::Taken).await?;
        Ok(Response::new(pb::TakeCardResponse { card }))
    }

    async fn report_card_lost(
        &self,
        request: Request<pb::ReportCardLostRequest>,
    ) -> Result<Response<pb::ReportCardLostResponse>, Status> {
        let named = named(&request, &request.get_ref().name)?;
        let card = self.end_card(named, CardState::Lost).await?;
        Ok(Response::new(pb::ReportCardLostResponse { card }))
    }
}
