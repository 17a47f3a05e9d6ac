//! A command as a provider gets it.

use chassis::input::{Input, InvalidInput};
use domain::contact::EmailAddress;
use domain::names::{GrantName, LocationName, PersonName, ProviderUserName, WayInName};
use domain::{PersonId, Timestamp, Window, WorkspaceId};
use proto::access::v1 as pb;
use uuid::Uuid;

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
    /// Whether they are a guest: they get in by a link or a PIN, and need no user of their own.
    pub is_guest: bool,
    /// When; `None`: not at all.
    pub window: Option<Window>,
    /// By when it should be so.
    pub due_at: Timestamp,
}

/// How the user should be that the provider takes one person for.
#[derive(Debug, Clone, PartialEq)]
pub struct UserRequest {
    /// What wants it.
    pub user: ProviderUserName,
    /// Of the user.
    pub generation: i64,
    /// Whose credentials; `None`: the workspace's own.
    pub location: Option<LocationName>,
    /// Who.
    pub person: Person,
    /// How.
    pub wish: UserWish,
    /// Whether a user that Latchkey did not make is meant, too.
    pub includes_foreign: bool,
    /// By when it should be so.
    pub due_at: Timestamp,
}

/// Whether another way in than a person's own access should be there.
#[derive(Debug, Clone, PartialEq)]
pub struct WayInRequest {
    /// Which: unique among all that ever were.
    pub way_in: WayInName,
    /// Of the way in.
    pub generation: i64,
    /// Whose credentials; `None`: the workspace's own.
    pub location: Option<LocationName>,
    /// Where.
    pub target: Target,
    /// For whom.
    pub person: Person,
    /// When it opens, always the same; `None`: it should not be there.
    pub window: Option<Window>,
    /// By when it should be so.
    pub due_at: Timestamp,
}

/// How a user should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserWish {
    /// In use, if there is one.
    InUse,
    /// Without any access, until it is needed again.
    Suspended,
    /// Not there.
    Deleted,
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

/// What a command is about, and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Matter {
    Grant(GrantName),
    User(ProviderUserName),
    WayIn(WayInName),
}

impl Matter {
    pub(crate) fn workspace(self) -> WorkspaceId {
        match self {
            Self::Grant(name) => name.workspace,
            Self::User(name) => name.workspace,
            Self::WayIn(name) => name.workspace,
        }
    }

    /// Unique among all of them.
    pub(crate) fn id(self) -> Uuid {
        match self {
            Self::Grant(name) => name.id.uuid(),
            Self::User(name) => name.id.uuid(),
            Self::WayIn(name) => name.id.uuid(),
        }
    }
}

/// What a command asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Request {
    Access(Box<AccessRequest>),
    User(Box<UserRequest>),
    WayIn(Box<WayInRequest>),
}

impl Request {
    pub(crate) fn matter(&self) -> Matter {
        match self {
            Self::Access(request) => Matter::Grant(request.grant),
            Self::User(request) => Matter::User(request.user),
            Self::WayIn(request) => Matter::WayIn(request.way_in),
        }
    }

    pub(crate) fn generation(&self) -> i64 {
        match self {
            Self::Access(request) => request.generation,
            Self::User(request) => request.generation,
            Self::WayIn(request) => request.generation,
        }
    }

    /// Whose credentials.
    pub(crate) fn site(&self) -> Site {
        let location = match self {
            Self::Access(request) => request.location,
            Self::User(request) => request.location,
            Self::WayIn(request) => request.location,
        };
        Site { workspace: self.matter().workspace(), location: location.map(|location| location.id) }
    }

    pub(crate) fn person(&self) -> PersonId {
        match self {
            Self::Access(request) => request.person.id,
            Self::User(request) => request.person.id,
            Self::WayIn(request) => request.person.id,
        }
    }

    pub(crate) fn due_at(&self) -> Timestamp {
        match self {
            Self::Access(request) => request.due_at,
            Self::User(request) => request.due_at,
            Self::WayIn(request) => request.due_at,
        }
    }
}

