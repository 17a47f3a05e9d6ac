//! Cards, and who has them (Kisi API reference, Cards).

use serde::{Deserialize, Serialize};
use vendor_http::http::Method;

use super::client::{KisiAccount, PAGE};
use super::error::Error;
use super::wire::{CardAssignmentId, CardId, Row, UserId};

const CARDS: &str = "/cards";
const CARD_ASSIGNMENTS: &str = "/card_assignments";

/// The kind of card that has its token printed on it.
const PRINTED: &str = "mifare_desfire";
/// How an assignment stands that opens doors.
const ACTIVE: &str = "activated";

/// `GET /cards`.
#[derive(Deserialize)]
pub(crate) struct Card {
    pub(crate) id: CardId,
    token: Option<String>,
    uid: Option<String>,
    card_number: Option<String>,
}

/// By what an enrolled card is known.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KnownBy {
    /// What is printed on Kisi's own.
    Token,
    Uid,
    CardNumber,
}

impl KnownBy {
    fn filter(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Uid => "uid",
            Self::CardNumber => "card_number",
        }
    }

    fn of(self, card: &Card) -> Option<&str> {
        match self {
            Self::Token => card.token.as_deref(),
            Self::Uid => card.uid.as_deref(),
            Self::CardNumber => card.card_number.as_deref(),
        }
    }
}

/// `GET /card_assignments`.
#[derive(Debug, Deserialize)]
pub(crate) struct CardAssignment {
    pub(crate) id: CardAssignmentId,
    card_id: CardId,
    assignee_type: String,
    assignee_id: u64,
    status: Option<String>,
}

impl CardAssignment {
    pub(crate) fn is_of(&self, user: UserId) -> bool {
        self.assignee_type == "User" && self.assignee_id == user.0
    }

    /// Whether the card opens doors by it.
    pub(crate) fn is_active(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == ACTIVE)
    }
}

impl Row for Card {
    fn row_id(&self) -> u64 {
        self.id.0
    }
}

impl Row for CardAssignment {
    fn row_id(&self) -> u64 {
        self.id.0
    }
}

#[derive(Serialize)]
struct NewCard<'a> {
    card: NewCardFields<'a>,
}

#[derive(Serialize)]
struct NewCardFields<'a> {
    r#type: &'static str,
    token: &'a str,
}

#[derive(Serialize)]
struct NewCardAssignment {
    card_assignment: NewCardAssignmentFields,
}

#[derive(Serialize)]
struct NewCardAssignmentFields {
    assignee_type: &'static str,
    assignee_id: UserId,
    card_id: CardId,
}

impl KisiAccount {
    /// The enrolled card that is known by this number. If several are, none.
    pub(crate) async fn find_card_by(
        &self,
        known_by: KnownBy,
        number: &str,
    ) -> Result<Option<CardId>, Error> {
        let mut cards: Vec<Card> = self.list(CARDS, "cards", PAGE, &[(known_by.filter(), number)]).await?;
        // The filter is not to be relied on: another card would be given away.
        cards.retain(|card| known_by.of(card) == Some(number));
        Ok(match &cards[..] {
            [card] => Some(card.id),
            _ => None,
        })
    }

    /// The enrolled card, unless deleted.
    pub(crate) async fn find_card(&self, card: CardId) -> Result<Option<Card>, Error> {
        self.find(self.call(Method::GET, "/cards/{id}", &["cards", &card.to_string()], &[])).await
    }

    /// Enrols the card with this token printed on it. It opens nothing by that.
    pub(crate) async fn enrol_card(&self, token: &str) -> Result<CardId, Error> {
        let card = NewCardFields { r#type: PRINTED, token };
        let call = self.call(Method::POST, CARDS, &["cards"], &[]).json(&NewCard { card });
        let card: Card = self.send(call).await?.json()?;
        Ok(card.id)
    }

    /// Who has the card.
    pub(crate) async fn list_card_assignments(&self, card: CardId) -> Result<Vec<CardAssignment>, Error> {
        let id = card.to_string();
        let query = [("card_id", id.as_str())];
        let mut rows: Vec<CardAssignment> =
            self.list(CARD_ASSIGNMENTS, "card_assignments", PAGE, &query).await?;
        // The filter is not to be relied on: a wrong row would be taken away as this card's.
        rows.retain(|row| row.card_id == card);
        Ok(rows)
    }

    /// Gives the card to the user, without a PIN beside it.
    pub(crate) async fn assign_card(&self, card: CardId, user: UserId) -> Result<CardAssignment, Error> {
        let card_assignment =
            NewCardAssignmentFields { assignee_type: "User", assignee_id: user, card_id: card };
        let call = self.call(Method::POST, CARD_ASSIGNMENTS, &["card_assignments"], &[]);
        Ok(self.send(call.json(&NewCardAssignment { card_assignment })).await?.json()?)
    }

    /// Has the card open what its holder may open.
    pub(crate) async fn activate_card(&self, id: CardAssignmentId) -> Result<(), Error> {
        let id = id.to_string();
        let segments = ["card_assignments", id.as_str(), "activate"];
        let call = self.call(Method::POST, "/card_assignments/{id}/activate", &segments, &[]);
        self.send(call.idempotent()).await?;
        Ok(())
    }

    /// Takes the card from its holder. One that is not theirs any more is fine.
    pub(crate) async fn unassign_card(&self, id: CardAssignmentId) -> Result<(), Error> {
        self.delete("/card_assignments/{id}", "card_assignments", id.0).await
    }
}
