//! Has doors be as their schedules, bookings and people's hands want them.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{Days, Duration as Span};
use domain::{IntegrationId, LocationId, OperationId, OtherDays, Timestamp};
use futures::StreamExt as _;
use proto::access::v1::AccessReason;
use sqlx::PgConnection;

use super::App;
use super::operate::place;
use super::roster::Freshness;
use crate::control::Account;
use crate::error::Error;
use crate::model::{Action, DoorSchedule, Operation, OperationSource, OperationState, SpotKind, source_of};
use crate::schedule::{Act, BEHIND, DoorHours, Influences, Manual, Order, Rule, Told, decide};
use crate::store::door::KnownDoor;
use crate::store::door_schedule::Next;
use crate::store::lasting::Lasting;
use crate::store::{door, door_schedule as store, holiday, lasting, lockdown, operation};

/// How long an account's doors have before another process may look at them.
const ROUND: Span = Span::minutes(2);
/// It is looked up what became of what is not told again by then.
const LOOKED_UP: Span = Span::minutes(5);
/// Schedules that are taken at once.
const BATCH: i64 = 500;
/// Of one account; told at the worst within a round.
const OF_ACCOUNT: usize = 32;
/// Doors of an account that are told at the same time.
const AT_ONCE: usize = 4;
/// A door that is held open is looked at so often.
const LOOK: Span = Span::minutes(10);
/// How old what is known of it may be then; and what doors can do.
const WHEN_LOOKED_AT: Freshness = Freshness { doors: Span::minutes(5), groups: Span::hours(24) };
const WHAT_IT_CAN: Freshness = Freshness { doors: Span::hours(24), groups: Span::hours(24) };
/// What can't be told is tried again after this, and after twice as long each time.
const AGAIN: Span = Span::seconds(5);
const AGAIN_MAX: Span = Span::minutes(5);
/// Days around today whose holidays count.
const DAYS_AROUND: Days = Days::new(11);

/// A schedule, and all that its door depends on.
pub(super) struct Seen {
    pub schedule: DoorSchedule,
    pub influences: Influences,
    lasting: Lasting,
    told: Option<Told>,
    known: Option<KnownDoor>,
    /// Whether the provider ever said which doors it has.
    is_listed: bool,
    /// Whether something may unlock the door that is not in sight.
    has_more: bool,
}

impl App {
    /// Takes schedules that are due, by account; but for those of accounts that are at work.
    pub(crate) async fn take_schedules(
        &self,
        at_work: &HashSet<IntegrationId>,
    ) -> Result<HashMap<IntegrationId, Vec<DoorSchedule>>, Error> {
        let now = self.clock.now();
        let at_work: Vec<_> = at_work.iter().map(|account| account.uuid()).collect();
        let mut tx = self.platform.begin().await?;
        let taken = store::take_due(&mut tx, now, now + ROUND, &at_work, BATCH).await?;
        tx.commit().await?;
        let mut by_account: HashMap<_, Vec<DoorSchedule>> = HashMap::new();
        for schedule in taken {
            by_account.entry(schedule.account).or_default().push(schedule);
        }
        Ok(by_account)
    }

