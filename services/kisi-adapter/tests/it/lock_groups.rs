//! The group that Latchkey keeps for one lock.

use std::sync::{Arc, Mutex};

use kisi_adapter::vendor::wire::{GroupId, LockId, PlaceId};
use kisi_adapter::vendor::{Error, LockGroup};
use serde_json::{Value, json};

use crate::server::{Reply, Request, Server};

const WANTED: LockGroup<'static> = LockGroup {
    lock: LockId(4401),
    place: Some(PlaceId(31)),
    name: "Latchkey lock 4401",
    description: "Kept by Latchkey",
};

/// Groups and their locks, as Kisi keeps them.
#[derive(Default)]
struct Groups {
    groups: Vec<Value>,
    group_locks: Vec<Value>,
}

impl Groups {
    fn add_group(&mut self, id: u64, name: &str) -> Value {
        let group = json!({"id": id, "name": name, "place_id": 31});
        self.groups.push(group.clone());
        group
    }

    fn add_lock(&mut self, group: u64, lock: u64) -> Value {
        let id = 900 + self.group_locks.len();
        let row = json!({"id": id, "group_id": group, "lock_id": lock});
        self.group_locks.push(row.clone());
        row
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let number = |name: &str| request.query.get(name).map(|value| value.parse::<u64>().unwrap());
        match request.line.as_str() {
            "GET /groups" => {
                let lock = number("lock_id");
                let opens = |group: &Value| {
                    lock.is_none_or(|lock| {
                        self.group_locks
                            .iter()
                            .any(|row| row["group_id"] == group["id"] && row["lock_id"] == lock)
                    })
                };
                let query = request.query.get("query").map_or("", String::as_str);
                let named = |group: &Value| group["name"].as_str().unwrap().contains(query);
                let found: Vec<Value> =
                    self.groups.iter().filter(|group| opens(group) && named(group)).cloned().collect();
                Reply::page(&found, request)
            }
            "POST /groups" => {
                let name = request.body["group"]["name"].as_str().unwrap().to_owned();
                Reply::json(&self.add_group(77_120 + self.groups.len() as u64, &name))
            }
            "GET /group_locks" => {
                let group = number("group_id").unwrap();
                let held: Vec<Value> =
                    self.group_locks.iter().filter(|row| row["group_id"] == group).cloned().collect();
                Reply::page(&held, request)
            }
            "POST /group_locks" => {
                let ids = |name: &str| request.body["group_lock"][name].as_u64().unwrap();
                Reply::json(&self.add_lock(ids("group_id"), ids("lock_id")))
            }
            line => panic!("unexpected {line}"),
        }
    }
}

async fn serve(groups: Groups) -> Server {
    let groups = Arc::new(Mutex::new(groups));
    Server::start(move |request| groups.lock().unwrap().answer(request)).await
}

#[tokio::test]
async fn it_is_made_once_with_just_the_lock() {
    let server = serve(Groups::default()).await;
    let account = server.account();
    let group = account.ensure_lock_group(WANTED).await.unwrap();
    assert_eq!(group, GroupId(77_120));
    let before = server.requests().len();
    assert_eq!(account.ensure_lock_group(WANTED).await.unwrap(), group);
    let lines = server.lines();
    assert_eq!(lines[before..], ["GET /groups", "GET /group_locks"]);
    let made: Vec<_> = server.requests().into_iter().filter(|r| r.line.starts_with("POST")).collect();
    assert_eq!(
        made[0].body["group"],
        json!({"name": "Latchkey lock 4401", "description": "Kept by Latchkey", "place_id": 31,
            "login_enabled": true, "geofence_restriction_enabled": false,
            "primary_device_restriction_enabled": false, "reader_restriction_enabled": false,
            "time_restriction_enabled": false})
    );
    assert_eq!(made[1].body, json!({"group_lock": {"group_id": 77_120, "lock_id": 4401}}));
    assert_eq!(made.len(), 2);
}

#[tokio::test]
async fn one_that_was_left_half_made_is_finished() {
    let mut groups = Groups::default();
    groups.add_group(5, "Latchkey lock 44011");
    groups.add_group(7, "Latchkey lock 4401");
    groups.add_group(6, "Latchkey lock 4401");
    let server = serve(groups).await;
    assert_eq!(server.account().ensure_lock_group(WANTED).await.unwrap(), GroupId(6));
    assert_eq!(server.lines().iter().filter(|line| *line == "POST /groups").count(), 0);
}

#[tokio::test]
async fn the_operators_groups_on_the_same_lock_are_left_alone() {
    let mut groups = Groups::default();
    groups.add_group(5, "Members");
    groups.add_lock(5, 4401);
    let server = serve(groups).await;
    assert_eq!(server.account().ensure_lock_group(WANTED).await.unwrap(), GroupId(77_121));
}

#[tokio::test]
async fn one_that_opens_other_locks_too_is_not_used() {
    let mut groups = Groups::default();
    groups.add_group(5, "Latchkey lock 4401");
    groups.add_lock(5, 4401);
    groups.add_lock(5, 4402);
    let server = serve(groups).await;
    let error = server.account().ensure_lock_group(WANTED).await.unwrap_err();
    let Error::GroupOpensOtherLocks { group, others } = error else { panic!("{error}") };
    assert_eq!((group, others), (GroupId(5), vec![LockId(4402)]));
}

#[tokio::test]
async fn a_lock_that_someone_else_added_in_between_is_fine() {
    for status in [409, 422] {
        let mut groups = Groups::default();
        groups.add_group(5, "Latchkey lock 4401");
        let groups = Mutex::new(groups);
        let server = Server::start(move |request| {
            let mut groups = groups.lock().unwrap();
            let reply = groups.answer(request);
            match request.line.as_str() {
                "POST /group_locks" => Reply::error(status, &json!({"errors": {"lock": ["is taken"]}})),
                _ => reply,
            }
        })
        .await;
        assert_eq!(server.account().ensure_lock_group(WANTED).await.unwrap(), GroupId(5));
    }
}

#[tokio::test]
async fn a_lock_that_kisi_refuses_is_an_error() {
    let groups = Mutex::new(Groups::default());
    let server = Server::start(move |request| match request.line.as_str() {
        "POST /group_locks" => Reply::error(422, &json!({"errors": {"lock": ["is of another place"]}})),
        _ => groups.lock().unwrap().answer(request),
    })
    .await;
    let error = server.account().ensure_lock_group(WANTED).await.unwrap_err();
    assert_eq!(error.vendor().unwrap().message(), Some("lock: is of another place"));
}
