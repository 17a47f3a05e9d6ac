//! The commands and events of this service.

use chassis::input::timestamp;
use domain::names::{DriftName, LocationName, PersonName};
use domain::{Timestamp, WorkspaceId};
use events::Outgoing;
use events::outbox::About;
use proto::access::v1 as pb;

use crate::engine::Command;
use crate::model::{Drift, Grant, Person, PreflightCheck};
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
        location: grant.served_by.map(|id| LocationName { workspace, id }.to_string()).unwrap_or_default(),
        target: Some(convert::target(&grant.target)),
        person: Some(pb::AccessPerson {
            name: PersonName { workspace, id: grant.person }.to_string(),
            display_name: person.display_name.clone(),
            email: person.email.clone(),
        }),
        window: command.window.map(convert::window),
        due_time: Some(timestamp(command.due)),
    };
    Outgoing::access_command(&grant.target.provider, SOURCE, about(grant, now), &body)
}

/// The provider has a window.
pub(crate) fn granted(grant: &Grant, now: Timestamp) -> Outgoing {
    Outgoing::event(SOURCE, about(grant, now), &pb::AccessGranted { grant: Some(convert::grant(grant)) })
}

/// The provider has nothing any more.
pub(crate) fn revoked(grant: &Grant, now: Timestamp) -> Outgoing {
    Outgoing::event(SOURCE, about(grant, now), &pb::AccessRevoked { grant: Some(convert::grant(grant)) })
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
