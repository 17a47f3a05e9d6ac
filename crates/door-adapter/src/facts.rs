//! The events of an adapter.

use chassis::input::timestamp;
use domain::names::{GrantName, IntegrationName, OperationName, PersonName, ProviderUserName, WayInName};
use domain::{Timestamp, Window};
use events::outbox::About;
use events::{Envelope, Outgoing};
use proto::access::v1 as pb;

use crate::control::Spot;
use crate::drift::{Drift, Held};
use crate::error::{Problem, ProviderError};
use crate::log::{DoorEvent, EventOutcome};
use crate::provider::{Applied, Listed, Right, UserState, WayInApplied};
use crate::request::Matter;

/// Drifts that one message tells at most.
const DRIFTS_MAX: usize = 100;

/// Doors and groups that one message tells at most: it may have 900 KiB.
const DOORS_MAX: usize = 1_000;

/// A turn of the reconciler at an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn {
    /// Whose.
    pub account: IntegrationName,
    /// Counts up with each turn of the account.
    pub number: i64,
    /// When it began.
    pub began_at: Timestamp,
}

/// What came of a command.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// The provider has what was asked for.
    Access(GrantName, Applied),
    /// The user is so now.
    User(ProviderUserName, UserState),
    /// The way in is there, or not, as was asked.
    WayIn(WayInName, WayInApplied),
    /// It is not as was asked, or nobody knows.
    Failed(Matter, ProviderError),
}

/// Who says so, and of which provider.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    /// The service.
    pub service: &'static str,
    /// Such as `kisi`.
    pub provider: &'static str,
}

impl Source {
    /// The answer to a command. To be made inside of the command's trace.
    pub(crate) fn completed(
        self,
        answer: &Answer,
        generation: i64,
        cause: &Envelope,
        now: Timestamp,
    ) -> Outgoing {
        use pb::access_command_completed::Outcome as Access;
        use pb::user_command_completed::Outcome as User;
        use pb::way_in_command_completed::Outcome as WayIn;
        match answer {
            Answer::Access(grant, applied) => {
                let provider_ref = applied.provider_ref.clone().unwrap_or_default();
                let has_new_secret = applied.secret.is_some();
                let window = applied.window.map(window);
                let applied = pb::AccessApplied { window, provider_ref, has_new_secret };
                self.access_completed(*grant, generation, Access::Applied(applied), now)
            }
            Answer::User(user, state) => {
                self.user_completed(*user, generation, User::Applied(state.into()), now)
            }
            Answer::WayIn(way_in, _) => {
                self.way_in_completed(*way_in, generation, WayIn::Applied(pb::WayInApplied::default()), now)
            }
            Answer::Failed(Matter::Grant(grant), error) => {
                self.access_completed(*grant, generation, Access::Failed(error.into()), now)
            }
            Answer::Failed(Matter::User(user), error) => {
                self.user_completed(*user, generation, User::Failed(error.into()), now)
            }
            Answer::Failed(Matter::WayIn(way_in), error) => {
                self.way_in_completed(*way_in, generation, WayIn::Failed(error.into()), now)
            }
        }
        .caused_by(cause)
    }

    fn way_in_completed(
        self,
        way_in: WayInName,
        generation: i64,
        outcome: pb::way_in_command_completed::Outcome,
        now: Timestamp,
    ) -> Outgoing {
        let about =
            About { workspace: way_in.workspace, name: way_in.to_string(), version: generation, time: now };
        let body =
            pb::WayInCommandCompleted { way_in: way_in.to_string(), generation, outcome: Some(outcome) };
        Outgoing::event(self.service, about, &body)
    }

    fn access_completed(
        self,
        grant: GrantName,
        generation: i64,
        outcome: pb::access_command_completed::Outcome,
        now: Timestamp,
    ) -> Outgoing {
        let about =
            About { workspace: grant.workspace, name: grant.to_string(), version: generation, time: now };
        let body =
            pb::AccessCommandCompleted { grant: grant.to_string(), generation, outcome: Some(outcome) };
        Outgoing::event(self.service, about, &body)
    }

    fn user_completed(
        self,
        user: ProviderUserName,
        generation: i64,
        outcome: pb::user_command_completed::Outcome,
        now: Timestamp,
    ) -> Outgoing {
        let provider_user = user.to_string();
        let about =
            About { workspace: user.workspace, name: provider_user.clone(), version: generation, time: now };
        let body = pb::UserCommandCompleted { provider_user, generation, outcome: Some(outcome) };
        Outgoing::event(self.service, about, &body)
    }

