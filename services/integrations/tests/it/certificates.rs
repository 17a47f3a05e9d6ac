//! Certificates that no authority vouches for: pinned on first use, refused when they change, accepted by an
//! admin.

use chassis::auth::Role;
use integrations::DEFINITION;
use proto::integrations::v1 as pb;
use proto::integrations::v1::IntegrationStatus::{Connected, Failing, NotConnected};
use proto::integrations::v1::credential_service_client::CredentialServiceClient;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use testkit::audit_line;
use tonic::{Code, Status};

use crate::console::{CONSOLE_KEY, fingerprint};
use crate::world::{World, refusal};

impl World {
    /// A console at `console.lan` that shows this certificate is connected.
    async fn with_console(digit: char) -> (Self, pb::Integration) {
        let mut world = Self::new().await;
        world.console.show(digit);
        let integration = world.save_console("console.lan", CONSOLE_KEY).await;
        (world, integration)
    }

    async fn save_console(&mut self, host: &str, key: &str) -> pb::Integration {
        self.save("unifi", &[("host", host), ("api_key", key)]).await.unwrap()
    }

    async fn accept(&mut self, name: &str, fingerprint: &str) -> Result<pb::Integration, Status> {
        let request = accept_request(name, fingerprint);
        Ok(self.integrations.accept_certificate(request).await?.into_inner().integration.unwrap())
    }

    /// The fingerprint that goes along with the values.
    async fn handed(&self, location: &str) -> String {
        let adapter = self.harness.channel(&self.address, "unifi-adapter");
        let request = pb::ResolveCredentialRequest {
            workspace: self.parent.clone(),
            provider: "unifi".into(),
            location: location.into(),
        };
        let answer = CredentialServiceClient::new(adapter).resolve_credential(request).await.unwrap();
        answer.into_inner().certificate_fingerprint
    }
}

fn accept_request(name: &str, fingerprint: &str) -> pb::AcceptCertificateRequest {
    pb::AcceptCertificateRequest {
        name: name.into(),
        fingerprint: fingerprint.into(),
        request_id: String::new(),
    }
}

