//! Who comes for good is a user; who comes for a while is a visitor; who becomes the other has access all the time.

use axum::http::Method;
use chrono::Duration;
use domain::names::GrantName;
use domain::{GrantId, PersonId, Timestamp, Window};
use door_adapter::conformance::World as _;
use door_adapter::{
    AccessRequest, Account, Applied, ApplyError, DoorProvider as _, DoorSecret, ErrorKind, Origin, Person,
    Right, TargetKind, UserRequest, UserState, UserWish,
};
use futures::TryStreamExt as _;
use sandbox::unifi::UserNow;
use sandbox::{Action, Fault, Vendor};
use secrecy::ExposeSecret as _;
use serde_json::json;

use crate::conformance::UnifiWorld;

/// What access-control tells of what has no end.
fn for_good(world: &UnifiWorld) -> Window {
    let end = Timestamp::from_timestamp(7_226_582_400 + 900, 0).unwrap();
    Window::new(world.now() - Duration::minutes(15), end).unwrap()
}

fn an_hour(world: &UnifiWorld) -> Window {
    Window::new(world.now(), world.now() + Duration::hours(1)).unwrap()
}

fn person() -> Person {
    let id = PersonId::new();
    let email = Some(format!("ada+{id}@example.org").parse().unwrap());
    Person { id, display_name: "Ada L.".to_owned(), email }
}

fn request(world: &UnifiWorld, person: &Person, number: usize, window: Option<Window>) -> AccessRequest {
    AccessRequest {
        grant: GrantName { workspace: world.integration.workspace, id: GrantId::new() },
        generation: 1,
        location: None,
        target: world.target(TargetKind::Lock, number).unwrap(),
        person: person.clone(),
        is_guest: false,
        window,
        due_at: world.now(),
    }
}

async fn apply(world: &UnifiWorld, request: &AccessRequest) -> Result<Applied, ApplyError> {
    let mut changes = Vec::new();
    let provider = world.provider();
    let result = provider.apply(&world.account(), request, &mut changes).await;
    let mut tx = world.platform().begin().await.unwrap();
    provider.record(&mut tx, &changes).await.unwrap();
    tx.commit().await.unwrap();
    result
}

fn pin(applied: &Applied) -> String {
    let Some(DoorSecret::Pin(pin)) = &applied.secret else { panic!("{applied:?}") };
    pin.expose_secret().to_owned()
}

/// The only user.
fn user(world: &UnifiWorld) -> UserNow {
    let users = world.console.twin().users();
    assert_eq!(users.len(), 1, "{users:?}");
    users.into_iter().next().unwrap()
}

async fn survey(world: &UnifiWorld, account: &Account) -> Vec<Right> {
    let targets: Vec<_> = (0..3).map(|number| world.target(TargetKind::Lock, number).unwrap()).collect();
    let read: Vec<Vec<Right>> = world.provider().survey(account, &targets).try_collect().await.unwrap();
    read.into_iter().flatten().collect()
}

async fn set(world: &UnifiWorld, person: &Person, wish: UserWish) -> Result<UserState, ErrorKind> {
    let request = UserRequest {
        user: domain::names::ProviderUserName {
            workspace: world.integration.workspace,
            id: domain::ProviderUserId::new(),
        },
        generation: 1,
        location: None,
        person: person.clone(),
        wish,
        includes_foreign: false,
        due_at: world.now(),
    };
    match world.provider().set_user(&world.account(), &request).await {
        Ok(applied) => Ok(applied.state),
        Err(ApplyError::Provider(error)) => Err(error.kind),
        Err(ApplyError::Ledger(error)) => panic!("{error}"),
    }
}

/// The operator gives the user a policy of their own for `lock-02`.
async fn give_by_hand(world: &UnifiWorld, user: &UserNow) {
    let hours = json!({ "monday": [{ "start_time": "09:00:00", "end_time": "17:00:00" }] });
    let schedule = json!({ "name": "Office", "week_schedule": hours });
    let schedule = world.console.operate(Method::POST, "/access_policies/schedules", schedule).await;
    let policy = json!({
        "name": "Staff", "schedule_id": schedule["id"], "resources": [{ "type": "door", "id": "lock-02" }],
    });
    let policy = world.console.operate(Method::POST, "/access_policies", policy).await;
    let path = format!("/users/{}/access_policies", user.id);
    let own = world.console.operate(Method::GET, &path, json!({})).await;
    let ids = own.as_array().unwrap().iter().map(|policy| policy["id"].clone());
    let ids: Vec<_> = ids.chain([policy["id"].clone()]).collect();
    world.console.operate(Method::PUT, &path, json!({ "access_policy_ids": ids })).await;
}

