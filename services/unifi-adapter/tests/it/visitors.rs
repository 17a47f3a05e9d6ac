//! A grant is a visitor: found again, gone with its PIN, and nobody else's.

use axum::http::Method;
use chrono::Duration;
use domain::names::{GrantName, IntegrationName};
use domain::{GrantId, IntegrationId, PersonId, Window, WorkspaceId};
use door_adapter::conformance::World as _;
use door_adapter::{
    AccessRequest, Account, Applied, ApplyError, DoorProvider as _, DoorSecret, ErrorKind, Origin, Person,
    Right, Target, TargetKind,
};
use futures::TryStreamExt as _;
use sandbox::{Action, Fault, Phase, Vendor};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::conformance::UnifiWorld;

/// A request for an hour from now on.
fn request(world: &UnifiWorld, account: &Account) -> AccessRequest {
    let (now, id) = (world.now(), PersonId::new());
    AccessRequest {
        grant: GrantName { workspace: account.integration.workspace, id: GrantId::new() },
        generation: 1,
        location: None,
        target: world.target(TargetKind::Lock, 0).unwrap(),
        person: Person {
            id,
            display_name: "Ada L.".to_owned(),
            email: Some(format!("ada+{id}@example.org").parse().unwrap()),
        },
        is_guest: false,
        window: Some(Window::new(now, now + Duration::hours(1)).unwrap()),
        due_at: now,
    }
}

async fn apply(
    world: &UnifiWorld,
    account: &Account,
    request: &AccessRequest,
) -> Result<Applied, ApplyError> {
    let (provider, mut changes) = (world.provider(), Vec::new());
    let applied = provider.apply(account, request, &mut changes).await;
    let mut tx = world.platform().begin().await.unwrap();
    provider.record(&mut tx, &changes).await.unwrap();
    tx.commit().await.unwrap();
    applied
}

/// The PIN, if it was made just now.
fn pin(applied: &Applied) -> Option<String> {
    let secret = applied.secret.as_ref()?;
    assert!(matches!(secret, DoorSecret::Pin(_)));
    Some(secret.text().expose_secret().to_owned())
}

/// The PIN that a request that goes well makes.
async fn pin_of(world: &UnifiWorld, account: &Account, request: &AccessRequest) -> Option<String> {
    pin(&apply(world, account, request).await.unwrap())
}

async fn survey(world: &UnifiWorld, account: &Account, targets: &[Target]) -> Vec<Right> {
    let pages: Vec<Vec<Right>> = world.provider().survey(account, targets).try_collect().await.unwrap();
    pages.concat()
}

#[tokio::test]
async fn the_door_opens_exactly_in_the_window_by_the_pin_of_the_visitor() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let request = request(&world, &account);
    let pin = pin(&apply(&world, &account, &request).await.unwrap()).expect("it is new");
    let twin = world.console.twin();
    assert!(twin.present_pin("lock-00", &pin));
    assert!(!twin.present_pin("lock-01", &pin));
    world.harness.clock.advance(Duration::hours(1));
    assert!(!twin.present_pin("lock-00", &pin), "the console ends it by itself");
    // For another window it is the same one, and told once.
    let now = world.now();
    let moved =
        AccessRequest { window: Some(Window::new(now, now + Duration::hours(2)).unwrap()), ..request };
    assert!(pin_of(&world, &account, &moved).await.is_none());
    assert!(world.console.twin().present_pin("lock-00", &pin));
    world.finish().await;
}

#[tokio::test]
async fn a_pin_whose_answer_was_lost_gives_way_to_the_one_that_is_told() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let request = request(&world, &account);
    let lost = Fault::on(Vendor::Unifi, Action::DropAfterEffect).request("PUT", "/pin_codes$").times(1);
    world.console.sandbox.faults().add(lost).unwrap();
    let Err(ApplyError::Provider(error)) = apply(&world, &account, &request).await else {
        panic!("the answer was lost");
    };
    assert!(error.outcome_unknown, "{error:?}");
    let untold = world.console.visits("lock-00")[0].pin.clone().expect("it has one that nobody knows");
    let pin = pin_of(&world, &account, &request).await.expect("another one");
    let twin = world.console.twin();
    assert!(twin.present_pin("lock-00", &pin) && !twin.present_pin("lock-00", &untold));
    assert!(pin_of(&world, &account, &request).await.is_none(), "that one stays");
    assert!(twin.present_pin("lock-00", &pin));
    // Until someone takes it away.
    let visitor = world.console.visits("lock-00")[0].visitor_id.clone();
    world.console.operate(Method::DELETE, &format!("/visitors/{visitor}/pin_codes"), json!({})).await;
    let another = pin_of(&world, &account, &request).await.expect("the person is told of another one");
    assert!(twin.present_pin("lock-00", &another));
    world.finish().await;
}

#[tokio::test]
async fn a_pin_that_someone_got_in_between_gives_way_to_another() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let taken = |times| {
        let body = r#"{"code":"CODE_CREDS_PIN_CODE_CREDS_ALREADY_EXIST","msg":"x"}"#;
        let action = Action::Status {
            code: 200,
            body: Some(body.to_owned()),
            content_type: Some("application/json".to_owned()),
            retry_after: None,
            phase: Phase::BeforeEffect,
        };
        let fault = Fault::on(Vendor::Unifi, action).request("PUT", "/pin_codes$").times(times);
        world.console.sandbox.faults().add(fault).unwrap();
    };
    taken(2);
    let pin = pin_of(&world, &account, &request(&world, &account)).await.unwrap();
    assert!(world.console.twin().present_pin("lock-00", &pin));
    // Not for ever.
    taken(50);
    let Err(ApplyError::Provider(error)) = apply(&world, &account, &request(&world, &account)).await else {
        panic!("no PIN is free");
    };
    assert_eq!(error.kind, ErrorKind::Conflict);
    world.finish().await;
}

