//! Doors that are opened, held open and locked on demand.

use std::time::Duration;

use chassis::auth::Reach;
use chassis::idempotency::IntentError;
use chrono::Duration as Span;
use domain::{LocationId, OperationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1::{AccessReason, OperationFate};
use sqlx::PgConnection;
use tokio::time::Instant;

use super::App;
use super::explain::standing;
use super::roster::Freshness;
use crate::control::{Account, Failure};
use crate::convert;
use crate::doors::{Facts, Refusal, Wish, can, decide};
use crate::error::Error;
use crate::model::{Action, Operation, OperationSource, OperationState, SpotKind, Target, TargetKind};
use crate::store::access_log::{self, Addition};
use crate::store::{door, door_schedule, entitlement, lockdown, operation};

/// Taps of one person at one door are one operation for so long.
const SAME_TAP: Span = Span::seconds(1);
/// How old what is known of a door may be when someone stands at it.
const AT_THE_DOOR: Freshness = Freshness { doors: Span::hours(24), groups: Span::minutes(30) };
/// How long someone waits for the end of an operation that they asked for before.
const JOINED_MAX: Duration = Duration::from_secs(12);
/// Between two looks at it.
const JOINED_LOOK: Duration = Duration::from_millis(100);
/// After this long an operation without an end was left by a process that died.
const ABANDONED: Span = Span::seconds(30);
/// Operations that one round looks up.
const BATCH: i64 = 20;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// The principal.
    pub id: String,
    /// The same, if it is a person.
    pub person: Option<PersonId>,
    pub reach: Reach,
}

impl Caller {
    /// Whether they are told what providers say.
    pub(crate) fn is_staff(&self) -> bool {
        !matches!(self.reach, Reach::Own(_))
    }
}

/// What is asked of which door.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub location: LocationId,
    pub provider: String,
    pub door_ref: String,
    pub wish: Wish,
    pub request_id: Option<String>,
}

/// What becomes of it.
enum Begun {
    /// It is sent.
    New(Operation),
    /// It was asked for before, or is refused.
    Known(Operation),
}

/// A door as it is led to.
pub(super) struct Place {
    account: Account,
    /// Groups that open it.
    groups: Vec<String>,
    /// Whence something leads there.
    pub locations: Vec<LocationId>,
}

impl App {
    /// Has a door operated, if the caller may.
    pub(crate) async fn operate(
        &self,
        workspace: WorkspaceId,
        caller: &Caller,
        asked: &Asked,
    ) -> Result<Operation, Error> {
        self.prepare(workspace, caller, asked).await?;
        let ended = match self.begin(workspace, caller, asked).await? {
            Begun::New(operation) => self.carry_out(operation).await?,
            Begun::Known(operation) => self.end_of(operation).await?,
        };
        match ended.reason {
            // It is noted; and they are told no more than of a door that is not there.
            AccessReason::EntitlementNone => Err(Error::DoorNotFound(asked.door_ref.clone())),
            _ => Ok(ended),
        }
    }

