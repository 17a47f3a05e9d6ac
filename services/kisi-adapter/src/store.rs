//! The ledger: Kisi's users, the groups kept for locks, the assignments. What every command reads and
//! writes is read and written for many commands at once.

use std::collections::{HashMap, HashSet};

use chassis::postgres::WorkspacePool;
use domain::names::IntegrationName;
use domain::{PersonId, Timestamp, Window, WorkspaceId};
use door_adapter::{Batcher, LedgerError};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::plan::{Live, Row, State};
use crate::vendor::wire::{GroupId, LockId, RoleAssignmentId, UserId};

/// Questions in one statement at most.
const BATCH: usize = 200;

/// The ledger.
pub(crate) struct Ledger {
    pool: WorkspacePool,
    platform: PgPool,
    readings: Batcher<Place, Result<Known, LedgerError>>,
    intents: Batcher<Intent, Result<(), LedgerError>>,
}

/// A person at a target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub account: IntegrationName,
    pub person: PersonId,
    pub door: Door,
}

/// A target by Kisi's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Group(GroupId),
    Lock(LockId),
}

/// What the ledger knows of a person at a target.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    pub user: Option<KnownUser>,
    /// The target itself, or the group that is kept for the lock.
    pub group: Option<GroupId>,
    pub rows: Vec<Row>,
}

/// The user that Kisi takes a person for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownUser {
    pub id: UserId,
    /// Whether Latchkey made it, for someone of the workspace.
    pub is_ours: bool,
    /// The person's address when the user was last looked at.
    pub email: Option<String>,
    /// What the person was called then.
    pub name: Option<String>,
    /// Whether Latchkey suspended it, or was about to.
    pub is_suspended: bool,
}

/// A right that Kisi is about to be asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Intent {
    pub key: RowKey,
    pub user: UserId,
}

/// Names a row of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RowKey {
    pub workspace: WorkspaceId,
    pub person: PersonId,
    pub group: GroupId,
    pub window: Window,
}

/// What became of a right.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    pub(crate) key: RowKey,
    /// `None`: it is gone.
    pub(crate) to: Option<(UserId, Live)>,
}

/// What ledgers know of a group's rights.
#[derive(Debug, Default)]
pub(crate) struct OnGroup {
    /// Those of the workspace.
    pub ours: HashSet<RoleAssignmentId>,
    /// Users for whom Kisi was asked, or nearly; the answer is not known.
    pub creating: HashSet<UserId>,
    /// Those of other workspaces, for an organization that several are connected to.
    pub others: HashSet<RoleAssignmentId>,
}

impl OnGroup {
    /// What is known by either.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.ours.extend(other.ours);
        self.creating.extend(other.creating);
        self.others.extend(other.others);
        self
    }
}

#[derive(sqlx::FromRow)]
struct KnownRow {
    number: i32,
    #[sqlx(flatten)]
    user: UserColumns,
    group_id: Option<i64>,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    user_id: Option<i64>,
    assignment_id: Option<i64>,
    is_made_by_us: Option<bool>,
}

#[derive(sqlx::FromRow)]
struct UserColumns {
    known_user_id: Option<i64>,
    known_is_ours: Option<bool>,
    email: Option<String>,
    display_name: Option<String>,
    is_suspended: Option<bool>,
}

impl UserColumns {
    fn user(self) -> Option<KnownUser> {
        Some(KnownUser {
            id: UserId(unsigned(self.known_user_id?)),
            is_ours: self.known_is_ours?,
            email: self.email,
            name: self.display_name,
            is_suspended: self.is_suspended?,
        })
    }
}

impl KnownRow {
    fn right(&self) -> Option<Row> {
        let state = match self.assignment_id {
            None => State::Creating,
            Some(id) => {
                State::Live(Live { id: RoleAssignmentId(unsigned(id)), is_ours: self.is_made_by_us? })
            }
        };
        let window = Window::new(self.starts_at?, self.ends_at?).ok()?;
        Some(Row { window, user: UserId(unsigned(self.user_id?)), state })
    }
}

impl Ledger {
    pub(crate) fn new(pool: WorkspacePool, platform: PgPool) -> Self {
        Self { pool, platform, readings: Batcher::new(BATCH), intents: Batcher::new(BATCH) }
    }

    /// What is known.
    pub(crate) async fn read(&self, place: Place) -> Result<Known, LedgerError> {
        self.readings.ask(place, |places| self.read_all(places)).await
    }

