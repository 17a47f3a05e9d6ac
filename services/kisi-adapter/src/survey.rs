//! Reads who may enter at the groups that Latchkey uses, call by call, and tells ours from others'.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use domain::names::IntegrationName;
use domain::{Timestamp, WorkspaceId};
use door_adapter::{ApplyError, ErrorKind, Origin, Period, ProviderError, Right, Target, TargetKind};

use crate::access::lock_of_kept_group;
use crate::guest;
use crate::provider::failure;
use crate::store::{Ledger, OnGroup};
use crate::user::mark;
use crate::vendor::wire::{Group, GroupId, GroupLink, LockId, UserId, WireRoleAssignment, WireUser};
use crate::vendor::{
    Assignee, GROUP_BASIC, KisiAccount, Reader, RoleAssignment, USER_PAGE, User, Validity, rights_on,
};

/// One reading of an account.
pub(crate) struct Survey<'a> {
    ledger: &'a Ledger,
    kisi: KisiAccount,
    account: IntegrationName,
    targets: &'a [Target],
    now: Timestamp,
    /// The organization's groups, until they are read.
    groups: Option<Reader<Group>>,
    /// Guests' links, until they are read.
    links: Option<Reader<GroupLink>>,
    rooms: VecDeque<Room>,
    reading: Option<Reading>,
    /// Rights in groups that Latchkey keeps, whose users are to be looked at.
    strangers: Vec<(UserId, Keeper, Right)>,
    /// Our rights, whose users are to be looked at when all rights are read.
    ours: BTreeMap<UserId, Vec<Right>>,
    /// Some of them, while they are looked at.
    holders: Option<(Vec<UserId>, Reader<WireUser>)>,
}

/// A group that Latchkey uses.
struct Room {
    group: GroupId,
    target: Target,
    keeper: Keeper,
}

/// Who keeps a group for a lock, and alone gives rights there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeper {
    /// It is an operator's, or several workspaces share it.
    Nobody,
    /// This workspace, by its ledger.
    We,
    /// Some Latchkey, by its name: this workspace before its ledger was restored, or another installation.
    SomeLatchkey,
}

/// A group whose rights are being read.
struct Reading {
    room: Room,
    /// What the ledger knew of it before.
    before: OnGroup,
    reader: Reader<WireRoleAssignment>,
}

impl<'a> Survey<'a> {
    pub(crate) fn new(
        ledger: &'a Ledger,
        kisi: KisiAccount,
        account: IntegrationName,
        targets: &'a [Target],
        now: Timestamp,
    ) -> Self {
        Self {
            ledger,
            kisi,
            account,
            targets,
            now,
            groups: Some(Reader::of_groups().counted()),
            links: Some(Reader::of_links(guest::NAME_PREFIX.trim_end()).counted()),
            rooms: VecDeque::new(),
            reading: None,
            strangers: Vec::new(),
            ours: BTreeMap::new(),
            holders: None,
        }
    }

    /// Makes one call, and gives the rights that it made sure of. `None` at the end.
    pub(crate) async fn read_on(&mut self) -> Result<Option<Vec<Right>>, ApplyError> {
        if let Some(reader) = &mut self.groups {
            if let Some(groups) = reader.read_on(&self.kisi).await.map_err(failure)? {
                self.groups = None;
                self.rooms = self.choose(&groups).await?;
            }
            return Ok(Some(Vec::new()));
        }
        if let Some(reader) = &mut self.links {
            let Some(links) = reader.read_on(&self.kisi).await.map_err(failure)? else {
                return Ok(Some(Vec::new()));
            };
            self.links = None;
            let right = |link: &GroupLink| {
                let room = self.rooms.iter().find(|room| room.group == link.group_id)?;
                guest::right(link, &room.target)
            };
            return Ok(Some(links.iter().filter_map(right).collect()));
        }
        if let Some((user, keeper, right)) = self.strangers.pop() {
            let user = self.kisi.find_user(user).await.map_err(failure)?;
            return Ok(Some(user.map(|user| self.judge(&user, keeper, right)).into_iter().collect()));
        }
        let mut reading = match self.reading.take() {
            Some(reading) => reading,
            None => match self.rooms.pop_front() {
                None => return self.look_at_holders().await,
                Some(room) => Reading {
                    before: self.ledger.on_group(self.account.workspace, room.group).await?,
                    reader: Reader::of_rights(room.group).counted(),
                    room,
                },
            },
        };
        let Some(rows) = reading.reader.read_on(&self.kisi).await.map_err(failure)? else {
            self.reading = Some(reading);
            return Ok(Some(Vec::new()));
        };
        let Reading { room, before, .. } = reading;
        // What was given meanwhile was written down before Kisi was asked; what was taken away meanwhile was
        // known before: so whatever is ours is known before or after.
        let known = before.and(self.ledger.on_group(self.account.workspace, room.group).await?);
        let mut rights = Vec::new();
        for found in rights_on(room.group, rows) {
            self.sort(&room, &known, found, &mut rights);
        }
        Ok(Some(rights))
    }

    /// Reads the users of our rights. Those of whom someone suspended open nothing, which is as good as if they
    /// were not there.
    async fn look_at_holders(&mut self) -> Result<Option<Vec<Right>>, ApplyError> {
        let (users, mut reader) = match self.holders.take() {
            Some(holders) => holders,
            None if self.ours.is_empty() => return Ok(None),
            None => {
                let users: Vec<UserId> = self.ours.keys().copied().take(USER_PAGE).collect();
                let reader = Reader::of_users(&users).counted();
                (users, reader)
            }
        };
        let Some(rows) = reader.read_on(&self.kisi).await.map_err(failure)? else {
            self.holders = Some((users, reader));
            return Ok(Some(Vec::new()));
        };
        let suspended: HashSet<UserId> = rows
            .into_iter()
            .map(User::from_wire)
            .filter(|user| !user.access_enabled)
            .map(|user| user.id)
            .collect();
        let rights = users.iter().filter_map(|user| {
            let rights = self.ours.remove(user)?;
            (!suspended.contains(user)).then_some(rights)
        });
        Ok(Some(rights.flatten().collect()))
    }

