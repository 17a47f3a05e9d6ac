//! What at Kisi may keep people out whom Latchkey lets in (Kisi API reference, Locks, Groups, Gotchas).

use crate::vendor::wire::{Group, Lock};

/// A group's own restrictions, each in words.
pub(crate) fn of_group(group: &Group) -> Vec<String> {
    let found = [
        (group.locks_count == 0, "the group holds no lock: it opens nothing"),
        (!group.login_enabled, "the group does not allow unlocking by app, only by card"),
        (group.geofence_restriction_enabled, "the group opens only to phones that are near by"),
        (group.reader_restriction_enabled, "the group opens only at the reader, not from afar"),
        (group.time_restriction_enabled, "the group opens only at the hours that are set at Kisi"),
        (group.primary_device_restriction_enabled, "the group opens only by a person's primary device"),
        (group.managed_device_restriction_enabled, "the group opens only by managed devices"),
        (group.tap_to_access_restriction_enabled, "the group opens only by a tap at the reader"),
    ];
    words(found)
}

/// A lock's, and those of the group that Latchkey keeps for it: someone may have changed them.
pub(crate) fn of_lock(lock: &Lock, kept: Option<&Group>) -> Vec<String> {
    let found = [
        (!lock.configured, "the lock has no hardware: it can't be unlocked"),
        (lock.geofence_restriction_enabled, "the lock opens only to phones that are near by"),
        (lock.reader_restriction_enabled, "the lock opens only at the reader, not from afar"),
        (lock.time_restriction_enabled, "the lock opens only at the hours that are set at Kisi"),
    ];
    let mut warnings = words(found);
    warnings.extend(kept.map(of_group).unwrap_or_default());
    warnings
}

fn words<const N: usize>(found: [(bool, &str); N]) -> Vec<String> {
    found.into_iter().filter(|(is_so, _)| *is_so).map(|(_, words)| words.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn group(changes: serde_json::Value) -> Group {
        let mut group = json!({ "id": 7, "name": "Members", "login_enabled": true, "locks_count": 2 });
        group.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(group).unwrap()
    }

    fn lock(changes: serde_json::Value) -> Lock {
        let mut lock = json!({ "id": 8, "name": "Door", "configured": true });
        lock.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value(lock).unwrap()
    }

    #[test]
    fn each_restriction_is_told_once_and_none_where_none_is() {
        assert!(of_group(&group(json!({}))).is_empty());
        for field in ["geofence", "reader", "time", "primary_device", "managed_device", "tap_to_access"] {
            let restricted = group(json!({ format!("{field}_restriction_enabled"): true }));
            assert_eq!(of_group(&restricted).len(), 1, "{field}");
        }
        assert!(of_group(&group(json!({ "login_enabled": false })))[0].contains("by app"));
        assert!(of_group(&group(json!({ "locks_count": 0 })))[0].contains("no lock"));
    }

    #[test]
    fn a_lock_has_its_own_and_those_of_the_group_that_is_kept_for_it() {
        let changed = group(json!({ "time_restriction_enabled": true }));
        assert!(of_lock(&lock(json!({})), None).is_empty());
        let both = of_lock(&lock(json!({ "configured": false })), Some(&changed));
        assert!(both[0].contains("no hardware") && both[1].contains("hours"), "{both:?}");
    }
}
