//! People who have a pass stand before the door.

use proto::workspace::v1 as pb;
use stories::client::{Client, insist};
use stories::play::World;

/// A product at a location.
pub(crate) async fn sell(client: &Client, world: &World, location: &str, terms: pb::PassTerms) -> String {
    let request = pb::CreatePassProductRequest {
        parent: world.workspace.clone(),
        pass_product: Some(pb::PassProduct {
            location: location.to_owned(),
            display_name: "Pass".into(),
            terms: Some(terms),
            ..Default::default()
        }),
        request_id: format!("sell-{}-{}", terms.uses, terms.weekly_hours.is_some()),
    };
    insist(&client.passes, request, |mut c, r| async move { c.create_pass_product(r).await })
        .await
        .pass_product
        .unwrap()
        .name
}

/// A pass for one of the people.
pub(crate) async fn issue(client: &Client, world: &World, product: &str, person: usize) -> String {
    let request = pb::IssuePassRequest {
        parent: world.workspace.clone(),
        product: product.to_owned(),
        person: world.people[person].0.clone(),
        start_date: String::new(),
        request_id: format!("issue-{product}-{person}"),
    };
    insist(&client.passes, request, |mut c, r| async move { c.issue_pass(r).await }).await.pass.unwrap().name
}