    /// The groups at which there may be rights of ours. A group that is not listed has none.
    async fn choose(&self, groups: &[Group]) -> Result<VecDeque<Room>, ApplyError> {
        let workspace = self.account.workspace;
        // Of all accounts of the workspace.
        let by_lock: HashMap<LockId, GroupId> =
            self.ledger.kept_groups(workspace).await?.into_iter().collect();
        let by_group: HashMap<GroupId, LockId> =
            by_lock.iter().map(|(&lock, &group)| (group, lock)).collect();
        let used: HashMap<GroupId, &Target> = self
            .targets
            .iter()
            .filter_map(|target| {
                let id = target.provider_ref.parse().ok()?;
                let group = match target.kind {
                    TargetKind::Group => GroupId(id),
                    TargetKind::Lock => *by_lock.get(&LockId(id))?,
                };
                Some((group, target))
            })
            .collect();
        if !used.is_empty() && !groups.iter().any(|group| used.contains_key(&group.id)) {
            let reason = "Kisi shows none of the groups that people were let in by: does the API key belong to \
                          another organization?";
            return Err(ProviderError::new(ErrorKind::Malformed, reason).into());
        }
        let listed = groups.iter().map(|group| group.id);
        let shared = self.ledger.kept_by_others(workspace, listed).await?;
        let room = |group: &Group| {
            let (lock, keeper) = match (by_group.get(&group.id), lock_of_kept_group(&group.name)) {
                (Some(&lock), _) => (Some(lock), Keeper::We),
                (None, Some(lock)) => (Some(lock), Keeper::SomeLatchkey),
                (None, None) => (None, Keeper::Nobody),
            };
            let keeper = if shared.contains(&group.id) { Keeper::Nobody } else { keeper };
            let target = match (used.get(&group.id), lock) {
                (Some(&target), _) => target.clone(),
                (None, Some(lock)) => self.lock_target(lock, &group.name),
                (None, None) => return None,
            };
            Some(Room { group: group.id, target, keeper })
        };
        Ok(groups.iter().filter_map(room).collect())
    }

    /// The lock that a group is kept for. Of one that was never used the group's name is known at least.
    fn lock_target(&self, lock: LockId, group_name: &str) -> Target {
        let provider_ref = lock.to_string();
        let is_it = |target: &&Target| target.kind == TargetKind::Lock && target.provider_ref == provider_ref;
        let used = self.targets.iter().find(is_it).cloned();
        used.unwrap_or_else(|| Target {
            kind: TargetKind::Lock,
            provider_ref,
            display_name: group_name.to_owned(),
        })
    }

    /// Says whose a right is, or puts it with those whose user must be looked at for that.
    fn sort(&mut self, room: &Room, known: &OnGroup, found: RoleAssignment, rights: &mut Vec<Right>) {
        if found.validity.is_over(self.now) {
            return;
        }
        let user = match found.assignee {
            Assignee::User(user) if found.role == GROUP_BASIC => Some(user),
            Assignee::User(_) | Assignee::Other => None,
        };
        let mut right = Right {
            provider_ref: found.id.to_string(),
            target: room.target.clone(),
            holder: found.holder,
            period: period(found.validity),
            origin: Origin::Foreign,
        };
        match user {
            Some(user) if known.ours.contains(&found.id) || known.creating.contains(&user) => {
                right.origin = Origin::Ledger;
                return self.ours.entry(user).or_default().push(right);
            }
            // One of ours that someone made something else of: it does not let in as it should.
            None if known.ours.contains(&found.id) => return,
            Some(user) if room.keeper != Keeper::Nobody && !known.others.contains(&found.id) => {
                return self.strangers.push((user, room.keeper, right));
            }
            Some(_) | None => {}
        }
        rights.push(right);
    }

    /// In a group that Latchkey keeps: a user whom one made got the right from that one, others from the one
    /// that keeps the group.
    fn judge(&self, user: &User, keeper: Keeper, right: Right) -> Right {
        let is_from_us = match mark(user) {
            Some(person) => person.workspace == self.account.workspace,
            None => keeper == Keeper::We,
        };
        Right { origin: if is_from_us { Origin::Kept } else { Origin::Foreign }, ..right }
    }
}

/// Takes a right away that a survey found in a group of ours, if it is still the same and still not in the
/// ledger.
pub(crate) async fn remove(
    ledger: &Ledger,
    kisi: &KisiAccount,
    workspace: WorkspaceId,
    right: &Right,
) -> Result<(), ApplyError> {
    let Ok(id) = right.provider_ref.parse() else { return Ok(()) };
    let Some(found) =
        kisi.find_assignment(crate::vendor::wire::RoleAssignmentId(id)).await.map_err(failure)?
    else {
        return Ok(());
    };
    let (Assignee::User(user), crate::vendor::Target::Group(group)) = (found.assignee, found.target) else {
        return Ok(());
    };
    let known = ledger.on_group(workspace, group).await?;
    let is_known =
        known.ours.contains(&found.id) || known.others.contains(&found.id) || known.creating.contains(&user);
    if !is_known && found.role == GROUP_BASIC && period(found.validity) == right.period {
        kisi.delete_assignment(found.id).await.map_err(failure)?;
    }
    Ok(())
}

fn period(validity: Validity) -> Period {
    Period { from: validity.from(), until: validity.until() }
}
