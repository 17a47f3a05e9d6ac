//! Who is to be told when something must be done.

use domain::{LocationId, PersonId, WorkspaceId};

chassis::text_enum! {
    /// By what a person is staff.
    pub(crate) enum StaffRole {
        /// Of the workspace.
        Owner = "owner",
        /// Of the workspace.
        Admin = "admin",
        /// Of some locations.
        Manager = "manager",
    }
}

/// A person as far as they are staff.
#[derive(Clone)]
pub(crate) struct Staff {
    pub workspace: WorkspaceId,
    pub person: PersonId,
    pub version: i64,
    /// `None`: they are not, and nothing else is known of them.
    pub role: Option<StaffRole>,
    /// Of a manager.
    pub locations: Vec<LocationId>,
    pub display_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
}

impl Staff {
    /// Someone of whom nothing is to be known but that.
    pub(crate) fn nobody(workspace: WorkspaceId, person: PersonId, version: i64) -> Self {
        Self {
            workspace,
            person,
            version,
            role: None,
            locations: Vec::new(),
            display_name: String::new(),
            email: None,
            phone: None,
        }
    }
}
