//! What managers, members and guests see and may do, and who may change that.

use chassis::auth::{Principal, Role};
use domain::names::{LocationName, PersonName};
use proto::auth::v1::Role as ProtoRole;
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use testkit::Bearer;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::world::World;

/// Someone's view of the service.
struct View {
    bookings: BookingServiceClient<InterceptedService<Channel, Bearer>>,
    people: PersonServiceClient<InterceptedService<Channel, Bearer>>,
    places: WorkspaceServiceClient<InterceptedService<Channel, Bearer>>,
}

impl World {
    fn view(&self, principal: &Principal) -> View {
        let channel = self.harness.channel_with(&self.address, principal);
        View {
            bookings: BookingServiceClient::new(channel.clone()),
            people: PersonServiceClient::new(channel.clone()),
            places: WorkspaceServiceClient::new(channel),
        }
    }

    /// As the person of that name.
    fn view_of(&self, person: &str, role: Role) -> View {
        self.view(&self.principal(person, role))
    }

    fn principal(&self, person: &str, role: Role) -> Principal {
        let PersonName { workspace, id } = person.parse().unwrap();
        Principal::person(id.to_string(), workspace, role)
    }

    /// As a manager of that location.
    fn manager_of(&self, location: &str) -> View {
        let LocationName { id, .. } = location.parse().unwrap();
        self.view(&Principal::person("someone", self.workspace, Role::Manager).at([id]))
    }

    async fn person_with(&mut self, email: &str, role: ProtoRole) -> String {
        let name = self.create_person(email).await;
        self.change_role(&name, role, &[]).await.unwrap();
        name
    }

    async fn change_role(
        &mut self,
        name: &str,
        role: ProtoRole,
        locations: &[&str],
    ) -> Result<pb::Person, Status> {
        let request = pb::ChangeRoleRequest {
            name: name.into(),
            role: role.into(),
            locations: locations.iter().map(|&name| name.to_owned()).collect(),
            request_id: String::new(),
        };
        Ok(self.people.change_role(request).await?.into_inner().person.unwrap())
    }

    /// The owner, added by the operator.
    async fn owner(&mut self) -> String {
        let mut operator = PersonServiceClient::new(self.harness.channel(&self.address, "latchkey"));
        let owner = pb::Person {
            display_name: "Olga".into(),
            email: "olga@example.org".into(),
            role: ProtoRole::Owner.into(),
            ..Default::default()
        };
        let request =
            pb::CreatePersonRequest { parent: self.name.clone(), person: Some(owner), ..Default::default() };
        operator.create_person(request).await.unwrap().into_inner().person.unwrap().name
    }
}

fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.unwrap_err();
    (status.code(), status.get_details_error_info().map(|info| info.reason).unwrap_or_default())
}

fn not_found(reason: &str) -> (Code, String) {
    (Code::NotFound, reason.to_owned())
}

fn too_low() -> (Code, String) {
    (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned())
}

