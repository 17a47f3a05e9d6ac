//! Checks ahead of bookings.

use std::sync::atomic::Ordering;

use chrono::Duration;
use proto::access::v1 as pb;
use proto::access::v1::{AccessReason, PreflightStage};
use testkit::eventually;

use crate::adapter::failure;
use crate::doors::room;
use crate::world::{LIMIT, World, at};

async fn checks(world: &World, source: &str, only_failed: bool) -> Vec<pb::PreflightCheck> {
    let request = pb::ListPreflightChecksRequest {
        parent: world.name.clone(),
        source: source.into(),
        only_failed,
        ..Default::default()
    };
    world.client.clone().list_preflight_checks(request).await.unwrap().into_inner().checks
}

/// Waits until so many checks were made of a booking.
pub(crate) async fn checked(world: &World, source: &str, count: usize) -> Vec<pb::PreflightCheck> {
    eventually("the check is made", LIMIT, async || {
        let checks = checks(world, source, false).await;
        if checks.len() == count { Ok(checks) } else { Err(format!("{checks:?}")) }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_checked_a_day_an_hour_and_five_minutes_ahead() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut stay = world.booking(&world.new_person(), &resource, 9, 10);
    stay.attendees.push(world.new_person());
    world.tell(&stay).await;
    let first = world.obey().await;
    let second = world.command().await;
    assert_eq!(checks(&world, &stay.booking.name, false).await, []);

    world.harness.clock.set(at(9) - Duration::hours(24));
    // The first time it was not answered in time.
    let again = world.command().await;
    assert_eq!(again.grant, second.grant);
    let [day] = checked(&world, &stay.booking.name, 1).await.try_into().unwrap();
    assert_eq!((day.stage(), day.is_in_order, day.findings.len()), (PreflightStage::Day, true, 2));
    let reasons: Vec<_> = day.findings.iter().map(|it| (it.grant == first.grant, it.reason())).collect();
    assert!(reasons.contains(&(true, AccessReason::ProviderHolds)), "{reasons:?}");

    world.failed(&again, failure(pb::AccessFailureKind::Rejected, "no email address")).await;
    world.told(&["granted", "failing"]).await;
    world.harness.clock.set(at(9) - Duration::hours(1));
    let [_, hour] = checked(&world, &stay.booking.name, 2).await.try_into().unwrap();
    assert_eq!((hour.stage(), hour.is_in_order), (PreflightStage::Hour, false));
    let problem = &hour.findings[0];
    assert_eq!((&problem.grant, problem.is_in_order), (&second.grant, false), "what is wrong comes first");
    assert_eq!(
        problem.sentence,
        "The provider says no to what was asked. See what it says and mend it, at the provider or of the person."
    );
    assert_eq!(checks(&world, "", true).await, std::slice::from_ref(&hour));
    let told = world.preflight_told().await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["findings"].as_array().unwrap().len(), 1, "only what is wrong");

    world.obey().await;
    world.harness.clock.set(at(9) - Duration::minutes(5));
    let [_, _, last] = checked(&world, &stay.booking.name, 3).await.try_into().unwrap();
    assert_eq!((last.stage(), last.is_in_order), (PreflightStage::Minutes, true), "it was mended");
    world.harness.clock.set(at(10) + Duration::days(7));
    eventually("it is forgotten", LIMIT, async || {
        let checks = checks(&world, &stay.booking.name, false).await;
        if checks.is_empty() { Ok(()) } else { Err(format!("{checks:?}")) }
    })
    .await;
    world.obey().await;
    world.obey().await;
    assert_eq!(world.preflight_told().await.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_moved_is_checked_anew_and_what_is_cancelled_not_at_all() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let mut moved = world.booking(&world.new_person(), &resource, 9, 10);
    let cancelled = world.booking(&world.new_person(), &resource, 11, 12);
    for stay in [&moved, &cancelled] {
        world.tell(stay).await;
        world.obey().await;
    }
    world.tell(&cancelled.cancelled()).await;
    world.obey().await;
    world.harness.clock.set(at(9) - Duration::hours(24));
    checked(&world, &moved.booking.name, 1).await;
    moved.booking.start_time = Some(chassis::input::timestamp(at(15)));
    moved.booking.end_time = Some(chassis::input::timestamp(at(16)));
    moved.booking.version += 1;
    world.tell(&moved).await;
    world.obey().await;
    assert_eq!(checks(&world, &moved.booking.name, false).await, [], "it was of another time");
    world.harness.clock.set(at(15) - Duration::minutes(5));
    // Nobody has confirmed in time what another wish asked for.
    let [check] = checked(&world, &moved.booking.name, 1).await.try_into().unwrap();
    assert_eq!((check.stage(), check.is_in_order), (PreflightStage::Minutes, true));
    assert_eq!(checks(&world, &cancelled.booking.name, false).await, []);
    assert_eq!(world.preflight_told().await, Vec::<serde_json::Value>::new());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_provider_has_not_confirmed_five_minutes_ahead_is_not_in_order() {
    let mut world = World::new().await;
    world.update_settings(0, 0).await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.harness.clock.set(at(9) - Duration::minutes(30));
    world.tell(&stay).await;
    let command = world.command().await;
    // Within the time in which an answer is awaited.
    world.harness.clock.set(at(9) - Duration::minutes(5));
    let again = world.command().await;
    assert_eq!(again.grant, command.grant);
    let [check] = checked(&world, &stay.booking.name, 1).await.try_into().unwrap();
    assert_eq!((check.stage(), check.is_in_order), (PreflightStage::Minutes, false));
    world.applied(&again).await;
    world.settled(&again).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_to_no_door_is_not_checked() {
    let mut world = World::new().await;
    let never = world.booking(&world.new_person(), &world.new_resource(), 9, 10);
    world.tell(&never).await;
    let resource = world.new_resource();
    let mapping = world.create_mapping(world.mapping(&resource, "group-1")).await.unwrap();
    let no_more = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&no_more).await;
    world.obey().await;
    world.delete_mapping(&mapping.name).await;
    assert_eq!(world.obey().await.window, None);
    let has_a_door = world.booking(&world.new_person(), &world.mapped("group-2").await, 9, 10);
    world.tell(&has_a_door).await;
    world.obey().await;
    world.harness.clock.set(at(9) - Duration::hours(1));
    checked(&world, &has_a_door.booking.name, 1).await;
    for stay in [never, no_more] {
        assert_eq!(checks(&world, &stay.booking.name, false).await, []);
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_whose_extension_failed_is_not_in_order_though_its_begin_is() {
    let mut world = World::new().await;
    let resource = world.mapped("group-1").await;
    let stay = world.booking(&world.new_person(), &resource, 9, 10);
    world.tell(&stay).await;
    world.obey().await;
    world.tell(&stay.rescheduled(9, 13)).await;
    let longer = world.command().await;
    world.failed(&longer, failure(pb::AccessFailureKind::Rejected, "not so long")).await;
    world.told(&["granted", "failing"]).await;
    world.harness.clock.set(at(9) - Duration::hours(1));
    let [check] = checked(&world, &stay.booking.name, 1).await.try_into().unwrap();
    assert!(!check.is_in_order);
    let problem = &check.findings[0];
    assert_eq!((problem.reason(), problem.detail.as_str()), (AccessReason::ProviderRejects, "not so long"));
    world.obey().await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_provider_is_asked_ahead_whether_the_doors_are_there_and_online() {
    let (mut world, played) = World::with_doors().await;
    let resource = room(&world).await;
    let stays = [
        world.booking(&world.new_person(), &resource, 9, 10),
        world.booking(&world.new_person(), &resource, 9, 10),
    ];
    for stay in &stays {
        world.tell(stay).await;
        world.obey().await;
    }
    let found = async |world: &World, count: usize| {
        let mut found = Vec::new();
        for stay in &stays {
            let check = checked(world, &stay.booking.name, count).await.pop().unwrap();
            let finding = &check.findings[0];
            found.push((
                check.is_in_order,
                finding.reason(),
                finding.sentence.clone(),
                finding.detail.clone(),
            ));
        }
        assert_eq!(found[0], found[1]);
        found.remove(0)
    };
    let listings = played.listings.load(Ordering::SeqCst);
    *played.offline.lock().unwrap() = vec!["door-2", "door-3"];
    world.harness.clock.set(at(9) - Duration::hours(24));
    let sentence = "The door's hardware does not answer. See to its power and network, and be ready to let them in by hand.";
    let expected = (false, AccessReason::DoorOffline, sentence.to_owned(), "The door-2".to_owned());
    assert_eq!(found(&world, 1).await, expected, "door-3 is not behind the group");
    assert_eq!(played.listings.load(Ordering::SeqCst), listings + 1, "once for all that is due");

    played.offline.lock().unwrap().clear();
    *played.refusal.lock().unwrap() = Some(AccessReason::ProviderRefusesCredentials);
    world.harness.clock.set(at(9) - Duration::hours(1));
    let refused = found(&world, 2).await;
    assert_eq!(
        (refused.0, refused.1, refused.3.as_str()),
        (false, AccessReason::ProviderRefusesCredentials, "what the provider said")
    );

    *played.refusal.lock().unwrap() = Some(AccessReason::ProviderUnreachable);
    world.harness.clock.set(at(9) - Duration::minutes(5));
    let unreached = found(&world, 3).await;
    assert_eq!(
        (unreached.0, unreached.1),
        (true, AccessReason::ProviderHolds),
        "doors that were told do without it"
    );
    assert_eq!(world.preflight_told().await.len(), 4);
    world.harness.finish().await;
}
