//! Judges what Kisi says: whose assignment it is, which user is meant, which window holds.

use std::fmt;

use chrono::{Duration, DurationRound};
use domain::contact::EmailAddress;
use domain::{Timestamp, Window};
use serde_json::{Map, Value};

use super::wire::{
    AssigneeType, CreateUser, CreateUserFields, GroupId, NewRoleAssignment, NewRoleAssignmentFields,
    OrganizationId, RoleAssignmentId, TargetType, UserId, WireAssignee, WireRoleAssignment, WireUser,
};

/// The role that lets its holder open the group's locks, and nothing more (Kisi docs, Roles).
pub const GROUP_BASIC: &str = "group_basic";

/// What an API key is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    /// The one organization that it sees.
    pub organization: OrganizationId,
    /// What that is called.
    pub organization_name: String,
    /// The user as whom it acts: the unit of Kisi's rate limit.
    pub owner: UserId,
}

impl KeyCheck {
    /// From `GET /user`; `None` if the answer names no organization.
    pub(crate) fn from_wire(user: WireUser) -> Option<Self> {
        let organization = user.organization?;
        Some(Self { organization: organization.id, organization_name: organization.name, owner: user.id })
    }
}

/// A person in the organization. Its `Debug` shows the id alone.
#[derive(Clone, PartialEq)]
pub struct User {
    /// Kisi's id.
    pub id: UserId,
    /// What the person is called.
    pub name: Option<String>,
    /// Where mail reaches the person. Cannot be changed.
    pub email: Option<EmailAddress>,
    /// Whether the person may open anything at all.
    pub access_enabled: bool,
    /// Free text, kept exactly as it was sent.
    pub notes: Option<String>,
    /// Flat values, by key.
    pub metadata: Map<String, Value>,
}

impl User {
    pub(crate) fn from_wire(user: WireUser) -> Self {
        Self {
            id: user.id,
            name: user.name,
            email: user.email.and_then(|email| email.parse().ok()),
            access_enabled: user.access_enabled.unwrap_or(true),
            notes: user.notes,
            metadata: user.metadata.unwrap_or_default(),
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The user with exactly this address. Kisi's searches also return look-alikes; should it hold the
/// address twice, the older user counts.
pub(crate) fn user_with_email(users: Vec<WireUser>, email: &EmailAddress) -> Option<User> {
    let same = |user: &WireUser| user.email.as_deref().is_some_and(|theirs| email.matches(theirs));
    users.into_iter().filter(same).min_by_key(|user| user.id).map(User::from_wire)
}

/// A managed user to make. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct NewUser<'a> {
    /// Where mail reaches the person. Kisi sends none.
    pub email: &'a EmailAddress,
    /// What the person is called.
    pub name: &'a str,
    /// Ownership mark: says that Latchkey made this user.
    pub notes: &'a str,
    /// Ownership mark for programs: at most 50 keys of 50 characters, values up to 500.
    pub metadata: &'a [(&'a str, &'a str)],
}

impl NewUser<'_> {
    pub(crate) fn to_wire(&self) -> CreateUser<'_> {
        let metadata = self.metadata.iter().map(|&(key, value)| (key.to_owned(), value.into())).collect();
        CreateUser {
            user: CreateUserFields {
                email: self.email.as_str(),
                name: self.name,
                send_emails: false,
                confirm: true,
                access_enabled: true,
                notes: self.notes,
                metadata,
            },
        }
    }
}

impl fmt::Debug for NewUser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewUser(…)")
    }
}

/// When a right holds: `[from, until)`, each open if absent. In whole seconds, outwards, so that what we
/// sent compares equal to what Kisi returns whether or not it keeps fractions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Validity {
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Validity {
    /// From `from` until `until`.
    pub fn new(from: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let second = Duration::seconds(1);
        let down = |at: Timestamp| at.duration_trunc(second).unwrap_or(at);
        let up = |at: Timestamp| if down(at) == at { at } else { down(at) + second };
        Self { from: from.map(down), until: until.map(up) }
    }

    /// First moment inside.
    pub fn from(self) -> Option<Timestamp> {
        self.from
    }

    /// First moment after.
    pub fn until(self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it is over at `at`. Kisi lists assignments that are.
    pub fn is_over(self, at: Timestamp) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

impl From<Window> for Validity {
    fn from(window: Window) -> Self {
        Self::new(Some(window.start()), Some(window.end()))
    }
}

/// Who holds an assignment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignee {
    /// A user.
    User(UserId),
    /// A team, a guest, or what is not known yet.
    Other,
}

/// What an assignment applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A group.
    Group(GroupId),
    /// A place, the organization, or what is not known yet.
    Other,
}

