//! Workspaces, locations, resources.

use domain::{LocationId, ResourceId, WorkspaceId};

#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    pub id: WorkspaceId,
    pub display_name: String,
    pub reply_to_email: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Location {
    pub id: LocationId,
    pub display_name: String,
    pub time_zone: chrono_tz::Tz,
    pub country: String,
    pub address: String,
}

#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub id: ResourceId,
    pub location: LocationId,
    pub display_name: String,
}
