//! People's cards.

use access_control::DEFINITION;
use chassis::auth::{Principal, Role};
use chrono::Duration;
use domain::PersonId;
use proto::access::v1 as pb;
use proto::access::v1::CardWish::{Held, Lost, Taken};
use proto::access::v1::card_service_client::CardServiceClient;
use proto::access::v1::give_card_request::Card as Sought;
use proto::workspace::v1::{Person, PersonStatus};
use testkit::{Bearer, eventually};
use tokio::task::JoinSet;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::control::Played;
use crate::doors::room;
use crate::world::{LIMIT, World};

type Cards = CardServiceClient<InterceptedService<Channel, Bearer>>;

/// Stands nowhere but at providers.
const NUMBER: &str = "0012345678";

impl World {
    fn cards_as(&self, principal: &Principal) -> Cards {
        CardServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    fn cards(&self) -> Cards {
        self.cards_as(&Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin))
    }

    fn card_for(&self, person: &Person, number: &str) -> pb::GiveCardRequest {
        let place = pb::CardProvider { provider: "kisi".into(), location: self.location.clone() };
        pb::GiveCardRequest {
            parent: self.name.clone(),
            person: person.name.clone(),
            providers: vec![place],
            card: Some(Sought::Number(number.into())),
        }
    }

    async fn give_card(&self, person: &Person, number: &str) -> pb::Card {
        let given = self.cards().give_card(self.card_for(person, number)).await;
        given.unwrap().into_inner().card.unwrap()
    }

    async fn cards_of(&self, cards: &mut Cards, show_ended: bool) -> Vec<pb::Card> {
        let request = pb::ListCardsRequest { parent: self.name.clone(), show_ended, ..Default::default() };
        cards.list_cards(request).await.unwrap().into_inner().cards
    }

