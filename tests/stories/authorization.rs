//! Every method of the contracts, called as everybody: through the gateway, and past it.

mod call;
mod request;
mod sight;

use std::collections::HashMap;
use std::time::Duration;

use chassis::auth::{Principal, Role};
use chassis::identity::Identity;
use chassis::rpc::forwarding_channel;
use domain::{PersonId, WorkspaceId};
use prost_reflect::DescriptorPool;
use proto::auth::v1::Role as Least;
use proto::{Requirement, Requirements};
use stories::Stage;
use stories::stage::{INTERNAL, ROUTED, Setting};
use testkit::eventually;
use tonic::Code;
use tonic::transport::Channel;

use self::call::{Outcome, call};
use self::request::Things;

/// Services that exist, and one that does not.
const SERVICES: [&str; 5] = ["gateway", "integrations", "kisi-adapter", "notification", "stranger"];

/// What the API key that is for one method alone is for.
const KEYS_METHOD: &str = "latchkey.workspace.v1.BookingService/GetBooking";

/// Whoever may come.
#[derive(Debug)]
struct Caller {
    title: String,
    /// `None`: nobody. A service shows a certificate, others a token.
    principal: Option<Principal>,
    /// Is of the workspace that the request is about, or of none.
    is_at_home: bool,
}

fn callers(home: WorkspaceId) -> Vec<Caller> {
    let nobody = Caller { title: "nobody".into(), principal: None, is_at_home: true };
    let roles = [Role::Guest, Role::Member, Role::Manager, Role::Admin, Role::Owner];
    let person = |role, workspace| Principal::person(PersonId::new().to_string(), workspace, role);
    let people = roles.into_iter().flat_map(|role| {
        [(home, true), (WorkspaceId::new(), false)].map(|(workspace, is_at_home)| Caller {
            title: format!("{role:?}, at home: {is_at_home}"),
            principal: Some(person(role, workspace)),
            is_at_home,
        })
    });
    let key = |methods| Principal { methods, ..Principal::person("api-key:1", home, Role::Admin) };
    let keys = [None, Some(vec![KEYS_METHOD.to_owned()])].map(|methods| Caller {
        title: format!("an API key for {methods:?}"),
        principal: Some(key(methods)),
        is_at_home: true,
    });
    let operator = Principal::operator();
    let operator = Caller { title: "the operator".into(), principal: Some(operator), is_at_home: true };
    let services = SERVICES.map(|name| Caller {
        title: format!("service {name}"),
        principal: Some(Principal::service(name)),
        is_at_home: true,
    });
    [nobody, operator].into_iter().chain(people).chain(keys).chain(services).collect()
}

