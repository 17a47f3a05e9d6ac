use chrono::DateTime;
use proptest::prelude::*;

use super::super::{groups, locks, seed, users};
use super::*;

/// A change, on objects named by small numbers so that they meet.
#[derive(Debug, Clone)]
enum Change {
    AddUser(Id),
    AddGroup(Id),
    AddLock(Id),
    AddGroupLock(Id, Id),
    Grant(Id, Id),
    AddLogin(Id),
    RemoveUser(Id),
    RemoveGroup(Id),
    RemoveLock(Id),
    RemovePlace,
    /// Of whichever rows there are.
    RemoveAssignment(prop::sample::Index),
    RemoveGroupLock(prop::sample::Index),
    RemoveLogin(prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let id = || 1..5i64;
    let any = any::<prop::sample::Index>;
    prop_oneof![
        4 => id().prop_map(Change::AddUser),
        3 => id().prop_map(Change::AddGroup),
        3 => id().prop_map(Change::AddLock),
        6 => (id(), id()).prop_map(|(group, lock)| Change::AddGroupLock(group, lock)),
        8 => (id(), id()).prop_map(|(user, group)| Change::Grant(user, group)),
        3 => id().prop_map(Change::AddLogin),
        1 => id().prop_map(Change::RemoveUser),
        1 => id().prop_map(Change::RemoveGroup),
        1 => id().prop_map(Change::RemoveLock),
        1 => Just(Change::RemovePlace),
        2 => any().prop_map(Change::RemoveAssignment),
        2 => any().prop_map(Change::RemoveGroupLock),
        2 => any().prop_map(Change::RemoveLogin),
    ]
}

const ORGANIZATION: Id = 1;
const PLACE: Id = 7;

fn nth<T>(map: &BTreeMap<Id, T>, index: &prop::sample::Index) -> Option<Id> {
    (!map.is_empty()).then(|| map.keys().copied().nth(index.index(map.len()))).flatten()
}

/// Applies the change if the objects that it needs are there, as the API does.
fn apply(state: &mut State, change: &Change, new_id: Id, now: Timestamp) {
    match change {
        Change::AddUser(user) if !state.users.contains_key(user) => {
            let email = format!("User{user}@example.org");
            state.insert_user(users::new_user(*user, email, None, ORGANIZATION, now));
        }
        Change::AddGroup(id) => {
            let group = groups::new_group(10 + id, String::new(), Some(PLACE), now);
            state.groups.entry(10 + id).or_insert(group);
        }
        Change::AddLock(id) => {
            let lock = locks::new_lock(20 + id, String::new(), PLACE, now);
            state.locks.entry(20 + id).or_insert(lock);
        }
        Change::AddGroupLock(group, lock)
            if state.groups.contains_key(&(10 + group)) && state.locks.contains_key(&(20 + lock)) =>
        {
            state.insert_group_lock(GroupLockRecord {
                id: new_id,
                group_id: 10 + group,
                lock_id: 20 + lock,
                place_id: PLACE,
                created_at: now,
                updated_at: now,
            });
        }
        Change::Grant(user, group)
            if state.users.contains_key(user) && state.groups.contains_key(&(10 + group)) =>
        {
            let target = Target::Group(10 + group);
            state.insert_assignment(seed::role(new_id, *user, target, "group_basic", now));
        }
        Change::AddLogin(user) if state.users.contains_key(user) => {
            state.insert_login(seed::api_login(new_id, *user, format!("secret {new_id}"), false, now));
        }
        Change::RemoveUser(user) => state.remove_user(*user, now),
        Change::RemoveGroup(group) => state.remove_group(10 + group, now),
        Change::RemoveLock(lock) => state.remove_lock(20 + lock, now),
        Change::RemovePlace => state.remove_place(PLACE, now),
        Change::RemoveAssignment(index) => {
            nth(&state.assignments, index).and_then(|id| state.remove_assignment(id, now));
        }
        Change::RemoveGroupLock(index) => {
            nth(&state.group_locks, index).and_then(|id| state.remove_group_lock(id, now));
        }
        Change::RemoveLogin(index) => {
            nth(&state.logins, index).and_then(|id| state.remove_login(id));
        }
        _ => {}
    }
}

fn empty(now: Timestamp) -> State {
    let organization = OrganizationRecord {
        id: ORGANIZATION,
        name: "Demo".to_owned(),
        domain: "demo".to_owned(),
        time_zone: "UTC".to_owned(),
        device_logins_expire_after: 1,
        user_id: 0,
        created_at: now,
        updated_at: now,
    };
    State::new(organization, Switches::default())
}

proptest! {
    /// Whatever happens, the indexes are those that the rows give, and no row points at what is gone.
    #[test]
    fn indexes_follow_the_rows_and_nothing_dangles(changes in prop::collection::vec(change(), 0..60)) {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let mut state = empty(now);
        for (nth, change) in changes.iter().enumerate() {
            apply(&mut state, change, 100 + Id::try_from(nth).unwrap(), now);
        }
        for row in state.assignments.values() {
            prop_assert!(state.users.contains_key(&row.user_id));
            prop_assert!(state.groups.contains_key(&row.target.id()));
        }
        for row in state.group_locks.values() {
            prop_assert!(state.groups.contains_key(&row.group_id) && state.locks.contains_key(&row.lock_id));
        }
        prop_assert!(state.logins.values().all(|login| state.users.contains_key(&login.record.user_id)));

        let saved = serde_json::to_value(&state).unwrap();
        let mut loaded: State = serde_json::from_value(saved).unwrap();
        loaded.reindex();
        prop_assert_eq!(&state.index, &loaded.index);
    }
}
