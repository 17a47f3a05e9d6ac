//! Signed links: good for what they were signed for, and for nothing else. The store itself refuses.

use std::time::Duration;

use chassis::auth::Role;
use domain::WorkspaceId;
use proto::storage::v1 as pb;
use reqwest::StatusCode;

use crate::world::{World, browser, fetch, new_file, pdf, png, send};

const FORBIDDEN: StatusCode = StatusCode::FORBIDDEN;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_is_for_its_method_length_type_and_key_alone() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let paper = || new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    let upload = ada.start(paper(), 100).await.unwrap().upload.unwrap();
    let other = ada.start(paper(), 100).await.unwrap().upload.unwrap();
    assert!(!upload.url.to_lowercase().contains("checksum"), "browsers could not send it: {}", upload.url);
    let key_of = |url: &str| url.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    let amended = |amend: &dyn Fn(&mut pb::SignedRequest)| {
        let mut amended = upload.clone();
        amend(&mut amended);
        amended
    };
    for (what, request, bytes) in [
        ("longer", upload.clone(), 101),
        ("shorter", upload.clone(), 99),
        ("nothing", upload.clone(), 0),
        (
            "another type",
            amended(&|it| drop(it.headers.insert("content-type".into(), "text/html".into()))),
            100,
        ),
        ("no type", amended(&|it| it.headers.clear()), 100),
        ("another method", amended(&|it| it.method = "POST".into()), 100),
        ("deleting", amended(&|it| it.method = "DELETE".into()), 0),
        (
            "another key",
            amended(&|it| it.url = it.url.replace(&key_of(&upload.url), &key_of(&other.url))),
            100,
        ),
        (
            "a longer life",
            amended(&|it| it.url = it.url.replace("X-Amz-Expires=600", "X-Amz-Expires=6000")),
            100,
        ),
        ("another's signature", amended(&|it| it.url = tampered(&it.url)), 100),
        ("no signature", amended(&|it| it.url = it.url.split('?').next().unwrap().into()), 100),
    ] {
        let status = send(&request, pdf(bytes)).await;
        assert!(status.is_client_error(), "{what}: {status}");
    }
    assert_eq!(world.objects(), [""; 0]);
    assert_eq!(fetch(&upload.url).await.0, FORBIDDEN, "it reads nothing");
    assert_eq!(send(&upload, pdf(100)).await, StatusCode::OK);
    world.harness.finish().await;
}

/// The same link with another last digit of its signature.
fn tampered(url: &str) -> String {
    let (before, signature) = url.split_once("X-Amz-Signature=").unwrap();
    let last = if signature.starts_with('0') { '1' } else { '0' };
    format!("{before}X-Amz-Signature={last}{}", &signature[1..])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_is_for_one_file_as_what_it_is() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let receipt = || new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    let [stored, other] =
        [ada.put(receipt(), &pdf(10)).await.unwrap(), ada.put(receipt(), &pdf(20)).await.unwrap()];
    let others = world.person_of(WorkspaceId::new(), Role::Member);
    let anothers = others.put(receipt(), &pdf(30)).await.unwrap();
    let [link, next, elsewhere] = [
        ada.link(&stored.name).await.unwrap(),
        ada.link(&other.name).await.unwrap(),
        others.link(&anothers.name).await.unwrap(),
    ];
    let path = |url: &str| url.split('?').next().unwrap().to_owned();
    let shown = "inline%3B%20filename%3D%22x.html%22";
    let disposition = link.split('&').find(|part| part.starts_with("response-content-disposition")).unwrap();
    for (what, url) in [
        ("another file", link.replace(&path(&link), &path(&next))),
        ("another workspace's file", link.replace(&path(&link), &path(&elsewhere))),
        ("tampered", tampered(&link)),
        ("as HTML", link.replace("application%2Fpdf", "text%2Fhtml")),
        ("shown", link.replace(disposition, &format!("response-content-disposition={shown}"))),
        ("no signature", path(&link)),
    ] {
        assert_ne!(url, link, "{what}");
        assert_eq!(fetch(&url).await.0, FORBIDDEN, "{what}");
    }
    for method in [reqwest::Method::PUT, reqwest::Method::DELETE, reqwest::Method::HEAD] {
        let status = browser().request(method.clone(), &link).send().await.unwrap().status();
        assert_eq!(status, FORBIDDEN, "{method}");
    }
    let (status, _, content) = fetch(&link).await;
    assert_eq!((status, content), (StatusCode::OK, pdf(10)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_ends_and_a_deleted_file_is_gone_at_once() {
    let world = World::start_with(|config| {
        config.files.link_seconds = 2;
        config.files.upload_seconds = 2;
    })
    .await;
    let ada = world.person(Role::Member);
    let receipt = || new_file(pb::FileKind::TaskAttachment, "taxi.pdf", "application/pdf");
    let kept = ada.put(receipt(), &pdf(10)).await.unwrap();
    let upload = ada.start(receipt(), 10).await.unwrap().upload.unwrap();
    let link = ada.link(&kept.name).await.unwrap();
    assert_eq!(fetch(&link).await.0, StatusCode::OK);
    testkit::eventually("the link has ended", Duration::from_secs(10), async || {
        let status = fetch(&link).await.0;
        if status == FORBIDDEN { Ok(()) } else { Err(status) }
    })
    .await;
    assert_eq!(send(&upload, pdf(10)).await, FORBIDDEN);

    let link = ada.link(&kept.name).await.unwrap();
    ada.delete(&kept.name).await.unwrap();
    assert_eq!(fetch(&link).await.0, StatusCode::NOT_FOUND);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_has_one_link_all_day_that_browsers_keep() {
    let world = World::start().await;
    let (admin, guest) = (world.person(Role::Admin), world.person(Role::Guest));
    let logo = new_file(pb::FileKind::Branding, "logo.png", "image/png");
    let stored = admin.put(logo, &png(200)).await.unwrap();
    let (first, again) = (guest.link(&stored.name).await.unwrap(), admin.link(&stored.name).await.unwrap());
    assert_eq!(first, again);
    let (status, headers, _) = fetch(&first).await;
    assert_eq!(
        (status, &headers["cache-control"]),
        (StatusCode::OK, &"public, max-age=31536000, immutable".parse().unwrap())
    );
    let small =
        pb::CreateDownloadLinkRequest { name: stored.name.clone(), thumbnail_side: 128, is_shown: true };
    let link = guest.link_to(small.clone()).await.unwrap();
    let (_, headers, content) = fetch(&link.url).await;
    assert!(headers["content-disposition"].to_str().unwrap().starts_with("inline; "));
    assert_eq!(image::load_from_memory(&content).unwrap().width(), 128);
    let none = pb::CreateDownloadLinkRequest { thumbnail_side: 512, ..small };
    assert_eq!(guest.link_to(none).await.unwrap_err().code(), tonic::Code::NotFound);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_public_behind_a_cdn_has_a_link_without_an_end() {
    let cdn = "https://cdn.example.org";
    let world = World::start_with(|config| config.s3.public_base_url = format!("{cdn}/")).await;
    let admin = world.person(Role::Admin);
    let logo = new_file(pb::FileKind::Branding, "logo.png", "image/png");
    let name = admin.put(logo, &png(64)).await.unwrap().name;
    let request = pb::CreateDownloadLinkRequest { name, ..Default::default() };
    let link = admin.link_to(request).await.unwrap();
    assert_eq!((link.url, link.expire_time), (format!("{cdn}/{}", world.objects()[0]), None));
    world.harness.finish().await;
}
