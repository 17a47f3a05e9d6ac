//! Whose money a caller may look at and decide about, beyond the role that a method requires.

use chassis::auth::{AuthError, Principal, Reach};
use domain::{PersonId, WorkspaceId};

use crate::customers::Holder;

/// Whose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// Everybody's: admins, and the operator.
    All,
    /// Their own, be they managers or members. `None`: nobody's, for API keys stand for nobody.
    Own(Option<PersonId>),
}

impl Sight {
    /// What the caller has in sight in this workspace.
    pub(crate) fn of(caller: &Principal, workspace: WorkspaceId) -> Result<Self, AuthError> {
        Ok(match caller.reach(workspace)? {
            Reach::Workspace => Self::All,
            Reach::Locations(_) | Reach::Own(_) => Self::Own(caller.id.parse().ok()),
        })
    }

    /// Whether that is in it. What teams have is for admins.
    pub(crate) fn has(self, holder: Holder) -> bool {
        match (self, holder) {
            (Self::All, _) => true,
            (Self::Own(own), Holder::Person(person)) => own == Some(person),
            (Self::Own(_), Holder::Team(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use chassis::auth::Role;
    use domain::{ApiKeyId, TeamId};

    use super::*;

    #[test]
    fn people_see_their_own_and_admins_everybodys() {
        let (home, me) = (WorkspaceId::new(), PersonId::new());
        let (mine, anothers) = (Holder::Person(me), Holder::Person(PersonId::new()));
        let team = Holder::Team(TeamId::new());
        for (role, seen) in [
            (Role::Owner, [true, true, true]),
            (Role::Admin, [true, true, true]),
            (Role::Manager, [true, false, false]),
            (Role::Member, [true, false, false]),
            (Role::Guest, [true, false, false]),
        ] {
            let sight = Sight::of(&Principal::person(me.to_string(), home, role), home).unwrap();
            assert_eq!([mine, anothers, team].map(|holder| sight.has(holder)), seen, "{role:?}");
        }
        let key = ApiKeyId::new();
        let sight = Sight::of(&Principal::api_key(key, home, Role::Member), home).unwrap();
        assert!(!sight.has(Holder::Person(PersonId::from_uuid(key.uuid()))));
        assert!(
            Sight::of(&Principal::person(me.to_string(), home, Role::Owner), WorkspaceId::new()).is_err()
        );
    }
}
