//! Points 7 to 9: pages, ranges, filters that come in pairs, searches.

use http::StatusCode;

use super::{World, ids};

#[tokio::test]
async fn lists_page_with_the_range_that_was_asked_for() {
    let world = World::start().await;
    for n in 0..12 {
        let body = serde_json::json!({ "group": { "name": format!("Group {n:02}") } });
        world.owner.post("/groups", body).await;
    }
    let first = world.owner.get("/groups").await;
    assert_eq!(first.json().as_array().unwrap().len(), 10, "ten unless asked for more");
    assert_eq!(first.header("x-collection-range"), Some("0-9/14"));
    let second = world.owner.get("/groups?offset=10&limit=10").await;
    assert_eq!(second.json().as_array().unwrap().len(), 4);
    assert_eq!(second.header("x-collection-range"), Some("10-19/14"));
    assert!(ids(&first.json()).last() < ids(&second.json()).first(), "in order of id");
    let empty = world.owner.get("/groups?query=nothing").await;
    assert_eq!((empty.header("x-collection-range"), empty.text.as_str()), (Some("*/0"), "[]"));
    let clamped = world.owner.get("/groups?limit=9999").await;
    assert_eq!(clamped.header("x-collection-range"), Some("0-249/14"));
    assert_eq!(world.owner.get("/groups?offset=20001").await.status, StatusCode::BAD_REQUEST);
    let sorted = world.owner.get("/groups?sort=-name&limit=1").await.json();
    assert_eq!(sorted[0]["name"], "Members");
    let all = ids(&world.owner.get("/groups?limit=250").await.json());
    let some = world.owner.get(&format!("/groups?ids={},{}", all[3], all[1])).await.json();
    assert_eq!(ids(&some), [all[1], all[3]]);
}

#[tokio::test]
async fn each_list_has_its_own_page_size() {
    let world = World::start().await;
    for (path, range) in [
        ("/users?limit=500", "0-99/1"),
        ("/users", "0-49/1"),
        ("/locks", "0-49/2"),
        ("/places?limit=500", "0-249/1"),
        ("/role_assignments", "0-9/1"),
    ] {
        assert_eq!(world.owner.get(path).await.header("x-collection-range"), Some(range), "{path}");
    }
}

#[tokio::test]
async fn group_locks_need_a_group() {
    let world = World::start().await;
    assert_eq!(world.owner.get("/group_locks").await.status, StatusCode::BAD_REQUEST);
    let listed = world.owner.get(&format!("/group_locks?group_id={}", world.members_group())).await;
    assert_eq!(listed.json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn pairs_of_filters_must_come_together() {
    let world = World::start().await;
    let user = world.user("ada@example.org").await;
    let row = world.grant(user, world.room_group(), "09:00", "11:00").await;
    for path in ["assignee_type=User", "assignee_id=5", "applies_to_type=Group", "applies_to_id=5"] {
        let answer = world.owner.get(&format!("/role_assignments?{path}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let group = world.room_group();
    for query in [
        format!("assignee_type=User&assignee_id={user}"),
        format!("applies_to_type=Group&applies_to_id={group}"),
        format!("user_id={user}&group_id={group}"),
        format!("ids={row}"),
        "role_id=group_basic".to_owned(),
        "query=ADA@".to_owned(),
        "scope=group".to_owned(),
    ] {
        let listed = world.owner.get(&format!("/role_assignments?{query}")).await.json();
        assert_eq!(ids(&listed), [row], "{query}");
    }
    let other = format!("/role_assignments?applies_to_type=Group&applies_to_id={}", world.members_group());
    assert_eq!(world.owner.get(&other).await.header("x-collection-range"), Some("*/0"));
}

#[tokio::test]
async fn a_query_finds_look_alikes_and_email_is_exact() {
    let world = World::start().await;
    let ada = world.user("ada@example.org").await;
    let nada = world.user("nada@example.org").await;
    let other = world.user("bob@example.org").await;
    world
        .owner
        .patch(
            &format!("/users/{other}"),
            serde_json::json!({ "user": { "notes": "friend of ada@example.org" } }),
        )
        .await;
    let found = ids(&world.owner.get("/users?query=ADA@example.org").await.json());
    assert_eq!(found, [ada, nada, other]);
    assert_eq!(ids(&world.owner.get("/users?email=ADA@example.org").await.json()), [ada]);
    let plus = world.user("ada+desk@example.org").await;
    assert_eq!(ids(&world.owner.get("/users?email=ada%2Bdesk@example.org").await.json()), [plus]);
}

#[tokio::test]
async fn a_new_user_may_be_found_late() {
    let world = World::start().await;
    world.switch(|switches| switches.search_lag_ms = 2_000);
    let ada = world.user("ada@example.org").await;
    assert_eq!(world.owner.get("/users?email=ada@example.org").await.text, "[]");
    assert_eq!(world.owner.get("/users?query=ada").await.text, "[]");
    assert_eq!(world.owner.get(&format!("/users/{ada}")).await.status, StatusCode::OK);
    world.running.clock.advance(chrono::TimeDelta::seconds(2));
    assert_eq!(ids(&world.owner.get("/users?email=ada@example.org").await.json()), [ada]);
}

#[tokio::test]
async fn users_are_listed_by_group_and_place() {
    let world = World::start().await;
    let ada = world.user("ada@example.org").await;
    world.user("bob@example.org").await;
    world.grant(ada, world.room_group(), "09:00", "11:00").await;
    let by = async |query: String| ids(&world.owner.get(&format!("/users?{query}")).await.json());
    assert_eq!(by(format!("group_id={}", world.room_group())).await, [ada]);
    assert_eq!(by(format!("place_id={}", world.created.places[0].id)).await, [ada]);
    assert_eq!(by(format!("group_id={}", world.members_group())).await, Vec::<i64>::new());
    assert_eq!(by("user_id=me".to_owned()).await, [world.created.owner.id]);
}
