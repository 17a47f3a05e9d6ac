//! The commands and events of this service.

use chassis::audit::Author;
use chassis::input::timestamp;
use domain::names::{CardName, DriftName, LocationName, PersonName, WorkspaceName};
use domain::{PersonId, Timestamp, Window, WorkspaceId};
use events::Outgoing;
use events::outbox::About;
use proto::access::v1 as pb;

use crate::engine::{Command, Retirement, UserCommand, WayInCommand};
use crate::model::{
    Card, CardState, DoorSchedule, Drift, Grant, Holiday, Person, PreflightCheck, ProviderUser, SourceKey,
    WayIn,
};
use crate::{convert, sources};

pub(crate) const SOURCE: &str = "access-control";

fn about(grant: &Grant, now: Timestamp) -> About {
    About {
        workspace: grant.workspace,
        name: convert::grant_name(grant),
        version: grant.ledger.generation,
        time: now,
    }
}

/// A command to the grant's adapter.
pub(crate) fn command(grant: &Grant, command: Command, person: &Person, now: Timestamp) -> Outgoing {
    let workspace = grant.workspace;
    let body = pb::AccessCommand {
        grant: convert::grant_name(grant),
        generation: command.generation,
        location: convert::serving_location(workspace, grant.served_by),
        target: Some(convert::target(&grant.target)),
        person: Some(access_person(person)),
        window: command.window.map(convert::window),
        due_time: Some(timestamp(command.due)),
        is_guest: person.is_guest,
    };
    Outgoing::access_command(&grant.target.provider, SOURCE, about(grant, now), &body)
}

fn about_user(user: &ProviderUser, now: Timestamp) -> About {
    About {
        workspace: user.workspace,
        name: convert::user_name(user),
        version: user.ledger.generation,
        time: now,
    }
}

/// A command to the adapter of a user.
pub(crate) fn user_command(
    user: &ProviderUser,
    command: UserCommand,
    includes_foreign_users: bool,
    person: &Person,
    now: Timestamp,
) -> Outgoing {
    let state = match command.retirement {
        None => pb::ProviderUserState::InUse,
        Some(Retirement::Suspend) => pb::ProviderUserState::Suspended,
        Some(Retirement::Delete) => pb::ProviderUserState::Deleted,
    };
    let body = pb::UserCommand {
        provider_user: convert::user_name(user),
        generation: command.generation,
        location: convert::serving_location(user.workspace, user.served_by),
        person: Some(access_person(person)),
        state: state.into(),
        includes_foreign_users,
        due_time: Some(timestamp(command.due)),
    };
    Outgoing::user_command(&user.provider, SOURCE, about_user(user, now), &body)
}

/// A command about another way in, to the adapter of its provider.
pub(crate) fn way_in_command(
    way_in: &WayIn,
    command: WayInCommand,
    person: &Person,
    now: Timestamp,
) -> Outgoing {
    let workspace = way_in.workspace;
    let body = pb::WayInCommand {
        way_in: convert::way_in_name(way_in),
        generation: command.generation,
        location: convert::serving_location(workspace, way_in.served_by),
        target: Some(convert::target(&way_in.target)),
        person: Some(access_person(person)),
        window: command.is_wanted.then(|| convert::window(way_in.window)),
        due_time: Some(timestamp(command.due)),
    };
    Outgoing::way_in_command(&way_in.target.provider, SOURCE, about_way_in(way_in, now), &body)
}

/// Another way in is there.
pub(crate) fn way_in_ready(way_in: &WayIn, now: Timestamp) -> Outgoing {
    let body = pb::AccessWayInReady { way_in: Some(convert::way_in(way_in)), ..Default::default() };
    Outgoing::event(SOURCE, about_way_in(way_in, now), &body)
}

fn about_way_in(way_in: &WayIn, now: Timestamp) -> About {
    About {
        workspace: way_in.workspace,
        name: convert::way_in_name(way_in),
        version: way_in.ledger.generation,
        time: now,
    }
}

/// A user was suspended.
pub(crate) fn user_suspended(user: &ProviderUser, now: Timestamp) -> Outgoing {
    let body = pb::ProviderUserSuspended { provider_user: Some(convert::provider_user(user)) };
    Outgoing::event(SOURCE, about_user(user, now), &body)
}

/// A user was deleted.
pub(crate) fn user_deleted(user: &ProviderUser, now: Timestamp) -> Outgoing {
    let body = pb::ProviderUserDeleted { provider_user: Some(convert::provider_user(user)) };
    Outgoing::event(SOURCE, about_user(user, now), &body)
}

pub(crate) fn access_person(person: &Person) -> pb::AccessPerson {
    pb::AccessPerson {
        name: PersonName { workspace: person.workspace, id: person.id }.to_string(),
        display_name: person.display_name.clone(),
        email: person.email.clone(),
    }
}

/// The provider has a window.
pub(crate) fn granted(grant: &Grant, now: Timestamp) -> Outgoing {
    Outgoing::event(SOURCE, about(grant, now), &pb::AccessGranted { grant: Some(convert::grant(grant)) })
}

