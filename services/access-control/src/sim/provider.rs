//! The modelled adapters and providers: a queue with the newest command of each grant, and who holds which
//! window at which door.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::IntegrationId;
use domain::names::{IntegrationName, PersonName};
use proto::access::v1 as pb;
use proto::access::v1::access_command_completed::Outcome;

use super::names::{door, moment, target};
use super::truth::{DOORS, PROVIDERS, Place, Second, Site};

/// Half-open, as the provider judges it.
pub(super) type Span = (Second, Second);

/// A place in one of the workspaces.
pub(super) type At = (usize, Place);

/// A provider's account of a workspace, or of its location alone.
pub(super) type Account = (usize, &'static str, bool);

/// A command on its way, or waiting.
#[derive(Debug, Clone)]
pub(super) struct Command {
    pub at: At,
    pub grant: String,
    pub generation: i64,
    pub window: Option<Span>,
    pub email: String,
}

/// What becomes of a command that is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Done,
    Refused(pb::AccessFailureKind),
    /// Nobody knows whether it was done.
    Unknown {
        is_done: bool,
    },
    /// The adapter dies; it tries again when it is back.
    Died {
        is_done: bool,
    },
}

/// What an adapter last said of a grant.
#[derive(Debug)]
struct Held {
    grant: String,
    generation: i64,
    window: Option<Span>,
}

/// The adapters with their providers, of all workspaces.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// What was published and has not come in yet.
    pub on_the_way: Vec<Command>,
    pub waiting: BTreeMap<At, Command>,
    answered: HashMap<(usize, String), i64>,
    /// What the providers hold of ours.
    pub rights: BTreeMap<At, Span>,
    /// How the providers last heard that people are reached.
    pub emails: BTreeMap<At, String>,
    held: BTreeMap<At, Held>,
    executed: BTreeMap<At, i64>,
    /// Those that do not answer.
    pub out: BTreeSet<Account>,
    turns: BTreeMap<Account, i64>,
    grants: BTreeMap<At, String>,
}

impl Accounts {
    /// Reads a command that was published to `provider` for the workspace `number`.
    pub(super) fn read(
        &mut self,
        sites: &[Site],
        number: usize,
        provider: &str,
        command: &pb::AccessCommand,
    ) -> Result<Command, String> {
        let site = &sites[number];
        let is_ours = |name: &str| name.starts_with(&format!("workspaces/{}/", site.workspace));
        let told = command.person.as_ref().ok_or("a command for nobody")?;
        let email = told.email.clone();
        let person: PersonName = told.name.parse().map_err(|_| "a command for nobody")?;
        let person = (0..site.people.len()).find(|&it| site.person_name(it) == person.to_string());
        let target = command.target.as_ref().and_then(|target| door(provider, target));
        let (Some(person), Some(door), true) = (person, target, is_ours(&command.grant)) else {
            return Err(format!("a command for another workspace, or no door of its own: {command:?}"));
        };
        let is_own = match command.location.as_str() {
            "" => false,
            location if location == site.location() => true,
            _ => return Err(format!("a command for another location: {command:?}")),
        };
        let at = (number, Place { person, door, is_own });
        let grant = self.grants.entry(at).or_insert_with(|| command.grant.clone());
        if *grant != command.grant {
            return Err(format!("two grants for {at:?}: {grant} and {}", command.grant));
        }
        let window = command.window.as_ref().map(|window| {
            let second = |time: &Option<pbjson_types::Timestamp>| time.map_or(0, |time| time.seconds);
            (second(&window.start_time), second(&window.end_time))
        });
        Ok(Command { at, grant: command.grant.clone(), generation: command.generation, window, email })
    }

    /// A command comes in: of a grant the newest waits, and none that was answered, or is older than one that was.
    pub(super) fn arrive(&mut self, command: Command) {
        let answered = self.answered.get(&(command.at.0, command.grant.clone())).copied().unwrap_or(0);
        let waiting = self.waiting.get(&command.at).map_or(-1, |waiting| waiting.generation);
        if answered < command.generation && waiting < command.generation {
            self.waiting.insert(command.at, command);
        }
    }

    /// Whether an adapter died over the command that waits.
    pub(super) fn was_tried(&self, at: At) -> bool {
        let waiting = self.waiting.get(&at).map(|waiting| waiting.generation);
        waiting.is_some() && self.executed.get(&at).copied() == waiting
    }

