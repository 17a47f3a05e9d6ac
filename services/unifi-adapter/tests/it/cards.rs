//! Cards are their people's users', and open what these may open.

use axum::http::Method;
use chrono::Duration;
use domain::names::GrantName;
use domain::{GrantId, PersonId, Timestamp, Window};
use door_adapter::conformance::World as _;
use door_adapter::{
    AccessReason, AccessRequest, ApplyError, CardRequest, CardWish, Cards as _, DoorProvider as _, ErrorKind,
    FoundCard, Person, ProviderError, SoughtCard, TargetKind,
};
use secrecy::SecretString;
use serde_json::json;
use testkit::eventually;
use tokio::task::JoinSet;

use crate::conformance::UnifiWorld;

const NUMBER: &str = "04A1B2C3";

fn person() -> Person {
    let id = PersonId::new();
    let email = Some(format!("ada+{id}@example.org").parse().unwrap());
    Person { id, display_name: "Ada L.".to_owned(), email }
}

async fn find(world: &UnifiWorld, number: &str) -> Result<FoundCard, ProviderError> {
    let sought = SoughtCard::Number(SecretString::from(number));
    world.provider().find_card(&world.account(), &sought).await
}

async fn set(world: &UnifiWorld, card: &str, person: &Person, wish: CardWish) -> Result<(), ProviderError> {
    let request = CardRequest { card_ref: card.to_owned(), person: person.clone(), wish };
    match world.provider().set_card(&world.account(), &request).await {
        Ok(()) => Ok(()),
        Err(ApplyError::Provider(error)) => Err(error),
        Err(ApplyError::Ledger(error)) => panic!("{error}"),
    }
}

/// The person may enter by `lock-0n` from now on.
async fn let_in(world: &UnifiWorld, person: &Person, number: usize, until: Timestamp) {
    let request = AccessRequest {
        grant: GrantName { workspace: world.integration.workspace, id: GrantId::new() },
        generation: 1,
        location: None,
        target: world.target(TargetKind::Lock, number).unwrap(),
        person: person.clone(),
        is_guest: false,
        window: Some(Window::new(world.now(), until).unwrap()),
        due_at: world.now(),
    };
    let mut changes = Vec::new();
    let provider = world.provider();
    provider.apply(&world.account(), &request, &mut changes).await.unwrap();
    let mut tx = world.platform().begin().await.unwrap();
    provider.record(&mut tx, &changes).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_card_opens_what_its_person_may_open_for_good_and_nothing_else() {
    let world = UnifiWorld::new().await;
    let twin = world.console.twin();
    let (ada, token) = (person(), twin.add_card(NUMBER));
    // Given before anything lets them in; then the user that there is gets the rest.
    set(&world, &token, &ada, CardWish::Held).await.unwrap();
    assert!(!twin.present_card("lock-00", NUMBER));
    let_in(&world, &ada, 0, Timestamp::from_timestamp(7_226_582_400, 0).unwrap()).await;
    let_in(&world, &ada, 1, world.now() + Duration::hours(1)).await;
    assert_eq!(twin.users().len(), 1);
    assert!(twin.present_card("lock-00", NUMBER));
    assert!(!twin.present_card("lock-01", NUMBER), "there they are a visitor, who has a PIN");
    // Who is seen at the door is the person.
    let logged = world.console.twin().logs();
    assert_eq!(logged[1].provider, "NFC");
    set(&world, &token, &ada, CardWish::Taken).await.unwrap();
    assert!(!twin.present_card("lock-00", NUMBER));
    world.finish().await;
}

#[tokio::test]
async fn a_card_is_found_by_what_is_shown_of_it_or_by_what_staff_calls_it() {
    let world = UnifiWorld::new().await;
    let twin = world.console.twin();
    let tokens = ["04A1B2C3", "04A1B2C4", "04A1B2C5"].map(|number| twin.add_card(number));
    for (token, alias) in tokens.iter().zip(["0012345678", "Spare", "Spare"]) {
        twin.call_card(token, alias);
    }
    assert_eq!(find(&world, "04a1b2c3").await.unwrap().provider_ref, tokens[0]);
    let by_alias = find(&world, "0012345678").await.unwrap();
    assert_eq!((by_alias.provider_ref, by_alias.last_digits.as_str()), (tokens[0].clone(), "5678"));
    let ambiguous = find(&world, "Spare").await.unwrap_err();
    assert_eq!((ambiguous.kind, ambiguous.code()), (ErrorKind::NotFound, AccessReason::CardUnknown));
    world.finish().await;
}

#[tokio::test]
async fn a_new_card_is_read_by_a_reader_which_waits_for_nothing_after_that() {
    let world = UnifiWorld::new().await;
    let devices = world.console.operate(Method::GET, "/devices", json!({})).await;
    let reader = devices.pointer("/1/1/id").unwrap().as_str().unwrap().to_owned();
    let (provider, account) = (world.provider(), world.account());
    let sought = SoughtCard::ShownTo(reader.clone());
    let mut enrolling = JoinSet::new();
    enrolling.spawn(async move { provider.find_card(&account, &sought).await });
    let twin = world.console.twin();
    eventually("the reader waits", std::time::Duration::from_secs(10), async || {
        if twin.card_sessions() == 1 { Ok(()) } else { Err("it does not yet") }
    })
    .await;
    twin.show_card(&reader, NUMBER);
    let found = enrolling.join_next().await.unwrap().unwrap().unwrap();
    assert_eq!((found.last_digits.as_str(), twin.card_sessions()), ("B2C3", 0));
    assert_eq!(find(&world, NUMBER).await.unwrap(), found);
    let sought = SoughtCard::ShownTo("no-such-reader".to_owned());
    let unknown = world.provider().find_card(&world.account(), &sought).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::NotFound);
    // Nobody shows one.
    let sought = SoughtCard::ShownTo(reader);
    let nothing = world.provider().find_card(&world.account(), &sought).await.unwrap_err();
    assert_eq!((nothing.kind, nothing.code()), (ErrorKind::NotFound, AccessReason::CardUnknown));
    assert_eq!(twin.card_sessions(), 0);
    world.finish().await;
}

