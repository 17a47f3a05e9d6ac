//! What admins say of a door.

/// In place of what its provider says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DoorSetting {
    /// What it is called.
    pub display_name: Option<String>,
    /// For how long it opens for a moment.
    pub pulse_ms: Option<i64>,
}