    /// Works on a command that waits. Gives the answer, if there is one.
    pub(super) fn work(&mut self, at: At, fate: Fate) -> Option<pb::AccessCommandCompleted> {
        let command = self.waiting.get(&at)?.clone();
        let is_out = self.out.contains(&account(at));
        let fate = if is_out { Fate::Refused(pb::AccessFailureKind::Unreachable) } else { fate };
        let is_done =
            matches!(fate, Fate::Done | Fate::Unknown { is_done: true } | Fate::Died { is_done: true });
        if is_done {
            match command.window {
                Some(window) => {
                    self.rights.insert(at, window);
                    self.emails.insert(at, command.email.clone());
                }
                None => {
                    self.rights.remove(&at);
                }
            }
        }
        self.executed.insert(at, command.generation);
        let failed = |kind: pb::AccessFailureKind, outcome_unknown| {
            let reason = "the provider is in a mood".to_owned();
            Outcome::Failed(pb::AccessFailure {
                kind: kind.into(),
                reason,
                outcome_unknown,
                ..Default::default()
            })
        };
        let outcome = match fate {
            Fate::Died { .. } => return None,
            Fate::Done => {
                let held = Held {
                    grant: command.grant.clone(),
                    generation: command.generation,
                    window: command.window,
                };
                self.held.insert(at, held);
                let window = command.window.map(|(start, end)| pb::AccessWindow {
                    start_time: Some(moment(start)),
                    end_time: Some(moment(end)),
                });
                Outcome::Applied(pb::AccessApplied { window, ..Default::default() })
            }
            Fate::Refused(kind) => failed(kind, false),
            Fate::Unknown { .. } => failed(pb::AccessFailureKind::Unreachable, true),
        };
        self.waiting.remove(&at);
        let answered = self.answered.entry((at.0, command.grant.clone())).or_default();
        *answered = command.generation.max(*answered);
        Some(pb::AccessCommandCompleted {
            grant: command.grant,
            generation: command.generation,
            outcome: Some(outcome),
        })
    }

    /// Compares an account with what was last said, as a turn of the reconciler does. Gives the turn's number.
    pub(super) fn compare(
        &mut self,
        site: &Site,
        account: Account,
        now: Second,
    ) -> (i64, pb::AccountReconciled) {
        let turn = self.turns.entry(account).or_default();
        *turn += 1;
        let mut drifts = vec![pb::DriftReport {
            kind: pb::DriftKind::Foreign.into(),
            target: Some(target(0)),
            holder: "Bob".to_owned(),
            provider_ref: "bob".to_owned(),
            ..Default::default()
        }];
        for (&at, held) in &self.held {
            let is_at_rest =
                !self.waiting.contains_key(&at) && self.executed.get(&at) == Some(&held.generation);
            let Some((start, end)) = held.window.filter(|&(_, end)| is_at_rest && now < end) else {
                continue;
            };
            if super::provider::account(at) != account {
                continue;
            }
            let found = self.rights.get(&at).copied();
            if found == held.window {
                continue;
            }
            let kind = if found.is_some() { pb::DriftKind::Changed } else { pb::DriftKind::Missing };
            drifts.push(pb::DriftReport {
                kind: kind.into(),
                grant: held.grant.clone(),
                generation: held.generation,
                target: Some(target(at.1.door)),
                provider_ref: format!("{at:?}"),
                expected: Some(pb::AccessWindow {
                    start_time: Some(moment(start)),
                    end_time: Some(moment(end)),
                }),
                found_start_time: found.map(|(start, _)| moment(start)),
                found_end_time: found.map(|(_, end)| moment(end)),
                ..Default::default()
            });
        }
        let count = |kind: pb::DriftKind| {
            i32::try_from(drifts.iter().filter(|drift| drift.kind() == kind).count()).unwrap()
        };
        let counts = pb::DriftCounts {
            rights: i32::try_from(self.rights.len()).unwrap(),
            missing: count(pb::DriftKind::Missing),
            changed: count(pb::DriftKind::Changed),
            unwanted: 0,
            foreign: 1,
        };
        let comparison = pb::AccountComparison { counts: Some(counts), drifts };
        let message = pb::AccountReconciled {
            provider: account.1.to_owned(),
            integration: account_name(site, account),
            begin_time: Some(moment(now)),
            end_time: Some(moment(now)),
            outcome: Some(pb::account_reconciled::Outcome::Comparison(comparison)),
        };
        (*turn, message)
    }

    /// Whether the providers' doors open.
    pub(super) fn opens(&self, at: At, now: Second) -> bool {
        self.rights.get(&at).is_some_and(|&(start, end)| start <= now && now < end)
    }
}

/// Which account a place is in.
pub(super) fn account((number, place): At) -> Account {
    (number, DOORS[place.door].0, place.is_own)
}

pub(super) fn account_name(site: &Site, (_, provider, is_own): Account) -> String {
    let number = PROVIDERS.iter().position(|it| *it == provider).unwrap() * 2 + usize::from(is_own);
    let id = IntegrationId::from_uuid(uuid::Uuid::from_u128(number as u128 + 1));
    IntegrationName { workspace: site.workspace, id }.to_string()
}
