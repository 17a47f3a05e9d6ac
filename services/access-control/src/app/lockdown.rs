//! Emergencies: a lockdown stands from the moment that it is noted, and is told to doors until they say that it is so.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::Duration as Span;
use domain::{LocationId, LockdownId, OperationId, Timestamp, WorkspaceId};
use futures::StreamExt as _;
use proto::access::v1::AccessReason;
use sqlx::PgConnection;

use super::App;
use super::operate::{Caller, ended};
use super::roster::Freshness;
use crate::control::Account;
use crate::convert;
use crate::doors::{Lockable, Spot, spots};
use crate::error::Error;
use crate::model::{Action, Lockdown, Operation, OperationSource, OperationState, SpotKind, TargetKind};
use crate::store::{door, door_schedule, lockdown, operation};

/// What is not so yet is told again after this.
const AGAIN: Span = Span::seconds(5);
/// While it stands it is looked whether there are new doors.
const LOOK: Span = Span::minutes(1);
/// How long one round has before another process may begin one.
const ROUND: Span = Span::seconds(30);
/// How long whoever asks waits for doors.
const ANSWER_MAX: Duration = Duration::from_secs(15);
/// How old what is known of doors may be, once those that are known were told.
const IN_AN_EMERGENCY: Freshness = Freshness { doors: Span::minutes(5), groups: Span::minutes(5) };
/// Spots that are told at the same time.
const AT_ONCE: usize = 32;
/// Lockdowns that one round looks at.
const BATCH: i64 = 10;

impl App {
    /// Has a lockdown stand, and tells it to the doors that are known. Nothing is asked before. To have one stand that
    /// does already is to have it told to all doors again, and so is to lift one that is lifted.
    pub(crate) async fn lock_down(
        &self,
        workspace: WorkspaceId,
        location: Option<LocationId>,
        caller: &Caller,
    ) -> Result<(Lockdown, Vec<Operation>), Error> {
        let now = self.clock.now();
        let wanted = Lockdown {
            workspace,
            id: LockdownId::new(),
            location,
            begun_at: now,
            lifted_at: None,
            caller: caller.id.clone(),
            person: caller.person,
        };
        let mut tx = self.pool.begin(workspace).await?;
        let standing = lockdown::begin(&mut tx, &wanted, now + ROUND).await?;
        operation::doubt(&mut tx, workspace, standing.id, Action::LockDown).await?;
        tx.commit().await?;
        self.tell_for_a_while(&standing).await
    }

