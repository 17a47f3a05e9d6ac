//! SQL.

pub(crate) mod account;
pub(crate) mod command;
pub(crate) mod held;
pub(crate) mod lane;
pub(crate) mod log;
pub(crate) mod reconciliation;
pub(crate) mod secret;

use domain::WorkspaceId;
use uuid::Uuid;

/// Names a lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LaneKey {
    pub workspace: WorkspaceId,
    /// An integration, or a site whose integration is not known yet.
    pub id: Uuid,
}

/// Two columns of keys.
fn columns<'a>(keys: impl IntoIterator<Item = &'a LaneKey>) -> (Vec<Uuid>, Vec<Uuid>) {
    keys.into_iter().map(|key| (key.workspace.uuid(), key.id)).unzip()
}
