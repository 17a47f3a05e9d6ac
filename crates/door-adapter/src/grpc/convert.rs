//! Doors and operations as messages.

use std::time::Duration;

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{IntegrationName, LocationName, PersonName};
use domain::{PersonId, Timestamp};
use proto::access::v1 as pb;
use secrecy::{ExposeSecret as _, SecretString};

use crate::control::{
    Abilities, Action, Actor, Door, DoorState, Fate, Operated, Operation, PulseLength, Spot,
};
use crate::credentials::Site;
use crate::provider::MobileLogin;

/// Characters of a provider's id, or of a name.
pub(super) const TEXT_CHARS_MAX: usize = 200;

/// Which account is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AccountRef {
    pub integration: IntegrationName,
    pub site: Site,
}

fn read_account(message: &pb::ProviderAccountRef) -> Result<AccountRef, InvalidInput> {
    let mut input = Input::new();
    let integration: Option<IntegrationName> = input.parse("integration", &message.integration);
    let location: Option<LocationName> = input.parse_optional("location", &message.location);
    if let (Some(integration), Some(location)) = (integration, location)
        && location.workspace != integration.workspace
    {
        input.refuse("location", "must be of the integration's workspace");
    }
    let account = integration.map(|integration| {
        let site = Site { workspace: integration.workspace, location: location.map(|name| name.id) };
        AccountRef { integration, site }
    });
    input.finish_with(account)
}

pub(super) fn take_account(
    input: &mut Input,
    message: Option<&pb::ProviderAccountRef>,
) -> Option<AccountRef> {
    let message = input.required("account", message)?;
    input.nested("account.", read_account(message))
}

pub(super) fn account(message: Option<&pb::ProviderAccountRef>) -> Result<AccountRef, InvalidInput> {
    let mut input = Input::new();
    let account = take_account(&mut input, message);
    input.finish_with(account)
}

/// An account, and the provider's id of something there.
pub(super) fn with_ref(
    account: Option<&pb::ProviderAccountRef>,
    field: &str,
    provider_ref: &str,
) -> Result<(AccountRef, String), InvalidInput> {
    let mut input = Input::new();
    let account = take_account(&mut input, account);
    let provider_ref = input.text(field, provider_ref, TEXT_CHARS_MAX);
    input.finish_with(account.zip(provider_ref))
}

/// Whose login, where, and for which phone.
pub(super) fn login(
    message: &pb::CreateProviderLoginRequest,
) -> Result<(AccountRef, PersonId, String), InvalidInput> {
    let mut input = Input::new();
    let account = take_account(&mut input, message.account.as_ref());
    let person: Option<PersonName> = input.parse("person", &message.person);
    if let (Some(account), Some(person)) = (&account, person)
        && account.integration.workspace != person.workspace
    {
        input.refuse("person", "must be of the workspace of the account");
    }
    let device_name = input.optional_text("device_name", &message.device_name, TEXT_CHARS_MAX);
    let login = account.zip(person).zip(device_name);
    input.finish_with(login.map(|((account, person), device_name)| (account, person.id, device_name)))
}

pub(super) fn operation(
    account: Option<&pb::ProviderAccountRef>,
    operation: Option<&pb::ProviderOperation>,
) -> Result<(AccountRef, Operation), InvalidInput> {
    let mut input = Input::new();
    let account = take_account(&mut input, account);
    let operation = input.required("operation", operation);
    let operation = operation.and_then(|message| input.nested("operation.", read_operation(message)));
    input.finish_with(account.zip(operation))
}

/// An operation that was sent, and when.
pub(super) fn sent_operation(
    message: &pb::FindProviderOperationRequest,
) -> Result<(AccountRef, Operation, Timestamp), InvalidInput> {
    let (account, operation) = operation(message.account.as_ref(), message.operation.as_ref())?;
    let mut input = Input::new();
    let sent_at = input.time("send_time", message.send_time.as_ref());
    input.finish_with(sent_at.map(|sent_at| (account, operation, sent_at)))
}

