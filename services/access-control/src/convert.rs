//! Between messages and the model. Input is checked field by field.

mod card;
mod door;
mod door_event;
mod door_schedule;
mod listing;
mod log;
mod user;
mod way_in;

use chassis::input::{Input, InvalidInput, timestamp};
use chrono::Duration;
use domain::names::{
    DoorMappingName, DriftName, GrantName, IntegrationName, LocationName, PassProductName, PersonName,
    PlanName, ResourceName,
};
use domain::{DoorMappingId, ProviderName, Timestamp, Window, WorkspaceId};
use proto::access::v1 as pb;
use proto::access::v1::explain_access_request::Where;
use proto::workspace::v1 as workspace_pb;

use crate::app::Doors;
use crate::engine::{FailureKind, Observed, Outcome};
use crate::explain::{self, About, Explanation, Link};
use crate::model::{
    Comparison, DoorMapping, Drift, DriftKind, Grant, GrantFilter, LocationSettings, MINUTES_MAX, Person,
    PreflightCheck, Reconciled, Reconciliation, Report, Settings, Sighting, SourceKey, Subject, SubjectKey,
    SubjectKind, Target, TargetKind, Turn, TurnOutcome,
};
use crate::preflight::Stage;
use crate::sources;

pub(crate) use self::card::{card, card_wish, cards_of, given_card};
pub(crate) use self::door::{
    asked, at, door_secret, door_settings, door_view, hold, lockdown, login, new_door_settings, open,
    operation, provider_operation,
};
pub(crate) use self::door_event::{door_event, event_entry};
pub(crate) use self::door_schedule::{door_schedule, holiday, new_holidays, new_schedule, scheduled_door};
pub(crate) use self::listing::{DoorSearch, door_search, listed_door, listing, proposal, with_health};
pub(crate) use self::log::{as_listed, log_entry, log_filter, new_retention, presence, presence_search};
pub(crate) use self::user::{
    UserResult, new_policy, policy, provider_user, serving_location, user_name, user_result,
};
pub(crate) use self::way_in::{WayInResult, way_in, way_in_name, way_in_result};

/// Characters of a provider's id, and of what it calls a door.
const TARGET_CHARS_MAX: usize = 200;

fn minutes(minutes: i32) -> pbjson_types::Duration {
    pbjson_types::Duration { seconds: i64::from(minutes) * 60, nanos: 0 }
}

fn read_minutes(input: &mut Input, field: &str, duration: &pbjson_types::Duration) -> Option<i32> {
    let is_whole = duration.nanos == 0 && duration.seconds % 60 == 0;
    let minutes = i32::try_from(duration.seconds / 60).ok();
    match minutes.filter(|minutes| is_whole && (0..=MINUTES_MAX).contains(minutes)) {
        None => {
            input.refuse(field, "must be whole minutes, from 0 to a day");
            None
        }
        minutes => minutes,
    }
}

pub(crate) fn target_kind(kind: TargetKind) -> pb::DoorTargetKind {
    match kind {
        TargetKind::Group => pb::DoorTargetKind::Group,
        TargetKind::Lock => pb::DoorTargetKind::Lock,
    }
}

pub(crate) fn read_target_kind(kind: pb::DoorTargetKind) -> Option<TargetKind> {
    match kind {
        pb::DoorTargetKind::Group => Some(TargetKind::Group),
        pb::DoorTargetKind::Lock => Some(TargetKind::Lock),
        pb::DoorTargetKind::Unspecified => None,
    }
}

pub(crate) fn target(target: &Target) -> pb::DoorTarget {
    pb::DoorTarget {
        kind: target_kind(target.kind).into(),
        r#ref: target.provider_ref.clone(),
        display_name: target.display_name.clone(),
    }
}

pub(crate) fn mapping(workspace: WorkspaceId, mapping: &DoorMapping) -> pb::DoorMapping {
    pb::DoorMapping {
        name: DoorMappingName { workspace, id: mapping.id }.to_string(),
        resource: match mapping.subject.kind {
            SubjectKind::Resource => mapping.subject.name(workspace),
            SubjectKind::PassProduct | SubjectKind::Plan | SubjectKind::Location => String::new(),
        },
        subject: mapping.subject.name(workspace),
        location: LocationName { workspace, id: mapping.target.location }.to_string(),
        provider: mapping.target.provider.clone(),
        target: Some(target(&mapping.target)),
        lead: mapping.lead_minutes.map(minutes),
        lag: mapping.lag_minutes.map(minutes),
        is_active: mapping.is_active,
        ..Default::default()
    }
}

