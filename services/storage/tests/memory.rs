//! A process of its own, whose memory is looked at: it does not grow with a file's size.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "it/world.rs"]
#[expect(dead_code, reason = "the other tests use the rest of it")]
mod world;

use chassis::auth::Role;
use http_body_util::StreamBody;
use hyper::body::Frame;
use proto::storage::v1 as pb;
use reqwest::StatusCode;
use tonic::Code;
use world::{World, new_file, send, why};

/// A film of that many bytes is not held in memory; what a warm process breathes by is far less than its tenth.
const FILM_BYTES: usize = 300_000_000;
const GROWTH_MOST_KIB: i64 = 30_000;

/// The most that the process had in memory since it was last forgotten.
fn peak_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Forgets it (proc(5), `clear_refs`).
fn forget_peak() {
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
}

/// A film, as far as its beginning says, in pieces that are made as they are sent.
fn film(bytes: usize, beginning: &'static [u8]) -> reqwest::Body {
    let piece = bytes::Bytes::from(vec![0; 64 * 1024]);
    let rest = bytes - beginning.len();
    let pieces = rest.div_ceil(piece.len());
    let all = std::iter::once(bytes::Bytes::from_static(beginning)).chain((0..pieces).map(move |number| {
        let left = rest - number * piece.len();
        piece.slice(..left.min(piece.len()))
    }));
    let frames = all.map(|piece| Ok::<_, std::io::Error>(Frame::data(piece)));
    reqwest::Body::wrap(StreamBody::new(futures::stream::iter(frames)))
}

async fn store(world: &World, bytes: usize, beginning: &'static [u8]) -> Result<pb::File, tonic::Status> {
    let admin = world.person(Role::Admin);
    let begun = admin.start(new_file(pb::FileKind::Signage, "film.mp4", "video/mp4"), bytes).await.unwrap();
    let mut upload = begun.upload.unwrap();
    upload.headers.insert("content-length".to_owned(), bytes.to_string());
    assert_eq!(send(&upload, film(bytes, beginning)).await, StatusCode::OK);
    admin.complete(&begun.file.unwrap().name).await
}

const MP4: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_300_mb_takes_no_more_memory_than_a_small_one() {
    let world = World::start().await;
    store(&world, 1_000_000, MP4).await.unwrap();
    forget_peak();
    store(&world, 1_000_000, MP4).await.unwrap();
    let small = peak_kib();
    forget_peak();
    store(&world, FILM_BYTES, MP4).await.unwrap();
    let refused = why(store(&world, FILM_BYTES, b"MZ\x90\0\x03\0\0\0").await);
    assert_eq!(refused, (Code::FailedPrecondition, "PROGRAM".into()));
    let grown = peak_kib() - small;
    assert!(grown < GROWTH_MOST_KIB, "{grown} KiB more than with a small file");
    world.harness.finish().await;
}
