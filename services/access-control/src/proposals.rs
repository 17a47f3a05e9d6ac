//! Which of a provider's doors may belong to what, by what both are called. Pure.

use std::collections::HashSet;

use crate::model::{ListedDoor, SubjectKey, TargetKind};

/// For each subject that is not mapped yet the door that is called as it is: a lock rather than a group, for it
/// opens nothing else. If none is, the only one whose name has all of its words, or the other way round. Where two
/// are as good, neither is proposed.
pub(crate) fn propose<'a>(
    subjects: &[(SubjectKey, String)],
    mapped: &HashSet<SubjectKey>,
    doors: &'a [ListedDoor],
) -> Vec<(SubjectKey, &'a ListedDoor)> {
    let called: Vec<Called<'_>> = doors.iter().map(|door| (words(&door.display_name), door)).collect();
    let unmapped = subjects.iter().filter(|(subject, _)| !mapped.contains(subject));
    unmapped.filter_map(|(subject, name)| Some((*subject, best(&words(name), &called)?))).collect()
}

/// A door with the words of its name.
type Called<'a> = (Vec<String>, &'a ListedDoor);

fn best<'a>(name: &[String], called: &[Called<'a>]) -> Option<&'a ListedDoor> {
    let is_part = |part: &[String], of: &[String]| !part.is_empty() && part.iter().all(|it| of.contains(it));
    let is_same = |other: &[String]| !name.is_empty() && name == other;
    let is_near = |other: &[String]| is_part(name, other) || is_part(other, name) && !name.is_empty();
    let kinds = [TargetKind::Lock, TargetKind::Group];
    let same = kinds.into_iter().find_map(|kind| only(called, kind, is_same));
    same.or_else(|| kinds.into_iter().find_map(|kind| only(called, kind, is_near)))
}

/// The one of that kind, if there is no other.
fn only<'a>(
    called: &[Called<'a>],
    kind: TargetKind,
    is_it: impl Fn(&[String]) -> bool,
) -> Option<&'a ListedDoor> {
    let mut found = called.iter().filter(|(words, door)| door.kind == kind && is_it(words));
    let (_, door) = found.next()?;
    found.next().is_none().then_some(*door)
}

/// Lower case, without punctuation.
fn words(name: &str) -> Vec<String> {
    let parts = name.split(|letter: char| !letter.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::SubjectKind;

    fn subject(number: u8) -> SubjectKey {
        SubjectKey { kind: SubjectKind::Resource, id: Uuid::from_bytes([number; 16]) }
    }

    fn door(kind: TargetKind, name: &str) -> ListedDoor {
        ListedDoor { kind, provider_ref: name.into(), display_name: name.into(), warnings: Vec::new() }
    }

    fn proposed(name: &str, doors: &[ListedDoor]) -> Option<String> {
        let proposals = propose(&[(subject(1), name.to_owned())], &HashSet::new(), doors);
        proposals.first().map(|(_, door)| door.display_name.clone())
    }

    #[test]
    fn what_is_called_the_same_is_proposed_whatever_the_spelling_and_locks_first() {
        let doors = [door(TargetKind::Group, "room 4"), door(TargetKind::Lock, "ROOM-4")];
        assert_eq!(proposed("Room 4", &doors).as_deref(), Some("ROOM-4"));
        assert_eq!(proposed("Room 4", &doors[..1]).as_deref(), Some("room 4"));
        assert_eq!(proposed("Room 5", &doors), None);
    }

    #[test]
    fn the_only_one_with_all_of_the_words_is_proposed_and_of_two_neither() {
        let doors = [door(TargetKind::Lock, "Bookings / Room 4"), door(TargetKind::Lock, "Room 14")];
        assert_eq!(proposed("Room 4", &doors).as_deref(), Some("Bookings / Room 4"));
        assert_eq!(
            proposed("Room 4, second floor", &[door(TargetKind::Lock, "Room 4")]).as_deref(),
            Some("Room 4")
        );
        let two = [door(TargetKind::Lock, "Room 4 left"), door(TargetKind::Lock, "Room 4 right")];
        assert_eq!(proposed("Room 4", &two), None);
        assert_eq!(proposed("--", &doors), None);
    }

    #[test]
    fn what_is_mapped_is_left_alone_and_each_subject_has_at_most_one() {
        let doors = [door(TargetKind::Lock, "Room 1"), door(TargetKind::Lock, "Room 2")];
        let subjects = [(subject(1), "Room 1".to_owned()), (subject(2), "Room 2".to_owned())];
        let mapped = HashSet::from([subject(1)]);
        let proposals = propose(&subjects, &mapped, &doors);
        assert_eq!(proposals, [(subject(2), &doors[1])]);
    }
}