    /// This was told of cards, in order, and nothing else.
    async fn told_of_cards(&self, expected: &[&str]) {
        eventually("facts of cards are told", LIMIT, async || {
            let told = self.bodies_told().await.into_iter().map(|(fact, _)| fact);
            let told: Vec<String> = told.filter(|fact| fact.starts_with("card_")).collect();
            if told == expected { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await;
    }

    /// Someone who is known, because they have booked.
    async fn known_person(&mut self, resource: &str) -> Person {
        let person = self.new_person();
        self.tell(&self.booking(&person, resource, 9, 10)).await;
        self.obey().await;
        person
    }

    async fn person_is(&self, person: &mut Person, status: PersonStatus) {
        person.version += 1;
        person.status = status.into();
        self.tell_person(person).await;
    }
}

/// The provider was told this of cards, in order, and nothing else.
async fn told(played: &Played, expected: &[(pb::CardWish, &str, &Person)]) {
    eventually("cards are told", LIMIT, async || {
        let told = played.cards.lock().unwrap().clone();
        let expected =
            expected.iter().map(|(wish, card, person)| (*wish, (*card).to_owned(), person.name.clone()));
        if told == expected.collect::<Vec<_>>() { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().unwrap().reason
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_has_one_holder_until_it_is_taken_away() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let (ada, bob) = (world.known_person(&resource).await, world.known_person(&resource).await);
    let card = world.give_card(&ada, NUMBER).await;
    assert_eq!(
        (card.last_digits.as_str(), card.state(), &card.person),
        ("5678", pb::CardState::Held, &ada.name)
    );
    assert_eq!(card.places.iter().map(|place| place.is_settled).collect::<Vec<_>>(), [true]);
    // Once more is the same card; someone else does not get it.
    assert_eq!(world.give_card(&ada, NUMBER).await.name, card.name);
    let held = world.cards().give_card(world.card_for(&bob, NUMBER)).await.unwrap_err();
    assert_eq!(reason(&held), "CARD_HELD");
    assert!(held.message().contains(&ada.name["workspaces/".len() + 36 + "/people/".len()..]), "{held}");
    told(&played, &[(Held, "card-5678", &ada)]).await;
    let take = pb::TakeCardRequest { name: card.name.clone() };
    for _ in 0..2 {
        let taken = world.cards().take_card(take.clone()).await.unwrap().into_inner().card.unwrap();
        assert_eq!(taken.state(), pb::CardState::Taken);
    }
    let next = world.give_card(&bob, NUMBER).await;
    assert_ne!(next.name, card.name);
    told(&played, &[(Held, "card-5678", &ada), (Taken, "card-5678", &ada), (Held, "card-5678", &bob)]).await;
    // Everybody sees their own, admins all.
    let mut bobs = world.cards_as(&world.principal(&bob, Role::Member));
    assert_eq!(world.cards_of(&mut bobs, true).await, std::slice::from_ref(&next));
    assert_eq!(world.cards_of(&mut world.cards(), false).await, [next]);
    assert_eq!(world.cards_of(&mut world.cards(), true).await.len(), 2);
    // Each change is told and noted, and never by the number.
    world.told_of_cards(&["card_given", "card_taken", "card_given"]).await;
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let lines: Vec<String> = entries.iter().map(testkit::audit_line).collect();
    let of_cards: Vec<&String> = lines.iter().filter(|line| line.contains("card.state")).collect();
    assert_eq!(of_cards.len(), 3, "{lines:?}");
    assert!(of_cards[0].contains("card.last_digits SET 5678"), "{}", of_cards[0]);
    assert!(of_cards[1].contains("card.state REPLACED held -> taken"), "{}", of_cards[1]);
    assert!(!format!("{lines:?}{:?}", world.bodies_told().await).contains(NUMBER));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_opens_nothing_while_its_person_is_paused_and_is_taken_from_who_is_removed() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let mut ada = world.known_person(&resource).await;
    let card = world.give_card(&ada, NUMBER).await;
    let mut expected = vec![Held];
    for (status, wish) in
        [(PersonStatus::Paused, Taken), (PersonStatus::Active, Held), (PersonStatus::Removed, Taken)]
    {
        world.person_is(&mut ada, status).await;
        world.obey().await;
        expected.push(wish);
        let all: Vec<_> = expected.iter().map(|wish| (*wish, "card-5678", &ada)).collect();
        told(&played, &all).await;
        let shown = world.cards_of(&mut world.cards(), true).await;
        let state = if status == PersonStatus::Removed { pb::CardState::Taken } else { pb::CardState::Held };
        assert_eq!((shown[0].name.as_str(), shown[0].state()), (card.name.as_str(), state), "{status:?}");
    }
    // Nobody who is away gets one.
    let refused = world.cards().give_card(world.card_for(&ada, NUMBER)).await.unwrap_err();
    assert_eq!(reason(&refused), "PERSON_NOT_ACTIVE");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_card_is_told_until_the_provider_has_heard_it() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let (ada, bob) = (world.known_person(&resource).await, world.known_person(&resource).await);
    let card = world.give_card(&ada, NUMBER).await;
    let lost = pb::ReportCardLostRequest { name: card.name.clone() };
    // Whose it is not, does not learn that it is there.
    let mut bobs = world.cards_as(&world.principal(&bob, Role::Member));
    let refused = bobs.report_card_lost(lost.clone()).await.unwrap_err();
    assert_eq!(reason(&refused), "CARD_NOT_FOUND");
    played.fail(pb::AccessReason::ProviderUnreachable, true);
    let mut adas = world.cards_as(&world.principal(&ada, Role::Member));
    let reported = adas.report_card_lost(lost.clone()).await.unwrap().into_inner().card.unwrap();
    assert_eq!(reported.state(), pb::CardState::Lost);
    let place = &reported.places[0];
    assert_eq!((place.is_settled, place.reason()), (false, pb::AccessReason::ProviderUnreachable));
    assert_eq!(place.detail, "", "what providers say is for staff");
    // As long as it may open doors, nobody else is given it.
    let held = world.cards().give_card(world.card_for(&bob, NUMBER)).await.unwrap_err();
    assert_eq!(reason(&held), "CARD_BEING_TAKEN");
    world.harness.clock.advance(Duration::minutes(1));
    told(&played, &[(Held, "card-5678", &ada), (Lost, "card-5678", &ada), (Lost, "card-5678", &ada)]).await;
    eventually("it is so", LIMIT, async || {
        let shown = world.cards_of(&mut world.cards(), true).await;
        if shown[0].places[0].is_settled { Ok(()) } else { Err(format!("{shown:?}")) }
    })
    .await;
    // Twice is once; and who finds it may be given it again.
    adas.report_card_lost(lost).await.unwrap();
    world.told_of_cards(&["card_given", "card_lost"]).await;
    assert_eq!(world.give_card(&bob, NUMBER).await.state(), pb::CardState::Held);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_late_does_not_hide_what_was_told_meanwhile() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let ada = world.known_person(&resource).await;
    let gate = played.gate.write().await;
    let (mut cards, request) = (world.cards(), world.card_for(&ada, NUMBER));
    let mut calls = JoinSet::new();
    calls.spawn(async move { cards.give_card(request).await.map(drop) });
    told(&played, &[(Held, "card-5678", &ada)]).await;
    // Its time is over before it is answered; the card is lost meanwhile.
    world.harness.clock.advance(Duration::minutes(1));
    let name = world.cards_of(&mut world.cards(), false).await.pop().unwrap().name;
    let mut cards = world.cards();
    calls.spawn(async move { cards.report_card_lost(pb::ReportCardLostRequest { name }).await.map(drop) });
    eventually("it is told as lost", LIMIT, async || {
        let told = played.cards.lock().unwrap().last().cloned().unwrap();
        if told.0 == Lost { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    let before = played.cards.lock().unwrap().len();
    drop(gate);
    for done in calls.join_all().await {
        done.unwrap();
    }
    // The provider may have heard the first last.
    eventually("it is told once more", LIMIT, async || {
        let told = played.cards.lock().unwrap().clone();
        if told.len() > before && told.last().unwrap().0 == Lost { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    eventually("it is so", LIMIT, async || {
        let shown = world.cards_of(&mut world.cards(), true).await;
        if shown[0].places[0].is_settled { Ok(()) } else { Err(format!("{shown:?}")) }
    })
    .await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_card_is_refused_and_leaves_nothing() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let ada = world.known_person(&resource).await;
    let ask = async |request: pb::GiveCardRequest| {
        let refused = world.cards().give_card(request).await.unwrap_err();
        (reason(&refused), refused.get_details_bad_request().map(|it| it.field_violations[0].field.clone()))
    };
    let good = world.card_for(&ada, NUMBER);
    let fields = [
        ("person", pb::GiveCardRequest { person: "people/7".into(), ..good.clone() }),
        ("card", pb::GiveCardRequest { card: None, ..good.clone() }),
        ("number", pb::GiveCardRequest { card: Some(Sought::Number(" ".into())), ..good.clone() }),
        ("providers", pb::GiveCardRequest { providers: Vec::new(), ..good.clone() }),
    ];
    for (field, request) in fields {
        assert_eq!(ask(request).await.1.as_deref(), Some(field));
    }
    let unknown = pb::GiveCardRequest { person: world.new_person().name, ..good.clone() };
    assert_eq!(ask(unknown).await.0, "PERSON_NOT_FOUND");
    let elsewhere = pb::CardProvider { provider: "unifi".into(), location: world.location.clone() };
    let elsewhere = pb::GiveCardRequest { providers: vec![elsewhere], ..good.clone() };
    assert_eq!(ask(elsewhere).await.0, "LOCATION_NOT_SERVED");
    for (code, reason) in [
        (pb::AccessReason::CardUnknown, "CARD_UNKNOWN"),
        (pb::AccessReason::CardUnsupported, "CARD_UNSUPPORTED"),
        (pb::AccessReason::ProviderUnreachable, "PROVIDER_UNREACHABLE"),
    ] {
        played.fail(code, false);
        assert_eq!(ask(good.clone()).await.0, reason);
    }
    assert_eq!(world.cards_of(&mut world.cards(), true).await, []);
    // By the reader where it is shown.
    let shown = pb::GiveCardRequest { card: Some(Sought::ReaderRef("hub-7".into())), ..good };
    let card = world.cards().give_card(shown).await.unwrap().into_inner().card.unwrap();
    assert_eq!(card.last_digits, "ub-7");
    world.harness.finish().await;
}
