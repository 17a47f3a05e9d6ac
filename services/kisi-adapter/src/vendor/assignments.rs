//! Rights of users on groups (Kisi API reference, Role assignments).

use vendor_http::http::Method;

use super::client::{KisiAccount, PAGE};
use super::convert::{self, RoleAssignment, Validity};
use super::error::Error;
use super::reader::Reader;
use super::wire::{GroupId, RoleAssignmentId, UserId, WireRoleAssignment};

const ASSIGNMENTS: &str = "/role_assignments";
const ASSIGNMENT: &str = "/role_assignments/{id}";

impl KisiAccount {
    /// Gives the user the basic right on the group. If [`may_exist_already`], look at
    /// [`Self::list_assignments`].
    pub async fn create_assignment(
        &self,
        user: UserId,
        group: GroupId,
        validity: Validity,
    ) -> Result<RoleAssignment, Error> {
        let call = self.call(Method::POST, ASSIGNMENTS, &["role_assignments"], &[]);
        let call = call.json(&convert::new_assignment(user, group, validity));
        let assignment: WireRoleAssignment = self.send(call).await?.json()?;
        Ok(RoleAssignment::from_wire(assignment))
    }

    /// The assignment, unless deleted.
    pub async fn find_assignment(&self, id: RoleAssignmentId) -> Result<Option<RoleAssignment>, Error> {
        let id = id.to_string();
        let call = self.call(Method::GET, ASSIGNMENT, &["role_assignments", &id], &[]);
        let found: Option<WireRoleAssignment> = self.find(call).await?;
        Ok(found.map(RoleAssignment::from_wire))
    }

    /// The user's basic rights on the group, those that are over included.
    pub async fn list_assignments(&self, user: UserId, group: GroupId) -> Result<Vec<RoleAssignment>, Error> {
        let (user_id, group_id) = (user.to_string(), group.to_string());
        let assignee = [("assignee_type", "User"), ("assignee_id", user_id.as_str())];
        let target = [("applies_to_type", "Group"), ("applies_to_id", group_id.as_str())];
        let mut rows = self.assignments(&[assignee, target].concat()).await?;
        // The filters are not to be relied on: a wrong row would be revoked as ours.
        rows.retain(|row| row.is_basic_of(user, group));
        Ok(rows)
    }

    /// Everybody's rights on the group, whoever made them, those that are over included.
    pub async fn list_group_assignments(&self, group: GroupId) -> Result<Vec<RoleAssignment>, Error> {
        let rows = self.read_all(Reader::of_rights(group)).await?;
        Ok(rights_on(group, rows))
    }

    /// All rights of the user, on whatever.
    pub async fn list_user_assignments(&self, user: UserId) -> Result<Vec<RoleAssignment>, Error> {
        let id = user.to_string();
        let mut rows = self.assignments(&[("assignee_type", "User"), ("assignee_id", &id)]).await?;
        rows.retain(|row| row.assignee == convert::Assignee::User(user));
        Ok(rows)
    }

    /// Takes the right away. One that is gone already is fine.
    pub async fn delete_assignment(&self, id: RoleAssignmentId) -> Result<(), Error> {
        self.delete(ASSIGNMENT, "role_assignments", id.0).await
    }

    async fn assignments(&self, query: &[(&str, &str)]) -> Result<Vec<RoleAssignment>, Error> {
        let rows = self.list(ASSIGNMENTS, "role_assignments", PAGE, query).await?;
        Ok(rows.into_iter().map(RoleAssignment::from_wire).collect())
    }
}

impl Reader<WireRoleAssignment> {
    /// Of everybody's rights on the group, whoever made them, those that are over included.
    pub(crate) fn of_rights(group: GroupId) -> Self {
        let id = group.to_string();
        Self::new(
            ASSIGNMENTS,
            "role_assignments",
            PAGE,
            &[("applies_to_type", "Group"), ("applies_to_id", &id)],
        )
    }
}

/// Rights on the group alone: the filter is not to be relied on.
pub(crate) fn rights_on(group: GroupId, rows: Vec<WireRoleAssignment>) -> Vec<RoleAssignment> {
    let rights = rows.into_iter().map(RoleAssignment::from_wire);
    rights.filter(|right| right.target == convert::Target::Group(group)).collect()
}
