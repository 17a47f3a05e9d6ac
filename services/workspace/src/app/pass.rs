//! Passes: issued, used for a day, taken back.

use chassis::audit::Author;
use chassis::auth::Reach;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use chrono::NaiveDate;
use domain::{PassId, Timestamp, WorkspaceId};
use events::outbox;
use proto::workspace::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::audit;
use crate::convert::{self, NewPass};
use crate::error::Error;
use crate::facts::{self, PassFact, SOURCE};
use crate::model::pass::{Over, Request, local_day};
use crate::model::person::Refusal;
use crate::model::policy::Sight;
use crate::model::{Pass, PassSnapshot, Person, PersonStatus};
use crate::store::pass::{self as store, Filter};
use crate::store::{pass_product, person, place};

impl App {
    /// Issues a pass. To someone who is paused, too: it gives them something when they are taken up again.
    pub(crate) async fn issue_pass(
        &self,
        workspace: WorkspaceId,
        new: NewPass,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::IssuePassResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let product = pass_product::find(change.conn(), workspace, new.product)
            .await?
            .ok_or(Error::PassProductNotFound(new.product))?;
        if product.is_disabled {
            return Err(Error::PassProductDisabled(product.id));
        }
        let person = person::find(change.conn(), workspace, new.person)
            .await?
            .ok_or(Error::PersonNotFound(new.person))?;
        if person.status == PersonStatus::Removed {
            return Err(Error::PersonStays { id: person.id, refusal: Refusal::Removed });
        }
        let location = place::find_location(change.conn(), workspace, product.location)
            .await?
            .ok_or(Error::LocationNotFound(product.location))?;
        let issued = product.issue(location.time_zone, person.id, new.first_day, now);
        let issued = issued.map_err(|Over| Error::PassOver)?;
        store::insert(change.conn(), &issued).await?;
        tell(change.conn(), PassFact::Issued, &issued, person).await?;
        audit::pass_issued(author, &issued, now).record(SOURCE, change.conn()).await?;
        let answer = pb::IssuePassResponse { pass: Some(convert::pass(&issued, now)) };
        Ok(change.commit(answer).await?)
    }

