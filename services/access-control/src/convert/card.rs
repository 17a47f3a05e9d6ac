//! People's cards.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{CardName, IntegrationName, LocationName, PersonName};
use domain::{PersonId, ProviderName, WorkspaceId};
use proto::access::v1 as pb;

use crate::app::{GivenCard, SoughtCard};
use crate::model::{Card, CardPlace, CardState};

/// Characters of a card's number, and of a provider's id of a reader.
const NUMBER_CHARS_MAX: usize = 100;
/// Providers that know one card.
const PROVIDERS_MAX: usize = 10;

/// Whose card it is to be, which one, and where.
pub(crate) fn given_card(
    workspace: WorkspaceId,
    message: pb::GiveCardRequest,
) -> Result<GivenCard, InvalidInput> {
    use pb::give_card_request::Card as Given;
    let mut input = Input::new();
    let person = own(&mut input, workspace, &message.person);
    let sought = input.required("card", message.card).and_then(|card| match card {
        Given::Number(number) => input.text("number", &number, NUMBER_CHARS_MAX).map(SoughtCard::Number),
        Given::ReaderRef(reader) => {
            if message.providers.len() > 1 {
                input.refuse("providers", "must be one: a reader is one provider's");
            }
            input.text("reader_ref", &reader, NUMBER_CHARS_MAX).map(SoughtCard::ReaderRef)
        }
    });
    if message.providers.is_empty() || message.providers.len() > PROVIDERS_MAX {
        input.refuse("providers", "must be 1 to 10");
    }
    let mut providers = Vec::new();
    for (number, place) in message.providers.iter().enumerate() {
        let provider: Option<ProviderName> =
            input.parse(&format!("providers[{number}].provider"), &place.provider);
        let field = format!("providers[{number}].location");
        let location: Option<LocationName> = input.parse(&field, &place.location);
        if location.is_some_and(|location| location.workspace != workspace) {
            input.refuse(&field, "must be of the workspace");
        }
        providers
            .extend(provider.zip(location).map(|(provider, location)| (provider.to_string(), location.id)));
    }
    input.finish_with(person.zip(sought).map(|(person, sought)| GivenCard { person, sought, providers }))
}

/// Whose cards are listed; `None`: everybody's.
pub(crate) fn cards_of(workspace: WorkspaceId, person: &str) -> Result<Option<PersonId>, InvalidInput> {
    if person.is_empty() {
        return Ok(None);
    }
    let mut input = Input::new();
    let person = own(&mut input, workspace, person);
    input.finish_with(person.map(Some))
}

fn own(input: &mut Input, workspace: WorkspaceId, person: &str) -> Option<PersonId> {
    let person: Option<PersonName> = input.parse("person", person);
    if person.is_some_and(|person| person.workspace != workspace) {
        input.refuse("person", "must be of the workspace");
    }
    person.map(|person| person.id)
}

/// A card; `for_staff`: with what providers said.
pub(crate) fn card(card: &Card, for_staff: bool) -> pb::Card {
    let Card { workspace, id, person, .. } = *card;
    pb::Card {
        name: CardName { workspace, id }.to_string(),
        person: PersonName { workspace, id: person }.to_string(),
        last_digits: card.last_digits.clone(),
        state: state(card.state).into(),
        places: card.places.iter().map(|it| place(it, for_staff)).collect(),
        give_time: Some(timestamp(card.given_at)),
        end_time: card.ended_at.map(timestamp),
    }
}

fn place(place: &CardPlace, for_staff: bool) -> pb::CardPlace {
    let integration = IntegrationName { workspace: place.account.workspace, id: place.account.id };
    pb::CardPlace {
        provider: place.account.provider.clone(),
        integration: integration.to_string(),
        is_settled: place.is_settled,
        reason: place.reason.into(),
        detail: if for_staff { place.detail.clone() } else { String::new() },
    }
}

fn state(state: CardState) -> pb::CardState {
    match state {
        CardState::Held => pb::CardState::Held,
        CardState::Taken => pb::CardState::Taken,
        CardState::Lost => pb::CardState::Lost,
    }
}

/// What a provider is told of a card.
pub(crate) fn card_wish(state: CardState) -> pb::CardWish {
    match state {
        CardState::Held => pb::CardWish::Held,
        CardState::Taken => pb::CardWish::Taken,
        CardState::Lost => pb::CardWish::Lost,
    }
}