/// What doors are mapped to, and whose it is, by its name.
fn read_subject(name: &str) -> Option<(WorkspaceId, Subject)> {
    match name.split('/').nth(2)? {
        "resources" => name.parse().ok().map(|it: ResourceName| (it.workspace, Subject::Resource(it.id))),
        "passProducts" => {
            name.parse().ok().map(|it: PassProductName| (it.workspace, Subject::PassProduct(it.id)))
        }
        "plans" => name.parse().ok().map(|it: PlanName| (it.workspace, Subject::Plan(it.id))),
        "locations" => name.parse().ok().map(|it: LocationName| (it.workspace, Subject::Location(it.id))),
        _ => None,
    }
}

/// What a mapping is of: `subject`, or `resource` as it was called when there were no others.
fn mapped_subject(
    input: &mut Input,
    workspace: WorkspaceId,
    message: &pb::DoorMapping,
) -> Option<SubjectKey> {
    let (field, name) = match (message.subject.as_str(), message.resource.as_str()) {
        ("", "") => {
            input.refuse("door_mapping.subject", "must be set");
            return None;
        }
        ("", resource) => ("door_mapping.resource", resource),
        (subject, "") => ("door_mapping.subject", subject),
        (subject, resource) if subject == resource => ("door_mapping.subject", subject),
        _ => {
            input.refuse("door_mapping.resource", "must be empty, or the subject");
            return None;
        }
    };
    match read_subject(name) {
        Some((of, subject)) if of == workspace => return subject.key(),
        Some(_) => input.refuse(field, "must be of this workspace"),
        None => input.refuse(
            field,
            "must look like workspaces/{workspace}/resources/{resource}, or name a pass product, a plan or a \
             location",
        ),
    }
    None
}

/// A target of this workspace by its three fields, which stand in the request below `prefix`.
fn read_target(
    input: &mut Input,
    prefix: &str,
    workspace: WorkspaceId,
    location: &str,
    provider: &str,
    target: Option<&pb::DoorTarget>,
) -> Option<Target> {
    let field = |name: &str| format!("{prefix}{name}");
    let location: Option<LocationName> = input.parse(&field("location"), location);
    if location.is_some_and(|name| name.workspace != workspace) {
        input.refuse(&field("location"), "must be a location of this workspace");
    }
    let provider: Option<ProviderName> = input.parse(&field("provider"), provider);
    let target = input.required(&field("target"), target)?;
    let kind = read_target_kind(target.kind());
    if kind.is_none() {
        input.refuse(&field("target.kind"), "must be group or lock");
    }
    let provider_ref = input.text(&field("target.ref"), &target.r#ref, TARGET_CHARS_MAX);
    let display_name =
        input.optional_text(&field("target.display_name"), &target.display_name, TARGET_CHARS_MAX);
    Some(Target {
        location: location?.id,
        provider: provider?.to_string(),
        kind: kind?,
        provider_ref: provider_ref?,
        display_name: display_name?,
    })
}

/// A new mapping, with a new id.
pub(crate) fn new_mapping(
    workspace: WorkspaceId,
    message: Option<&pb::DoorMapping>,
) -> Result<DoorMapping, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("door_mapping", message).and_then(|message| {
        let subject = mapped_subject(&mut input, workspace, message);
        let (location, provider) = (&message.location, &message.provider);
        let target =
            read_target(&mut input, "door_mapping.", workspace, location, provider, message.target.as_ref());
        let lead = message.lead.as_ref().map(|lead| read_minutes(&mut input, "door_mapping.lead", lead));
        let lag = message.lag.as_ref().map(|lag| read_minutes(&mut input, "door_mapping.lag", lag));
        Some(DoorMapping {
            id: DoorMappingId::new(),
            subject: subject?,
            target: target?,
            lead_minutes: lead.flatten(),
            lag_minutes: lag.flatten(),
            // Until it is kept nobody has said otherwise.
            is_active: true,
        })
    });
    input.finish_with(values)
}

pub(crate) fn settings(settings: Settings) -> pb::AccessSettings {
    pb::AccessSettings {
        lead: Some(minutes(settings.lead_minutes)),
        lag: Some(minutes(settings.lag_minutes)),
    }
}

