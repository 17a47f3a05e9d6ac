//! People's cards: of the console's user that a person is. A card opens what its user may open, when they may, so it has no
//! window and needs none. What a person has as a visitor no card opens: each of these is a visitor of its own, and a card
//! has one holder.
//!
//! Nothing of cards is kept in this ledger. Whoever asks once more finds out at the console who has one.

use door_adapter::{
    Account, ApplyError, CardRequest, CardWish, Cards, DoorProvider as _, ErrorKind, FoundCard,
    ProviderError, SoughtCard, no_cards, taken_card, unknown_card,
};
use proto::access::v1::AccessReason;
use secrecy::ExposeSecret as _;

use crate::members::cannot_be;
use crate::provider::UnifiProvider;
use crate::vendor::{Card, Console, Holder, Line, NOT_SUPPORTED, Pages};

impl Cards for UnifiProvider {
    /// One that the console knows: by what is shown of it there, else by what staff calls it.
    async fn find_card(&self, account: &Account, sought: &SoughtCard) -> Result<FoundCard, ProviderError> {
        let console = self.open(account, Line::Doors)?;
        let found = match sought {
            SoughtCard::Number(number) => by_number(&console, number.expose_secret()).await,
            SoughtCard::ShownTo(reader) => shown_to(&console, reader).await,
        };
        found.map_err(without_cards)
    }

    async fn set_card(&self, account: &Account, request: &CardRequest) -> Result<(), ApplyError> {
        let console = self.open(account, Line::Doors)?;
        let set = match request.wish {
            CardWish::Held => self.give_card(account, &console, request).await,
            CardWish::Taken => self.take_card(account, &console, request).await,
            CardWish::Lost => lose(&console, &request.card_ref).await.map_err(ApplyError::from),
        };
        set.map_err(|error| match error {
            ApplyError::Provider(error) => without_cards(error).into(),
            error => error,
        })
    }
}

impl UnifiProvider {
    async fn give_card(
        &self,
        account: &Account,
        console: &Console,
        request: &CardRequest,
    ) -> Result<(), ApplyError> {
        let (name, token) = (account.integration, request.card_ref.as_str());
        let card = console.find_card(token).await?;
        let card = card.ok_or_else(|| unknown_card(Self::DISPLAY_NAME))?;
        if !card.is_usable() {
            let reason = "the card is disabled or lost at the console: enable it there, or take another";
            let error = ProviderError::new(ErrorKind::Rejected, reason);
            return Err(error.with_code(AccessReason::CardUnknown).into());
        }
        let user = self.members(console, name).user_of(&request.person).await?;
        if is_of(&card, &user.id)? {
            return Ok(());
        }
        match console.give_card(&user.id, token).await {
            // Somebody gave it in between.
            Err(error) if error.kind == ErrorKind::Conflict => match console.find_card(token).await? {
                Some(card) if is_of(&card, &user.id)? => Ok(()),
                _ => Err(error.into()),
            },
            given => Ok(given?),
        }
    }

    async fn take_card(
        &self,
        account: &Account,
        console: &Console,
        request: &CardRequest,
    ) -> Result<(), ApplyError> {
        let Some(card) = console.find_card(&request.card_ref).await? else { return Ok(()) };
        let Some(Holder::User(holder)) = card.holder() else { return Ok(()) };
        let own = self.members(console, account.integration).id_of(request.person.id).await?;
        if own.as_deref() == Some(holder) {
            console.take_card(Holder::User(holder), &card.token).await?;
        }
        Ok(())
    }
}

async fn lose(console: &Console, token: &str) -> Result<(), ProviderError> {
    let Some(card) = console.find_card(token).await? else { return Ok(()) };
    match card.holder() {
        Some(holder) => console.take_card(holder, &card.token).await,
        None => Ok(()),
    }
}

/// Whether the user has the card. An error if someone else has it.
fn is_of(card: &Card, user: &str) -> Result<bool, ProviderError> {
    match card.holder() {
        None => Ok(false),
        Some(holder) if holder == Holder::User(user) => Ok(true),
        Some(_) => Err(taken_card(UnifiProvider::DISPLAY_NAME)),
    }
}

/// What staff calls a card may be called so twice: then none.
async fn by_number(console: &Console, number: &str) -> Result<FoundCard, ProviderError> {
    let last_digits = FoundCard::last_digits_of(number);
    let (mut pages, mut called) = (Pages::<Card>::default(), Vec::new());
    while let Some(cards) = pages.read_on(console).await? {
        for card in cards.into_iter().filter(|card| card.status != "deleted") {
            if card.display_id.eq_ignore_ascii_case(number) {
                return Ok(FoundCard { provider_ref: card.token, last_digits });
            }
            if card.alias == number {
                called.push(card.token);
            }
        }
    }
    match <[String; 1]>::try_from(called) {
        Ok([provider_ref]) => Ok(FoundCard { provider_ref, last_digits }),
        Err(_) => Err(unknown_card(UnifiProvider::DISPLAY_NAME)),
    }
}

async fn shown_to(console: &Console, reader: &str) -> Result<FoundCard, ProviderError> {
    match console.read_card(reader, console.shown_timeout()).await? {
        Some(card) => {
            Ok(FoundCard { last_digits: FoundCard::last_digits_of(&card.card_id), provider_ref: card.token })
        }
        None => {
            let reason = "no card was shown to the reader in time: try again";
            let error = ProviderError::new(ErrorKind::NotFound, reason);
            Err(error.with_code(AccessReason::CardUnknown))
        }
    }
}

/// A token that must not give cards is good for all else, so it is not laid to the credentials.
fn without_cards(error: ProviderError) -> ProviderError {
    match error.vendor_code() {
        Some(NOT_SUPPORTED) => no_cards(UnifiProvider::DISPLAY_NAME),
        _ if cannot_be(&error) => {
            let reason = "the console does not let cards be given: the API token needs the permissions view:credential, \
                          edit:credential, view:user, edit:user and edit:visitor";
            error.meaning(ErrorKind::Rejected, reason)
        }
        _ if error.kind == ErrorKind::Conflict => taken_card(UnifiProvider::DISPLAY_NAME),
        _ => error,
    }
}
