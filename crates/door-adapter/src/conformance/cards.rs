//! People's cards: whatever goes wrong on the way, each ends as wished, and nobody's is taken from them.

use domain::PersonId;
use secrecy::SecretString;

use super::case::TRIES;
use super::faults::{assert_is_told, cut_off};
use super::{CardWorld, Fault};
use crate::{
    AccessReason, ApplyError, CardRequest, CardWish, Cards, ErrorKind, FoundCard, Person, ProviderError,
    SoughtCard,
};

/// How a request can come to nothing.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// A call goes wrong.
    Call(Fault),
    /// The process dies after a call, with its answer unread.
    Crash,
}

const MISHAPS: [Mishap; 6] = [
    Mishap::Call(Fault::AnswerLost),
    Mishap::Call(Fault::Truncated),
    Mishap::Call(Fault::NotSent),
    Mishap::Call(Fault::Broken),
    Mishap::Call(Fault::RateLimited { retry_after: true }),
    Mishap::Crash,
];

fn someone() -> Person {
    let id = PersonId::new();
    let email = format!("ada+{id}@example.org").parse().expect("an address");
    Person { id, display_name: "Ada L.".to_owned(), email: Some(email) }
}

async fn find<W: CardWorld>(world: &W, number: &str) -> Result<FoundCard, ProviderError> {
    let sought = SoughtCard::Number(SecretString::from(number));
    world.provider().find_card(&world.account(), &sought).await
}

async fn set<W: CardWorld>(world: &W, request: &CardRequest) -> Result<(), ProviderError> {
    match world.provider().set_card(&world.account(), request).await {
        Ok(()) => Ok(()),
        Err(ApplyError::Provider(error)) => Err(error),
        Err(ApplyError::Ledger(error)) => panic!("{error}: {}", error.0),
    }
}

/// Asks until it is so.
async fn settle<W: CardWorld>(world: &W, request: &CardRequest, what: &str) {
    let mut last = None;
    for _ in 0..TRIES {
        match set(world, request).await {
            Ok(()) => return,
            Err(error) => last = Some(error),
        }
    }
    panic!("{what}: still not so after {TRIES} tries: {last:?}");
}

/// What is to be done about a card of someone, which is found by its number.
async fn request<W: CardWorld>(world: &W, number: &str, person: &Person, wish: CardWish) -> CardRequest {
    let found = find(world, number).await.expect("it is there");
    CardRequest { card_ref: found.provider_ref, person: person.clone(), wish }
}

/// Given, given again, taken away, and again; then given to someone else.
pub async fn a_card_is_the_persons_until_it_is_taken_away<W: CardWorld>() {
    let world = W::new().await;
    let (number, other) = (world.card(0), world.card(1));
    let found = find(&world, &number).await.expect("it is there");
    assert_eq!(find(&world, &number).await.expect("it is there still"), found, "twice is the same one");
    assert_ne!(find(&world, &other).await.expect("it is there").provider_ref, found.provider_ref);
    assert_eq!(found.last_digits, FoundCard::last_digits_of(&number));
    assert_eq!(world.holders(&number), 0, "to find a card gives it to nobody");
    for person in [someone(), someone()] {
        for wish in [CardWish::Held, CardWish::Taken, CardWish::Held, CardWish::Taken] {
            let request = request(&world, &number, &person, wish).await;
            for _ in 0..2 {
                set(&world, &request).await.expect("it is so");
                assert_eq!(world.has_card(&person, &number), wish == CardWish::Held);
                assert_eq!(world.holders(&number), usize::from(wish == CardWish::Held));
            }
        }
    }
    assert_eq!(world.holders(&other), 0);
    world.finish().await;
}

/// Also if someone gave it to somebody else meanwhile.
pub async fn a_lost_card_is_nobodys_whoever_had_it<W: CardWorld>() {
    let world = W::new().await;
    let (owner, finder) = (someone(), someone());
    let (lost, kept) = (world.card(0), world.card(1));
    for number in [&lost, &kept] {
        set(&world, &request(&world, number, &owner, CardWish::Held).await).await.expect("it is given");
    }
    let is_lost = request(&world, &lost, &owner, CardWish::Lost).await;
    for _ in 0..2 {
        set(&world, &is_lost).await.expect("it is so");
        assert_eq!(world.holders(&lost), 0);
        assert!(world.has_card(&owner, &kept), "it is another card");
    }
    world.give_card(&finder, &lost).await;
    assert_eq!(world.holders(&lost), 1);
    set(&world, &is_lost).await.expect("it is so");
    assert_eq!(world.holders(&lost), 0);
    world.finish().await;
}

