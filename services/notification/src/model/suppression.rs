//! Addresses that get nothing more.

use domain::{Timestamp, WorkspaceId};
use uuid::Uuid;

use super::Channel;

chassis::text_enum! {
    /// Why an address gets nothing more.
    pub(crate) enum SuppressionReason {
        /// It does not exist, or takes nothing.
        Bounced = "bounced",
        /// The person called a message spam.
        Complained = "complained",
        /// The person wants nothing that is not needed.
        Unsubscribed = "unsubscribed",
        /// The person wrote STOP.
        Stopped = "stopped",
    }
}

impl SuppressionReason {
    /// Whether it was the person's wish, which only they take back.
    pub(crate) fn is_wish(self) -> bool {
        self != Self::Bounced
    }
}

/// An address that gets nothing more.
#[derive(Clone)]
pub(crate) struct Suppression {
    pub workspace: WorkspaceId,
    pub id: Uuid,
    pub channel: Channel,
    /// An email address in lower case, or a phone number.
    pub address: String,
    pub reason: SuppressionReason,
    pub since: Timestamp,
    pub detail: Option<String>,
}
