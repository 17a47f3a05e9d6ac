//! Another way in by commands: its link is revealed to whom tells it to the person, and stands nowhere else.

use domain::names::WayInName;
use domain::{WayInId, WorkspaceId};
use proto::access::v1 as pb;
use proto::access::v1::reveal_door_secret_response::Secret;
use proto::access::v1::way_in_command_completed::Outcome;
use tonic::Code;

use crate::world::{Grant, Site, World};

/// A new one's name.
fn name(workspace: WorkspaceId) -> WayInName {
    WayInName { workspace, id: WayInId::new() }
}

impl World {
    /// Makes another way in where the grant is, or withdraws it. Gives the words of the answer.
    async fn set_way_in(
        &mut self,
        name: WayInName,
        generation: i64,
        grant: &Grant,
        is_wanted: bool,
    ) -> String {
        let window = is_wanted.then(|| self.window(0, 2));
        self.send_way_in(name, generation, grant, window).await;
        let (answer, words) = self.way_in_answer().await;
        assert_eq!((answer.way_in, answer.generation), (name.to_string(), generation));
        assert!(matches!(answer.outcome, Some(Outcome::Applied(_))), "{:?}", answer.outcome);
        words
    }

    /// What opens the door; or why it is not told.
    async fn reveal(&self, name: WayInName) -> Result<String, Code> {
        let request = pb::RevealDoorSecretRequest { name: name.to_string() };
        match self.secrets().reveal_door_secret(request).await {
            Ok(answer) => match answer.into_inner().secret {
                Some(Secret::Link(link)) => Ok(link),
                _ => panic!("no link"),
            },
            Err(status) => Err(status.code()),
        }
    }

    /// All rows of the schema in which a text stands, or bytes of it.
    async fn rows_with(&self, text: &str) -> i64 {
        let rows: i64 = sqlx::query_scalar(
            "select (select count(*) from outbox where outbox::text like $1)
                  + (select count(*) from door_secret
                     where door_secret::text like $1 or position(convert_to($2, 'UTF8') in sealed) > 0)
                  + (select count(*) from answered where answered::text like $1)",
        )
        .bind(format!("%{text}%"))
        .bind(text)
        .fetch_one(&self.pool)
        .await
        .unwrap();
        rows
    }
}

/// Whether the door opens for the link.
async fn opens(world: &World, link: &str, grant: &Grant) -> bool {
    world.twin.opens(link, grant.lock).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_revealed_until_it_is_withdrawn_and_stands_in_no_event_and_no_row() {
    let mut world = World::start().await;
    let site: Site = world.site("Nine");
    let (grant, name) = (site.grant("Group 00"), name(site.workspace));
    assert_eq!(world.reveal(name).await, Err(Code::NotFound), "before it is made");
    let told = world.set_way_in(name, 1, &grant, true).await;
    let link = world.reveal(name).await.unwrap();
    assert!(opens(&world, &link, &grant).await);
    let secret = link.rsplit('/').next().unwrap();
    assert!(!told.contains(secret) && secret.len() > 8, "{told}");
    assert_eq!(world.rows_with(secret).await, 0);
    // Made anew, it is another one, and the one that opens.
    let told = world.set_way_in(name, 2, &grant, true).await;
    let again = world.reveal(name).await.unwrap();
    assert!(again != link && opens(&world, &again, &grant).await && !opens(&world, &link, &grant).await);
    assert!(!told.contains(again.rsplit('/').next().unwrap()));
    // Another workspace has nothing of that id.
    let elsewhere = WayInName { workspace: WorkspaceId::new(), ..name };
    assert_eq!(world.reveal(elsewhere).await, Err(Code::NotFound));
    world.set_way_in(name, 3, &grant, false).await;
    assert_eq!(world.reveal(name).await, Err(Code::NotFound));
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_name_that_makes_sense_is_refused() {
    let world = World::start().await;
    let request = pb::RevealDoorSecretRequest { name: "waysIn/1".into() };
    let refused = world.secrets().reveal_door_secret(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    world.finish().await;
}
