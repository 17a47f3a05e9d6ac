//! Bookings through their verbs.

use chassis::auth::Role;
use domain::WorkspaceId;
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::world::{World, at};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_is_confirmed_moved_and_cancelled_and_each_step_is_told() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    assert_eq!(booking.state(), pb::BookingState::Pending);
    let confirmed = world.confirm(&booking.name).await.unwrap();
    assert_eq!((confirmed.state(), confirmed.version), (pb::BookingState::Confirmed, 2));
    // Confirming again changes nothing and tells nothing.
    assert_eq!(world.confirm(&booking.name).await.unwrap(), confirmed);
    let request = pb::RescheduleBookingRequest {
        name: booking.name.clone(),
        start_time: Some(at(11)),
        end_time: Some(at(12)),
        request_id: String::new(),
    };
    world.bookings.reschedule_booking(request).await.unwrap();
    let request = pb::CancelBookingRequest {
        name: booking.name.clone(),
        reason: "ill".into(),
        request_id: String::new(),
    };
    world.bookings.cancel_booking(request).await.unwrap();
    let cancelled = world.get(&booking.name).await;
    assert_eq!((cancelled.state(), cancelled.state_reason.as_str()), (pb::BookingState::Cancelled, "ill"));
    let told = world.facts(5).await;
    let expected = [
        ("person_created", 1),
        ("booking_created", 1),
        ("booking_confirmed", 2),
        ("booking_rescheduled", 3),
        ("booking_cancelled", 4),
    ];
    assert_eq!(told, expected.map(|(fact, version)| (fact.to_owned(), version)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_two_live_bookings_overlap_but_they_may_touch() {
    let mut world = World::new().await;
    let first = world.create(world.booking(9, 11)).await.unwrap();
    let refused = world.create(world.booking(10, 12)).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "RESOURCE_TAKEN");
    world.create(world.booking(11, 12)).await.unwrap();
    let request =
        pb::CancelBookingRequest { name: first.name, reason: String::new(), request_id: String::new() };
    world.bookings.cancel_booking(request).await.unwrap();
    world.create(world.booking(9, 11)).await.unwrap();
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_twice_is_one_booking_and_another_body_is_refused() {
    let mut world = World::new().await;
    let mut request = pb::CreateBookingRequest {
        parent: world.name.clone(),
        booking: Some(world.booking(9, 10)),
        request_id: "once".into(),
    };
    let first = world.bookings.create_booking(request.clone()).await.unwrap().into_inner();
    let second = world.bookings.create_booking(request.clone()).await.unwrap().into_inner();
    assert_eq!(first, second);
    request.booking.as_mut().unwrap().title = "other".into();
    let refused = world.bookings.create_booking(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(refused.get_details_error_info().unwrap().reason, "REQUEST_ID_REUSED");
    assert_eq!(world.list().await.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused_by_field_and_leaves_nothing_behind() {
    let mut world = World::new().await;
    let other = WorkspaceId::new();
    let cases: [(pb::Booking, &str); 6] = [
        (world.booking(10, 9), "booking.end_time"),
        (pb::Booking { start_time: None, ..world.booking(9, 10) }, "booking.start_time"),
        (pb::Booking { title: "x".repeat(201), ..world.booking(9, 10) }, "booking.title"),
        (pb::Booking { resource: "room".into(), ..world.booking(9, 10) }, "booking.resource"),
        (
            pb::Booking { resource: format!("workspaces/{other}/resources/{other}"), ..world.booking(9, 10) },
            "booking.resource",
        ),
        (pb::Booking { person: String::new(), ..world.booking(9, 10) }, "booking.person"),
    ];
    for (booking, field) in cases {
        let refused = world.create(booking).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{field}");
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    let unknown = format!("{}/resources/{}", world.name, domain::ResourceId::new());
    let refused = world.create(pb::Booking { resource: unknown, ..world.booking(9, 10) }).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "RESOURCE_NOT_FOUND");
    assert!(world.list().await.is_empty());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_and_places_that_make_no_sense_are_refused_by_field() {
    let mut world = World::new().await;
    let person = |person: pb::Person| pb::CreatePersonRequest {
        parent: world.name.clone(),
        person: Some(pb::Person { display_name: "Bo".into(), ..person }),
        request_id: String::new(),
    };
    for (request, field) in [
        (person(pb::Person::default()), "person.email"),
        (person(pb::Person { email: "bo".into(), ..Default::default() }), "person.email"),
        (person(pb::Person { phone: "0664 1".into(), ..Default::default() }), "person.phone"),
        (
            person(pb::Person { phone: "12".into(), country: "AT".into(), ..Default::default() }),
            "person.phone",
        ),
    ] {
        let refused = world.people.create_person(request).await.unwrap_err();
        let violations = refused.get_details_bad_request().unwrap().field_violations;
        assert_eq!(violations.iter().map(|v| v.field.as_str()).collect::<Vec<_>>(), [field]);
    }
    let refused = world
        .people
        .create_person(person(pb::Person { email: "ADA@example.org".into(), ..Default::default() }));
    assert_eq!(refused.await.unwrap_err().get_details_error_info().unwrap().reason, "EMAIL_TAKEN");
    let location = pb::CreateLocationRequest {
        parent: world.name.clone(),
        location: Some(pb::Location {
            display_name: "x".into(),
            time_zone: "Europe/Wien".into(),
            country: "AT".into(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    let refused = world.places.create_location(location).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "location.time_zone unknown time zone; give an IANA name such as Europe/Vienna"
    );
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_gets_in_without_a_token_or_into_anothers_workspace() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let request = pb::GetBookingRequest { name: booking.name.clone() };

    let nobody = world.harness.channel(&world.address, "gateway");
    let refused = BookingServiceClient::new(nobody).get_booking(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "a service is nobody to the methods for people");

    let stranger = world.harness.channel_as(&world.address, Role::Owner, WorkspaceId::new());
    let refused = BookingServiceClient::new(stranger).get_booking(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);

    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_confirmed_booking_is_completed_at_its_end() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    world.confirm(&booking.name).await.unwrap();
    world.harness.clock.advance(chrono::Duration::hours(26));
    let limit = std::time::Duration::from_secs(20);
    testkit::eventually("the booking is completed", limit, async || {
        let mut bookings = world.bookings.clone();
        let request = pb::GetBookingRequest { name: booking.name.clone() };
        let booking = bookings.get_booking(request).await.unwrap().into_inner().booking.unwrap();
        if booking.state() == pb::BookingState::Completed { Ok(()) } else { Err(format!("{booking:?}")) }
    })
    .await;
    let facts = world.facts(4).await;
    assert_eq!(facts.last(), Some(&("booking_completed".to_owned(), 3)));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_failed_is_confirmed_after_all_unless_someone_else_has_its_time_by_then() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let fail =
        pb::FailBookingRequest { name: booking.name.clone(), reason: "card".into(), ..Default::default() };
    world.bookings.fail_booking(fail.clone()).await.unwrap();
    let rival = world.create(world.booking(9, 10)).await.unwrap();
    let refused = world.confirm(&booking.name).await.unwrap_err();
    assert_eq!(refused.get_details_error_info().unwrap().reason, "RESOURCE_TAKEN");
    assert_eq!(world.get(&booking.name).await.state(), pb::BookingState::Failed);
    world.bookings.fail_booking(pb::FailBookingRequest { name: rival.name, ..fail }).await.unwrap();
    let confirmed = world.confirm(&booking.name).await.unwrap();
    assert_eq!((confirmed.state(), confirmed.state_reason.as_str()), (pb::BookingState::Confirmed, ""));
    assert_eq!(world.confirm(&booking.name).await.unwrap(), confirmed, "twice is once");
    world.harness.finish().await;
}
