//! Who may do what with files, beyond the role that a method requires.

use chassis::auth::{AuthError, Principal, Reach, Role};
use domain::{PersonId, WorkspaceId};

/// Those who may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    /// Owners and admins of the workspace, and the operator.
    Admins,
    /// Whose the file is, and admins.
    Owner,
    /// Members and managers, and admins.
    Members,
    /// All who are in the workspace.
    Everyone,
}

/// A caller, as files see them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Everything is theirs to do.
    Admin,
    /// A person, be they manager, member or guest. `None`: an API key, which stands for nobody.
    Person {
        /// Who.
        id: Option<PersonId>,
        /// Whether they come now and then.
        is_guest: bool,
    },
}

impl Caller {
    /// The caller in this workspace.
    pub(crate) fn of(principal: &Principal, workspace: WorkspaceId) -> Result<Self, AuthError> {
        Ok(match principal.reach(workspace)? {
            Reach::Workspace => Self::Admin,
            // Files are of no location: what is not a manager's own is for admins.
            Reach::Locations(_) | Reach::Own(_) => {
                Self::Person { id: principal.id.parse().ok(), is_guest: principal.role == Role::Guest }
            }
        })
    }

    /// Whether they are among those who may, with a file of this owner's.
    pub(crate) fn is(self, who: Who, owner: Option<PersonId>) -> bool {
        match self {
            Self::Admin => true,
            Self::Person { id, is_guest } => match who {
                Who::Admins => false,
                Who::Owner => id.is_some() && id == owner,
                Who::Members => !is_guest,
                Who::Everyone => true,
            },
        }
    }

    /// Whether they may put a file down as this person's; `None`: as the workspace's.
    pub(crate) fn speaks_for(self, owner: Option<PersonId>) -> bool {
        match self {
            Self::Admin => true,
            Self::Person { id, .. } => owner.is_none() || owner == id,
        }
    }

    /// Whose a file is that they put down without saying whose.
    pub(crate) fn own(self) -> Option<PersonId> {
        match self {
            Self::Admin => None,
            Self::Person { id, .. } => id,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::ApiKeyId;

    use super::*;

    #[test]
    fn those_who_may_are_told_apart_by_role_and_owner() {
        let (home, me) = (WorkspaceId::new(), PersonId::new());
        let of = |role| Caller::of(&Principal::person(me.to_string(), home, role), home).unwrap();
        // For files of their own, of another's, of the workspace's.
        let may =
            |caller: Caller, who| [Some(me), Some(PersonId::new()), None].map(|owner| caller.is(who, owner));
        for (role, admins, owner, members) in [
            (Role::Owner, [true; 3], [true; 3], [true; 3]),
            (Role::Admin, [true; 3], [true; 3], [true; 3]),
            (Role::Manager, [false; 3], [true, false, false], [true; 3]),
            (Role::Member, [false; 3], [true, false, false], [true; 3]),
            (Role::Guest, [false; 3], [true, false, false], [false; 3]),
        ] {
            let caller = of(role);
            assert_eq!(may(caller, Who::Admins), admins, "{role:?}");
            assert_eq!(may(caller, Who::Owner), owner, "{role:?}");
            assert_eq!(may(caller, Who::Members), members, "{role:?}");
            assert_eq!(may(caller, Who::Everyone), [true; 3], "{role:?}");
        }
    }

    #[test]
    fn an_api_key_of_a_member_owns_nothing() {
        let home = WorkspaceId::new();
        let key = Caller::of(&Principal::api_key(ApiKeyId::new(), home, Role::Member), home).unwrap();
        assert_eq!(key, Caller::Person { id: None, is_guest: false });
        assert!(!key.is(Who::Owner, None) && key.is(Who::Members, None));
    }

    #[test]
    fn another_workspace_is_as_if_it_were_not_there() {
        let stranger = Principal::person(PersonId::new().to_string(), WorkspaceId::new(), Role::Owner);
        assert!(Caller::of(&stranger, WorkspaceId::new()).is_err());
    }
}