pub(crate) fn new_settings(message: Option<&pb::AccessSettings>) -> Result<Settings, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("access_settings", message).and_then(|message| {
        let lead = input.required("access_settings.lead", message.lead.as_ref());
        let lag = input.required("access_settings.lag", message.lag.as_ref());
        let lead_minutes = lead.and_then(|lead| read_minutes(&mut input, "access_settings.lead", lead));
        let lag_minutes = lag.and_then(|lag| read_minutes(&mut input, "access_settings.lag", lag));
        Some(Settings { lead_minutes: lead_minutes?, lag_minutes: lag_minutes? })
    });
    input.finish_with(values)
}

pub(crate) fn location_settings(settings: LocationSettings) -> pb::LocationAccessSettings {
    pb::LocationAccessSettings {
        lead: settings.lead_minutes.map(minutes),
        lag: settings.lag_minutes.map(minutes),
        sends_way_in: settings.sends_way_in,
    }
}

pub(crate) fn new_location_settings(
    message: Option<&pb::LocationAccessSettings>,
) -> Result<LocationSettings, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("location_access_settings", message).map(|message| {
        let mut read = |field, value: &Option<_>| {
            let value = value.as_ref();
            value.and_then(|value| {
                read_minutes(&mut input, &format!("location_access_settings.{field}"), value)
            })
        };
        LocationSettings {
            lead_minutes: read("lead", &message.lead),
            lag_minutes: read("lag", &message.lag),
            sends_way_in: message.sends_way_in,
        }
    });
    input.finish_with(values)
}

pub(crate) fn window(window: Window) -> pb::AccessWindow {
    pb::AccessWindow { start_time: Some(timestamp(window.start())), end_time: Some(timestamp(window.end())) }
}

pub(crate) fn grant_name(grant: &Grant) -> String {
    GrantName { workspace: grant.workspace, id: grant.id }.to_string()
}

pub(crate) fn grant(grant: &Grant) -> pb::Grant {
    let workspace = grant.workspace;
    let state = if grant.ledger.in_flight_until.is_some() {
        pb::GrantState::InFlight
    } else if grant.ledger.retry_at.is_some() {
        pb::GrantState::Failing
    } else {
        pb::GrantState::Settled
    };
    let observed = match grant.ledger.observed {
        Observed::Holds(held) => Some(window(held)),
        Observed::Nothing | Observed::Unknown => None,
    };
    pb::Grant {
        name: grant_name(grant),
        person: PersonName { workspace, id: grant.person }.to_string(),
        location: LocationName { workspace, id: grant.target.location }.to_string(),
        provider: grant.target.provider.clone(),
        target: Some(target(&grant.target)),
        state: state.into(),
        desired: grant.desired.map(window),
        observed,
        generation: grant.ledger.generation,
        last_error: grant.last_error.clone(),
        next_check_time: grant.next_check_at.map(timestamp),
        reason: explain::of_grant(grant).into(),
        change_time: grant.changed_at.map(timestamp),
    }
}

fn door(workspace: WorkspaceId, to: &Target) -> pb::DoorAddress {
    pb::DoorAddress {
        location: LocationName { workspace, id: to.location }.to_string(),
        provider: to.provider.clone(),
        target: Some(target(to)),
    }
}

/// `to` is `None` where no door is mapped.
pub(crate) fn explanation(
    workspace: WorkspaceId,
    to: Option<&Target>,
    grant: Option<&Grant>,
    explanation: Explanation,
    shows_details: bool,
) -> pb::DoorExplanation {
    let chain = explanation.chain.into_iter().map(|link| pb::AccessLink {
        step: link.step.into(),
        reason: link.reason.into(),
        sentence: link.sentence(),
        time: link.time.map(timestamp),
        about: match &link.about {
            Some(About::Source(source)) => sources::name(source),
            Some(About::Mapping(id)) => DoorMappingName { workspace, id: *id }.to_string(),
            None => String::new(),
        },
        detail: if shows_details { link.detail } else { String::new() },
    });
    pb::DoorExplanation {
        door: to.map(|to| door(workspace, to)),
        grant: grant.map(grant_name).unwrap_or_default(),
        decision: explanation.decision.into(),
        reason: explanation.reason.into(),
        chain: chain.collect(),
    }
}

