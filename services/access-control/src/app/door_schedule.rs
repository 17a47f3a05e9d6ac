//! Schedules of doors, and holidays: set, looked at, deleted.

use std::collections::HashMap;

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::names::LocationName;
use domain::{LocationId, WorkspaceId};
use events::outbox;
use proto::access::v1 as pb;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use super::roster::Freshness;
use crate::control::Account;
use crate::error::Error;
use crate::facts::{self, SOURCE};
use crate::model::{DoorSchedule, Holiday, Target};
use crate::schedule::Should;
use crate::store::{door, door_schedule as store, holiday};
use crate::{audit, convert};

/// How old what is known of a door may be that is given a schedule.
const TO_BE_SET: Freshness =
    Freshness { doors: chrono::Duration::hours(24), groups: chrono::Duration::hours(24) };

/// What a door is to be unlocked by.
#[derive(Debug, Clone)]
pub(crate) struct NewSchedule {
    pub door: Target,
    pub hours: Option<crate::engine::Hours>,
    pub is_held_for_bookings: bool,
}

impl App {
    /// Gives a door a schedule in place of the one before.
    pub(crate) async fn set_door_schedule(
        &self,
        workspace: WorkspaceId,
        new: NewSchedule,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::SetDoorScheduleResponse, Error> {
        let account = self.account_of(workspace, &new.door).await?;
        self.freshen(&account, &[], TO_BE_SET).await?;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let known = door::known(change.conn(), workspace, &[account.id]).await?;
        match known.iter().find(|door| door.door_ref == new.door.provider_ref) {
            None if !known.is_empty() => return Err(Error::DoorNotFound(new.door.provider_ref)),
            Some(door) if door.abilities.hold_max.is_none() => {
                return Err(Error::DoorCannotHold(new.door.provider_ref));
            }
            Some(_) | None => {}
        }
        let now = self.clock.now();
        let before = store::find_for_update(change.conn(), &account, &new.door.provider_ref).await?;
        let schedule = DoorSchedule {
            workspace,
            id: before.as_ref().map_or_else(Uuid::now_v7, |before| before.id),
            account: account.id,
            provider: new.door.provider,
            door_ref: new.door.provider_ref,
            location: new.door.location,
            hours: new.hours,
            is_held_for_bookings: new.is_held_for_bookings,
            is_deleted: false,
            due_at: Some(now),
            is_look: false,
            failures: 0,
            problem: None,
        };
        let version = store::upsert(change.conn(), &schedule).await?;
        let before = before.filter(|before| !before.is_deleted);
        if before.as_ref().is_none_or(|before| !before.is_like(&schedule)) {
            let told = facts::door_schedule_set(&schedule, version, author, now);
            outbox::append(change.conn(), &[told]).await?;
        }
        audit::schedule(author, before.as_ref(), Some(&schedule), now).record(SOURCE, change.conn()).await?;
        let door_schedule = self.views(change.conn(), workspace, vec![schedule]).await?.pop();
        Ok(change.commit(pb::SetDoorScheduleResponse { door_schedule }).await?)
    }

    pub(crate) async fn get_door_schedule(
        &self,
        workspace: WorkspaceId,
        door: &Target,
    ) -> Result<pb::GetDoorScheduleResponse, Error> {
        let account = self.account_of(workspace, door).await?;
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find_for_update(&mut tx, &account, &door.provider_ref).await?;
        let found = found.filter(|found| !found.is_deleted);
        let found = found.ok_or_else(|| Error::DoorScheduleNotFound(door.provider_ref.clone()))?;
        let door_schedule = self.views(&mut tx, workspace, vec![found]).await?.pop();
        Ok(pb::GetDoorScheduleResponse { door_schedule })
    }

    pub(crate) async fn list_door_schedules(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListDoorSchedulesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |schedule| schedule.id);
        let door_schedules = self.views(&mut tx, workspace, rows).await?;
        Ok(pb::ListDoorSchedulesResponse { door_schedules, next_page_token })
    }

