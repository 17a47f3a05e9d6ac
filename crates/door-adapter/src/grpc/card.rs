//! Cards, as `DoorControlService` finds and sets them.

use std::time::Duration;

use chassis::input::{Input, InvalidInput};
use proto::access::v1 as pb;
use secrecy::SecretString;
use tokio::time::{Instant, timeout_at};

use super::control::{Controls, OPERATE_TIMEOUT, late, of_call};
use super::convert::{AccountRef, TEXT_CHARS_MAX, take_account};
use crate::card::{CardRequest, CardWish, Cards, FoundCard, SoughtCard};
use crate::control::DoorControl;
use crate::error::ProviderError;
use crate::request::whom;

/// How long a card may take to be shown to a reader.
const SHOWN_TIMEOUT: Duration = Duration::from_secs(20);

impl<P: DoorControl + Cards> Controls<P> {
    pub(super) async fn find_card(
        &self,
        account: AccountRef,
        sought: &SoughtCard,
    ) -> Result<FoundCard, ProviderError> {
        let limit = match sought {
            SoughtCard::Number(_) => OPERATE_TIMEOUT,
            SoughtCard::ShownTo(_) => SHOWN_TIMEOUT,
        };
        let deadline = Instant::now() + limit;
        let _place = self.admit(account.integration)?;
        let account = self.account(account, deadline).await?;
        let found = timeout_at(deadline, self.provider.find_card(&account, sought)).await;
        found.unwrap_or_else(|_| Err(late::<P>(limit)))
    }

    pub(super) async fn set_card(
        &self,
        account: AccountRef,
        request: &CardRequest,
    ) -> Result<(), ProviderError> {
        let deadline = Instant::now() + OPERATE_TIMEOUT;
        let _place = match request.wish {
            CardWish::Held => Some(self.admit(account.integration)?),
            // What must not open any more waits for nothing else.
            CardWish::Taken | CardWish::Lost => None,
        };
        let account = self.account(account, deadline).await?;
        match timeout_at(deadline, self.provider.set_card(&account, request)).await {
            Ok(set) => of_call(set),
            Err(_) => Err(late::<P>(OPERATE_TIMEOUT).with_unknown_outcome()),
        }
    }
}

/// Where a card is sought, and which.
pub(super) fn sought(message: pb::FindProviderCardRequest) -> Result<(AccountRef, SoughtCard), InvalidInput> {
    use pb::find_provider_card_request::Card;
    let mut input = Input::new();
    let account = take_account(&mut input, message.account.as_ref());
    let sought = input.required("card", message.card).and_then(|card| match card {
        Card::Number(number) => {
            let number = input.text("number", &number, TEXT_CHARS_MAX)?;
            Some(SoughtCard::Number(SecretString::from(number)))
        }
        Card::ReaderRef(reader) => input.text("reader_ref", &reader, TEXT_CHARS_MAX).map(SoughtCard::ShownTo),
    });
    input.finish_with(account.zip(sought))
}

/// Where a card is, and how it should be.
pub(super) fn wish(message: &pb::SetProviderCardRequest) -> Result<(AccountRef, CardRequest), InvalidInput> {
    let mut input = Input::new();
    let account = take_account(&mut input, message.account.as_ref());
    let card_ref = input.text("card_ref", &message.card_ref, TEXT_CHARS_MAX);
    let workspace = account.map(|account| account.integration.workspace);
    let person = workspace.and_then(|workspace| whom(&mut input, workspace, message.person.as_ref()));
    let wish = match message.wish() {
        pb::CardWish::Held => Some(CardWish::Held),
        pb::CardWish::Taken => Some(CardWish::Taken),
        pb::CardWish::Lost => Some(CardWish::Lost),
        pb::CardWish::Unspecified => {
            input.refuse("wish", "must be CARD_WISH_HELD, CARD_WISH_TAKEN or CARD_WISH_LOST");
            None
        }
    };
    let request = (|| Some(CardRequest { card_ref: card_ref?, person: person?, wish: wish? }))();
    input.finish_with(account.zip(request))
}

impl From<FoundCard> for pb::ProviderCard {
    fn from(card: FoundCard) -> Self {
        Self { r#ref: card.provider_ref, last_digits: card.last_digits }
    }
}
