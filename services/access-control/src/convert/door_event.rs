//! What providers' own logs say of doors.

use chassis::input::timestamp;
use domain::names::{IntegrationName, LocationName, PersonName};
use domain::{LocationId, PersonId, Timestamp, WorkspaceId};
use proto::access::v1 as pb;

use super::door::{action, state};
use super::log::read_state;
use super::moment;
use crate::model::{Action, DoorEvent, SpotKind};

/// What it says, or what is missing or makes no sense.
pub(crate) fn door_event(workspace: WorkspaceId, message: &pb::DoorEventLogged) -> Result<DoorEvent, String> {
    use pb::door_event_logged::Where;
    let account: IntegrationName =
        message.integration.parse().map_err(|error| format!("integration: {error}"))?;
    if account.workspace != workspace {
        return Err("the account is another workspace's".to_owned());
    }
    if message.event_ref.is_empty() {
        return Err("the event has no id".to_owned());
    }
    let person = Some(&message.person).filter(|name| !name.is_empty());
    let person: Option<PersonName> =
        person.map(|name| name.parse()).transpose().map_err(|error| format!("person: {error}"))?;
    if person.is_some_and(|person| person.workspace != workspace) {
        return Err("the person is another workspace's".to_owned());
    }
    let (spot_kind, spot_ref) = match message.r#where.clone().ok_or("it does not say where")? {
        Where::DoorRef(door) => (SpotKind::Door, door),
        Where::PlaceRef(place) => (SpotKind::Place, place),
    };
    Ok(DoorEvent {
        account,
        provider: message.provider.clone(),
        event_ref: message.event_ref.clone(),
        happened_at: message.event_time.as_ref().and_then(moment).ok_or("it does not say when")?,
        spot_kind,
        spot_ref,
        spot_name: message.display_name.clone(),
        action: read_action(message.action()).ok_or("it does not say what was done")?,
        source: message.source(),
        outcome: read_state(message.outcome()).ok_or("it does not say what came of it")?,
        reason: message.reason(),
        detail: message.detail.clone(),
        person: person.map(|person| person.id),
        holder: message.holder.clone(),
        // What is no name of ours names nothing of ours.
        way_in: message.way_in.parse().ok(),
        operation: message.operation.parse().ok(),
        direction: message.direction(),
    })
}

fn read_action(action: pb::DoorAction) -> Option<Action> {
    Some(match action {
        pb::DoorAction::Unspecified => return None,
        pb::DoorAction::Pulse => Action::Pulse,
        pb::DoorAction::HoldOpen => Action::HoldOpen,
        pb::DoorAction::Lock => Action::Lock,
        pb::DoorAction::LockDown => Action::LockDown,
        pb::DoorAction::LiftLockdown => Action::LiftLockdown,
    })
}

/// An entry of it, without its place in the log.
pub(crate) fn event_entry(
    event: &DoorEvent,
    person: Option<PersonId>,
    location: Option<LocationId>,
    now: Timestamp,
) -> pb::AccessLogEntry {
    let workspace = event.account.workspace;
    let kind = match event.spot_kind {
        SpotKind::Door => pb::DoorTargetKind::Lock,
        SpotKind::Place => pb::DoorTargetKind::Unspecified,
    };
    let location = location.map(|id| LocationName { workspace, id }.to_string());
    pb::AccessLogEntry {
        time: Some(timestamp(now)),
        actor: person.map(|id| PersonName { workspace, id }.to_string()).unwrap_or_default(),
        source: event.source.into(),
        door: Some(pb::DoorAddress {
            location: location.unwrap_or_default(),
            provider: event.provider.clone(),
            target: Some(pb::DoorTarget {
                kind: kind.into(),
                r#ref: event.spot_ref.clone(),
                display_name: event.spot_name.clone(),
            }),
        }),
        action: action(event.action).into(),
        outcome: state(event.outcome).into(),
        reason: event.reason.into(),
        detail: event.detail.clone(),
        event_time: Some(timestamp(event.happened_at)),
        event_ref: event.event_ref.clone(),
        holder: event.holder.clone(),
        way_in: event.way_in.map(|way_in| way_in.to_string()).unwrap_or_default(),
        direction: event.direction.into(),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use domain::IntegrationId;

    use super::*;

    #[test]
    fn what_is_not_complete_or_speaks_of_another_workspace_is_refused() {
        let (workspace, elsewhere) = (WorkspaceId::new(), WorkspaceId::new());
        let account = |workspace| IntegrationName { workspace, id: IntegrationId::new() }.to_string();
        let person = |workspace| PersonName { workspace, id: PersonId::new() }.to_string();
        let whole = pb::DoorEventLogged {
            provider: "kisi".into(),
            integration: account(workspace),
            event_ref: "e-1".into(),
            event_time: Some(pbjson_types::Timestamp { seconds: 1_800_000_000, nanos: 0 }),
            r#where: Some(pb::door_event_logged::Where::DoorRef("d-1".into())),
            action: pb::DoorAction::Pulse.into(),
            outcome: pb::DoorOperationState::Done.into(),
            person: person(workspace),
            ..Default::default()
        };
        let event = door_event(workspace, &whole).unwrap();
        assert_eq!((event.spot_ref.as_str(), event.person.is_some()), ("d-1", true));
        type Change = fn(&mut pb::DoorEventLogged);
        let changes: [Change; 6] = [
            |it| it.integration.clear(),
            |it| it.event_ref.clear(),
            |it| it.event_time = None,
            |it| it.r#where = None,
            |it| it.action = 0,
            |it| it.outcome = 0,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut lacking = whole.clone();
            change(&mut lacking);
            assert!(door_event(workspace, &lacking).is_err(), "change {number}");
        }
        for other in [
            pb::DoorEventLogged { integration: account(elsewhere), ..whole.clone() },
            pb::DoorEventLogged { person: person(elsewhere), ..whole.clone() },
        ] {
            assert!(door_event(workspace, &other).unwrap_err().contains("another workspace"));
        }
    }
}