/// What must come of a call, past the gateway. `None`: whatever the method answers.
fn expected(path: &str, requirement: &Requirement, caller: &Caller) -> Option<Outcome> {
    let Some(principal) = &caller.principal else { return Some(Outcome::Refused) };
    let is_let_in = match requirement {
        Requirement::Internal(services) => {
            principal.role == Role::Service && services.contains(&principal.id)
        }
        Requirement::Role(least) => match principal.role {
            Role::Service => principal.is_operator(),
            Role::Owner => true,
            Role::Admin => *least != Least::Owner,
            Role::Manager => [Least::Manager, Least::Member, Least::Guest].contains(least),
            Role::Member => [Least::Member, Least::Guest].contains(least),
            Role::Guest => *least == Least::Guest,
        },
    };
    let is_for_it = principal.methods.is_none() || path.trim_start_matches('/') == KEYS_METHOD;
    match (is_let_in && is_for_it, caller.is_at_home) {
        (false, _) => Some(Outcome::Refused),
        (true, false) => Some(Outcome::Failed(Code::NotFound)),
        (true, true) => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_lets_in_whom_it_declares_and_nobody_else() {
    let stage = Stage::set(Setting::default()).await;
    let home = WorkspaceId::new();
    let requirements = Requirements::of_contracts().unwrap();
    let pool = DescriptorPool::decode(proto::DESCRIPTORS).unwrap();
    let callers = callers(home);
    let things = Things::nowhere(home);
    let gateway = chassis::rpc::outside_channel(&stage.gateway()).unwrap();
    // Whoever may be a caller past the gateway, by the certificate that they show there.
    let identities: Vec<(&str, Identity)> = SERVICES.map(|name| (name, stage.identity(name))).into();
    let mut wrong = Vec::new();
    let mut methods = 0;
    for service in pool.services() {
        let routed = ROUTED.iter().find(|(name, _)| *name == service.full_name());
        let (_, process) = routed
            .or_else(|| INTERNAL.iter().find(|(name, _)| *name == service.full_name()))
            .unwrap_or_else(|| panic!("{} is of no process", service.full_name()));
        let direct: HashMap<&str, Channel> = identities
            .iter()
            .map(|(name, own)| (*name, forwarding_channel(&stage.address(process), process, own).unwrap()))
            .collect();
        for method in service.methods() {
            methods += 1;
            let path = format!("/{}/{}", service.full_name(), method.name());
            let requirement = requirements.of(&path).unwrap();
            for caller in &callers {
                let shown =
                    caller.principal.as_ref().filter(|it| it.is_operator() || it.role != Role::Service);
                let token = shown.map(|principal| stage.token(principal));
                // People's calls are passed on by the gateway, with their tokens.
                let service = caller.principal.as_ref().filter(|_| token.is_none());
                let channel = &direct[service.map_or("gateway", |service| service.id.as_str())];
                let message = things.request(&method);
                let inside = call(channel, &path, &message, token.as_deref()).await;
                let outside = call(&gateway, &path, &message, token.as_deref()).await;
                let wanted = match (&caller.principal, requirement) {
                    // Without a token it is the gateway's own call.
                    (None, Requirement::Internal(services)) if services.contains(&"gateway".into()) => None,
                    _ => expected(&path, requirement, caller),
                };
                let wanted_outside = if token.is_none() { Some(Outcome::Unknown) } else { wanted.clone() };
                let is_right = |outcome: &Outcome, wanted: Option<Outcome>| match wanted {
                    Some(wanted) => *outcome == wanted,
                    None => outcome.is_methods(),
                };
                if !is_right(&inside, wanted) || !is_right(&outside, wanted_outside) {
                    wrong.push(format!("{path} as {}: {inside:?}, by the gateway {outside:?}", caller.title));
                }
            }
        }
    }
    assert!(methods > 25, "only {methods} methods were tried");
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_talk_to_nobody_without_a_certificate_of_their_own_authority() {
    let stage = Stage::set(Setting { services: vec!["workspace"], ..Default::default() }).await;
    let elsewhere = tempfile::tempdir().unwrap();
    let forged = local_infra::Certificates::ensure(elsewhere.path()).unwrap().issue("gateway").unwrap();
    let genuine = stage.identity("gateway");
    let address = stage.address("workspace");
    let health = async |channel: Channel| {
        let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
        client.check(tonic_health::pb::HealthCheckRequest::default()).await.map(drop)
    };
    eventually("the service is there", Duration::from_secs(30), async || {
        health(forwarding_channel(&address, "workspace", &genuine).unwrap()).await
    })
    .await;

    let plain = chassis::rpc::outside_channel(&address.replace("https", "http")).unwrap();
    assert!(health(plain).await.is_err(), "without TLS");
    // It trusts the service, but has its certificate from elsewhere.
    let authority = stage.certificates.issue("gateway").unwrap().authority;
    let stranger = Identity::new(&authority, forged.certificate, forged.key);
    let stranger = forwarding_channel(&address, "workspace", &stranger).unwrap();
    assert!(health(stranger).await.is_err(), "a certificate of another authority");
    let another = forwarding_channel(&address, "integrations", &genuine).unwrap();
    assert!(health(another).await.is_err(), "the service there is not the one that was meant");
}
