//! A person who comes for good is a user. Pure part: who is one, and how users and policies are known again.

use domain::names::PersonName;
use domain::{Timestamp, Window, WorkspaceId};
use door_adapter::{Person, Target};

use crate::vendor::wire::{NewPolicy, NewUser, Policy, User};
use crate::visit;

/// No window of a booking, a pass or a membership ends then: whatever does has no end.
const OPEN_END: Timestamp = chrono::DateTime::<chrono::Utc>::from_timestamp(7_226_582_400, 0).expect("2199");

/// How the names of our policies begin.
const MARK: &str = "Latchkey";

/// What the hours of our policies are called: all of them.
pub(crate) const ALWAYS: &str = "Latchkey always";

/// Whether a window is for a user. A policy has no begin and no end, so a console could enforce neither: whatever has one of
/// them ahead is a visitor's.
pub(crate) fn is_standing(window: Window, now: Timestamp) -> bool {
    window.start() <= now && window.end() >= OPEN_END
}

/// By which we know a person's user again.
pub(crate) fn number_of(workspace: WorkspaceId, person: &Person) -> String {
    PersonName { workspace, id: person.id }.to_string()
}

/// Whom of the workspace a user stands for.
pub(crate) fn person_of(user: &User, workspace: WorkspaceId) -> Option<domain::PersonId> {
    let name: PersonName = user.employee_number.parse().ok()?;
    (name.workspace == workspace).then_some(name.id)
}

/// The user that a person should have.
pub(crate) fn wanted_user(workspace: WorkspaceId, person: &Person) -> NewUser {
    let (first_name, last_name) = visit::names(person);
    NewUser {
        first_name,
        last_name,
        user_email: visit::email(person),
        employee_number: number_of(workspace, person),
    }
}

/// Whether the user is as wanted.
pub(crate) fn is_met(wanted: &NewUser, user: &User) -> bool {
    (&user.first_name, &user.last_name, &user.user_email, &user.employee_number)
        == (&wanted.first_name, &wanted.last_name, &wanted.user_email, &wanted.employee_number)
}

/// The policy by which users enter a target, with those hours.
pub(crate) fn wanted_policy(target: &Target, schedule_id: String) -> NewPolicy {
    let resource = visit::resource(target);
    let name = format!("{MARK} {} {}", resource.r#type, resource.id);
    NewPolicy { name, resources: vec![resource], schedule_id }
}

/// Whether a policy is the one that we keep for the target, be it changed since.
pub(crate) fn is_ours(policy: &Policy, target: &Target) -> bool {
    policy.name == wanted_policy(target, String::new()).name
}

/// Whether a policy is one that we keep, for whatever target.
pub(crate) fn is_any_of_ours(policy: &Policy) -> bool {
    ["door", "door_group"].iter().any(|kind| policy.name.starts_with(&format!("{MARK} {kind} ")))
}

/// Whether the policy is as wanted.
pub(crate) fn is_policy_met(wanted: &NewPolicy, policy: &Policy) -> bool {
    let places = |policy: &[crate::vendor::wire::Resource]| -> Vec<(String, String)> {
        policy.iter().map(|it| (it.r#type.clone(), it.id.clone())).collect()
    };
    policy.schedule_id == wanted.schedule_id && places(&policy.resources) == places(&wanted.resources)
}

/// What a user's right is called: the user and the policy.
pub(crate) fn right_ref(user: &str, policy: &str) -> String {
    format!("{user}/{policy}")
}

/// The user and the policy of such a right.
pub(crate) fn of_right(right_ref: &str) -> Option<(&str, &str)> {
    right_ref.split_once('/')
}

#[cfg(test)]
mod tests {
    use domain::PersonId;
    use door_adapter::TargetKind;
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn only_what_has_begun_and_has_no_end_is_for_a_user() {
        let now = at(1_000);
        let open_end = OPEN_END.timestamp();
        for (start, end, is_users) in [
            (0, open_end, true),
            (1_000, open_end + 900, true),
            (1_001, open_end, false),
            (0, open_end - 1, false),
            (0, 2_000, false),
        ] {
            let window = Window::new(at(start), at(end)).unwrap();
            assert_eq!(is_standing(window, now), is_users, "{start} to {end}");
        }
    }

    #[test]
    fn users_and_policies_are_known_again_and_others_are_not_taken_for_ours() {
        let workspace = WorkspaceId::new();
        let person = Person { id: PersonId::new(), display_name: "Ada".to_owned(), email: None };
        let wanted = wanted_user(workspace, &person);
        let mut shown = serde_json::to_value(&wanted).unwrap();
        shown["id"] = json!("u1");
        let user: User = serde_json::from_value(shown).unwrap();
        assert!(is_met(&wanted, &user));
        assert_eq!(person_of(&user, workspace), Some(person.id));
        assert_eq!(person_of(&user, WorkspaceId::new()), None);
        for number in ["", "7", "Latchkey"] {
            let other = User { employee_number: number.to_owned(), ..user.clone() };
            assert_eq!(person_of(&other, workspace), None);
            assert!(!is_met(&wanted, &other));
        }

        let target =
            |kind, id: &str| Target { kind, provider_ref: id.to_owned(), display_name: String::new() };
        let door = target(TargetKind::Lock, "d1");
        let wanted = wanted_policy(&door, "always".to_owned());
        let shown = |resources: serde_json::Value| -> Policy {
            let policy =
                json!({ "id": "p1", "name": wanted.name, "schedule_id": "always", "resources": resources });
            serde_json::from_value(policy).unwrap()
        };
        let policy = shown(json!([{ "id": "d1", "type": "door", "name": "Front" }]));
        assert!(is_policy_met(&wanted, &policy) && is_ours(&policy, &door) && is_any_of_ours(&policy));
        assert!(!is_ours(&policy, &target(TargetKind::Group, "d1")));
        let widened = shown(json!([{ "id": "d1", "type": "door" }, { "id": "d2", "type": "door" }]));
        assert!(is_ours(&widened, &door) && !is_policy_met(&wanted, &widened));
        assert!(!is_any_of_ours(&Policy { name: "Staff".to_owned(), ..policy }));
        assert_eq!(of_right(&right_ref("u1", "p1")), Some(("u1", "p1")));
        assert_eq!(of_right("v1"), None, "a visitor's");
    }
}
