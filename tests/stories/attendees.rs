//! People who are invited to a booking stand before its door.

use std::time::Duration;

use futures::future::join_all;
use proto::workspace::v1 as pb;
use stories::Stage;
use stories::client::insist;
use stories::door::{Door, System};

const LIMIT: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_invited_is_let_in_like_the_holder_and_who_is_not_any_more_is_not() {
    let mut stage = Stage::set(Default::default()).await;
    join_all(System::ALL.map(|system| three_meet(&stage, system))).await;
    stage.settle(LIMIT).await;
}

async fn three_meet(stage: &Stage, system: System) {
    let (world, door) = system.world(stage, 1, 3).await;
    let client = stage.client();
    let window = Door::window(10, 24);
    let booking = world.create(&client, 0, 0, window, "meeting").await;
    let [holder, bo, cy] = [0, 1, 2].map(|number| world.people[number].clone());
    for (person, _) in [&bo, &cy] {
        let request = pb::AddAttendeeRequest {
            name: booking.clone(),
            person: person.clone(),
            request_id: format!("add-{person}"),
        };
        insist(&client.bookings, request, |mut c, r| async move { c.add_attendee(r).await }).await;
    }
    let request = pb::ConfirmBookingRequest { name: booking.clone(), request_id: "confirm".into() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;

    door.knows(&cy.1).await;
    let request = pb::RemoveAttendeeRequest { name: booking, person: cy.0, request_id: "remove".into() };
    insist(&client.bookings, request, |mut c, r| async move { c.remove_attendee(r).await }).await;
    let cy_is_kept_out = async {
        door.lets_in(&bo.1).await;
        door.keeps_out(&cy.1).await;
        assert!(door.opens(&bo.1).await, "that one is not invited any more takes nobody else's access");
    };
    tokio::join!(door.obeys(&holder.1, window), door.obeys(&bo.1, window), cy_is_kept_out);
    assert!(!door.opens(&cy.1).await);
}
