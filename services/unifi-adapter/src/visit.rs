//! How a grant looks as a visitor, and how one is known again. Pure.

use domain::Window;
use domain::names::GrantName;
use door_adapter::{AccessRequest, Person, Target, TargetKind};

use crate::vendor::wire::{NewVisitor, Resource, Visitor};

/// How our remarks begin; the grant's name follows.
const MARK: &str = "Latchkey ";

/// Begins the names of the groups that a console makes of a visitor's single doors (UniFi Access API reference, 4.2).
const OWN_GROUP: &str = "visitor-";

/// What there is to say of visits. Closed: `Interview`, `Business`, `Cooperation`, `Others`.
const REASON: &str = "Others";

/// The grant that a visitor was made for, whatever else was added to the remarks.
pub(crate) fn grant_of(remarks: &str) -> Option<GrantName> {
    remarks.strip_prefix(MARK)?.split_whitespace().next()?.parse().ok()
}

/// The window as a console gets it: in whole seconds, outwards.
pub(crate) fn seconds(window: Window) -> (i64, i64) {
    let end = window.end();
    let has_part = end.timestamp_subsec_nanos() > 0;
    (window.start().timestamp(), end.timestamp() + i64::from(has_part))
}

/// The visitor that a request wants.
pub(crate) fn wanted(request: &AccessRequest, window: Window) -> NewVisitor {
    let (first_name, last_name) = names(&request.person);
    let (start_time, end_time) = seconds(window);
    NewVisitor {
        first_name,
        last_name,
        email: email(&request.person),
        remarks: format!("{MARK}{}", request.grant),
        visit_reason: REASON,
        start_time,
        end_time,
        resources: vec![resource(&request.target)],
    }
}

/// Empty if there is none.
pub(crate) fn email(person: &Person) -> String {
    person.email.as_ref().map(|email| email.as_str().to_owned()).unwrap_or_default()
}

/// Both are required there: who has just one name gets a last name that says where it comes from.
pub(crate) fn names(person: &Person) -> (String, String) {
    match person.display_name.trim().rsplit_once(' ') {
        Some((first, last)) => (first.trim_end().to_owned(), last.to_owned()),
        None if person.display_name.trim().is_empty() => ("Guest".to_owned(), "(Latchkey)".to_owned()),
        None => (person.display_name.trim().to_owned(), "(Latchkey)".to_owned()),
    }
}