    async fn read_all(&self, places: Vec<Place>) -> Vec<Result<Known, LedgerError>> {
        match self.try_read_all(&places).await {
            Ok(known) => known.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error.into()); places.len()],
        }
    }

    async fn try_read_all(&self, places: &[Place]) -> Result<Vec<Known>, sqlx::Error> {
        let group = |place: &Place| match place.door {
            Door::Group(group) => Some(signed(group.0)),
            Door::Lock(_) => None,
        };
        let lock = |place: &Place| match place.door {
            Door::Group(_) => None,
            Door::Lock(lock) => Some(signed(lock.0)),
        };
        let rows: Vec<KnownRow> = sqlx::query_as(
            "select place.number, known.user_id as known_user_id, known.is_made_by_us as known_is_ours, known.email,
                    known.display_name, known.is_suspended, chosen.group_id,
                    a.starts_at, a.ends_at, a.user_id, a.assignment_id, a.is_made_by_us
             from unnest($1::int[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[])
               as place (number, workspace_id, account_id, person_id, group_id, lock_id)
             left join kisi_user known on known.workspace_id = place.workspace_id
               and known.account_id = place.account_id and known.person_id = place.person_id
             left join kisi_lock_group kept on kept.workspace_id = place.workspace_id
               and kept.lock_id = place.lock_id
             cross join lateral (select coalesce(place.group_id, kept.group_id) as group_id) as chosen
             left join kisi_assignment a on a.workspace_id = place.workspace_id
               and a.person_id = place.person_id and a.group_id = chosen.group_id",
        )
        .bind((0..).take(places.len()).collect::<Vec<i32>>())
        .bind(places.iter().map(|place| place.account.workspace.uuid()).collect::<Vec<_>>())
        .bind(places.iter().map(|place| place.account.id.uuid()).collect::<Vec<_>>())
        .bind(places.iter().map(|place| place.person.uuid()).collect::<Vec<_>>())
        .bind(places.iter().map(group).collect::<Vec<_>>())
        .bind(places.iter().map(lock).collect::<Vec<_>>())
        .fetch_all(&self.platform)
        .await?;
        let mut all = vec![Known::default(); places.len()];
        for row in rows {
            let Some(known) = usize::try_from(row.number).ok().and_then(|number| all.get_mut(number)) else {
                continue;
            };
            known.group = row.group_id.map(|id| GroupId(unsigned(id)));
            known.rows.extend(row.right());
            known.user = row.user.user();
        }
        Ok(all)
    }

    /// What is known of a group's rights.
    pub(crate) async fn on_group(
        &self,
        workspace: WorkspaceId,
        group: GroupId,
    ) -> Result<OnGroup, LedgerError> {
        let rows: Vec<(Uuid, i64, Option<i64>)> = sqlx::query_as(
            "select workspace_id, user_id, assignment_id from kisi_assignment where group_id = $1",
        )
        .bind(signed(group.0))
        .fetch_all(&self.platform)
        .await?;
        let mut known = OnGroup::default();
        for (owner, user, right) in rows {
            let right = right.map(|id| RoleAssignmentId(unsigned(id)));
            let is_ours = owner == workspace.uuid();
            match right {
                Some(right) if is_ours => known.ours.insert(right),
                Some(right) => known.others.insert(right),
                None => is_ours && known.creating.insert(UserId(unsigned(user))),
            };
        }
        Ok(known)
    }

    /// The groups that a workspace keeps for locks.
    pub(crate) async fn kept_groups(
        &self,
        workspace: WorkspaceId,
    ) -> Result<Vec<(LockId, GroupId)>, LedgerError> {
        let mut tx = self.pool.begin(workspace).await?;
        let rows: Vec<(i64, i64)> =
            sqlx::query_as("select lock_id, group_id from kisi_lock_group where workspace_id = $1")
                .bind(workspace.uuid())
                .fetch_all(&mut *tx)
                .await?;
        let kept = |(lock, group)| (LockId(unsigned(lock)), GroupId(unsigned(group)));
        Ok(rows.into_iter().map(kept).collect())
    }

    /// Those of the groups that another workspace keeps, too.
    pub(crate) async fn kept_by_others(
        &self,
        workspace: WorkspaceId,
        groups: impl Iterator<Item = GroupId>,
    ) -> Result<HashSet<GroupId>, LedgerError> {
        let rows: Vec<i64> = sqlx::query_scalar(
            "select kept.group_id from unnest($2::bigint[]) as asked (group_id)
             join kisi_lock_group kept on kept.group_id = asked.group_id
             where kept.workspace_id <> $1",
        )
        .bind(workspace.uuid())
        .bind(groups.map(|group| signed(group.0)).collect::<Vec<_>>())
        .fetch_all(&self.platform)
        .await?;
        Ok(rows.into_iter().map(|group| GroupId(unsigned(group))).collect())
    }

    /// Notes that Kisi is about to be asked for a right.
    pub(crate) async fn intend(&self, intent: Intent) -> Result<(), LedgerError> {
        self.intents.ask(intent, |intents| self.intend_all(intents)).await
    }

    async fn intend_all(&self, intents: Vec<Intent>) -> Vec<Result<(), LedgerError>> {
        let written = async {
            let mut conn = self.platform.acquire().await?;
            write(&mut conn, intents.iter().map(|intent| (intent.key, intent.user, None))).await
        };
        vec![written.await.map_err(LedgerError::from); intents.len()]
    }

    /// Writes changes, of each row the last.
    pub(crate) async fn record(conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        let last: HashMap<RowKey, _> = changes.iter().map(|change| (change.key, change.to)).collect();
        let gone: Vec<RowKey> = last.iter().filter(|(_, to)| to.is_none()).map(|(key, _)| *key).collect();
        if !gone.is_empty() {
            delete(&mut *conn, &gone).await?;
        }
        let live: Vec<_> =
            last.into_iter().filter_map(|(key, to)| to.map(|(user, live)| (key, user, Some(live)))).collect();
        if !live.is_empty() {
            write(conn, live.into_iter()).await?;
        }
        Ok(())
    }

    /// Notes which user a person is.
    pub(crate) async fn remember_user(
        &self,
        account: IntegrationName,
        person: PersonId,
        user: &KnownUser,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query(
            "insert into kisi_user (workspace_id, account_id, person_id, user_id, is_made_by_us, email,
                                    display_name, is_suspended)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (workspace_id, account_id, person_id) do update
               set user_id = excluded.user_id, is_made_by_us = excluded.is_made_by_us,
                   email = excluded.email, display_name = excluded.display_name,
                   is_suspended = excluded.is_suspended",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(signed(user.id.0))
        .bind(user.is_ours)
        .bind(&user.email)
        .bind(&user.name)
        .bind(user.is_suspended)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// A person's user.
    pub(crate) async fn user(
        &self,
        account: IntegrationName,
        person: PersonId,
    ) -> Result<Option<KnownUser>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let row: Option<UserColumns> = sqlx::query_as(
            "select user_id as known_user_id, is_made_by_us as known_is_ours, email, display_name, is_suspended
             from kisi_user where workspace_id = $1 and account_id = $2 and person_id = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        Ok(row.and_then(UserColumns::user))
    }

    /// Whether a user has rights of ours, or may have, that are not over at `now`; whosever they are.
    pub(crate) async fn has_rights(
        &self,
        workspace: WorkspaceId,
        user: UserId,
        now: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin(workspace).await?;
        let has_rights = sqlx::query_scalar(
            "select exists (select from kisi_assignment
               where workspace_id = $1 and user_id = $2 and ends_at > $3)",
        )
        .bind(workspace.uuid())
        .bind(signed(user.0))
        .bind(now)
        .fetch_one(&mut *tx)
        .await?;
        Ok(has_rights)
    }

    /// Someone else of the workspace whose user this is, although they have another address than `email`.
    pub(crate) async fn whose_user(
        &self,
        account: IntegrationName,
        user: UserId,
        person: PersonId,
        email: &str,
    ) -> Result<Option<PersonId>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let other: Option<Uuid> = sqlx::query_scalar(
            "select person_id from kisi_user
             where workspace_id = $1 and user_id = $2 and account_id = $3 and person_id <> $4
               and lower(email) <> lower($5)
             limit 1",
        )
        .bind(account.workspace.uuid())
        .bind(signed(user.0))
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(email)
        .fetch_optional(&mut *tx)
        .await?;
        Ok(other.map(PersonId::from_uuid))
    }

    /// Whom Kisi's users are taken for, of those that are one person's alone.
    pub(crate) async fn people_of(
        &self,
        account: IntegrationName,
        users: &[UserId],
    ) -> Result<HashMap<UserId, PersonId>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<(i64, Vec<Uuid>)> = sqlx::query_as(
            "select user_id, array_agg(person_id) from kisi_user
             where workspace_id = $1 and user_id = any($2) and account_id = $3 group by user_id",
        )
        .bind(account.workspace.uuid())
        .bind(users.iter().map(|user| signed(user.0)).collect::<Vec<_>>())
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        let person = |(user, people): (i64, Vec<Uuid>)| match people[..] {
            [person] => Some((UserId(unsigned(user)), PersonId::from_uuid(person))),
            _ => None,
        };
        Ok(rows.into_iter().filter_map(person).collect())
    }

    /// A user is not there any more.
    pub(crate) async fn forget_user(
        &self,
        account: IntegrationName,
        person: PersonId,
        user: UserId,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query(
            "delete from kisi_user
             where workspace_id = $1 and account_id = $2 and person_id = $3 and user_id = $4",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .bind(signed(user.0))
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Notes which group is kept for a lock. The first one counts, should two have been made at once, so
    /// that all assignments are looked for in one place: it is returned.
    pub(crate) async fn remember_lock_group(
        &self,
        workspace: WorkspaceId,
        lock: LockId,
        group: GroupId,
    ) -> Result<GroupId, LedgerError> {
        let mut tx = self.pool.begin(workspace).await?;
        let kept: i64 = sqlx::query_scalar(
            "insert into kisi_lock_group (workspace_id, lock_id, group_id) values ($1, $2, $3)
             on conflict (workspace_id, lock_id) do update set group_id = kisi_lock_group.group_id
             returning group_id",
        )
        .bind(workspace.uuid())
        .bind(signed(lock.0))
        .bind(signed(group.0))
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(GroupId(unsigned(kept)))
    }

    /// A lock's group is not there any more.
    pub(crate) async fn forget_lock_group(
        &self,
        workspace: WorkspaceId,
        lock: LockId,
        group: GroupId,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(workspace).await?;
        sqlx::query("delete from kisi_lock_group where workspace_id = $1 and lock_id = $2 and group_id = $3")
            .bind(workspace.uuid())
            .bind(signed(lock.0))
            .bind(signed(group.0))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Columns of keys: workspaces, people, groups, starts, ends.
type KeyColumns = (Vec<Uuid>, Vec<Uuid>, Vec<i64>, Vec<Timestamp>, Vec<Timestamp>);

fn columns<'a>(keys: impl Iterator<Item = &'a RowKey> + Clone) -> KeyColumns {
    (
        keys.clone().map(|key| key.workspace.uuid()).collect(),
        keys.clone().map(|key| key.person.uuid()).collect(),
        keys.clone().map(|key| signed(key.group.0)).collect(),
        keys.clone().map(|key| key.window.start()).collect(),
        keys.map(|key| key.window.end()).collect(),
    )
}

/// Writes rows, of each key the last; without a live right they are intents.
async fn write(
    conn: &mut PgConnection,
    rows: impl Iterator<Item = (RowKey, UserId, Option<Live>)>,
) -> Result<(), sqlx::Error> {
    let rows: HashMap<RowKey, (UserId, Option<Live>)> =
        rows.map(|(key, user, live)| (key, (user, live))).collect();
    let (workspaces, people, groups, starts, ends) = columns(rows.keys());
    sqlx::query(
        "insert into kisi_assignment (workspace_id, person_id, group_id, starts_at, ends_at,
                                      user_id, assignment_id, is_made_by_us)
         select * from unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[],
                              $6::bigint[], $7::bigint[], $8::boolean[]) order by 1, 2, 3, 4, 5
         on conflict (workspace_id, person_id, group_id, starts_at, ends_at) do update
           set user_id = excluded.user_id, assignment_id = excluded.assignment_id,
               is_made_by_us = excluded.is_made_by_us",
    )
    .bind(workspaces)
    .bind(people)
    .bind(groups)
    .bind(starts)
    .bind(ends)
    .bind(rows.values().map(|(user, _)| signed(user.0)).collect::<Vec<_>>())
    .bind(rows.values().map(|(_, live)| live.map(|live| signed(live.id.0))).collect::<Vec<_>>())
    .bind(rows.values().map(|(_, live)| live.is_none_or(|live| live.is_ours)).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

async fn delete(conn: &mut PgConnection, keys: &[RowKey]) -> Result<(), sqlx::Error> {
    let (workspaces, people, groups, starts, ends) = columns(keys.iter());
    sqlx::query(
        "delete from kisi_assignment a using
           unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::timestamptz[])
             as gone (workspace_id, person_id, group_id, starts_at, ends_at)
         where a.workspace_id = gone.workspace_id and a.person_id = gone.person_id
           and a.group_id = gone.group_id and a.starts_at = gone.starts_at and a.ends_at = gone.ends_at",
    )
    .bind(workspaces)
    .bind(people)
    .bind(groups)
    .bind(starts)
    .bind(ends)
    .execute(conn)
    .await?;
    Ok(())
}

/// Kisi's ids as Postgres has them: far from 2^63 both.
fn signed(id: u64) -> i64 {
    id.cast_signed()
}

fn unsigned(id: i64) -> u64 {
    id.cast_unsigned()
}