/// A right that somebody has. Its `Debug` does not show who.
#[derive(Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// Kisi's id.
    pub id: RoleAssignmentId,
    /// Who.
    pub assignee: Assignee,
    /// On what.
    pub target: Target,
    /// As what, such as [`GROUP_BASIC`].
    pub role: String,
    /// When.
    pub validity: Validity,
    /// What the holder is called, with the email address; empty if Kisi does not say.
    pub holder: String,
}

impl fmt::Debug for RoleAssignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, assignee, target, role, validity, holder: _ } = self;
        f.debug_struct("RoleAssignment")
            .field("id", id)
            .field("assignee", assignee)
            .field("target", target)
            .field("role", role)
            .field("validity", validity)
            .finish_non_exhaustive()
    }
}

/// As people write it in letters.
fn holder(assignee: Option<WireAssignee>) -> String {
    let Some(WireAssignee { name, email }) = assignee else { return String::new() };
    match (name.filter(|name| !name.is_empty()), email) {
        (Some(name), Some(email)) if name != email => format!("{name} <{email}>"),
        (name, email) => name.or(email).unwrap_or_default(),
    }
}

impl RoleAssignment {
    pub(crate) fn from_wire(wire: WireRoleAssignment) -> Self {
        let assignee = match (wire.assignee_type, wire.assignee_id) {
            (Some(AssigneeType::User), Some(id)) => Assignee::User(UserId(id)),
            (Some(_), _) => Assignee::Other,
            (None, _) => wire.user_id.map_or(Assignee::Other, |id| Assignee::User(UserId(id))),
        };
        let target = match (wire.applies_to_type, wire.applies_to_id) {
            (Some(TargetType::Group), Some(id)) => Target::Group(GroupId(id)),
            (Some(_), _) => Target::Other,
            (None, _) => wire.group_id.map_or(Target::Other, |id| Target::Group(GroupId(id))),
        };
        let validity = Validity::new(wire.valid_from, wire.valid_until);
        let holder = holder(wire.assignee);
        Self { id: wire.id, assignee, target, role: wire.role_id, validity, holder }
    }

    /// Whether it lets this user open this group's locks, and nothing more: the only kind that
    /// Latchkey makes.
    pub fn is_basic_of(&self, user: UserId, group: GroupId) -> bool {
        self.assignee == Assignee::User(user)
            && self.target == Target::Group(group)
            && self.role == GROUP_BASIC
    }
}

