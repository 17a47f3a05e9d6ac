//! Workspaces, locations, resources.

use chassis::audit::Author;
use chassis::auth::Reach;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::contact::EmailAddress;
use domain::{LocationId, ResourceId, WorkspaceId};
use proto::workspace::v1 as pb;

use super::App;
use crate::audit;
use crate::convert::{self, NewLocation};
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::{Location, Resource, Workspace};
use crate::store::place as store;

impl App {
    /// A new workspace. The platform makes it: there is none yet that it could be made in.
    pub(crate) async fn create_workspace(
        &self,
        id: WorkspaceId,
        display_name: String,
        reply_to: Option<EmailAddress>,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreateWorkspaceResponse, Error> {
        let mut change = match Change::begin(self.platform.begin().await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let reply_to_email = reply_to.map(|email| email.as_str().to_owned());
        let workspace = Workspace { id, display_name, reply_to_email };
        let now = self.clock.now();
        store::insert_workspace(change.conn(), &workspace, now).await?;
        audit::workspace_created(author, &workspace, now).record(SOURCE, change.conn()).await?;
        let answer = pb::CreateWorkspaceResponse { workspace: Some(convert::workspace(&workspace)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_workspace(&self, id: WorkspaceId) -> Result<pb::Workspace, Error> {
        let mut tx = self.pool.begin(id).await?;
        let workspace = store::find_workspace(&mut tx, id).await?.ok_or(Error::WorkspaceNotFound(id))?;
        Ok(convert::workspace(&workspace))
    }

    pub(crate) async fn create_location(
        &self,
        workspace: WorkspaceId,
        new: NewLocation,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreateLocationResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        store::find_workspace(change.conn(), workspace).await?.ok_or(Error::WorkspaceNotFound(workspace))?;
        let location = Location {
            id: LocationId::new(),
            display_name: new.display_name,
            time_zone: new.time_zone,
            country: new.country.code().to_owned(),
            address: new.address,
        };
        let now = self.clock.now();
        store::insert_location(change.conn(), workspace, &location, now).await?;
        audit::location_created(author, workspace, &location, now).record(SOURCE, change.conn()).await?;
        let answer = pb::CreateLocationResponse { location: Some(convert::location(workspace, &location)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_location(
        &self,
        workspace: WorkspaceId,
        id: LocationId,
    ) -> Result<pb::Location, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let location =
            store::find_location(&mut tx, workspace, id).await?.ok_or(Error::LocationNotFound(id))?;
        Ok(convert::location(workspace, &location))
    }

    pub(crate) async fn list_locations(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListLocationsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list_locations(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |location| location.id.uuid());
        let locations = rows.iter().map(|location| convert::location(workspace, location)).collect();
        Ok(pb::ListLocationsResponse { locations, next_page_token })
    }

    pub(crate) async fn create_resource(
        &self,
        workspace: WorkspaceId,
        reach: &Reach,
        location: LocationId,
        display_name: String,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreateResourceResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        if matches!(reach, Reach::Locations(own) if !own.contains(&location)) {
            return Err(Error::LocationNotFound(location));
        }
        store::find_location(change.conn(), workspace, location)
            .await?
            .ok_or(Error::LocationNotFound(location))?;
        let resource = Resource { id: ResourceId::new(), location, display_name };
        let now = self.clock.now();
        store::insert_resource(change.conn(), workspace, &resource, now).await?;
        audit::resource_created(author, workspace, &resource, now).record(SOURCE, change.conn()).await?;
        let answer = pb::CreateResourceResponse { resource: Some(convert::resource(workspace, &resource)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_resource(
        &self,
        workspace: WorkspaceId,
        id: ResourceId,
    ) -> Result<pb::Resource, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let resource =
            store::find_resource(&mut tx, workspace, id).await?.ok_or(Error::ResourceNotFound(id))?;
        Ok(convert::resource(workspace, &resource))
    }

    pub(crate) async fn list_resources(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListResourcesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list_resources(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |resource| resource.id.uuid());
        let resources = rows.iter().map(|resource| convert::resource(workspace, resource)).collect();
        Ok(pb::ListResourcesResponse { resources, next_page_token })
    }
}
