//! A command as a provider gets it.

use chassis::input::{Input, InvalidInput};
use domain::contact::EmailAddress;
use domain::names::{GrantName, LocationName, PersonName};
use domain::{PersonId, Timestamp, Window, WorkspaceId};
use proto::access::v1 as pb;

use crate::credentials::Site;

/// Characters of a name or a provider's id that are taken.
const TEXT_CHARS_MAX: usize = 200;

/// What one person should have at one target.
#[derive(Debug, Clone, PartialEq)]
pub struct AccessRequest {
    /// The grant that wants it.
    pub grant: GrantName,
    /// Of the grant.
    pub generation: i64,
    /// Whose credentials; `None`: the workspace's own.
    pub location: Option<LocationName>,
    /// Where.
    pub target: Target,
    /// Who.
    pub person: Person,
    /// When; `None`: not at all.
    pub window: Option<Window>,
    /// By when it should be so.
    pub due_at: Timestamp,
}

impl AccessRequest {
    pub(crate) fn site(&self) -> Site {
        Site { workspace: self.grant.workspace, location: self.location.map(|location| location.id) }
    }
}

/// A door or a group of doors at a provider.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    /// What the reference names.
    pub kind: TargetKind,
    /// The provider's id.
    pub provider_ref: String,
    /// What it is called over there; may be empty.
    pub display_name: String,
}

/// One door, or several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// A provider's set of doors.
    Group,
    /// A single door.
    Lock,
}

/// A person as a provider needs to know them.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// What they are called.
    pub display_name: String,
    /// Where they read mail, if anywhere.
    pub email: Option<EmailAddress>,
}

/// A message as far as it makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// All of it.
    Request(Box<AccessRequest>),
    /// Enough to be answered.
    Unusable {
        /// Whose.
        grant: GrantName,
        /// Of the grant.
        generation: i64,
        /// Why it can't be carried out.
        problem: InvalidInput,
    },
}

impl Reading {
    /// Reads a message for `workspace`. An error is one that nobody could be told the answer of.
    pub(crate) fn of(workspace: WorkspaceId, message: &pb::AccessCommand) -> Result<Self, InvalidInput> {
        let mut input = Input::new();
        let grant: Option<GrantName> = input.parse("grant", &message.grant);
        if grant.is_some_and(|grant| grant.workspace != workspace) {
            input.refuse("grant", "must be of the workspace in the subject");
        }
        let grant = input.finish_with(grant)?;
        Ok(match request(grant, message) {
            Ok(request) => Self::Request(Box::new(request)),
            Err(problem) => Self::Unusable { grant, generation: message.generation, problem },
        })
    }
}

fn request(grant: GrantName, message: &pb::AccessCommand) -> Result<AccessRequest, InvalidInput> {
    let mut input = Input::new();
    let location: Option<LocationName> = input.parse_optional("location", &message.location);
    if location.is_some_and(|location| location.workspace != grant.workspace) {
        input.refuse("location", "must be of the grant's workspace");
    }
    let target = input
        .required("target", message.target.as_ref())
        .and_then(|message| input.nested("target", target(message)));
    let person = input
        .required("person", message.person.as_ref())
        .and_then(|message| input.nested("person", person(grant.workspace, message)));
    let window = message.window.map(|window| {
        let start = ("window.start_time", window.start_time.as_ref());
        input.window(start, ("window.end_time", window.end_time.as_ref()))
    });
    let due_at = input.time("due_time", message.due_time.as_ref());
    let values = (|| {
        Some(AccessRequest {
            grant,
            generation: message.generation,
            location,
            target: target?,
            person: person?,
            window: match window {
                None => None,
                Some(window) => Some(window?),
            },
            due_at: due_at?,
        })
    })();
    input.finish_with(values)
}