#[tokio::test]
async fn who_comes_for_good_is_one_user_with_one_pin_for_all_doors() {
    let world = UnifiWorld::new().await;
    let ada = person();
    let (one, other) =
        (request(&world, &ada, 0, Some(for_good(&world))), request(&world, &ada, 1, Some(for_good(&world))));
    let granted = apply(&world, &one).await.unwrap();
    assert_eq!(granted.window, one.window);
    let code = pin(&granted);
    let twin = world.console.twin();
    assert!(twin.present_pin("lock-00", &code) && !twin.present_pin("lock-01", &code));
    assert_eq!(pin(&apply(&world, &other).await.unwrap()), code, "the same, kept for this grant, too");
    assert!(twin.present_pin("lock-01", &code));
    assert_eq!(apply(&world, &other).await.unwrap().secret, None, "it was told");
    let there = user(&world);
    assert_eq!(there.policies, ["Latchkey door lock-00", "Latchkey door lock-01"]);
    assert!(there.employee_number.ends_with(&ada.id.to_string()) && there.is_active);
    assert!(twin.access_windows("lock-00").is_empty(), "no visitor");

    apply(&world, &AccessRequest { window: None, ..one }).await.unwrap();
    assert!(!twin.present_pin("lock-00", &code) && twin.present_pin("lock-01", &code));
    world.finish().await;
}

