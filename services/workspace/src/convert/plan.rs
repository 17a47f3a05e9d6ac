//! Plans as messages.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::WorkspaceId;
use domain::names::{LocationName, PlanName};
use pbjson_types::FieldMask;
use proto::membership::v1 as pb;

use super::{DISPLAY_NAME_CHARS_MAX, location_of};
use crate::model::plan::{GRACE_DAYS_MAX, SHARED_LOCATIONS_MAX};
use crate::model::{Plan, PlanDetails, Terms};

pub(crate) fn plan(plan: &Plan) -> pb::Plan {
    let workspace = plan.workspace;
    pb::Plan {
        name: PlanName { workspace, id: plan.id }.to_string(),
        display_name: plan.display_name.clone(),
        terms: Some(terms(workspace, &plan.terms)),
        disable_time: plan.disabled_at.map(timestamp),
        version: plan.version,
        create_time: Some(timestamp(plan.created_at)),
    }
}

pub(super) fn terms(workspace: WorkspaceId, terms: &Terms) -> pb::PlanTerms {
    let location = |id| LocationName { workspace, id }.to_string();
    pb::PlanTerms {
        location: location(terms.location),
        shared_locations: terms.shared_locations.iter().copied().map(location).collect(),
        weekly_hours: terms.weekly_hours.as_ref().map(chassis::weekly_hours::message),
        grace_days: terms.grace_days,
    }
}

pub(crate) fn new_plan(
    workspace: WorkspaceId,
    message: Option<&pb::Plan>,
) -> Result<PlanDetails, InvalidInput> {
    let mut input = Input::new();
    let details = input.required("plan", message).and_then(|message| details(&mut input, workspace, message));
    input.finish_with(details)
}

/// What an update makes of a plan: what its mask names, or what is set.
pub(crate) fn amended_plan(
    before: &Plan,
    wanted: &pb::Plan,
    mask: Option<&FieldMask>,
) -> Result<PlanDetails, InvalidInput> {
    let mut input = Input::new();
    let paths = mask.map(|mask| mask.paths.as_slice()).unwrap_or_default();
    let (mut has_name, mut has_terms) = (!wanted.display_name.is_empty(), wanted.terms.is_some());
    if !paths.is_empty() {
        (has_name, has_terms) = (false, false);
        for path in paths {
            match path.as_str() {
                "display_name" => has_name = true,
                "terms" => has_terms = true,
                other => input.refuse(
                    "update_mask",
                    format_args!("has {other:?}; display_name and terms can be updated"),
                ),
            }
        }
    }
    let mut merged = plan(before);
    if has_name {
        merged.display_name.clone_from(&wanted.display_name);
    }
    if has_terms {
        merged.terms.clone_from(&wanted.terms);
    }
    let details = details(&mut input, before.workspace, &merged);
    input.finish_with(details)
}

fn details(input: &mut Input, workspace: WorkspaceId, message: &pb::Plan) -> Option<PlanDetails> {
    let display_name = input.text("plan.display_name", &message.display_name, DISPLAY_NAME_CHARS_MAX);
    let terms = input
        .required("plan.terms", message.terms.as_ref())
        .and_then(|message| read_terms(input, workspace, message));
    Some(PlanDetails { display_name: display_name?, terms: terms? })
}

fn read_terms(input: &mut Input, workspace: WorkspaceId, message: &pb::PlanTerms) -> Option<Terms> {
    let location = location_of(input, "plan.terms.location", &message.location, workspace);
    let shared_field = "plan.terms.shared_locations";
    if message.shared_locations.len() > SHARED_LOCATIONS_MAX {
        input.refuse(shared_field, format_args!("must be at most {SHARED_LOCATIONS_MAX}"));
    }
    let mut shared_locations = Vec::new();
    for name in message.shared_locations.iter().take(SHARED_LOCATIONS_MAX) {
        match location_of(input, shared_field, name, workspace) {
            Some(id) if Some(id) != location && !shared_locations.contains(&id) => shared_locations.push(id),
            _ => {}
        }
    }
    let hours = message.weekly_hours.as_ref();
    let weekly_hours =
        hours.and_then(|hours| chassis::weekly_hours::read(input, "plan.terms.weekly_hours", hours));
    if !(0..=GRACE_DAYS_MAX).contains(&message.grace_days) {
        input.refuse("plan.terms.grace_days", format_args!("must be from 0 to {GRACE_DAYS_MAX}"));
    }
    Some(Terms { location: location?, shared_locations, weekly_hours, grace_days: message.grace_days })
}
