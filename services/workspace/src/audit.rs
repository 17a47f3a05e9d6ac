//! What this service's changes leave in the audit log.

use chassis::audit::{Author, Entry};
use chrono::SecondsFormat;
use domain::names::{
    ApiKeyName, ContractName, EntitlementName, LocationName, MembershipName, PassName, PassProductName,
    PersonName, PlanName, ResourceName, TeamName, VisitName, WorkspaceName,
};
use domain::{LocationId, PersonId, Timestamp, WorkspaceId};

use crate::model::pass::{PassKind, PassTerms};
use crate::model::visit::Visit;
use crate::model::{
    ApiKey, Contract, Entitlement, Holder, Location, Membership, Pass, PassProduct, PassProductDetails,
    Person, Plan, Resource, Team, Workspace,
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

/// A visit as it was, if it was there, and as it is: who let somebody in from outside.
pub(crate) fn visit(author: &Author, before: Option<&Visit>, after: &Visit, now: Timestamp) -> Entry {
    let workspace = after.workspace;
    let entry = author.changes(workspace, VisitName { workspace, id: after.id }, now);
    let entry = entry.field("visit.state", before.map(|visit| visit.state), Some(after.state));
    if before.is_some() {
        return entry;
    }
    entry
        .field("visit.host", None, Some(PersonName { workspace, id: after.host }))
        .field("visit.location", None, Some(LocationName { workspace, id: after.location }))
        .field("visit.resource", None, after.resource.map(|id| ResourceName { workspace, id }))
        .field("visit.start_time", None, Some(moment(after.window.start())))
        .field("visit.end_time", None, Some(moment(after.window.end())))
        .private("visit.display_name", None, Some(&after.display_name))
}

/// A plan as it was, if it was there, and as it is.
pub(crate) fn plan(author: &Author, before: Option<&Plan>, after: &Plan, now: Timestamp) -> Entry {
    let workspace = after.workspace;
    let location = |plan: &Plan| LocationName { workspace, id: plan.terms.location };
    let shared = |plan: &Plan| locations(workspace, &plan.terms.shared_locations);
    author
        .changes(workspace, PlanName { workspace, id: after.id }, now)
        .field("display_name", before.map(|plan| &plan.display_name), Some(&after.display_name))
        .field("terms.location", before.map(location), Some(location(after)))
        .field("terms.shared_locations", before.and_then(shared), shared(after))
        .field("terms.grace_days", before.map(|plan| plan.terms.grace_days), Some(after.terms.grace_days))
        // Too much for a line.
        .private(
            "terms.weekly_hours",
            before.and_then(|plan| plan.terms.weekly_hours.as_ref()),
            after.terms.weekly_hours.as_ref(),
        )
        .field(
            "disable_time",
            before.and_then(|plan| plan.disabled_at).map(moment),
            after.disabled_at.map(moment),
        )
}

/// A team as it was, if it was there, and as it is.
pub(crate) fn team(author: &Author, before: Option<&Team>, after: &Team, now: Timestamp) -> Entry {
    let workspace = after.workspace;
    // Those who went and came alone: all would be too many.
    let without = |one: &[PersonId], other: &[PersonId]| {
        let names = one.iter().filter(|person| !other.contains(person));
        listed(&names.map(|&id| PersonName { workspace, id }.to_string()).collect::<Vec<_>>())
    };
    let people = before.map_or(&[][..], |team| &team.people);
    author
        .changes(workspace, TeamName { workspace, id: after.id }, now)
        .field("display_name", before.map(|team| &team.display_name), Some(&after.display_name))
        .field("people", without(people, &after.people), without(&after.people, people))
}

/// A membership as it was, if it was there, and as it is.
pub(crate) fn membership(
    author: &Author,
    before: Option<&Membership>,
    after: &Membership,
    now: Timestamp,
) -> Entry {
    let workspace = after.workspace;
    let plan = |it: &Membership| PlanName { workspace, id: it.plan };
    author
        .changes(workspace, MembershipName { workspace, id: after.id }, now)
        .field("plan", before.map(plan), Some(plan(after)))
        .field("holder", before.map(|it| holder(workspace, it.holder)), Some(holder(workspace, after.holder)))
        .field("start_time", before.map(|it| moment(it.starts_at)), Some(moment(after.starts_at)))
        .field(
            "period_end_time",
            before.map(|it| moment(it.period_ends_at)),
            Some(moment(after.period_ends_at)),
        )
        .field("state", before.map(Membership::state), Some(after.state()))
        .field(
            "is_ending",
            before.and_then(|it| it.is_ending.then_some(true)),
            after.is_ending.then_some(true),
        )
}

/// A contract as it was, if it was there, and as it is.
pub(crate) fn contract(
    author: &Author,
    before: Option<&Contract>,
    after: &Contract,
    now: Timestamp,
) -> Entry {
    let workspace = after.workspace;
    let resource = |&id: &domain::ResourceId| ResourceName { workspace, id }.to_string();
    let resources = |it: &Contract| listed(&it.resources.iter().map(resource).collect::<Vec<_>>());
    author
        .changes(workspace, ContractName { workspace, id: after.id }, now)
        .field("holder", before.map(|it| holder(workspace, it.holder)), Some(holder(workspace, after.holder)))
        .field("resources", before.and_then(resources), resources(after))
        .field("start_time", before.map(|it| moment(it.starts_at)), Some(moment(after.starts_at)))
        .field("end_time", before.and_then(|it| it.ends_at).map(moment), after.ends_at.map(moment))
        .field("ended_time", before.and_then(|it| it.ended_at).map(moment), after.ended_at.map(moment))
}

fn holder(workspace: WorkspaceId, holder: Holder) -> String {
    match holder {
        Holder::Person(id) => PersonName { workspace, id }.to_string(),
        Holder::Team(id) => TeamName { workspace, id }.to_string(),
    }
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
