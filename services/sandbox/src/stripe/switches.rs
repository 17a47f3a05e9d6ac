//! How the twin behaves where the real Stripe's behaviour varies, or fails.

use serde::{Deserialize, Serialize};

/// How fast things happen by themselves, in seconds of the sandbox's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pace {
    /// Until a debit is known to have gone well, or not. Default three days.
    pub debit_s: u32,
    /// Until a refund that is pending, or that fails later, does. Default a day.
    pub refund_s: u32,
    /// Until a payment of a kind that is disputed is. Default at once.
    pub dispute_s: u32,
    /// For how long a debit can be taken back. Default an hour.
    pub debit_cancellable_s: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { debit_s: 3 * 24 * 3_600, refund_s: 24 * 3_600, dispute_s: 0, debit_cancellable_s: 3_600 }
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How long a POST takes, in real milliseconds, while its idempotency key is in use.
    pub takes_ms: u64,
    /// So many POSTs are carried out, and answered with 500: idempotency keys keep that.
    pub internal_errors: u32,
    /// What the header `Stripe-Should-Retry` of refusals says. Default: it is not there.
    pub should_retry: Option<bool>,
    /// What is wrong with webhooks.
    pub webhooks: WebhookSwitches,
}

/// What is wrong with webhooks. Nothing by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSwitches {
    /// They are not sent, and count as failed.
    pub is_lost: bool,
    /// Each comes twice.
    pub is_doubled: bool,
    /// They wait until they are flushed.
    pub is_held: bool,
    /// What is sent together comes last first.
    pub is_reversed: bool,
    /// Signed an hour ago.
    pub has_old_timestamp: bool,
    /// Signed with another secret.
    pub has_wrong_secret: bool,
}
