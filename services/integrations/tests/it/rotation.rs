//! Master keys are changed while the service runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use domain::WorkspaceId;
use domain::names::WorkspaceName;
use proto::integrations::v1 as pb;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use proto::integrations::v1::key_service_client::KeyServiceClient;
use tokio::task::JoinSet;
use tonic::Code;

use crate::adapter::GOOD_KEY;
use crate::master_key::build;
use crate::world::{World, refusal};

const NEW_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

impl World {
    fn key_file(&self) -> std::path::PathBuf {
        self.folder.path().join("master-key")
    }

    /// Puts a new master key in front of those in the file.
    fn add_key(&self) {
        let former = std::fs::read_to_string(self.key_file()).unwrap();
        std::fs::write(self.key_file(), format!("{NEW_KEY}\n{former}")).unwrap();
    }

    /// Workspaces with a key each.
    async fn populate(&self, count: usize) -> Vec<WorkspaceId> {
        let mut workspaces = Vec::new();
        for _ in 0..count {
            let workspace = WorkspaceId::new();
            let channel = self.harness.channel_as(&self.address, chassis::auth::Role::Admin, workspace);
            let parent = WorkspaceName(workspace).to_string();
            let request = pb::ConnectIntegrationRequest { parent, ..self.request("", GOOD_KEY) };
            IntegrationServiceClient::new(channel).connect_integration(request).await.unwrap();
            workspaces.push(workspace);
        }
        workspaces
    }

    /// As the command line does: until nothing is left.
    async fn rotate_all(&self) -> i32 {
        let mut rewrapped = 0;
        loop {
            let answer = self.rotate().await.unwrap();
            rewrapped += answer.rewrapped;
            if answer.is_done {
                return rewrapped;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated_while_values_are_asked_for_and_none_fails() {
    let mut world = World::new().await;
    // More than one batch.
    let workspaces = Arc::new(world.populate(60).await);
    let (is_over, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut askers = JoinSet::new();
    for asker in 0..4 {
        let (mut client, workspaces) = (world.credentials.clone(), workspaces.clone());
        let (is_over, asked) = (is_over.clone(), asked.clone());
        askers.spawn(async move {
            for workspace in workspaces.iter().cycle().skip(asker * 15) {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let request = pb::ResolveCredentialRequest {
                    workspace: WorkspaceName(*workspace).to_string(),
                    provider: "kisi".into(),
                    location: String::new(),
                };
                let answer = client.resolve_credential(request).await.unwrap().into_inner();
                assert_eq!(answer.values["api_key"], GOOD_KEY);
                asked.fetch_add(1, Ordering::SeqCst);
            }
        });
    }
    let asked_more = async |count: usize| {
        let goal = asked.load(Ordering::SeqCst) + count;
        testkit::eventually("values are asked for", std::time::Duration::from_secs(30), async || {
            let asked = asked.load(Ordering::SeqCst);
            if asked >= goal { Ok(()) } else { Err(asked) }
        })
        .await;
    };
    asked_more(50).await;
    world.add_key();
    assert_eq!(world.rotate_all().await, 60);
    assert_eq!(world.rotate_all().await, 0, "twice does no harm");
    // The former key goes while they go on.
    std::fs::write(world.key_file(), NEW_KEY).unwrap();
    assert_eq!(world.rotate_all().await, 0);
    asked_more(50).await;
    is_over.store(true, Ordering::SeqCst);
    while let Some(asker) = askers.join_next().await {
        asker.unwrap();
    }
    assert_eq!(build(&mut world.harness, world.folder.path()).await, Ok(()), "the new one alone will do");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_was_not_told_opens_what_another_one_wrapped_anew() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    let deps = world.harness.deps(&integrations::DEFINITION).await;
    let config = crate::world::config(world.folder.path(), "https://127.0.0.1:1");
    let other = world.harness.run(integrations::build(config, deps).await.unwrap());
    world.add_key();
    let mut keys = KeyServiceClient::new(world.harness.channel(&other, "latchkey"));
    let answer = keys.rotate_keys(pb::RotateKeysRequest {}).await.unwrap().into_inner();
    assert_eq!((answer.rewrapped, answer.is_done), (1, true));
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_former_key_that_is_gone_too_early_or_a_garbled_file_is_named_and_nothing_is_harmed() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    let former = std::fs::read_to_string(world.key_file()).unwrap();
    for (text, problem) in [("garbled", "32 random bytes"), (NEW_KEY, "is not among the ones at hand")] {
        std::fs::write(world.key_file(), text).unwrap();
        let status = world.rotate().await.unwrap_err();
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert!(status.message().contains(problem), "{status}");
        assert!(!status.message().contains(text), "{status}");
    }
    std::fs::write(world.key_file(), former).unwrap();
    assert_eq!(world.resolve("").await.values["api_key"], GOOD_KEY);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_command_line_rotates_keys() {
    let world = World::new().await;
    let refused = (Code::PermissionDenied, "INTERNAL_METHOD".to_owned());
    let adapter = world.harness.channel(&world.address, "kisi-adapter");
    let outcome = KeyServiceClient::new(adapter).rotate_keys(pb::RotateKeysRequest {}).await;
    assert_eq!(refusal(outcome), refused);
    let owner = world.harness.channel_as(&world.address, chassis::auth::Role::Owner, world.workspace);
    let outcome = KeyServiceClient::new(owner).rotate_keys(pb::RotateKeysRequest {}).await;
    assert_eq!(refusal(outcome), refused);
    world.harness.finish().await;
}
