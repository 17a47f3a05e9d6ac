//! Doors that are unlocked and locked by themselves.

use access_control::DEFINITION;
use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use chrono::Duration;
use domain::PersonId;
use proto::access::v1 as pb;
use proto::access::v1::AccessReason as Why;
use proto::access::v1::DoorAction::{HoldOpen, Lock, LockDown};
use proto::access::v1::access_log_service_client::AccessLogServiceClient;
use proto::access::v1::door_schedule_service_client::DoorScheduleServiceClient;
use proto::workspace::v1 as told;
use testkit::{Bearer, assert_by_index, audit_line, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

use crate::control::Played;
use crate::world::{LIMIT, World, at, at_minute};

type Schedules = DoorScheduleServiceClient<InterceptedService<Channel, Bearer>>;

const DOOR: &str = "door-1";

impl World {
    fn schedules(&self) -> Schedules {
        let admin = Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin);
        DoorScheduleServiceClient::new(self.harness.channel_with(&self.address, &admin))
    }

    /// A schedule from `start` until `end` o'clock in Vienna on the world's Wednesday; or for bookings alone.
    fn schedule(&self, door: &str, hours: Option<(i32, i32)>) -> pb::DoorSchedule {
        let interval = |(start, end): (i32, i32)| pb::WeeklyInterval {
            day: pb::DayOfWeek::Wednesday.into(),
            start_minute: start * 60,
            end_minute: end * 60,
        };
        pb::DoorSchedule {
            door: Some(self.door(door)),
            hours: hours.map(|hours| pb::WeeklyHours { intervals: vec![interval(hours)] }),
            time_zone: hours.map(|_| "Europe/Vienna".to_owned()).unwrap_or_default(),
            is_held_for_bookings: hours.is_none(),
            ..Default::default()
        }
    }

    async fn set(&self, schedule: pb::DoorSchedule) -> Result<pb::DoorSchedule, tonic::Status> {
        let (parent, request_id) = (self.name.clone(), String::new());
        let door_schedule = Some(schedule);
        let request = pb::SetDoorScheduleRequest { parent, door_schedule, request_id };
        let answer = self.schedules().set_door_schedule(request).await?;
        Ok(answer.into_inner().door_schedule.unwrap())
    }

    async fn get(&self, door: &str) -> Result<pb::DoorSchedule, tonic::Status> {
        let (parent, door) = (self.name.clone(), Some(self.door(door)));
        let request = pb::GetDoorScheduleRequest { parent, door };
        Ok(self.schedules().get_door_schedule(request).await?.into_inner().door_schedule.unwrap())
    }

    async fn rule(&self) -> pb::DoorRule {
        self.get(DOOR).await.unwrap().expectation.unwrap().rule()
    }

    async fn delete(&self, door: &str) {
        let (parent, door) = (self.name.clone(), Some(self.door(door)));
        let request = pb::DeleteDoorScheduleRequest { parent, door, request_id: String::new() };
        self.schedules().delete_door_schedule(request).await.unwrap();
    }

    async fn close_on(&self, dates: &[&str]) {
        let holiday = |date: &&str| pb::Holiday {
            date: (*date).into(),
            display_name: "Day off".into(),
            intervals: vec![],
        };
        let request = pb::SetHolidaysRequest {
            name: self.location.clone(),
            holidays: dates.iter().map(holiday).collect(),
            request_id: String::new(),
        };
        self.schedules().set_holidays(request).await.unwrap();
    }

    /// Waits until just this was told, and forgets it.
    async fn is_told(&self, played: &Played, expected: &[pb::DoorAction]) {
        eventually("doors are told", LIMIT, async || {
            let told = played.told();
            let actions: Vec<_> = told.iter().map(|(action, _)| *action).collect();
            if actions == expected { Ok(()) } else { Err(format!("{told:?}")) }
        })
        .await;
        self.is_settled().await;
        assert_eq!(played.told().len(), expected.len(), "and nothing else");
        played.told.lock().unwrap().clear();
    }

    /// Waits until nothing is due or under way.
    async fn is_settled(&self) {
        eventually("schedules are at rest", LIMIT, async || {
            // What is taken is due in two minutes.
            let count: i64 = sqlx::query_scalar(
                "select count(*) from door_schedule
                 where due_at <= $1 or due_at = $1::timestamptz + interval '2 minutes'",
            )
            .bind(self.now())
            .fetch_one(&self.pool)
            .await
            .unwrap();
            if count == 0 { Ok(()) } else { Err(format!("{count} are due")) }
        })
        .await;
    }

    async fn log_entries(&self) -> Vec<pb::AccessLogEntry> {
        let channel = self.harness.channel_as(&self.address, Role::Admin, self.workspace);
        let request = pb::ListAccessLogRequest { parent: self.name.clone(), ..Default::default() };
        let answer = AccessLogServiceClient::new(channel).list_access_log(request).await.unwrap();
        answer.into_inner().entries
    }
}

