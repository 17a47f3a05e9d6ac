//! Opens a secret for whoever tells it to the person.

use chassis::error::{Class, Classify, store_class};
use chassis::input::{Input, InvalidInput};
use chassis::postgres::WorkspacePool;
use domain::names::{GrantName, WayInName};
use proto::access::v1 as pb;
use sealing::SealError;
use secrecy::ExposeSecret as _;

use crate::request::Matter;
use crate::secret::{DoorSecret, Sealer};
use crate::store::secret as store;

/// Why a secret is not revealed.
#[derive(Debug, thiserror::Error)]
pub(super) enum RevealError {
    /// The request makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// There is none, or it is over.
    #[error("{0} has no door secret: it was withdrawn, is over, or was never made")]
    NotFound(String),
    /// It was sealed by a key that is not at hand, or is damaged.
    #[error(
        "cannot open the door secret of {name}; set sealing.key or sealing.key_file to the key that sealed it"
    )]
    Sealed {
        /// Whose.
        name: String,
        /// Why.
        #[source]
        source: SealError,
    },
    /// The ledger is not at hand.
    #[error("cannot read door secrets")]
    Store(#[from] sqlx::Error),
}

impl Classify for RevealError {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(error) => error.class(),
            Self::NotFound(_) => Class::NotFound,
            Self::Sealed { .. } => Class::Internal,
            Self::Store(error) => store_class(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::NotFound(_) => "DOOR_SECRET_NOT_FOUND",
            Self::Sealed { .. } => "DOOR_SECRET",
            Self::Store(_) => "STORE",
        }
    }
}

/// The secret of a way in or a grant, by its name.
pub(super) async fn reveal(
    pool: &WorkspacePool,
    sealer: &Sealer,
    name: &str,
) -> Result<DoorSecret, RevealError> {
    let owner = owner(name)?;
    let mut tx = pool.begin(owner.workspace()).await?;
    let sealed = store::find(&mut tx, owner).await?;
    let sealed = sealed.ok_or_else(|| RevealError::NotFound(name.to_owned()))?;
    sealer.open(owner, &sealed).map_err(|source| RevealError::Sealed { name: name.to_owned(), source })
}

fn owner(name: &str) -> Result<Matter, InvalidInput> {
    if let Ok(grant) = name.parse::<GrantName>() {
        return Ok(Matter::Grant(grant));
    }
    let mut input = Input::new();
    let way_in: Option<WayInName> = input.parse("name", name);
    input.finish_with(way_in).map(Matter::WayIn)
}

impl From<&DoorSecret> for pb::reveal_door_secret_response::Secret {
    fn from(secret: &DoorSecret) -> Self {
        let text = secret.text().expose_secret().to_owned();
        match secret {
            DoorSecret::Link(_) => Self::Link(text),
            DoorSecret::Pin(_) => Self::Pin(text),
        }
    }
}