    /// Lifts a lockdown, and tells it to its doors.
    pub(crate) async fn lift(
        &self,
        workspace: WorkspaceId,
        id: LockdownId,
        caller: &Caller,
    ) -> Result<(Lockdown, Vec<Operation>), Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(workspace).await?;
        let by = (caller.id.as_str(), caller.person);
        let lifted = lockdown::lift(&mut tx, workspace, id, by, now, now + ROUND).await?;
        let lifted = lifted.ok_or(Error::LockdownNotFound(id))?;
        operation::doubt(&mut tx, workspace, id, Action::LiftLockdown).await?;
        door_schedule::make_workspace_due(&mut tx, workspace, None, now).await?;
        tx.commit().await?;
        self.tell_for_a_while(&lifted).await
    }

    /// Tells it as long as someone may wait for. What is left the job goes on with.
    async fn tell_for_a_while(&self, lockdown: &Lockdown) -> Result<(Lockdown, Vec<Operation>), Error> {
        if let Ok(told) = tokio::time::timeout(ANSWER_MAX, self.tell(lockdown)).await {
            return told;
        }
        let mut tx = self.pool.begin(lockdown.workspace).await?;
        lockdown::set_check(&mut tx, lockdown, Some(self.clock.now())).await?;
        let operations = operation::of_lockdown(&mut tx, lockdown.workspace, lockdown.id).await?;
        tx.commit().await?;
        Ok((lockdown.clone(), operations))
    }

    /// Tells lockdowns again whose doors have not all said that it is so.
    pub(crate) async fn tell_again(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let due = lockdown::take_due(&mut tx, now, now + ROUND, BATCH).await?;
        tx.commit().await?;
        // A provider that hangs holds up no other emergency.
        let telling = due.iter().map(|lockdown| async {
            self.ask_doors(lockdown).await?;
            self.tell(lockdown).await
        });
        let told: Vec<Result<_, Error>> = futures::future::join_all(telling).await;
        told.into_iter().try_for_each(|told| told.map(drop))
    }

    /// Asks which doors there are, for those that are not known.
    async fn ask_doors(&self, lockdown: &Lockdown) -> Result<(), Error> {
        if lockdown.lifted_at.is_some() {
            return Ok(());
        }
        let workspace = lockdown.workspace;
        let mut tx = self.pool.begin(workspace).await?;
        let locations = lockdown.location.map(|location| vec![location]);
        let targets = door::targets(&mut tx, workspace, locations.as_deref(), self.clock.now()).await?;
        let places: Vec<_> =
            targets.iter().map(|target| (target.provider.clone(), target.location)).collect();
        let serving = door::serving(&mut tx, workspace, &places).await?;
        tx.commit().await?;
        let mut groups: HashMap<Account, Vec<String>> = HashMap::new();
        for (target, serving) in targets.into_iter().zip(serving) {
            let Some(serving) = serving else { continue };
            let groups = groups.entry(serving.account).or_default();
            groups.extend((target.kind == TargetKind::Group).then_some(target.provider_ref));
        }
        let asking = groups.iter().map(|(account, groups)| self.freshen(account, groups, IN_AN_EMERGENCY));
        let asked: Vec<Result<_, Error>> = futures::future::join_all(asking).await;
        asked.into_iter().try_for_each(|asked| asked.map(drop))
    }

    /// Tells all doors that have not said that it is so, at once, and notes what they say.
    async fn tell(&self, lockdown: &Lockdown) -> Result<(Lockdown, Vec<Operation>), Error> {
        let to_tell = self.note_spots(lockdown).await?;
        let telling = to_tell.into_iter().map(|operation| self.tell_one(operation));
        let told: Vec<Result<Operation, Error>> =
            futures::stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
        told.into_iter().collect::<Result<Vec<Operation>, Error>>()?;
        let mut tx = self.pool.begin(lockdown.workspace).await?;
        let operations = operation::of_lockdown(&mut tx, lockdown.workspace, lockdown.id).await?;
        let now = self.clock.now();
        let is_open = operations
            .iter()
            .any(|operation| operation.action == action(lockdown) && is_to_be_told(operation));
        let check_at = match (is_open, lockdown.lifted_at) {
            (true, _) => Some(now + AGAIN),
            (false, None) => Some(now + LOOK),
            (false, Some(_)) => None,
        };
        lockdown::set_check(&mut tx, lockdown, check_at).await?;
        tx.commit().await?;
        Ok((lockdown.clone(), operations))
    }

    async fn tell_one(&self, operation: Operation) -> Result<Operation, Error> {
        let Some(account) = &operation.account else { return Ok(operation) };
        let before = operation.outcome();
        let answer = self.adapters.operate(account, convert::provider_operation(&operation)).await;
        let ended = ended(operation, answer.map(|_| None), self.clock.now());
        // The lockdown is told again, so there is nothing to look up.
        self.note_end(Operation { check_at: None, ..ended }, before).await
    }

    /// Notes what is to be told to which spots, and gives what was not done yet.
    async fn note_spots(&self, lockdown: &Lockdown) -> Result<Vec<Operation>, Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(lockdown.workspace).await?;
        operation::take_turn(&mut tx, &lockdown.id.to_string()).await?;
        let operations = operation::of_lockdown(&mut tx, lockdown.workspace, lockdown.id).await?;
        let locked: Vec<&Operation> =
            operations.iter().filter(|operation| operation.action == Action::LockDown).collect();
        let mut wanted = match lockdown.lifted_at {
            None => self.spots(&mut tx, lockdown, now).await?,
            Some(_) => {
                let kept = self.kept_locked(&mut tx, lockdown).await?;
                let lifted = locked.iter().filter(|locked| !kept.contains(&key(locked)));
                lifted.filter_map(|locked| lift(locked, lockdown, now)).collect()
            }
        };
        let action = action(lockdown);
        let mut to_tell: Vec<Operation> = operations
            .iter()
            .filter(|operation| operation.action == action && is_to_be_told(operation))
            .cloned()
            .collect();
        let is_known =
            |new: &Operation| operations.iter().any(|known| known.action == action && key(known) == key(new));
        wanted.retain(|new| !is_known(new));
        for operation in &wanted {
            operation::insert(&mut tx, operation).await?;
        }
        tx.commit().await?;
        to_tell.extend(wanted);
        Ok(to_tell)
    }

    /// Where other lockdowns stand at the very same spots. Those that stand elsewhere are told again: with a place, its
    /// doors may have been lifted.
    async fn kept_locked(&self, conn: &mut PgConnection, lifted: &Lockdown) -> Result<HashSet<Key>, Error> {
        let mut kept = HashSet::new();
        for other in lockdown::standing(conn, lifted.workspace).await? {
            let operations = operation::of_lockdown(conn, other.workspace, other.id).await?;
            kept.extend(operations.iter().map(key));
            operation::doubt(conn, other.workspace, other.id, Action::LockDown).await?;
            lockdown::set_check(conn, &other, Some(self.clock.now() + AGAIN)).await?;
        }
        Ok(kept)
    }

    /// What a lockdown is told to, as far as doors are known.
    async fn spots(
        &self,
        conn: &mut PgConnection,
        lockdown: &Lockdown,
        now: Timestamp,
    ) -> Result<Vec<Operation>, Error> {
        let workspace = lockdown.workspace;
        let targets = door::targets(conn, workspace, None, now).await?;
        let places: Vec<_> =
            targets.iter().map(|target| (target.provider.clone(), target.location)).collect();
        let serving = door::serving(conn, workspace, &places).await?;
        let mut accounts: Vec<_> = serving.iter().flatten().map(|serving| serving.account.id).collect();
        accounts.sort_unstable();
        accounts.dedup();
        let groups = door::groups(conn, workspace, &accounts).await?;
        let groups: HashMap<_, _> =
            groups.into_iter().map(|(account, group, doors)| ((account, group), doors)).collect();
        let known = door::known(conn, workspace, &accounts).await?;
        let known: HashMap<_, _> =
            known.into_iter().map(|door| ((door.account_id, door.door_ref.clone()), door)).collect();
        // Which doors there are, where, and whether they are meant: by one of the locations that lead there.
        let mut doors: HashMap<(Account, String), (LocationId, bool)> = HashMap::new();
        for (target, serving) in targets.iter().zip(serving) {
            let Some(serving) = serving else { continue };
            let account = serving.account;
            let of_target = match target.kind {
                TargetKind::Lock => vec![target.provider_ref.clone()],
                TargetKind::Group => {
                    let key = (account.id.uuid(), target.provider_ref.clone());
                    groups.get(&key).cloned().unwrap_or_default()
                }
            };
            let is_meant = lockdown.covers(target.location);
            for door in of_target {
                let found = doors.entry((account.clone(), door)).or_insert((target.location, is_meant));
                if is_meant && !found.1 {
                    *found = (target.location, true);
                }
            }
        }
        let found = |account: &Account, door: &str| known.get(&(account.id.uuid(), door.to_owned()));
        let doors: Vec<((Account, String), (LocationId, bool))> = doors.into_iter().collect();
        let lockable: Vec<Lockable<Account>> = doors
            .iter()
            .map(|((account, door), (_, is_meant))| Lockable {
                account: account.clone(),
                door_ref: door.clone(),
                place_ref: found(account, door).and_then(|door| door.place_ref.clone()),
                is_meant: *is_meant,
            })
            .collect();
        let told = |(spot, number): (Spot<Account>, usize)| {
            let (_, (location, _)) = &doors[number];
            let (account, spot) = match spot {
                Spot::Place(account, place) => (account, (SpotKind::Place, place, String::new())),
                Spot::Door(account, door) => {
                    let name = found(&account, &door).map(|door| door.name.clone()).unwrap_or_default();
                    (account, (SpotKind::Door, door, name))
                }
            };
            told(lockdown, Action::LockDown, account, *location, spot, now)
        };
        Ok(spots(&lockable).into_iter().map(told).collect())
    }
}

