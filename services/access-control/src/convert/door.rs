//! Doors on demand.

use std::time::Duration;

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{LocationName, LockdownName, OperationName, PersonName};
use domain::{LocationId, ProviderName, Timestamp, WorkspaceId};
use proto::access::v1 as pb;

use super::door_schedule::lock;
use super::{TARGET_CHARS_MAX, address};
use crate::app::{Asked, DoorView, ShownSecret};
use crate::doors::Wish;
use crate::explain::sentence;
use crate::model::{Action, DoorSetting, Lockdown, Operation, OperationState, SpotKind, Target, TargetKind};
use crate::store::secret::SecretPlace;

/// Characters of what a phone is called.
const DEVICE_CHARS_MAX: usize = 100;

/// Characters of a request's key.
const REQUEST_ID_CHARS_MAX: usize = 100;

/// What a request asks of which door.
pub(crate) fn asked(
    workspace: WorkspaceId,
    door: Option<&pb::DoorAddress>,
    wish: Result<Wish, InvalidInput>,
    request_id: &str,
) -> Result<Asked, InvalidInput> {
    let mut input = Input::new();
    let wish = input.nested("", wish);
    let request_id = input.optional_text("request_id", request_id, REQUEST_ID_CHARS_MAX);
    let door = input.required("door", door).and_then(|door| address(&mut input, "door", workspace, door));
    if door.as_ref().is_some_and(|door| door.kind == TargetKind::Group) {
        input.refuse("door.target.kind", "must be a lock: groups are not operated");
    }
    let asked = (|| {
        let Target { location, provider, provider_ref: door_ref, .. } = door?;
        let request_id = request_id.filter(|key| !key.is_empty());
        Some(Asked { location, provider, door_ref, wish: wish?, request_id })
    })();
    input.finish_with(asked)
}

/// That a door opens for so long, or as long as is usual.
pub(crate) fn open(duration: Option<pbjson_types::Duration>) -> Result<Wish, InvalidInput> {
    let mut input = Input::new();
    let length = duration.map(|duration| Duration::try_from(duration).ok().filter(|it| !it.is_zero()));
    if length == Some(None) {
        input.refuse("duration", "must be longer than nothing");
    }
    input.finish_with(Some(Wish::Open(length.flatten())))
}

/// That a door stays open until then.
pub(crate) fn hold(end_time: Option<&pbjson_types::Timestamp>, now: Timestamp) -> Result<Wish, InvalidInput> {
    let mut input = Input::new();
    let until = input.time("end_time", end_time);
    if until.is_some_and(|until| until <= now) {
        input.refuse("end_time", "must be later than now");
    }
    input.finish_with(until.map(Wish::HoldOpen))
}

/// A location of the workspace, or none.
pub(crate) fn at(workspace: WorkspaceId, location: &str) -> Result<Option<LocationId>, InvalidInput> {
    let mut input = Input::new();
    let location: Option<LocationName> = input.parse_optional("location", location);
    if location.is_some_and(|location| location.workspace != workspace) {
        input.refuse("location", "must be a location of this workspace");
    }
    input.finish_with(Some(location.map(|location| location.id)))
}

/// A door as the caller sees it.
pub(crate) fn door_view(workspace: WorkspaceId, view: &DoorView) -> pb::Door {
    let (may_open, reason) = view.verdict();
    let target = &view.target;
    let window = view.admission.and_then(|admission| admission.window);
    pb::Door {
        address: Some(super::door(workspace, target)),
        abilities: view.known.as_ref().map(|door| door.abilities.0),
        state: view.known.as_ref().map(|door| door.state.0),
        state_time: view.known.as_ref().map(|door| timestamp(door.asked_at)),
        may_open,
        reason: reason.into(),
        window: window.map(|window| pb::AccessWindow {
            start_time: Some(timestamp(window.start())),
            end_time: Some(timestamp(window.end())),
        }),
        is_locked_down: view.is_locked_down,
        provider_display_name: view.known.as_ref().map(|door| door.provider_name.clone()).unwrap_or_default(),
        pulse_duration: view.known.as_ref().and_then(|door| door.pulse_ms).map(millis),
    }
}

/// Where a login is wanted, and for which phone.
pub(crate) fn login(
    workspace: WorkspaceId,
    message: &pb::CreateMobileLoginRequest,
) -> Result<((String, LocationId), String), InvalidInput> {
    let mut input = Input::new();
    let provider: Option<ProviderName> = input.parse("provider", &message.provider);
    let location: Option<LocationName> = input.parse("location", &message.location);
    if location.is_some_and(|location| location.workspace != workspace) {
        input.refuse("location", "must be of the workspace");
    }
    let device_name = input.optional_text("device_name", &message.device_name, DEVICE_CHARS_MAX);
    let place = provider.zip(location).map(|(provider, location)| (provider.to_string(), location.id));
    input.finish_with(place.zip(device_name))
}

/// What lets someone in, for them.
pub(crate) fn door_secret(shown: ShownSecret) -> pb::DoorSecret {
    use pb::door_secret::Secret as Told;
    use pb::reveal_door_secret_response::Secret;
    let SecretPlace { grant, target, window } = shown.place;
    pb::DoorSecret {
        door: Some(super::door(grant.workspace, &target)),
        window: Some(super::window(window)),
        secret: Some(match shown.secret {
            Secret::Link(link) => Told::Link(link),
            Secret::Pin(pin) => Told::Pin(pin),
        }),
    }
}

