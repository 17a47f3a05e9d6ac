//! What providers' own logs say of doors becomes entries of the access log: once, with who and where.

use access_control::access_log::Chain;
use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::Duration;
use domain::names::IntegrationName;
use domain::{IntegrationId, OperationId, PersonId, Timestamp};
use proto::access::v1 as pb;
use proto::access::v1::AccessLogSource as Source;
use proto::access::v1::DoorOperationState as State;
use proto::access::v1::access_log_service_client::AccessLogServiceClient;
use testkit::eventually;

use crate::control::opened;
use crate::doors::room;
use crate::world::{LIMIT, Message, World};

/// A room behind `group-1`, which opens `door-1` and `door-2`, and the account that serves it.
pub(crate) async fn account(world: &World) -> IntegrationName {
    room(world).await;
    let id: uuid::Uuid =
        sqlx::query_scalar("select account_id from integration").fetch_one(&world.pool).await.unwrap();
    IntegrationName { workspace: world.workspace, id: IntegrationId::from_uuid(id) }
}

/// That someone unknown opened the door with a card.
pub(crate) fn tap(
    account: IntegrationName,
    event_ref: &str,
    door: &str,
    at: Timestamp,
) -> pb::DoorEventLogged {
    pb::DoorEventLogged {
        provider: "kisi".into(),
        integration: account.to_string(),
        event_ref: event_ref.into(),
        event_time: Some(timestamp(at)),
        read_time: Some(timestamp(at)),
        r#where: Some(pb::door_event_logged::Where::DoorRef(door.into())),
        display_name: format!("Their {door}"),
        action: pb::DoorAction::Pulse.into(),
        source: Source::Card.into(),
        outcome: State::Done.into(),
        reason: pb::AccessReason::DoorObeyed.into(),
        holder: "Eve".into(),
        ..Default::default()
    }
}

impl World {
    pub(crate) fn logged(&self, event: &pb::DoorEventLogged) -> Message {
        self.message(&event.integration, 1, event)
    }

    /// So many entries, oldest first; waits until there are as many.
    pub(crate) async fn entries(&self, count: usize) -> Vec<pb::AccessLogEntry> {
        let admin = Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin);
        let log = AccessLogServiceClient::new(self.harness.channel_with(&self.address, &admin));
        let mut entries = eventually("the entries are there", LIMIT, async || {
            let whole = pb::ListAccessLogRequest { parent: self.name.clone(), ..Default::default() };
            let entries = log.clone().list_access_log(whole).await.unwrap().into_inner().entries;
            if entries.len() == count { Ok(entries) } else { Err(format!("{entries:?}")) }
        })
        .await;
        entries.reverse();
        let mut chain = Chain::default();
        for entry in &entries {
            assert_eq!(chain.follow(entry), Ok(()), "{entry:?}");
        }
        entries
    }
}

