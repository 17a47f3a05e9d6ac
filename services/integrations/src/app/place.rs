//! A provider's places, and which of them a location is.

use chassis::audit::Author;
use domain::{IntegrationId, LocationId, WorkspaceId};
use proto::access::v1::ProviderPlace;
use proto::integrations::v1 as pb;

use super::App;
use crate::audit;
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::Integration;
use crate::providers;
use crate::store::{integration, place as store};

impl App {
    /// The places that the account has, each with the locations that it is.
    pub(crate) async fn list_places(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
    ) -> Result<pb::ListPlacesResponse, Error> {
        let places = self.places_of(&self.get(workspace, id).await?).await?;
        let mut conn = self.pool.begin(workspace).await?;
        let assigned = store::list(&mut conn, workspace, id).await?;
        let places = places.into_iter().map(|place| crate::convert::place(workspace, place, &assigned));
        Ok(pb::ListPlacesResponse { places: places.collect() })
    }

    /// Says which place a location is. The provider must have it.
    pub(crate) async fn assign_place(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
        location: LocationId,
        place_ref: &str,
        author: &Author,
    ) -> Result<(), Error> {
        let integration = self.get(workspace, id).await?;
        if integration.location.is_some_and(|own| own != location) {
            return Err(Error::OtherLocation(id));
        }
        let places = self.places_of(&integration).await?;
        if places.iter().all(|place| place.r#ref != place_ref) {
            return Err(Error::PlaceNotFound);
        }
        let (now, mut tx) = (self.clock.now(), self.pool.begin(workspace).await?);
        let integration = integration::find_for_update(&mut tx, workspace, id).await?;
        let integration = integration.ok_or(Error::IntegrationNotFound(id))?;
        let before = store::find(&mut tx, workspace, id, location).await?;
        store::put(&mut tx, workspace, id, location, place_ref, now).await?;
        let entry = audit::place(author, &integration, location, before.as_deref(), Some(place_ref), now);
        entry.record(SOURCE, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Says that a location is none of the places.
    pub(crate) async fn unassign_place(
        &self,
        workspace: WorkspaceId,
        id: IntegrationId,
        location: LocationId,
        author: &Author,
    ) -> Result<(), Error> {
        let (now, mut tx) = (self.clock.now(), self.pool.begin(workspace).await?);
        let integration = integration::find(&mut tx, workspace, id).await?;
        let integration = integration.ok_or(Error::IntegrationNotFound(id))?;
        let before = store::delete(&mut tx, workspace, id, location).await?;
        let entry = audit::place(author, &integration, location, before.as_deref(), None, now);
        entry.record(SOURCE, &mut tx).await?;
        Ok(tx.commit().await?)
    }

    async fn places_of(&self, integration: &Integration) -> Result<Vec<ProviderPlace>, Error> {
        if integration.credentials.is_empty() {
            return Err(Error::Disconnected(integration.id));
        }
        let provider = providers::find(&integration.provider)
            .ok_or_else(|| sqlx::Error::Decode("an integration of an unknown provider".into()))?;
        self.adapters.list_places(provider, integration.workspace, integration.location).await
    }
}
