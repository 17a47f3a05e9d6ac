//! What is told once more as it is gives what is made of it by now, and nothing else changes.

use proto::access::v1::DoorMapping;
use proto::workspace::v1 as told;
use testkit::eventually;

use crate::world::{LIMIT, Message, Stay, World, window};

impl World {
    fn retold(&self, stay: &Stay) -> Message {
        let fact = told::BookingRetold { snapshot: Some(self.snapshot(stay)) };
        self.message(&stay.booking.name, stay.booking.version, &fact)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_that_was_known_before_there_were_other_subjects_opens_its_location_too_and_is_checked_ahead()
 {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let before = world.booking(&world.new_person(), &resource, 9, 10);
    let stay = before.rescheduled(11, 12);
    world.tell(&stay).await;
    world.obey().await;
    for forget in ["delete from entitlement where subject_kind = 'location'", "delete from preflight"] {
        sqlx::query(forget).execute(&world.pool).await.unwrap();
    }
    let entrance =
        DoorMapping { location: world.location.clone(), ..world.mapping_of(&world.location, "entrance") };
    world.create_mapping(entrance).await.unwrap();
    assert_eq!(world.quiet().await, [], "nobody knows of it");
    let retold = world.retold(&stay);
    world.send(&world.retold(&before)).await;
    world.send(&retold).await;
    let command = world.obey().await;
    assert_eq!(command.target.unwrap().r#ref, "entrance");
    assert_eq!(command.window, window((10, 45), (12, 15)));
    world.send(&retold).await;
    world.send(&world.retold(&stay)).await;
    world.send(&world.retold(&before)).await;
    assert_eq!(world.quiet().await, [], "twice is once, and what is older is nothing");
    let checked: i64 = sqlx::query_scalar("select count(*) from preflight where starts_at = $1")
        .bind(crate::world::at(11))
        .fetch_one(&world.pool)
        .await
        .unwrap();
    assert_eq!(checked, 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_removed_before_that_was_known_is_removed() {
    let world = World::new().await;
    let mut person = world.new_person();
    person.version = 2;
    person.status = told::PersonStatus::Removed.into();
    let is_removed = async |wanted: bool| {
        eventually("they are so", LIMIT, async || {
            let row: Option<bool> = sqlx::query_scalar("select is_removed from person where version = 2")
                .fetch_optional(&world.pool)
                .await
                .unwrap();
            if row == Some(wanted) { Ok(()) } else { Err(format!("{row:?}")) }
        })
        .await;
    };
    world.tell_person(&person).await;
    is_removed(true).await;
    sqlx::query("update person set is_removed = false").execute(&world.pool).await.unwrap();
    let fact = told::PersonRetold { person: Some(person.clone()) };
    world.send(&world.message(&person.name, 2, &fact)).await;
    is_removed(true).await;
    world.harness.finish().await;
}
