//! Integrations that are connected again.

use domain::IntegrationId;
use domain::names::{IntegrationName, LocationName};
use proto::access::v1 as pb;
use proto::integrations::v1::{Integration, IntegrationStatus, IntegrationStatusChanged};

use crate::adapter::failure;
use crate::world::World;

impl World {
    async fn integration(&self, provider: &str, location: &str, status: IntegrationStatus) {
        let name = IntegrationName { workspace: self.workspace, id: IntegrationId::new() }.to_string();
        let integration = Integration {
            name: name.clone(),
            provider: provider.into(),
            location: location.into(),
            status: status.into(),
            ..Default::default()
        };
        let fact = IntegrationStatusChanged { integration: Some(integration) };
        self.send(&self.message(&name, 1, &fact)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_tried_at_once_when_its_integration_is_connected_again() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    let refused = failure(pb::AccessFailureKind::Unauthorized, "Kisi refuses the key");
    let mut command = world.command().await;
    // So often that the next attempt would be many minutes away.
    for _ in 0..5 {
        world.failed(&command, refused.clone()).await;
        let grant = world.grant("it is failing", |grant| grant.state() == pb::GrantState::Failing).await;
        world
            .harness
            .clock
            .set(chrono::DateTime::from_timestamp(grant.next_check_time.unwrap().seconds + 1, 0).unwrap());
        command = world.command().await;
    }
    world.failed(&command, refused.clone()).await;
    world.grant("it is failing", |grant| grant.state() == pb::GrantState::Failing).await;

    let elsewhere = LocationName { workspace: world.workspace, id: domain::LocationId::new() }.to_string();
    world.integration("kisi", "", IntegrationStatus::Refused).await;
    world.integration("kisi", "", IntegrationStatus::Unchecked).await;
    world.integration("relay", "", IntegrationStatus::Connected).await;
    world.integration("kisi", &elsewhere, IntegrationStatus::Connected).await;
    assert_eq!(world.quiet().await, [], "none of that concerns it");

    world.integration("kisi", "", IntegrationStatus::Connected).await;
    let again = world.command().await;
    assert_eq!(again.generation, command.generation + 1);
    // From now on it counts from the start again.
    world.failed(&again, refused).await;
    let grant = world.grant("it is failing", |grant| grant.state() == pb::GrantState::Failing).await;
    let wait = grant.next_check_time.unwrap().seconds - world.now().timestamp();
    assert!((0..=10).contains(&wait), "{wait} seconds");
    world.told(&["failing", "failing"]).await;

    let here = world.location.clone();
    world.integration("kisi", &here, IntegrationStatus::Connected).await;
    world.obey().await;
    world.told(&["failing", "failing", "granted"]).await;
    // What is well is left alone.
    world.integration("kisi", "", IntegrationStatus::Connected).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}
