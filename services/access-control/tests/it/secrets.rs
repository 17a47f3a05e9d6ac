//! People are to be told whenever there is a new link or PIN by which they get in.

use std::sync::atomic::Ordering;

use chassis::auth::Role;
use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::access_command_completed::Outcome;
use testkit::eventually;
use tonic_types::StatusExt as _;

use crate::control::{Doors, PIN, SECRET};
use crate::world::{LIMIT, World, at, window};

impl World {
    /// Answers that the provider has it, with a link or a PIN that is new.
    async fn applied_with_secret(&self, command: &pb::AccessCommand) {
        let applied = pb::AccessApplied {
            window: command.window,
            provider_ref: "visitor".into(),
            has_new_secret: true,
        };
        self.answer(command, Outcome::Applied(applied)).await;
    }

    /// For what people are to be told, in order.
    async fn secrets_made(&self) -> Vec<serde_json::Value> {
        let facts = self.bodies_told().await.into_iter();
        facts.filter(|(fact, _)| fact == "secret_made").map(|(_, body)| body).collect()
    }

    async fn shown(&self, doors: &mut Doors) -> Vec<pb::DoorSecret> {
        let request = pb::ListDoorSecretsRequest { parent: self.name.clone() };
        doors.list_door_secrets(request).await.unwrap().into_inner().door_secrets
    }

    async fn secrets_are(&self, count: usize) -> Vec<serde_json::Value> {
        eventually("new secrets are told", LIMIT, async || {
            let made = self.secrets_made().await;
            if made.len() == count { Ok(made) } else { Err(format!("{made:?}")) }
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_secret_is_told_for_a_booking_also_if_an_older_command_made_it() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    let first = world.command().await;
    // Its answer comes late: it does not count any more, and yet the PIN is there.
    world.harness.clock.advance(Duration::minutes(3));
    let second = world.command().await;
    assert_eq!((second.generation, second.window), (2, first.window));
    world.applied_with_secret(&first).await;
    let made = world.secrets_are(1).await;
    assert_eq!(made[0]["source"], stay.booking.name);
    assert_eq!(made[0]["grant"]["name"], first.grant);
    assert_eq!(made[0]["window"]["startTime"], "2026-12-02T08:45:00+00:00");
    world.applied(&second).await;
    world.settled(&second).await;
    assert_eq!(world.secrets_made().await.len(), 1);
    // Of what nobody is entitled to any more there is nothing to tell.
    world.tell(&stay.cancelled()).await;
    world.obey().await;
    world.applied_with_secret(&first).await;
    assert_eq!(world.quiet().await, []);
    assert_eq!(world.secrets_made().await.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_there_already_is_not_told_again() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    let command = world.command().await;
    world.applied_with_secret(&command).await;
    world.settled(&command).await;
    let made = world.secrets_are(1).await;
    assert_eq!(made[0]["source"], stay.booking.name);
    // Another window, by the PIN that there is.
    let longer = world.booking(&stay.person, &resource, 10, 11);
    world.tell(&longer).await;
    world.obey().await;
    assert_eq!(world.secrets_made().await.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_are_shown_what_lets_them_in_and_nobody_else_is() {
    let (mut world, played) = World::with_doors().await;
    let resource = world.mapped("group-1").await;
    let (person, other) = (world.new_person(), world.new_person());
    let stay = world.booking(&person, &resource, 9, 10);
    world.tell(&stay).await;
    let command = world.command().await;
    world.applied_with_secret(&command).await;
    world.settled(&command).await;
    // Let in without one.
    world.tell(&world.booking(&other, &resource, 9, 10)).await;
    world.obey().await;
    let mut theirs = world.doors_as(&world.principal(&person, Role::Member));
    let [shown] = &world.shown(&mut theirs).await[..] else { panic!("there is one") };
    assert_eq!(shown.window, window((8, 45), (10, 15)));
    assert!(shown.secret == Some(pb::door_secret::Secret::Pin(PIN.into())));
    assert_eq!(shown.door.as_ref().unwrap().target.as_ref().unwrap().r#ref, "group-1");
    assert!(!format!("{shown:?}").contains(PIN));
    for mut doors in [world.doors_as(&world.principal(&other, Role::Member)), world.admin()] {
        assert_eq!(world.shown(&mut doors).await, []);
    }
    played.has_no_secrets.store(true, Ordering::SeqCst);
    assert_eq!(world.shown(&mut theirs).await, []);
    played.has_no_secrets.store(false, Ordering::SeqCst);
    world.harness.clock.set(at(11));
    assert_eq!(world.shown(&mut theirs).await, [], "it is over");
    world.obey().await;
    world.obey().await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_have_logins_made_for_themselves_and_nobody_else_has_their_secrets() {
    let (mut world, played) = World::with_doors().await;
    let resource = crate::doors::room(&world).await;
    let person = world.new_person();
    world.tell(&world.booking(&person, &resource, 9, 10)).await;
    world.obey().await;
    let request = pb::CreateMobileLoginRequest {
        parent: world.name.clone(),
        location: world.location.clone(),
        provider: "kisi".into(),
        device_name: "Phone 3".into(),
    };
    let mut theirs = world.doors_as(&world.principal(&person, Role::Member));
    let login = theirs.create_mobile_login(request.clone()).await.unwrap().into_inner().mobile_login.unwrap();
    assert_eq!((login.r#ref.as_str(), login.secret.as_str()), ("77", SECRET));
    let made = (person.name.clone(), "Phone 3".to_owned());
    assert_eq!(*played.logins.lock().unwrap(), std::slice::from_ref(&made));
    let entries = world.harness.audit_entries(&access_control::DEFINITION).await;
    let lines: Vec<String> = entries.iter().map(testkit::audit_line).collect();
    let last = lines.last().unwrap();
    assert!(last.contains("mobile_login.kisi") && last.contains("77") && !last.contains(SECRET), "{last}");

    // Not for someone nobody told of, nor for who is paused, nor where nothing is connected.
    let refused = async |doors: &mut Doors, request: pb::CreateMobileLoginRequest| {
        let status = doors.create_mobile_login(request).await.unwrap_err();
        status.get_details_error_info().unwrap().reason
    };
    assert_eq!(refused(&mut world.admin(), request.clone()).await, "PERSON_NOT_FOUND");
    let elsewhere = pb::CreateMobileLoginRequest { provider: "unifi".into(), ..request.clone() };
    assert_eq!(refused(&mut theirs, elsewhere).await, "LOCATION_NOT_SERVED");
    played.fail(pb::AccessReason::ProviderRejects, false);
    assert_eq!(refused(&mut theirs, request.clone()).await, "PROVIDER_REJECTED");
    let paused = proto::workspace::v1::PersonStatus::Paused.into();
    let version = person.version + 1;
    world.tell_person(&proto::workspace::v1::Person { status: paused, version, ..person }).await;
    eventually("the pause is heard", LIMIT, async || {
        let mut theirs = theirs.clone();
        let reason = refused(&mut theirs, request.clone()).await;
        if reason == "PERSON_NOT_ACTIVE" { Ok(()) } else { Err(reason) }
    })
    .await;
    world.obey().await;
    world.harness.finish().await;
}
