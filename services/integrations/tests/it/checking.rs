//! Connections are looked at from time to time.

use std::sync::atomic::Ordering;

use chrono::Duration;
use domain::{Clock as _, Timestamp};
use proto::integrations::v1::IntegrationStatus::{Connected, Failing};

use crate::adapter::GOOD_KEY;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_is_checked_again_and_only_a_change_is_told() {
    let mut world = World::new().await;
    world.connect("", GOOD_KEY).await.unwrap();
    // Heard, not only asked: what an adapter says is about the moment of the question.
    let checked = async || {
        testkit::eventually("it is checked again", std::time::Duration::from_secs(10), async || {
            let heard_at: Timestamp =
                sqlx::query_scalar("select heard_at from integration").fetch_one(&world.pool).await.unwrap();
            if heard_at == world.harness.clock.now() { Ok(()) } else { Err(heard_at) }
        })
        .await;
    };
    for _ in 0..2 {
        world.harness.clock.advance(Duration::minutes(15));
        checked().await;
    }
    world.adapter.is_away.store(true, Ordering::SeqCst);
    world.harness.clock.advance(Duration::minutes(15));
    let since = world.harness.clock.now().timestamp();
    checked().await;
    world.harness.clock.advance(Duration::minutes(1));
    checked().await;
    let failing = world.until("it is failing", |integration| integration.status() == Failing).await;
    assert_eq!(failing.status_time.unwrap().seconds, since, "since then");
    world.adapter.is_away.store(false, Ordering::SeqCst);
    world.harness.clock.advance(Duration::minutes(2));
    world.until("it is connected again", |integration| integration.status() == Connected).await;
    let told = ["NOT_CONNECTED", "CONNECTED", "FAILING", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(4).await, told.into_iter().zip(1..).collect::<Vec<_>>());
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_adapter_could_not_check_is_checked_when_it_is_back() {
    let mut world = World::new().await;
    world.adapter.is_down.store(true, Ordering::SeqCst);
    world.connect("", GOOD_KEY).await.unwrap();
    world.adapter.is_down.store(false, Ordering::SeqCst);
    world.harness.clock.advance(Duration::minutes(1));
    world.until("it is connected", |integration| integration.status() == Connected).await;
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_that_borrows_values_is_checked_when_the_workspaces_change() {
    let mut world = World::new().await;
    let here = world.new_location();
    let whole = world.save("unifi", &[("host", "console.example")]).await.unwrap();
    let request = proto::integrations::v1::ConnectIntegrationRequest {
        provider: "unifi".into(),
        credentials: [("api_key".to_owned(), "the-key".to_owned())].into(),
        ..world.request(&here, "")
    };
    let at_here = world.send(request).await.unwrap();
    assert!(at_here.problems.is_empty() || !at_here.status_reason.contains("missing"), "{at_here:?}");
    world.disconnect(&whole.name).await.unwrap();
    testkit::eventually("the host is missing here", std::time::Duration::from_secs(10), async || {
        let all = world.list().await;
        let borrower = all.iter().find(|integration| integration.name == at_here.name).unwrap();
        if borrower.status_reason == "host is missing" { Ok(()) } else { Err(format!("{borrower:?}")) }
    })
    .await;
    world.harness.finish().await;
}
