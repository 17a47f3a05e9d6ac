//! Files that come and are stored.

use chassis::auth::Role;
use proto::storage::v1 as pb;
use reqwest::StatusCode;
use tonic::Code;

use crate::world::{World, fetch, new_file, pdf, png, send, why};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_sent_looked_at_and_stored_with_smaller_versions_under_no_name_of_its_own() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let content = png(600);
    let new = new_file(pb::FileKind::PersonPicture, "Ada in Graz.png", "image/png");
    let begun = ada.start(new, content.len()).await.unwrap();
    let (file, upload) = (begun.file.unwrap(), begun.upload.unwrap());
    assert_eq!((file.state(), file.person.as_str()), (pb::FileState::Uploading, ada.name.as_str()));
    assert_eq!(upload.method, "PUT");
    assert_eq!(upload.headers, [("content-type".to_owned(), "image/png".to_owned())].into());
    assert_eq!(why(ada.complete(&file.name).await), (Code::FailedPrecondition, "UPLOAD_MISSING".into()));
    assert_eq!(world.usage().await, (i64::try_from(content.len()).unwrap(), 1), "room is kept for it");

    assert_eq!(send(&upload, content).await, StatusCode::OK);
    assert!(world.objects()[0].starts_with("staging/"), "{:?}", world.objects());
    let stored = ada.complete(&file.name).await.unwrap();
    assert_eq!((stored.state(), stored.width, stored.height), (pb::FileState::Stored, 600, 600));
    assert_eq!(stored.thumbnail_sides, [128, 512]);
    assert_eq!(ada.complete(&file.name).await.unwrap(), stored, "a stored one stays as it is");

    let objects = world.objects_are(3).await;
    let folder = format!("ws/{}/person-picture/", world.workspace);
    assert!(objects.iter().all(|key| key.starts_with(&folder) && !key.contains("Ada")), "{objects:?}");
    let (used, files) = world.usage().await;
    assert!(used > stored.size_bytes && files == 1, "{used} {files}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paper_is_stored_as_it_came() {
    let world = World::start().await;
    let (admin, ada) = (world.person(Role::Admin), world.person(Role::Member));
    let content = pdf(300_000);
    let new = pb::NewFile {
        person: ada.name.clone(),
        ..new_file(pb::FileKind::Document, "Vertrag Übersicht.pdf", "application/pdf")
    };
    let stored = admin.upload(new, content.clone()).await.unwrap();
    assert_eq!((stored.size_bytes, stored.width), (300_000, 0));
    let link = ada.link(&stored.name).await.unwrap();
    let (status, headers, read) = fetch(&link).await;
    assert_eq!((status, read), (StatusCode::OK, content));
    assert_eq!(headers["content-type"], "application/pdf");
    let expected =
        "attachment; filename=\"Vertrag _bersicht.pdf\"; filename*=UTF-8''Vertrag%20%C3%9Cbersicht.pdf";
    assert_eq!(headers["content-disposition"], expected);
    world.objects_are(1).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_file_comes_with_its_request() {
    let world = World::start().await;
    let ada = world.person(Role::Guest);
    let receipt = new_file(pb::FileKind::Receipt, "taxi.txt", "text/plain");
    let stored = ada.put(receipt, b"Taxi, 12 euros").await.unwrap();
    let (_, _, read) = fetch(&ada.link(&stored.name).await.unwrap()).await;
    assert_eq!(read, b"Taxi, 12 euros");
    let picture = new_file(pb::FileKind::PersonPicture, "me.png", "image/png");
    assert_eq!(ada.put(picture, &png(100)).await.unwrap().width, 100);
    let large = new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    assert_eq!(why(ada.put(large, &pdf(3 * 1024 * 1024 + 1)).await).0, Code::InvalidArgument);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_file() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let start = pb::StartUploadRequest {
        parent: ada.parent.clone(),
        file: Some(new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf")),
        size_bytes: 100,
        request_id: "one".into(),
    };
    let first = ada.client.clone().start_upload(start.clone()).await.unwrap().into_inner();
    let again = ada.client.clone().start_upload(start).await.unwrap().into_inner();
    assert_eq!(first.file, again.file);
    assert_eq!(send(&again.upload.unwrap(), pdf(100)).await, StatusCode::OK);
    ada.complete(&first.file.unwrap().name).await.unwrap();

    let put = pb::PutFileRequest {
        parent: ada.parent.clone(),
        file: Some(new_file(pb::FileKind::Receipt, "taxi.txt", "text/plain")),
        content: b"Taxi".to_vec(),
        request_id: "two".into(),
    };
    let first = ada.client.clone().put_file(put.clone()).await.unwrap().into_inner();
    let again = ada.client.clone().put_file(put).await.unwrap().into_inner();
    assert_eq!(first, again);
    assert_eq!(world.usage().await, (104, 2));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_takes_the_place_of_another_once_it_is_there() {
    let world = World::start().await;
    let admin = world.person(Role::Admin);
    let logo = || new_file(pb::FileKind::Branding, "logo.png", "image/png");
    let former = admin.put(logo(), &png(64)).await.unwrap();
    let next = pb::NewFile { replaces: former.name.clone(), ..logo() };
    let begun = admin.start(next, png(80).len()).await.unwrap();
    assert_eq!(admin.get(&former.name).await.unwrap().state(), pb::FileState::Stored);
    send(&begun.upload.unwrap(), png(80)).await;
    admin.complete(&begun.file.unwrap().name).await.unwrap();
    assert_eq!(admin.get(&former.name).await.unwrap().state(), pb::FileState::Removed);
    let objects = world.objects_are(1).await;
    assert!(objects[0].starts_with("public/"), "{objects:?}");
    let another =
        pb::NewFile { replaces: former.name, ..new_file(pb::FileKind::SitePicture, "site.png", "image/png") };
    let refused = why(admin.put(another, &png(64)).await);
    assert_eq!(refused, (Code::FailedPrecondition, "REPLACES_ANOTHER_KIND".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_has_no_more_than_its_quota_and_gets_back_what_it_deletes() {
    let world = World::start_with(|config| config.files.quota_bytes = 1_000).await;
    let ada = world.person(Role::Member);
    let receipt = || new_file(pb::FileKind::TaskAttachment, "a.pdf", "application/pdf");
    let stored = ada.put(receipt(), &pdf(600)).await.unwrap();
    assert_eq!(why(ada.start(receipt(), 401).await), (Code::FailedPrecondition, "QUOTA_EXCEEDED".into()));
    ada.start(receipt(), 400).await.unwrap();
    assert_eq!(world.usage().await, (1_000, 2));
    ada.delete(&stored.name).await.unwrap();
    assert_eq!(ada.delete(&stored.name).await.unwrap().state(), pb::FileState::Removed, "twice is once");
    assert_eq!(world.usage().await, (400, 1));
    ada.put(receipt(), &pdf(600)).await.unwrap();
    world.harness.finish().await;
}
