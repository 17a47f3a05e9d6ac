//! What happens by time: what nobody completes goes, a row and its objects never part for good.

use std::path::PathBuf;
use std::time::Duration;

use chassis::auth::Role;
use chrono::TimeDelta;
use domain::{Clock as _, SystemClock, WorkspaceId};
use proto::storage::v1 as pb;
use storage::DEFINITION;
use tonic::Code;

use crate::world::{BUCKET, Person, World, new_file, pdf, send, why};

const LIMIT: Duration = Duration::from_secs(20);

fn receipt() -> pb::NewFile {
    new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf")
}

/// A world whose clock shows the time of this machine, by which objects have theirs.
async fn start() -> World {
    let world = World::start().await;
    world.harness.clock.set(SystemClock.now());
    world
}

async fn is(person: &Person, name: &str, state: pb::FileState) {
    testkit::eventually("the file is so", LIMIT, async || {
        let file = person.get(name).await.map_err(|status| status.to_string())?;
        if file.state() == state { Ok(()) } else { Err(format!("{file:?}")) }
    })
    .await;
}

/// The types of events that were written, in order.
async fn told(world: &World) -> Vec<String> {
    let owner = testkit::owner(world.harness.database_url(), DEFINITION.schema).await.unwrap();
    let events = sqlx::query_scalar("select headers ->> 'ce-type' from outbox order by id");
    let types: Vec<String> = events.fetch_all(&owner).await.unwrap();
    types.into_iter().map(|name| name.replace("latchkey.storage.v1.", "")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_completes_goes_and_gives_its_room_back() {
    let world = start().await;
    let ada = world.person(Role::Member);
    let begun = ada.start(receipt(), 100).await.unwrap();
    let name = begun.file.unwrap().name;
    send(&begun.upload.unwrap(), pdf(100)).await;
    world.harness.clock.advance(TimeDelta::seconds(1_199));
    assert_eq!(ada.get(&name).await.unwrap().state(), pb::FileState::Uploading);
    world.harness.clock.advance(TimeDelta::seconds(1));
    is(&ada, &name, pb::FileState::Removed).await;
    world.objects_are(0).await;
    assert_eq!(world.usage().await, (0, 0));
    assert_eq!(why(ada.complete(&name).await), (Code::NotFound, "FILE_NOT_FOUND".into()));
    assert!(told(&world).await.is_empty(), "it was never there");
    let owner = testkit::owner(world.harness.database_url(), DEFINITION.schema).await.unwrap();
    testkit::eventually("that is taken down", LIMIT, async || {
        let has_objects = sqlx::query_scalar("select has_objects from file").fetch_one(&owner).await.unwrap();
        if has_objects { Err("not yet") } else { Ok(()) }
    })
    .await;
    world.harness.clock.advance(TimeDelta::days(31));
    testkit::eventually("it is forgotten", LIMIT, async || match ada.get(&name).await {
        Ok(file) => Err(format!("{file:?}")),
        Err(_) => Ok(()),
    })
    .await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_letter_is_kept_for_a_year() {
    let world = start().await;
    let admin = world.person(Role::Admin);
    let letter = new_file(pb::FileKind::MailOutside, "letter.pdf", "application/pdf");
    let name = admin.put(letter, &pdf(100)).await.unwrap().name;
    for _ in 0..52 {
        world.harness.clock.advance(TimeDelta::days(7));
    }
    is(&admin, &name, pb::FileState::Stored).await;
    world.harness.clock.advance(TimeDelta::days(1));
    is(&admin, &name, pb::FileState::Removed).await;
    world.objects_are(0).await;
    assert_eq!(told(&world).await, ["FileStored", "FileRemoved"]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_dies_while_they_look_at_a_file_leaves_it_to_others() {
    let world = start().await;
    let ada = world.person(Role::Member);
    let begun = ada.start(receipt(), 100).await.unwrap();
    let name = begun.file.unwrap().name;
    send(&begun.upload.unwrap(), pdf(100)).await;
    let owner = testkit::owner(world.harness.database_url(), DEFINITION.schema).await.unwrap();
    let dies = "update file set state = 'checking', due_at = $1";
    let until = world.harness.clock.now() + TimeDelta::minutes(5);
    sqlx::query(dies).bind(until).execute(&owner).await.unwrap();
    assert_eq!(why(ada.complete(&name).await), (Code::Aborted, "UPLOAD_UNDER_CHECK".into()));
    world.harness.clock.advance(TimeDelta::minutes(6));
    is(&ada, &name, pb::FileState::Uploading).await;
    ada.complete(&name).await.unwrap();
    world.harness.finish().await;
}

/// Where an object lies.
fn place(world: &World, key: &str) -> PathBuf {
    world.sandbox.s3().bucket(BUCKET).join(key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_that_nobody_knows_of_is_removed_once_it_is_old_and_others_are_left_alone() {
    let world = start().await;
    let ada = world.person(Role::Member);
    ada.put(receipt(), &pdf(100)).await.unwrap();
    let kept = world.objects_are(1).await.remove(0);
    let name = "0123456789abcdef0123456789abcdef01234567";
    let orphans = [
        format!("ws/{}/receipt/{name}", world.workspace),
        format!("ws/{}/receipt/{name}-128", WorkspaceId::new()),
        format!("staging/{}/document/{name}", world.workspace),
        format!("public/{}/branding/{name}", world.workspace),
        // Of a file that is stored: what was sent is of no more use.
        kept.replace("ws/", "staging/"),
    ];
    let foreign = ["backup/of-the-operator.tar".to_owned(), "ws/readme.txt".to_owned()];
    for key in orphans.iter().chain(&foreign) {
        let path = place(&world, key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "?").unwrap();
    }
    // Compared more than once meanwhile: each second of this machine's.
    world.harness.clock.advance(TimeDelta::hours(23));
    let compared = world.sandbox.requests().count(sandbox::Vendor::S3, |it| it.method == "GET");
    testkit::eventually("it was compared", LIMIT, async || {
        let now = world.sandbox.requests().count(sandbox::Vendor::S3, |it| it.method == "GET");
        if now >= compared + 8 { Ok(()) } else { Err(now) }
    })
    .await;
    assert_eq!(world.objects().len(), 8);
    world.harness.clock.advance(TimeDelta::hours(2));
    let mut left = world.objects_are(3).await;
    left.retain(|key| !foreign.contains(key));
    assert_eq!(left, [kept]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_missing_is_looked_for_and_given_up_after_a_week() {
    let world = start().await;
    let ada = world.person(Role::Member);
    let lost = ada.put(receipt(), &pdf(100)).await.unwrap().name;
    let key = world.objects_are(1).await.remove(0);
    let back = ada.put(receipt(), &pdf(200)).await.unwrap().name;
    let other = world.objects_are(2).await.into_iter().find(|other| *other != key).unwrap();
    let path = place(&world, &other);
    let aside = path.with_extension("aside");
    std::fs::remove_file(place(&world, &key)).unwrap();
    std::fs::rename(&path, &aside).unwrap();

    world.harness.clock.advance(TimeDelta::days(7));
    let owner = testkit::owner(world.harness.database_url(), DEFINITION.schema).await.unwrap();
    let missing = async |expected: i64| {
        testkit::eventually("so many are missing", LIMIT, async || {
            let count = sqlx::query_scalar(
                "select count(*) from file where missing_since is not null and state = 'stored'",
            );
            let count: i64 = count.fetch_one(&owner).await.unwrap();
            if count == expected { Ok(()) } else { Err(count) }
        })
        .await;
    };
    missing(2).await;
    std::fs::rename(&aside, &path).unwrap();
    world.harness.clock.advance(TimeDelta::hours(1));
    missing(1).await;
    world.harness.clock.advance(TimeDelta::days(7));
    is(&ada, &lost, pb::FileState::Removed).await;
    is(&ada, &back, pb::FileState::Stored).await;
    assert_eq!(told(&world).await, ["FileStored", "FileStored", "FileRemoved"]);
    assert_eq!(world.usage().await, (200, 1));
    world.harness.finish().await;
}
