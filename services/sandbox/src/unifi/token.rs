//! Tokens of the API and what they may do (UniFi Access API reference, 1.1).

use std::collections::BTreeSet;

use domain::Timestamp;

use super::refusal::{Code, Refusal};
use super::state::State;

/// A permission key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    ViewSpace,
    EditSpace,
    ViewVisitor,
    EditVisitor,
    ViewUser,
    EditUser,
    ViewPolicy,
    EditPolicy,
    ViewCredential,
    EditCredential,
    ViewDevice,
    ViewSystemLog,
    ViewWebhook,
    EditWebhook,
}

impl Scope {
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::ViewSpace => "view:space",
            Self::EditSpace => "edit:space",
            Self::ViewVisitor => "view:visitor",
            Self::EditVisitor => "edit:visitor",
            Self::ViewUser => "view:user",
            Self::EditUser => "edit:user",
            Self::ViewPolicy => "view:policy",
            Self::EditPolicy => "edit:policy",
            Self::ViewCredential => "view:credential",
            Self::EditCredential => "edit:credential",
            Self::ViewDevice => "view:device",
            Self::ViewSystemLog => "view:system_log",
            Self::ViewWebhook => "view:webhook",
            Self::EditWebhook => "edit:webhook",
        }
    }
}

impl State {
    /// Refuses a token that is unknown, over, or lacks the scope.
    pub(super) fn admit(&self, token: Option<&str>, scope: Scope, now: Timestamp) -> Result<(), Refusal> {
        let token = token.ok_or(Refusal::new(Code::AuthFailed))?;
        let token = self.tokens.get(token).ok_or(Refusal::new(Code::AccessTokenInvalid))?;
        if token.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(Refusal::new(Code::AccessTokenInvalid));
        }
        let has = |scopes: &BTreeSet<String>| scopes.contains(scope.key());
        if token.scopes.as_ref().is_none_or(has) { Ok(()) } else { Err(Refusal::new(Code::Unauthorized)) }
    }
}