    /// Has doors of one account be as they should, whose schedules were taken.
    pub(crate) async fn follow(&self, mut taken: Vec<DoorSchedule>) -> Result<(), Error> {
        let Some(workspace) = taken.first().map(|schedule| schedule.workspace) else { return Ok(()) };
        let now = self.clock.now();
        let left = taken.split_off(taken.len().min(OF_ACCOUNT));
        let mut next: Vec<Next> = left.into_iter().map(|taken| goes_on(taken, Some(now))).collect();
        let mut tx = self.pool.begin(workspace).await?;
        let places: Vec<_> = taken.iter().map(|it| (it.provider.clone(), it.location)).collect();
        let serving = door::serving(&mut tx, workspace, &places).await?;
        tx.commit().await?;
        let mut account = None;
        let mut followed = Vec::with_capacity(taken.len());
        for (schedule, serving) in taken.into_iter().zip(serving) {
            match serving.filter(|serving| schedule.is_of(&serving.account) && serving.is_followed) {
                Some(serving) => {
                    account = Some(serving.account);
                    followed.push(schedule);
                }
                None => {
                    let is_gone = schedule.is_deleted;
                    let rests = goes_wrong(schedule, AccessReason::IntegrationInactive, now);
                    next.push(Next { due_at: None, is_gone, ..rests });
                }
            }
        }
        if let Some(account) = account {
            let is_look = followed.iter().any(|schedule| schedule.is_look);
            let freshness = if is_look { WHEN_LOOKED_AT } else { WHAT_IT_CAN };
            self.freshen(&account, &[], freshness).await?;
            let (settled, to_tell) = self.decide(&account, &followed).await?;
            next.extend(settled);
            let telling = to_tell.into_iter().map(|(operation, then)| async move {
                let ended = self.carry_out(operation).await?;
                Ok::<_, Error>(match ended.state {
                    OperationState::Done => then,
                    _ => goes_wrong(then.taken, ended.reason, self.clock.now()),
                })
            });
            let told: Vec<_> = futures::stream::iter(telling).buffer_unordered(AT_ONCE).collect().await;
            for told in told {
                match told {
                    Ok(told) => next.push(told),
                    // It is due again by itself.
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "what came of a door is not noted"
                        );
                    }
                }
            }
        }
        let mut tx = self.pool.begin(workspace).await?;
        store::settle(&mut tx, workspace, &next).await?;
        Ok(tx.commit().await?)
    }

    /// Decides what doors are told, and notes it before it is sent; with how their schedules go on then. And those that
    /// are told nothing.
    async fn decide(
        &self,
        account: &Account,
        taken: &[DoorSchedule],
    ) -> Result<(Vec<Next>, Vec<(Operation, Next)>), Error> {
        let now = self.clock.now();
        let mut tx = self.pool.begin(account.workspace).await?;
        let taken = store::hold_taken(&mut tx, account, taken).await?;
        let (mut settled, mut to_tell) = (Vec::new(), Vec::new());
        for seen in self.see(&mut tx, account, taken, now).await? {
            let hold_max = seen.hold_max();
            let (order, at) =
                decide(&seen.influences, now, seen.told, hold_max.unwrap_or(Duration::from_secs(60)));
            let rule = seen.influences.should(now).rule;
            let Some(order) = order else {
                settled.push(seen.rests(rule, at, now));
                continue;
            };
            if let Some(problem) = seen.obstacle(order) {
                settled.push(goes_wrong(seen.schedule, problem, now));
                continue;
            }
            let operation = seen.operation(account, order, now);
            if seen.lasting.last.as_ref().is_none_or(|last| last.id != operation.id) {
                operation::insert(&mut tx, &operation).await?;
            }
            to_tell.push((operation, seen.goes_on(order, at, now)));
        }
        tx.commit().await?;
        Ok((settled, to_tell))
    }

    /// What these doors of an account depend on.
    pub(super) async fn see(
        &self,
        conn: &mut PgConnection,
        account: &Account,
        schedules: Vec<DoorSchedule>,
        now: Timestamp,
    ) -> Result<Vec<Seen>, Error> {
        let workspace = account.workspace;
        let doors: Vec<&str> = schedules.iter().map(|schedule| schedule.door_ref.as_str()).collect();
        let known = door::known(conn, workspace, &[account.id]).await?;
        let is_listed = !known.is_empty();
        let mut known: HashMap<String, KnownDoor> =
            known.into_iter().map(|door| (door.door_ref.clone(), door)).collect();
        let mut told = lasting::told(conn, account, &doors).await?;
        let held = schedules.iter().filter(|schedule| schedule.is_held_for_bookings);
        let held: Vec<&str> = held.map(|schedule| schedule.door_ref.as_str()).collect();
        let mut bookings: HashMap<String, Vec<_>> = HashMap::new();
        if !held.is_empty() {
            for (door, window) in lasting::bookings(conn, account, &held, now - BEHIND).await? {
                bookings.entry(door).or_default().push(window);
            }
        }
        let today = now.date_naive();
        let days = (today - DAYS_AROUND, today + DAYS_AROUND);
        let mut locations: Vec<LocationId> = schedules.iter().map(|schedule| schedule.location).collect();
        locations.sort_unstable();
        locations.dedup();
        let mut others: HashMap<LocationId, OtherDays> = HashMap::new();
        for (location, holiday) in holiday::between(conn, workspace, &locations, days).await? {
            others.entry(location).or_default().insert(holiday.date, holiday.hours);
        }
        let standing = lockdown::standing(conn, workspace).await?;
        let lifts = lasting::lifts(conn, workspace).await?;

        let mut seen = Vec::with_capacity(schedules.len());
        for schedule in schedules {
            let (mut is_locked_down, mut lifted_at) = (false, None);
            if !standing.is_empty() || !lifts.is_empty() {
                let mut leading = place(conn, account, &schedule.door_ref, now).await?.locations;
                leading.push(schedule.location);
                is_locked_down =
                    leading.iter().any(|location| standing.iter().any(|lockdown| lockdown.covers(*location)));
                let covering = lifts.iter().filter(|(of, _)| of.is_none_or(|of| leading.contains(&of)));
                lifted_at = covering.map(|(_, lifted_at)| *lifted_at).max();
            }
            let lasting = told.remove(&schedule.door_ref).unwrap_or_default();
            let known = known.remove(&schedule.door_ref);
            let hours = schedule.hours.clone().map(|hours| DoorHours {
                hours,
                others: others.get(&schedule.location).cloned().unwrap_or_default(),
            });
            let booked = bookings.remove(&schedule.door_ref).unwrap_or_default();
            let manual = lasting.manual.as_ref().and_then(manual);
            let manual = manual.filter(|manual| lifted_at.is_none_or(|lifted_at| lifted_at <= manual.at));
            seen.push(Seen {
                has_more: hours.is_some() || booked.iter().any(|window| now < window.start()),
                influences: Influences::new(now, hours.as_ref(), booked, manual, is_locked_down),
                told: told_of(&lasting, lifted_at, known.as_ref()),
                schedule,
                lasting,
                known,
                is_listed,
            });
        }
        Ok(seen)
    }
}

