//! People who are invited to bookings.

use chassis::auth::{Principal, Role};
use domain::PersonId;
use domain::names::{LocationName, PersonName};
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use testkit::Bearer;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::world::World;

type Client = BookingServiceClient<InterceptedService<Channel, Bearer>>;

impl World {
    /// The view of the person of that name, a member.
    fn member(&self, person: &str) -> Client {
        let PersonName { workspace, id } = person.parse().unwrap();
        self.view_as(&Principal::person(id.to_string(), workspace, Role::Member))
    }

    fn view_as(&self, principal: &Principal) -> Client {
        BookingServiceClient::new(self.harness.channel_with(&self.address, principal))
    }
}

async fn add(client: &mut Client, booking: &str, person: &str) -> Result<pb::Booking, Status> {
    let request =
        pb::AddAttendeeRequest { name: booking.into(), person: person.into(), request_id: String::new() };
    Ok(client.add_attendee(request).await?.into_inner().booking.unwrap())
}

async fn remove(client: &mut Client, booking: &str, person: &str) -> Result<pb::Booking, Status> {
    let request =
        pb::RemoveAttendeeRequest { name: booking.into(), person: person.into(), request_id: String::new() };
    Ok(client.remove_attendee(request).await?.into_inner().booking.unwrap())
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().unwrap().reason)
}

