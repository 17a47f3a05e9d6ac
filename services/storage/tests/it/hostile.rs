//! Files that are not what they seem: refused with a reason, and nothing of them stays.

use chassis::auth::Role;
use proto::storage::v1 as pb;
use tonic::Code;

use crate::world::{World, new_file, pdf, png, send, why};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_hostile_is_refused_for_good_and_nothing_of_it_stays() {
    let world = World::start().await;
    let admin = world.person(Role::Admin);
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let html_in_text = b"Minutes of the meeting\n<script>fetch('/steal')</script>";
    let program = [b"MZ\x90\0\x03\0\0\0".as_slice(), &[0; 500]].concat();
    let whole = png(300);
    let cut_off = whole[..whole.len() / 2].to_vec();
    let mut bomb = std::io::Cursor::new(Vec::new());
    image::GrayImage::new(8_000, 7_000).write_to(&mut bomb, image::ImageFormat::Png).unwrap();
    let (picture, any) = (pb::FileKind::PersonPicture, pb::FileKind::MailOutside);
    for (what, kind, content_type, content, expected) in [
        ("a drawing with a script", any, "text/plain", svg.to_vec(), "MARKUP"),
        ("a drawing called a picture", picture, "image/png", svg.to_vec(), "MARKUP"),
        ("text with a script", any, "text/csv", html_in_text.to_vec(), "MARKUP"),
        ("a program called a paper", any, "application/pdf", program, "PROGRAM"),
        ("a paper called a picture", picture, "image/jpeg", pdf(500), "TYPE_MISMATCH"),
        ("a picture called a paper", any, "application/pdf", whole.clone(), "TYPE_MISMATCH"),
        ("a picture that is cut off", picture, "image/png", cut_off, "DAMAGED"),
        ("a bomb", picture, "image/png", bomb.into_inner(), "TOO_MANY_PIXELS"),
        ("noise", any, "application/zip", vec![7; 500], "TYPE_UNKNOWN"),
    ] {
        // By the store, and with the request.
        let refused = why(admin.upload(new_file(kind, "file", content_type), content.clone()).await);
        assert_eq!(refused, (Code::FailedPrecondition, expected.into()), "{what}");
        let refused = why(admin.put(new_file(kind, "file", content_type), &content).await);
        assert_eq!(refused, (Code::FailedPrecondition, expected.into()), "{what}");
    }
    world.objects_are(0).await;
    assert_eq!(world.usage().await, (0, 0));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_stays_and_says_why() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let new = new_file(pb::FileKind::PersonPicture, "me.png", "image/png");
    let begun = ada.start(new, 500).await.unwrap();
    let (name, upload) = (begun.file.unwrap().name, begun.upload.unwrap());
    send(&upload, pdf(500)).await;
    assert_eq!(why(ada.complete(&name).await).1, "TYPE_MISMATCH");
    send(&upload, pdf(500)).await;
    assert_eq!(why(ada.complete(&name).await).1, "TYPE_MISMATCH");
    let file = ada.get(&name).await.unwrap();
    assert_eq!((file.state(), file.refusal.as_str()), (pb::FileState::Refused, "TYPE_MISMATCH"));
    assert_eq!(why(ada.link(&name).await), (Code::FailedPrecondition, "FILE_NOT_STORED".into()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_empty_or_misnamed_is_not_even_begun() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    for (file_name, content_type, bytes) in [
        ("me.png", "image/png", 100_000_000),
        ("me.png", "image/png", 0),
        ("me.svg", "image/svg+xml", 100),
        ("me.exe", "image/png", 100),
        ("../../me.png", "image/png", 100),
        ("me.html", "text/html", 100),
    ] {
        let refused = ada.start(new_file(pb::FileKind::PersonPicture, file_name, content_type), bytes).await;
        assert_eq!(why(refused).0, Code::InvalidArgument, "{file_name} {content_type} {bytes}");
    }
    assert_eq!(world.usage().await, (0, 0));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_after_it_was_looked_at_changes_nothing() {
    let world = World::start().await;
    let ada = world.person(Role::Member);
    let begun = ada.start(new_file(pb::FileKind::Receipt, "a.pdf", "application/pdf"), 500).await.unwrap();
    let (name, upload) = (begun.file.unwrap().name, begun.upload.unwrap());
    send(&upload, pdf(500)).await;
    ada.complete(&name).await.unwrap();
    let other = [pdf(400), vec![b'!'; 100]].concat();
    send(&upload, other).await;
    ada.complete(&name).await.unwrap();
    let (_, _, read) = crate::world::fetch(&ada.link(&name).await.unwrap()).await;
    assert_eq!(read, pdf(500));
    world.harness.finish().await;
}