    /// An account began to be taken (`Ok`) or refused.
    pub(crate) fn connection_changed(
        self,
        account: IntegrationName,
        taken: Result<(), &Problem>,
        now: Timestamp,
    ) -> Outgoing {
        let about = About {
            workspace: account.workspace,
            name: account.to_string(),
            // There is no row that could count: time goes on, too.
            version: now.timestamp_micros(),
            time: now,
        };
        let body = pb::ProviderConnectionChanged {
            provider: self.provider.to_owned(),
            integration: account.to_string(),
            is_accepted: taken.is_ok(),
            reason: taken.err().map(|problem| problem.reason.clone()).unwrap_or_default(),
            problem: taken.err().map(Into::into),
        };
        Outgoing::event(self.service, about, &body)
    }

    /// What a whole turn found, in as many messages as it takes.
    pub(crate) fn reconciled(
        self,
        turn: Turn,
        rights: usize,
        drifts: &[Drift],
        now: Timestamp,
    ) -> Vec<Outgoing> {
        let count = |of: fn(&Drift) -> bool| number(drifts.iter().filter(|drift| of(drift)).count());
        let counts = pb::DriftCounts {
            rights: number(rights),
            missing: count(|drift| matches!(drift, Drift::Missing(_))),
            changed: count(|drift| matches!(drift, Drift::Changed(..))),
            unwanted: count(|drift| matches!(drift, Drift::Unwanted(_))),
            foreign: count(|drift| matches!(drift, Drift::Foreign(_))),
        };
        let message = |drifts: &[Drift]| {
            let drifts = drifts.iter().map(report).collect();
            let comparison = pb::AccountComparison { counts: Some(counts), drifts };
            self.account_reconciled(turn, pb::account_reconciled::Outcome::Comparison(comparison), now)
        };
        if drifts.is_empty() {
            return vec![message(&[])];
        }
        drifts.chunks(DRIFTS_MAX).map(message).collect()
    }

    /// What an account has, all of it; in parts, if it is much.
    pub(crate) fn doors_listed(self, turn: Turn, doors: &[pb::ListedDoor], now: Timestamp) -> Vec<Outgoing> {
        let Turn { account, number, .. } = turn;
        let whole = pb::AccountDoorsListed {
            provider: self.provider.to_owned(),
            integration: account.to_string(),
            list_time: Some(timestamp(now)),
            ..Default::default()
        };
        let about =
            || About { workspace: account.workspace, name: account.to_string(), version: number, time: now };
        let parts = in_parts(&whole, doors).into_iter();
        parts.map(|part| Outgoing::event(self.service, about(), &part)).collect()
    }

    /// A provider's own log says so.
    pub(crate) fn door_event_logged(
        self,
        account: IntegrationName,
        event: &DoorEvent,
        now: Timestamp,
    ) -> Outgoing {
        use pb::door_event_logged::Where;
        let workspace = account.workspace;
        let about = About {
            workspace,
            name: account.to_string(),
            // There is no row that could count: time goes on, too.
            version: now.timestamp_micros(),
            time: now,
        };
        let body = pb::DoorEventLogged {
            provider: self.provider.to_owned(),
            integration: account.to_string(),
            event_ref: event.event_ref.clone(),
            event_time: Some(timestamp(event.time)),
            read_time: Some(timestamp(now)),
            r#where: Some(match event.spot.clone() {
                Spot::Door(door) => Where::DoorRef(door),
                Spot::Place(place) => Where::PlaceRef(place),
            }),
            display_name: event.spot_name.clone(),
            action: event.action.into(),
            source: event.source.into(),
            outcome: match event.outcome {
                EventOutcome::Done => pb::DoorOperationState::Done,
                EventOutcome::Refused => pb::DoorOperationState::Refused,
                EventOutcome::Failed => pb::DoorOperationState::Failed,
            }
            .into(),
            reason: event.reason.into(),
            detail: event.detail.clone(),
            person: event.person.map(|id| PersonName { workspace, id }.to_string()).unwrap_or_default(),
            holder: event.holder.clone(),
            way_in: event.way_in.map(|id| WayInName { workspace, id }.to_string()).unwrap_or_default(),
            operation: event
                .operation
                .map(|id| OperationName { workspace, id }.to_string())
                .unwrap_or_default(),
            direction: event.direction.into(),
        };
        Outgoing::event(self.service, about, &body)
    }

    /// A turn failed.
    pub(crate) fn not_reconciled(self, turn: Turn, error: &ProviderError, now: Timestamp) -> Outgoing {
        self.account_reconciled(turn, pb::account_reconciled::Outcome::Failed(error.into()), now)
    }

    fn account_reconciled(
        self,
        turn: Turn,
        outcome: pb::account_reconciled::Outcome,
        now: Timestamp,
    ) -> Outgoing {
        let Turn { account, number, began_at } = turn;
        let about =
            About { workspace: account.workspace, name: account.to_string(), version: number, time: now };
        let body = pb::AccountReconciled {
            provider: self.provider.to_owned(),
            integration: account.to_string(),
            begin_time: Some(timestamp(began_at)),
            end_time: Some(timestamp(now)),
            outcome: Some(outcome),
        };
        Outgoing::event(self.service, about, &body)
    }
}