fn target(message: &pb::DoorTarget) -> Result<Target, InvalidInput> {
    let mut input = Input::new();
    let kind = match message.kind() {
        pb::DoorTargetKind::Group => Some(TargetKind::Group),
        pb::DoorTargetKind::Lock => Some(TargetKind::Lock),
        pb::DoorTargetKind::Unspecified => {
            input.refuse("kind", "must be DOOR_TARGET_KIND_GROUP or DOOR_TARGET_KIND_LOCK");
            None
        }
    };
    let provider_ref = input.text("ref", &message.r#ref, TEXT_CHARS_MAX);
    let display_name = input.optional_text("display_name", &message.display_name, TEXT_CHARS_MAX);
    let values =
        (|| Some(Target { kind: kind?, provider_ref: provider_ref?, display_name: display_name? }))();
    input.finish_with(values)
}

fn person(workspace: WorkspaceId, message: &pb::AccessPerson) -> Result<Person, InvalidInput> {
    let mut input = Input::new();
    let name: Option<PersonName> = input.parse("name", &message.name);
    if name.is_some_and(|name| name.workspace != workspace) {
        input.refuse("name", "must be of the grant's workspace");
    }
    let display_name = input.optional_text("display_name", &message.display_name, TEXT_CHARS_MAX);
    let email = input.parse_optional("email", &message.email);
    let values = (|| Some(Person { id: name?.id, display_name: display_name?, email }))();
    input.finish_with(values)
}

impl From<&Target> for pb::DoorTarget {
    fn from(target: &Target) -> Self {
        let kind = match target.kind {
            TargetKind::Group => pb::DoorTargetKind::Group,
            TargetKind::Lock => pb::DoorTargetKind::Lock,
        };
        Self {
            kind: kind.into(),
            r#ref: target.provider_ref.clone(),
            display_name: target.display_name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{GrantId, LocationId};

    use super::*;

    fn message(workspace: WorkspaceId) -> pb::AccessCommand {
        let at = |seconds| Some(pbjson_types::Timestamp { seconds, nanos: 0 });
        pb::AccessCommand {
            grant: GrantName { workspace, id: GrantId::new() }.to_string(),
            generation: 3,
            location: LocationName { workspace, id: LocationId::new() }.to_string(),
            target: Some(pb::DoorTarget {
                kind: pb::DoorTargetKind::Group.into(),
                r#ref: "77".into(),
                display_name: String::new(),
            }),
            person: Some(pb::AccessPerson {
                name: PersonName { workspace, id: PersonId::new() }.to_string(),
                display_name: "Ada".into(),
                email: "ada@example.org".into(),
            }),
            window: Some(pb::AccessWindow { start_time: at(1_800_000_000), end_time: at(1_800_003_600) }),
            due_time: at(1_800_000_000),
        }
    }

    #[test]
    fn a_whole_message_is_a_request() {
        let workspace = WorkspaceId::new();
        let Ok(Reading::Request(request)) = Reading::of(workspace, &message(workspace)) else {
            panic!("it is whole");
        };
        assert_eq!(request.window.unwrap().duration(), chrono::Duration::hours(1));
        assert_eq!(Site::of_id(workspace, request.site().id()), request.site());
        let nothing = pb::AccessCommand { window: None, location: String::new(), ..message(workspace) };
        let Ok(Reading::Request(request)) = Reading::of(workspace, &nothing) else {
            panic!("nothing is a wish, too, and the workspace's own credentials are some");
        };
        assert_eq!((request.window, request.location), (None, None));
        assert_eq!(Site::of_id(workspace, request.site().id()), request.site());
    }

    #[test]
    fn one_that_can_be_answered_is_not_an_error() {
        let workspace = WorkspaceId::new();
        let other = message(WorkspaceId::new());
        let broken = pb::AccessCommand { location: other.location, target: None, ..message(workspace) };
        let Ok(Reading::Unusable { generation, problem, .. }) = Reading::of(workspace, &broken) else {
            panic!("it can be answered");
        };
        assert_eq!(generation, 3);
        let problem = problem.to_string();
        assert_eq!(problem, "location must be of the grant's workspace; target must be set");
    }

    #[test]
    fn the_grant_of_another_workspace_is_an_error() {
        assert!(Reading::of(WorkspaceId::new(), &message(WorkspaceId::new())).is_err());
    }
}
