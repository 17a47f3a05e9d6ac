//! What a file or a tick costs does not grow with how many files there are.

use chassis::auth::Role;
use domain::{Clock as _, WorkspaceId};
use proto::storage::v1 as pb;
use storage::DEFINITION;
use testkit::assert_by_index;

use crate::world::{World, new_file, pdf, send};

/// Of each pool, most of the connections.
const CONNECTIONS: usize = 5;

/// Files of this workspace and of another one, none of which is due.
async fn fill(world: &World) {
    let owner = testkit::owner(world.harness.database_url(), DEFINITION.schema).await.unwrap();
    for workspace in [world.workspace, WorkspaceId::new()] {
        sqlx::query(
            "insert into file (workspace_id, id, kind, person_id, subject, file_name, content_type, size_bytes,
               used_bytes, state, object_name, thumbnail_sides, has_objects, due_at, version, created_at, updated_at)
             select $1, gen_random_uuid(), (array['receipt', 'document', 'feed-picture', 'mail-inside', 'signage',
               'task-attachment', 'message-attachment', 'person-picture'])[1 + n % 8], gen_random_uuid(), 'subject ' || n, 'a.pdf', 'application/pdf', 1,
               1, 'stored', 'object ' || n, '{}', true, $2 + interval '20 years', 1, $2, $2
             from generate_series(1, 3000) n",
        )
        .bind(workspace.uuid())
        .bind(world.harness.clock.now())
        .execute(&owner)
        .await
        .unwrap();
    }
    sqlx::query("analyze file").execute(&owner).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_reads_the_files_through() {
    let world = World::start().await;
    fill(&world).await;
    let (admin, ada) = (world.person(Role::Admin), world.person(Role::Member));
    let receipt = || new_file(pb::FileKind::Receipt, "taxi.pdf", "application/pdf");
    let begun = ada.start(receipt(), 100).await.unwrap();
    let name = begun.file.unwrap().name;
    send(&begun.upload.unwrap(), pdf(100)).await;
    ada.complete(&name).await.unwrap();
    ada.get(&name).await.unwrap();
    let room = format!("{}/resources/room", ada.parent);
    for (person, subject) in
        [("", ""), (ada.name.as_str(), ""), ("", room.as_str()), (ada.name.as_str(), room.as_str())]
    {
        admin.list(pb::FileKind::Receipt, person, subject).await.unwrap();
    }
    admin.delete(&name).await.unwrap();
    world.objects_are(0).await;
    let values = [world.workspace.uuid(), world.workspace.uuid()];
    let mut judged = Vec::new();
    let (mut calls, mut ticks) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        calls.push(world.deps.pool.begin(world.workspace).await.unwrap());
        ticks.push(world.deps.platform.acquire().await.unwrap());
    }
    for conn in &mut calls {
        judged.extend(assert_by_index(conn, &["file"], values).await);
    }
    for conn in &mut ticks {
        judged.extend(assert_by_index(conn, &["file"], values).await);
    }
    drop((calls, ticks));
    for part in [
        "insert into file",
        "update file\n",
        "select * from file where workspace_id = $1 and id = $2",
        "due_at <= $1",
    ] {
        assert!(judged.iter().any(|statement| statement.contains(part)), "{part:?} in {judged:#?}");
    }
    world.harness.finish().await;
}
