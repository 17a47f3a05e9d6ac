//! Doors that admins give people directly: given, and taken back.

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{EntitlementId, PersonId, WorkspaceId};
use events::outbox;
use proto::workspace::v1 as pb;

use super::App;
use crate::error::Error;
use crate::facts::{self, SOURCE};
use crate::model::PersonStatus;
use crate::model::entitlement::{NewEntitlement, Over};
use crate::model::person::Refusal;
use crate::store::{entitlement as store, person, place};
use crate::{audit, convert};

impl App {
    /// Gives a person a door. Someone who is paused, too: it opens to them when they are taken up again.
    pub(crate) async fn create_entitlement(
        &self,
        workspace: WorkspaceId,
        new: NewEntitlement,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CreateEntitlementResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let (id, location, now) = (new.person, new.door.location, self.clock.now());
        let person = person::find(change.conn(), workspace, id).await?.ok_or(Error::PersonNotFound(id))?;
        if person.status == PersonStatus::Removed {
            return Err(Error::PersonStays { id, refusal: Refusal::Removed });
        }
        place::find_location(change.conn(), workspace, location)
            .await?
            .ok_or(Error::LocationNotFound(location))?;
        let given = new.given(workspace, now).map_err(|Over| Error::EntitlementOver)?;
        store::insert(change.conn(), &given).await?;
        outbox::append(change.conn(), &[facts::entitlement(&given, &person, now)]).await?;
        audit::entitlement_given(author, &given, now).record(SOURCE, change.conn()).await?;
        let answer = pb::CreateEntitlementResponse { entitlement: Some(convert::entitlement(&given)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_entitlement(
        &self,
        workspace: WorkspaceId,
        id: EntitlementId,
    ) -> Result<pb::Entitlement, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let found = store::find(&mut tx, workspace, id).await?.ok_or(Error::EntitlementNotFound(id))?;
        Ok(convert::entitlement(&found))
    }

    pub(crate) async fn list_entitlements(
        &self,
        workspace: WorkspaceId,
        person: Option<PersonId>,
        page: Page,
    ) -> Result<pb::ListEntitlementsResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, person, &page).await?;
        let next_page_token = page.finish(&mut rows, |entitlement| entitlement.id.uuid());
        let entitlements = rows.iter().map(convert::entitlement).collect();
        Ok(pb::ListEntitlementsResponse { entitlements, next_page_token })
    }

    /// Takes an entitlement back. After its end, too: the lag may not be over.
    pub(crate) async fn end_entitlement(
        &self,
        workspace: WorkspaceId,
        id: EntitlementId,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::EndEntitlementResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = store::find_for_update(change.conn(), workspace, id)
            .await?
            .ok_or(Error::EntitlementNotFound(id))?;
        let now = self.clock.now();
        let ended = before.ended(now);
        if let Some(ended) = &ended {
            let holder = ended.person;
            let person =
                person::find(change.conn(), workspace, holder).await?.ok_or(Error::PersonNotFound(holder))?;
            store::update_ended(change.conn(), ended).await?;
            outbox::append(change.conn(), &[facts::entitlement(ended, &person, now)]).await?;
            audit::entitlement_ended(author, ended, now).record(SOURCE, change.conn()).await?;
        }
        let entitlement = Some(convert::entitlement(ended.as_ref().unwrap_or(&before)));
        Ok(change.commit(pb::EndEntitlementResponse { entitlement }).await?)
    }
}