    /// Asks the provider for what the decision depends on, if that is not known.
    async fn prepare(&self, workspace: WorkspaceId, caller: &Caller, asked: &Asked) -> Result<(), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let at = [(asked.provider.clone(), asked.location)];
        let Some(serving) = door::serving(&mut tx, workspace, &at).await?.into_iter().flatten().next() else {
            return Ok(());
        };
        let account = serving.account;
        let is_group =
            |target: &Target| target.kind == TargetKind::Group && target.provider == account.provider;
        let groups: Vec<String> = match (&caller.reach, caller.person) {
            (Reach::Own(_), Some(person)) => {
                let led = door::grants_of(&mut tx, workspace, person).await?;
                let ours = led.into_iter().filter(|led| led.served_by == account.served_by);
                ours.map(|led| led.target).filter(is_group).map(|target| target.provider_ref).collect()
            }
            (Reach::Own(_), None) => return Ok(()),
            (Reach::Workspace | Reach::Locations(_), _) => {
                let now = self.clock.now();
                let targets = door::targets(&mut tx, workspace, Some(&[asked.location]), now).await?;
                targets.into_iter().filter(is_group).map(|target| target.provider_ref).collect()
            }
        };
        // It has changed nothing, so nobody waits for its end: who stands at a door waits for each round trip.
        drop(tx);
        self.freshen(&account, &groups, AT_THE_DOOR).await?;
        Ok(())
    }

    /// Decides, and notes what is to be done before it is sent.
    async fn begin(&self, workspace: WorkspaceId, caller: &Caller, asked: &Asked) -> Result<Begun, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        operation::take_turn(&mut tx, &caller.id).await?;
        let at = [(asked.provider.clone(), asked.location)];
        let serving = door::serving(&mut tx, workspace, &at).await?.into_iter().flatten().next();
        let mut wanted = new_operation(workspace, caller, asked, now);
        wanted.account = serving.as_ref().map(|serving| serving.account.clone());
        if let Some(known) = known(&mut tx, &wanted, now).await? {
            return Ok(Begun::Known(known));
        }
        let decided = match &serving {
            Some(serving) => {
                let place = place(&mut tx, &serving.account, &asked.door_ref, now).await?;
                let known = door::known(&mut tx, workspace, &[serving.account.id]).await?;
                let is_listed = !known.is_empty();
                let found = known.into_iter().find(|door| door.door_ref == asked.door_ref);
                wanted.spot_name = found.as_ref().map(|door| door.name.clone()).unwrap_or_default();
                if let (Wish::Open(None), Some(door)) = (asked.wish, &found) {
                    wanted.pulse_ms = usual_pulse(door, now);
                }
                let has_authority = has_authority(caller, asked.location, &place);
                if has_authority {
                    wanted.source = OperationSource::Admin;
                }
                let entitled = match caller.person.filter(|_| !has_authority) {
                    Some(person) => self.entitled(&mut tx, person, &asked.door_ref, &place, now).await?,
                    None => Vec::new(),
                };
                let standing_there = lockdown::standing(&mut tx, workspace).await?;
                let facts = Facts {
                    now,
                    standing: match caller.person {
                        Some(person) => Some(standing(&mut tx, workspace, person).await?),
                        None => None,
                    },
                    has_authority,
                    entitled: &entitled,
                    is_locked_down: is_covered(&standing_there, &place, asked.location),
                    is_followed: serving.is_followed,
                    is_listed,
                    abilities: found.as_ref().map(|door| &door.abilities.0),
                };
                decide(asked.wish, &facts, &self.rules)
            }
            None if matches!(caller.reach, Reach::Own(_)) => {
                Err(Refusal { reason: AccessReason::EntitlementNone, time: None })
            }
            None => Err(Refusal { reason: AccessReason::IntegrationInactive, time: None }),
        };
        let begun = match decided {
            Ok(()) => Begun::New(Operation { check_at: Some(now + ABANDONED), ..wanted }),
            Err(Refusal { reason, time }) => Begun::Known(Operation {
                state: OperationState::Refused,
                reason,
                reason_time: time,
                ended_at: Some(now),
                ..wanted
            }),
        };
        let (Begun::New(operation) | Begun::Known(operation)) = &begun;
        operation::insert(&mut tx, operation).await?;
        if let Begun::Known(refused) = &begun {
            access_log::append(&mut tx, Addition::of(refused, now)).await?;
        }
        tx.commit().await?;
        Ok(begun)
    }

    /// What entitles a person to enter at a door.
    async fn entitled(
        &self,
        conn: &mut PgConnection,
        person: PersonId,
        door_ref: &str,
        place: &Place,
        now: Timestamp,
    ) -> Result<Vec<crate::engine::Entitled>, Error> {
        let account = &place.account;
        let led = door::grants_of(conn, account.workspace, person).await?;
        let leads = |target: &Target| {
            target.provider == account.provider
                && match target.kind {
                    TargetKind::Lock => target.provider_ref == door_ref,
                    TargetKind::Group => place.groups.contains(&target.provider_ref),
                }
        };
        let ours = led.iter().filter(|led| led.served_by == account.served_by && leads(&led.target));
        let grants: Vec<_> = ours.map(|led| (account.workspace, led.grant)).collect();
        let entitled = entitlement::of_grants(conn, &grants, self.defaults, now).await?;
        Ok(entitled.into_values().flatten().collect())
    }

    /// Sends what was noted, and notes what came of it.
    pub(super) async fn carry_out(&self, operation: Operation) -> Result<Operation, Error> {
        let Some(account) = &operation.account else { return Ok(operation) };
        let before = operation.outcome();
        let answer = self.adapters.operate(account, convert::provider_operation(&operation)).await;
        let ended = ended(operation, answer.map(|operated| operated.held_until_time), self.clock.now());
        self.note_end(ended, before).await
    }

    /// Notes what came of an operation, also in the log if it is news, unless somebody knows better already.
    pub(super) async fn note_end(
        &self,
        operation: Operation,
        before: (OperationState, AccessReason),
    ) -> Result<Operation, Error> {
        let mut tx = self.pool.begin(operation.workspace).await?;
        if operation::finish(&mut tx, &operation, before.0).await? {
            let now = self.clock.now();
            if operation.outcome() != before {
                access_log::append(&mut tx, Addition::of(&operation, now)).await?;
            }
            if let (Some(account), true) = (&operation.account, operation.is_lasting_by_hand()) {
                door_schedule::make_door_due(&mut tx, account, &operation.spot_ref, now).await?;
            }
            tx.commit().await?;
            return Ok(operation);
        }
        let known = operation::find(&mut tx, operation.workspace, operation.id).await?;
        Ok(known.unwrap_or(operation))
    }

    /// An operation that was asked for before, once it has ended.
    async fn end_of(&self, mut operation: Operation) -> Result<Operation, Error> {
        let deadline = Instant::now() + JOINED_MAX;
        while operation.state == OperationState::UnderWay && Instant::now() < deadline {
            tokio::time::sleep(JOINED_LOOK).await;
            let mut tx = self.pool.begin(operation.workspace).await?;
            let found = operation::find(&mut tx, operation.workspace, operation.id).await?;
            operation = found.unwrap_or(operation);
        }
        Ok(operation)
    }

    /// An operation as it is known by now, if it is the caller's, or one at a location of theirs.
    pub(crate) async fn get_operation(
        &self,
        workspace: WorkspaceId,
        id: OperationId,
        caller: &Caller,
    ) -> Result<Operation, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = operation::find(&mut tx, workspace, id).await?;
        let is_theirs = |operation: &Operation| match &caller.reach {
            Reach::Workspace => true,
            Reach::Locations(locations) => locations.contains(&operation.location),
            Reach::Own(_) => false,
        };
        let found = found.filter(|found| is_theirs(found) || found.caller == caller.id);
        found.ok_or(Error::OperationNotFound(id))
    }

    /// Looks up what became of operations whose answers were lost.
    pub(crate) async fn look_up(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due = operation::take_due(&mut tx, now, now + ABANDONED, BATCH).await?;
        tx.commit().await?;
        for operation in &due {
            let Some(account) = &operation.account else { continue };
            let asked = convert::provider_operation(operation);
            let fate = self.adapters.find_operation(account, asked, operation.begun_at).await;
            let found = resolved(operation.clone(), fate.unwrap_or(OperationFate::Unknown), now);
            self.note_end(found, operation.outcome()).await?;
        }
        Ok(())
    }
}

