//! What this service's changes leave in the audit log.

use chassis::audit::{Author, Entry};
use chrono::SecondsFormat;
use domain::names::{
    ApiKeyName, EntitlementName, LocationName, PassName, PassProductName, PersonName, ResourceName,
    WorkspaceName,
};
use domain::{LocationId, Timestamp, WorkspaceId};

use crate::model::pass::{PassKind, PassTerms};
use crate::model::{
    ApiKey, Entitlement, Location, Pass, PassProduct, PassProductDetails, Person, Resource, Workspace,
};

pub(crate) fn workspace_created(author: &Author, new: &Workspace, now: Timestamp) -> Entry {
    author
        .changes(new.id, WorkspaceName(new.id), now)
        .field("display_name", None, Some(&new.display_name))
        .private("reply_to_email", None, new.reply_to_email.as_ref())
}

pub(crate) fn location_created(
    author: &Author,
    workspace: WorkspaceId,
    new: &Location,
    now: Timestamp,
) -> Entry {
    author
        .changes(workspace, LocationName { workspace, id: new.id }, now)
        .field("display_name", None, Some(&new.display_name))
        .field("time_zone", None, Some(new.time_zone))
        .field("country", None, Some(&new.country))
        .field("address", None, Some(&new.address).filter(|address| !address.is_empty()))
}

pub(crate) fn resource_created(
    author: &Author,
    workspace: WorkspaceId,
    new: &Resource,
    now: Timestamp,
) -> Entry {
    author
        .changes(workspace, ResourceName { workspace, id: new.id }, now)
        .field("location", None, Some(LocationName { workspace, id: new.location }))
        .field("display_name", None, Some(&new.display_name))
}

/// A person as they were, if they were known, and as they are.
pub(crate) fn person(
    author: &Author,
    workspace: WorkspaceId,
    before: Option<&Person>,
    after: &Person,
    now: Timestamp,
) -> Entry {
    let locations = |person: &Person| locations(workspace, &person.locations);
    author
        .changes(workspace, PersonName { workspace, id: after.id }, now)
        .field("role", before.map(|person| person.role), Some(after.role))
        .field("locations", before.and_then(locations), locations(after))
        .field("status", before.map(|person| person.status), Some(after.status))
        .private("display_name", before.map(|person| &person.display_name), Some(&after.display_name))
        .private("email", before.and_then(|person| person.email.as_ref()), after.email.as_ref())
        .private("phone", before.and_then(|person| person.phone.as_ref()), after.phone.as_ref())
        .private("country", before.and_then(|person| person.country.as_ref()), after.country.as_ref())
}

pub(crate) fn entitlement_given(author: &Author, given: &Entitlement, now: Timestamp) -> Entry {
    let (workspace, door) = (given.workspace, &given.door);
    author
        .changes(workspace, EntitlementName { workspace, id: given.id }, now)
        .field("person", None, Some(PersonName { workspace, id: given.person }))
        .field("location", None, Some(LocationName { workspace, id: door.location }))
        .field("provider", None, Some(&door.provider))
        .field("target.kind", None, Some(door.kind))
        .field("target.ref", None, Some(&door.provider_ref))
        .field("start_time", None, Some(moment(given.starts_at)))
        .field("end_time", None, given.ends_at.map(moment))
        // Often about the person.
        .private("reason", None, Some(&given.reason))
}

pub(crate) fn entitlement_ended(author: &Author, ended: &Entitlement, now: Timestamp) -> Entry {
    let workspace = ended.workspace;
    author.changes(workspace, EntitlementName { workspace, id: ended.id }, now).field(
        "ended_time",
        None,
        ended.ended_at.map(moment),
    )
}

/// A product as it was, if there was one, and as it is.
pub(crate) fn pass_product(
    author: &Author,
    before: Option<&PassProduct>,
    after: &PassProduct,
    now: Timestamp,
) -> Entry {
    let workspace = after.workspace;
    let location = LocationName { workspace, id: after.location };
    let (was, is) = (before.map(|product| &product.details), &after.details);
    let uses = |terms: &PassTerms| match terms.kind {
        PassKind::Time => None,
        PassKind::Day { uses } => Some(uses),
    };
    let hours = |details: Option<&PassProductDetails>| details.and_then(|it| it.terms.weekly_hours.clone());
    author
        .changes(workspace, PassProductName { workspace, id: after.id }, now)
        .field("location", before.map(|_| location), Some(location))
        .field("display_name", was.map(|it| &it.display_name), Some(&is.display_name))
        .field("description", was.map(|it| &it.description), Some(&is.description))
        .field("terms.uses", was.and_then(|it| uses(&it.terms)), uses(&is.terms))
        .field("terms.validity_days", was.map(|it| it.terms.validity_days), Some(is.terms.validity_days))
        .field("terms.weekly_hours", hours(was), hours(Some(is)))
        .field("disabled", before.map(|product| product.is_disabled), Some(after.is_disabled))
}

pub(crate) fn pass_issued(author: &Author, issued: &Pass, now: Timestamp) -> Entry {
    let workspace = issued.workspace;
    author
        .changes(workspace, PassName { workspace, id: issued.id }, now)
        .field("product", None, Some(PassProductName { workspace, id: issued.product }))
        .field("person", None, Some(PersonName { workspace, id: issued.person }))
        .field("start_time", None, Some(moment(issued.window.start())))
        .field("end_time", None, Some(moment(issued.window.end())))
}

pub(crate) fn pass_cancelled(author: &Author, cancelled: &Pass, now: Timestamp) -> Entry {
    let workspace = cancelled.workspace;
    author
        .changes(workspace, PassName { workspace, id: cancelled.id }, now)
        .field("cancel_time", None, cancelled.cancelled_at.map(moment))
        // Often about the person.
        .private("cancel_reason", None, Some(&cancelled.cancel_reason).filter(|reason| !reason.is_empty()))
}

pub(crate) fn api_key_created(author: &Author, new: &ApiKey, now: Timestamp) -> Entry {
    author
        .changes(new.workspace, ApiKeyName { workspace: new.workspace, id: new.id }, now)
        .field("display_name", None, Some(&new.display_name))
        .field("role", None, Some(new.role))
        .field("locations", None, locations(new.workspace, &new.locations))
        .field("methods", None, listed(&new.methods))
        .field("expire_time", None, new.expires_at.map(moment))
        .secret("text", false, true)
}

pub(crate) fn api_key_revoked(author: &Author, key: &ApiKey, now: Timestamp) -> Entry {
    author.changes(key.workspace, ApiKeyName { workspace: key.workspace, id: key.id }, now).field(
        "revoke_time",
        None,
        key.revoked_at.map(moment),
    )
}

fn locations(workspace: WorkspaceId, ids: &[LocationId]) -> Option<String> {
    listed(&ids.iter().map(|&id| LocationName { workspace, id }.to_string()).collect::<Vec<_>>())
}

fn listed(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn moment(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
