//! What providers have, and what may be mapped to it.

use domain::WorkspaceId;
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert::{self, DoorSearch};
use crate::error::Error;
use crate::model::Listing;
use crate::proposals::propose;
use crate::store::listing as store;

impl App {
    /// Takes a listing in, or a part of one, if it is the newest of its account.
    pub(crate) async fn hear_listing(&self, conn: &mut PgConnection, listing: &Listing) -> Result<(), Error> {
        Ok(store::put(conn, listing).await?)
    }

    pub(crate) async fn propose_mappings(
        &self,
        workspace: WorkspaceId,
        search: &DoorSearch,
    ) -> Result<pb::ProposeDoorMappingsResponse, Error> {
        let DoorSearch { provider, location, subjects } = search;
        let mut tx = self.pool.begin(workspace).await?;
        let Some((listed_at, doors)) = store::find(&mut tx, workspace, provider, *location).await? else {
            return Ok(pb::ProposeDoorMappingsResponse::default());
        };
        let mapped = store::mapped(&mut tx, workspace, provider, *location).await?;
        let proposals = propose(subjects, &mapped, &doors);
        let proposal = |&(subject, door)| convert::proposal(workspace, provider, *location, subject, door);
        Ok(pb::ProposeDoorMappingsResponse {
            proposals: proposals.iter().map(proposal).collect(),
            doors: doors.iter().map(convert::listed_door).collect(),
            list_time: Some(chassis::input::timestamp(listed_at)),
        })
    }
}
