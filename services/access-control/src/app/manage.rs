//! Door mappings, settings and the view of the ledger.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::names::LocationName;
use domain::{DoorMappingId, WorkspaceId};
use proto::access::v1 as pb;

use super::App;
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::{DoorMapping, GrantFilter, LocationSettings, Settings};
use crate::store::{door_schedule, grant, listing, mapping as store, settings};
use crate::{audit, convert};

impl App {
    /// Maps a subject to a door. Whoever is entitled to the subject already gets the door, too.
    pub(crate) async fn create_mapping(
        &self,
        workspace: WorkspaceId,
        mut mapping: DoorMapping,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreateDoorMappingResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        store::lock_new(change.conn(), &[workspace]).await?;
        let now = self.clock.now();
        let inserted = store::try_insert(change.conn(), workspace, &mapping, now).await?;
        mapping.is_active = inserted.ok_or(Error::DoorMappingExists)?;
        grant::ensure_for_mapping(change.conn(), workspace, &mapping, now).await?;
        let target = &mapping.target;
        door_schedule::make_mapped_due(change.conn(), workspace, &target.provider, &target.provider_ref, now)
            .await?;
        audit::mapping(author, workspace, &mapping, true, now).record(SOURCE, change.conn()).await?;
        let answer =
            pb::CreateDoorMappingResponse { door_mapping: Some(convert::mapping(workspace, &mapping)) };
        let answer = change.commit(answer).await?;
        self.wake();
        Ok(answer)
    }

    pub(crate) async fn list_mappings(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListDoorMappingsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |mapping| mapping.id.uuid());
        let mut health = listing::health(&mut tx, workspace, &rows).await?;
        let door_mapping = |mapping: &DoorMapping| {
            let health = health.remove(&mapping.id).unwrap_or_default();
            convert::with_health(convert::mapping(workspace, mapping), health)
        };
        let door_mappings = rows.iter().map(door_mapping).collect();
        Ok(pb::ListDoorMappingsResponse { door_mappings, next_page_token })
    }

    /// Removes a mapping. What hung on it alone is revoked.
    pub(crate) async fn delete_mapping(
        &self,
        workspace: WorkspaceId,
        id: DoorMappingId,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::DeleteDoorMappingResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let mapping =
            store::delete(change.conn(), workspace, id).await?.ok_or(Error::DoorMappingNotFound(id))?;
        let now = self.clock.now();
        grant::make_target_due(change.conn(), workspace, &mapping.target, now).await?;
        let target = &mapping.target;
        door_schedule::make_mapped_due(change.conn(), workspace, &target.provider, &target.provider_ref, now)
            .await?;
        audit::mapping(author, workspace, &mapping, false, now).record(SOURCE, change.conn()).await?;
        let answer = change.commit(pb::DeleteDoorMappingResponse {}).await?;
        self.wake();
        Ok(answer)
    }

    pub(crate) async fn get_settings(&self, workspace: WorkspaceId) -> Result<pb::AccessSettings, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let settings = settings::find(&mut tx, workspace).await?.unwrap_or(self.defaults);
        Ok(convert::settings(settings))
    }

    pub(crate) async fn update_settings(
        &self,
        workspace: WorkspaceId,
        settings: Settings,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::UpdateAccessSettingsResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let before = settings::find_for_update(change.conn(), workspace).await?.unwrap_or(self.defaults);
        settings::upsert(change.conn(), workspace, settings).await?;
        grant::make_workspace_due(change.conn(), workspace, None, now).await?;
        audit::settings(author, workspace, before, settings, now).record(SOURCE, change.conn()).await?;
        let answer = pb::UpdateAccessSettingsResponse { access_settings: Some(convert::settings(settings)) };
        let answer = change.commit(answer).await?;
        self.wake();
        Ok(answer)
    }

    pub(crate) async fn get_location_settings(
        &self,
        LocationName { workspace, id }: LocationName,
    ) -> Result<pb::LocationAccessSettings, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        Ok(convert::location_settings(settings::find_of_location(&mut tx, workspace, id).await?))
    }

    pub(crate) async fn update_location_settings(
        &self,
        location: LocationName,
        settings: LocationSettings,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::UpdateLocationAccessSettingsResponse, Error> {
        let workspace = location.workspace;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let before = settings::replace_of_location(change.conn(), workspace, location.id, settings).await?;
        grant::make_location_due(change.conn(), workspace, location.id, now).await?;
        audit::location_settings(author, location, before, settings, now)
            .record(SOURCE, change.conn())
            .await?;
        let answer = pb::UpdateLocationAccessSettingsResponse {
            location_access_settings: Some(convert::location_settings(settings)),
        };
        let answer = change.commit(answer).await?;
        self.wake();
        Ok(answer)
    }

    pub(crate) async fn list_grants(
        &self,
        workspace: WorkspaceId,
        filter: &GrantFilter,
        page: Page,
    ) -> Result<pb::ListGrantsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = grant::list(&mut tx, workspace, filter, page.after, page.limit).await?;
        let next_page_token = page.finish(&mut rows, |grant| grant.id.uuid());
        Ok(pb::ListGrantsResponse { grants: rows.iter().map(convert::grant).collect(), next_page_token })
    }
}