fn get(booking: &pb::Booking) -> pb::GetBookingRequest {
    pb::GetBookingRequest { name: booking.name.clone() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_see_and_book_their_own_alone() {
    let mut world = World::new().await;
    let (own, other) = (world.person.clone(), world.create_person("eve@example.org").await);
    let mine = world.create(world.booking(9, 10)).await.unwrap();
    let theirs = pb::Booking { person: other.clone(), ..world.booking(11, 12) };
    let theirs = world.create(theirs).await.unwrap();
    let parent = world.name.clone();
    let mut member = world.view_of(&own, Role::Member);

    assert!(member.bookings.get_booking(get(&mine)).await.is_ok());
    assert_eq!(refusal(member.bookings.get_booking(get(&theirs)).await), not_found("BOOKING_NOT_FOUND"));
    let list = |person: &str| pb::ListBookingsRequest {
        parent: parent.clone(),
        person: person.into(),
        ..Default::default()
    };
    for (person, count) in [("", 1), (own.as_str(), 1), (other.as_str(), 0)] {
        let listed = member.bookings.list_bookings(list(person)).await.unwrap().into_inner().bookings;
        assert_eq!(listed.len(), count, "{person}");
        assert!(listed.iter().all(|booking| booking.name == mine.name));
    }
    let create = |booking| pb::CreateBookingRequest {
        parent: parent.clone(),
        booking: Some(booking),
        request_id: String::new(),
    };
    assert!(member.bookings.create_booking(create(world.booking(13, 14))).await.is_ok());
    let for_another = pb::Booking { person: other.clone(), ..world.booking(15, 16) };
    let refused = member.bookings.create_booking(create(for_another.clone())).await;
    assert_eq!(refusal(refused), not_found("PERSON_NOT_FOUND"));
    // Nor does it show whether they are paused, or whether the room is taken for them.
    let paused = world.create_person("paul@example.org").await;
    let pause = pb::PausePersonRequest { name: paused.clone(), ..Default::default() };
    world.people.pause_person(pause).await.unwrap();
    let for_paused = pb::Booking { person: paused, ..world.booking(11, 12) };
    let refused = member.bookings.create_booking(create(for_paused)).await;
    assert_eq!(refusal(refused), not_found("PERSON_NOT_FOUND"));
    // It was rolled back: the room is free.
    assert!(world.create(for_another).await.is_ok());

    let cancel =
        |booking: &pb::Booking| pb::CancelBookingRequest { name: booking.name.clone(), ..Default::default() };
    assert_eq!(
        refusal(member.bookings.cancel_booking(cancel(&theirs)).await),
        not_found("BOOKING_NOT_FOUND")
    );
    assert!(member.bookings.cancel_booking(cancel(&mine)).await.is_ok());
    // To confirm is to let in: not one's own to do.
    let confirm = pb::ConfirmBookingRequest { name: mine.name.clone(), ..Default::default() };
    assert_eq!(refusal(member.bookings.confirm_booking(confirm).await), too_low());

    let mut guest = world.view_of(&own, Role::Guest);
    assert!(guest.bookings.get_booking(get(&mine)).await.is_ok());
    assert_eq!(refusal(guest.bookings.create_booking(create(world.booking(17, 18))).await), too_low());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_see_and_change_themselves_alone() {
    let mut world = World::new().await;
    let (own, other) = (world.person.clone(), world.create_person("eve@example.org").await);
    let mut member = world.view_of(&own, Role::Member);
    let get = |name: &str| pb::GetPersonRequest { name: name.into() };
    assert!(member.people.get_person(get(&own)).await.is_ok());
    assert_eq!(refusal(member.people.get_person(get(&other)).await), not_found("PERSON_NOT_FOUND"));
    let rename = |name: &str| pb::UpdatePersonRequest {
        person: Some(pb::Person { name: name.into(), display_name: "Me".into(), ..Default::default() }),
        ..Default::default()
    };
    assert!(member.people.update_person(rename(&own)).await.is_ok());
    assert_eq!(refusal(member.people.update_person(rename(&other)).await), not_found("PERSON_NOT_FOUND"));
    let list = pb::ListPeopleRequest { parent: world.name.clone(), ..Default::default() };
    assert_eq!(refusal(member.people.list_people(list).await), too_low());
    // The places are for all to see.
    let list = pb::ListLocationsRequest { parent: world.name.clone(), ..Default::default() };
    assert_eq!(member.places.list_locations(list).await.unwrap().into_inner().locations.len(), 1);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn managers_act_at_their_locations_alone() {
    let mut world = World::new().await;
    let here = world.location.clone();
    let there = world.create_location().await;
    let room_there = world.create_resource(&there).await;
    let booked_here = world.create(world.booking(9, 10)).await.unwrap();
    let booked_there = pb::Booking { resource: room_there.clone(), ..world.booking(9, 10) };
    let booked_there = world.create(booked_there).await.unwrap();
    let mut manager = world.manager_of(&here);

    assert!(manager.bookings.get_booking(get(&booked_here)).await.is_ok());
    let confirm = |booking: &pb::Booking| pb::ConfirmBookingRequest {
        name: booking.name.clone(),
        ..Default::default()
    };
    assert!(manager.bookings.confirm_booking(confirm(&booked_here)).await.is_ok());
    let elsewhere = not_found("BOOKING_NOT_FOUND");
    assert_eq!(refusal(manager.bookings.get_booking(get(&booked_there)).await), elsewhere);
    assert_eq!(refusal(manager.bookings.confirm_booking(confirm(&booked_there)).await), elsewhere);
    let list = pb::ListBookingsRequest { parent: world.name.clone(), ..Default::default() };
    let listed = manager.bookings.list_bookings(list.clone()).await.unwrap().into_inner().bookings;
    assert_eq!(listed.iter().map(|booking| booking.name.as_str()).collect::<Vec<_>>(), [&booked_here.name]);
    let create = pb::CreateBookingRequest {
        parent: world.name.clone(),
        booking: Some(pb::Booking { resource: room_there, ..world.booking(11, 12) }),
        request_id: String::new(),
    };
    assert_eq!(refusal(manager.bookings.create_booking(create).await), not_found("RESOURCE_NOT_FOUND"));
    let room = |location: &str| pb::CreateResourceRequest {
        parent: world.name.clone(),
        resource: Some(pb::Resource {
            location: location.into(),
            display_name: "Room 5".into(),
            ..Default::default()
        }),
        request_id: String::new(),
    };
    assert!(manager.places.create_resource(room(&here)).await.is_ok());
    assert_eq!(refusal(manager.places.create_resource(room(&there)).await), not_found("LOCATION_NOT_FOUND"));
    let mut nowhere = world.view(&Principal::person("someone", world.workspace, Role::Manager));
    assert!(nowhere.bookings.list_bookings(list).await.unwrap().into_inner().bookings.is_empty());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_rises_by_themselves_or_takes_the_place_of_someone_above() {
    let mut world = World::new().await;
    let owner = world.owner().await;
    let admin = world.person_with("anna@example.org", ProtoRole::Admin).await;
    let here = world.location.clone();
    let mut manager = world.manager_of(&here);
    let new = |role: ProtoRole| pb::CreatePersonRequest {
        parent: world.name.clone(),
        person: Some(pb::Person {
            display_name: "New".into(),
            email: format!("{role:?}@example.org"),
            role: role.into(),
            locations: if role == ProtoRole::Manager { vec![here.clone()] } else { vec![] },
            ..Default::default()
        }),
        request_id: String::new(),
    };
    for role in [ProtoRole::Owner, ProtoRole::Admin, ProtoRole::Manager] {
        assert_eq!(refusal(manager.people.create_person(new(role)).await), too_low(), "{role:?}");
    }
    assert!(manager.people.create_person(new(ProtoRole::Guest)).await.is_ok());
    let take_over = |name: &str| pb::UpdatePersonRequest {
        person: Some(pb::Person {
            name: name.into(),
            email: "evil@example.org".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    for above in [&owner, &admin] {
        assert_eq!(refusal(manager.people.update_person(take_over(above)).await), too_low());
    }
    let mut as_admin = world.view_of(&admin, Role::Admin);
    assert_eq!(refusal(as_admin.people.update_person(take_over(&owner)).await), too_low());
    assert_eq!(refusal(as_admin.people.create_person(new(ProtoRole::Owner)).await), too_low());
    let mut operator = PersonServiceClient::new(world.harness.channel(&world.address, "latchkey"));
    let second = refusal(operator.create_person(new(ProtoRole::Owner)).await);
    assert_eq!(second, (Code::AlreadyExists, "OWNER_EXISTS".into()));
    let transfer = pb::TransferOwnershipRequest { name: admin.clone(), ..Default::default() };
    assert_eq!(refusal(as_admin.people.transfer_ownership(transfer).await), too_low());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_stays_until_the_ownership_is_transferred() {
    let mut world = World::new().await;
    let (owner, heir) = (world.owner().await, world.person.clone());
    let stays = (Code::FailedPrecondition, "PERSON_IS_OWNER".to_owned());
    assert_eq!(refusal(world.change_role(&owner, ProtoRole::Member, &[]).await), stays);
    let pause = pb::PausePersonRequest { name: owner.clone(), ..Default::default() };
    assert_eq!(refusal(world.people.pause_person(pause).await), stays);
    let remove = pb::RemovePersonRequest { name: owner.clone(), ..Default::default() };
    assert_eq!(refusal(world.people.remove_person(remove).await), stays);

    let mut as_owner = world.view_of(&owner, Role::Owner);
    let transfer = |to: &str| pb::TransferOwnershipRequest { name: to.into(), request_id: "give".into() };
    let done = as_owner.people.transfer_ownership(transfer(&heir)).await.unwrap().into_inner();
    assert_eq!(done.owner.as_ref().unwrap().name, heir);
    assert_eq!(done.owner.as_ref().unwrap().role(), ProtoRole::Owner);
    assert_eq!(done.previous_owner.as_ref().unwrap().role(), ProtoRole::Admin);
    // The same request again is the same answer.
    assert_eq!(as_owner.people.transfer_ownership(transfer(&heir)).await.unwrap().into_inner(), done);
    assert!(world.change_role(&owner, ProtoRole::Guest, &[]).await.is_ok());
    assert_eq!(refusal(world.change_role(&heir, ProtoRole::Guest, &[]).await), stays);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_and_places_are_changed_by_admins_and_told() {
    let mut world = World::new().await;
    let (person, here) = (world.person.clone(), world.location.clone());
    let invalid = |outcome: Result<pb::Person, Status>| refusal(outcome).0;
    assert_eq!(invalid(world.change_role(&person, ProtoRole::Manager, &[]).await), Code::InvalidArgument);
    assert_eq!(invalid(world.change_role(&person, ProtoRole::Member, &[&here]).await), Code::InvalidArgument);
    assert_eq!(invalid(world.change_role(&person, ProtoRole::Owner, &[]).await), Code::InvalidArgument);
    let manager = world.change_role(&person, ProtoRole::Manager, &[&here, &here]).await.unwrap();
    assert_eq!((manager.role(), manager.locations.as_slice()), (ProtoRole::Manager, [here].as_slice()));
    assert_eq!(world.change_role(&person, ProtoRole::Member, &[]).await.unwrap().version, 3);
    let pause = pb::PausePersonRequest { name: person.clone(), ..Default::default() };
    for _ in 0..2 {
        let paused = world.people.pause_person(pause.clone()).await.unwrap().into_inner().person.unwrap();
        assert_eq!((paused.status(), paused.version), (pb::PersonStatus::Paused, 4));
    }
    // Paused people read what is theirs, and book nothing.
    let mut paused = world.view_of(&person, Role::Member);
    assert!(paused.people.get_person(pb::GetPersonRequest { name: person.clone() }).await.is_ok());
    let create = pb::CreateBookingRequest {
        parent: world.name.clone(),
        booking: Some(world.booking(9, 10)),
        request_id: String::new(),
    };
    let refused = refusal(paused.bookings.create_booking(create).await);
    assert_eq!(refused, (Code::FailedPrecondition, "PERSON_NOT_ACTIVE".into()));
    let unpause = pb::UnpausePersonRequest { name: person.clone(), ..Default::default() };
    world.people.unpause_person(unpause.clone()).await.unwrap();
    let remove = pb::RemovePersonRequest { name: person.clone(), ..Default::default() };
    let removed = world.people.remove_person(remove).await.unwrap().into_inner().person.unwrap();
    assert_eq!(removed.status(), pb::PersonStatus::Removed);
    let back = refusal(world.people.unpause_person(unpause).await);
    assert_eq!(back, (Code::FailedPrecondition, "PERSON_REMOVED".into()));
    let told = ["person_created", "person_updated", "person_updated", "person_updated"];
    let facts = world.facts(6).await;
    assert!(told.iter().zip(&facts).all(|(told, (fact, _))| fact == told), "{facts:?}");
    assert_eq!(facts.iter().map(|(_, version)| *version).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
    world.harness.finish().await;
}
