//! Brings one person's rights on one group to what is wanted.

use domain::{Window, WorkspaceId};
use door_adapter::{AccessRequest, Applied, ApplyError, ErrorKind, ProviderError};
use vendor_http::{Effect, ErrorKind as VendorKind};

use crate::plan::{self, Live, Obstacle, Row, State};
use crate::provider::failure;
use crate::store::{Change, Door, Intent, Known, Ledger, Place, RowKey};
use crate::user::Users;
use crate::vendor::wire::{GroupId, LockId, RoleAssignmentId, UserId};
use crate::vendor::{Error, KisiAccount, LockGroup, may_exist_already};

/// Begins the names of groups that are kept for one lock.
const LOCK_GROUP_PREFIX: &str = "Latchkey: lock ";

/// Whether a group of that name is one that Latchkey keeps for a single lock.
pub(crate) fn is_kept_for_a_lock(name: &str) -> bool {
    name.starts_with(LOCK_GROUP_PREFIX)
}

/// The lock that Latchkey keeps a group of that name for, if so.
pub(crate) fn lock_of_kept_group(name: &str) -> Option<LockId> {
    name.strip_prefix(LOCK_GROUP_PREFIX)?.parse().ok().map(LockId)
}

/// One request at work.
pub(crate) struct Access<'a> {
    pub ledger: &'a Ledger,
    pub kisi: &'a KisiAccount,
    pub place: Place,
    pub request: &'a AccessRequest,
    /// What is to be noted with the outcome, in order.
    pub changes: &'a mut Vec<Change>,
    /// Whether rights at Kisi are others than before. A failure after that must say so.
    pub has_changed: bool,
}

/// How far a grant came.
enum Step {
    Done(RoleAssignmentId),
    /// Somebody deleted the user.
    UserGone,
    /// Somebody deleted the group.
    GroupGone,
}

