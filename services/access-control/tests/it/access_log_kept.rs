//! The access log as a file, and for how long it is kept.

use access_control::access_log::Chain;
use chassis::auth::{Principal, Role};
use chrono::Duration;
use domain::names::{IntegrationName, LocationName};
use domain::{IntegrationId, PersonId};
use proto::access::v1 as pb;
use testkit::eventually;
use tonic::Code;

use crate::access_log::{Log, list};
use crate::control::opened;
use crate::door_events::{account, tap};
use crate::doors::room;
use crate::world::{LIMIT, World};

/// The whole file.
async fn export(log: &mut Log, request: pb::ExportAccessLogRequest) -> String {
    let mut pieces = log.export_access_log(request).await.unwrap().into_inner();
    let mut file = Vec::new();
    while let Some(piece) = pieces.message().await.unwrap() {
        file.extend(piece.csv);
    }
    String::from_utf8(file).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_exported_as_it_is_listed() {
    let (world, _) = World::with_doors().await;
    room(&world).await;
    let person = world.new_person();
    world.tell_person(&person).await;
    for (who, door) in [(&person, "door-1"), (&world.new_person(), "door-2"), (&person, "no-door")] {
        let mut doors = world.doors_as(&world.principal(who, Role::Admin));
        opened(&mut doors, world.open(door)).await;
        world.harness.clock.advance(Duration::minutes(1));
    }
    let mut log = world.log();
    let whole = pb::ExportAccessLogRequest { parent: world.name.clone(), ..Default::default() };
    let file = export(&mut log, whole.clone()).await;
    let lines: Vec<&str> = file.split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 4, "{file}");
    assert!(lines[0].starts_with("sequence,time,event_time,actor,actor_name,"));
    assert!(lines[1].starts_with("1,") && lines[1].contains(&person.name) && lines[1].contains(",done,"));
    assert!(lines[1].contains(&person.display_name), "{}", lines[1]);

    let theirs = pb::ExportAccessLogRequest { person: person.name.clone(), ..whole.clone() };
    assert_eq!(export(&mut log, theirs).await.lines().count(), 3);
    let rest = pb::ExportAccessLogRequest { after_sequence: 2, ..whole.clone() };
    assert_eq!(export(&mut log, rest).await.lines().count(), 2);
    let wrong = pb::ExportAccessLogRequest { location: "nowhere".into(), ..whole.clone() };
    assert_eq!(log.export_access_log(wrong).await.unwrap_err().code(), Code::InvalidArgument);
    let member = Principal::person(PersonId::new().to_string(), world.workspace, Role::Member);
    let refused = world.log_as(&member).export_access_log(whole).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_older_than_the_workspace_keeps_it_goes_and_the_chain_holds() {
    let (world, _) = World::with_doors().await;
    room(&world).await;
    let mut log = world.log();
    let settings = pb::GetAccessLogSettingsRequest { parent: world.name.clone() };
    let settings = log.get_access_log_settings(settings).await.unwrap().into_inner();
    assert_eq!(settings.access_log_settings.unwrap().retention_days, 730);
    let set = |retention_days| pb::UpdateAccessLogSettingsRequest {
        parent: world.name.clone(),
        access_log_settings: Some(pb::AccessLogSettings { retention_days }),
        request_id: String::new(),
    };
    for days in [0, 29, 3_651] {
        let refused = log.update_access_log_settings(set(days)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{days} days");
    }
    for _ in 0..3 {
        opened(&mut world.admin(), world.open("door-1")).await;
        world.harness.clock.advance(Duration::days(20));
    }
    // They are 60, 40 and 20 days old.
    assert_eq!(list(&mut log, world.whole_log()).await.len(), 3);
    log.update_access_log_settings(set(30)).await.unwrap();
    let left = async |count: usize| {
        eventually("what is over goes", LIMIT, async || {
            let page = world.log().list_access_log(world.whole_log()).await.unwrap().into_inner();
            if page.entries.len() == count { Ok(page) } else { Err(format!("{:?}", page.entries)) }
        })
        .await
    };
    let page = left(1).await;
    let anchor = page.anchor.unwrap();
    assert_eq!(anchor.sequence, 2);
    let mut chain = Chain { sequence: anchor.sequence, hash: anchor.hash.try_into().unwrap() };
    assert_eq!(chain.follow(&page.entries[0]), Ok(()));

    // Nothing is left, and the next one follows all the same.
    world.harness.clock.advance(Duration::days(10));
    let page = left(0).await;
    assert_eq!(page.anchor.unwrap().sequence, 3);
    opened(&mut world.admin(), world.open("door-1")).await;
    let page = left(1).await;
    assert_eq!(chain.follow(&page.entries[0]), Ok(()));
    world.harness.clock.advance(Duration::days(30));
    left(0).await;

    let told = world.bodies_told().await;
    let field = |body: &serde_json::Value| body.to_string().contains("access_log_settings.retention_days");
    assert!(told.iter().any(|(fact, body)| fact == "change_recorded" && field(body)), "{told:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pin_that_was_typed_at_a_door_of_any_provider_is_kept_exported_and_says_who_is_inside() {
    let (world, _) = World::with_doors().await;
    let kisi = account(&world).await;
    let LocationName { id: location, .. } = world.location.parse().unwrap();
    let owner = world.owner().await;
    let mut accounts = vec![("kisi", kisi)];
    for provider in ["unifi", "relay"] {
        let account = IntegrationName { workspace: world.workspace, id: IntegrationId::new() };
        sqlx::query(
            "insert into access_control.integration
               (workspace_id, provider, location_id, version, is_active, serves, account_id)
             values ($1, $2, $3, 1, true, true, $4)",
        )
        .bind(world.workspace.uuid())
        .bind(provider)
        .bind(location.uuid())
        .bind(account.id.uuid())
        .execute(&owner)
        .await
        .unwrap();
        accounts.push((provider, account));
    }
    let people: Vec<_> = accounts.iter().map(|_| world.new_person()).collect();
    for ((provider, account), person) in accounts.iter().zip(&people) {
        world.tell_person(person).await;
        let event = pb::DoorEventLogged {
            provider: (*provider).into(),
            source: pb::AccessLogSource::Pin.into(),
            person: person.name.clone(),
            ..tap(*account, &format!("{provider}-1"), "door-1", world.now())
        };
        world.send(&world.logged(&event)).await;
    }
    for entry in world.entries(3).await {
        assert_eq!(entry.source(), pb::AccessLogSource::Pin);
        assert_eq!(entry.door.unwrap().location, world.location, "{}", entry.event_ref);
    }
    let mut log = world.log();
    let (parent, location) = (world.name.clone(), world.location.clone());
    let inside = pb::ListPresentRequest { parent, location, since_time: None };
    let mut present = log.list_present(inside).await.unwrap().into_inner().present;
    present.sort_by_key(|present| people.iter().position(|person| person.name == present.person));
    let names: Vec<&str> = present.iter().map(|present| present.person.as_str()).collect();
    assert_eq!(names, people.iter().map(|person| person.name.as_str()).collect::<Vec<_>>());

    let whole = pb::ExportAccessLogRequest { parent: world.name.clone(), ..Default::default() };
    let file = export(&mut log, whole).await;
    for ((provider, _), person) in accounts.iter().zip(&people) {
        let line = file.lines().find(|line| line.contains(&format!("{provider}-1"))).unwrap_or_default();
        assert!(line.contains(",pin,") && line.contains(&person.name), "{provider}: {file}");
    }

    let keep = pb::UpdateAccessLogSettingsRequest {
        parent: world.name.clone(),
        access_log_settings: Some(pb::AccessLogSettings { retention_days: 30 }),
        request_id: String::new(),
    };
    log.update_access_log_settings(keep).await.unwrap();
    world.harness.clock.advance(Duration::days(31));
    eventually("what is over goes", LIMIT, async || {
        let left = list(&mut world.log(), world.whole_log()).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
    world.harness.finish().await;
}
