//! What admins say of doors in place of their providers.

use access_control::DEFINITION;
use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorOperationState as State;
use testkit::audit_line;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::control::opened;
use crate::door_events::{account, tap};
use crate::doors::room;
use crate::world::World;

/// Taps apart are operations apart.
const APART: Duration = Duration::seconds(2);

fn seconds(seconds: i64) -> pbjson_types::Duration {
    pbjson_types::Duration { seconds, nanos: 0 }
}

impl World {
    fn setting(&self, door: &str, name: &str, pulse: Option<i64>) -> pb::SetDoorSettingsRequest {
        let settings = pb::DoorSettings {
            door: Some(self.door(door)),
            display_name: name.into(),
            pulse_duration: pulse.map(seconds),
        };
        let (parent, request_id) = (self.name.clone(), String::new());
        pb::SetDoorSettingsRequest { parent, door_settings: Some(settings), request_id }
    }

    async fn say(&self, request: pb::SetDoorSettingsRequest) -> Result<pb::DoorSettings, Status> {
        Ok(self.admin().set_door_settings(request).await?.into_inner().door_settings.unwrap())
    }

    /// What doors are called, by themselves and by their provider, and for how long they open.
    async fn called(&self) -> Vec<(String, String, Option<pbjson_types::Duration>)> {
        let called = |door: pb::Door| {
            let name = door.address.unwrap().target.unwrap().display_name;
            (name, door.provider_display_name, door.pulse_duration)
        };
        self.doors().await.into_iter().map(called).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_is_called_and_opens_as_admins_say_and_as_its_provider_says_after_that() {
    let (world, played) = World::with_doors().await;
    let account = account(&world).await;
    let mut admin = world.admin();
    let set = world.say(world.setting("door-1", " Front ", Some(5))).await.unwrap();
    assert_eq!((set.display_name.as_str(), set.pulse_duration), ("Front", Some(seconds(5))));
    let (theirs, other) = ("The door-1".to_owned(), ("The door-2".to_owned(), "The door-2".to_owned(), None));
    assert_eq!(world.called().await, [("Front".into(), theirs.clone(), Some(seconds(5))), other.clone()]);

    let open = |door: &str, duration| pb::OpenDoorRequest { duration, ..world.open(door) };
    for request in [open("door-1", None), open("door-1", Some(seconds(2))), open("door-2", None)] {
        assert_eq!(opened(&mut admin, request).await, (State::Done, Why::DoorObeyed));
        world.harness.clock.advance(APART);
    }
    world.send(&world.logged(&tap(account, "1", "door-1", world.now()))).await;
    let entries = world.entries(4).await;
    let names = entries.iter().map(|entry| entry.door.as_ref().unwrap().target.as_ref().unwrap());
    let names: Vec<&str> = names.map(|target| target.display_name.as_str()).collect();
    assert_eq!(names, ["Front", "Front", "The door-2", "Front"]);

    let once = pb::OpenDoorRequest { request_id: "once".into(), ..world.open("door-1") };
    opened(&mut admin, once.clone()).await;
    world.say(world.setting("door-1", "", Some(7))).await.unwrap();
    world.harness.clock.advance(APART);
    opened(&mut admin, once).await;
    world.say(world.setting("door-1", "", None)).await.unwrap();
    opened(&mut admin, open("door-1", None)).await;
    assert_eq!(world.called().await, [(theirs.clone(), theirs, None), other]);
    let pulses = played.pulses.lock().unwrap().clone();
    assert_eq!(pulses, [Some(seconds(5)), Some(seconds(2)), None, Some(seconds(5)), None]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_that_the_door_cannot_be_told_is_refused_or_left_out_once_it_can_no_longer() {
    let (world, played) = World::with_doors().await;
    room(&world).await;
    for length in [0, 31] {
        let refused = world.say(world.setting("door-1", "Front", Some(length))).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        let fields = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(fields[0].field, "door_settings.pulse_duration", "{length}");
    }
    let unknown = world.say(world.setting("door-9", "Front", None)).await.unwrap_err();
    assert_eq!(unknown.get_details_error_info().unwrap().reason, "DOOR_NOT_FOUND");
    assert_eq!(world.called().await[0].0, "The door-1", "nothing was changed");

    world.say(world.setting("door-1", "", Some(20))).await.unwrap();
    sqlx::query(
        "update account_door set abilities = jsonb_set(abilities, '{pulse,durationMax}', '\"10s\"') where ref = $1",
    )
    .bind("door-1")
    .execute(&world.pool)
    .await
    .unwrap();
    assert_eq!(opened(&mut world.admin(), world.open("door-1")).await, (State::Done, Why::DoorObeyed));
    assert_eq!(*played.pulses.lock().unwrap(), [None]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_changed_of_a_door_is_in_the_audit_log_once() {
    let (world, _) = World::with_doors().await;
    room(&world).await;
    let request =
        pb::SetDoorSettingsRequest { request_id: "once".into(), ..world.setting("door-1", "Front", Some(5)) };
    let mut admin = world.admin();
    let first = admin.set_door_settings(request.clone()).await.unwrap().into_inner();
    world.say(world.setting("door-1", "Back", Some(5))).await.unwrap();
    assert_eq!(admin.set_door_settings(request).await.unwrap().into_inner(), first, "repeated");
    assert_eq!(world.called().await[0].0, "Back");
    for _ in 0..2 {
        world.say(world.setting("door-1", "", None)).await.unwrap();
    }
    let entries = world.harness.audit_entries(&DEFINITION).await;
    let entries: Vec<_> = entries.iter().filter(|entry| entry.action.contains("DoorService")).collect();
    assert!(entries.iter().all(|entry| entry.subject == format!("{}/doors/kisi/door-1", world.name)));
    assert_eq!(
        entries.into_iter().map(audit_line).collect::<Vec<_>>(),
        [
            "SetDoorSettings: door_settings.display_name SET Front; door_settings.pulse_duration SET 5000ms",
            "SetDoorSettings: door_settings.display_name REPLACED Front -> Back",
            "SetDoorSettings: door_settings.display_name CLEARED Back; door_settings.pulse_duration CLEARED 5000ms",
        ]
    );
    world.harness.finish().await;
}
