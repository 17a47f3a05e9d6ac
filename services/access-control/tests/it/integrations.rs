//! Integrations: what is tried again, and what rests.

use std::collections::HashMap;

use domain::IntegrationId;
use domain::names::IntegrationName;
use proto::access::v1 as pb;
use proto::integrations::v1::{Integration, IntegrationStatus, IntegrationStatusChanged};

use crate::adapter::failure;
use crate::world::{World, window};

/// To whom, by whose credentials, and what.
type Told<'a> = (&'a String, &'a String, Option<pb::AccessWindow>);

impl World {
    /// Maps a new resource to a group at a location, and gives the resource.
    async fn mapped_at(&self, location: &str, group: &str) -> String {
        let resource = self.new_resource();
        let mapping = pb::DoorMapping { location: location.into(), ..self.mapping(&resource, group) };
        self.create_mapping(mapping).await.unwrap();
        resource
    }

    /// One that is active, and new.
    async fn integration(&self, provider: &str, location: &str, status: IntegrationStatus) {
        let integration = Integration {
            provider: provider.into(),
            location: location.into(),
            status: status.into(),
            ..self.connected()
        };
        self.hear(1, integration).await;
    }

    /// The workspace's at Kisi.
    pub(crate) fn connected(&self) -> Integration {
        Integration {
            name: IntegrationName { workspace: self.workspace, id: IntegrationId::new() }.to_string(),
            provider: "kisi".into(),
            status: IntegrationStatus::Connected.into(),
            is_active: true,
            ..Default::default()
        }
    }

    pub(crate) async fn hear(&self, version: i64, integration: Integration) {
        let name = integration.name.clone();
        let fact = IntegrationStatusChanged { integration: Some(integration) };
        self.send(&self.message(&name, version, &fact)).await;
    }