/// What tells one spot from another.
type Key = (Option<Account>, SpotKind, String);

fn key(operation: &Operation) -> Key {
    (operation.account.clone(), operation.spot_kind, operation.spot_ref.clone())
}

fn action(lockdown: &Lockdown) -> Action {
    if lockdown.lifted_at.is_none() { Action::LockDown } else { Action::LiftLockdown }
}

/// Whether it is not so yet, and may become so.
fn is_to_be_told(operation: &Operation) -> bool {
    match operation.state {
        OperationState::Done | OperationState::Refused => false,
        OperationState::UnderWay | OperationState::Unknown => true,
        OperationState::Failed => {
            !matches!(operation.reason, AccessReason::DoorCannot | AccessReason::ProviderLacksDoor)
        }
    }
}

/// What lifts it where a door was told to lock down.
fn lift(locked: &Operation, lockdown: &Lockdown, now: Timestamp) -> Option<Operation> {
    let spot = (locked.spot_kind, locked.spot_ref.clone(), locked.spot_name.clone());
    Some(told(lockdown, Action::LiftLockdown, locked.account.clone()?, locked.location, spot, now))
}

/// An operation of a lockdown.
fn told(
    lockdown: &Lockdown,
    action: Action,
    account: Account,
    location: LocationId,
    (spot_kind, spot_ref, spot_name): (SpotKind, String, String),
    now: Timestamp,
) -> Operation {
    Operation {
        workspace: lockdown.workspace,
        id: OperationId::new(),
        caller: lockdown.caller.clone(),
        person: lockdown.person,
        source: OperationSource::Emergency,
        request_id: None,
        lockdown: Some(lockdown.id),
        action,
        pulse_ms: None,
        hold_until: None,
        location,
        provider: account.provider.clone(),
        account: Some(account),
        spot_kind,
        spot_ref,
        spot_name,
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