    /// Deletes a door's schedule. Its row stays until the door is locked.
    pub(crate) async fn delete_door_schedule(
        &self,
        workspace: WorkspaceId,
        door: &Target,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::DeleteDoorScheduleResponse, Error> {
        let account = self.account_of(workspace, door).await?;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = store::find_for_update(change.conn(), &account, &door.provider_ref).await?;
        let before = before.filter(|before| !before.is_deleted);
        let before = before.ok_or_else(|| Error::DoorScheduleNotFound(door.provider_ref.clone()))?;
        let now = self.clock.now();
        let deleted = DoorSchedule {
            hours: None,
            is_held_for_bookings: false,
            is_deleted: true,
            due_at: Some(now),
            ..before.clone()
        };
        let version = store::upsert(change.conn(), &deleted).await?;
        let told = facts::door_schedule_deleted(&before, version, author, now);
        outbox::append(change.conn(), &[told]).await?;
        audit::schedule(author, Some(&before), None, now).record(SOURCE, change.conn()).await?;
        Ok(change.commit(pb::DeleteDoorScheduleResponse {}).await?)
    }

    pub(crate) async fn get_holidays(
        &self,
        LocationName { workspace, id }: LocationName,
    ) -> Result<pb::GetHolidaysResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let holidays = holiday::list(&mut tx, workspace, id).await?;
        Ok(pb::GetHolidaysResponse { holidays: holidays.iter().map(convert::holiday).collect() })
    }

    /// Gives a location these holidays, by date, in place of those before.
    pub(crate) async fn set_holidays(
        &self,
        location: LocationName,
        holidays: Vec<Holiday>,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::SetHolidaysResponse, Error> {
        let LocationName { workspace, id } = location;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let version = holiday::begin_change(change.conn(), workspace, id).await?;
        let before = holiday::list(change.conn(), workspace, id).await?;
        holiday::replace(change.conn(), workspace, id, &holidays).await?;
        if before != holidays {
            let told = facts::holidays_set(location, &holidays, version, author, now);
            outbox::append(change.conn(), &[told]).await?;
        }
        store::make_location_due(change.conn(), workspace, id, now).await?;
        audit::holidays(author, location, &before, &holidays, now).record(SOURCE, change.conn()).await?;
        let holidays = holidays.iter().map(convert::holiday).collect();
        Ok(change.commit(pb::SetHolidaysResponse { holidays }).await?)
    }

    /// Whose a door is.
    pub(super) async fn account_of(&self, workspace: WorkspaceId, door: &Target) -> Result<Account, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let at = [(door.provider.clone(), door.location)];
        let serving = door::serving(&mut tx, workspace, &at).await?.into_iter().flatten().next();
        Ok(serving.ok_or_else(|| Error::DoorNotFound(door.provider_ref.clone()))?.account)
    }

    /// Schedules with what their doors should be now.
    async fn views(
        &self,
        conn: &mut PgConnection,
        workspace: WorkspaceId,
        schedules: Vec<DoorSchedule>,
    ) -> Result<Vec<pb::DoorSchedule>, Error> {
        let now = self.clock.now();
        let places: Vec<(String, LocationId)> =
            schedules.iter().map(|schedule| (schedule.provider.clone(), schedule.location)).collect();
        let serving = door::serving(conn, workspace, &places).await?;
        let mut by_account: HashMap<Account, Vec<DoorSchedule>> = HashMap::new();
        for (schedule, serving) in schedules.iter().zip(serving) {
            let serving = serving.filter(|serving| schedule.is_of(&serving.account) && serving.is_followed);
            if let Some(serving) = serving {
                by_account.entry(serving.account).or_default().push(schedule.clone());
            }
        }
        let mut should: HashMap<Uuid, Should> = HashMap::new();
        for (account, schedules) in by_account {
            let seen = self.see(conn, &account, schedules, now).await?;
            should.extend(seen.iter().map(|seen| (seen.schedule.id, seen.influences.should(now))));
        }
        let view = |schedule: &DoorSchedule| convert::door_schedule(schedule, should.get(&schedule.id));
        Ok(schedules.iter().map(view).collect())
    }
}
