//! A person's card opens what they may open at Kisi, and its number stands nowhere.

use proto::access::v1 as pb;
use proto::access::v1::find_provider_card_request::Card as Sought;
use proto::access::v1::find_provider_card_response::Outcome;
use sandbox::kisi::Tap;

use crate::world::{Grant, Site, World};

/// What is printed on the card.
const NUMBER: &str = "0012345678";

impl World {
    async fn find_card(&self, site: &Site, card: Sought) -> Result<pb::ProviderCard, pb::AccessFailure> {
        let request = pb::FindProviderCardRequest { account: Some(site.account_ref()), card: Some(card) };
        let answer = self.control_service().find_provider_card(request).await.unwrap().into_inner();
        match answer.outcome.unwrap() {
            Outcome::Card(card) => Ok(card),
            Outcome::Failed(failure) => Err(failure),
        }
    }

    async fn set_card(
        &self,
        site: &Site,
        grant: &Grant,
        card: &pb::ProviderCard,
        wish: pb::CardWish,
    ) -> Result<(), pb::AccessFailure> {
        let request = pb::SetProviderCardRequest {
            account: Some(site.account_ref()),
            card_ref: card.r#ref.clone(),
            person: Some(grant.person.clone()),
            wish: wish.into(),
        };
        let answer = self.control_service().set_provider_card(request).await.unwrap().into_inner();
        answer.failed.map_or(Ok(()), Err)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_card_opens_what_its_person_may_open_until_it_is_lost() {
    let mut world = World::start().await;
    let site = world.site("Nine");
    let grant = site.grant("Group 00");
    let lock = site.org.lock("Door 00");
    let opens = |token: &str| site.org.twin.tap(&Tap::with_card(token, lock)).unwrap().opens;
    site.org.twin.print_card(NUMBER);
    assert!(!opens(NUMBER), "nobody has it");
    let card = world.find_card(&site, Sought::Number(NUMBER.into())).await.unwrap();
    assert_eq!(card.last_digits, "5678");
    // Before anything lets the person in, and without any right of its own.
    world.set_card(&site, &grant, &card, pb::CardWish::Held).await.unwrap();
    assert!(!opens(NUMBER), "its person may not enter");
    world.send(&grant, 1, Some(world.window(0, 2))).await;
    world.success(&grant).await;
    assert!(opens(NUMBER));
    world.send(&grant, 2, None).await;
    world.success(&grant).await;
    assert!(!opens(NUMBER), "its person may not enter any more");
    world.send(&grant, 3, Some(world.window(0, 2))).await;
    world.success(&grant).await;
    assert!(opens(NUMBER));
    world.set_card(&site, &grant, &card, pb::CardWish::Lost).await.unwrap();
    assert!(!opens(NUMBER), "it is lost");
    let rows: i64 =
        sqlx::query_scalar("select count(*) from outbox where outbox::text like '%' || $1 || '%'")
            .bind(NUMBER)
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(rows, 0);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_kisi_can_not_find_is_told_and_not_found() {
    let world = World::start().await;
    let site = world.site("Nine");
    let unknown = world.find_card(&site, Sought::Number("4711471147".into())).await.unwrap_err();
    assert_eq!(unknown.code(), pb::AccessReason::CardUnknown);
    let reader = world.find_card(&site, Sought::ReaderRef("7".into())).await.unwrap_err();
    assert_eq!(reader.code(), pb::AccessReason::CardUnsupported);
    world.finish().await;
}