/// A target of this workspace by its address.
fn address(input: &mut Input, field: &str, workspace: WorkspaceId, door: &pb::DoorAddress) -> Option<Target> {
    let prefix = format!("{field}.");
    read_target(input, &prefix, workspace, &door.location, &door.provider, door.target.as_ref())
}

/// What was found of a grant ahead.
pub(crate) fn finding(grant: &Grant, explanation: &Explanation, is_in_order: bool) -> pb::PreflightFinding {
    let workspace = grant.workspace;
    let decides = explanation.chain.iter().find(|link| link.reason == explanation.reason);
    let details = explanation.chain.iter().map(|link| link.detail.as_str());
    pb::PreflightFinding {
        person: PersonName { workspace, id: grant.person }.to_string(),
        door: Some(door(workspace, &grant.target)),
        grant: grant_name(grant),
        is_in_order,
        reason: explanation.reason.into(),
        sentence: decides
            .map(if is_in_order { Link::sentence } else { Link::sentence_with_advice })
            .unwrap_or_default(),
        detail: details.collect(),
    }
}

pub(crate) fn check(check: &PreflightCheck) -> pb::PreflightCheck {
    let stage = match check.stage {
        Stage::Day => pb::PreflightStage::Day,
        Stage::Hour => pb::PreflightStage::Hour,
        Stage::Minutes => pb::PreflightStage::Minutes,
    };
    pb::PreflightCheck {
        source: sources::name(&check.source),
        stage: stage.into(),
        start_time: Some(timestamp(check.starts_at)),
        check_time: Some(timestamp(check.checked_at)),
        is_in_order: check.is_in_order(),
        findings: check.findings.clone(),
    }
}

/// Which source is asked for; `None`: all of them.
pub(crate) fn source(workspace: WorkspaceId, name: &str) -> Result<Option<SourceKey>, InvalidInput> {
    let mut input = Input::new();
    let source = read_source(&mut input, workspace, name);
    input.finish()?;
    Ok(source)
}

fn read_source(input: &mut Input, workspace: WorkspaceId, name: &str) -> Option<SourceKey> {
    if name.is_empty() {
        return None;
    }
    let source = sources::of_name(name).filter(|source| source.workspace == workspace);
    if source.is_none() {
        input.refuse("source", "must be a booking of this workspace, or what else entitles people");
    }
    source
}

/// Which grants are asked for.
pub(crate) fn grant_filter(
    workspace: WorkspaceId,
    person: &str,
    door: Option<&pb::DoorAddress>,
    source: &str,
) -> Result<GrantFilter, InvalidInput> {
    let mut input = Input::new();
    let person = input.parse_optional::<PersonName>("person", person);
    if person.is_some_and(|person| person.workspace != workspace) {
        input.refuse("person", "must be a person of this workspace");
    }
    let target = door.and_then(|door| address(&mut input, "door", workspace, door));
    let source = read_source(&mut input, workspace, source);
    input.finish()?;
    Ok(GrantFilter { person: person.map(|person| person.id), target, source })
}

/// Who, at which doors, and when.
pub(crate) fn question(
    workspace: WorkspaceId,
    message: &pb::ExplainAccessRequest,
) -> Result<(PersonName, Doors, Option<Timestamp>), InvalidInput> {
    let mut input = Input::new();
    let person: Option<PersonName> = input.parse("person", &message.person);
    if person.is_some_and(|person| person.workspace != workspace) {
        input.refuse("person", "must be a person of this workspace");
    }
    let at = message.time.as_ref().map(|time| input.time("time", Some(time)));
    let doors = input.required("where", message.r#where.as_ref()).and_then(|place| match place {
        Where::Resource(name) => {
            let resource: Option<ResourceName> = input.parse("resource", name);
            if resource.is_some_and(|resource| resource.workspace != workspace) {
                input.refuse("resource", "must be a resource of this workspace");
            }
            resource.and_then(|resource| Subject::Resource(resource.id).key()).map(Doors::Of)
        }
        Where::Door(door) => address(&mut input, "door", workspace, door).map(Doors::One),
    });
    input.finish_with(person.zip(doors).map(|(person, doors)| (person, doors, at.flatten())))
}

pub(crate) fn moment(time: &pbjson_types::Timestamp) -> Option<Timestamp> {
    chrono::DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?)
}

pub(crate) fn read_window(start: &pbjson_types::Timestamp, end: &pbjson_types::Timestamp) -> Option<Window> {
    Window::new(moment(start)?, moment(end)?).ok()
}

