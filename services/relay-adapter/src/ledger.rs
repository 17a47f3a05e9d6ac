//! What boards don't know: who may open their relays and by which PINs, which of them are held open, and which are locked
//! down.

use std::collections::{HashMap, HashSet};

use chassis::postgres::WorkspacePool;
use domain::names::IntegrationName;
use domain::{BoardName, PersonId, RelayName, Timestamp, Window};
use door_adapter::LedgerError;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::offline::PinOwner;

/// The ledger.
#[derive(Clone)]
pub(crate) struct Ledger {
    pool: WorkspacePool,
}

/// A relay of an account.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Spot {
    pub account: IntegrationName,
    pub door: RelayName,
}

/// A person may open a relay in this window alone; without one, not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub(crate) spot: Spot,
    pub(crate) person: PersonId,
    pub(crate) window: Option<Window>,
    /// The person's PIN, sealed, if it was made just now.
    pub(crate) pin: Option<Vec<u8>>,
}

/// A person's right at a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelayRight {
    pub door: RelayName,
    pub person: PersonId,
    pub window: Window,
}

/// What is noted of a controller's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotedList {
    /// Whose list it is, by the controller's own id; none yet.
    pub controller: Option<String>,
    /// The last one's.
    pub version: Option<u64>,
    /// When the next one is due.
    pub due_at: Timestamp,
    /// Counts changes of the account's rights.
    pub change: i64,
}

/// How a relay's door is, as far as its board doesn't know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DoorNote {
    pub held_until: Option<Timestamp>,
    pub is_locked_down: bool,
}

impl Ledger {
    pub(crate) fn new(pool: WorkspacePool) -> Self {
        Self { pool }
    }