impl Access<'_> {
    /// Takes away what we gave.
    pub(crate) async fn revoke(&mut self, known: Known) -> Result<Applied, ApplyError> {
        let mut was_asked = false;
        if let Some(group) = known.group {
            was_asked = known.rows.iter().any(|row| row.live().is_none_or(|live| live.is_ours));
            let (rows, _) = self.settle(group, known.rows).await?;
            self.remove(group, &rows).await?;
        }
        Ok(Applied { window: None, provider_ref: None, secret: None, was_asked })
    }

    /// Gives the window, and takes away the others.
    pub(crate) async fn grant(
        &mut self,
        known: Known,
        window: Window,
    ) -> Result<RoleAssignmentId, ApplyError> {
        let mut known = known;
        // What the ledger knows of user and group may have been deleted since: then once more.
        for _ in 0..2 {
            let Some(user) = self.users().ensure(known.user.take()).await? else {
                known = self.ledger.read(self.place).await?;
                continue;
            };
            let group = match known.group {
                Some(group) => group,
                None => {
                    let group = self.ensure_group().await?;
                    let place = Place { door: Door::Group(group), ..self.place };
                    known.rows = self.ledger.read(place).await?.rows;
                    group
                }
            };
            match self.give(user, group, known.rows, window).await? {
                Step::Done(right) => return Ok(right),
                Step::UserGone => {
                    self.ledger.forget_user(self.place.account, self.place.person, user).await?;
                }
                Step::GroupGone => match self.place.door {
                    Door::Group(group) => return Err(group_unknown(group).into()),
                    Door::Lock(lock) => {
                        self.ledger.forget_lock_group(self.place.account.workspace, lock, group).await?;
                    }
                },
            }
            known = self.ledger.read(self.place).await?;
        }
        let reason = "the person or the group is deleted at Kisi again and again: look who does that";
        Err(ProviderError::new(ErrorKind::NotFound, reason).into())
    }

    /// One try, for a user and a group that should be there.
    async fn give(
        &mut self,
        user: UserId,
        group: GroupId,
        rows: Vec<Row>,
        window: Window,
    ) -> Result<Step, ApplyError> {
        let was_tried = rows.iter().any(|row| row.window == window && row.state == State::Creating);
        let (rows, listed) = self.settle(group, rows).await?;
        let (same, mut others): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.window == window);
        if let Some((row, live)) = same.first().and_then(|row| Some((row, row.live()?))) {
            let is_there = row.user == user
                && (listed.contains(&user) || self.is_there(user, group, live.id, window).await?);
            if is_there {
                if !self.users().ensure_let_in(user).await? {
                    return Ok(Step::UserGone);
                }
                self.remove(group, &others).await?;
                return Ok(Step::Done(live.id));
            }
            // Another user's, or changed behind our back. The ledger has one row for a window.
            self.remove(group, &same).await?;
        }
        let key = self.key(group, window);
        // The intent takes the place of whatever was to be noted of this window.
        self.changes.retain(|change| change.key != key);
        self.ledger.intend(Intent { key, user }).await?;
        let right = match self.kisi.create_assignment(user, group, window.into()).await {
            Ok(made) => Live { id: made.id, is_ours: true },
            Err(refused) => {
                let refusal = Refusal { user, group, window, was_tried, error: refused };
                match self.overcome(refusal, &mut others).await? {
                    Ok(right) => right,
                    Err(step) => return Ok(step),
                }
            }
        };
        self.has_changed = true;
        self.changes.push(Change { key, to: Some((user, right)) });
        self.remove(group, &others).await?;
        Ok(Step::Done(right.id))
    }

    /// Makes the best of a create that failed. `others` are our other rights; those that had to make room
    /// are taken out.
    async fn overcome(
        &mut self,
        refusal: Refusal,
        others: &mut Vec<Row>,
    ) -> Result<Result<Live, Step>, ApplyError> {
        let Refusal { user, group, window, was_tried, error } = refusal;
        let key = self.key(group, window);
        let Some(vendor) = error.vendor() else { return Err(failure(error).into()) };
        if vendor.kind == VendorKind::NotFound {
            if self.kisi.find_user(user).await.map_err(failure)?.is_none() {
                return Ok(Err(Step::UserGone));
            }
            self.changes.push(Change { key, to: None });
            return Ok(Err(Step::GroupGone));
        }
        if !may_exist_already(vendor) {
            // Without an answer the intent stays: the next try looks what became of it.
            if vendor.effect == Effect::None {
                self.changes.push(Change { key, to: None });
            }
            return Err(failure(error).into());
        }
        let listed = self.kisi.list_assignments(user, group).await.map_err(failure)?;
        match plan::obstacle(others, user, &listed, window) {
            // One that we did not try before is somebody else's: used, but never deleted.
            Obstacle::SameRight(id) => Ok(Ok(Live { id, is_ours: was_tried })),
            Obstacle::Ours(ours) => {
                self.remove(group, &ours).await?;
                others.retain(|row| !ours.contains(row));
                match self.kisi.create_assignment(user, group, window.into()).await {
                    Ok(made) => Ok(Ok(Live { id: made.id, is_ours: true })),
                    Err(error) => {
                        if error.vendor().is_some_and(|vendor| vendor.effect == Effect::None) {
                            self.changes.push(Change { key, to: None });
                        }
                        Err(failure(error).into())
                    }
                }
            }
            Obstacle::Foreign => {
                self.changes.push(Change { key, to: None });
                let reason = format!(
                    "Kisi lets the person have one right on group {group}, and one that Latchkey did not \
                     make is there: remove it at Kisi, or use a group for bookings alone"
                );
                Err(failure(error).meaning(ErrorKind::Conflict, reason).into())
            }
            Obstacle::None => {
                // A deleted user is refused in this way, too.
                if self.kisi.find_user(user).await.map_err(failure)?.is_none() {
                    return Ok(Err(Step::UserGone));
                }
                self.changes.push(Change { key, to: None });
                Err(failure(error).into())
            }
        }
    }

    /// Finds out what became of earlier tries. Gives the rights as they are, and the users whose rights
    /// were listed.
    async fn settle(
        &mut self,
        group: GroupId,
        rows: Vec<Row>,
    ) -> Result<(Vec<Row>, Vec<UserId>), ApplyError> {
        let users = plan::must_list(&rows);
        let mut rows = rows;
        for &user in &users {
            let listed = self.kisi.list_assignments(user, group).await.map_err(failure)?;
            let mut settled = Vec::with_capacity(rows.len());
            for row in &rows {
                let now = plan::settle(*row, &rows, user, &listed);
                if now != Some(*row) {
                    let to = now.and_then(|now| Some((now.user, now.live()?)));
                    self.changes.push(Change { key: self.key(group, row.window), to });
                }
                settled.extend(now);
            }
            rows = settled;
        }
        Ok((rows, users))
    }

    /// Whether the right is as the ledger has it.
    async fn is_there(
        &self,
        user: UserId,
        group: GroupId,
        id: RoleAssignmentId,
        window: Window,
    ) -> Result<bool, ApplyError> {
        let found = self.kisi.find_assignment(id).await.map_err(failure)?;
        Ok(found.is_some_and(|right| right.is_basic_of(user, group) && right.validity == window.into()))
    }

    /// Takes rights away: those that we made from Kisi, the others from the ledger alone.
    async fn remove(&mut self, group: GroupId, rows: &[Row]) -> Result<(), ApplyError> {
        for row in rows {
            if let Some(live) = row.live().filter(|live| live.is_ours) {
                self.kisi.delete_assignment(live.id).await.map_err(failure)?;
                self.has_changed = true;
            }
            self.changes.push(Change { key: self.key(group, row.window), to: None });
        }
        Ok(())
    }

    fn key(&self, group: GroupId, window: Window) -> RowKey {
        RowKey { workspace: self.place.account.workspace, person: self.place.person, group, window }
    }

    fn users(&self) -> Users<'_> {
        let Place { account, .. } = self.place;
        Users { ledger: self.ledger, kisi: self.kisi, account, person: &self.request.person }
    }

    async fn ensure_group(&self) -> Result<GroupId, ApplyError> {
        ensure_group(self.ledger, self.kisi, self.place).await
    }
}

