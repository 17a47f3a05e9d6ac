//! The audit log of the whole platform.

use std::time::Duration;

use proto::audit::v1 as pb;
use stories::Stage;
use stories::play::World;
use stories::stage::Setting;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_all_services_record_is_exported_through_the_gateway() {
    let mut stage = Stage::set(Setting::default()).await;
    let world = World::build(&stage, 1, 1).await;
    stage.settle(Duration::from_secs(60)).await;
    let owner = testkit::owner(&stage.database_url(), "workspace").await.unwrap();
    // Many years of it.
    sqlx::query(
        "insert into audit_entry (workspace_id, id, happened_at, actor, subject, entry)
         select workspace_id, gen_random_uuid(), happened_at - interval '1 hour' * n, actor, subject,
           entry || jsonb_build_object('action', 'an old one')
         from audit_entry, generate_series(1, 1000) as n",
    )
    .execute(&owner)
    .await
    .unwrap();

    let request = pb::ExportAuditEntriesRequest { parent: world.workspace.clone(), ..Default::default() };
    let mut answers = stage.client().audit.export_audit_entries(request).await.unwrap().into_inner();
    let mut entries = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        entries.extend(answer.audit_entry);
    }
    assert_eq!(entries.len(), 6_006);
    let (old, own) = entries.split_at(6_000);
    assert!(old.iter().all(|entry| entry.action == "an old one"));
    let actions: Vec<&str> = own.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "latchkey.workspace.v1.WorkspaceService/CreateWorkspace",
        "latchkey.workspace.v1.WorkspaceService/CreateLocation",
        "latchkey.integrations.v1.IntegrationService/ConnectIntegration",
        "latchkey.workspace.v1.WorkspaceService/CreateResource",
        "latchkey.access.v1.AccessService/CreateDoorMapping",
        "latchkey.workspace.v1.PersonService/CreatePerson",
    ];
    assert_eq!(actions, expected);
    for entry in own {
        let actor = entry.actor.as_ref().unwrap();
        assert_eq!((actor.name.as_str(), actor.address.as_str()), ("latchkey", "127.0.0.1"));
    }
}
