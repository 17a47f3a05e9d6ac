//! The events of this service.

use chassis::input::timestamp;
use chrono::NaiveDate;
use domain::names::{
    BookingName, ContractName, EntitlementName, MembershipName, PassName, PersonName, VisitName,
};
use domain::{PersonId, Timestamp};
use events::Outgoing;
use events::outbox::About;
use proto::membership::v1 as membership_pb;
use proto::workspace::v1 as pb;

use crate::convert;
use crate::model::visit::{Visit, VisitSnapshot, VisitState};
use crate::model::{
    BookingState, ContractSnapshot, Entitlement, MembershipSnapshot, PassSnapshot, Person, Snapshot,
};

pub(crate) const SOURCE: &str = "workspace";

/// What happened to a booking.
#[derive(Debug, Clone, Copy)]
pub(crate) enum BookingFact {
    Created,
    Confirmed,
    Rescheduled { previous: domain::Window },
    Cancelled { previous: BookingState },
    Failed { previous: BookingState },
    Completed,
    AttendeeAdded(PersonId),
    AttendeeRemoved(PersonId),
    Retold,
}

/// The event of a booking's fact; `after` is the booking as it is now.
pub(crate) fn booking(fact: BookingFact, after: &Snapshot) -> Outgoing {
    let workspace = after.booking.workspace;
    let about = About {
        workspace,
        name: BookingName { workspace, id: after.booking.id }.to_string(),
        version: after.booking.version,
        time: after.booking.updated_at,
    };
    let snapshot = Some(convert::snapshot(after));
    match fact {
        BookingFact::Created => Outgoing::event(SOURCE, about, &pb::BookingCreated { snapshot }),
        BookingFact::Confirmed => Outgoing::event(SOURCE, about, &pb::BookingConfirmed { snapshot }),
        BookingFact::Rescheduled { previous } => Outgoing::event(
            SOURCE,
            about,
            &pb::BookingRescheduled {
                snapshot,
                previous_start_time: Some(chassis::input::timestamp(previous.start())),
                previous_end_time: Some(chassis::input::timestamp(previous.end())),
            },
        ),
        BookingFact::Cancelled { previous } => Outgoing::event(
            SOURCE,
            about,
            &pb::BookingCancelled { snapshot, previous_state: convert::booking_state(previous).into() },
        ),
        BookingFact::Failed { previous } => Outgoing::event(
            SOURCE,
            about,
            &pb::BookingFailed { snapshot, previous_state: convert::booking_state(previous).into() },
        ),
        BookingFact::Retold => Outgoing::event(SOURCE, about, &pb::BookingRetold { snapshot }),
        BookingFact::Completed => Outgoing::event(SOURCE, about, &pb::BookingCompleted { snapshot }),
        BookingFact::AttendeeAdded(id) => {
            let person = PersonName { workspace, id }.to_string();
            Outgoing::event(SOURCE, about, &pb::BookingAttendeeAdded { snapshot, person })
        }
        BookingFact::AttendeeRemoved(id) => {
            let person = PersonName { workspace, id }.to_string();
            Outgoing::event(SOURCE, about, &pb::BookingAttendeeRemoved { snapshot, person })
        }
    }
}

/// A person became known, or changed.
pub(crate) fn person(workspace: domain::WorkspaceId, after: &Person, now: Timestamp) -> Outgoing {
    let about = About {
        workspace,
        name: PersonName { workspace, id: after.id }.to_string(),
        version: after.version,
        time: now,
    };
    let person = Some(convert::person(workspace, after));
    if after.version == 1 {
        Outgoing::event(SOURCE, about, &pb::PersonCreated { person })
    } else {
        Outgoing::event(SOURCE, about, &pb::PersonUpdated { person })
    }
}

/// A person is told as they are.
pub(crate) fn person_retold(workspace: domain::WorkspaceId, person: &Person, now: Timestamp) -> Outgoing {
    let about = About {
        workspace,
        name: PersonName { workspace, id: person.id }.to_string(),
        version: person.version,
        time: now,
    };
    Outgoing::event(SOURCE, about, &pb::PersonRetold { person: Some(convert::person(workspace, person)) })
}

/// A person was given a door, or what they were given was taken back.
pub(crate) fn entitlement(after: &Entitlement, person: &Person, now: Timestamp) -> Outgoing {
    let workspace = after.workspace;
    let about = About {
        workspace,
        name: EntitlementName { workspace, id: after.id }.to_string(),
        version: after.version,
        time: now,
    };
    let entitlement = Some(convert::entitlement(after));
    let person = Some(convert::person(workspace, person));
    if after.ended_at.is_none() {
        Outgoing::event(SOURCE, about, &pb::EntitlementGiven { entitlement, person })
    } else {
        Outgoing::event(SOURCE, about, &pb::EntitlementEnded { entitlement, person })
    }
}

/// What a person was given is told as it is.
pub(crate) fn entitlement_retold(told: &Entitlement, person: &Person, now: Timestamp) -> Outgoing {
    let workspace = told.workspace;
    let about = About {
        workspace,
        name: EntitlementName { workspace, id: told.id }.to_string(),
        version: told.version,
        time: now,
    };
    let (entitlement, person) = (Some(convert::entitlement(told)), Some(convert::person(workspace, person)));
    Outgoing::event(SOURCE, about, &pb::EntitlementRetold { entitlement, person })
}

/// What happened to a membership.
#[derive(Debug, Clone, Copy)]
pub(crate) enum MembershipFact {
    Started,
    Renewed { previous: Timestamp },
    RenewalFailed,
    Paused,
    Resumed,
    Cancelled,
    Ended,
    PeopleChanged,
    Retold,
}