fn shown(certificate: &Option<pb::Certificate>) -> Option<(&str, &str)> {
    certificate.as_ref().map(|it| (it.host.as_str(), it.fingerprint.as_str()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_certificate_is_pinned_shown_and_handed_along() {
    let (mut world, integration) = World::with_console('a').await;
    assert_eq!((integration.status(), integration.is_active), (Connected, true));
    let pinned = integration.certificate.as_ref().unwrap();
    assert_eq!((pinned.host.as_str(), pinned.fingerprint.as_str()), ("console.lan", &*fingerprint('a')));
    assert_eq!(
        (pinned.subject.as_str(), pinned.not_before_time.unwrap().seconds),
        ("CN=console", 1_767_312_000)
    );
    assert_eq!(integration.changed_certificate, None);
    assert_eq!(world.handed("").await, fingerprint('a'));
    assert_eq!(world.check(&integration.name).await.unwrap(), integration);
    assert_eq!(world.list().await, [integration]);
    assert_eq!(world.facts(2).await, [("NOT_CONNECTED".into(), 1), ("CONNECTED".into(), 2)]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_was_sent_a_wrong_key_is_pinned_all_the_same() {
    let mut world = World::new().await;
    world.console.show('a');
    let refused = world.save_console("console.lan", "a-wrong-key").await;
    assert_eq!((refused.status(), refused.problems[0].credential.as_str()), (Failing, "api_key"));
    assert_eq!(shown(&refused.certificate), Some(("console.lan", &*fingerprint('a'))));
    world.console.show('b');
    let changed = world.save("unifi", &[("api_key", CONSOLE_KEY)]).await.unwrap();
    assert_eq!(changed.problems[0].kind(), pb::ConnectionProblemKind::CertificateChanged);
    assert_eq!(world.console.sent(), [("console.lan".to_owned(), 'a')], "the right key went to nobody");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_certificate_gets_nothing_until_it_is_accepted() {
    let (mut world, integration) = World::with_console('a').await;
    let name = integration.name;
    world.console.sent();
    world.console.show('b');
    let failing = world.check(&name).await.unwrap();
    assert_eq!((failing.status(), failing.is_active), (Failing, true));
    let [problem] = &failing.problems[..] else { panic!("{failing:?}") };
    assert_eq!(problem.kind(), pb::ConnectionProblemKind::CertificateChanged);
    assert_eq!(problem.credential, "host");
    for digit in ['a', 'b'] {
        assert!(problem.reason.contains(&fingerprint(digit)), "{problem:?}");
    }
    assert_eq!(shown(&failing.certificate), Some(("console.lan", &*fingerprint('a'))));
    assert_eq!(shown(&failing.changed_certificate), Some(("console.lan", &*fingerprint('b'))));
    assert_eq!(world.handed("").await, fingerprint('a'));

    let not_shown = (Code::FailedPrecondition, "CERTIFICATE_NOT_SHOWN".to_owned());
    assert_eq!(refusal(world.accept(&name, &fingerprint('c')).await), not_shown);
    assert_eq!(refusal(world.accept(&name, "b").await), (Code::InvalidArgument, "INVALID_INPUT".into()));
    assert_eq!(world.console.sent(), [], "nobody was sent anything");

    let accepted = world.accept(&name, &fingerprint('b')).await.unwrap();
    assert_eq!((accepted.status(), accepted.problems.as_slice()), (Connected, [].as_slice()));
    assert_eq!(shown(&accepted.certificate), Some(("console.lan", &*fingerprint('b'))));
    assert_eq!(accepted.changed_certificate, None);
    assert_eq!(world.handed("").await, fingerprint('b'));
    assert_eq!(world.accept(&name, &fingerprint('b')).await.unwrap(), accepted, "twice is once");
    assert_eq!(refusal(world.accept(&name, &fingerprint('a')).await), not_shown, "that is an old one");
    let told = ["NOT_CONNECTED", "CONNECTED", "FAILING", "NOT_CONNECTED", "CONNECTED"].map(str::to_owned);
    assert_eq!(world.facts(5).await, told.into_iter().zip(1..).collect::<Vec<_>>());
    let lines: Vec<String> = world.harness.audit_entries(&DEFINITION).await.iter().map(audit_line).collect();
    let change = format!("REPLACED {} -> {}", fingerprint('a'), fingerprint('b'));
    assert_eq!(lines[1..], [format!("AcceptCertificate: certificate.fingerprint {change}")]);
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_request_accepts_once_and_is_answered_as_things_are() {
    let (mut world, integration) = World::with_console('a').await;
    let name = integration.name;
    world.console.show('b');
    world.check(&name).await.unwrap();
    let request = pb::AcceptCertificateRequest {
        request_id: "once".into(),
        ..accept_request(&name, &fingerprint('b'))
    };
    world.integrations.accept_certificate(request.clone()).await.unwrap();
    world.console.show('a');
    let again = world.integrations.accept_certificate(request).await.unwrap().into_inner();
    let again = again.integration.unwrap();
    assert_eq!(again.status(), Failing, "the accepted one is the other one");
    assert_eq!(shown(&again.certificate), Some(("console.lan", &*fingerprint('b'))));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_certificate_that_was_there_before_needs_no_word() {
    let (mut world, integration) = World::with_console('a').await;
    world.console.show('b');
    assert_eq!(world.check(&integration.name).await.unwrap().status(), Failing);
    world.console.show('a');
    let back = world.check(&integration.name).await.unwrap();
    assert_eq!((back.status(), back.changed_certificate), (Connected, None));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_found_in_the_background() {
    let (world, _) = World::with_console('a').await;
    world.console.show('b');
    world.harness.clock.advance(chrono::Duration::minutes(15));
    let failing = world.until("it is failing", |integration| integration.status() == Failing).await;
    assert_eq!(shown(&failing.changed_certificate), Some(("console.lan", &*fingerprint('b'))));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_admins_of_the_workspace_accept() {
    let (mut world, integration) = World::with_console('a').await;
    world.console.show('b');
    world.check(&integration.name).await.unwrap();
    let request = accept_request(&integration.name, &fingerprint('b'));
    for role in [Role::Manager, Role::Member, Role::Guest] {
        let person = world.harness.channel_as(&world.address, role, world.workspace);
        let outcome = IntegrationServiceClient::new(person).accept_certificate(request.clone()).await;
        assert_eq!(refusal(outcome), (Code::PermissionDenied, "ROLE_TOO_LOW".into()), "{role:?}");
    }
    let elsewhere = world.harness.channel_as(&world.address, Role::Owner, domain::WorkspaceId::new());
    let outcome = IntegrationServiceClient::new(elsewhere).accept_certificate(request.clone()).await;
    assert_eq!(refusal(outcome), (Code::NotFound, "WORKSPACE_NOT_FOUND".into()));
    assert_eq!(world.handed("").await, fingerprint('a'));
    let owner = world.harness.channel_as(&world.address, Role::Owner, world.workspace);
    IntegrationServiceClient::new(owner).accept_certificate(request).await.unwrap();
    assert_eq!(world.handed("").await, fingerprint('b'));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_host_begins_anew() {
    let (mut world, _) = World::with_console('a').await;
    *world.console.shows.lock().unwrap() = None;
    let moved = world.save("unifi", &[("host", "other.lan")]).await.unwrap();
    assert_eq!((moved.status(), moved.certificate), (Failing, None), "that one has shown nothing yet");
    assert_eq!(world.handed("").await, "");
    world.console.show('b');
    let moved = world.check(&moved.name).await.unwrap();
    assert_eq!(moved.status(), Connected);
    assert_eq!(shown(&moved.certificate), Some(("other.lan", &*fingerprint('b'))));
    // The same host, written otherwise, is the same host.
    world.console.show('c');
    let same = world.save("unifi", &[("host", "Other.LAN")]).await.unwrap();
    assert_eq!((same.status(), shown(&same.certificate).unwrap().1), (Failing, &*fingerprint('b')));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn disconnecting_forgets_the_certificates() {
    let (mut world, integration) = World::with_console('a').await;
    world.console.show('b');
    world.check(&integration.name).await.unwrap();
    let gone = world.disconnect(&integration.name).await.unwrap();
    assert_eq!((gone.status(), &gone.certificate, &gone.changed_certificate), (NotConnected, &None, &None));
    let outcome = world.accept(&integration.name, &fingerprint('b')).await;
    assert_eq!(refusal(outcome), (Code::FailedPrecondition, "CERTIFICATE_NOT_SHOWN".into()));
    let again = world.save_console("console.lan", CONSOLE_KEY).await;
    assert_eq!((again.status(), shown(&again.certificate).unwrap().1), (Connected, &*fingerprint('b')));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_location_that_borrows_the_host_sees_for_itself_and_for_that_host_alone() {
    let (mut world, _) = World::with_console('a').await;
    let here = world.new_location();
    let request = pb::ConnectIntegrationRequest {
        provider: "unifi".into(),
        credentials: [("api_key".to_owned(), CONSOLE_KEY.to_owned())].into(),
        ..world.request(&here, "")
    };
    let at_here = world.send(request).await.unwrap();
    assert_eq!(shown(&at_here.certificate), Some(("console.lan", &*fingerprint('a'))));
    assert_eq!(world.handed(&here).await, fingerprint('a'));
    *world.console.shows.lock().unwrap() = None;
    world.save("unifi", &[("host", "other.lan")]).await.unwrap();
    assert_eq!(world.handed(&here).await, "", "what the host before has shown is not for this one");
    world.harness.finish().await;
}
