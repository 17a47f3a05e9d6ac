//! Who may put, read and delete what.

use chassis::auth::Role;
use domain::WorkspaceId;
use proto::storage::v1 as pb;
use tonic::Code;

use crate::world::{World, new_file, pdf, png, why};

fn not_found() -> (Code, String) {
    (Code::NotFound, "FILE_NOT_FOUND".into())
}

fn not_yours() -> (Code, String) {
    (Code::PermissionDenied, "KIND_NOT_YOURS".into())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_for_whom_it_came_and_admins_alone() {
    let world = World::start().await;
    let (admin, ada, eve) =
        (world.person(Role::Admin), world.person(Role::Member), world.person(Role::Manager));
    let letter = pb::NewFile {
        person: ada.name.clone(),
        ..new_file(pb::FileKind::MailInside, "letter.pdf", "application/pdf")
    };
    assert_eq!(why(ada.put(letter.clone(), &pdf(100)).await), not_yours());
    let stored = admin.put(letter, &pdf(100)).await.unwrap();
    assert!(stored.expire_time.is_some());
    assert_eq!(ada.get(&stored.name).await.unwrap(), stored);
    ada.link(&stored.name).await.unwrap();
    assert_eq!(why(ada.delete(&stored.name).await), not_yours());
    let owner_elsewhere = world.person_of(WorkspaceId::new(), Role::Owner);
    for stranger in [&eve, &world.person(Role::Guest)] {
        assert_eq!(why(stranger.get(&stored.name).await), not_found());
        assert_eq!(why(stranger.link(&stored.name).await), not_found());
        assert_eq!(why(stranger.delete(&stored.name).await), not_found());
        assert_eq!(why(stranger.complete(&stored.name).await), not_found());
    }
    assert_eq!(why(owner_elsewhere.link(&stored.name).await).0, Code::NotFound);
    admin.delete(&stored.name).await.unwrap();
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_put_and_delete_their_own_and_nobody_elses() {
    let world = World::start().await;
    let (ada, eve) = (world.person(Role::Member), world.person(Role::Member));
    let picture = || new_file(pb::FileKind::PersonPicture, "a.png", "image/png");
    let stored = ada.put(picture(), &png(64)).await.unwrap();
    assert_eq!(stored.person, ada.name);
    eve.link(&stored.name).await.unwrap();
    assert_eq!(why(eve.delete(&stored.name).await), not_yours());
    let as_ada = pb::NewFile { person: ada.name.clone(), ..picture() };
    assert_eq!(why(eve.put(as_ada, &png(64)).await), (Code::NotFound, "PERSON_NOT_FOUND".into()));
    let in_its_place = pb::NewFile { replaces: stored.name.clone(), ..picture() };
    assert_eq!(why(eve.put(in_its_place, &png(64)).await), not_yours());
    let feed = new_file(pb::FileKind::FeedPicture, "a.png", "image/png");
    assert_eq!(why(world.person(Role::Guest).put(feed.clone(), &png(64)).await), not_yours());
    eve.put(feed, &png(64)).await.unwrap();
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_show_what_one_may_read() {
    let world = World::start().await;
    let (admin, ada, eve) =
        (world.person(Role::Admin), world.person(Role::Member), world.person(Role::Member));
    let room = format!("{}/resources/room", admin.parent);
    let of_room = pb::NewFile {
        subject: room.clone(),
        ..new_file(pb::FileKind::ResourcePicture, "room.png", "image/png")
    };
    let picture = admin.put(of_room, &png(64)).await.unwrap().name;
    let receipt = || new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    let mine = ada.put(receipt(), &pdf(10)).await.unwrap().name;
    let hers = eve.put(receipt(), &pdf(20)).await.unwrap().name;
    ada.start(receipt(), 10).await.unwrap();

    assert_eq!(eve.list(pb::FileKind::ResourcePicture, "", &room).await.unwrap(), [picture.as_str()]);
    assert_eq!(eve.list(pb::FileKind::ResourcePicture, "", "").await.unwrap(), [picture.as_str()]);
    let elsewhere = format!("{}/resources/other", admin.parent);
    assert!(eve.list(pb::FileKind::ResourcePicture, "", &elsewhere).await.unwrap().is_empty());
    assert_eq!(ada.list(pb::FileKind::Receipt, "", "").await.unwrap(), [mine.as_str()]);
    assert_eq!(admin.list(pb::FileKind::Receipt, "", "").await.unwrap(), [mine.as_str(), hers.as_str()]);
    assert_eq!(admin.list(pb::FileKind::Receipt, &eve.name, "").await.unwrap(), [hers.as_str()]);
    let refused = why(ada.list(pb::FileKind::Receipt, &eve.name, "").await);
    assert_eq!(refused, (Code::NotFound, "PERSON_NOT_FOUND".into()));
    world.harness.finish().await;
}
