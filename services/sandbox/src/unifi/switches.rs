//! Behaviours of UniFi Access that are unknown or that vary: one switch each.

use serde::{Deserialize, Serialize};

/// How the twin behaves where the real console's behaviour is not documented or differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The console's version of Access: what came later is not there. Default 4.2.16.
    pub version: String,
    /// How what came later is refused. Default code.
    pub version_refusal: VersionRefusal,
    /// With which status refusals come. Default success.
    pub refusals: RefusalStyle,
    /// With which status a token without the scope is refused. Default unauthorized.
    pub scope_refusal: ScopeRefusal,
    /// Whether lists of visitors say how many there are. Default on.
    pub has_pagination: bool,
    /// Whether devices come grouped by door. Default on.
    pub has_nested_devices: bool,
    /// Whether a visitor's own PIN, assigned again, is refused as taken. Default off.
    pub own_pin_is_taken: bool,
    /// Whether a visitor's single doors show in the group alone that the console makes of them. Default off.
    pub hides_single_doors: bool,
    /// Digits of PINs. Default 8.
    pub pin_digits: u32,
    /// What is wrong with webhooks. Default nothing.
    pub webhook_flaw: WebhookFlaw,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            version: "4.2.16".to_owned(),
            version_refusal: VersionRefusal::Code,
            refusals: RefusalStyle::Success,
            scope_refusal: ScopeRefusal::Unauthorized,
            has_pagination: true,
            has_nested_devices: true,
            own_pin_is_taken: false,
            hides_single_doors: false,
            pin_digits: 8,
            webhook_flaw: WebhookFlaw::None,
        }
    }
}

/// With which status refusals come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalStyle {
    /// 200, the code alone tells.
    Success,
    /// 400 for bad requests, 402 for the rest.
    Failure,
}

/// With which status a token without the scope is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScopeRefusal {
    /// 401, as seen.
    Unauthorized,
    /// 403, as documented.
    Forbidden,
}

/// How a call is refused that the console's version does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionRefusal {
    /// `CODE_DEVICE_API_NOT_SUPPORTED`.
    Code,
    /// 404.
    NotFound,
}

/// What is wrong with webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookFlaw {
    /// Nothing.
    None,
    /// They are not sent.
    Dropped,
    /// They come twice.
    Doubled,
    /// Every second one comes late, so that the next overtakes it.
    Reordered,
    /// The signature is another's.
    WrongSignature,
    /// The signature is an hour old.
    OldTimestamp,
}
