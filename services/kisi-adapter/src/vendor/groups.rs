//! Groups of locks: people have rights on them alone (Kisi API reference, Groups).

use vendor_http::VendorError;
use vendor_http::http::Method;

use super::client::{KisiAccount, PAGE};
use super::error::{Error, may_exist_already};
use super::reader::Reader;
use super::wire::{
    Group, GroupId, GroupLock, LockId, NewGroup, NewGroupFields, NewGroupLock, NewGroupLockFields, PlaceId,
};

const GROUP_LOCKS: &str = "/group_locks";

/// A group to keep for one lock.
#[derive(Debug, Clone, Copy)]
pub struct LockGroup<'a> {
    /// The lock.
    pub lock: LockId,
    /// The lock's place.
    pub place: Option<PlaceId>,
    /// Name by which the group is known again: the same for the same lock, always, and no other's.
    pub name: &'a str,
    /// What the operator reads in Kisi's dashboard.
    pub description: &'a str,
}

impl KisiAccount {
    /// All groups, of all places.
    pub async fn list_groups(&self) -> Result<Vec<Group>, Error> {
        self.read_all(Reader::of_groups()).await
    }

    /// The group that opens this one lock, made if it is not there. Twice is the same as once; after a
    /// lost answer, call again.
    pub async fn ensure_lock_group(&self, wanted: LockGroup<'_>) -> Result<GroupId, Error> {
        let lock = wanted.lock.to_string();
        let group = match self.find_group(wanted.name, ("lock_id", &lock)).await? {
            Some(group) => group,
            // Made before, but not yet given its lock.
            None => match self.find_group(wanted.name, ("query", wanted.name)).await? {
                Some(group) => group,
                None => self.create_group(wanted).await?,
            },
        };
        if !self.holds_just(group, wanted.lock).await? {
            match self.add_lock(group, wanted.lock).await {
                Ok(()) => {}
                // Somebody else added it in between.
                Err(refused)
                    if may_exist_already(&refused) && self.holds_just(group, wanted.lock).await? => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(group)
    }

    /// The locks that the group opens.
    pub async fn list_locks_of_group(&self, group: GroupId) -> Result<Vec<LockId>, Error> {
        let id = group.to_string();
        let held: Vec<GroupLock> = self.list(GROUP_LOCKS, "group_locks", PAGE, &[("group_id", &id)]).await?;
        Ok(held.into_iter().filter(|held| held.group_id == group).map(|held| held.lock_id).collect())
    }

    async fn find_group(&self, name: &str, filter: (&str, &str)) -> Result<Option<GroupId>, Error> {
        let groups: Vec<Group> = self.list("/groups", "groups", PAGE, &[filter]).await?;
        // Should two of us have made it at once, both take the older.
        Ok(groups.into_iter().filter(|group| group.name == name).map(|group| group.id).min())
    }

    async fn create_group(&self, wanted: LockGroup<'_>) -> Result<GroupId, Error> {
        let group = NewGroupFields {
            name: wanted.name,
            description: wanted.description,
            place_id: wanted.place,
            // People open with an app, from wherever they are, whenever their right holds.
            login_enabled: true,
            geofence_restriction_enabled: false,
            primary_device_restriction_enabled: false,
            reader_restriction_enabled: false,
            time_restriction_enabled: false,
        };
        let call = self.call(Method::POST, "/groups", &["groups"], &[]).json(&NewGroup { group });
        let made: Group = self.send(call).await?.json()?;
        Ok(made.id)
    }

    /// Whether the group holds the lock. An error if it holds others: they would be opened too.
    async fn holds_just(&self, group: GroupId, lock: LockId) -> Result<bool, Error> {
        let held = self.list_locks_of_group(group).await?;
        let (ours, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|&held| held == lock);
        if others.is_empty() {
            Ok(!ours.is_empty())
        } else {
            Err(Error::GroupOpensOtherLocks { group, others })
        }
    }

    async fn add_lock(&self, group: GroupId, lock: LockId) -> Result<(), VendorError> {
        let group_lock = NewGroupLockFields { group_id: group, lock_id: lock };
        let call = self.call(Method::POST, GROUP_LOCKS, &["group_locks"], &[]);
        self.send(call.json(&NewGroupLock { group_lock })).await?;
        Ok(())
    }
}

impl Reader<Group> {
    /// Of all groups, of all places.
    pub(crate) fn of_groups() -> Self {
        Self::new("/groups", "groups", PAGE, &[("sort", "name")])
    }
}
