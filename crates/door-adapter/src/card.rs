//! What a door access system must be able to do so that people's cards open its doors.

use std::future::Future;

use proto::access::v1::AccessReason;
use secrecy::SecretString;

use crate::error::{ApplyError, ErrorKind, ProviderError};
use crate::provider::{Account, DoorProvider};
use crate::request::Person;

/// A door access system that may know cards. A card has no rights of its own: it opens what its person may open, when
/// they may. Someone waits for each answer. A provider without cards leaves all of it as it is here.
pub trait Cards: DoorProvider {
    /// Finds the card that is meant, so that it can be given to someone; nothing opens by that. Twice finds the same one.
    fn find_card(
        &self,
        account: &Account,
        sought: &SoughtCard,
    ) -> impl Future<Output = Result<FoundCard, ProviderError>> + Send {
        let _ = (account, sought);
        async { Err(no_cards(Self::DISPLAY_NAME)) }
    }

    /// Has a card be as wished. Tries once; twice is once, and whatever became of the last try, it ends as wished. A card
    /// that someone else has there is not taken from them to be given ([`taken_card`]).
    fn set_card(
        &self,
        account: &Account,
        request: &CardRequest,
    ) -> impl Future<Output = Result<(), ApplyError>> + Send {
        let _ = (account, request);
        async { Err(no_cards(Self::DISPLAY_NAME).into()) }
    }
}

/// Which card is meant.
#[derive(Debug, Clone)]
pub enum SoughtCard {
    /// The one with this number: what is printed on it, or what readers read. Kept nowhere.
    Number(SecretString),
    /// The next one that is shown to the reader with this id of the provider's.
    ShownTo(String),
}

/// A card as a provider knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundCard {
    /// The provider's id of it, which opens nothing.
    pub provider_ref: String,
    /// The last digits of its number, by which people tell it from their others: [`FoundCard::last_digits_of`].
    pub last_digits: String,
}

impl FoundCard {
    /// So many characters of a number are shown.
    const SHOWN_CHARS: usize = 4;

    /// The end of a number, and never more than half of it.
    pub fn last_digits_of(number: &str) -> String {
        let count = number.chars().count();
        number.chars().skip(count - Self::SHOWN_CHARS.min(count / 2)).collect()
    }
}

/// What should be of a card.
#[derive(Debug, Clone, PartialEq)]
pub struct CardRequest {
    /// The provider's id of it.
    pub card_ref: String,
    /// Whose it is, or was.
    pub person: Person,
    /// How it should be.
    pub wish: CardWish,
}

/// How a card should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardWish {
    /// The person has it: it opens what they may open.
    Held,
    /// The person does not have it.
    Taken,
    /// It is lost: nobody has it, whoever did, and it opens nothing.
    Lost,
}

/// The provider has no such card.
pub fn unknown_card(provider: &str) -> ProviderError {
    let reason = format!("{provider} knows no such card: see whether the number is right");
    ProviderError::new(ErrorKind::NotFound, reason).with_code(AccessReason::CardUnknown)
}

/// Someone else has the card there.
pub fn taken_card(provider: &str) -> ProviderError {
    let reason = format!("someone else has the card at {provider}: take it away from them first");
    ProviderError::new(ErrorKind::Conflict, reason).with_code(AccessReason::CardTaken)
}

/// The provider has no cards, or does not know them as they are sought.
pub fn no_cards(provider: &str) -> ProviderError {
    let reason = format!("{provider} has no cards, or does not find them like that");
    ProviderError::new(ErrorKind::Rejected, reason).with_code(AccessReason::CardUnsupported)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_number_the_end_is_shown_and_never_more_than_half() {
        for (number, shown) in [
            ("0012345678", "5678"),
            ("04A2B9C17F6180", "6180"),
            ("12345", "45"),
            ("12", "2"),
            ("7", ""),
            ("", ""),
            ("äöüß7890", "7890"),
        ] {
            assert_eq!(FoundCard::last_digits_of(number), shown, "{number}");
        }
    }
}