/// The request for a right on a group. Kisi is told not to mail anyone.
pub(crate) fn new_assignment(user: UserId, group: GroupId, validity: Validity) -> NewRoleAssignment<'static> {
    NewRoleAssignment {
        role_assignment: NewRoleAssignmentFields {
            assignee_type: AssigneeType::User,
            assignee_id: user,
            applies_to_type: TargetType::Group,
            applies_to_id: group,
            role_id: GROUP_BASIC,
            notify: false,
            valid_from: validity.from,
            valid_until: validity.until,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn email(text: &str) -> EmailAddress {
        text.parse().unwrap()
    }

    fn users() -> Vec<WireUser> {
        serde_json::from_str(include_str!("samples/users.json")).unwrap()
    }

    fn assignments() -> Vec<RoleAssignment> {
        let wire: Vec<WireRoleAssignment> =
            serde_json::from_str(include_str!("samples/role_assignments.json")).unwrap();
        wire.into_iter().map(RoleAssignment::from_wire).collect()
    }

    #[test]
    fn a_key_check_names_organization_and_owner() {
        let user = serde_json::from_str(include_str!("samples/user_self.json")).unwrap();
        let check = KeyCheck::from_wire(user).unwrap();
        assert_eq!((check.organization, check.owner), (OrganizationId(9), UserId(1)));
        assert_eq!(check.organization_name, "Space Nine");
    }

    #[test]
    fn only_the_very_address_finds_a_user() {
        let found = user_with_email(users(), &email("ada@example.org")).unwrap();
        assert_eq!((found.id, found.access_enabled), (UserId(5512), false));
        assert_eq!(found.metadata["person"], "p-81");
        assert_eq!(user_with_email(users(), &email("da@example.org")), None);
    }

    #[test]
    fn debug_output_of_a_user_shows_no_personal_data() {
        let user = user_with_email(users(), &email("ada@example.org")).unwrap();
        assert_eq!(format!("{user:?}"), "User { id: UserId(5512), .. }");
    }

    #[test]
    fn both_spellings_of_an_assignment_are_read() {
        let [new, old, ..] = &assignments()[..] else { panic!("the sample has five") };
        let (user, group) = (Assignee::User(UserId(5512)), Target::Group(GroupId(77120)));
        assert_eq!((new.assignee, new.target), (user, group));
        assert_eq!((old.assignee, old.target), (user, group));
        let window = Window::new(at("2026-12-01T09:00:00Z"), at("2026-12-01T11:00:00Z")).unwrap();
        assert_eq!(new.validity, window.into());
        assert_eq!(old.validity, Validity::new(None, None));
    }

    #[test]
    fn only_a_users_basic_right_on_the_group_is_taken_for_ours() {
        let ours: Vec<bool> =
            assignments().iter().map(|row| row.is_basic_of(UserId(5512), GroupId(77120))).collect();
        assert_eq!(ours, [true, false, false, false, false]);
        assert!(!assignments()[0].is_basic_of(UserId(1), GroupId(77120)));
        assert!(!assignments()[0].is_basic_of(UserId(5512), GroupId(1)));
    }

    #[test]
    fn a_new_user_is_managed_and_gets_no_mail() {
        let address = email("ada@example.org");
        let new = NewUser { email: &address, name: "Ada", notes: "ours", metadata: &[("person", "p-81")] };
        assert_eq!(
            serde_json::to_value(new.to_wire()).unwrap(),
            json!({"user": {"email": "ada@example.org", "name": "Ada", "send_emails": false, "confirm": true,
                "access_enabled": true, "notes": "ours", "metadata": {"person": "p-81"}}})
        );
    }

    #[test]
    fn a_new_assignment_is_written_in_the_newer_spelling_and_in_utc() {
        let window = Window::new(at("2026-12-01T10:00:00+01:00"), at("2026-12-01T11:00:00Z")).unwrap();
        assert_eq!(
            serde_json::to_value(new_assignment(UserId(5512), GroupId(77120), window.into())).unwrap(),
            json!({"role_assignment": {"assignee_type": "User", "assignee_id": 5512,
                "applies_to_type": "Group", "applies_to_id": 77120, "role_id": "group_basic", "notify": false,
                "valid_from": "2026-12-01T09:00:00Z", "valid_until": "2026-12-01T11:00:00Z"}})
        );
    }

    #[test]
    fn kinds_that_are_not_known_are_kept() {
        assert_eq!(
            serde_json::from_value::<AssigneeType>(json!("Robot")).unwrap(),
            AssigneeType::Other("Robot".to_owned())
        );
    }

    proptest! {
        /// Whole seconds, never narrower than asked for, and stable when read back.
        #[test]
        fn validity_is_widened_to_whole_seconds(micros in 0i64..4_000_000_000_000_000, length in 1i64..1_000_000_000) {
            let from = Timestamp::from_timestamp_micros(micros).unwrap();
            let until = from + Duration::microseconds(length);
            let validity = Validity::new(Some(from), Some(until));
            let (wide_from, wide_until) = (validity.from().unwrap(), validity.until().unwrap());
            prop_assert!(wide_from <= from && until <= wide_until);
            prop_assert!(from - wide_from < Duration::seconds(1) && wide_until - until < Duration::seconds(1));
            prop_assert_eq!(wide_from.timestamp_subsec_nanos() + wide_until.timestamp_subsec_nanos(), 0);
            prop_assert_eq!(Validity::new(Some(wide_from), Some(wide_until)), validity);
        }
    }
}
