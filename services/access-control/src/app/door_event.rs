//! What providers' own logs say of doors, for the access log.

use domain::PersonId;
use events::outbox;
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use crate::convert;
use crate::error::Error;
use crate::facts;
use crate::model::{DoorEvent, SpotKind};
use crate::store::access_log::{self, Addition};
use crate::store::{door_event as store, door_setting, entitlement};

impl App {
    /// Adds entries of those of the events that are not the traces of operations: these have entries already.
    pub(crate) async fn hear_door_events(
        &self,
        conn: &mut PgConnection,
        events: &[&DoorEvent],
    ) -> Result<(), Error> {
        // Operations come before the log, as they do for whoever notes what came of one.
        let mut others = Vec::new();
        for &event in events {
            if !is_trace(conn, event).await? {
                others.push(event);
            }
        }
        // Whoever adds to several workspaces' logs does it in this order.
        others.sort_by_key(|event| (event.account.workspace, event.happened_at));
        for event in others {
            self.add_event(conn, event).await?;
        }
        Ok(())
    }

    async fn add_event(&self, conn: &mut PgConnection, event: &DoorEvent) -> Result<(), Error> {
        let workspace = event.account.workspace;
        let person = match event.way_in.filter(|way_in| way_in.workspace == workspace) {
            Some(way_in) if event.person.is_none() => store::person_of_way_in(conn, way_in).await?,
            _ => event.person,
        };
        let called = match event.spot_kind {
            SpotKind::Door => door_setting::name(conn, event.account, &event.spot_ref).await?,
            SpotKind::Place => None,
        };
        let event = &DoorEvent { spot_name: called.unwrap_or(event.spot_name.clone()), ..event.clone() };
        let now = self.clock.now();
        let location = store::location(conn, event).await?;
        let addition = Addition {
            workspace,
            happened_at: event.happened_at,
            known_at: now,
            person,
            location,
            outcome: event.outcome,
            entry: convert::event_entry(event, person, location, now),
        };
        let door = addition.entry.door.clone();
        access_log::append(conn, addition).await?;
        match door.zip(person).filter(|_| event.lets_in()) {
            Some((door, visitor)) => self.note_arrival(conn, event, door, visitor).await,
            None => Ok(()),
        }
    }

    /// Tells of a visitor who has come, the first time.
    async fn note_arrival(
        &self,
        conn: &mut PgConnection,
        event: &DoorEvent,
        door: pb::DoorAddress,
        visitor: PersonId,
    ) -> Result<(), Error> {
        let workspace = event.account.workspace;
        let visit = entitlement::note_arrival(conn, workspace, visitor, event.happened_at).await?;
        let Some(visit) = visit else { return Ok(()) };
        let fact = facts::visitor_arrived(&visit, visitor, door, event.happened_at, self.clock.now());
        Ok(outbox::append(conn, &[fact]).await?)
    }
}

/// Whether Latchkey did it.
async fn is_trace(conn: &mut PgConnection, event: &DoorEvent) -> Result<bool, Error> {
    let named = event.operation.filter(|operation| operation.workspace == event.account.workspace);
    if let Some(operation) = named
        && store::is_known(conn, operation).await?
    {
        return Ok(true);
    }
    Ok(event.may_be_ours() && store::take_as_trace(conn, event).await?)
}
