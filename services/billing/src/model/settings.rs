//! How a workspace is paid.

/// What a workspace has said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether people may pay by debits of US bank accounts.
    pub takes_debits: bool,
}
