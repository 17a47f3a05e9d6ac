//! Sessions, as the gateway opens and renews them.

use proto::auth::v1::Role as ProtoRole;
use proto::workspace::v1 as pb;
use proto::workspace::v1::session_service_client::SessionServiceClient;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::world::World;

const EMAIL: &str = "ada@example.org";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

type Sessions = SessionServiceClient<chassis::rpc::ServiceChannel>;

impl World {
    fn sessions(&self) -> Sessions {
        SessionServiceClient::new(self.harness.channel(&self.address, "gateway"))
    }

    fn sign_in(&self) -> pb::OpenSessionRequest {
        pb::OpenSessionRequest {
            email: EMAIL.to_uppercase(),
            workspace: self.name.clone(),
            issuer: "https://id.example".into(),
            subject: "ada".into(),
            client_id: "console".into(),
            redirect_uri: "https://console.example/back".into(),
            code_challenge: CHALLENGE.into(),
            nonce: "n-1".into(),
        }
    }

    /// A session in use.
    async fn signed_in(&self) -> pb::Session {
        let mut sessions = self.sessions();
        let code = sessions.open_session(self.sign_in()).await.unwrap().into_inner().code;
        sessions.redeem_code(redemption(&code)).await.unwrap().into_inner().session.unwrap()
    }
}

fn redemption(code: &str) -> pb::RedeemCodeRequest {
    pb::RedeemCodeRequest {
        code: code.into(),
        client_id: "console".into(),
        redirect_uri: "https://console.example/back".into(),
        code_verifier: VERIFIER.into(),
    }
}

async fn renew(sessions: &mut Sessions, token: &str) -> Result<pb::Session, Status> {
    let request = pb::RenewSessionRequest {
        refresh_token: token.into(),
        client_id: "console".into(),
        workspace: String::new(),
    };
    Ok(sessions.renew_session(request).await?.into_inner().session.unwrap())
}

fn is_refused<T: std::fmt::Debug>(outcome: Result<T, Status>) -> bool {
    let status = outcome.unwrap_err();
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    (status.code(), reason.as_str()) == (Code::FailedPrecondition, "SESSION_REFUSED")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_names_the_person_as_they_are_at_each_renewal() {
    let mut world = World::new().await;
    let mut sessions = world.sessions();
    let session = world.signed_in().await;
    let member = session.membership.unwrap();
    assert_eq!((member.person.as_str(), member.role()), (world.person.as_str(), ProtoRole::Member));
    assert_eq!((member.workspace.as_str(), member.email.as_str()), (world.name.as_str(), EMAIL));

    let promote = pb::ChangeRoleRequest {
        name: world.person.clone(),
        role: ProtoRole::Manager.into(),
        locations: vec![world.location.clone()],
        request_id: String::new(),
    };
    world.people.change_role(promote).await.unwrap();
    let session = renew(&mut sessions, &session.refresh_token).await.unwrap();
    let member = session.membership.unwrap();
    assert_eq!((member.role(), member.locations), (ProtoRole::Manager, vec![world.location.clone()]));

    let remove = pb::RemovePersonRequest { name: world.person.clone(), ..Default::default() };
    world.people.remove_person(remove).await.unwrap();
    assert!(is_refused(renew(&mut sessions, &session.refresh_token).await), "nobody there any more");
    assert!(is_refused(sessions.open_session(world.sign_in()).await));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_and_refresh_tokens_are_taken_once() {
    let world = World::new().await;
    let mut sessions = world.sessions();
    let code = sessions.open_session(world.sign_in()).await.unwrap().into_inner().code;
    let wrong = pb::RedeemCodeRequest { code_verifier: CHALLENGE.into(), ..redemption(&code) };
    assert!(is_refused(sessions.redeem_code(wrong).await));
    let redeemed = sessions.redeem_code(redemption(&code)).await.unwrap().into_inner();
    assert_eq!(redeemed.nonce, "n-1");
    let first = redeemed.session.unwrap().refresh_token;
    let second = renew(&mut sessions, &first).await.unwrap().refresh_token;
    let third = renew(&mut sessions, &second).await.unwrap().refresh_token;
    assert!(is_refused(renew(&mut sessions, &second).await), "someone has a copy");
    assert!(is_refused(renew(&mut sessions, &third).await), "so it is over for both");

    let other = world.signed_in().await.refresh_token;
    let (one, two) = {
        let (mut a, mut b) = (world.sessions(), world.sessions());
        tokio::join!(renew(&mut a, &other), renew(&mut b, &other))
    };
    assert!(one.is_ok() != two.is_ok(), "one of two at once: {one:?}, {two:?}");
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_on_request_and_by_time() {
    let world = World::new().await;
    let mut sessions = world.sessions();
    let token = world.signed_in().await.refresh_token;
    let end =
        |token: &str| pb::EndSessionRequest { refresh_token: token.into(), client_id: "console".into() };
    sessions.end_session(end(&token)).await.unwrap();
    assert!(is_refused(renew(&mut sessions, &token).await));
    for unknown in [token.as_str(), "", "nonsense"] {
        assert!(sessions.end_session(end(unknown)).await.is_ok());
    }
    let code = sessions.open_session(world.sign_in()).await.unwrap().into_inner().code;
    let token = world.signed_in().await.refresh_token;
    world.harness.clock.advance(chrono::Duration::minutes(1));
    assert!(is_refused(sessions.redeem_code(redemption(&code)).await), "a code lives for a minute");
    world.harness.clock.advance(chrono::Duration::days(30));
    assert!(is_refused(renew(&mut sessions, &token).await));
    world.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn someone_in_several_workspaces_chooses_one_and_may_change() {
    let world = World::new().await;
    let mut operator = pb::workspace_service_client::WorkspaceServiceClient::new(
        world.harness.channel(&world.address, "latchkey"),
    );
    let request = pb::CreateWorkspaceRequest {
        workspace: Some(pb::Workspace { display_name: "Another".into(), ..Default::default() }),
        request_id: String::new(),
    };
    let another = operator.create_workspace(request).await.unwrap().into_inner().workspace.unwrap().name;
    let mut sessions = world.sessions();
    let token = world.signed_in().await.refresh_token;
    let change = |token: &str| pb::RenewSessionRequest {
        refresh_token: token.into(),
        client_id: "console".into(),
        workspace: another.clone(),
    };
    assert!(is_refused(sessions.renew_session(change(&token)).await), "not known there");
    let mut people = pb::person_service_client::PersonServiceClient::new(
        world.harness.channel(&world.address, "latchkey"),
    );
    let person = pb::Person { display_name: "Ada".into(), email: EMAIL.into(), ..Default::default() };
    let request =
        pb::CreatePersonRequest { parent: another.clone(), person: Some(person), ..Default::default() };
    people.create_person(request).await.unwrap();

    let list = pb::ListMembershipsRequest { email: EMAIL.into() };
    let listed = sessions.list_memberships(list).await.unwrap().into_inner().memberships;
    assert_eq!(listed.iter().map(|m| m.workspace.as_str()).collect::<Vec<_>>(), [&another, &world.name]);
    // The refusal took nothing.
    let session = sessions.renew_session(change(&token)).await.unwrap().into_inner().session.unwrap();
    assert_eq!(session.membership.unwrap().workspace, another);
    let session = renew(&mut sessions, &session.refresh_token).await.unwrap();
    assert_eq!(session.membership.unwrap().workspace, another, "it stays there");
    world.harness.finish().await;
}
