//! The access log: every action and refusal, once and for good.

use access_control::access_log::Chain;
use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::Duration;
use domain::names::{LocationName, PersonName};
use domain::{LocationId, PersonId};
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorOperationState as State;
use proto::access::v1::access_log_service_client::AccessLogServiceClient;
use testkit::{Bearer, eventually};
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;

use crate::control::opened;
use crate::doors::room;
use crate::world::{LIMIT, World, at};

pub(crate) type Log = AccessLogServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    pub(crate) fn log_as(&self, principal: &Principal) -> Log {
        AccessLogServiceClient::new(self.harness.channel_with(&self.address, principal))
    }

    pub(crate) fn log(&self) -> Log {
        self.log_as(&Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin))
    }

    pub(crate) fn whole_log(&self) -> pb::ListAccessLogRequest {
        pb::ListAccessLogRequest { parent: self.name.clone(), ..Default::default() }
    }
}

/// All pages of it.
pub(crate) async fn list(log: &mut Log, request: pb::ListAccessLogRequest) -> Vec<pb::AccessLogEntry> {
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListAccessLogRequest { page_token, ..request.clone() };
        let page = log.list_access_log(request).await.unwrap().into_inner();
        all.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return all;
        }
    }
}

fn outcomes(entries: &[pb::AccessLogEntry]) -> Vec<(State, Why)> {
    entries.iter().map(|entry| (entry.outcome(), entry.reason())).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_action_and_every_refusal_is_an_entry_and_the_chain_holds() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    world.harness.clock.set(at(9));
    let mut doors = world.doors_as(&world.principal(&person, Role::Member));
    let mut stranger = world.doors_as(&world.principal(&world.new_person(), Role::Member));
    opened(&mut doors, world.open("door-1")).await;
    stranger.open_door(world.open("door-1")).await.unwrap_err();
    opened(&mut doors, world.open("door-1")).await;
    played.fail(Why::DoorOffline, false);
    opened(&mut world.admin(), world.open("door-2")).await;
    played.fail(Why::ProviderUnreachable, true);
    *played.fate.lock().unwrap() = pb::OperationFate::Done;
    opened(&mut world.admin(), world.open("door-1")).await;
    world.harness.clock.advance(Duration::seconds(15));
    eventually("what was lost is found", LIMIT, async || {
        let entries = list(&mut world.log(), world.whole_log()).await;
        if entries.len() == 5 { Ok(()) } else { Err(format!("{:?}", outcomes(&entries))) }
    })
    .await;
    let lockdown = world.lock_down("").await;
    world.lift(&lockdown).await;

    let mut newest_first = list(&mut world.log(), world.whole_log()).await;
    newest_first.reverse();
    assert_eq!(
        outcomes(&newest_first),
        [
            (State::Done, Why::DoorObeyed),
            (State::Refused, Why::EntitlementNone),
            (State::Failed, Why::DoorOffline),
            (State::Unknown, Why::ProviderUnreachable),
            (State::Done, Why::DoorObeyed),
            (State::Done, Why::DoorObeyed),
            (State::Done, Why::DoorObeyed),
        ]
    );
    let mut chain = Chain::default();
    for entry in &newest_first {
        assert_eq!(chain.follow(entry), Ok(()), "{entry:?}");
    }
    let first = &newest_first[0];
    assert_eq!((first.actor.as_str(), first.source()), (person.name.as_str(), pb::AccessLogSource::App));
    assert_eq!(first.time, Some(timestamp(at(9))));
    assert_eq!(first.door.as_ref().unwrap().target.as_ref().unwrap().display_name, "The door-1");
    assert_eq!(newest_first[2].source(), pb::AccessLogSource::Admin);
    assert_eq!(newest_first[2].detail, "what the provider said");
    assert_eq!(newest_first[3].operation, newest_first[4].operation, "the same, known later");
    assert_eq!(newest_first[4].latency, Some(pbjson_types::Duration { seconds: 15, nanos: 0 }));
    assert_eq!(newest_first[6].source(), pb::AccessLogSource::Emergency);

    let PersonName { workspace, .. } = person.name.parse().unwrap();
    let owner = world.owner().await;
    for change in [
        "update access_log set outcome = 'done' where workspace_id = $1",
        "delete from access_log where workspace_id = $1",
    ] {
        let refused = sqlx::query(change).bind(workspace.uuid()).execute(&owner).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_filtered_and_paged_and_managers_see_their_locations() {
    let (world, _) = World::with_doors().await;
    room(&world).await;
    let (person, another) = (world.new_person(), world.new_person());
    let begin = world.now();
    for (who, door) in [(&person, "door-1"), (&another, "door-1"), (&person, "door-2"), (&person, "no-door")]
    {
        let mut doors = world.doors_as(&world.principal(who, Role::Admin));
        opened(&mut doors, world.open(door)).await;
        world.harness.clock.advance(Duration::minutes(1));
    }
    let whole = world.whole_log();
    let mut log = world.log();
    let mut count = async |request: pb::ListAccessLogRequest| list(&mut log, request).await.len();
    assert_eq!(count(whole.clone()).await, 4);
    assert_eq!(count(pb::ListAccessLogRequest { page_size: 1, ..whole.clone() }).await, 4);
    assert_eq!(count(pb::ListAccessLogRequest { person: person.name.clone(), ..whole.clone() }).await, 3);
    let at_door = pb::ListAccessLogRequest { door: Some(world.door("door-1")), ..whole.clone() };
    assert_eq!(count(at_door).await, 2);
    let refused = vec![State::Refused.into(), State::Failed.into()];
    assert_eq!(count(pb::ListAccessLogRequest { outcomes: refused, ..whole.clone() }).await, 1);
    let time = |minutes| Some(timestamp(begin + Duration::minutes(minutes)));
    let between = pb::ListAccessLogRequest { start_time: time(1), end_time: time(3), ..whole.clone() };
    assert_eq!(count(between).await, 2);
    let here = pb::ListAccessLogRequest { location: world.location.clone(), ..whole.clone() };
    assert_eq!(count(here.clone()).await, 4);
    assert_eq!(count(pb::ListAccessLogRequest { location: world.elsewhere(), ..whole.clone() }).await, 0);

    let LocationName { id: location, .. } = world.location.parse().unwrap();
    let manager = |location| {
        Principal::person(PersonId::new().to_string(), world.workspace, Role::Manager).at([location])
    };
    assert_eq!(list(&mut world.log_as(&manager(location)), whole.clone()).await.len(), 4);
    let mut elsewhere = world.log_as(&manager(LocationId::new()));
    for request in [whole.clone(), here] {
        assert_eq!(list(&mut elsewhere, request).await, []);
    }
    let mut member = world.log_as(&world.principal(&person, Role::Member));
    assert_eq!(member.list_access_log(whole).await.unwrap_err().code(), Code::PermissionDenied);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_has_each_entry_as_it_is_added() {
    let (world, _) = World::with_doors().await;
    room(&world).await;
    let mut admin = world.admin();
    opened(&mut admin, world.open("door-1")).await;
    let watch = async |after_sequence| {
        let request =
            pb::WatchAccessLogRequest { parent: world.name.clone(), after_sequence, ..Default::default() };
        world.log().watch_access_log(request).await.unwrap().into_inner()
    };
    let mut from_now = watch(None).await;
    assert_eq!(from_now.message().await.unwrap().unwrap().entries, [], "it has begun");
    let mut from_begin = watch(Some(0)).await;
    assert_eq!(from_begin.message().await.unwrap().unwrap().entries.len(), 1);
    opened(&mut admin, world.open("door-2")).await;
    for watch in [&mut from_now, &mut from_begin] {
        let added = watch.message().await.unwrap().unwrap().entries;
        let [entry] = &added[..] else { panic!("{added:?}") };
        assert_eq!((entry.sequence, entry.outcome()), (2, State::Done));
    }
    drop((from_now, from_begin));
    world.harness.finish().await;
}