impl Seen {
    fn hold_max(&self) -> Option<Duration> {
        let known = self.known.as_ref()?;
        known.abilities.hold_max.and_then(|max| Duration::try_from(max).ok())
    }

    /// Why the door can't be told that.
    fn obstacle(&self, order: Order) -> Option<AccessReason> {
        let can = |known: &KnownDoor| match order.act {
            Act::Hold(_) => known.abilities.hold_max.is_some(),
            Act::Lock => known.abilities.can_lock,
        };
        match &self.known {
            Some(known) => (!can(known)).then_some(AccessReason::DoorCannot),
            None if self.is_listed => Some(AccessReason::ProviderLacksDoor),
            None => Some(AccessReason::ProviderUnreachable),
        }
    }

    /// What is sent: the same once more, if that was the last thing and it is not known to be done. Be it that the door
    /// could be held a little longer by now.
    fn operation(&self, account: &Account, order: Order, now: Timestamp) -> Operation {
        let (action, hold_until) = match order.act {
            Act::Hold(until) => (Action::HoldOpen, Some(until)),
            Act::Lock => (Action::Lock, None),
        };
        let a_little = self.hold_max().and_then(|max| Span::from_std(max / 4).ok()).unwrap_or_default();
        let is_near = |last: &Operation| match last.hold_until.zip(hold_until) {
            Some((last, now)) => last <= now && now <= last + a_little,
            None => last.hold_until == hold_until,
        };
        let again = self.lasting.last.as_ref().filter(|last| {
            let is_open = last.source.is_by_itself() && last.state != OperationState::Done;
            is_open && last.action == action && is_near(last)
        });
        if let Some(again) = again {
            return again.clone();
        }
        let held_by = self.lasting.ours.as_ref().map(|ours| ours.source);
        let name = self.known.as_ref().map(|door| door.name.clone());
        Operation {
            workspace: account.workspace,
            id: OperationId::new(),
            caller: String::new(),
            person: None,
            source: source_of(order.rule).or(held_by).unwrap_or(OperationSource::Schedule),
            request_id: None,
            lockdown: None,
            action,
            pulse_ms: None,
            hold_until,
            location: self.schedule.location,
            provider: account.provider.clone(),
            account: Some(account.clone()),
            spot_kind: SpotKind::Door,
            spot_ref: self.schedule.door_ref.clone(),
            spot_name: name.unwrap_or_default(),
            state: OperationState::UnderWay,
            reason: AccessReason::Unspecified,
            reason_time: None,
            detail: String::new(),
            held_until: None,
            begun_at: now,
            ended_at: None,
            check_at: Some(now + LOOKED_UP),
        }
    }

