//! Grants by filters, and as they change.

use std::time::Duration;

use proto::access::v1 as pb;
use proto::access::v1::{AccessReason, GrantState};
use proto::workspace::v1 as told;
use testkit::eventually;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

use crate::adapter::failure;
use crate::world::{Client, LIMIT, World, window};

/// What the stream says until `wanted` holds of all that it covers: the last of each.
struct Watcher {
    stream: Streaming<pb::WatchGrantsResponse>,
    grants: Vec<pb::Grant>,
}

impl Watcher {
    /// Begins to watch. The first answer has all that there is.
    async fn begin(client: &Client, request: pb::WatchGrantsRequest) -> Result<Self, Status> {
        let stream = client.clone().watch_grants(request).await?.into_inner();
        let mut watcher = Self { stream, grants: Vec::new() };
        watcher.take().await?;
        Ok(watcher)
    }

    async fn take(&mut self) -> Result<(), Status> {
        let answer = timeout(LIMIT, self.stream.message()).await.expect("an answer in time")?;
        let pb::WatchGrantsResponse { grants, gone } = answer.expect("the stream goes on");
        self.grants.retain(|grant| !gone.contains(&grant.name));
        for grant in grants {
            self.grants.retain(|known| known.name != grant.name);
            self.grants.push(grant);
        }
        Ok(())
    }

    async fn until(&mut self, what: &str, wanted: impl Fn(&[pb::Grant]) -> bool) {
        while !wanted(&self.grants) {
            let taken = timeout(LIMIT, self.take()).await;
            let known = &self.grants;
            taken.unwrap_or_else(|_| panic!("{what}: {known:?}")).unwrap();
        }
    }
}

fn all(world: &World) -> pb::WatchGrantsRequest {
    pb::WatchGrantsRequest { parent: world.name.clone(), ..Default::default() }
}

fn door(world: &World, group: &str) -> Option<pb::DoorAddress> {
    let pb::DoorMapping { location, provider, target, .. } = world.mapping("", group);
    Some(pb::DoorAddress { location, provider, target })
}

