//! What a door access system must be able to do so that its doors can be operated on demand.

use std::future::Future;
use std::time::Duration;

use domain::{OperationId, PersonId, Timestamp};
use proto::access::v1::AccessReason;

use crate::error::{ErrorKind, ProviderError};
use crate::provider::{Account, DoorProvider};

/// A door access system whose doors can be operated on demand. Someone waits for each answer: nothing of this asks the
/// ledger, and nothing of it waits for commands.
pub trait DoorControl: DoorProvider {
    /// The doors as they are now, by name.
    fn list_doors(&self, account: &Account) -> impl Future<Output = Result<Vec<Door>, ProviderError>> + Send;

    /// Which doors a group opens, by the provider's ids. None for a provider that knows no groups.
    fn doors_of_group(
        &self,
        account: &Account,
        group_ref: &str,
    ) -> impl Future<Output = Result<Vec<String>, ProviderError>> + Send;

    /// A door as it is now.
    fn read_door(
        &self,
        account: &Account,
        door_ref: &str,
    ) -> impl Future<Output = Result<Door, ProviderError>> + Send;

    /// Does it, once. What the door may have obeyed is an error with an unknown outcome, and is not tried again; but for
    /// locking down and lifting, which twice is once, and which wait for nothing else of the account. What the door
    /// can't do is refused without a call ([`cannot`]). The error's [code](ProviderError::with_code) says why, as far
    /// as the provider tells it apart.
    fn operate(
        &self,
        account: &Account,
        operation: &Operation,
    ) -> impl Future<Output = Result<Operated, ProviderError>> + Send;

    /// What became of an operation whose answer was lost, as far as the provider says by now. Asked again later, as
    /// long as that is [`Fate::Unknown`].
    fn find_operation(
        &self,
        account: &Account,
        operation: &Operation,
        sent_at: Timestamp,
    ) -> impl Future<Output = Result<Fate, ProviderError>> + Send;
}

/// A door as a provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Door {
    /// The provider's id.
    pub provider_ref: String,
    /// What it is called over there.
    pub display_name: String,
    /// The provider's id of what can be locked down as a whole, with all of its doors.
    pub place_ref: Option<String>,
    /// What it can be told.
    pub abilities: Abilities,
    /// How it is.
    pub state: DoorState,
}

/// What a door can be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Abilities {
    /// To open for a moment.
    pub pulse: Option<PulseLength>,
    /// To be held open, so long at the most.
    pub hold_max: Option<Duration>,
    /// To lock before a hold is over.
    pub can_lock: bool,
    /// To be locked for everybody until that is lifted.
    pub can_lock_down: bool,
}

/// For how long a door opens for a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PulseLength {
    /// As its hardware is set, and no other.
    Fixed,
    /// As it is told, within these bounds.
    Between {
        /// At the least.
        min: Duration,
        /// At the most.
        max: Duration,
    },
}

/// How a door is. What is `None`, the provider does not say.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoorState {
    /// Whether it is locked.
    pub is_locked: Option<bool>,
    /// Whether it stands open, by its contact.
    pub is_open: Option<bool>,
    /// Whether it can be reached.
    pub is_online: Option<bool>,
    /// Whether it is locked for everybody until that is lifted.
    pub is_locked_down: Option<bool>,
    /// Until when it is held open.
    pub held_until: Option<Timestamp>,
}

/// Something to be done at a door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The same for the same operation.
    pub id: OperationId,
    /// Where.
    pub spot: Spot,
    /// What.
    pub action: Action,
    /// Who wants it, for logs of the provider's own.
    pub actor: Option<Actor>,
}

/// Where something is done, by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spot {
    /// At one door.
    Door(String),
    /// At all doors of a place ([`Door::place_ref`]), which can be locked down and lifted, and nothing else.
    Place(String),
}

/// What a door is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Open for a moment: so long, or as long as is usual there.
    Pulse(Option<Duration>),
    /// Stay open until then; the device ends that by itself.
    HoldOpen(Timestamp),
    /// Lock, and be held open no more.
    Lock,
    /// Be locked for everybody until that is lifted: an emergency.
    LockDown,
    /// The emergency is over.
    LiftLockdown,
}

impl Action {
    /// Whether it has to do with an emergency, in which nothing waits.
    pub fn is_emergency(self) -> bool {
        match self {
            Self::LockDown | Self::LiftLockdown => true,
            Self::Pulse(_) | Self::HoldOpen(_) | Self::Lock => false,
        }
    }
}

/// Who wants something done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who.
    pub person: PersonId,
    /// What they are called.
    pub display_name: String,
}

/// The provider says that it is so.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Operated {
    /// For a hold: until when the device does by itself; at most a minute later than was asked for.
    pub held_until: Option<Timestamp>,
}

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The door obeyed.
    Done,
    /// It did not, and will not.
    NotDone,
    /// The provider does not tell, at least not yet.
    Unknown,
}

/// The refusal of what a door can't do. `provider` is its name for people.
pub fn cannot(provider: &str) -> ProviderError {
    let reason = format!("{provider} can't do that at this door");
    ProviderError::new(ErrorKind::Rejected, reason).with_code(AccessReason::DoorCannot)
}