/// The provider has nothing any more.
pub(crate) fn revoked(grant: &Grant, now: Timestamp) -> Outgoing {
    Outgoing::event(SOURCE, about(grant, now), &pb::AccessRevoked { grant: Some(convert::grant(grant)) })
}

/// A person is to be told what lets them in.
pub(crate) fn secret_made(grant: &Grant, window: Window, source: &SourceKey, now: Timestamp) -> Outgoing {
    let body = pb::AccessSecretMade {
        grant: Some(convert::grant(grant)),
        source: sources::name(source),
        window: Some(convert::window(window)),
    };
    Outgoing::event(SOURCE, about(grant, now), &body)
}

/// A visitor was first seen at a door.
pub(crate) fn visitor_arrived(
    visit: &SourceKey,
    visitor: PersonId,
    door: pb::DoorAddress,
    arrived_at: Timestamp,
    now: Timestamp,
) -> Outgoing {
    let (workspace, visit) = (visit.workspace, sources::name(visit));
    let body = pb::VisitorArrived {
        visit: visit.clone(),
        visitor: PersonName { workspace, id: visitor }.to_string(),
        door: Some(door),
        arrive_time: Some(timestamp(arrived_at)),
    };
    // Its arrival, which there is one of.
    Outgoing::event(
        SOURCE,
        About { workspace, name: format!("{visit}/arrival"), version: 1, time: now },
        &body,
    )
}

/// A card is someone's, or is not any more.
pub(crate) fn card_changed(card: &Card, now: Timestamp) -> Outgoing {
    let name = CardName { workspace: card.workspace, id: card.id }.to_string();
    let about = About { workspace: card.workspace, name, version: card.version, time: now };
    let told = Some(convert::card(card, false));
    match card.state {
        CardState::Held => Outgoing::event(SOURCE, about, &pb::CardGiven { card: told }),
        CardState::Taken => Outgoing::event(SOURCE, about, &pb::CardTaken { card: told }),
        CardState::Lost => Outgoing::event(SOURCE, about, &pb::CardLost { card: told }),
    }
}

/// What is wanted could not be brought about.
pub(crate) fn failing(grant: &Grant, failure: pb::AccessFailure, now: Timestamp) -> Outgoing {
    let body = pb::AccessFailing { grant: Some(convert::grant(grant)), failure: Some(failure) };
    Outgoing::event(SOURCE, about(grant, now), &body)
}

/// A provider has something else than it should.
pub(crate) fn drift_found(workspace: WorkspaceId, drift: &Drift, now: Timestamp) -> Outgoing {
    let name = DriftName { workspace, id: drift.id }.to_string();
    let about = About { workspace, name, version: drift.last_turn, time: now };
    Outgoing::event(SOURCE, about, &pb::AccessDriftFound { drift: Some(convert::drift(workspace, drift)) })
}

/// A check ahead found that not everybody will be let in.
pub(crate) fn preflight_failed(check: &PreflightCheck) -> Outgoing {
    let failed = check.findings.iter().filter(|finding| !finding.is_in_order).cloned();
    let told = PreflightCheck { findings: failed.collect(), ..check.clone() };
    let about = About {
        workspace: check.source.workspace,
        // Its checks, which have an order of their own.
        name: format!("{}/preflight", sources::name(&check.source)),
        version: check.checked_at.timestamp_millis(),
        time: check.checked_at,
    };
    let body = pb::AccessPreflightFailed { check: Some(convert::check(&told)) };
    Outgoing::event(SOURCE, about, &body)
}

fn about_schedule(schedule: &DoorSchedule, version: i64, now: Timestamp) -> About {
    let name = format!("{}/doorSchedules/{}", WorkspaceName(schedule.workspace), schedule.id);
    About { workspace: schedule.workspace, name, version, time: now }
}

/// A door was given a schedule.
pub(crate) fn door_schedule_set(
    schedule: &DoorSchedule,
    version: i64,
    author: &Author,
    now: Timestamp,
) -> Outgoing {
    let door_schedule = Some(convert::door_schedule(schedule, None));
    let body = pb::DoorScheduleSet { door_schedule, actor: author.name().to_owned() };
    Outgoing::event(SOURCE, about_schedule(schedule, version, now), &body)
}

/// A door's schedule was deleted.
pub(crate) fn door_schedule_deleted(
    schedule: &DoorSchedule,
    version: i64,
    author: &Author,
    now: Timestamp,
) -> Outgoing {
    let door_schedule = Some(convert::door_schedule(schedule, None));
    let body = pb::DoorScheduleDeleted { door_schedule, actor: author.name().to_owned() };
    Outgoing::event(SOURCE, about_schedule(schedule, version, now), &body)
}

/// A location was given other holidays.
pub(crate) fn holidays_set(
    location: LocationName,
    holidays: &[Holiday],
    version: i64,
    author: &Author,
    now: Timestamp,
) -> Outgoing {
    let body = pb::HolidaysSet {
        location: location.to_string(),
        holidays: holidays.iter().map(convert::holiday).collect(),
        actor: author.name().to_owned(),
    };
    let name = format!("{location}/holidays");
    Outgoing::event(SOURCE, About { workspace: location.workspace, name, version, time: now }, &body)
}