/// A room behind its door, whose provider is connected.
async fn known() -> (World, std::sync::Arc<Played>, String) {
    let (world, played) = World::with_doors().await;
    let resource = world.new_resource();
    let mut mapping = world.mapping(&resource, DOOR);
    mapping.target.as_mut().unwrap().kind = pb::DoorTargetKind::Lock.into();
    world.create_mapping(mapping).await.unwrap();
    world.account_of_workspace().await;
    eventually("the account is known", LIMIT, async || {
        let doors = world.doors().await;
        if doors.len() == 1 { Ok(()) } else { Err(format!("{doors:?}")) }
    })
    .await;
    (world, played, resource)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_opens_and_closes_at_its_hours_by_leases_that_it_ends_itself() {
    let (world, played, _) = known().await;
    // From 09:00 until 11:00 UTC.
    let set = world.set(world.schedule(DOOR, Some((10, 12)))).await.unwrap();
    let expectation = set.expectation.unwrap();
    assert_eq!((expectation.is_unlocked, expectation.rule()), (false, pb::DoorRule::Nothing));
    assert_eq!(expectation.end_time, Some(timestamp(at(9))));
    world.harness.clock.set(at_minute(8, 59));
    world.is_told(&played, &[]).await;
    world.harness.clock.set(at(9));
    world.is_told(&played, &[HoldOpen]).await;
    let held_until = || played.held.lock().unwrap().get(DOOR).copied().flatten();
    assert_eq!(held_until(), Some(timestamp(at(10))), "as long as it can");
    assert_eq!(world.rule().await, pb::DoorRule::Hours);
    for (time, until) in [((9, 30), (10, 30)), ((10, 0), (11, 0))] {
        world.harness.clock.set(at_minute(time.0, time.1));
        world.is_told(&played, &[HoldOpen]).await;
        assert_eq!(held_until(), Some(timestamp(at_minute(until.0, until.1))), "renewed at {time:?}");
    }
    world.harness.clock.set(at_minute(10, 59));
    world.is_told(&played, &[]).await;
    world.harness.clock.set(at(11));
    world.is_told(&played, &[Lock]).await;
    world.harness.clock.set(at(12));
    world.is_told(&played, &[]).await;

    let log = world.log_entries().await;
    assert_eq!(log.len(), 4, "{log:?}");
    for entry in &log {
        assert_eq!((entry.source(), entry.actor.as_str()), (pb::AccessLogSource::Schedule, ""));
        assert_eq!(entry.outcome(), pb::DoorOperationState::Done);
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_someone_does_by_hand_comes_first_and_a_lockdown_before_that() {
    let (world, played, _) = known().await;
    world.set(world.schedule(DOOR, Some((10, 20)))).await.unwrap();
    world.harness.clock.set(at(9));
    world.is_told(&played, &[HoldOpen]).await;
    let request = |request_id: &str| pb::LockDoorRequest {
        parent: world.name.clone(),
        door: Some(world.door(DOOR)),
        request_id: request_id.into(),
    };
    let mut admin = world.admin();
    admin.lock_door(request("1")).await.unwrap();
    world.is_told(&played, &[Lock]).await;
    assert_eq!(world.rule().await, pb::DoorRule::ManualLock);
    world.harness.clock.set(at_minute(10, 30));
    world.is_told(&played, &[]).await;
    let hold = pb::HoldDoorOpenRequest {
        parent: world.name.clone(),
        door: Some(world.door(DOOR)),
        end_time: Some(timestamp(at_minute(10, 40))),
        request_id: String::new(),
    };
    admin.hold_door_open(hold).await.unwrap();
    // The hours go on when the hold would be over; without a seam.
    world.is_told(&played, &[HoldOpen, HoldOpen]).await;
    assert_eq!(world.rule().await, pb::DoorRule::ManualHold);
    world.harness.clock.set(at_minute(10, 45));
    assert_eq!(world.rule().await, pb::DoorRule::Hours);

    let lockdown = world.lock_down("").await;
    world.is_told(&played, &[LockDown]).await;
    assert_eq!(world.rule().await, pb::DoorRule::Lockdown);
    for (hour, minute) in [(11, 0), (12, 0), (13, 0)] {
        world.harness.clock.set(at_minute(hour, minute));
        world.is_settled().await;
    }
    assert!(played.told().iter().all(|(action, _)| *action == LockDown), "{:?}", played.told());
    played.told.lock().unwrap().clear();
    world.lift(&lockdown).await;
    eventually("the hours' state comes back", LIMIT, async || {
        let told: Vec<_> = played.told().iter().map(|(action, _)| *action).collect();
        if told == [pb::DoorAction::LiftLockdown, HoldOpen] { Ok(()) } else { Err(format!("{told:?}")) }
    })
    .await;
    assert_eq!(world.rule().await, pb::DoorRule::Hours);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_holds_its_door_while_it_lasts() {
    let (mut world, played, resource) = known().await;
    world.set(world.schedule(DOOR, None)).await.unwrap();
    let mut person = world.new_person();
    let stay = world.booking(&person, &resource, 9, 10);
    world.tell(&stay).await;
    world.obey().await;
    let later = world.booking(&person, &resource, 11, 12);
    world.tell(&later).await;
    let last = world.booking(&person, &resource, 13, 14);
    world.tell(&last).await;
    world.harness.clock.set(at_minute(8, 50));
    world.is_told(&played, &[]).await;
    world.harness.clock.set(at(9));
    world.is_told(&played, &[HoldOpen]).await;
    assert_eq!(world.rule().await, pb::DoorRule::Booking);
    world.harness.clock.set(at(10));
    world.is_told(&played, &[Lock]).await;
    world.harness.clock.set(at(11));
    world.is_told(&played, &[HoldOpen]).await;
    world.tell(&later.cancelled()).await;
    world.is_told(&played, &[Lock]).await;
    world.harness.clock.set(at(13));
    world.is_told(&played, &[HoldOpen]).await;
    person.status = told::PersonStatus::Paused.into();
    person.version += 1;
    world.tell_person(&person).await;
    world.is_told(&played, &[Lock]).await;
    let sources: Vec<_> = world.log_entries().await.iter().map(pb::AccessLogEntry::source).collect();
    assert_eq!(sources, [pb::AccessLogSource::Booking; 6]);
    world.quiet().await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_is_tried_again_and_what_is_otherwise_is_mended() {
    let (world, played, _) = known().await;
    world.set(world.schedule(DOOR, Some((10, 20)))).await.unwrap();
    played.fail(Why::DoorOffline, false);
    played.fail(Why::DoorOffline, false);
    played.fail(Why::ProviderUnreachable, true);
    world.harness.clock.set(at(9));
    world.is_told(&played, &[HoldOpen]).await;
    let failing = world.get(DOOR).await.unwrap();
    assert_eq!((failing.problem(), failing.problem_sentence.is_empty()), (Why::DoorOffline, false));
    for seconds in [5, 10, 20] {
        world.harness.clock.advance(Duration::seconds(seconds));
        world.is_told(&played, &[HoldOpen]).await;
    }
    assert_eq!(world.get(DOOR).await.unwrap().problem(), Why::Unspecified);
    // The last one is a lost answer's, and was found out by telling it again.
    let outcomes: Vec<_> = world.log_entries().await.iter().map(pb::AccessLogEntry::outcome).collect();
    use pb::DoorOperationState::{Done, Failed, Unknown};
    assert_eq!(outcomes, [Done, Unknown, Failed], "each once");

    // Someone locks it at the device.
    played.held.lock().unwrap().clear();
    world.harness.clock.advance(Duration::minutes(11));
    world.is_told(&played, &[HoldOpen]).await;
    world.delete(DOOR).await;
    world.is_told(&played, &[Lock]).await;
    let left: i64 =
        sqlx::query_scalar("select count(*) from door_schedule").fetch_one(&world.pool).await.unwrap();
    assert_eq!(left, 0);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_between_telling_and_noting_and_two_replicas_do_no_harm() {
    let (mut world, played, _) = known().await;
    for door in [DOOR, "door-2", "door-3"] {
        world.set(world.schedule(door, Some((10, 20)))).await.unwrap();
    }
    let gate = played.gate.write().await;
    world.harness.clock.set(at(9));
    eventually("doors are told", LIMIT, async || {
        if played.told().len() == 3 { Ok(()) } else { Err(format!("{:?}", played.told())) }
    })
    .await;
    world.restart(async |_| {}).await;
    drop(gate);
    let second = access_control::build(
        access_control::Config { adapters: world.adapters(), ..Default::default() },
        world.harness.deps(&DEFINITION).await,
    );
    let second = second.await.unwrap();
    world.harness.run(second);
    world.harness.clock.advance(Duration::minutes(3));
    eventually("all are held", LIMIT, async || {
        let done: i64 = sqlx::query_scalar("select count(*) from operation where state = 'done'")
            .fetch_one(&world.pool)
            .await
            .unwrap();
        if done == 3 { Ok(()) } else { Err(format!("{done}, {:?}", played.told())) }
    })
    .await;
    world.is_settled().await;
    let operations: i64 =
        sqlx::query_scalar("select count(*) from operation").fetch_one(&world.pool).await.unwrap();
    assert_eq!(operations, 3, "the same, each by one of the replicas");
    // Whether the process that was ended still took note of its answers is a matter of chance.
    for door in [DOOR, "door-2", "door-3"] {
        let times = played.told().iter().filter(|(_, told)| told == door).count();
        assert!((1..=2).contains(&times), "{door} is told {times} times: {:?}", played.told());
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn holidays_close_and_what_is_changed_is_followed_at_once_and_in_the_audit_log() {
    let (world, played, _) = known().await;
    world.close_on(&["2026-12-02"]).await;
    world.set(world.schedule(DOOR, Some((10, 20)))).await.unwrap();
    world.harness.clock.set(at(9));
    world.is_told(&played, &[]).await;
    world.close_on(&[]).await;
    world.is_told(&played, &[HoldOpen]).await;
    world.set(world.schedule(DOOR, Some((12, 20)))).await.unwrap();
    world.is_told(&played, &[Lock]).await;
    world.set(world.schedule(DOOR, Some((12, 20)))).await.unwrap();
    world.delete(DOOR).await;
    assert_eq!(reason(world.get(DOOR).await), "DOOR_SCHEDULE_NOT_FOUND");
    let lines: Vec<String> = world.harness.audit_entries(&DEFINITION).await.iter().map(audit_line).collect();
    let lines: Vec<&str> =
        lines.iter().map(String::as_str).filter(|line| !line.contains("Mapping")).collect();
    let here = &world.location;
    assert_eq!(
        lines,
        [
            "SetHolidays: holidays.2026-12-02 SET closed".to_owned(),
            format!(
                "SetDoorSchedule: door_schedule.location SET {here}; door_schedule.hours SET Wed 10:00-20:00; \
                 door_schedule.time_zone SET Europe/Vienna; door_schedule.is_held_for_bookings SET false"
            ),
            "SetHolidays: holidays.2026-12-02 CLEARED closed".to_owned(),
            "SetDoorSchedule: door_schedule.hours REPLACED Wed 10:00-20:00 -> Wed 12:00-20:00".to_owned(),
            format!(
                "DeleteDoorSchedule: door_schedule.location CLEARED {here}; \
                 door_schedule.hours CLEARED Wed 12:00-20:00; door_schedule.time_zone CLEARED Europe/Vienna; \
                 door_schedule.is_held_for_bookings CLEARED false"
            ),
        ]
    );
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_change_of_a_schedule_or_of_holidays_is_told_once_whole_and_with_who_made_it() {
    let (world, _, _) = known().await;
    for hours in [(10, 20), (10, 20), (12, 20)] {
        world.set(world.schedule(DOOR, Some(hours))).await.unwrap();
    }
    for dates in [&["2026-12-25"][..], &["2026-12-25"], &[]] {
        world.close_on(dates).await;
    }
    world.delete(DOOR).await;
    let told = eventually("all is told", LIMIT, async || {
        let mut told = world.bodies_told().await;
        told.retain(|(fact, _)| fact.contains("schedule") || fact.contains("holidays"));
        if told.len() == 5 { Ok(told) } else { Err(format!("{told:?}")) }
    })
    .await;
    let people = format!("{}/people/", world.name);
    assert!(told.iter().all(|(_, told)| told["actor"].as_str().unwrap().starts_with(&people)), "{told:?}");
    let hours = |start: u32| serde_json::json!([{ "day": "DAY_OF_WEEK_WEDNESDAY", "startMinute": start * 60, "endMinute": 1_200 }]);
    let schedule = |start: u32| {
        serde_json::json!({
            "door": {
                "location": world.location, "provider": "kisi",
                "target": { "kind": "DOOR_TARGET_KIND_LOCK", "ref": DOOR },
            },
            "hours": { "intervals": hours(start) }, "timeZone": "Europe/Vienna",
        })
    };
    let closed = serde_json::json!({ "date": "2026-12-25", "displayName": "Day off" });
    let body = |mut body: serde_json::Value| {
        body["actor"] = serde_json::json!("who");
        body
    };
    let told: Vec<_> = told.into_iter().map(|(fact, told)| (fact, body(told))).collect();
    let here = &world.location;
    let expected = [
        ("door_schedule_set", serde_json::json!({ "doorSchedule": schedule(10), "actor": "who" })),
        ("door_schedule_set", serde_json::json!({ "doorSchedule": schedule(12), "actor": "who" })),
        ("holidays_set", serde_json::json!({ "location": here, "holidays": [closed], "actor": "who" })),
        ("holidays_set", serde_json::json!({ "location": here, "actor": "who" })),
        ("door_schedule_deleted", serde_json::json!({ "doorSchedule": schedule(12), "actor": "who" })),
    ];
    assert_eq!(told, expected.map(|(fact, body)| (fact.to_owned(), body)));
    world.harness.finish().await;
}

fn reason<T: std::fmt::Debug>(answer: Result<T, tonic::Status>) -> String {
    answer.unwrap_err().get_details_error_info().unwrap().reason.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_its_field() {
    let (world, _, _) = known().await;
    let schedule = world.schedule(DOOR, Some((10, 20)));
    type Change = fn(&mut pb::DoorSchedule);
    let cases: [(&str, Change); 6] = [
        ("door_schedule.door", |it| it.door = None),
        ("door_schedule.door.target.kind", |it| {
            it.door.as_mut().unwrap().target.as_mut().unwrap().kind = pb::DoorTargetKind::Group.into();
        }),
        ("door_schedule.hours", |it| it.hours.as_mut().unwrap().intervals[0].end_minute = 1_441),
        ("door_schedule.hours", |it| (it.hours, it.time_zone) = (None, String::new())),
        ("door_schedule.time_zone", |it| it.time_zone = "Europe/Wien".into()),
        ("door_schedule.time_zone", |it| (it.hours, it.is_held_for_bookings) = (None, true)),
    ];
    for (field, change) in cases {
        let mut changed = schedule.clone();
        change(&mut changed);
        let refused = world.set(changed).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, [field]);
    }
    assert_eq!(reason(world.set(world.schedule("door-4", Some((10, 20)))).await), "DOOR_CANNOT_HOLD");
    assert_eq!(reason(world.set(world.schedule("door-9", Some((10, 20)))).await), "DOOR_NOT_FOUND");

    let holiday = |date: &str, intervals: &[(i32, i32)]| pb::Holiday {
        date: date.into(),
        display_name: String::new(),
        intervals: intervals
            .iter()
            .map(|&(start_minute, end_minute)| pb::HolidayInterval { start_minute, end_minute })
            .collect(),
    };
    for (field, holidays) in [
        ("holidays[0].date", vec![holiday("25.12.2026", &[])]),
        ("holidays[1].date", vec![holiday("2026-12-25", &[]), holiday("2026-12-25", &[])]),
        ("holidays[0].intervals", vec![holiday("2026-12-25", &[(60, 120), (100, 200)])]),
    ] {
        let (name, request_id) = (world.location.clone(), String::new());
        let request = pb::SetHolidaysRequest { name, holidays, request_id };
        let refused = world.schedules().set_holidays(request).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|it| it.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_statement_of_a_tick_reads_a_table_through() {
    let (mut world, played, resource) = known().await;
    let owner = world.owner().await;
    for statement in [
        "insert into door_schedule (workspace_id, account_id, door_ref, id, provider, location_id, hours, time_zone,
           is_held_for_bookings, is_deleted, due_at, is_look, failures)
         select case tenant when 1 then $1 else md5(tenant::text)::uuid end, md5('a' || tenant || number % 10)::uuid,
           number, gen_random_uuid(), 'kisi', md5('l' || tenant || number % 10)::uuid, null, null, true, false,
           $2 + make_interval(days => 100, secs => number), false, 0
         from generate_series(1, 20) as tenant, generate_series(1, 1000) as number",
        "insert into holiday
         select case tenant when 1 then $1 else md5(tenant::text)::uuid end, md5('l' || tenant || number % 10)::uuid,
           ($2 + make_interval(days => number))::date, '', null
         from generate_series(1, 20) as tenant, generate_series(1, 500) as number",
        "insert into operation (workspace_id, id, caller, action, location_id, provider, account_id, spot_kind,
           spot_ref, spot_name, state, reason, detail, begun_at, source)
         select case tenant when 1 then $1 else md5(tenant::text)::uuid end, gen_random_uuid(), '', 'lock', $1, 'kisi',
           md5('a' || tenant || number % 10)::uuid, 'door', number, '', 'done', '', '', $2, 'schedule'
         from generate_series(1, 20) as tenant, generate_series(1, 1000) as number",
    ] {
        let insert = sqlx::query(statement).bind(world.workspace.uuid()).bind(world.now());
        insert.execute(&owner).await.unwrap();
    }
    sqlx::query("analyze").execute(&owner).await.unwrap();
    let mut schedule = world.schedule(DOOR, Some((10, 12)));
    schedule.is_held_for_bookings = true;
    world.set(schedule).await.unwrap();
    let mut person = world.new_person();
    let stay = world.booking(&person, &resource, 13, 14);
    world.tell(&stay).await;
    world.harness.clock.set(at(9));
    world.is_told(&played, &[HoldOpen]).await;
    world.harness.clock.set(at(11));
    world.is_told(&played, &[Lock]).await;
    person.version += 1;
    world.tell_person(&person).await;
    world.tell(&stay.cancelled()).await;
    world.is_settled().await;

    const TABLES: [&str; 3] = ["door_schedule", "holiday", "operation"];
    let values = [world.workspace.uuid(), world.workspace.uuid()];
    let mut judged = Vec::new();
    let mut platform = Vec::new();
    for _ in 0..6 {
        platform.push(world.pool.acquire().await.unwrap());
    }
    for conn in &mut platform {
        judged.extend(judge(conn, &TABLES, values).await);
    }
    let mut calls = Vec::new();
    for _ in 0..8 {
        calls.push(world.calls.begin(world.workspace).await.unwrap());
    }
    for conn in &mut calls {
        judged.extend(judge(conn, &TABLES, values).await);
    }
    for part in [
        "where due_at <= $1 and account_id <> all($3)",
        "and s.due_at = k.due_at",
        "t.taken_until",
        "join door_schedule s on s.workspace_id = m.workspace_id",
        "o.source in ('app', 'admin')",
        "and date between $3 and $4",
    ] {
        assert!(judged.iter().any(|statement| statement.contains(part)), "{part} in {judged:#?}");
    }
    drop((platform, calls));
    world.quiet().await;
    world.harness.finish().await;
}

/// All but what has a whole workspace looked at, which is no tick's.
async fn judge(conn: &mut sqlx::PgConnection, tables: &[&str], values: [uuid::Uuid; 2]) -> Vec<String> {
    let whole: Vec<String> = sqlx::query_scalar(
        "select name from pg_prepared_statements where statement like '%$2::text is null or provider = $2%'",
    )
    .persistent(false)
    .fetch_all(&mut *conn)
    .await
    .unwrap();
    for name in whole {
        let deallocate = format!("deallocate {name}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(deallocate)).execute(&mut *conn).await.unwrap();
    }
    assert_by_index(conn, tables, values).await
}
