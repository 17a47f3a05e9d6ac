//! Tells once more what is known, as it is: to readers that learned to make more of it, or lost what they had.

use domain::{BookingId, ContractId, EntitlementId, MembershipId, PassId, PersonId, WorkspaceId};
use events::{Outgoing, outbox};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{App, contract, membership, pass};
use crate::error::Error;
use crate::facts::{self, BookingFact, ContractFact, MembershipFact, PassFact};
use crate::model::team::LAG_MAX;
use crate::store::retelling::{self as store, Kind};
use crate::store::{
    booking, contract as contracts, entitlement, membership as memberships, pass as passes, person,
};

/// Rows of one transaction.
const BATCH: i64 = 100;

impl App {
    /// Tells one batch. Says whether there was any.
    pub(crate) async fn retell(&self) -> Result<bool, Error> {
        let mut tx = self.platform.begin().await?;
        let Some((kind, after)) = store::claim(&mut tx).await? else { return Ok(false) };
        let since = self.clock.now() - LAG_MAX;
        let keys = store::keys(&mut tx, kind, after, since, BATCH).await?;
        match keys.last() {
            Some(last) => store::advance(&mut tx, kind, *last).await?,
            None => store::finish(&mut tx, kind).await?,
        }
        let mut messages = Vec::with_capacity(keys.len());
        for &(workspace, id) in &keys {
            messages.extend(self.as_it_is(&mut tx, kind, workspace, id).await?);
        }
        outbox::append(&mut tx, &messages).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// How something is now. Its version is read first: what is around it is as it was then, or newer.
    async fn as_it_is(
        &self,
        conn: &mut PgConnection,
        kind: Kind,
        workspace: WorkspaceId,
        id: Uuid,
    ) -> Result<Option<Outgoing>, Error> {
        let now = self.clock.now();
        Ok(match kind {
            Kind::Booking => {
                let found = booking::find_snapshot(conn, workspace, BookingId::from_uuid(id)).await?;
                found.map(|snapshot| facts::booking(BookingFact::Retold, &snapshot))
            }
            Kind::Contract => match contracts::find(conn, workspace, ContractId::from_uuid(id)).await? {
                Some(found) => {
                    Some(facts::contract(ContractFact::Retold, &contract::snapshot(conn, found).await?))
                }
                None => None,
            },
            Kind::Entitlement => {
                let found = entitlement::find(conn, workspace, EntitlementId::from_uuid(id)).await?;
                let holder = match &found {
                    Some(found) => person::find(conn, workspace, found.person).await?,
                    None => None,
                };
                found.zip(holder).map(|(found, holder)| facts::entitlement_retold(&found, &holder, now))
            }
            Kind::Membership => {
                match memberships::find(conn, workspace, MembershipId::from_uuid(id)).await? {
                    Some(found) => {
                        let snapshot = membership::snapshot(conn, found).await?;
                        Some(facts::membership(MembershipFact::Retold, &snapshot))
                    }
                    None => None,
                }
            }
            Kind::Pass => match passes::find(conn, workspace, PassId::from_uuid(id)).await? {
                Some(found) => Some(facts::pass(PassFact::Retold, &pass::snapshot(conn, &found).await?)),
                None => None,
            },
            Kind::Person => {
                let found = person::find(conn, workspace, PersonId::from_uuid(id)).await?;
                found.map(|found| facts::person_retold(workspace, &found, now))
            }
        })
    }
}