impl From<&UserState> for pb::UserApplied {
    fn from(state: &UserState) -> Self {
        let was_absent = *state == UserState::Absent;
        let (state, reason) = match state {
            UserState::InUse => (pb::ProviderUserState::InUse, ""),
            UserState::Suspended => (pb::ProviderUserState::Suspended, ""),
            UserState::Deleted | UserState::Absent => (pb::ProviderUserState::Deleted, ""),
            UserState::Kept(reason) => (pb::ProviderUserState::Kept, reason.as_str()),
        };
        Self { state: state.into(), reason: reason.to_owned(), was_absent }
    }
}

/// A door as it is told.
pub(crate) fn listed_door(listed: &Listed) -> pb::ListedDoor {
    pb::ListedDoor { target: Some((&listed.target).into()), warnings: listed.warnings.clone() }
}

/// A listing with its doors, in as few parts as it takes.
fn in_parts(whole: &pb::AccountDoorsListed, doors: &[pb::ListedDoor]) -> Vec<pb::AccountDoorsListed> {
    if doors.len() <= DOORS_MAX {
        return vec![pb::AccountDoorsListed { doors: doors.to_vec(), ..whole.clone() }];
    }
    let parts = doors.chunks(DOORS_MAX);
    let part_count = i32::try_from(parts.len()).unwrap_or(i32::MAX);
    let part = |(part, doors): (i32, &[pb::ListedDoor])| pb::AccountDoorsListed {
        doors: doors.to_vec(),
        part,
        part_count,
        ..whole.clone()
    };
    (1..).zip(parts).map(part).collect()
}

fn report(drift: &Drift) -> pb::DriftReport {
    match drift {
        Drift::Missing(held) => of_grant(held),
        Drift::Changed(held, right) => {
            let holder = right.holder.clone();
            pb::DriftReport { kind: pb::DriftKind::Changed.into(), holder, ..found(right, of_grant(held)) }
        }
        Drift::Unwanted(right) => of_other(pb::DriftKind::Unwanted, right),
        Drift::Foreign(right) => of_other(pb::DriftKind::Foreign, right),
    }
}

fn of_grant(held: &Held) -> pb::DriftReport {
    pb::DriftReport {
        kind: pb::DriftKind::Missing.into(),
        grant: held.grant.to_string(),
        generation: held.generation,
        target: Some((&held.target).into()),
        provider_ref: held.provider_ref.clone(),
        expected: Some(window(held.window)),
        ..Default::default()
    }
}

fn of_other(kind: pb::DriftKind, right: &Right) -> pb::DriftReport {
    let report = pb::DriftReport {
        kind: kind.into(),
        target: Some((&right.target).into()),
        holder: right.holder.clone(),
        provider_ref: right.provider_ref.clone(),
        ..Default::default()
    };
    found(right, report)
}

fn found(right: &Right, report: pb::DriftReport) -> pb::DriftReport {
    pb::DriftReport {
        found_start_time: right.period.from.map(timestamp),
        found_end_time: right.period.until.map(timestamp),
        ..report
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn window(window: Window) -> pb::AccessWindow {
    pb::AccessWindow { start_time: Some(timestamp(window.start())), end_time: Some(timestamp(window.end())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_listing_is_told_in_parts_that_leave_nothing_out() {
        let whole = pb::AccountDoorsListed { integration: "it".into(), ..Default::default() };
        let door = |number: usize| pb::ListedDoor { warnings: vec![number.to_string()], target: None };
        for (count, sizes) in [(0, vec![0]), (1_000, vec![1_000]), (2_001, vec![1_000, 1_000, 1])] {
            let doors: Vec<pb::ListedDoor> = (0..count).map(door).collect();
            let parts = in_parts(&whole, &doors);
            assert_eq!(parts.iter().map(|part| part.doors.len()).collect::<Vec<_>>(), sizes);
            let numbers: Vec<(i32, i32)> = parts.iter().map(|part| (part.part, part.part_count)).collect();
            assert!(numbers == [(0, 0)] || numbers == [(1, 3), (2, 3), (3, 3)], "{numbers:?}");
            assert!(parts.iter().all(|part| part.integration == "it"));
            assert_eq!(parts.into_iter().flat_map(|part| part.doors).collect::<Vec<_>>(), doors);
        }
    }
}