/// Two people with a booking each, at a room with a front door of its own and one that both share.
async fn two_bookings(world: &mut World) -> [(told::Person, String); 2] {
    let rooms = [world.mapped("one").await, world.mapped("two").await];
    for room in &rooms {
        world.create_mapping(world.mapping(room, "shared")).await.unwrap();
    }
    let people = [world.new_person(), world.new_person()];
    let mut made = Vec::new();
    for (person, room) in people.iter().zip(&rooms) {
        let stay = world.booking(person, room, 9, 10);
        world.tell(&stay).await;
        world.obey().await;
        world.obey().await;
        made.push((person.clone(), stay.booking.name));
    }
    made.try_into().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_are_listed_by_person_door_and_source_in_pages() {
    let mut world = World::new().await;
    let [(one, first), (_, second)] = two_bookings(&mut world).await;
    let list = async |request: pb::ListGrantsRequest| {
        let request = pb::ListGrantsRequest { parent: world.name.clone(), page_size: 1, ..request };
        let mut found = Vec::new();
        let mut page = request;
        loop {
            let answer = world.client.clone().list_grants(page.clone()).await.unwrap().into_inner();
            found.extend(answer.grants.into_iter().map(|grant| grant.target.unwrap().r#ref));
            if answer.next_page_token.is_empty() {
                found.sort();
                return found;
            }
            page.page_token = answer.next_page_token;
        }
    };
    let by = pb::ListGrantsRequest::default;
    assert_eq!(list(by()).await, ["one", "shared", "shared", "two"]);
    assert_eq!(list(pb::ListGrantsRequest { person: one.name.clone(), ..by() }).await, ["one", "shared"]);
    assert_eq!(list(pb::ListGrantsRequest { source: second.clone(), ..by() }).await, ["shared", "two"]);
    let shared = door(&world, "shared");
    assert_eq!(list(pb::ListGrantsRequest { door: shared.clone(), ..by() }).await, ["shared", "shared"]);
    let both = pb::ListGrantsRequest { door: shared, source: first.clone(), ..by() };
    assert_eq!(list(both).await, ["shared"]);
    let neither = pb::ListGrantsRequest { person: one.name.clone(), source: second, ..by() };
    assert_eq!(list(neither).await, Vec::<String>::new());
    for broken in [
        pb::ListGrantsRequest { source: one.name, ..by() },
        pb::ListGrantsRequest { door: door(&world, ""), ..by() },
    ] {
        let request = pb::ListGrantsRequest { parent: world.name.clone(), ..broken };
        let refused = world.client.clone().list_grants(request).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_has_what_is_there_and_then_each_change_of_what_it_covers() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let (person, other) = (world.new_person(), world.new_person());
    world.tell(&world.booking(&other, &resource, 9, 10)).await;
    world.obey().await;
    let mut everybody = Watcher::begin(&world.client, all(&world)).await.unwrap();
    assert_eq!(everybody.grants.len(), 1);
    let theirs = pb::WatchGrantsRequest { person: person.name.clone(), ..all(&world) };
    let mut theirs = Watcher::begin(&world.client, theirs).await.unwrap();
    assert_eq!(theirs.grants, []);

    let stay = world.booking(&person, &resource, 9, 10);
    world.tell(&stay).await;
    theirs.until("it is under way", |grants| !grants.is_empty()).await;
    assert_eq!(theirs.grants[0].state(), GrantState::InFlight);
    let of_booking = pb::WatchGrantsRequest { source: stay.booking.name.clone(), ..all(&world) };
    let mut of_booking = Watcher::begin(&world.client, of_booking).await.unwrap();
    let command = world.command().await;
    world.failed(&command, failure(pb::AccessFailureKind::Rejected, "no email address")).await;
    let rejected = AccessReason::ProviderRejects;
    theirs.until("it is failing", |grants| grants[0].reason() == rejected).await;
    let grant = &theirs.grants[0];
    assert_eq!((grant.last_error.as_str(), grant.state()), ("no email address", GrantState::Failing));
    assert!(grant.next_check_time.is_some() && grant.change_time.is_some(), "{grant:?}");
    of_booking.until("it is failing", |grants| grants[0].reason() == rejected).await;

    world.tell(&stay.cancelled()).await;
    of_booking.until("the booking leads nowhere", <[pb::Grant]>::is_empty).await;
    everybody.until("both are known", |grants| grants.len() == 2).await;
    everybody.until("nothing is wanted", |grants| grants.iter().any(|grant| grant.desired.is_none())).await;
    assert_eq!(world.obey().await.window, None);
    drop((everybody, theirs, of_booking));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_replica_changes_a_watch_of_another_hears() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let deps = world.harness.deps(&access_control::DEFINITION).await;
    let other = access_control::build(access_control::Config::default(), deps).await.unwrap();
    let other = world.harness.run(other);
    let clients = [world.address.clone(), other].map(|address| {
        let channel = world.harness.channel_as(&address, chassis::auth::Role::Admin, world.workspace);
        proto::access::v1::access_service_client::AccessServiceClient::new(channel)
    });
    let by_door = pb::WatchGrantsRequest { door: door(&world, "group-1"), ..all(&world) };
    let mut watchers = Vec::new();
    for client in &clients {
        watchers.push(Watcher::begin(client, by_door.clone()).await.unwrap());
    }
    world.tell(&world.booking(&world.new_person(), &resource, 9, 10)).await;
    world.obey().await;
    let held = window((8, 45), (10, 15));
    for watcher in &mut watchers {
        watcher.until("the provider has it", |grants| grants.iter().any(|it| it.observed == held)).await;
    }
    drop(watchers);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_has_so_many_watches_and_a_restart_ends_them_in_time() {
    let mut world = World::new().await;
    let mut watchers = Vec::new();
    for _ in 0..50 {
        watchers.push(Watcher::begin(&world.client, all(&world)).await.unwrap());
    }
    let refused = Watcher::begin(&world.client, all(&world)).await.map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    watchers.pop();
    let client = world.client.clone();
    let request = all(&world);
    eventually("there is room again", LIMIT, async || {
        Watcher::begin(&client, request.clone()).await.map(drop).map_err(|status| status.to_string())
    })
    .await;
    let mut last = watchers.pop().unwrap();
    world.restart(async |_| ()).await;
    let ended = timeout(Duration::from_secs(5), last.stream.message()).await.expect("it does not hang");
    assert_eq!(ended.unwrap_err().code(), Code::Unavailable);
    drop(watchers);
    world.harness.finish().await;
}