    /// How it goes on when nothing is told.
    fn rests(self, rule: Rule, at: Option<Timestamp>, now: Timestamp) -> Next {
        let is_gone = self.schedule.is_deleted && rule != Rule::Lockdown;
        let is_held = rule.unlocks() && self.told.is_some_and(|told| told.is_ours);
        if is_held {
            return look(self.schedule, at, now);
        }
        // A lockdown that is lifted has it looked at.
        let later = (rule != Rule::Lockdown && self.has_more).then(|| now + Span::days(1));
        Next { is_gone, ..goes_on(self.schedule, at.or(later)) }
    }

    /// How it goes on when the door has done that.
    fn goes_on(self, order: Order, at: Option<Timestamp>, now: Timestamp) -> Next {
        match order.act {
            Act::Hold(_) => look(self.schedule, at, now),
            Act::Lock => {
                let later = self.has_more.then(|| now + Span::days(1));
                let is_gone = self.schedule.is_deleted;
                Next { is_gone, ..goes_on(self.schedule, at.or(later)) }
            }
        }
    }
}

fn goes_on(taken: DoorSchedule, due_at: Option<Timestamp>) -> Next {
    Next { taken, due_at, is_look: false, problem: None, is_gone: false }
}

/// A door that is held open is looked at now and then, be it that nothing is to change.
fn look(taken: DoorSchedule, at: Option<Timestamp>, now: Timestamp) -> Next {
    let look_at = now + LOOK;
    let is_look = at.is_none_or(|at| look_at < at);
    Next { is_look, ..goes_on(taken, Some(at.map_or(look_at, |at| at.min(look_at)))) }
}

fn goes_wrong(taken: DoorSchedule, problem: AccessReason, now: Timestamp) -> Next {
    let doublings = taken.failures.clamp(0, 10).unsigned_abs();
    let again = (AGAIN * 2i32.pow(doublings)).min(AGAIN_MAX);
    Next { problem: Some(problem), ..goes_on(taken, Some(now + again)) }
}

/// What was done by hand.
fn manual(operation: &Operation) -> Option<Manual> {
    Some(Manual { at: operation.begun_at, act: act(operation)? })
}

fn act(operation: &Operation) -> Option<Act> {
    match operation.action {
        Action::HoldOpen => operation.held_until.or(operation.hold_until).map(Act::Hold),
        Action::Lock => Some(Act::Lock),
        Action::Pulse | Action::LockDown | Action::LiftLockdown => None,
    }
}

/// What a door was last told, and whether it may be otherwise: our own word may have got lost, or came at the same time
/// as another's; a lockdown ends what was held; and the door itself may say so.
fn told_of(lasting: &Lasting, lifted_at: Option<Timestamp>, known: Option<&KnownDoor>) -> Option<Told> {
    let standing = lasting.standing()?;
    let act = act(standing)?;
    let is_ours = standing.source.is_by_itself();
    let is_lost = is_ours && standing.state != OperationState::Done;
    let both = lasting.ours.as_ref().zip(lasting.manual.as_ref());
    let is_crossed = both.is_some_and(|(ours, manual)| overlap(ours, manual));
    let is_held = matches!(act, Act::Hold(_));
    let was_ended = is_held && lifted_at.is_some_and(|lifted_at| standing.begun_at < lifted_at);
    let is_seen_locked = is_held
        && known.is_some_and(|door| {
            door.state.is_locked == Some(true) && standing.ended_at.is_some_and(|ended| ended < door.asked_at)
        });
    Some(Told { act, is_ours, is_doubtful: is_lost || is_crossed || was_ended || is_seen_locked })
}

/// Whether nobody knows which of them came to the door first.
fn overlap(one: &Operation, other: &Operation) -> bool {
    let is_before =
        |one: &Operation, other: &Operation| one.ended_at.is_some_and(|end| end <= other.begun_at);
    !is_before(one, other) && !is_before(other, one)
}