/// A message as far as it makes sense.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reading {
    /// All of it.
    Request(Request),
    /// Enough to be answered.
    Unusable {
        /// What it is about.
        matter: Matter,
        /// Of that.
        generation: i64,
        /// Why it can't be carried out.
        problem: InvalidInput,
    },
}

impl Reading {
    /// Reads a message about access for `workspace`. An error is one that nobody could be told the answer of.
    pub(crate) fn of_access(
        workspace: WorkspaceId,
        message: &pb::AccessCommand,
    ) -> Result<Self, InvalidInput> {
        let mut input = Input::new();
        let grant: Option<GrantName> = input.parse("grant", &message.grant);
        if grant.is_some_and(|grant| grant.workspace != workspace) {
            input.refuse("grant", "must be of the workspace in the subject");
        }
        let grant = input.finish_with(grant)?;
        let request = request(grant, message).map(|request| Request::Access(Box::new(request)));
        Ok(Self::new(Matter::Grant(grant), message.generation, request))
    }

    /// The same for a message about a user.
    pub(crate) fn of_user(workspace: WorkspaceId, message: &pb::UserCommand) -> Result<Self, InvalidInput> {
        let mut input = Input::new();
        let user: Option<ProviderUserName> = input.parse("provider_user", &message.provider_user);
        if user.is_some_and(|user| user.workspace != workspace) {
            input.refuse("provider_user", "must be of the workspace in the subject");
        }
        let user = input.finish_with(user)?;
        let request = user_request(user, message).map(|request| Request::User(Box::new(request)));
        Ok(Self::new(Matter::User(user), message.generation, request))
    }

    /// The same for a message about another way in.
    pub(crate) fn of_way_in(
        workspace: WorkspaceId,
        message: &pb::WayInCommand,
    ) -> Result<Self, InvalidInput> {
        let mut input = Input::new();
        let way_in: Option<WayInName> = input.parse("way_in", &message.way_in);
        if way_in.is_some_and(|way_in| way_in.workspace != workspace) {
            input.refuse("way_in", "must be of the workspace in the subject");
        }
        let way_in = input.finish_with(way_in)?;
        let request = way_in_request(way_in, message).map(|request| Request::WayIn(Box::new(request)));
        Ok(Self::new(Matter::WayIn(way_in), message.generation, request))
    }

    fn new(matter: Matter, generation: i64, request: Result<Request, InvalidInput>) -> Self {
        match request {
            Ok(request) => Self::Request(request),
            Err(problem) => Self::Unusable { matter, generation, problem },
        }
    }
}

fn request(grant: GrantName, message: &pb::AccessCommand) -> Result<AccessRequest, InvalidInput> {
    let mut input = Input::new();
    let location = location(&mut input, grant.workspace, &message.location);
    let target = input
        .required("target", message.target.as_ref())
        .and_then(|message| input.nested("target", target(message)));
    let person = whom(&mut input, grant.workspace, message.person.as_ref());
    let window = window(&mut input, message.window.as_ref());
    let due_at = input.time("due_time", message.due_time.as_ref());
    let values = (|| {
        Some(AccessRequest {
            grant,
            generation: message.generation,
            location,
            target: target?,
            person: person?,
            is_guest: message.is_guest,
            window: window?,
            due_at: due_at?,
        })
    })();
    input.finish_with(values)
}

fn user_request(user: ProviderUserName, message: &pb::UserCommand) -> Result<UserRequest, InvalidInput> {
    let mut input = Input::new();
    let location = location(&mut input, user.workspace, &message.location);
    let person = whom(&mut input, user.workspace, message.person.as_ref());
    let wish = match message.state() {
        pb::ProviderUserState::InUse => Some(UserWish::InUse),
        pb::ProviderUserState::Suspended => Some(UserWish::Suspended),
        pb::ProviderUserState::Deleted => Some(UserWish::Deleted),
        pb::ProviderUserState::Unspecified | pb::ProviderUserState::Kept => {
            input.refuse("state", "must be in use, suspended or deleted");
            None
        }
    };
    let due_at = input.time("due_time", message.due_time.as_ref());
    let values = (|| {
        Some(UserRequest {
            user,
            generation: message.generation,
            location,
            person: person?,
            wish: wish?,
            includes_foreign: message.includes_foreign_users,
            due_at: due_at?,
        })
    })();
    input.finish_with(values)
}