    /// Waits until the one mapping to a door of Kisi's is followed, or not.
    pub(crate) async fn until_mapping_is(&self, is_active: bool) {
        testkit::eventually("the mapping follows its integration", crate::world::LIMIT, async || {
            let request = pb::ListDoorMappingsRequest { parent: self.name.clone(), ..Default::default() };
            let listed = self.client.clone().list_door_mappings(request).await.unwrap().into_inner();
            let mapping =
                listed.door_mappings.into_iter().find(|mapping| mapping.provider == "kisi").unwrap();
            if mapping.is_active == is_active { Ok(()) } else { Err(format!("{mapping:?}")) }
        })
        .await;
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

    let elsewhere = world.elsewhere();
    world.integration("kisi", "", IntegrationStatus::Failing).await;
    world.integration("kisi", "", IntegrationStatus::NotConnected).await;
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
    // It is given by the location's own, and taken back by the one that may have given it.
    let told = [world.obey().await, world.obey().await];
    let mut facts = told.map(|command| if command.window.is_some() { "granted" } else { "revoked" });
    world.told(&["failing", "failing", facts[0], facts[1]]).await;
    facts.sort_unstable();
    assert_eq!(facts, ["granted", "revoked"]);
    // What is well is left alone.
    world.integration("kisi", "", IntegrationStatus::Connected).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_while_an_integration_rests_and_all_of_it_afterwards() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let (early, late) = (world.new_person(), world.new_person());
    let connected = world.connected();
    world.hear(1, connected.clone()).await;
    world.tell(&world.booking(&early, &resource, 9, 10)).await;
    assert_eq!(world.obey().await.window, window((8, 45), (10, 15)));

    let resting = Integration { is_active: false, ..connected.clone() };
    world.hear(2, resting.clone()).await;
    world.until_mapping_is(false).await;
    world.tell(&world.booking(&late, &resource, 11, 12)).await;
    assert_eq!(world.quiet().await, [], "neither a grant nor a revoke");
    let waiting = world.grants().await.into_iter().find(|grant| grant.observed.is_none()).unwrap();
    assert!(waiting.desired.is_some() && waiting.last_error.contains("integration"), "{waiting:?}");
    assert_eq!(waiting.state(), pb::GrantState::Settled, "nothing is under way");

    // An older word comes late.
    world.hear(1, connected.clone()).await;
    assert_eq!(world.quiet().await, []);
    world.hear(3, connected).await;
    assert_eq!(world.obey().await.window, window((10, 45), (12, 15)));
    world.until_mapping_is(true).await;
    assert_eq!(world.quiet().await, [], "what was granted before is as it should be");
    assert!(world.grants().await.iter().all(|grant| grant.last_error.is_empty()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locations_integration_decides_for_it_and_the_workspaces_for_the_others() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let whole = Integration { is_active: false, ..world.connected() };
    let own = Integration { location: world.location.clone(), ..world.connected() };
    let others = Integration { location: world.elsewhere(), is_active: false, ..world.connected() };
    world.hear(1, others).await;
    world.hear(1, whole.clone()).await;
    world.until_mapping_is(false).await;
    world.hear(1, own.clone()).await;
    world.until_mapping_is(true).await;
    world.hear(2, Integration { is_active: false, ..own }).await;
    world.hear(2, Integration { is_active: true, ..whole }).await;
    world.until_mapping_is(false).await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    assert_eq!(world.quiet().await, [], "the same ids may be other doors there");
    world.until_mapping_is(false).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_two_locations_lead_to_by_one_integration_is_one_door() {
    let mut world = World::new().await;
    let here = world.mapped("group-1").await;
    let there = world.mapped_at(&world.elsewhere(), "group-1").await;
    let person = world.new_person();
    let first = world.booking(&person, &here, 9, 11);
    world.tell(&first).await;
    let early = world.obey().await;
    assert_eq!(early.location, "", "by the workspace's credentials");
    world.tell(&world.booking(&person, &there, 10, 12)).await;
    let longer = world.obey().await;
    assert_eq!((&longer.grant, longer.window), (&early.grant, window((8, 45), (12, 15))));
    world.tell(&first.cancelled()).await;
    assert_eq!(world.obey().await.window, window((9, 45), (12, 15)), "the other's is left alone");
    assert_eq!((world.quiet().await, world.grants().await.len()), (vec![], 1));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_moves_to_an_integration_of_its_own_once_that_is_active_and_stays_there() {
    let mut world = World::new().await;
    let (here, there) = (world.location.clone(), world.elsewhere());
    let room = world.mapped("group-1").await;
    let other_room = world.mapped_at(&there, "group-1").await;
    let (person, given_to) = (world.new_person(), world.new_person());
    world.hear(1, world.connected()).await;
    let first = world.booking(&person, &room, 9, 11);
    world.tell(&first).await;
    world.tell(&world.booking(&person, &other_room, 10, 12)).await;
    world.tell_manual(&world.manual(&given_to, "group-1", 9, Some(10)), &given_to).await;
    let mut provider = HashMap::new();
    world.obey_all(&mut provider).await;
    assert_eq!(provider.len(), 2);
    // While it is not, its doors are still those of the workspace's account.
    let own = Integration { location: here.clone(), ..world.connected() };
    let new = Integration { is_active: false, status: IntegrationStatus::NotConnected.into(), ..own.clone() };
    world.hear(1, new).await;
    assert_eq!(world.quiet().await, []);
    // What an older word comes after, and twice, is the same.
    for version in [3, 2, 3] {
        world.hear(version, own.clone()).await;
    }
    testkit::eventually("there are grants by its own", crate::world::LIMIT, async || {
        let grants = world.grants().await;
        if grants.len() == 4 { Ok(()) } else { Err(format!("{grants:?}")) }
    })
    .await;
    let moved = world.quiet().await;
    let mut told: Vec<Told<'_>> = moved
        .iter()
        .map(|command| (&command.person.as_ref().unwrap().name, &command.location, command.window))
        .collect();
    let by_workspace = String::new();
    let mut expected = vec![
        (&person.name, &here, window((8, 45), (11, 15))),
        (&person.name, &by_workspace, window((9, 45), (12, 15))),
        (&given_to.name, &here, window((8, 45), (10, 15))),
        (&given_to.name, &by_workspace, None),
    ];
    let order = |a: &Told<'_>, b: &Told<'_>| (a.0, a.1).cmp(&(b.0, b.1));
    told.sort_by(order);
    expected.sort_by(order);
    assert_eq!(told, expected);
    for command in &moved {
        world.applied(command).await;
    }
    assert_eq!(world.quiet().await, []);
    // From now on it decides there, also when it is disconnected.
    world.hear(4, Integration { is_active: false, ..own.clone() }).await;
    world.until_mapping_is(false).await;
    world.tell(&first.cancelled()).await;
    assert_eq!(world.quiet().await, []);
    world.hear(5, own).await;
    let revoke = world.obey().await;
    assert_eq!((revoke.location, revoke.window), (here, None));
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_whose_integration_was_active_and_is_not_any_more_rests_in_whatever_order_that_is_heard() {
    let mut world = World::new().await;
    let room = world.mapped("group-1").await;
    world.hear(1, world.connected()).await;
    let own = Integration { location: world.location.clone(), ..world.connected() };
    world.hear(2, Integration { is_active: false, ..own.clone() }).await;
    world.hear(1, own).await;
    world.until_mapping_is(false).await;
    world.tell(&world.booking(&world.new_person(), &room, 9, 10)).await;
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_whose_integration_is_the_only_one_waits_for_it() {
    let mut world = World::new().await;
    let room = world.mapped("group-1").await;
    let here = world.location.clone();
    let own = Integration { location: here.clone(), ..world.connected() };
    world.hear(1, Integration { is_active: false, ..own.clone() }).await;
    world.until_mapping_is(false).await;
    world.tell(&world.booking(&world.new_person(), &room, 9, 10)).await;
    assert_eq!(world.quiet().await, [], "nobody else has credentials for it");
    world.hear(2, own).await;
    assert_eq!(world.obey().await.location, here);
    assert_eq!(world.quiet().await, []);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_integration_of_another_workspace_is_a_dead_letter() {
    let world = World::new().await;
    let id = IntegrationId::new();
    let name = IntegrationName { workspace: domain::WorkspaceId::new(), id }.to_string();
    world.hear(1, Integration { name, ..world.connected() }).await;
    world.harness.finish_with_dead_letters(1).await;
}