/// Each call of giving one, of taking one away and of one that is lost goes wrong once, in each way.
pub async fn whatever_goes_wrong_a_card_ends_as_wished<W: CardWorld>() {
    let world = W::new().await;
    let mut number = 0;
    for mishap in MISHAPS {
        for wish in [CardWish::Held, CardWish::Taken, CardWish::Lost] {
            for call in 1.. {
                let card = world.card(number % 40);
                number += 1;
                let what = format!("{mishap:?} of call {call}, {wish:?}");
                if !meets(&world, &card, mishap, call, wish, &what).await {
                    break;
                }
            }
        }
    }
    world.finish().await;
}

/// Whether there were so many calls that one could go wrong.
async fn meets<W: CardWorld>(
    world: &W,
    card: &str,
    mishap: Mishap,
    call: usize,
    wish: CardWish,
    what: &str,
) -> bool {
    let person = someone();
    if wish != CardWish::Held {
        settle(world, &request(world, card, &person, CardWish::Held).await, "before").await;
    }
    let wished = request(world, card, &person, wish).await;
    let was_hit = match mishap {
        Mishap::Call(fault) => {
            world.break_call(call, fault);
            let result = set(world, &wished).await;
            let was_hit = world.heal();
            if let Err(error) = &result {
                assert!(was_hit, "{what}: failed by itself: {error}");
                assert_is_told(fault, error, what);
            }
            was_hit
        }
        Mishap::Crash => {
            let (provider, account) = (world.provider(), world.account());
            cut_off(world, call, provider.set_card(&account, &wished)).await
        }
    };
    settle(world, &wished, what).await;
    assert_eq!(world.has_card(&person, card), wish == CardWish::Held, "{what}");
    assert_eq!(world.holders(card), usize::from(wish == CardWish::Held), "{what}");
    settle(world, &CardRequest { wish: CardWish::Taken, ..wished }, what).await;
    assert_eq!(world.holders(card), 0, "{what}");
    was_hit
}

/// It is neither given to another person, nor taken from whoever has it because another person should not.
pub async fn a_card_that_someone_else_has_stays_theirs<W: CardWorld>() {
    let world = W::new().await;
    let (holder, person) = (someone(), someone());
    let number = world.card(0);
    world.give_card(&holder, &number).await;
    let held = request(&world, &number, &person, CardWish::Held).await;
    let refused = set(&world, &held).await.expect_err("it is someone else's");
    assert_eq!((refused.kind, refused.code()), (ErrorKind::Conflict, AccessReason::CardTaken), "{refused:?}");
    assert!(!refused.outcome_unknown, "{refused:?}");
    set(&world, &CardRequest { wish: CardWish::Taken, ..held }).await.expect("they don't have it");
    assert!(world.has_card(&holder, &number) && !world.has_card(&person, &number));
    world.finish().await;
}

/// Neither found nor given; that it opens nothing is so already.
pub async fn a_card_that_is_not_there_is_unknown<W: CardWorld>() {
    let world = W::new().await;
    let missing = find(&world, "987654321987654321").await.expect_err("there is no such card");
    assert_eq!(
        (missing.kind, missing.code()),
        (ErrorKind::NotFound, AccessReason::CardUnknown),
        "{missing:?}"
    );
    let mut request =
        CardRequest { card_ref: "987654321".to_owned(), person: someone(), wish: CardWish::Held };
    let missing = set(&world, &request).await.expect_err("there is no such card");
    assert_eq!(
        (missing.kind, missing.code()),
        (ErrorKind::NotFound, AccessReason::CardUnknown),
        "{missing:?}"
    );
    for wish in [CardWish::Taken, CardWish::Lost] {
        request.wish = wish;
        set(&world, &request).await.expect("it opens nothing");
    }
    world.finish().await;
}

/// With credentials that do not work nothing is given, and that is why.
pub async fn a_revoked_key_gives_no_card<W: CardWorld>() {
    let mut world = W::new().await;
    let (person, number) = (someone(), world.card(0));
    let held = request(&world, &number, &person, CardWish::Held).await;
    world.set_credentials_work(false);
    let refused = set(&world, &held).await.expect_err("they do not work");
    assert_eq!(refused.kind, ErrorKind::Unauthorized, "{refused:?}");
    assert_eq!(world.holders(&number), 0);
    world.set_credentials_work(true);
    set(&world, &held).await.expect("they work again");
    assert!(world.has_card(&person, &number));
    world.finish().await;
}
