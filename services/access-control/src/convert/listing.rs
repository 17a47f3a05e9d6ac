//! What providers have, and what stands between a mapping and its door.

use chassis::input::{Input, InvalidInput};
use domain::names::LocationName;
use domain::{LocationId, ProviderName, WorkspaceId};
use proto::access::v1 as pb;

use super::{moment, read_subject, read_target_kind, target_kind};
use crate::model::{Health, ListedDoor, Listing, SubjectKey, SubjectKind};

/// Subjects that are taken at once.
const SUBJECTS_MAX: usize = 500;

/// Characters of what people call a subject.
const NAME_CHARS_MAX: usize = 200;

/// `None` if something is missing, or makes no sense. Doors of a kind of the future are left out.
pub(crate) fn listing(version: i64, message: &pb::AccountDoorsListed) -> Option<Listing> {
    let door = |door: &pb::ListedDoor| {
        let target = door.target.as_ref()?;
        Some(ListedDoor {
            kind: read_target_kind(target.kind())?,
            provider_ref: target.r#ref.clone(),
            display_name: target.display_name.clone(),
            warnings: door.warnings.clone(),
        })
    };
    let (part, part_count) = match (message.part, message.part_count) {
        (0, 0) => (1, 1),
        (part, part_count) if (1..=part_count).contains(&part) => (part, part_count),
        _ => return None,
    };
    Some(Listing {
        part,
        part_count,
        account: message.integration.parse().ok()?,
        version,
        listed_at: moment(message.list_time.as_ref()?)?,
        doors: message.doors.iter().filter_map(door).collect(),
    })
}

pub(crate) fn listed_door(door: &ListedDoor) -> pb::ListedDoor {
    let target = pb::DoorTarget {
        kind: target_kind(door.kind).into(),
        r#ref: door.provider_ref.clone(),
        display_name: door.display_name.clone(),
    };
    pb::ListedDoor { target: Some(target), warnings: door.warnings.clone() }
}

/// A mapping that could be made.
pub(crate) fn proposal(
    workspace: WorkspaceId,
    provider: &str,
    location: LocationId,
    subject: SubjectKey,
    door: &ListedDoor,
) -> pb::DoorMapping {
    let pb::ListedDoor { target, warnings } = listed_door(door);
    let name = subject.name(workspace);
    pb::DoorMapping {
        resource: if subject.kind == SubjectKind::Resource { name.clone() } else { String::new() },
        subject: name,
        location: LocationName { workspace, id: location }.to_string(),
        provider: provider.to_owned(),
        target,
        warnings,
        ..Default::default()
    }
}

pub(crate) fn with_health(mapping: pb::DoorMapping, health: Health) -> pb::DoorMapping {
    pb::DoorMapping {
        is_broken: health.broken.is_some(),
        broken_reason: health.broken.unwrap_or_default(),
        warnings: health.warnings,
        ..mapping
    }
}

/// Where doors are looked for, and for what.
pub(crate) struct DoorSearch {
    pub provider: String,
    pub location: LocationId,
    /// What they may belong to, and what people call it.
    pub subjects: Vec<(SubjectKey, String)>,
}

pub(crate) fn door_search(
    workspace: WorkspaceId,
    message: &pb::ProposeDoorMappingsRequest,
) -> Result<DoorSearch, InvalidInput> {
    let mut input = Input::new();
    let provider: Option<ProviderName> = input.parse("provider", &message.provider);
    let location: Option<LocationName> = input.parse("location", &message.location);
    if location.is_some_and(|name| name.workspace != workspace) {
        input.refuse("location", "must be a location of this workspace");
    }
    if message.subjects.len() > SUBJECTS_MAX {
        input.refuse("subjects", "must be at most 500");
    }
    let mut subjects = Vec::with_capacity(message.subjects.len().min(SUBJECTS_MAX));
    for (index, named) in message.subjects.iter().take(SUBJECTS_MAX).enumerate() {
        let field = format!("subjects[{index}].display_name");
        let name = input.text(&field, &named.display_name, NAME_CHARS_MAX);
        let subject = read_subject(&named.subject).filter(|(of, _)| *of == workspace);
        match subject.and_then(|(_, subject)| subject.key()) {
            Some(key) => subjects.extend(name.map(|name| (key, name))),
            None => input.refuse(
                &format!("subjects[{index}].subject"),
                "must be what doors are mapped to, of this workspace",
            ),
        }
    }
    let values =
        (|| Some(DoorSearch { provider: provider?.to_string(), location: location?.id, subjects }))();
    input.finish_with(values)
}