/// The event of a membership's fact; `after` is the membership as it is now.
pub(crate) fn membership(fact: MembershipFact, after: &MembershipSnapshot) -> Outgoing {
    use membership_pb::{
        MembershipCancelled, MembershipEnded, MembershipPaused, MembershipPeopleChanged,
        MembershipRenewalFailed, MembershipRenewed, MembershipResumed, MembershipRetold, MembershipStarted,
    };
    let workspace = after.membership.workspace;
    let about = About {
        workspace,
        name: MembershipName { workspace, id: after.membership.id }.to_string(),
        version: after.membership.version,
        time: after.membership.updated_at,
    };
    let snapshot = Some(convert::membership_snapshot(after));
    match fact {
        MembershipFact::Started => Outgoing::event(SOURCE, about, &MembershipStarted { snapshot }),
        MembershipFact::Renewed { previous } => {
            let previous_period_end_time = Some(timestamp(previous));
            Outgoing::event(SOURCE, about, &MembershipRenewed { snapshot, previous_period_end_time })
        }
        MembershipFact::RenewalFailed => {
            Outgoing::event(SOURCE, about, &MembershipRenewalFailed { snapshot })
        }
        MembershipFact::Paused => Outgoing::event(SOURCE, about, &MembershipPaused { snapshot }),
        MembershipFact::Resumed => Outgoing::event(SOURCE, about, &MembershipResumed { snapshot }),
        MembershipFact::Cancelled => Outgoing::event(SOURCE, about, &MembershipCancelled { snapshot }),
        MembershipFact::Ended => Outgoing::event(SOURCE, about, &MembershipEnded { snapshot }),
        MembershipFact::PeopleChanged => {
            Outgoing::event(SOURCE, about, &MembershipPeopleChanged { snapshot })
        }
        MembershipFact::Retold => Outgoing::event(SOURCE, about, &MembershipRetold { snapshot }),
    }
}

/// What happened to a contract.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ContractFact {
    Started,
    Shortened { previous: Option<Timestamp> },
    Ended,
    PeopleChanged,
    Retold,
}

/// The event of a contract's fact; `after` is the contract as it is now.
pub(crate) fn contract(fact: ContractFact, after: &ContractSnapshot) -> Outgoing {
    use membership_pb::{
        ContractEnded, ContractPeopleChanged, ContractRetold, ContractShortened, ContractStarted,
    };
    let workspace = after.contract.workspace;
    let about = About {
        workspace,
        name: ContractName { workspace, id: after.contract.id }.to_string(),
        version: after.contract.version,
        time: after.contract.updated_at,
    };
    let snapshot = Some(convert::contract_snapshot(after));
    match fact {
        ContractFact::Started => Outgoing::event(SOURCE, about, &ContractStarted { snapshot }),
        ContractFact::Shortened { previous } => {
            let previous_end_time = previous.map(timestamp);
            Outgoing::event(SOURCE, about, &ContractShortened { snapshot, previous_end_time })
        }
        ContractFact::Ended => Outgoing::event(SOURCE, about, &ContractEnded { snapshot }),
        ContractFact::PeopleChanged => Outgoing::event(SOURCE, about, &ContractPeopleChanged { snapshot }),
        ContractFact::Retold => Outgoing::event(SOURCE, about, &ContractRetold { snapshot }),
    }
}

/// A visit was announced, has changed or was called off; `before` is the visit as it was, if it was there.
pub(crate) fn visit(before: Option<&Visit>, after: &VisitSnapshot) -> Outgoing {
    let visit = &after.visit;
    let workspace = visit.workspace;
    let about = About {
        workspace,
        name: VisitName { workspace, id: visit.id }.to_string(),
        version: visit.version,
        time: visit.updated_at,
    };
    let snapshot = Some(convert::visit_snapshot(after));
    match (before, visit.state) {
        (None, _) => Outgoing::event(SOURCE, about, &pb::VisitAnnounced { snapshot }),
        (Some(before), VisitState::Cancelled) => {
            let previous_state = convert::visit_state(before.state).into();
            Outgoing::event(SOURCE, about, &pb::VisitCancelled { snapshot, previous_state })
        }
        (Some(before), VisitState::Pending | VisitState::Expected) => Outgoing::event(
            SOURCE,
            about,
            &pb::VisitChanged {
                snapshot,
                previous_start_time: Some(timestamp(before.window.start())),
                previous_end_time: Some(timestamp(before.window.end())),
                previous_state: convert::visit_state(before.state).into(),
            },
        ),
    }
}

/// What happened to a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PassFact {
    Issued,
    Used(NaiveDate),
    UseCancelled(NaiveDate),
    Cancelled,
    Retold,
}

/// The event of a pass's fact; `after` is the pass as it is now.
pub(crate) fn pass(fact: PassFact, after: &PassSnapshot) -> Outgoing {
    let workspace = after.pass.workspace;
    let about = About {
        workspace,
        name: PassName { workspace, id: after.pass.id }.to_string(),
        version: after.pass.version,
        time: after.pass.updated_at,
    };
    let snapshot = Some(convert::pass_snapshot(after));
    match fact {
        PassFact::Issued => Outgoing::event(SOURCE, about, &pb::PassIssued { snapshot }),
        PassFact::Used(day) => {
            Outgoing::event(SOURCE, about, &pb::PassUsed { snapshot, date: day.to_string() })
        }
        PassFact::UseCancelled(day) => {
            Outgoing::event(SOURCE, about, &pb::PassUseCancelled { snapshot, date: day.to_string() })
        }
        PassFact::Cancelled => Outgoing::event(SOURCE, about, &pb::PassCancelled { snapshot }),
        PassFact::Retold => Outgoing::event(SOURCE, about, &pb::PassRetold { snapshot }),
    }
}
