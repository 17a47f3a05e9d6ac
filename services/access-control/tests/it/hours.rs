//! Entitlements that hold at hours of the week.

use chrono::{DateTime, Duration};
use domain::PlanId;
use domain::names::{PersonName, PlanName};
use proto::access::v1 as pb;

use crate::world::{World, at, minutes, window};

impl World {
    /// Entitles a person to a plan until the end of 2027, on weekdays from 9 to 12 by Vienna's clocks: at 8, UTC, in
    /// winter.
    async fn entitle_on_weekday_mornings(&self, person: &str, plan: PlanId) {
        let person: PersonName = person.parse().unwrap();
        let hours = ["Mon", "Tue", "Wed", "Thu", "Fri"]
            .map(|day| serde_json::json!({"day": day, "start": 540, "end": 720}));
        sqlx::query(
            "insert into entitlement (workspace_id, id, source_kind, source_id, person_id, subject_kind,
               subject_id, starts_at, ends_at, hours, time_zone)
             values ($1, gen_random_uuid(), 'membership', gen_random_uuid(), $2, 'plan', $3, $4,
               '2028-01-01', $5, 'Europe/Vienna')",
        )
        .bind(self.workspace.uuid())
        .bind(person.id.uuid())
        .bind(plan.uuid())
        .bind(self.now())
        .bind(serde_json::json!(hours))
        .execute(&self.pool)
        .await
        .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_opening_of_a_plan_is_told_in_its_turn_and_none_between() {
    let mut world = World::new().await;
    let (person, plan) = (world.new_person(), PlanId::new());
    world.tell_person(&person).await;
    assert_eq!(world.quiet().await, []);
    world.entitle_on_weekday_mornings(&person.name, plan).await;
    let name = PlanName { workspace: world.workspace, id: plan }.to_string();
    let mapping = pb::DoorMapping { lag: Some(minutes(0)), ..world.mapping_of(&name, "group-1") };
    let mapping = world.create_mapping(mapping).await.unwrap();
    // It is Tuesday, 9 o'clock in Vienna.
    let today = world.obey().await.window.unwrap();
    let tomorrow = window((7, 45), (11, 0)).unwrap();
    let day = |window: pb::AccessWindow, days: i64| pb::AccessWindow {
        start_time: window
            .start_time
            .map(|time| pbjson_types::Timestamp { seconds: time.seconds + days * 86_400, ..time }),
        end_time: window
            .end_time
            .map(|time| pbjson_types::Timestamp { seconds: time.seconds + days * 86_400, ..time }),
    };
    assert_eq!(today.end_time, day(tomorrow, -1).end_time);
    let end =
        |window: pb::AccessWindow| DateTime::from_timestamp(window.end_time.unwrap().seconds, 0).unwrap();
    world.harness.clock.set(end(today));
    assert_eq!(world.obey().await.window, Some(tomorrow));
    world.harness.clock.set(at(11));
    assert_eq!(world.obey().await.window, Some(day(tomorrow, 1)));
    assert_eq!(world.quiet().await, [], "one at a time");
    world.harness.clock.set(at(11) + Duration::days(1));
    let friday = world.obey().await.window;
    assert_eq!(friday, Some(day(tomorrow, 2)));
    world.delete_mapping(&mapping.name).await;
    assert_eq!(world.obey().await.window, None);
    world.harness.finish().await;
}
