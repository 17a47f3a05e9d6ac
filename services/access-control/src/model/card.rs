//! People's cards.

use chrono::Duration;
use domain::{CardId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::AccessReason;

use crate::control::Account;
use crate::model::Person;

/// What failed is told again after at least this long, and at the most.
const AGAIN_MIN: Duration = Duration::seconds(2);
const AGAIN_MAX: Duration = Duration::minutes(5);
/// The same of a card that should not open doors any more.
const AGAIN_MAX_IN_HASTE: Duration = Duration::seconds(30);

chassis::text_enum! {
    /// How a card is, and what a provider is told of it.
    pub(crate) enum CardState { Held = "held", Taken = "taken", Lost = "lost" }
}

impl CardState {
    /// What a provider is told: whoever may not be let in has no card.
    pub(crate) fn wish(self, is_active: bool) -> Self {
        match self {
            Self::Held if !is_active => Self::Taken,
            state => state,
        }
    }
}

/// A card that a person has, or had.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub workspace: WorkspaceId,
    pub id: CardId,
    pub person: PersonId,
    pub last_digits: String,
    pub state: CardState,
    pub version: i64,
    pub given_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub places: Vec<CardPlace>,
}

/// An account that knows a card.
#[derive(Debug, Clone)]
pub(crate) struct CardPlace {
    pub account: Account,
    /// The provider's id of the card.
    pub card_ref: String,
    pub reason: AccessReason,
    pub detail: String,
    /// Whether the provider has what it should.
    pub is_settled: bool,
}

/// Something that a provider is to be told of a card.
#[derive(Debug, Clone)]
pub(crate) struct CardErrand {
    pub card: CardId,
    pub account: Account,
    pub card_ref: String,
    pub person: Person,
    /// How the card is.
    pub state: CardState,
    /// What the provider last confirmed.
    pub told: Option<CardState>,
    pub failures: i32,
    pub revision: i64,
    /// From then on it may be somebody else's.
    pub until: Timestamp,
}

impl CardErrand {
    /// What is told.
    pub(crate) fn wish(&self) -> CardState {
        self.state.wish(self.person.is_active)
    }

    /// After how long it is told again if it fails once more.
    pub(crate) fn again(&self) -> Duration {
        let max = if self.wish() == CardState::Held { AGAIN_MAX } else { AGAIN_MAX_IN_HASTE };
        let factor = 1_i32.checked_shl(u32::try_from(self.failures).unwrap_or(0)).unwrap_or(i32::MAX);
        AGAIN_MIN.checked_mul(factor).map_or(max, |wait| wait.min(max))
    }
}

#[cfg(test)]
mod tests {
    use super::CardState::{Held, Lost, Taken};

    #[test]
    fn a_card_opens_nothing_while_its_person_may_not_be_let_in() {
        for (state, is_active, wish) in [
            (Held, true, Held),
            (Held, false, Taken),
            (Taken, true, Taken),
            (Taken, false, Taken),
            (Lost, true, Lost),
            (Lost, false, Lost),
        ] {
            assert_eq!(state.wish(is_active), wish, "{state:?}, active: {is_active}");
        }
    }
}
