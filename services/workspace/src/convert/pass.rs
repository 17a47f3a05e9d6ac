//! Passes and their products.

use chassis::input::{Input, InvalidInput, timestamp};
use chassis::weekly_hours;
use chrono::{Datelike as _, NaiveDate};
use domain::names::{LocationName, PassName, PassProductName, PersonName};
use domain::{LocationId, PassProductId, PersonId, Timestamp, WorkspaceId};
use proto::workspace::v1 as pb;

use super::{DISPLAY_NAME_CHARS_MAX, location, location_of, of_workspace, person, person_of, workspace};
use crate::model::pass::{PassKind, PassTerms, USES_MAX, VALIDITY_DAYS_MAX};
use crate::model::{Pass, PassProduct, PassProductDetails, PassSnapshot, PassState};

/// Characters of what a product is said to be.
const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// From this year on passes don't begin, so that all end at a time that is taken everywhere.
const START_YEAR_MAX: i32 = 2180;

/// A new product, without its id.
#[derive(Debug)]
pub(crate) struct NewPassProduct {
    pub location: LocationId,
    pub details: PassProductDetails,
}

pub(crate) fn new_pass_product(
    workspace: WorkspaceId,
    message: Option<&pb::PassProduct>,
) -> Result<NewPassProduct, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("pass_product", message).and_then(|message| {
        let location = location_of(&mut input, "pass_product.location", &message.location, workspace);
        let details = input.nested("pass_product", pass_product_details(message));
        Some(NewPassProduct { location: location?, details: details? })
    });
    input.finish_with(values)
}

/// Details of a product; fields are named without a prefix.
pub(crate) fn pass_product_details(message: &pb::PassProduct) -> Result<PassProductDetails, InvalidInput> {
    let mut input = Input::new();
    let display_name = input.text("display_name", &message.display_name, DISPLAY_NAME_CHARS_MAX);
    let description = input.optional_text("description", &message.description, DESCRIPTION_CHARS_MAX);
    let terms =
        input.required("terms", message.terms.as_ref()).and_then(|terms| read_terms(&mut input, terms));
    let values = display_name
        .zip(description)
        .zip(terms)
        .map(|((display_name, description), terms)| PassProductDetails { display_name, description, terms });
    input.finish_with(values)
}

fn read_terms(input: &mut Input, message: &pb::PassTerms) -> Option<PassTerms> {
    let uses = u32::try_from(message.uses).ok().filter(|uses| (1..=USES_MAX).contains(uses));
    let kind = match (message.kind(), uses) {
        (pb::PassKind::Day, Some(uses)) => Some(PassKind::Day { uses }),
        (pb::PassKind::Day, None) => {
            input.refuse("terms.uses", format_args!("must be 1 to {USES_MAX} for day passes"));
            None
        }
        (pb::PassKind::Time, _) if message.uses == 0 => Some(PassKind::Time),
        (pb::PassKind::Time, _) => {
            input.refuse("terms.uses", "are for day passes alone");
            None
        }
        (pb::PassKind::Unspecified, _) => {
            input.refuse("terms.kind", "must be time or day");
            None
        }
    };
    let validity_days =
        u32::try_from(message.validity_days).ok().filter(|days| (1..=VALIDITY_DAYS_MAX).contains(days));
    if validity_days.is_none() {
        input.refuse("terms.validity_days", format_args!("must be 1 to {VALIDITY_DAYS_MAX}"));
    }
    let weekly_hours = message.weekly_hours.as_ref();
    let weekly_hours = weekly_hours.map(|hours| weekly_hours::read(input, "terms.weekly_hours", hours));
    Some(PassTerms { kind: kind?, validity_days: validity_days?, weekly_hours: weekly_hours.flatten() })
}

/// A pass to issue.
#[derive(Debug)]
pub(crate) struct NewPass {
    pub product: PassProductId,
    pub person: PersonId,
    /// `None`: today.
    pub first_day: Option<NaiveDate>,
}

