//! People's cards: of Kisi's user that a person is. A card opens what its user may open, when they may, so it has no
//! window and needs none.
//!
//! Nothing of cards is kept in this ledger. A card has one holder at a time at Kisi; whoever asks once more finds out
//! who that is.

use domain::PersonId;
use door_adapter::{
    Account, ApplyError, CardRequest, CardWish, Cards, DoorProvider as _, FoundCard, ProviderError,
    SoughtCard, no_cards, taken_card, unknown_card,
};
use secrecy::ExposeSecret as _;
use vendor_http::ErrorKind as VendorKind;

use crate::provider::{KisiProvider, failure};
use crate::user::Users;
use crate::vendor::wire::{CardId, UserId};
use crate::vendor::{KisiAccount, KnownBy, Line, may_exist_already};

/// By what a card is known at Kisi whose number was typed: its own cards by what is printed on them.
const KNOWN_BY: [KnownBy; 3] = [KnownBy::Token, KnownBy::Uid, KnownBy::CardNumber];

impl Cards for KisiProvider {
    /// One that Kisi does not know yet is enrolled, if it is one of Kisi's own.
    async fn find_card(&self, account: &Account, sought: &SoughtCard) -> Result<FoundCard, ProviderError> {
        let SoughtCard::Number(number) = sought else { return Err(no_cards(Self::DISPLAY_NAME)) };
        let number = number.expose_secret();
        let kisi = self.open_promptly(account, Line::Doors)?;
        let found = |id: CardId| FoundCard {
            provider_ref: id.to_string(),
            last_digits: FoundCard::last_digits_of(number),
        };
        for known_by in KNOWN_BY {
            if let Some(card) = kisi.find_card_by(known_by, number).await.map_err(failure)? {
                return Ok(found(card));
            }
        }
        match kisi.enrol_card(number).await {
            Ok(card) => Ok(found(card)),
            Err(error) => match error.vendor().map(|vendor| (vendor.kind, vendor.status())) {
                Some((VendorKind::NotFound, _) | (_, Some(422))) => Err(unknown_card(Self::DISPLAY_NAME)),
                _ => Err(failure(error)),
            },
        }
    }

    async fn set_card(&self, account: &Account, request: &CardRequest) -> Result<(), ApplyError> {
        let card: Option<CardId> = request.card_ref.parse().ok().map(CardId);
        let kisi = self.open_promptly(account, Line::Doors)?;
        match (card, request.wish) {
            (None, CardWish::Held) => Err(unknown_card(Self::DISPLAY_NAME).into()),
            (None, CardWish::Taken | CardWish::Lost) => Ok(()),
            (Some(card), CardWish::Held) => self.give(account, &kisi, card, request).await,
            (Some(card), CardWish::Taken) => {
                match self.ledger().user(account.integration, request.person.id).await? {
                    Some(known) => take(&kisi, card, Some(known.id)).await,
                    None => Ok(()),
                }
            }
            (Some(card), CardWish::Lost) => take(&kisi, card, None).await,
        }
    }
}

impl KisiProvider {
    async fn give(
        &self,
        account: &Account,
        kisi: &KisiAccount,
        card: CardId,
        request: &CardRequest,
    ) -> Result<(), ApplyError> {
        if kisi.find_card(card).await.map_err(failure)?.is_none() {
            return Err(unknown_card(Self::DISPLAY_NAME).into());
        }
        let user = self.holder(account, kisi, request).await?;
        if has(kisi, card, user).await? {
            return Ok(());
        }
        match kisi.assign_card(card, user).await {
            Ok(made) if made.is_active() => Ok(()),
            Ok(made) => Ok(kisi.activate_card(made.id).await.map_err(failure)?),
            // Somebody else gave it in between.
            Err(error) if error.vendor().is_some_and(may_exist_already) && has(kisi, card, user).await? => {
                Ok(())
            }
            Err(error) => Err(failure(error).into()),
        }
    }

    /// The person's user, made if there is none, so that a card can be given before anything lets them in. One that is
    /// suspended stays so: the next access ends that.
    async fn holder(
        &self,
        account: &Account,
        kisi: &KisiAccount,
        request: &CardRequest,
    ) -> Result<UserId, ApplyError> {
        let (integration, person): (_, PersonId) = (account.integration, request.person.id);
        if let Some(known) = self.ledger().user(integration, person).await? {
            if kisi.find_user(known.id).await.map_err(failure)?.is_some() {
                return Ok(known.id);
            }
            self.ledger().forget_user(integration, person, known.id).await?;
        }
        Users { ledger: self.ledger(), kisi, account: integration, person: &request.person }
            .find_or_make()
            .await
    }
}

/// Whether the user has the card, so that it works. An error if someone else has it.
async fn has(kisi: &KisiAccount, card: CardId, user: UserId) -> Result<bool, ApplyError> {
    let assignments = kisi.list_card_assignments(card).await.map_err(failure)?;
    let Some(first) = assignments.first() else { return Ok(false) };
    let Some(own) = assignments.iter().find(|row| row.is_of(user)) else {
        tracing::info!(kisi.card_assignment = first.id.0, "someone else has the card at Kisi");
        return Err(taken_card(KisiProvider::DISPLAY_NAME).into());
    };
    if !own.is_active() {
        kisi.activate_card(own.id).await.map_err(failure)?;
    }
    Ok(true)
}

/// Takes the card from the user; `None`: from whoever has it.
async fn take(kisi: &KisiAccount, card: CardId, user: Option<UserId>) -> Result<(), ApplyError> {
    for row in kisi.list_card_assignments(card).await.map_err(failure)? {
        if user.is_none_or(|user| row.is_of(user)) {
            kisi.unassign_card(row.id).await.map_err(failure)?;
        }
    }
    Ok(())
}