fn read_operation(message: &pb::ProviderOperation) -> Result<Operation, InvalidInput> {
    use pb::provider_operation::Where;
    let mut input = Input::new();
    let id = input.parse("id", &message.id);
    let action = read_action(&mut input, message);
    let spot = match &message.r#where {
        Some(Where::DoorRef(door)) => input.text("door_ref", door, TEXT_CHARS_MAX).map(Spot::Door),
        Some(Where::PlaceRef(place)) => {
            if action.is_some_and(|action| !action.is_emergency()) {
                input.refuse("place_ref", "can be locked down or lifted, and nothing else");
            }
            input.text("place_ref", place, TEXT_CHARS_MAX).map(Spot::Place)
        }
        None => {
            input.refuse("where", "must be set");
            None
        }
    };
    let actor = message.actor.as_ref().and_then(|actor| {
        let person: PersonName = input.parse("actor.person", &actor.person)?;
        let display_name = input.optional_text("actor.display_name", &actor.display_name, TEXT_CHARS_MAX)?;
        Some(Actor { person: person.id, display_name })
    });
    let operation = (|| Some(Operation { id: id?, spot: spot?, action: action?, actor }))();
    input.finish_with(operation)
}

fn read_action(input: &mut Input, message: &pb::ProviderOperation) -> Option<Action> {
    match message.action() {
        pb::DoorAction::Unspecified => {
            input.refuse("action", "must be set");
            None
        }
        pb::DoorAction::Pulse => match message.pulse_duration {
            None => Some(Action::Pulse(None)),
            Some(duration) => {
                let duration = Duration::try_from(duration).ok().filter(|duration| !duration.is_zero());
                if duration.is_none() {
                    input.refuse("pulse_duration", "must be longer than nothing");
                }
                duration.map(|duration| Action::Pulse(Some(duration)))
            }
        },
        pb::DoorAction::HoldOpen => {
            input.time("hold_until_time", message.hold_until_time.as_ref()).map(Action::HoldOpen)
        }
        pb::DoorAction::Lock => Some(Action::Lock),
        pb::DoorAction::LockDown => Some(Action::LockDown),
        pb::DoorAction::LiftLockdown => Some(Action::LiftLockdown),
    }
}

impl From<Door> for pb::ProviderDoor {
    fn from(door: Door) -> Self {
        Self {
            r#ref: door.provider_ref,
            display_name: door.display_name,
            place_ref: door.place_ref.unwrap_or_default(),
            abilities: Some(door.abilities.into()),
            state: Some(door.state.into()),
        }
    }
}

impl From<Abilities> for pb::DoorAbilities {
    fn from(abilities: Abilities) -> Self {
        let pulse = abilities.pulse.map(|length| match length {
            PulseLength::Fixed => pb::PulseAbility::default(),
            PulseLength::Between { min, max } => {
                pb::PulseAbility { duration_min: Some(min.into()), duration_max: Some(max.into()) }
            }
        });
        Self {
            pulse,
            hold_max: abilities.hold_max.map(Into::into),
            can_lock: abilities.can_lock,
            can_lock_down: abilities.can_lock_down,
        }
    }
}

impl From<DoorState> for pb::DoorState {
    fn from(state: DoorState) -> Self {
        Self {
            is_locked: state.is_locked,
            is_open: state.is_open,
            is_online: state.is_online,
            is_locked_down: state.is_locked_down,
            held_until_time: state.held_until.map(timestamp),
        }
    }
}

impl From<Operated> for pb::ProviderOperated {
    fn from(operated: Operated) -> Self {
        Self { held_until_time: operated.held_until.map(timestamp) }
    }
}

impl From<Fate> for pb::OperationFate {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Done => Self::Done,
            Fate::NotDone => Self::NotDone,
            Fate::Unknown => Self::Unknown,
        }
    }
}

impl From<MobileLogin> for pb::MobileLogin {
    fn from(login: MobileLogin) -> Self {
        let exposed = |secret: &SecretString| secret.expose_secret().to_owned();
        let phone = login.phone.as_ref();
        Self {
            r#ref: login.provider_ref,
            secret: exposed(&login.secret),
            phone_key: phone.map(|phone| exposed(&phone.key)).unwrap_or_default(),
            certificate: phone.map(|phone| exposed(&phone.certificate)).unwrap_or_default(),
        }
    }
}