fn refs(entries: &[pb::AccessLogEntry]) -> Vec<&str> {
    let mut refs: Vec<&str> = entries.iter().map(|entry| entry.event_ref.as_str()).collect();
    refs.sort_unstable();
    refs
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_event_is_one_entry_with_who_and_where() {
    let (world, _) = World::with_doors().await;
    let account = account(&world).await;
    let (person, at) = (world.new_person(), world.now() - Duration::minutes(5));
    let known = pb::DoorEventLogged {
        person: person.name.clone(),
        holder: "Ada at Kisi".into(),
        direction: pb::PassageDirection::Entry.into(),
        ..tap(account, "e-1", "door-1", at)
    };
    let unknown = pb::DoorEventLogged {
        outcome: State::Refused.into(),
        reason: pb::AccessReason::ProviderHoldsOtherTime.into(),
        detail: "too late".into(),
        source: Source::Pin.into(),
        ..tap(account, "e-2", "elsewhere", at + Duration::seconds(1))
    };
    let messages = [world.logged(&known), world.logged(&unknown)];
    for message in messages.iter().rev().chain(&messages) {
        world.send(message).await;
    }
    let last = world.logged(&tap(account, "e-3", "door-2", at + Duration::seconds(2)));
    world.send(&last).await;
    let entries = world.entries(3).await;
    assert_eq!(refs(&entries), ["e-1", "e-2", "e-3"]);
    let of = |event_ref: &str| entries.iter().find(|entry| entry.event_ref == event_ref).unwrap();

    let entry = of("e-1");
    assert_eq!((entry.actor.as_str(), entry.holder.as_str()), (person.name.as_str(), "Ada at Kisi"));
    assert_eq!((entry.source(), entry.outcome()), (Source::Card, State::Done));
    assert_eq!((entry.event_time, entry.time), (Some(timestamp(at)), Some(timestamp(world.now()))));
    assert_eq!((entry.direction(), entry.operation.as_str()), (pb::PassageDirection::Entry, ""));
    let door = entry.door.as_ref().unwrap();
    assert_eq!((door.location.as_str(), door.provider.as_str()), (world.location.as_str(), "kisi"));
    let target = door.target.as_ref().unwrap();
    assert_eq!((target.r#ref.as_str(), target.display_name.as_str()), ("door-1", "Their door-1"));

    let entry = of("e-2");
    assert_eq!((entry.actor.as_str(), entry.holder.as_str()), ("", "Eve"));
    assert_eq!(
        (entry.reason(), entry.detail.as_str()),
        (pb::AccessReason::ProviderHoldsOtherTime, "too late")
    );
    let location = &entry.door.as_ref().unwrap().location;
    assert_eq!(location, &world.location, "the only one that has mappings");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_latchkey_did_itself_is_one_entry() {
    let (world, _) = World::with_doors().await;
    let account = account(&world).await;
    let at = world.now();
    opened(&mut world.admin(), world.open("door-1")).await;
    let by = |source: Source, event_ref: &str| pb::DoorEventLogged {
        source: source.into(),
        ..tap(account, event_ref, "door-1", at + Duration::seconds(2))
    };
    let operation = world.entries(1).await[0].operation.clone();
    // A card beside it, its own trace, and that of somebody who uses the provider's app at the same moment.
    for event in [
        by(Source::Card, "card"),
        by(Source::ProviderApp, "trace"),
        by(Source::ProviderApp, "app"),
        pb::DoorEventLogged { operation, ..by(Source::Provider, "named") },
        pb::DoorEventLogged { outcome: State::Refused.into(), ..by(Source::ProviderApp, "refused") },
        pb::DoorEventLogged {
            event_time: Some(timestamp(at + Duration::minutes(2))),
            ..by(Source::ProviderApp, "later")
        },
        pb::DoorEventLogged {
            operation: format!("{}/doorOperations/{}", world.name, OperationId::new()),
            ..by(Source::Provider, "unknown")
        },
    ] {
        world.send(&world.logged(&event)).await;
    }
    let entries = world.entries(6).await;
    // Which of the two is the trace, nobody can tell: one of them is.
    let found = refs(&entries);
    let one_of_both = [["", "app"], ["", "trace"]];
    assert!(
        one_of_both.iter().any(|begin| found
            .iter()
            .copied()
            .filter(|it| ["", "app", "trace"].contains(it))
            .eq(begin.iter().copied())),
        "{found:?}"
    );
    for event_ref in ["card", "refused", "later", "unknown"] {
        assert!(found.contains(&event_ref), "{event_ref} of {found:?}");
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_be_inside_is_who_opened_a_door_there_last_and_did_not_go_out() {
    let (world, _) = World::with_doors().await;
    let account = account(&world).await;
    let [ada, bob, cyd] = [(); 3].map(|()| world.new_person());
    world.tell_person(&ada).await;
    let minutes = |minutes: i64| world.now() - Duration::minutes(minutes);
    let by = |person: &proto::workspace::v1::Person, event: pb::DoorEventLogged| pb::DoorEventLogged {
        person: person.name.clone(),
        ..event
    };
    let exit = |event: pb::DoorEventLogged| pb::DoorEventLogged {
        direction: pb::PassageDirection::Exit.into(),
        ..event
    };
    let refused =
        |event: pb::DoorEventLogged| pb::DoorEventLogged { outcome: State::Refused.into(), ..event };
    let events = [
        by(&ada, tap(account, "1", "door-1", minutes(50))),
        by(&ada, tap(account, "2", "door-2", minutes(40))),
        by(&bob, tap(account, "3", "door-1", minutes(39))),
        exit(by(&bob, tap(account, "4", "door-1", minutes(5)))),
        tap(account, "5", "door-1", minutes(20)),
        refused(by(&cyd, tap(account, "6", "door-1", minutes(10)))),
        by(&cyd, tap(account, "7", "door-1", minutes(13 * 60))),
    ];
    for event in events.iter().rev() {
        world.send(&world.logged(event)).await;
    }
    world.entries(events.len()).await;
    let list = async |location: &str, since_time| {
        let admin = Principal::person(PersonId::new().to_string(), world.workspace, Role::Admin);
        let log = AccessLogServiceClient::new(world.harness.channel_with(&world.address, &admin));
        let (parent, location) = (world.name.clone(), location.to_owned());
        let request = pb::ListPresentRequest { parent, location, since_time };
        log.clone().list_present(request).await.unwrap().into_inner().present
    };
    let present = list(&world.location, None).await;
    let found: Vec<_> = present.iter().map(|it| (it.person.as_str(), it.display_name.as_str())).collect();
    assert_eq!(found, [("", "Eve"), (&*ada.name, &*ada.display_name)], "{present:?}");
    assert_eq!(present[1].time, Some(timestamp(minutes(40))));
    let door = present[1].door.as_ref().unwrap().target.as_ref().unwrap();
    assert_eq!(door.r#ref, "door-2");
    let longer = list(&world.location, Some(timestamp(minutes(14 * 60)))).await;
    assert_eq!(longer.len(), 3, "{longer:?}");
    assert_eq!(list(&world.elsewhere(), None).await, []);
    world.harness.finish().await;
}