fn not_found(reason: &str) -> (Code, String) {
    (Code::NotFound, reason.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inviting_and_uninviting_is_told_with_all_who_are_invited() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let cy = world.create_person("cy@example.org").await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let mut client = world.bookings.clone();
    add(&mut client, &booking.name, &bo).await.unwrap();
    let both = add(&mut client, &booking.name, &cy).await.unwrap();
    assert_eq!((both.attendees.as_slice(), both.version), ([bo.clone(), cy.clone()].as_slice(), 3));
    // Twice is once, and who holds it is there anyway.
    let again = add(&mut client, &booking.name, &bo).await.unwrap();
    let holder = add(&mut client, &booking.name, &world.person).await.unwrap();
    assert_eq!((&again, &holder), (&both, &both));
    world.confirm(&booking.name).await.unwrap();
    let left = remove(&mut client, &booking.name, &bo).await.unwrap();
    assert_eq!((left.attendees.as_slice(), left.version), ([cy.clone()].as_slice(), 5));
    assert_eq!(remove(&mut client, &booking.name, &bo).await.unwrap(), left);
    assert_eq!(world.get(&booking.name).await, left);

    let told = world.facts(8).await;
    let expected = [
        ("booking_created", 1),
        ("booking_attendee_added", 2),
        ("booking_attendee_added", 3),
        ("booking_confirmed", 4),
        ("booking_attendee_removed", 5),
    ];
    assert_eq!(told[3..], expected.map(|(fact, version)| (fact.to_owned(), version)));
    let snapshots = world.snapshots(8).await;
    let people = |snapshot: &pb::BookingSnapshot| -> Vec<String> {
        snapshot.attendees.iter().map(|person| person.name.clone()).collect()
    };
    let expected = [vec![], vec![bo.clone()], vec![bo.clone(), cy.clone()], vec![bo, cy.clone()], vec![cy]];
    assert_eq!(snapshots.iter().map(people).collect::<Vec<_>>(), expected);
    for snapshot in &snapshots {
        assert_eq!(people(snapshot), snapshot.booking.as_ref().unwrap().attendees);
        assert!(snapshot.attendees.iter().all(|person| person.email.ends_with("@example.org")));
    }
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attendees_see_the_booking_and_may_decline_but_neither_change_it_nor_invite() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let eve = world.create_person("eve@example.org").await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let get = pb::GetBookingRequest { name: booking.name.clone() };
    let list = pb::ListBookingsRequest { parent: world.name.clone(), ..Default::default() };
    let (mut owner, mut bos, mut eves) =
        (world.member(&world.person.clone()), world.member(&bo), world.member(&eve));
    assert_eq!(refusal(bos.get_booking(get.clone()).await), not_found("BOOKING_NOT_FOUND"));
    add(&mut owner, &booking.name, &bo).await.unwrap();

    assert!(bos.get_booking(get.clone()).await.is_ok());
    for (client, count) in [(&mut owner, 1), (&mut bos, 1), (&mut eves, 0)] {
        assert_eq!(client.list_bookings(list.clone()).await.unwrap().into_inner().bookings.len(), count);
    }
    let held = pb::ListBookingsRequest { person: bo.clone(), ..list.clone() };
    assert!(bos.list_bookings(held).await.unwrap().into_inner().bookings.is_empty(), "they do not hold it");
    let of_another = (Code::PermissionDenied, "BOOKING_OF_ANOTHER".to_owned());
    let cancel = pb::CancelBookingRequest { name: booking.name.clone(), ..Default::default() };
    assert_eq!(refusal(bos.cancel_booking(cancel).await), of_another);
    assert_eq!(refusal(add(&mut bos, &booking.name, &eve).await), of_another);
    for person in [&eve, &bo] {
        assert_eq!(refusal(remove(&mut eves, &booking.name, person).await), not_found("BOOKING_NOT_FOUND"));
        assert_eq!(refusal(add(&mut eves, &booking.name, person).await), not_found("BOOKING_NOT_FOUND"));
    }
    add(&mut owner, &booking.name, &eve).await.unwrap();
    assert_eq!(refusal(remove(&mut bos, &booking.name, &eve).await), of_another);
    let left = remove(&mut bos, &booking.name, &bo).await.unwrap();
    assert_eq!(left.attendees, [eve]);
    assert_eq!(refusal(bos.get_booking(get).await), not_found("BOOKING_NOT_FOUND"));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managers_invite_at_their_locations_alone() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let elsewhere = world.create_location().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let manager = |location: &str| {
        let LocationName { workspace, id } = location.parse().unwrap();
        world.view_as(&Principal::person("someone", workspace, Role::Manager).at([id]))
    };
    let (mut here, mut there) = (manager(&world.location), manager(&elsewhere));
    assert_eq!(refusal(add(&mut there, &booking.name, &bo).await), not_found("BOOKING_NOT_FOUND"));
    assert_eq!(add(&mut here, &booking.name, &bo).await.unwrap().attendees, [bo]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_can_not_be_invited_is_refused_without_telling_a_member_why() {
    let mut world = World::new().await;
    let (paused, removed) =
        (world.create_person("paul@example.org").await, world.create_person("rita@example.org").await);
    let pause = pb::PausePersonRequest { name: paused.clone(), ..Default::default() };
    world.people.pause_person(pause).await.unwrap();
    let remove = pb::RemovePersonRequest { name: removed.clone(), ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let mut owner = world.member(&world.person.clone());
    let unknown = PersonName { workspace: world.workspace, id: PersonId::new() }.to_string();
    for person in [&unknown, &removed] {
        assert_eq!(refusal(add(&mut owner, &booking.name, person).await), not_found("PERSON_NOT_FOUND"));
    }
    let foreign = PersonName { workspace: domain::WorkspaceId::new(), id: PersonId::new() }.to_string();
    for person in ["", "bo", foreign.as_str()] {
        assert_eq!(add(&mut owner, &booking.name, person).await.unwrap_err().code(), Code::InvalidArgument);
    }
    assert_eq!(add(&mut owner, &booking.name, &paused).await.unwrap().attendees, [paused]);
    let cancel = pb::CancelBookingRequest { name: booking.name.clone(), ..Default::default() };
    owner.cancel_booking(cancel).await.unwrap();
    let someone = world.create_person("bo@example.org").await;
    let refused = refusal(add(&mut owner, &booking.name, &someone).await);
    assert_eq!(refused, (Code::FailedPrecondition, "BOOKING_STATE_FORBIDS".to_owned()));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_are_invited_at_the_same_moment_are_all_there_and_in_each_event() {
    let mut world = World::new().await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let mut people = Vec::new();
    for number in 0..6 {
        people.push(world.create_person(&format!("p{number}@example.org")).await);
    }
    let invitations = people.iter().map(|person| {
        let mut client = world.bookings.clone();
        let name = booking.name.clone();
        async move { add(&mut client, &name, person).await.unwrap() }
    });
    let answers = futures::future::join_all(invitations).await;
    let mut sizes: Vec<usize> = answers.iter().map(|booking| booking.attendees.len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 3, 4, 5, 6], "each saw those before");
    let mut invited = world.get(&booking.name).await.attendees;
    invited.sort();
    assert_eq!(invited, people, "ids are in order");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_invitation_twice_is_one_even_if_it_was_taken_back_meanwhile() {
    let mut world = World::new().await;
    let bo = world.create_person("bo@example.org").await;
    let booking = world.create(world.booking(9, 10)).await.unwrap();
    let mut client = world.bookings.clone();
    let request = pb::AddAttendeeRequest {
        name: booking.name.clone(),
        person: bo.clone(),
        request_id: "invite bo".into(),
    };
    let first = client.add_attendee(request.clone()).await.unwrap().into_inner();
    remove(&mut client, &booking.name, &bo).await.unwrap();
    assert_eq!(client.add_attendee(request).await.unwrap().into_inner(), first);
    assert!(world.get(&booking.name).await.attendees.is_empty());
    world.harness.finish().await;
}