/// A person as the workspace service tells them; `None` if they are nobody.
pub(crate) fn person(message: &workspace_pb::Person) -> Option<Person> {
    let PersonName { workspace, id } = message.name.parse().ok()?;
    Some(Person {
        workspace,
        id,
        version: message.version,
        display_name: message.display_name.clone(),
        email: message.email.clone(),
        is_active: message.status() == workspace_pb::PersonStatus::Active,
        is_removed: message.status() == workspace_pb::PersonStatus::Removed,
        is_guest: false,
        // Until it is compared with what is known of them.
        contact_version: message.version,
    })
}

/// A result of an adapter.
#[derive(Debug)]
pub(crate) struct CommandResult {
    pub grant: GrantName,
    pub generation: i64,
    pub outcome: Outcome,
    /// Empty if it went well.
    pub reason: String,
    /// Whether a link or a PIN was made, of which nobody was told yet.
    pub has_new_secret: bool,
}

pub(crate) fn command_result(message: &pb::AccessCommandCompleted) -> Option<CommandResult> {
    use pb::access_command_completed::Outcome as Told;
    let (outcome, reason, has_new_secret) = match message.outcome.as_ref()? {
        Told::Applied(applied) => {
            let window = match &applied.window {
                None => None,
                Some(w) => Some(read_window(w.start_time.as_ref()?, w.end_time.as_ref()?)?),
            };
            (Outcome::Applied(window), String::new(), applied.has_new_secret)
        }
        Told::Failed(failure) => {
            let (kind, is_unknown, retry_after) = read_failure(failure);
            (Outcome::Failed { kind, is_unknown, retry_after }, failure.reason.clone(), false)
        }
    };
    Some(CommandResult {
        grant: message.grant.parse().ok()?,
        generation: message.generation,
        outcome,
        reason,
        has_new_secret,
    })
}

/// A failure's kind, whether it may have had an effect, and how long to wait at least.
fn read_failure(failure: &pb::AccessFailure) -> (FailureKind, bool, Option<Duration>) {
    let kind = match failure.kind() {
        pb::AccessFailureKind::RateLimited => FailureKind::RateLimited,
        pb::AccessFailureKind::Unauthorized => FailureKind::Unauthorized,
        pb::AccessFailureKind::NotFound => FailureKind::NotFound,
        pb::AccessFailureKind::Rejected => FailureKind::Rejected,
        // A kind of the future: try again soon.
        pb::AccessFailureKind::Unreachable | pb::AccessFailureKind::Unspecified => FailureKind::Unreachable,
    };
    let wait = failure.retry_after.as_ref().map(|wait| Duration::seconds(wait.seconds.clamp(0, 86_400)));
    (kind, failure.outcome_unknown, wait)
}

pub(crate) fn failure_kind(kind: FailureKind) -> pb::AccessFailureKind {
    match kind {
        FailureKind::Unreachable => pb::AccessFailureKind::Unreachable,
        FailureKind::RateLimited => pb::AccessFailureKind::RateLimited,
        FailureKind::Unauthorized => pb::AccessFailureKind::Unauthorized,
        FailureKind::NotFound => pb::AccessFailureKind::NotFound,
        FailureKind::Rejected => pb::AccessFailureKind::Rejected,
    }
}

/// What an adapter says of a comparison; `None` if something is missing or is of another workspace.
pub(crate) fn reconciled(
    workspace: WorkspaceId,
    number: i64,
    message: &pb::AccountReconciled,
) -> Option<Reconciled> {
    use pb::account_reconciled::Outcome as Told;
    let account: IntegrationName = message.integration.parse().ok()?;
    if account.workspace != workspace {
        return None;
    }
    let turn = Turn {
        account,
        provider: message.provider.clone(),
        number,
        began_at: moment(message.begin_time.as_ref()?)?,
        ended_at: moment(message.end_time.as_ref()?)?,
    };
    let outcome = match message.outcome.as_ref()? {
        Told::Failed(failure) => TurnOutcome::Failed(failure.reason.clone()),
        Told::Comparison(comparison) => {
            let counts = comparison.counts?;
            let reports: Option<Vec<Option<Report>>> =
                comparison.drifts.iter().map(|drift| report(workspace, drift)).collect();
            let comparison = Comparison {
                rights: counts.rights,
                missing: counts.missing,
                changed: counts.changed,
                unwanted: counts.unwanted,
                foreign: counts.foreign,
            };
            TurnOutcome::Whole(comparison, reports?.into_iter().flatten().collect())
        }
    };
    Some(Reconciled { turn, outcome })
}

