//! What providers have: which mappings lead nowhere, which have warnings, what may be mapped.

use chassis::input::timestamp;
use domain::IntegrationId;
use domain::names::IntegrationName;
use proto::access::v1 as pb;
use proto::access::v1::DoorTargetKind as Kind;
use proto::integrations::v1 as told;
use testkit::eventually;

use crate::adapter::failure;
use crate::world::{LIMIT, World};

fn door(kind: Kind, name: &str, warnings: &[&str]) -> pb::ListedDoor {
    let target = pb::DoorTarget { kind: kind.into(), r#ref: name.into(), display_name: name.into() };
    pb::ListedDoor {
        target: Some(target),
        warnings: warnings.iter().map(|&warning| warning.to_owned()).collect(),
    }
}

impl World {
    /// An account that serves the workspace, connected.
    pub(crate) async fn account_of_workspace(&self) -> IntegrationName {
        let name = IntegrationName { workspace: self.workspace, id: IntegrationId::new() };
        let integration = told::Integration {
            name: name.to_string(),
            provider: "kisi".into(),
            status: told::IntegrationStatus::Connected.into(),
            is_active: true,
            ..Default::default()
        };
        let fact = told::IntegrationStatusChanged { integration: Some(integration) };
        self.send(&self.message(&name.to_string(), 1, &fact)).await;
        name
    }

    pub(crate) async fn tell_listing(&self, account: IntegrationName, number: i64, doors: &[pb::ListedDoor]) {
        let body = pb::AccountDoorsListed {
            provider: "kisi".into(),
            integration: account.to_string(),
            list_time: Some(timestamp(self.now())),
            doors: doors.to_vec(),
            ..Default::default()
        };
        self.send(&self.message(&account.to_string(), number, &body)).await;
    }

    /// Tells a part of a listing.
    async fn tell_part(
        &self,
        account: IntegrationName,
        (number, part): (i64, i32),
        part_count: i32,
        doors: &[&str],
    ) {
        let body = pb::AccountDoorsListed {
            provider: "kisi".into(),
            integration: account.to_string(),
            list_time: Some(timestamp(self.now())),
            doors: doors.iter().map(|name| door(Kind::Group, name, &[])).collect(),
            part,
            part_count,
        };
        self.send(&self.message(&account.to_string(), number, &body)).await;
    }

    /// Waits until those doors are listed.
    async fn listed(&self, names: &[&str]) -> pb::ProposeDoorMappingsResponse {
        self.proposed(&[], |proposed| {
            let doors = proposed.doors.iter().map(|door| door.target.as_ref().unwrap().display_name.as_str());
            doors.eq(names.iter().copied())
        })
        .await
    }

    /// Has a door listed, and waits until that is known.
    pub(crate) async fn note_listing(&self) {
        let account = self.account_of_workspace().await;
        self.tell_listing(account, 1, &[door(Kind::Group, "group-1", &[])]).await;
        self.proposed(&[], |proposed| proposed.doors.len() == 1).await;
    }

    async fn mappings(&self) -> Vec<pb::DoorMapping> {
        let request = pb::ListDoorMappingsRequest { parent: self.name.clone(), ..Default::default() };
        self.client.clone().list_door_mappings(request).await.unwrap().into_inner().door_mappings
    }

    /// Waits until the one mapping is so.
    async fn mapping_is(&self, what: &str, wanted: impl Fn(&pb::DoorMapping) -> bool) -> pb::DoorMapping {
        eventually(what, LIMIT, async || match &self.mappings().await[..] {
            [mapping] if wanted(mapping) => Ok(mapping.clone()),
            others => Err(format!("{others:?}")),
        })
        .await
    }

    async fn proposed(
        &self,
        subjects: &[(String, &str)],
        wanted: impl Fn(&pb::ProposeDoorMappingsResponse) -> bool,
    ) -> pb::ProposeDoorMappingsResponse {
        let named = |(subject, name): &(String, &str)| pb::NamedSubject {
            subject: subject.clone(),
            display_name: (*name).to_owned(),
        };
        let request = pb::ProposeDoorMappingsRequest {
            parent: self.name.clone(),
            provider: "kisi".into(),
            location: self.location.clone(),
            subjects: subjects.iter().map(named).collect(),
        };
        eventually("it is proposed", LIMIT, async || {
            let answer =
                self.client.clone().propose_door_mappings(request.clone()).await.unwrap().into_inner();
            if wanted(&answer) { Ok(answer) } else { Err(format!("{answer:?}")) }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mapping_to_what_is_gone_is_broken_until_it_is_there_again() {
    let world = World::new().await;
    world.mapped("group-1").await;
    let account = world.account_of_workspace().await;
    world.mapping_is("nobody has looked yet", |mapping| !mapping.is_broken).await;
    let (there, other) = (door(Kind::Group, "group-1", &[]), door(Kind::Lock, "group-1", &[]));
    world.tell_listing(account, 3, &[there.clone(), other.clone()]).await;
    world.tell_listing(account, 5, std::slice::from_ref(&other)).await;
    let broken = world.mapping_is("it is gone", |mapping| mapping.is_broken).await;
    assert!(broken.broken_reason.contains("no such door"), "{broken:?}");
    // Late and old.
    world.tell_listing(account, 4, std::slice::from_ref(&there)).await;
    let warned = door(Kind::Group, "group-1", &["at its hours", "near by"]);
    world.tell_listing(account, 6, &[warned]).await;
    let mended = world.mapping_is("it is there again", |mapping| !mapping.is_broken).await;
    assert_eq!(
        (mended.broken_reason.as_str(), mended.warnings),
        ("", vec!["at its hours".into(), "near by".into()])
    );
    world.tell_listing(account, 7, &[there]).await;
    world.mapping_is("nothing is in the way", |mapping| mapping.warnings.is_empty()).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_finds_no_door_breaks_the_mapping_and_one_that_does_mends_it() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    let command = world.command().await;
    world.failed(&command, failure(pb::AccessFailureKind::NotFound, "Kisi has no group group-1")).await;
    let broken = world.mapping_is("it is broken", |mapping| mapping.is_broken).await;
    assert_eq!(broken.broken_reason, "Kisi has no group group-1");
    world.harness.clock.advance(chrono::Duration::seconds(10));
    world.obey().await;
    world.mapping_is("it is mended", |mapping| !mapping.is_broken).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn doors_are_proposed_by_name_for_what_is_not_mapped_and_taken_as_they_are() {
    let world = World::new().await;
    let (mapped, free) = (world.mapped("Room 1").await, world.new_resource());
    let subjects = [(mapped, "Room 1"), (free.clone(), "Room 2"), (world.location.clone(), "Vienna")];
    let nothing = world.proposed(&subjects, |_| true).await;
    assert_eq!(nothing, pb::ProposeDoorMappingsResponse::default(), "nobody has looked yet");
    let account = world.account_of_workspace().await;
    let doors = [
        door(Kind::Group, "Members of Vienna", &[]),
        door(Kind::Group, "Room 1", &[]),
        door(Kind::Lock, "Room 2", &["near by"]),
    ];
    world.tell_listing(account, 1, &doors).await;
    let proposed = world.proposed(&subjects, |proposed| !proposed.doors.is_empty()).await;
    assert_eq!((&proposed.doors[..], proposed.list_time), (&doors[..], Some(timestamp(world.now()))));
    let [room, vienna] = &proposed.proposals[..] else { panic!("{proposed:?}") };
    assert_eq!((&room.subject, &room.warnings[..]), (&free, &["near by".to_owned()][..]));
    assert_eq!((&vienna.subject, vienna.target.clone()), (&world.location, doors[0].target.clone()));
    assert_eq!(world.mappings().await.len(), 1, "a proposal changes nothing");
    world.create_mapping(room.clone()).await.unwrap();
    let left = world.proposed(&subjects, |proposed| proposed.proposals.len() == 1).await;
    assert_eq!(left.proposals[0].subject, world.location);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_in_parts_is_in_force_once_all_are_there_in_whatever_order_they_come() {
    let world = World::new().await;
    let account = world.account_of_workspace().await;
    world.tell_listing(account, 1, &[door(Kind::Group, "old", &[])]).await;
    world.listed(&["old"]).await;
    for (number, part, doors) in
        [(3, 2, ["c", "d"]), (2, 1, ["x", "y"]), (3, 2, ["c", "d"]), (3, 3, ["e", "f"]), (2, 2, ["z", "w"])]
    {
        world.tell_part(account, (number, part), 3, &doors).await;
    }
    eventually("four parts wait", LIMIT, async || {
        let parts = sqlx::query_scalar("select count(*) from listing_part");
        let parts: i64 = parts.fetch_one(&world.pool).await.unwrap();
        if parts == 4 { Ok(()) } else { Err(format!("{parts}")) }
    })
    .await;
    world.listed(&["old"]).await;
    world.tell_part(account, (3, 1), 3, &["a", "b"]).await;
    world.listed(&["a", "b", "c", "d", "e", "f"]).await;
    // The rest of one that is older.
    world.tell_part(account, (2, 3), 3, &["v"]).await;
    world.tell_listing(account, 4, &[door(Kind::Group, "new", &[])]).await;
    world.listed(&["new"]).await;
    let left: (i64, i64) =
        sqlx::query_as("select (select count(*) from listed_door), (select count(*) from listing_part)")
            .fetch_one(&world.pool)
            .await
            .unwrap();
    assert_eq!(left, (1, 0), "nothing is left of what is not in force");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_listed_is_as_new_as_the_last_comparison_that_found_it_so() {
    let world = World::new().await;
    let account = world.account_of_workspace().await;
    world.tell_listing(account, 1, &[door(Kind::Group, "group-1", &[])]).await;
    assert_eq!(world.listed(&["group-1"]).await.list_time, Some(timestamp(world.now())));
    world.harness.clock.advance(chrono::Duration::hours(1));
    world.send(&world.found(account, 2, &[])).await;
    let now = Some(timestamp(world.now()));
    world.proposed(&[], |proposed| proposed.list_time == now && proposed.doors.len() == 1).await;
    world.harness.finish().await;
}
