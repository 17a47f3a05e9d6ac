//! What a check finds, and whom a console is trusted by.

use axum::http::Method;
use door_adapter::conformance::World as _;
use door_adapter::{DoorProvider as _, ErrorKind, ProblemKind, TargetKind};
use serde_json::json;

use crate::conformance::UnifiWorld;

#[tokio::test]
async fn a_check_finds_the_building_and_its_doors() {
    let world = UnifiWorld::new().await;
    let found = world.provider().check(&world.account()).await.unwrap();
    assert_eq!(found.display_name, "Nine");
    assert_eq!((found.findings[0].kind, found.findings[0].count), ("door", 81));
    let again = world.provider().check(&world.account()).await.unwrap();
    assert_eq!((again.account_ref, again.certificate), (found.account_ref, found.certificate));
    assert_eq!(world.console.visits("lock-00").len(), 0, "nothing was made to find that out");
    let places = world.provider().list_places(&world.account()).await.unwrap();
    assert_eq!(places[0].display_name, "Nine");
    world.finish().await;
}

#[tokio::test]
async fn a_token_that_lacks_a_permission_is_told_which() {
    let world = UnifiWorld::new().await;
    let (space, visitor) = ("view:space", "view:visitor");
    for (permitted, lacking) in [
        (vec![], "view:space"),
        (vec![space], "view:visitor"),
        (vec![space, visitor], "edit:visitor"),
        (vec![space, visitor, "edit:visitor"], "edit:space"),
        (vec![space, visitor, "edit:visitor", "edit:space"], "view:credential"),
    ] {
        world.console.permit(&permitted);
        let problem = world.provider().check(&world.account()).await.unwrap_err();
        assert_eq!((problem.credential, problem.kind), (Some("api_key"), ProblemKind::Wrong), "{problem:?}");
        assert!(problem.reason.ends_with(&format!("permission {lacking}")), "{}", problem.reason);
    }
    world.console.permit(&[space, visitor, "edit:visitor", "edit:space", "view:credential"]);
    world.provider().check(&world.account()).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn a_host_with_another_certificate_gets_nothing() {
    let world = UnifiWorld::new().await;
    world.provider().list_targets(&world.account()).await.unwrap();
    world.console.twin().rotate_certificate();
    let calls = world.console.calls();
    // The process that knew the console, too.
    let provider = world.provider();
    let refused = provider.list_targets(&world.account()).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unauthorized);
    let problem = provider.check(&world.account()).await.unwrap_err();
    assert_eq!((problem.credential, problem.kind), (Some("host"), ProblemKind::CertificateChanged));
    assert_eq!(world.console.calls(), calls, "nothing was sent");

    let shown = problem.certificate.unwrap().fingerprint;
    assert_ne!(Some(shown), world.certificate);
    provider.list_targets(&world.account_with(Some(shown))).await.unwrap();
    let unseen = provider.list_targets(&world.account_with(None)).await.unwrap_err();
    assert_eq!(unseen.kind, ErrorKind::Unauthorized, "only a check takes one that was never seen");
    world.finish().await;
}

#[tokio::test]
async fn a_door_that_nothing_opens_is_listed_with_a_warning() {
    let world = UnifiWorld::new().await;
    let listed = world.provider().list_targets(&world.account()).await.unwrap();
    let warned: Vec<&str> = listed
        .iter()
        .filter(|listed| !listed.warnings.is_empty())
        .map(|listed| listed.target.display_name.as_str())
        .collect();
    assert_eq!(warned, ["Cellar"]);
    assert!(listed.iter().any(|it| it.target.kind == TargetKind::Group && it.target.display_name == "Nine"));
    world.finish().await;
}

#[tokio::test]
async fn the_operators_own_visitors_are_not_even_read_one_by_one() {
    let world = UnifiWorld::new().await;
    let window = domain::Window::new(world.now(), world.now() + chrono::Duration::hours(1)).unwrap();
    let theirs = world.console.add("eve@example.org", "Latchkey?", ("door", "lock-00"), window).await;
    world.provider().check(&world.account()).await.unwrap();
    let shown = world.console.operate(Method::GET, &format!("/visitors/{theirs}"), json!({})).await;
    assert_eq!(shown["remarks"], "Latchkey?");
    assert!(world.console.lines().iter().all(|line| !line.contains(&theirs)));
    world.finish().await;
}