/// `Some(None)` for a kind of the future.
fn report(workspace: WorkspaceId, message: &pb::DriftReport) -> Option<Option<Report>> {
    let kind = match message.kind() {
        pb::DriftKind::Missing => DriftKind::Missing,
        pb::DriftKind::Changed => DriftKind::Changed,
        pb::DriftKind::Unwanted => DriftKind::Unwanted,
        pb::DriftKind::Foreign => DriftKind::Foreign,
        pb::DriftKind::Unspecified => return Some(None),
    };
    let target = message.target.as_ref()?;
    let target_kind = match target.kind() {
        pb::DoorTargetKind::Group => TargetKind::Group,
        pb::DoorTargetKind::Lock => TargetKind::Lock,
        pb::DoorTargetKind::Unspecified => return Some(None),
    };
    let grant = match message.grant.as_str() {
        "" => None,
        text => Some(text.parse::<GrantName>().ok().filter(|grant| grant.workspace == workspace)?.id),
    };
    let expected = match &message.expected {
        None => None,
        Some(window) => Some(read_window(window.start_time.as_ref()?, window.end_time.as_ref()?)?),
    };
    let sighting = Sighting {
        kind,
        target_kind,
        target_ref: target.r#ref.clone(),
        target_name: target.display_name.clone(),
        grant,
        person: None,
        holder: message.holder.clone(),
        provider_ref: message.provider_ref.clone(),
        expected,
        found_from: message.found_start_time.as_ref().and_then(moment),
        found_until: message.found_end_time.as_ref().and_then(moment),
    };
    Some(Some(Report { sighting, generation: message.generation }))
}

pub(crate) fn drift(workspace: WorkspaceId, drift: &Drift) -> pb::Drift {
    let sighting = &drift.sighting;
    let kind = match sighting.kind {
        DriftKind::Missing => pb::DriftKind::Missing,
        DriftKind::Changed => pb::DriftKind::Changed,
        DriftKind::Unwanted => pb::DriftKind::Unwanted,
        DriftKind::Foreign => pb::DriftKind::Foreign,
    };
    pb::Drift {
        name: DriftName { workspace, id: drift.id }.to_string(),
        kind: kind.into(),
        provider: drift.provider.clone(),
        integration: IntegrationName { workspace, id: drift.account }.to_string(),
        target: Some(pb::DoorTarget {
            kind: target_kind(sighting.target_kind).into(),
            r#ref: sighting.target_ref.clone(),
            display_name: sighting.target_name.clone(),
        }),
        grant: sighting.grant.map(|id| GrantName { workspace, id }.to_string()).unwrap_or_default(),
        person: sighting.person.map(|id| PersonName { workspace, id }.to_string()).unwrap_or_default(),
        holder: sighting.holder.clone(),
        provider_ref: sighting.provider_ref.clone(),
        expected: sighting.expected.map(window),
        found_start_time: sighting.found_from.map(timestamp),
        found_end_time: sighting.found_until.map(timestamp),
        first_seen_time: Some(timestamp(drift.first_seen_at)),
        last_seen_time: Some(timestamp(drift.last_seen_at)),
        end_time: drift.ended_at.map(timestamp),
    }
}

pub(crate) fn reconciliation(workspace: WorkspaceId, row: &Reconciliation) -> pb::Reconciliation {
    let counts = |comparison: Comparison| pb::DriftCounts {
        rights: comparison.rights,
        missing: comparison.missing,
        changed: comparison.changed,
        unwanted: comparison.unwanted,
        foreign: comparison.foreign,
    };
    pb::Reconciliation {
        integration: IntegrationName { workspace, id: row.account }.to_string(),
        provider: row.provider.clone(),
        begin_time: row.whole.map(|(began, ..)| timestamp(began)),
        end_time: row.whole.map(|(_, ended, _)| timestamp(ended)),
        counts: row.whole.map(|(.., comparison)| counts(comparison)),
        fail_time: row.failed.as_ref().map(|(at, _)| timestamp(*at)),
        failure_reason: row.failed.as_ref().map(|(_, reason)| reason.clone()).unwrap_or_default(),
    }
}