#[tokio::test]
async fn a_guest_is_a_visitor_however_long_they_may_come() {
    let world = UnifiWorld::new().await;
    let guest = AccessRequest { is_guest: true, ..request(&world, &person(), 0, Some(for_good(&world))) };
    let code = pin(&apply(&world, &guest).await.unwrap());
    let twin = world.console.twin();
    assert!(twin.present_pin("lock-00", &code) && twin.users().is_empty());
    assert_eq!(twin.access_windows("lock-00").len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn what_others_gave_a_user_is_told_and_stays() {
    let world = UnifiWorld::new().await;
    let ada = person();
    let granted = request(&world, &ada, 0, Some(for_good(&world)));
    apply(&world, &granted).await.unwrap();
    give_by_hand(&world, &user(&world)).await;
    let other = request(&world, &ada, 1, Some(for_good(&world)));
    apply(&world, &other).await.unwrap();
    let found = survey(&world, &world.account()).await;
    let at = |origin| -> Vec<&str> {
        let rights = found.iter().filter(|right| right.origin == origin);
        rights.map(|right| right.target.provider_ref.as_str()).collect()
    };
    assert_eq!((at(Origin::Ledger), at(Origin::Foreign)), (vec!["lock-00", "lock-01"], vec!["lock-02"]));
    for request in [granted, other] {
        apply(&world, &AccessRequest { window: None, ..request }).await.unwrap();
    }
    assert_eq!(user(&world).policies, ["Staff"]);
    for wish in [UserWish::Suspended, UserWish::Deleted] {
        assert!(matches!(set(&world, &ada, wish).await, Ok(UserState::Kept(_))));
    }
    assert!(user(&world).is_active);
    world.finish().await;
}

#[tokio::test]
async fn who_becomes_a_user_or_a_visitor_has_access_all_the_time() {
    let world = UnifiWorld::new().await;
    let visiting = request(&world, &person(), 0, Some(an_hour(&world)));
    let first = pin(&apply(&world, &visiting).await.unwrap());
    let staying = AccessRequest { window: Some(for_good(&world)), ..visiting.clone() };
    let lines = world.console.lines().len();
    let second = pin(&apply(&world, &staying).await.unwrap());
    let twin = world.console.twin();
    assert!(twin.present_pin("lock-00", &second) && !twin.present_pin("lock-00", &first));
    assert!(twin.access_windows("lock-00").is_empty());
    let said = world.console.lines()[lines..].to_vec();
    let let_in = said.iter().rposition(|line| line.starts_with("PUT /users")).unwrap();
    let taken = said.iter().position(|line| line.starts_with("DELETE /visitors")).unwrap();
    assert!(let_in < taken, "{said:?}");
    let lines = world.console.lines().len();
    let third = pin(&apply(&world, &visiting).await.unwrap());
    assert!(twin.present_pin("lock-00", &third) && !twin.present_pin("lock-00", &second));
    assert_eq!(user(&world).policies, [""; 0]);
    let lines = world.console.lines()[lines..].to_vec();
    let last = lines.iter().rposition(|line| line.contains("/pin_codes")).unwrap();
    assert!(lines[last..].iter().any(|line| line.contains("/access_policies")), "{lines:?}");
    world.finish().await;
}

#[tokio::test]
async fn a_pin_is_told_even_if_what_was_before_it_was_not_taken_back_at_once() {
    let world = UnifiWorld::new().await;
    let visiting = request(&world, &person(), 0, Some(an_hour(&world)));
    let staying = AccessRequest { window: Some(for_good(&world)), ..visiting.clone() };
    apply(&world, &visiting).await.unwrap();
    for (wanted, method, path) in
        [(staying, "DELETE", "/visitors/"), (visiting, "PUT", "/users/[^/]+/access_policies$")]
    {
        // More than there are tries in one call.
        let fails = Fault::on(Vendor::Unifi, Action::status(500)).request(method, path).times(20);
        world.console.sandbox.faults().add(fails).unwrap();
        apply(&world, &wanted).await.unwrap_err();
        world.console.sandbox.faults().clear();
        let code = pin(&apply(&world, &wanted).await.unwrap());
        assert!(world.console.twin().present_pin("lock-00", &code), "{path}");
    }
    world.finish().await;
}

#[tokio::test]
async fn what_a_user_had_is_taken_back_without_asking_what_the_token_may_do() {
    let world = UnifiWorld::new().await;
    let granted = request(&world, &person(), 0, Some(for_good(&world)));
    let code = pin(&apply(&world, &granted).await.unwrap());
    let fails = Fault::on(Vendor::Unifi, Action::status(500)).request("GET", "/developer/access_policies$");
    world.console.sandbox.faults().add(fails).unwrap();
    apply(&world, &AccessRequest { window: None, ..granted }).await.unwrap();
    assert!(!world.console.twin().present_pin("lock-00", &code));
    world.finish().await;
}

#[tokio::test]
async fn a_user_whose_answer_was_lost_is_found_by_the_number() {
    let world = UnifiWorld::new().await;
    for (number, path) in
        ["/users$", "/schedules$", "/access_policies$", "/pin_codes$"].into_iter().enumerate()
    {
        let ada = person();
        let request = request(&world, &ada, number % 3, Some(for_good(&world)));
        for method in ["POST", "PUT"] {
            let lost = Fault::on(Vendor::Unifi, Action::DropAfterEffect).request(method, path).times(1);
            world.console.sandbox.faults().add(lost).unwrap();
        }
        let mut granted = None;
        for _ in 0..8 {
            let applied = apply(&world, &request).await.ok();
            granted = applied.filter(|applied| applied.secret.is_some()).or(granted);
        }
        let code = granted.as_ref().map(pin);
        let users = world.console.twin().users();
        let hers: Vec<_> = users.iter().filter(|it| Some(it.email.as_str()) == email(&ada)).collect();
        assert_eq!((hers.len(), hers[0].policies.len()), (1, 1), "{path}: {hers:?}");
        let code = code.expect("it was told");
        assert!(world.console.twin().present_pin(&request.target.provider_ref, &code), "{path}");
        world.console.sandbox.faults().clear();
    }
    world.finish().await;
}

fn email(person: &Person) -> Option<&str> {
    person.email.as_ref().map(|email| email.as_str())
}

#[tokio::test]
async fn what_was_changed_by_hand_is_seen_and_what_nobody_is_meant_to_have_is_taken_back() {
    let world = UnifiWorld::new().await;
    let ada = person();
    let granted = request(&world, &ada, 0, Some(for_good(&world)));
    let other = request(&world, &person(), 1, Some(for_good(&world)));
    apply(&world, &granted).await.unwrap();
    apply(&world, &other).await.unwrap();
    let account = world.account();
    let users = world.console.twin().users();
    let hers = users.iter().find(|it| Some(it.email.as_str()) == email(&ada)).unwrap();
    // By hand she has the other one's policy in place of her own.
    let path = format!("/users/{}/access_policies", hers.id);
    let policies = world.console.operate(Method::GET, "/access_policies", json!({})).await;
    let theirs =
        policies.as_array().unwrap().iter().find(|it| it["name"] == "Latchkey door lock-01").unwrap();
    world.console.operate(Method::PUT, &path, json!({ "access_policy_ids": [theirs["id"]] })).await;
    let found = survey(&world, &account).await;
    let kept: Vec<_> = found.iter().filter(|right| right.origin == Origin::Kept).collect();
    assert_eq!((found.len(), kept.len()), (2, 1), "her own is missing: {found:?}");
    world.provider().remove(&account, kept[0]).await.unwrap();
    let ours = found.iter().find(|right| right.origin == Origin::Ledger).unwrap();
    world.provider().remove(&account, ours).await.unwrap();
    let left: Vec<Right> = survey(&world, &account).await;
    assert_eq!(left.iter().map(|right| right.origin).collect::<Vec<_>>(), [Origin::Ledger]);
    apply(&world, &granted).await.unwrap();
    assert_eq!(survey(&world, &account).await.len(), 2, "it is made good");
    world.finish().await;
}

#[tokio::test]
async fn a_user_is_retired_without_access_alone_and_taken_up_again() {
    let world = UnifiWorld::new().await;
    let ada = person();
    let granted = request(&world, &ada, 0, Some(for_good(&world)));
    assert_eq!(set(&world, &ada, UserWish::Deleted).await, Ok(UserState::Absent));
    apply(&world, &granted).await.unwrap();
    assert_eq!(set(&world, &ada, UserWish::Deleted).await, Err(ErrorKind::Conflict));
    let gone = AccessRequest { window: None, ..granted.clone() };
    for (wish, state, left) in
        [(UserWish::Suspended, UserState::Suspended, 1), (UserWish::Deleted, UserState::Deleted, 0)]
    {
        apply(&world, &gone).await.unwrap();
        assert_eq!(set(&world, &ada, wish).await, Ok(state));
        assert_eq!(world.console.twin().users().len(), left);
        let code = apply(&world, &granted).await.unwrap().secret;
        assert!(code.is_some() && user(&world).is_active);
    }
    apply(&world, &gone).await.unwrap();
    world.console.twin().switch(|switches| switches.version = "2.2.10".to_owned());
    assert!(matches!(set(&world, &ada, UserWish::Deleted).await, Ok(UserState::Kept(_))));
    assert!(!user(&world).is_active, "older consoles delete nobody");
    world.finish().await;
}

#[tokio::test]
async fn without_the_permission_for_users_all_are_visitors() {
    let world = UnifiWorld::new().await;
    let scopes = ["view:space", "edit:space", "view:visitor", "edit:visitor", "view:credential"];
    for more in [vec![], vec!["view:policy"], vec!["view:policy", "view:user", "edit:user"]] {
        world.console.permit(&[&scopes[..], &more].concat());
        let ada = person();
        let granted = request(&world, &ada, 0, Some(for_good(&world)));
        let code = pin(&apply(&world, &granted).await.unwrap());
        assert!(world.console.twin().present_pin("lock-00", &code));
        assert_eq!(world.console.twin().users(), []);
        if more.is_empty() {
            assert_eq!(survey(&world, &world.account()).await.len(), 1);
        }
        apply(&world, &AccessRequest { window: None, ..granted }).await.unwrap();
    }
    // It is taken away later.
    world.console.set_token_works(true);
    let granted = request(&world, &person(), 1, Some(for_good(&world)));
    apply(&world, &granted).await.unwrap();
    world.console.permit(&scopes);
    let revoked = AccessRequest { window: None, ..granted.clone() };
    let Err(ApplyError::Provider(error)) = apply(&world, &revoked).await else { panic!("it can't be") };
    assert_eq!(error.kind, ErrorKind::Rejected, "the token is good for all else");
    assert!(pin(&apply(&world, &granted).await.unwrap()).len() == 8, "a visitor meanwhile");
    world.console.set_token_works(true);
    apply(&world, &revoked).await.unwrap();
    assert_eq!((user(&world).policies, world.console.visits("lock-01")), (vec![], vec![]));
    world.finish().await;
}

#[tokio::test]
async fn two_integrations_at_one_console_leave_each_others_people_alone() {
    let world = UnifiWorld::new().await;
    let mut other = world.account();
    other.integration.id = domain::IntegrationId::new();
    let (provider, ada) = (world.provider(), person());
    let apply_by = async |account: &Account, request: &AccessRequest| {
        let mut changes = Vec::new();
        let applied = provider.apply(account, request, &mut changes).await.unwrap();
        let mut tx = world.platform().begin().await.unwrap();
        provider.record(&mut tx, &changes).await.unwrap();
        tx.commit().await.unwrap();
        applied
    };
    let mut pins = Vec::new();
    for (account, number) in [(&world.account(), 0), (&other, 1)] {
        for window in [for_good(&world), an_hour(&world)] {
            let applied = apply_by(account, &request(&world, &ada, number, Some(window))).await;
            pins.push((format!("lock-{number:02}"), pin(&applied)));
        }
    }
    for account in [&world.account(), &other] {
        let found = survey(&world, account).await;
        let of = |origin| found.iter().filter(|right| right.origin == origin).count();
        assert_eq!((of(Origin::Ledger), of(Origin::Kept)), (2, 0), "{found:?}");
        for right in &found {
            provider.remove(account, right).await.unwrap();
        }
    }
    for (door, pin) in pins {
        assert!(world.console.twin().present_pin(&door, &pin), "{door}");
    }
    world.finish().await;
}