/// An operation that is asked for now.
fn new_operation(workspace: WorkspaceId, caller: &Caller, asked: &Asked, now: Timestamp) -> Operation {
    let (action, pulse, hold_until) = match asked.wish {
        Wish::Open(length) => (Action::Pulse, length, None),
        Wish::HoldOpen(until) => (Action::HoldOpen, None, Some(until)),
        Wish::Lock => (Action::Lock, None, None),
    };
    Operation {
        workspace,
        id: OperationId::new(),
        caller: caller.id.clone(),
        person: caller.person,
        source: OperationSource::App,
        request_id: asked.request_id.clone(),
        lockdown: None,
        action,
        pulse_ms: pulse.map(|length| i64::try_from(length.as_millis()).unwrap_or(i64::MAX)),
        hold_until,
        location: asked.location,
        provider: asked.provider.clone(),
        account: None,
        spot_kind: SpotKind::Door,
        spot_ref: asked.door_ref.clone(),
        spot_name: String::new(),
        state: OperationState::UnderWay,
        reason: AccessReason::Unspecified,
        reason_time: None,
        detail: String::new(),
        held_until: None,
        begun_at: now,
        ended_at: None,
        check_at: None,
    }
}

/// The operation that the caller asked for before, with the same key or just now.
async fn known(
    conn: &mut PgConnection,
    wanted: &Operation,
    now: Timestamp,
) -> Result<Option<Operation>, Error> {
    if let Some(request_id) = &wanted.request_id
        && let Some(before) =
            operation::of_request(conn, wanted.workspace, &wanted.caller, request_id).await?
    {
        let what = |it: &Operation| (it.action, it.spot_ref.clone(), it.pulse_ms, it.hold_until);
        // How long it opens for by itself is not the request's.
        let asked =
            (wanted.action, wanted.spot_ref.clone(), wanted.pulse_ms.or(before.pulse_ms), wanted.hold_until);
        if what(&before) != asked {
            return Err(IntentError::Reused(request_id.clone()).into());
        }
        return Ok(Some(before));
    }
    Ok(operation::same_tap(conn, wanted, now - SAME_TAP).await?)
}

