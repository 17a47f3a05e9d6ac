//! Stripe's HTTP API, as far as Latchkey uses it.
//!
//! [`Stripe`] stands for the vendor and is made once per process; [`StripeAccount`] is one key.

mod amount;
mod charging;
mod client;
mod convert;
mod error;
mod events;
mod giving_back;
mod method;
mod seen;
mod signature;
mod wire;

pub use amount::AmountError;
pub(crate) use amount::check as check_amount;
pub use charging::{ChargingError, CreatedIntent, SeenIntent};
pub use client::{API_VERSION, Stripe, StripeAccount};
pub use convert::{KeyCheck, Mode};
pub use error::Error;
pub(crate) use error::is_missing;
pub use events::{ListedEvent, Since, read_event};
pub use giving_back::{SeenDispute, SeenRefund};
pub use method::{CreatedSetup, MethodKind, SavedMethod, SavingError, SetupSeen};
pub use signature::{SignatureError, Signed};