/// The group that opens a door.
pub(crate) async fn ensure_group(
    ledger: &Ledger,
    kisi: &KisiAccount,
    place: Place,
) -> Result<GroupId, ApplyError> {
    match place.door {
        Door::Group(group) => Ok(group),
        Door::Lock(lock) => ensure_lock_group(ledger, kisi, place.account.workspace, lock).await,
    }
}

/// The group of the one lock. Its name holds the lock's id alone, so that a renamed lock keeps it.
async fn ensure_lock_group(
    ledger: &Ledger,
    kisi: &KisiAccount,
    workspace: WorkspaceId,
    lock: LockId,
) -> Result<GroupId, ApplyError> {
    let locks = kisi.list_locks(None).await.map_err(failure)?;
    let lock = locks.into_iter().find(|known| known.id == lock).ok_or_else(|| lock_unknown(lock))?;
    let name = format!("{LOCK_GROUP_PREFIX}{}", lock.id);
    let description = format!(
        "{}: the people whom Latchkey lets in. Kept by Latchkey; please add no other doors.",
        lock.name
    );
    let wanted = LockGroup { lock: lock.id, place: lock.place_id, name: &name, description: &description };
    let group = kisi.ensure_lock_group(wanted).await.map_err(failure)?;
    Ok(ledger.remember_lock_group(workspace, lock.id, group).await?)
}

/// A create that failed.
struct Refusal {
    user: UserId,
    group: GroupId,
    window: Window,
    /// Whether an earlier try for the same window was open.
    was_tried: bool,
    error: Error,
}

fn group_unknown(group: GroupId) -> ProviderError {
    let reason = format!("Kisi has no group {group} in this organization: choose the door again");
    ProviderError::new(ErrorKind::NotFound, reason)
}

fn lock_unknown(lock: LockId) -> ProviderError {
    let reason = format!("Kisi has no lock {lock} in this organization: choose the door again");
    ProviderError::new(ErrorKind::NotFound, reason)
}