pub(crate) fn resource(target: &Target) -> Resource {
    let kind = match target.kind {
        TargetKind::Lock => "door",
        TargetKind::Group => "door_group",
    };
    Resource { id: target.provider_ref.clone(), r#type: kind.to_owned(), name: String::new() }
}

/// Whether the visitor may enter there, as far as the console says it.
pub(crate) fn covers(visitor: &Visitor, target: &Target) -> bool {
    let wanted = resource(target);
    visitor.resources.iter().any(|it| {
        let is_it = it.id == wanted.id && it.r#type == wanted.r#type;
        is_it || (target.kind == TargetKind::Lock && it.name.starts_with(OWN_GROUP))
    })
}

/// Whether the visitor is as wanted. Remarks may have got more.
pub(crate) fn is_met(wanted: &NewVisitor, visitor: &Visitor, target: &Target) -> bool {
    !visitor.is_cancelled()
        && (visitor.start_time, visitor.end_time) == (wanted.start_time, wanted.end_time)
        && (&visitor.first_name, &visitor.last_name) == (&wanted.first_name, &wanted.last_name)
        && visitor.email == wanted.email
        && grant_of(&visitor.remarks) == grant_of(&wanted.remarks)
        && covers(visitor, target)
}

#[cfg(test)]
mod tests {
    use domain::{GrantId, PersonId, Timestamp, WorkspaceId};
    use serde_json::json;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_timestamp_millis(ms).unwrap()
    }

    fn request(name: &str) -> AccessRequest {
        AccessRequest {
            grant: GrantName { workspace: WorkspaceId::new(), id: GrantId::new() },
            generation: 1,
            location: None,
            target: Target {
                kind: TargetKind::Lock,
                provider_ref: "d1".to_owned(),
                display_name: "Front".to_owned(),
            },
            person: Person {
                id: PersonId::new(),
                display_name: name.to_owned(),
                email: Some("ada@example.org".parse().unwrap()),
            },
            is_guest: false,
            window: None,
            due_at: at(0),
        }
    }

    fn window() -> Window {
        Window::new(at(1_000), at(9_000)).unwrap()
    }

    /// As the console shows it.
    fn shown(wanted: &NewVisitor, resources: &serde_json::Value) -> Visitor {
        let mut shown = serde_json::to_value(wanted).unwrap();
        shown["id"] = json!("v1");
        shown["status"] = json!("ACTIVE");
        shown["resources"] = resources.clone();
        serde_json::from_value(shown).unwrap()
    }

    #[test]
    fn a_window_is_widened_to_whole_seconds() {
        assert_eq!(seconds(Window::new(at(1_500), at(2_001)).unwrap()), (1, 3));
        assert_eq!(seconds(Window::new(at(1_000), at(2_000)).unwrap()), (1, 2));
    }

    #[test]
    fn everybody_has_two_names_there() {
        for (name, first, last) in [
            ("Ada L.", "Ada", "L."),
            ("Augusta Ada King", "Augusta Ada", "King"),
            ("Ada", "Ada", "(Latchkey)"),
            (" ", "Guest", "(Latchkey)"),
        ] {
            let wanted = wanted(&request(name), window());
            assert_eq!((wanted.first_name.as_str(), wanted.last_name.as_str()), (first, last));
        }
    }

    #[test]
    fn a_visitor_is_known_by_its_remarks_whatever_was_added() {
        let request = request("Ada L.");
        let remarks = wanted(&request, window()).remarks;
        for remarks in [remarks.clone(), format!("{remarks}\nvegetarian"), format!("{remarks} (moved)")] {
            assert_eq!(grant_of(&remarks), Some(request.grant));
        }
        for remarks in ["", "Latchkey", "Latchkey somebody", &format!("see {remarks}")] {
            assert_eq!(grant_of(remarks), None, "{remarks}");
        }
    }

    #[test]
    fn a_single_door_may_stand_behind_the_group_that_the_console_made() {
        let request = request("Ada L.");
        let wanted = wanted(&request, window());
        let door = json!([{ "id": "d1", "type": "door", "name": "Front" }]);
        let own = json!([{ "id": "g9", "type": "door_group", "name": "visitor-1767200000000" }]);
        for resources in [&door, &own] {
            assert!(is_met(&wanted, &shown(&wanted, resources), &request.target));
        }
        let other =
            json!([{ "id": "d2", "type": "door", "name": "Back" }, { "id": "d1", "type": "door_group" }]);
        for resources in [&other, &json!([]), &json!(null)] {
            assert!(!is_met(&wanted, &shown(&wanted, resources), &request.target));
        }
        let group = Target { kind: TargetKind::Group, ..request.target.clone() };
        assert!(covers(&shown(&wanted, &other), &group));
        assert!(!covers(&shown(&wanted, &own), &group), "of a group it says which");
    }

    #[test]
    fn whatever_differs_is_made_good() {
        let request = request("Ada L.");
        let wanted = wanted(&request, window());
        let door = json!([{ "id": "d1", "type": "door" }]);
        let there = shown(&wanted, &door);
        let differing = [
            Visitor { start_time: 2, ..there.clone() },
            Visitor { end_time: 2, ..there.clone() },
            Visitor { first_name: "Eve".to_owned(), ..there.clone() },
            Visitor { email: String::new(), ..there.clone() },
            Visitor { remarks: "mine".to_owned(), ..there.clone() },
            Visitor { status: serde_json::from_value(json!("CANCELED")).unwrap(), ..there.clone() },
            Visitor { status: serde_json::from_value(json!(4)).unwrap(), ..there },
        ];
        for visitor in differing {
            assert!(!is_met(&wanted, &visitor, &request.target), "{visitor:?}");
        }
    }
}
