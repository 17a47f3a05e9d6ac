//! A store that fails.

use chassis::auth::Role;
use proto::storage::v1 as pb;
use sandbox::{Action, Fault, Vendor};
use tonic::Code;

use crate::world::{World, new_file, pdf, png, send, why};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_bucket_there_are_no_files_and_it_is_said() {
    let world = World::start_with(|config| config.s3.bucket = String::new()).await;
    let ada = world.person(Role::Member);
    let new = new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    let refused = (Code::FailedPrecondition, "STORE_NOT_CONFIGURED".to_owned());
    assert_eq!(why(ada.start(new.clone(), 100).await), refused);
    assert_eq!(why(ada.put(new, &pdf(100)).await), refused);
    assert_eq!(world.usage().await, (0, 0));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_store_fails_at_completing_again_stores_the_file_once() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let staging = r"^/files/staging/[^/]+/(receipt|person-picture)/";
    let place = r"^/files/ws/";
    // As often as a call is tried.
    for (method, path, action) in [
        ("HEAD", staging, Action::status(503)),
        ("GET", staging, Action::status(503)),
        ("PUT", place, Action::status(503)),
        ("PUT", place, Action::DropBeforeEffect),
        ("PUT", place, Action::DropAfterEffect),
        ("GET", staging, Action::Outage),
    ] {
        for (kind, name, content_type, content) in [
            (pb::FileKind::Receipt, "taxi.pdf", "application/pdf", pdf(70_000)),
            (pb::FileKind::PersonPicture, "me.png", "image/png", png(64)),
        ] {
            let begun = ada.start(new_file(kind, name, content_type), content.len()).await.unwrap();
            let name = begun.file.unwrap().name;
            send(&begun.upload.unwrap(), content).await;
            let fault = Fault::on(Vendor::S3, action.clone()).request(method, path).times(3);
            world.sandbox.faults().add(fault).unwrap();
            let refused = why(ada.complete(&name).await);
            assert_eq!(refused, (Code::Unavailable, "OBJECTS_UNAVAILABLE".into()), "{method} {action:?}");
            world.sandbox.faults().clear();
            let stored = ada.complete(&name).await.unwrap();
            let (status, _, read) = crate::world::fetch(&ada.link(&name).await.unwrap()).await;
            assert_eq!((status.as_u16(), read.len()), (200, usize::try_from(stored.size_bytes).unwrap()));
        }
    }
    assert_eq!(world.objects_are(12).await.len(), 12);
    assert_eq!(world.usage().await.1, 12);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_deleted_though_the_store_is_away_and_what_is_left_goes_later() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let new = new_file(pb::FileKind::TaskAttachment, "taxi.pdf", "application/pdf");
    let name = ada.put(new, &pdf(100)).await.unwrap().name;
    let fault = Fault::on(Vendor::S3, Action::status(503)).request("DELETE", "^/files/").times(3);
    world.sandbox.faults().add(fault).unwrap();
    assert_eq!(ada.delete(&name).await.unwrap().state(), pb::FileState::Removed);
    assert_eq!(world.usage().await, (0, 0));
    world.objects_are(0).await;
    world.harness.finish().await;
}
