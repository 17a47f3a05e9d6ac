//! Another account than before is noticed.

use proto::integrations::v1 as pb;
use proto::integrations::v1::IntegrationStatus::Connected;
use tonic::{Code, Status};

use crate::adapter::{GOOD_KEY, KEY_OF_ANOTHER_ACCOUNT};
use crate::world::{World, refusal};

impl World {
    async fn confirm(&mut self, name: &str, account_ref: &str) -> Result<pb::Integration, Status> {
        let request = pb::ConfirmAccountRequest { name: name.into(), account_ref: account_ref.into() };
        Ok(self.integrations.confirm_account(request).await?.into_inner().integration.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_is_not_active_until_it_is_confirmed() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    world.disconnect(&name).await.unwrap();
    let other = world.connect("", KEY_OF_ANOTHER_ACCOUNT).await.unwrap();
    assert_eq!(other.status(), Connected);
    assert!(other.account_changed && !other.is_active, "{other:?}");

    let not_connected = (Code::FailedPrecondition, "ACCOUNT_NOT_CONNECTED".to_owned());
    assert_eq!(refusal(world.confirm(&name, "9").await), not_connected, "it is not the one any more");
    let confirmed = world.confirm(&name, "10").await.unwrap();
    assert!(!confirmed.account_changed && confirmed.is_active, "{confirmed:?}");
    assert_eq!(world.confirm(&name, "10").await.unwrap(), confirmed, "twice is once");
    world.disconnect(&name).await.unwrap();
    assert_eq!(refusal(world.confirm(&name, "10").await), not_connected);
    assert!(world.connect("", KEY_OF_ANOTHER_ACCOUNT).await.unwrap().is_active, "it is the confirmed one");
    let told = ["NOT_CONNECTED", "CONNECTED", "NOT_CONNECTED", "NOT_CONNECTED", "CONNECTED", "CONNECTED"];
    let told = told.into_iter().chain(["NOT_CONNECTED", "NOT_CONNECTED", "CONNECTED"]).map(str::to_owned);
    assert_eq!(world.facts(9).await, told.zip(1..).collect::<Vec<_>>());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_account_by_another_key_or_again_needs_no_word() {
    let mut world = World::new().await;
    let name = world.connect("", GOOD_KEY).await.unwrap().name;
    assert!(world.connect("", GOOD_KEY).await.unwrap().is_active);
    world.disconnect(&name).await.unwrap();
    let again = world.connect("", GOOD_KEY).await.unwrap();
    assert!(again.is_active && !again.account_changed, "{again:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_that_leaves_the_workspaces_account_is_noticed_too() {
    let mut world = World::new().await;
    let (here, there) = (world.new_location(), world.new_location());
    world.connect("", GOOD_KEY).await.unwrap();
    assert!(world.connect(&here, KEY_OF_ANOTHER_ACCOUNT).await.unwrap().account_changed);
    assert!(world.connect(&there, GOOD_KEY).await.unwrap().is_active);
    world.harness.finish().await;
}
