//! What is found when an account is looked at.

use domain::PersonId;
use door_adapter::{AccessReason, Action, DoorControl as _, DoorProvider as _, PulseLength};
use door_adapter::{Problem, ProblemKind};
use relay_adapter::Lasting;
use relay_adapter::boards::{BOARDS, KEYS};
use sandbox::boards::{Device, Shelly, ShellyChannel};

use crate::stage::Stage;

async fn stage(password: Option<&str>) -> Stage {
    let channels = vec![ShellyChannel::of_a_door(60.0), ShellyChannel::default()];
    let password = password.map(str::to_owned);
    Stage::new(Device::Shelly(Shelly { channels, password, ..Shelly::default() }), "shelly HERE relays=2")
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boards_are_found_and_those_out_of_reach_are_named() {
    let mut stage = stage(None).await;
    let provider = stage.provider(&Lasting::default());
    stage.boards = format!("{}; shed tasmota 127.0.0.1:1", stage.boards);
    let info = provider.check(&stage.account()).await.unwrap();
    let findings: Vec<_> = info.findings.iter().map(|it| (it.kind, it.names.join(","))).collect();
    let expected = [
        ("board", "front".to_owned()),
        ("relay", "front 1,front 2,shed".to_owned()),
        ("board out of reach", "shed".to_owned()),
    ];
    assert_eq!((findings, info.account_ref.as_str()), (expected.to_vec(), ""));
    stage.twin.set_power(false);
    let problem = provider.check(&stage.account()).await.unwrap_err();
    assert_eq!((problem.kind, problem.credential), (ProblemKind::Unreachable, None), "{problem:?}");
    assert!(problem.reason.starts_with("board front: "), "{problem:?}");
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_laid_to_the_value_that_it_lies_with() {
    let mut stage = stage(Some("door-pass")).await;
    let provider = stage.provider(&Lasting::default());
    let Problem { credential, kind, .. } = provider.check(&stage.account()).await.unwrap_err();
    assert_eq!((credential, kind), (Some(KEYS), ProblemKind::Wrong));
    stage.boards = "front shelly 10.0.0.7".to_owned();
    let Problem { credential, kind, reason, .. } = provider.check(&stage.account()).await.unwrap_err();
    assert_eq!((credential, kind), (Some(BOARDS), ProblemKind::AddressRefused), "{reason}");
    stage.boards = "front toaster 10.0.0.7".to_owned();
    let Problem { credential, kind, .. } = provider.check(&stage.account()).await.unwrap_err();
    assert_eq!((credential, kind), (Some(BOARDS), ProblemKind::Wrong));
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn relays_are_listed_with_what_keeps_them_from_being_used() {
    let stage = stage(None).await;
    let provider = stage.provider(&Lasting::default());
    let listed = provider.list_targets(&stage.account()).await.unwrap();
    let shown: Vec<_> =
        listed.iter().map(|it| (it.target.provider_ref.as_str(), it.warnings.len())).collect();
    assert_eq!(shown, [("front/1", 0), ("front/2", 1)]);
    assert!(listed[1].warnings[0].contains("relay 2 is not set up for a door"), "{listed:?}");
    stage.twin.set_power(false);
    let listed = provider.list_targets(&stage.account()).await.unwrap();
    assert!(listed.iter().all(|it| it.warnings.len() == 1), "they are there all the same: {listed:?}");
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_door_says_what_it_can_and_whether_it_is_there() {
    let stage = stage(None).await;
    let provider = stage.provider(&Lasting::default());
    let doors = provider.list_doors(&stage.account()).await.unwrap();
    assert!(matches!(doors[0].abilities.pulse, Some(PulseLength::Between { .. })), "{doors:?}");
    assert!(doors[0].abilities.hold_max.is_some() && doors[1].abilities.pulse.is_none(), "{doors:?}");
    stage.twin.set_power(false);
    let door = provider.read_door(&stage.account(), "front/1").await.unwrap();
    assert_eq!((door.state.is_online, door.state.is_locked), (Some(false), None));
    let error = stage.operate(&provider, Action::Pulse(None)).await.unwrap_err();
    assert_eq!(error.code(), AccessReason::DoorOffline, "{error}");
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_has_no_access_left_is_nobody() {
    use domain::names::{GrantName, ProviderUserName};
    use domain::{GrantId, ProviderUserId, Window};
    use door_adapter::{AccessRequest, Person, Target, TargetKind, UserRequest, UserState, UserWish};

    let stage = stage(None).await;
    let provider = stage.provider(&Lasting::default());
    let account = stage.account();
    let workspace = account.integration.workspace;
    let person = Person { id: PersonId::new(), display_name: "Ada L.".to_owned(), email: None };
    let due_at = stage.after(std::time::Duration::ZERO);
    let user = UserRequest {
        user: ProviderUserName { workspace, id: ProviderUserId::new() },
        generation: 1,
        location: None,
        person: person.clone(),
        wish: UserWish::Deleted,
        includes_foreign: true,
        due_at,
    };
    let target = Target {
        kind: TargetKind::Lock,
        provider_ref: "front/1".to_owned(),
        display_name: "front 1".to_owned(),
    };
    for has_access in [true, false] {
        let until = stage.after(std::time::Duration::from_secs(3_600));
        let request = AccessRequest {
            grant: GrantName { workspace, id: GrantId::new() },
            generation: 1,
            location: None,
            target: target.clone(),
            person: person.clone(),
            is_guest: false,
            window: has_access.then(|| Window::new(due_at, until).unwrap()),
            due_at,
        };
        let mut changes = Vec::new();
        let applied = provider.apply(&account, &request, &mut changes).await.unwrap();
        assert_eq!((applied.window, applied.was_asked), (request.window, false));
        let mut conn = stage.deps.platform.acquire().await.unwrap();
        provider.record(&mut conn, &changes).await.unwrap();
        drop(conn);
        let state = provider.set_user(&account, &user).await.unwrap().state;
        assert_eq!(matches!(state, UserState::Kept(_)), has_access, "{state:?}");
        assert_eq!(matches!(state, UserState::Absent), !has_access, "{state:?}");
    }
    assert_eq!(stage.calls(), 0, "boards are not asked about people");
    stage.harness.finish().await;
}