    /// All rights of an account, at relays that can be called at all.
    pub(crate) async fn rights(&self, account: IntegrationName) -> Result<Vec<RelayRight>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<(String, Uuid, Timestamp, Timestamp)> = sqlx::query_as(
            "select door, person_id, starts_at, ends_at from relay_right
             where workspace_id = $1 and account_id = $2 order by door, person_id",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let right = |(door, person, start, end): (String, Uuid, Timestamp, Timestamp)| {
            let window = Window::new(start, end).ok()?;
            Some(RelayRight { door: door.parse().ok()?, person: PersonId::from_uuid(person), window })
        };
        Ok(rows.into_iter().filter_map(right).collect())
    }

    /// Whether a person has any right at an account's relays.
    pub(crate) async fn has_rights(
        &self,
        account: IntegrationName,
        person: PersonId,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let has_rights = sqlx::query_scalar(
            "select exists (select from relay_right where workspace_id = $1 and account_id = $2 and person_id = $3)",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(person.uuid())
        .fetch_one(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(has_rights)
    }

    /// Writes changes, of each person at each relay the last.
    pub(crate) async fn record(conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        let last: HashMap<(&Spot, PersonId), Option<Window>> =
            changes.iter().map(|change| ((&change.spot, change.person), change.window)).collect();
        let (kept, gone): (Vec<_>, Vec<_>) = last.into_iter().partition(|(_, window)| window.is_some());
        let columns = |rows: &[((&Spot, PersonId), Option<Window>)]| {
            let workspaces: Vec<Uuid> =
                rows.iter().map(|((spot, _), _)| spot.account.workspace.uuid()).collect();
            let accounts: Vec<Uuid> = rows.iter().map(|((spot, _), _)| spot.account.id.uuid()).collect();
            let doors: Vec<String> = rows.iter().map(|((spot, _), _)| spot.door.to_string()).collect();
            let people: Vec<Uuid> = rows.iter().map(|((_, person), _)| person.uuid()).collect();
            (workspaces, accounts, doors, people)
        };
        let (workspaces, accounts, doors, people) = columns(&gone);
        sqlx::query(
            "delete from relay_right r using unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[])
               as gone (workspace_id, account_id, door, person_id)
             where r.workspace_id = gone.workspace_id and r.account_id = gone.account_id
               and r.door = gone.door and r.person_id = gone.person_id",
        )
        .bind(workspaces)
        .bind(accounts)
        .bind(doors)
        .bind(people)
        .execute(&mut *conn)
        .await?;
        let (workspaces, accounts, doors, people) = columns(&kept);
        let windows: Vec<Window> = kept.into_iter().filter_map(|(_, window)| window).collect();
        sqlx::query(
            "insert into relay_right (workspace_id, account_id, door, person_id, starts_at, ends_at)
             select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::timestamptz[])
             order by 1, 2, 3, 4
             on conflict (workspace_id, account_id, door, person_id) do update
               set starts_at = excluded.starts_at, ends_at = excluded.ends_at",
        )
        .bind(workspaces)
        .bind(accounts)
        .bind(doors)
        .bind(people)
        .bind(windows.iter().map(|window| window.start()).collect::<Vec<_>>())
        .bind(windows.iter().map(|window| window.end()).collect::<Vec<_>>())
        .execute(&mut *conn)
        .await?;
        Self::record_pins(conn, changes).await
    }

    /// Keeps PINs that were made, forgets those of people who may open nothing any more, and has lists made anew.
    async fn record_pins(conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        let columns = |changes: &[&Change]| {
            let workspaces: Vec<Uuid> = changes.iter().map(|it| it.spot.account.workspace.uuid()).collect();
            let accounts: Vec<Uuid> = changes.iter().map(|it| it.spot.account.id.uuid()).collect();
            let people: Vec<Uuid> = changes.iter().map(|it| it.person.uuid()).collect();
            (workspaces, accounts, people)
        };
        let made: Vec<&Change> = changes.iter().filter(|change| change.pin.is_some()).collect();
        let (workspaces, accounts, people) = columns(&made);
        sqlx::query(
            "insert into relay_pin (workspace_id, account_id, person_id, sealed)
             select distinct on (workspace_id, account_id, person_id) *
             from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bytea[])
               as made (workspace_id, account_id, person_id, sealed)
             on conflict (workspace_id, account_id, person_id) do update set sealed = excluded.sealed",
        )
        .bind(workspaces)
        .bind(accounts)
        .bind(people)
        .bind(made.iter().filter_map(|change| change.pin.clone()).collect::<Vec<_>>())
        .execute(&mut *conn)
        .await?;
        let (workspaces, accounts, people) = columns(&changes.iter().collect::<Vec<_>>());
        sqlx::query(
            "delete from relay_pin p using unnest($1::uuid[], $2::uuid[], $3::uuid[])
               as touched (workspace_id, account_id, person_id)
             where p.workspace_id = touched.workspace_id and p.account_id = touched.account_id
               and p.person_id = touched.person_id
               and not exists (select from relay_right r where r.workspace_id = p.workspace_id
                 and r.account_id = p.account_id and r.person_id = p.person_id)",
        )
        .bind(&workspaces)
        .bind(&accounts)
        .bind(people)
        .execute(&mut *conn)
        .await?;
        sqlx::query(
            "update relay_list l set due_at = '-infinity', change = change + 1
             from (select distinct workspace_id, account_id from unnest($1::uuid[], $2::uuid[])
                     as touched (workspace_id, account_id)) as touched
             where l.workspace_id = touched.workspace_id and l.account_id = touched.account_id",
        )
        .bind(&workspaces)
        .bind(&accounts)
        .execute(&mut *conn)
        .await?;
        let accounts: HashSet<IntegrationName> = changes.iter().map(|it| it.spot.account).collect();
        door_adapter::look_soon(conn, &accounts.into_iter().collect::<Vec<_>>()).await
    }

    /// A person's PIN, sealed.
    pub(crate) async fn pin(&self, owner: PinOwner) -> Result<Option<Vec<u8>>, LedgerError> {
        let mut tx = self.pool.begin(owner.account.workspace).await?;
        let sealed = sqlx::query_scalar(
            "select sealed from relay_pin where workspace_id = $1 and account_id = $2 and person_id = $3",
        )
        .bind(owner.account.workspace.uuid())
        .bind(owner.account.id.uuid())
        .bind(owner.person.uuid())
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(sealed)
    }

    /// All PINs of an account, sealed.
    pub(crate) async fn pins(
        &self,
        account: IntegrationName,
    ) -> Result<Vec<(PersonId, Vec<u8>)>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(
            "select person_id, sealed from relay_pin where workspace_id = $1 and account_id = $2",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows.into_iter().map(|(person, sealed)| (PersonId::from_uuid(person), sealed)).collect())
    }

    /// What is noted of a controller's list, from now on. To be read before the rights that a list is made of.
    pub(crate) async fn list(
        &self,
        account: IntegrationName,
        board: &BoardName,
    ) -> Result<NotedList, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let (controller, version, due_at, change): (Option<String>, Option<i64>, Option<Timestamp>, i64) =
            sqlx::query_as(
                "with made as (
                   insert into relay_list (workspace_id, account_id, board) values ($1, $2, $3)
                   on conflict do nothing returning controller_ref, version, due_at, change)
                 select controller_ref, version, nullif(due_at, '-infinity'), change from made
                 union all
                 select controller_ref, version, nullif(due_at, '-infinity'), change from relay_list
                 where workspace_id = $1 and account_id = $2 and board = $3",
            )
            .bind(account.workspace.uuid())
            .bind(account.id.uuid())
            .bind(board.to_string())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        let version = version.and_then(|version| u64::try_from(version).ok());
        Ok(NotedList { controller, version, due_at: due_at.unwrap_or(Timestamp::MIN_UTC), change })
    }

    /// Notes what list a controller has, and when the next one is due: at once, if a right has changed since.
    pub(crate) async fn note_list(
        &self,
        account: IntegrationName,
        board: &BoardName,
        noted: &NotedList,
    ) -> Result<(), LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        sqlx::query(
            "update relay_list set controller_ref = $4, version = $5,
               due_at = case when change = $7 then $6 else '-infinity' end
             where workspace_id = $1 and account_id = $2 and board = $3",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .bind(board.to_string())
        .bind(&noted.controller)
        .bind(noted.version.and_then(|version| i64::try_from(version).ok()))
        .bind(noted.due_at)
        .bind(noted.change)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is noted of a door.
    pub(crate) async fn note(&self, spot: &Spot) -> Result<DoorNote, LedgerError> {
        let notes = self.notes(spot.account).await?;
        Ok(notes.get(&spot.door).copied().unwrap_or_default())
    }

    /// What is noted of an account's doors. An account has a few dozen at the most.
    pub(crate) async fn notes(
        &self,
        account: IntegrationName,
    ) -> Result<HashMap<RelayName, DoorNote>, LedgerError> {
        let mut tx = self.pool.begin(account.workspace).await?;
        let rows: Vec<(String, Option<Timestamp>, bool)> = sqlx::query_as(
            "select door, held_until, is_locked_down from relay_door where workspace_id = $1 and account_id = $2",
        )
        .bind(account.workspace.uuid())
        .bind(account.id.uuid())
        .fetch_all(&mut *tx)
        .await?;
        // It has changed nothing, so nobody waits for its end: who stands at a door waits for each round trip.
        drop(tx);
        let note = |(door, held_until, is_locked_down): (String, _, _)| {
            Some((door.parse().ok()?, DoorNote { held_until, is_locked_down }))
        };
        Ok(rows.into_iter().filter_map(note).collect())
    }

    /// Notes that a door is held open until then, in place of whatever held it before. `false` if it is locked down.
    pub(crate) async fn begin_hold(
        &self,
        spot: &Spot,
        hold: Uuid,
        until: Timestamp,
    ) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin(spot.account.workspace).await?;
        let noted = sqlx::query(
            "insert into relay_door (workspace_id, account_id, door, hold_id, held_until, is_locked_down)
             values ($1, $2, $3, $4, $5, false)
             on conflict (workspace_id, account_id, door) do update
               set hold_id = excluded.hold_id, held_until = excluded.held_until
               where not relay_door.is_locked_down",
        )
        .bind(spot.account.workspace.uuid())
        .bind(spot.account.id.uuid())
        .bind(spot.door.to_string())
        .bind(hold)
        .bind(until)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(noted.rows_affected() == 1)
    }

    /// The hold of a door that stands.
    pub(crate) async fn hold_of(&self, spot: &Spot) -> Result<Option<Uuid>, LedgerError> {
        let mut tx = self.pool.begin(spot.account.workspace).await?;
        let hold: Option<Option<Uuid>> = sqlx::query_scalar(
            "select hold_id from relay_door where workspace_id = $1 and account_id = $2 and door = $3",
        )
        .bind(spot.account.workspace.uuid())
        .bind(spot.account.id.uuid())
        .bind(spot.door.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(hold.flatten())
    }

    /// Ends a hold, that one or whichever there is. Whether there was one.
    pub(crate) async fn end_hold(&self, spot: &Spot, hold: Option<Uuid>) -> Result<bool, LedgerError> {
        let mut tx = self.pool.begin(spot.account.workspace).await?;
        let ended = sqlx::query(
            "delete from relay_door
             where workspace_id = $1 and account_id = $2 and door = $3
               and hold_id is not null and ($4::uuid is null or hold_id = $4)",
        )
        .bind(spot.account.workspace.uuid())
        .bind(spot.account.id.uuid())
        .bind(spot.door.to_string())
        .bind(hold)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(ended.rows_affected() == 1)
    }

    /// Notes that a door is locked down, which ends its hold, or that it is not any more.
    pub(crate) async fn set_locked_down(&self, spot: &Spot, is_locked_down: bool) -> Result<(), LedgerError> {
        let statement = if is_locked_down {
            "insert into relay_door (workspace_id, account_id, door, is_locked_down) values ($1, $2, $3, true)
             on conflict (workspace_id, account_id, door) do update
               set hold_id = null, held_until = null, is_locked_down = true"
        } else {
            "delete from relay_door where workspace_id = $1 and account_id = $2 and door = $3 and is_locked_down"
        };
        let mut tx = self.pool.begin(spot.account.workspace).await?;
        sqlx::query(statement)
            .bind(spot.account.workspace.uuid())
            .bind(spot.account.id.uuid())
            .bind(spot.door.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }
}
