//! Places of a provider, and which of them a location is.

use chassis::auth::Role;
use domain::WorkspaceId;
use proto::integrations::v1 as pb;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use tonic::{Code, Status};

use crate::adapter::GOOD_KEY;
use crate::world::{World, refusal};

impl World {
    async fn places(&mut self, name: &str) -> Result<Vec<(String, Vec<String>)>, Status> {
        let request = pb::ListPlacesRequest { name: name.into() };
        let places = self.integrations.list_places(request).await?.into_inner().places;
        Ok(places.into_iter().map(|place| (place.r#ref, place.locations)).collect())
    }

    async fn assign(&mut self, name: &str, place_ref: &str, location: &str) -> Result<(), Status> {
        let request = pb::AssignPlaceRequest {
            name: name.into(),
            place_ref: place_ref.into(),
            location: location.into(),
        };
        self.integrations.assign_place(request).await.map(|_| ())
    }

    async fn unassign(&mut self, name: &str, location: &str) -> Result<(), Status> {
        let request = pb::UnassignPlaceRequest { name: name.into(), location: location.into() };
        self.integrations.unassign_place(request).await.map(|_| ())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_is_one_place_and_a_place_may_be_several_locations() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    let (mut ground, mut upper) = (world.new_location(), world.new_location());
    if upper < ground {
        std::mem::swap(&mut ground, &mut upper);
    }
    world.assign(&name, "9-hall", &ground).await.unwrap();
    world.assign(&name, "9-hall", &upper).await.unwrap();
    let both = vec![ground.clone(), upper.clone()];
    let expected = [("9-hall".to_owned(), both), ("9-loft".to_owned(), vec![])];
    assert_eq!(world.places(&name).await.unwrap(), expected);

    world.assign(&name, "9-loft", &upper).await.unwrap();
    world.unassign(&name, &ground).await.unwrap();
    world.unassign(&name, &ground).await.unwrap();
    let expected = [("9-hall".to_owned(), vec![]), ("9-loft".to_owned(), vec![upper.clone()])];
    assert_eq!(world.places(&name).await.unwrap(), expected);

    world.disconnect(&name).await.unwrap();
    let disconnected = (Code::FailedPrecondition, "INTEGRATION_DISCONNECTED".to_owned());
    assert_eq!(refusal(world.places(&name).await), disconnected);
    world.connect("", GOOD_KEY).await.unwrap();
    assert_eq!(world.places(&name).await.unwrap(), expected, "it was kept");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_there_can_be_assigned() {
    let mut world = World::new().await;
    let (here, there) = (world.new_location(), world.new_location());
    let name = world.connect(&here, GOOD_KEY).await.unwrap().name;
    let not_found = (Code::NotFound, "PLACE_NOT_FOUND".to_owned());
    assert_eq!(refusal(world.assign(&name, "10-hall", &here).await), not_found);
    let elsewhere = (Code::FailedPrecondition, "INTEGRATION_OF_OTHER_LOCATION".to_owned());
    assert_eq!(refusal(world.assign(&name, "9-hall", &there).await), elsewhere);
    assert_eq!(refusal(world.assign(&name, "9-hall", "").await).0, Code::InvalidArgument);
    let foreign = format!("workspaces/{}/locations/{}", WorkspaceId::new(), domain::LocationId::new());
    assert_eq!(refusal(world.assign(&name, "9-hall", &foreign).await).0, Code::InvalidArgument);

    let stripe = world.save("stripe", &[("secret_key", "sk_test_4eC39HqLyjWD")]).await.unwrap().name;
    let none = (Code::FailedPrecondition, "PROVIDER_WITHOUT_PLACES".to_owned());
    assert_eq!(refusal(world.places(&stripe).await), none);

    world.connect(&here, "a-wrong-key").await.unwrap();
    let refused = (Code::FailedPrecondition, "PROVIDER_REFUSED".to_owned());
    assert_eq!(refusal(world.places(&name).await), refused);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_are_for_the_workspaces_admins() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    for (role, workspace, expected) in [
        (Role::Manager, world.workspace, (Code::PermissionDenied, "ROLE_TOO_LOW".to_owned())),
        (Role::Owner, WorkspaceId::new(), (Code::NotFound, "WORKSPACE_NOT_FOUND".to_owned())),
    ] {
        let channel = world.harness.channel_as(&world.address, role, workspace);
        let request = pb::ListPlacesRequest { name: name.clone() };
        let outcome = IntegrationServiceClient::new(channel).list_places(request).await;
        assert_eq!(refusal(outcome), expected);
    }
    world.harness.finish().await;
}