    pub(crate) async fn get_pass(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PassId,
    ) -> Result<pb::Pass, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let pass = in_sight(sight, id, store::find(&mut tx, workspace, id).await?)?;
        Ok(convert::pass(&pass, self.clock.now()))
    }

    pub(crate) async fn list_passes(
        &self,
        workspace: WorkspaceId,
        sight: Sight,
        mut filter: Filter,
        page: Page,
    ) -> Result<pb::ListPassesResponse, Error> {
        match sight.reach {
            Reach::Workspace => {}
            Reach::Locations(locations) => filter.managed = Some((locations, sight.own)),
            Reach::Own(own) => filter.holder = Some(own),
        }
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, filter, &page).await?;
        let next_page_token = page.finish(&mut rows, |pass| pass.id.uuid());
        let now = self.clock.now();
        let passes = rows.iter().map(|pass| convert::pass(pass, now)).collect();
        Ok(pb::ListPassesResponse { passes, next_page_token })
    }

    /// Uses a pass for a local day; without one, for today.
    pub(crate) async fn use_pass(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PassId,
        day: Option<NaiveDate>,
        intent: Option<Intent>,
    ) -> Result<pb::UsePassResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = in_sight(sight, id, store::find_for_update(change.conn(), workspace, id).await?)?;
        let person = holder(change.conn(), &before).await?;
        // The day would be spent, and open nothing.
        if person.status != PersonStatus::Active {
            return Err(Error::PersonNotActive(person.id));
        }
        let now = self.clock.now();
        let day = day.unwrap_or_else(|| local_day(before.zone, now));
        let planned = plan(&before, &Request::Use(day), now)?;
        if let Some(after) = &planned {
            store::update(change.conn(), after).await?;
            tell(change.conn(), PassFact::Used(day), after, person).await?;
        }
        let pass = Some(convert::pass(planned.as_ref().unwrap_or(&before), now));
        Ok(change.commit(pb::UsePassResponse { pass }).await?)
    }

    /// Takes back that a pass is used for a day that has not begun; that can be used for another one.
    pub(crate) async fn cancel_pass_use(
        &self,
        workspace: WorkspaceId,
        sight: &Sight,
        id: PassId,
        day: NaiveDate,
        intent: Option<Intent>,
    ) -> Result<pb::CancelPassUseResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before = in_sight(sight, id, store::find_for_update(change.conn(), workspace, id).await?)?;
        let now = self.clock.now();
        let planned = plan(&before, &Request::CancelUse(day), now)?;
        if let Some(after) = &planned {
            let person = holder(change.conn(), after).await?;
            store::update(change.conn(), after).await?;
            tell(change.conn(), PassFact::UseCancelled(day), after, person).await?;
        }
        let pass = Some(convert::pass(planned.as_ref().unwrap_or(&before), now));
        Ok(change.commit(pb::CancelPassUseResponse { pass }).await?)
    }

    /// Takes a pass back. After its end, too: the lag may not be over.
    pub(crate) async fn cancel_pass(
        &self,
        workspace: WorkspaceId,
        id: PassId,
        reason: String,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::CancelPassResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let before =
            store::find_for_update(change.conn(), workspace, id).await?.ok_or(Error::PassNotFound(id))?;
        let now = self.clock.now();
        let planned = plan(&before, &Request::Cancel { reason }, now)?;
        if let Some(after) = &planned {
            let person = holder(change.conn(), after).await?;
            store::update(change.conn(), after).await?;
            tell(change.conn(), PassFact::Cancelled, after, person).await?;
            audit::pass_cancelled(author, after, now).record(SOURCE, change.conn()).await?;
        }
        let pass = Some(convert::pass(planned.as_ref().unwrap_or(&before), now));
        Ok(change.commit(pb::CancelPassResponse { pass }).await?)
    }
}

/// The pass that was found, if the caller may know of it.
fn in_sight(sight: &Sight, id: PassId, found: Option<Pass>) -> Result<Pass, Error> {
    found.filter(|pass| sight.holds(pass.person, pass.location)).ok_or(Error::PassNotFound(id))
}

fn plan(before: &Pass, request: &Request, now: Timestamp) -> Result<Option<Pass>, Error> {
    before.plan(request, now).map_err(|refusal| Error::PassRefused { id: before.id, refusal })
}

async fn holder(conn: &mut PgConnection, pass: &Pass) -> Result<Person, Error> {
    person::find(conn, pass.workspace, pass.person).await?.ok_or(Error::PersonNotFound(pass.person))
}

/// Tells how a pass is now, with all around it.
async fn tell(conn: &mut PgConnection, fact: PassFact, pass: &Pass, person: Person) -> Result<(), Error> {
    let snapshot = surroundings(conn, pass, person).await?;
    Ok(outbox::append(conn, &[facts::pass(fact, &snapshot)]).await?)
}

/// A pass with all around it.
pub(super) async fn snapshot(conn: &mut PgConnection, pass: &Pass) -> Result<PassSnapshot, Error> {
    let person = holder(conn, pass).await?;
    surroundings(conn, pass, person).await
}

async fn surroundings(conn: &mut PgConnection, pass: &Pass, person: Person) -> Result<PassSnapshot, Error> {
    let id = pass.workspace;
    let workspace = place::find_workspace(conn, id).await?.ok_or(Error::WorkspaceNotFound(id))?;
    let product =
        pass_product::find(conn, id, pass.product).await?.ok_or(Error::PassProductNotFound(pass.product))?;
    let location =
        place::find_location(conn, id, pass.location).await?.ok_or(Error::LocationNotFound(pass.location))?;
    Ok(PassSnapshot { pass: pass.clone(), product, person, location, workspace })
}