#[tokio::test]
async fn a_visitor_goes_with_its_pin() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let granted = request(&world, &account);
    let applied = apply(&world, &account, &granted).await.unwrap();
    let (pin, id) = (pin(&applied).unwrap(), applied.provider_ref.unwrap());
    let path = format!("/visitors/{id}/pin_codes");
    let revoked = AccessRequest { window: None, generation: 2, ..granted };
    apply(&world, &account, &revoked).await.unwrap();
    assert!(!world.console.twin().present_pin("lock-00", &pin));
    let lines = world.console.lines();
    let visitor = format!("/visitors/{id}");
    let tail: Vec<&str> = lines[lines.len() - 3..].iter().map(String::as_str).collect();
    let [taken, record, look] =
        [format!("DELETE {path}"), format!("DELETE {visitor}"), format!("GET {visitor}")];
    assert_eq!(tail, [taken.as_str(), record.as_str(), look.as_str()]);
    world.finish().await;
}

#[tokio::test]
async fn a_visitor_whose_answer_was_lost_is_found_by_its_remarks() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let request = request(&world, &account);
    let lost = Fault::on(Vendor::Unifi, Action::DropAfterEffect).request("POST", "/visitors$").times(1);
    world.console.sandbox.faults().add(lost).unwrap();
    let Err(ApplyError::Provider(error)) = apply(&world, &account, &request).await else {
        panic!("the answer was lost");
    };
    assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unreachable, true));
    let id = apply(&world, &account, &request).await.unwrap().provider_ref.unwrap();
    let visits = world.console.visits("lock-00");
    assert_eq!(visits.iter().map(|visit| visit.visitor_id.as_str()).collect::<Vec<_>>(), [id.as_str()]);
    assert!(visits[0].remarks.contains(&request.grant.to_string()));
    world.finish().await;
}

#[tokio::test]
async fn what_a_lost_call_brought_about_late_is_taken_away() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let request = request(&world, &account);
    apply(&world, &account, &request).await.unwrap();
    // The console carried an earlier try out after it was looked for.
    let email = request.person.email.as_ref().unwrap().as_str();
    let remarks = format!("Latchkey {}", request.grant);
    let window = request.window.unwrap();
    let twice = world.console.add(email, &remarks, ("door", "lock-00"), window).await;
    let found = survey(&world, &account, std::slice::from_ref(&request.target)).await;
    let kept: Vec<&Right> = found.iter().filter(|right| right.origin == Origin::Kept).collect();
    assert_eq!(kept.iter().map(|right| right.provider_ref.as_str()).collect::<Vec<_>>(), [twice.as_str()]);
    world.provider().remove(&account, kept[0]).await.unwrap();
    assert_eq!(world.console.visits("lock-00").len(), 1);
    // The one that the ledger has is not taken away like that.
    let ours = found.iter().find(|right| right.origin == Origin::Ledger).unwrap();
    world.provider().remove(&account, ours).await.unwrap();
    assert_eq!(world.console.visits("lock-00").len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn workspaces_that_share_a_console_leave_each_others_visitors_alone() {
    let world = UnifiWorld::new().await;
    let ours = world.account();
    let integration = IntegrationName { workspace: WorkspaceId::new(), id: IntegrationId::new() };
    let theirs = Account { integration, ..ours.clone() };
    let (one, other) = (request(&world, &ours), request(&world, &theirs));
    apply(&world, &ours, &one).await.unwrap();
    apply(&world, &theirs, &other).await.unwrap();
    for account in [&ours, &theirs] {
        let found = survey(&world, account, std::slice::from_ref(&one.target)).await;
        let mut origins: Vec<Origin> = found.iter().map(|right| right.origin).collect();
        origins.sort_by_key(|origin| *origin == Origin::Foreign);
        assert_eq!(origins, [Origin::Ledger, Origin::Foreign]);
        for right in &found {
            world.provider().remove(account, right).await.unwrap();
        }
    }
    assert_eq!(world.console.visits("lock-00").len(), 2);
    world.finish().await;
}

#[tokio::test]
async fn a_single_door_behind_the_consoles_own_group_is_not_missed() {
    let world = UnifiWorld::new().await;
    world.console.twin().switch(|switches| {
        switches.hides_single_doors = true;
        switches.has_pagination = false;
    });
    let account = world.account();
    let request = request(&world, &account);
    apply(&world, &account, &request).await.unwrap();
    let calls = world.console.calls();
    apply(&world, &account, &request).await.unwrap();
    let lines = world.console.lines();
    assert!(lines[calls..].iter().all(|line| line.starts_with("GET")), "nothing to change: {lines:?}");
    let found = survey(&world, &account, std::slice::from_ref(&request.target)).await;
    assert_eq!(found.iter().map(|right| right.origin).collect::<Vec<_>>(), [Origin::Ledger]);
    world.finish().await;
}

#[tokio::test]
async fn another_console_at_the_same_host_says_nothing_about_what_is_missing() {
    let world = UnifiWorld::new().await;
    let account = world.account();
    let request = request(&world, &account);
    apply(&world, &account, &request).await.unwrap();
    for door in world.console.twin().doors() {
        world.console.twin().remove(&door.id);
    }
    let read: Result<Vec<Vec<Right>>, ApplyError> =
        world.provider().survey(&account, std::slice::from_ref(&request.target)).try_collect().await;
    let Err(ApplyError::Provider(error)) = read else { panic!("{read:?}") };
    assert_eq!(error.kind, ErrorKind::Malformed);
    world.finish().await;
}
