//! Role assignments: who may open what, when.

use domain::{Timestamp, Window};
use kisi_adapter::vendor::wire::{GroupId, RoleAssignmentId, UserId};
use kisi_adapter::vendor::{Assignee, GROUP_BASIC, may_exist_already};
use serde_json::{Value, json};

use crate::server::{Reply, Server};

const ADA: UserId = UserId(5512);
const ROOM: GroupId = GroupId(77120);

fn window() -> Window {
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    Window::new(at("2026-12-01T09:00:00Z"), at("2026-12-01T11:00:00Z")).unwrap()
}

fn row(id: u64, user: u64, group: u64, role: &str) -> Value {
    json!({"id": id, "role_id": role, "assignee_type": "User", "assignee_id": user,
        "applies_to_type": "Group", "applies_to_id": group, "user_id": user, "group_id": group,
        "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z"})
}

#[tokio::test]
async fn a_right_is_made_with_its_window_and_without_mail() {
    let server = Server::start(|_| Reply::json(&row(7, 5512, 77120, GROUP_BASIC))).await;
    let made = server.account().create_assignment(ADA, ROOM, window().into()).await.unwrap();
    assert_eq!((made.id, made.validity), (RoleAssignmentId(7), window().into()));
    assert!(made.is_basic_of(ADA, ROOM));
    assert_eq!(
        server.requests()[0].body,
        json!({"role_assignment": {"assignee_type": "User", "assignee_id": 5512, "applies_to_type": "Group",
            "applies_to_id": 77120, "role_id": "group_basic", "notify": false,
            "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z"}})
    );
}

#[tokio::test]
async fn a_right_that_exists_already_is_told_as_such() {
    let server = Server::start(|_| Reply::error(409, &json!({"code": "000409", "error": "exists"}))).await;
    let error = server.account().create_assignment(ADA, ROOM, window().into()).await.unwrap_err();
    assert!(may_exist_already(error.vendor().unwrap()));
}

#[tokio::test]
async fn rows_that_the_filter_lets_through_by_mistake_are_not_taken_for_ours() {
    let rows = [
        row(1, 5512, 77120, GROUP_BASIC),
        row(2, 9, 77120, GROUP_BASIC),
        row(3, 5512, 8, GROUP_BASIC),
        row(4, 5512, 77120, "group_manager"),
    ];
    let server = Server::start(move |request| Reply::page(&rows, request)).await;
    let account = server.account();
    let ids = |rows: Vec<kisi_adapter::vendor::RoleAssignment>| -> Vec<u64> {
        rows.into_iter().map(|row| row.id.0).collect()
    };
    assert_eq!(ids(account.list_assignments(ADA, ROOM).await.unwrap()), [1]);
    assert_eq!(ids(account.list_group_assignments(ROOM).await.unwrap()), [1, 2, 4]);
    let of_user = account.list_user_assignments(ADA).await.unwrap();
    assert!(of_user.iter().all(|row| row.assignee == Assignee::User(ADA)));
    assert_eq!(ids(of_user), [1, 3, 4]);
    let query = &server.requests()[0].query;
    for (name, value) in [
        ("assignee_type", "User"),
        ("assignee_id", "5512"),
        ("applies_to_type", "Group"),
        ("applies_to_id", "77120"),
        ("limit", "250"),
    ] {
        assert_eq!(query[name], value);
    }
}

#[tokio::test]
async fn a_right_that_is_gone_is_absent_and_deleting_it_again_is_fine() {
    let server = Server::start(|_| Reply::error(404, &json!({"code": "000404", "error": "gone"}))).await;
    let account = server.account();
    assert_eq!(account.find_assignment(RoleAssignmentId(7)).await.unwrap(), None);
    account.delete_assignment(RoleAssignmentId(7)).await.unwrap();
    assert_eq!(server.lines(), ["GET /role_assignments/7", "DELETE /role_assignments/7"]);
}

#[tokio::test]
async fn a_right_that_may_not_be_deleted_is_an_error() {
    let server = Server::start(|_| Reply::error(403, &json!({"code": "000403", "error": "no"}))).await;
    assert!(server.account().delete_assignment(RoleAssignmentId(7)).await.is_err());
}