fn way_in_request(way_in: WayInName, message: &pb::WayInCommand) -> Result<WayInRequest, InvalidInput> {
    let mut input = Input::new();
    let location = location(&mut input, way_in.workspace, &message.location);
    let target = input
        .required("target", message.target.as_ref())
        .and_then(|message| input.nested("target", target(message)));
    let person = whom(&mut input, way_in.workspace, message.person.as_ref());
    let window = window(&mut input, message.window.as_ref());
    let due_at = input.time("due_time", message.due_time.as_ref());
    let values = (|| {
        Some(WayInRequest {
            way_in,
            generation: message.generation,
            location,
            target: target?,
            person: person?,
            window: window?,
            due_at: due_at?,
        })
    })();
    input.finish_with(values)
}

/// A window, or that there is none; `None` if it makes no sense.
fn window(input: &mut Input, message: Option<&pb::AccessWindow>) -> Option<Option<Window>> {
    let Some(window) = message else { return Some(None) };
    let start = ("window.start_time", window.start_time.as_ref());
    input.window(start, ("window.end_time", window.end_time.as_ref())).map(Some)
}

fn location(input: &mut Input, workspace: WorkspaceId, text: &str) -> Option<LocationName> {
    let location: Option<LocationName> = input.parse_optional("location", text);
    if location.is_some_and(|location| location.workspace != workspace) {
        input.refuse("location", "must be of the workspace in the subject");
    }
    location
}

pub(crate) fn whom(
    input: &mut Input,
    workspace: WorkspaceId,
    message: Option<&pb::AccessPerson>,
) -> Option<Person> {
    let message = input.required("person", message)?;
    input.nested("person", person(workspace, message))
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
        input.refuse("name", "must be of the workspace in the subject");
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
            is_guest: false,
        }
    }

    fn site_of(request: &AccessRequest) -> Site {
        Request::Access(Box::new(request.clone())).site()
    }

    #[test]
    fn a_whole_message_is_a_request() {
        let workspace = WorkspaceId::new();
        let Ok(Reading::Request(Request::Access(request))) =
            Reading::of_access(workspace, &message(workspace))
        else {
            panic!("it is whole");
        };
        assert_eq!(request.window.unwrap().duration(), chrono::Duration::hours(1));
        assert_eq!(Site::of_id(workspace, site_of(&request).id()), site_of(&request));
        let nothing = pb::AccessCommand { window: None, location: String::new(), ..message(workspace) };
        let Ok(Reading::Request(Request::Access(request))) = Reading::of_access(workspace, &nothing) else {
            panic!("nothing is a wish, too, and the workspace's own credentials are some");
        };
        assert_eq!((request.window, request.location), (None, None));
        assert_eq!(Site::of_id(workspace, site_of(&request).id()), site_of(&request));
    }

    #[test]
    fn one_that_can_be_answered_is_not_an_error() {
        let workspace = WorkspaceId::new();
        let other = message(WorkspaceId::new());
        let broken = pb::AccessCommand { location: other.location, target: None, ..message(workspace) };
        let Ok(Reading::Unusable { generation, problem, .. }) = Reading::of_access(workspace, &broken) else {
            panic!("it can be answered");
        };
        assert_eq!(generation, 3);
        let problem = problem.to_string();
        assert_eq!(problem, "location must be of the workspace in the subject; target must be set");
    }

    #[test]
    fn the_grant_of_another_workspace_is_an_error() {
        assert!(Reading::of_access(WorkspaceId::new(), &message(WorkspaceId::new())).is_err());
    }
}