pub(crate) fn new_pass(
    workspace: WorkspaceId,
    message: &pb::IssuePassRequest,
) -> Result<NewPass, InvalidInput> {
    let mut input = Input::new();
    let product = pass_product_of(&mut input, "product", &message.product, workspace);
    let person = person_of(&mut input, "person", &message.person, workspace);
    let first_day = optional_date(&mut input, "start_date", &message.start_date);
    if first_day.is_some_and(|day| day.year() >= START_YEAR_MAX) {
        input.refuse("start_date", format_args!("must be before the year {START_YEAR_MAX}"));
    }
    input.finish_with(product.zip(person).map(|(product, person)| NewPass { product, person, first_day }))
}

/// A day; an empty text is none and no problem.
pub(crate) fn optional_date(input: &mut Input, field: &str, text: &str) -> Option<NaiveDate> {
    if text.is_empty() { None } else { input.date(field, text) }
}

/// A pass product of this workspace.
pub(crate) fn pass_product_of(
    input: &mut Input,
    field: &str,
    text: &str,
    workspace: WorkspaceId,
) -> Option<PassProductId> {
    let ids = |name: PassProductName| (name.workspace, name.id);
    of_workspace(input, (field, "pass product"), text, workspace, ids)
}

pub(crate) fn pass_product(product: &PassProduct) -> pb::PassProduct {
    let workspace = product.workspace;
    pb::PassProduct {
        name: PassProductName { workspace, id: product.id }.to_string(),
        location: LocationName { workspace, id: product.location }.to_string(),
        display_name: product.details.display_name.clone(),
        description: product.details.description.clone(),
        terms: Some(terms(&product.details.terms)),
        disabled: product.is_disabled,
        version: product.version,
        create_time: Some(timestamp(product.created_at)),
        update_time: Some(timestamp(product.updated_at)),
    }
}

fn terms(terms: &PassTerms) -> pb::PassTerms {
    let (kind, uses) = match terms.kind {
        PassKind::Time => (pb::PassKind::Time, 0),
        PassKind::Day { uses } => (pb::PassKind::Day, uses),
    };
    pb::PassTerms {
        kind: kind.into(),
        uses: uses.cast_signed(),
        validity_days: terms.validity_days.cast_signed(),
        weekly_hours: terms.weekly_hours.as_ref().map(weekly_hours::message),
    }
}

/// A pass as it stands at this moment.
pub(crate) fn pass(pass: &Pass, now: Timestamp) -> pb::Pass {
    let workspace = pass.workspace;
    pb::Pass {
        name: PassName { workspace, id: pass.id }.to_string(),
        product: PassProductName { workspace, id: pass.product }.to_string(),
        person: PersonName { workspace, id: pass.person }.to_string(),
        location: LocationName { workspace, id: pass.location }.to_string(),
        terms: Some(terms(&pass.terms)),
        start_time: Some(timestamp(pass.window.start())),
        end_time: Some(timestamp(pass.window.end())),
        days: pass.used_days.iter().map(|day| pass_day(pass, *day)).collect(),
        uses_left: pass.uses_left().cast_signed(),
        state: match pass.state(now) {
            PassState::Valid => pb::PassState::Valid,
            PassState::UsedUp => pb::PassState::UsedUp,
            PassState::Expired => pb::PassState::Expired,
            PassState::Cancelled => pb::PassState::Cancelled,
        }
        .into(),
        cancel_time: pass.cancelled_at.map(timestamp),
        cancel_reason: pass.cancel_reason.clone(),
        version: pass.version,
        create_time: Some(timestamp(pass.created_at)),
        update_time: Some(timestamp(pass.updated_at)),
    }
}

fn pass_day(pass: &Pass, day: NaiveDate) -> pb::PassDay {
    let window = pass.on(day);
    pb::PassDay {
        date: day.to_string(),
        start_time: window.map(|window| timestamp(window.start())),
        end_time: window.map(|window| timestamp(window.end())),
    }
}

pub(crate) fn pass_snapshot(snapshot: &PassSnapshot) -> pb::PassSnapshot {
    let id = snapshot.pass.workspace;
    pb::PassSnapshot {
        pass: Some(pass(&snapshot.pass, snapshot.pass.updated_at)),
        product: Some(pass_product(&snapshot.product)),
        person: Some(person(id, &snapshot.person)),
        location: Some(location(id, &snapshot.location)),
        workspace: Some(workspace(&snapshot.workspace)),
    }
}
