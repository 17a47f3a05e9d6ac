//! From a message in the ledger to a call to a vendor, and what its answer means.

pub(crate) mod callback;
pub(crate) mod email;
mod sms;

use std::future::Future;

pub(crate) use callback::CallbackAddress;
pub(crate) use email::EmailDelivery;
pub(crate) use sms::SmsDelivery;

use crate::app::Work;
use crate::engine::Outcome;
use crate::secrets::DoorSecret;

/// Sends the messages of one channel.
pub(crate) trait Delivery: Send + Sync + 'static {
    /// Sends one message, once, with the secret that goes with it.
    fn deliver(&self, work: &Work, secret: Option<&DoorSecret>) -> impl Future<Output = Outcome> + Send;
}