pub(super) async fn place(
    conn: &mut PgConnection,
    account: &Account,
    door_ref: &str,
    now: Timestamp,
) -> Result<Place, sqlx::Error> {
    let groups = door::groups(conn, account.workspace, &[account.id]).await?;
    let opens = |doors: &Vec<String>| doors.iter().any(|door| door == door_ref);
    let groups: Vec<String> =
        groups.into_iter().filter(|(_, _, doors)| opens(doors)).map(|(_, group, _)| group).collect();
    let locations = door::leading(conn, account, door_ref, &groups, now).await?;
    Ok(Place { account: account.clone(), groups, locations })
}

/// For how long a door opens for a moment if nobody says otherwise; `None`: as long as is usual there.
fn usual_pulse(door: &door::KnownDoor, now: Timestamp) -> Option<i64> {
    door.pulse_ms.filter(|&millis| {
        let length = u64::try_from(millis).ok().map(Duration::from_millis);
        can(&door.abilities, Wish::Open(length), now)
    })
}

/// Where a door is the caller says; what leads there says whether it is so.
fn has_authority(caller: &Caller, location: LocationId, place: &Place) -> bool {
    match &caller.reach {
        Reach::Workspace => true,
        Reach::Locations(locations) => locations.contains(&location) && place.locations.contains(&location),
        Reach::Own(_) => false,
    }
}

fn is_covered(standing: &[crate::model::Lockdown], place: &Place, asked: LocationId) -> bool {
    let mut locations = place.locations.iter().copied().chain([asked]);
    locations.any(|location| standing.iter().any(|lockdown| lockdown.covers(location)))
}

/// What an answer makes of an operation.
pub(super) fn ended(
    operation: Operation,
    answer: Result<Option<pbjson_types::Timestamp>, Failure>,
    now: Timestamp,
) -> Operation {
    let ended = Operation { ended_at: Some(now), check_at: None, detail: String::new(), ..operation };
    match answer {
        Ok(held_until) => Operation {
            state: OperationState::Done,
            reason: AccessReason::DoorObeyed,
            held_until: held_until.as_ref().and_then(convert::moment),
            ..ended
        },
        Err(Failure { reason, detail, is_unknown: false }) => {
            Operation { state: OperationState::Failed, reason, detail, ..ended }
        }
        Err(Failure { reason, detail, is_unknown: true }) => {
            let check_at = Some(now + next_look(Span::zero()).unwrap_or_default());
            Operation { state: OperationState::Unknown, reason, detail, check_at, ..ended }
        }
    }
}

/// What the provider's word makes of an operation whose answer was lost.
fn resolved(operation: Operation, fate: OperationFate, now: Timestamp) -> Operation {
    let found = Operation { ended_at: Some(operation.ended_at.unwrap_or(now)), check_at: None, ..operation };
    match fate {
        OperationFate::Done => {
            Operation { state: OperationState::Done, reason: AccessReason::DoorObeyed, ..found }
        }
        OperationFate::NotDone => {
            let reason = or_uncertain(found.reason);
            Operation { state: OperationState::Failed, reason, ..found }
        }
        OperationFate::Unknown | OperationFate::Unspecified => {
            let check_at = next_look(now - found.begun_at).map(|wait| now + wait);
            let reason = or_uncertain(found.reason);
            Operation { state: OperationState::Unknown, reason, check_at, ..found }
        }
    }
}

fn or_uncertain(reason: AccessReason) -> AccessReason {
    if reason == AccessReason::Unspecified { AccessReason::ProviderUncertain } else { reason }
}

/// When it is looked up again what became of an operation of this age; `None`: never.
fn next_look(age: Span) -> Option<Span> {
    match age.num_minutes() {
        ..1 => Some(Span::seconds(15)),
        1..10 => Some(Span::minutes(1)),
        10..60 => Some(Span::minutes(10)),
        _ => None,
    }
}
