//! Every method of the contracts, called as everybody: through the gateway, and past it.

use std::time::Duration;

use chassis::auth::{Principal, Role};
use domain::{BookingId, WorkspaceId};
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MethodDescriptor, ReflectMessage as _, Value};
use proto::auth::v1::Role as Least;
use proto::{Requirement, Requirements};
use stories::Stage;
use stories::stage::{INTERNAL, ROUTED, Setting};
use testkit::eventually;
use tonic::Code;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

/// Whoever may come.
#[derive(Debug)]
struct Caller {
    title: String,
    /// `None`: has no token.
    principal: Option<Principal>,
    /// Is of the workspace that the request is about, or of none.
    is_at_home: bool,
}

fn callers(home: WorkspaceId) -> Vec<Caller> {
    let nobody = Caller { title: "nobody".into(), principal: None, is_at_home: true };
    let roles = [Role::Guest, Role::Member, Role::Manager, Role::Admin, Role::Owner];
    let person = |role, workspace| Principal { id: "someone".into(), workspace: Some(workspace), role };
    let people = roles.into_iter().flat_map(|role| {
        [(home, true), (WorkspaceId::new(), false)].map(|(workspace, is_at_home)| Caller {
            title: format!("{role:?}, at home: {is_at_home}"),
            principal: Some(person(role, workspace)),
            is_at_home,
        })
    });
    let services = ["gateway", "integrations", "kisi-adapter", "latchkey", "billing"].map(|name| Caller {
        title: format!("service {name}"),
        principal: Some(Principal { id: name.into(), workspace: None, role: Role::Service }),
        is_at_home: true,
    });
    [nobody].into_iter().chain(people).chain(services).collect()
}

/// What must come of a call. `None`: whatever the method answers.
fn expected(requirement: &Requirement, caller: &Caller) -> Option<Outcome> {
    let Some(principal) = &caller.principal else { return Some(Outcome::Unknown) };
    let is_let_in = match requirement {
        Requirement::Internal(services) => {
            principal.role == Role::Service && services.contains(&principal.id)
        }
        Requirement::Role(least) => match principal.role {
            Role::Service | Role::Owner => true,
            Role::Admin => *least != Least::Owner,
            Role::Manager => [Least::Manager, Least::Member, Least::Guest].contains(least),
            Role::Member => [Least::Member, Least::Guest].contains(least),
            Role::Guest => *least == Least::Guest,
        },
    };
    match (is_let_in, caller.is_at_home) {
        (false, _) => Some(Outcome::Refused),
        (true, false) => Some(Outcome::Answered(Code::NotFound)),
        (true, true) => None,
    }
}

/// A request of the method about something in the workspace.
fn sample(method: &MethodDescriptor, home: WorkspaceId) -> DynamicMessage {
    let input = method.input();
    let noun = input.name().trim_end_matches("Request").to_owned();
    let mut message = DynamicMessage::new(input);
    fill(&mut message, &noun, home);
    message
}

fn fill(message: &mut DynamicMessage, noun: &str, home: WorkspaceId) {
    for field in message.descriptor().fields().collect::<Vec<_>>() {
        match (field.name(), field.kind()) {
            ("parent" | "workspace", Kind::String) => {
                message.set_field(&field, Value::String(format!("workspaces/{home}")));
            }
            ("name", Kind::String) => message.set_field(&field, Value::String(name(noun, home))),
            (_, Kind::Message(inner)) if inner.full_name().starts_with("latchkey.") && !field.is_list() => {
                let mut value = DynamicMessage::new(inner.clone());
                fill(&mut value, inner.name(), home);
                message.set_field(&field, Value::Message(value));
            }
            _ => {}
        }
    }
}

/// The name of something that a word ends with, such as `GetBooking`.
fn name(noun: &str, home: WorkspaceId) -> String {
    let collections = [
        ("Booking", "bookings"),
        ("ConfirmAccount", "integrations"),
        ("DoorMapping", "doorMappings"),
        ("Integration", "integrations"),
        ("Places", "integrations"),
        ("Place", "integrations"),
        ("Location", "locations"),
        ("Person", "people"),
        ("Resource", "resources"),
    ];
    match collections.iter().find(|(kind, _)| noun.ends_with(kind)) {
        Some((_, collection)) => format!("workspaces/{home}/{collection}/{}", BookingId::new()),
        None if noun.ends_with("AccessSettings") => format!("workspaces/{home}/accessSettings"),
        None => format!("workspaces/{home}"),
    }
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The guard did not know the caller.
    Unknown,
    /// The guard did not let the caller in.
    Refused,
    /// The method answered, with this code.
    Answered(Code),
}

async fn call(channel: &Channel, path: &str, message: &DynamicMessage, token: Option<&str>) -> Outcome {
    eventually("the service is there", Duration::from_secs(30), async || {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.map_err(|error| error.to_string())?;
        let mut request = tonic::Request::new(message.clone());
        if let Some(token) = token {
            request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        let codec = tonic_prost::ProstCodec::<DynamicMessage, ()>::default();
        let Err(status) = client.unary(request, path.parse().unwrap(), codec).await else {
            return Ok(Outcome::Answered(Code::Ok));
        };
        let details = status.get_error_details();
        Ok(match (status.code(), details.error_info().map_or("", |info| info.reason.as_str())) {
            (Code::Unavailable, _) => return Err(status.to_string()),
            (Code::Unauthenticated, "TOKEN_MISSING") => Outcome::Unknown,
            (Code::PermissionDenied, "ROLE_TOO_LOW" | "INTERNAL_METHOD") => Outcome::Refused,
            (code, _) => Outcome::Answered(code),
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_lets_in_whom_it_declares_and_nobody_else() {
    let stage = Stage::set(Setting::default()).await;
    let home = WorkspaceId::new();
    let requirements = Requirements::of_contracts().unwrap();
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let callers = callers(home);
    let gateway = chassis::rpc::plain_channel(&stage.gateway()).unwrap();
    let mut wrong = Vec::new();
    let mut methods = 0;
    for service in pool.services() {
        let routed = ROUTED.iter().find(|(name, _)| *name == service.full_name());
        let (_, process) = routed
            .or_else(|| INTERNAL.iter().find(|(name, _)| *name == service.full_name()))
            .unwrap_or_else(|| panic!("{} is of no process", service.full_name()));
        let direct = chassis::rpc::plain_channel(&stage.address(process)).unwrap();
        for method in service.methods() {
            methods += 1;
            let path = format!("/{}/{}", service.full_name(), method.name());
            let requirement = requirements.of(&path).unwrap();
            for caller in &callers {
                let token = caller.principal.as_ref().map(|principal| stage.token(principal));
                let message = sample(&method, home);
                let inside = call(&direct, &path, &message, token.as_deref()).await;
                let outside = call(&gateway, &path, &message, token.as_deref()).await;
                let wanted = expected(requirement, caller);
                // What is not routed is not there, for those who might call it.
                let is_hidden = routed.is_none() && wanted.is_none();
                let wanted_outside =
                    if is_hidden { Some(Outcome::Answered(Code::Unimplemented)) } else { wanted };
                let is_right = |outcome, wanted: Option<Outcome>| match wanted {
                    Some(wanted) => outcome == wanted,
                    None => matches!(outcome, Outcome::Answered(_)),
                };
                if !is_right(inside, wanted) || !is_right(outside, wanted_outside) {
                    wrong.push(format!("{path} as {}: {inside:?}, by the gateway {outside:?}", caller.title));
                }
            }
        }
    }
    assert!(methods > 25, "only {methods} methods were tried");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}