#[tokio::test]
async fn two_cards_that_are_given_at_once_make_one_user() {
    let world = UnifiWorld::new().await;
    let twin = world.console.twin();
    for round in 0..5 {
        let ada = person();
        let cards = ["A", "B"].map(|which| twin.add_card(&format!("04A1{which}{round}")));
        let (one, two) = tokio::join!(
            set(&world, &cards[0], &ada, CardWish::Held),
            set(&world, &cards[1], &ada, CardWish::Held),
        );
        one.unwrap();
        two.unwrap();
        let number = format!("workspaces/{}/people/{}", world.integration.workspace, ada.id);
        let users = twin.users();
        assert_eq!(users.iter().filter(|user| user.employee_number == number).count(), 1, "{users:?}");
        for which in ["A", "B"] {
            assert!(twin.card_holder(&format!("04A1{which}{round}")).is_some());
        }
    }
    world.finish().await;
}

#[tokio::test]
async fn a_console_or_a_token_that_can_not_says_so_and_is_good_for_all_else() {
    let world = UnifiWorld::new().await;
    let token = world.console.twin().add_card(NUMBER);
    world.console.permit(&["view:space", "edit:space", "view:visitor", "edit:visitor", "view:credential"]);
    assert!(find(&world, NUMBER).await.is_ok());
    let refused = set(&world, &token, &person(), CardWish::Held).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Rejected);
    assert!(refused.reason.contains("edit:user"), "{}", refused.reason);
    world.console.set_token_works(true);
    world.console.twin().switch(|switches| switches.version = "1.20.11".to_owned());
    let old = set(&world, &token, &person(), CardWish::Held).await.unwrap_err();
    assert_eq!(old.code(), AccessReason::CardUnsupported);
    world.finish().await;
}