fn millis(millis: i64) -> pbjson_types::Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or_default()).into()
}

/// What is to be said of which door.
pub(crate) fn new_door_settings(
    workspace: WorkspaceId,
    message: Option<&pb::DoorSettings>,
) -> Result<(Target, DoorSetting), InvalidInput> {
    let mut input = Input::new();
    let values = input.required("door_settings", message).and_then(|message| {
        let door = lock(&mut input, "door_settings.door", workspace, message.door.as_ref());
        let name = input.optional_text("door_settings.display_name", &message.display_name, TARGET_CHARS_MAX);
        let pulse = message.pulse_duration.map(|length| {
            let length = Duration::try_from(length).ok().filter(|length| !length.is_zero());
            i64::try_from(length?.as_millis()).ok()
        });
        if pulse == Some(None) {
            input.refuse("door_settings.pulse_duration", "must be longer than nothing");
        }
        let display_name = name.filter(|name| !name.is_empty());
        Some((door?, DoorSetting { display_name, pulse_ms: pulse.flatten() }))
    });
    input.finish_with(values)
}

/// What is said of a door.
pub(crate) fn door_settings(
    workspace: WorkspaceId,
    door: &Target,
    setting: &DoorSetting,
) -> pb::DoorSettings {
    pb::DoorSettings {
        door: Some(super::door(workspace, door)),
        display_name: setting.display_name.clone().unwrap_or_default(),
        pulse_duration: setting.pulse_ms.map(millis),
    }
}

/// An operation; `for_staff`: with what the provider said.
pub(crate) fn operation(operation: &Operation, for_staff: bool) -> pb::DoorOperation {
    let Operation { workspace, id, .. } = *operation;
    pb::DoorOperation {
        name: OperationName { workspace, id }.to_string(),
        door: Some(place(operation)),
        action: action(operation.action).into(),
        state: state(operation.state).into(),
        reason: operation.reason.into(),
        sentence: sentence(operation.reason, operation.reason_time),
        detail: if for_staff { operation.detail.clone() } else { String::new() },
        begin_time: Some(timestamp(operation.begun_at)),
        end_time: operation.ended_at.map(timestamp),
        held_until_time: operation.held_until.map(timestamp),
    }
}

/// Where an operation is done.
pub(super) fn place(operation: &Operation) -> pb::DoorAddress {
    let kind = match operation.spot_kind {
        SpotKind::Door => pb::DoorTargetKind::Lock,
        SpotKind::Place => pb::DoorTargetKind::Unspecified,
    };
    pb::DoorAddress {
        location: LocationName { workspace: operation.workspace, id: operation.location }.to_string(),
        provider: operation.provider.clone(),
        target: Some(pb::DoorTarget {
            kind: kind.into(),
            r#ref: operation.spot_ref.clone(),
            display_name: operation.spot_name.clone(),
        }),
    }
}

pub(crate) fn lockdown(lockdown: &Lockdown, operations: &[Operation]) -> pb::Lockdown {
    let Lockdown { workspace, id, .. } = *lockdown;
    let location = lockdown.location.map(|id| LocationName { workspace, id }.to_string());
    pb::Lockdown {
        name: LockdownName { workspace, id }.to_string(),
        location: location.unwrap_or_default(),
        begin_time: Some(timestamp(lockdown.begun_at)),
        lift_time: lockdown.lifted_at.map(timestamp),
        operations: operations.iter().map(|it| operation(it, true)).collect(),
    }
}

pub(super) fn action(action: Action) -> pb::DoorAction {
    match action {
        Action::Pulse => pb::DoorAction::Pulse,
        Action::HoldOpen => pb::DoorAction::HoldOpen,
        Action::Lock => pb::DoorAction::Lock,
        Action::LockDown => pb::DoorAction::LockDown,
        Action::LiftLockdown => pb::DoorAction::LiftLockdown,
    }
}

pub(super) fn state(state: OperationState) -> pb::DoorOperationState {
    match state {
        OperationState::UnderWay => pb::DoorOperationState::UnderWay,
        OperationState::Done => pb::DoorOperationState::Done,
        OperationState::Refused => pb::DoorOperationState::Refused,
        OperationState::Failed => pb::DoorOperationState::Failed,
        OperationState::Unknown => pb::DoorOperationState::Unknown,
    }
}

/// An operation as adapters get it.
pub(crate) fn provider_operation(operation: &Operation) -> pb::ProviderOperation {
    use pb::provider_operation::Where;
    let spot = operation.spot_ref.clone();
    let pulse = operation.pulse_ms.and_then(|millis| u64::try_from(millis).ok());
    pb::ProviderOperation {
        id: operation.id.to_string(),
        r#where: Some(match operation.spot_kind {
            SpotKind::Door => Where::DoorRef(spot),
            SpotKind::Place => Where::PlaceRef(spot),
        }),
        action: action(operation.action).into(),
        pulse_duration: pulse.map(|millis| Duration::from_millis(millis).into()),
        hold_until_time: operation.hold_until.map(timestamp),
        actor: operation.person.map(|id| pb::OperationActor {
            person: PersonName { workspace: operation.workspace, id }.to_string(),
            display_name: String::new(),
        }),
    }
}
