//! Sign-in, from the client's request to calls with its tokens: by the sandbox's provider.

use std::collections::HashMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::names::PersonName;
use proto::auth::v1::Role;
use proto::workspace::v1 as pb;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use sandbox::openid::{Algorithm, Flaw, FlawOrder, Person};
use stories::Stage;
use stories::client::insist;
use stories::stage::Setting;
use testkit::eventually;
use tokio::process::Command;
use tonic::metadata::MetadataValue;
use tonic::{Code, Request};
use url::Url;

const WEB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/web");
const BACK: &str = "http://127.0.0.1:1/back";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A workspace whose people the sandbox's provider knows.
struct World {
    stage: Stage,
    workspace: String,
    http: reqwest::Client,
}

/// What a client gets.
#[derive(Debug, serde::Deserialize)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    id_token: Option<String>,
    workspace: String,
}

impl World {
    async fn new() -> Self {
        let services = vec!["workspace", "gateway"];
        let stage = Stage::set(Setting { services, ..Default::default() }).await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let mut world = Self { stage, workspace: String::new(), http };
        world.workspace = world.create_workspace("Demo").await;
        world
    }

    async fn create_workspace(&self, title: &str) -> String {
        let workspace = pb::Workspace { display_name: title.into(), ..Default::default() };
        let request = pb::CreateWorkspaceRequest { workspace: Some(workspace), request_id: title.into() };
        let client = self.stage.client();
        let answer =
            insist(&client.places, request, |mut c, r| async move { c.create_workspace(r).await }).await;
        answer.workspace.unwrap().name
    }

    /// Adds a person whose address the provider knows.
    async fn add(&self, workspace: &str, email: &str, role: Role) -> String {
        let person = pb::Person {
            display_name: email.into(),
            email: email.into(),
            role: role.into(),
            ..Default::default()
        };
        let request = pb::CreatePersonRequest {
            parent: workspace.into(),
            person: Some(person),
            request_id: format!("{workspace} {email}"),
        };
        let client = self.stage.client();
        let answer =
            insist(&client.people, request, |mut c, r| async move { c.create_person(r).await }).await;
        answer.person.unwrap().name
    }

    fn authorize_url(&self, email: &str) -> Url {
        let mut url = Url::parse(&format!("{}/oauth/authorize", self.stage.gateway())).unwrap();
        url.query_pairs_mut().extend_pairs([
            ("client_id", "console"),
            ("redirect_uri", BACK),
            ("response_type", "code"),
            ("scope", "openid"),
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("login_hint", email),
            ("prompt", "none"),
        ]);
        url
    }

    /// Follows redirects from `url`, with cookies, until the client's address or a page.
    async fn follow(&self, mut url: Url, cookies: &mut HashMap<String, String>) -> Result<Url, String> {
        for _ in 0..10 {
            if url.as_str().starts_with(BACK) {
                return Ok(url);
            }
            let cookie: Vec<String> = cookies.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let answer = eventually("the gateway is there", Duration::from_secs(30), async || {
                self.http.get(url.clone()).header("cookie", cookie.join("; ")).send().await
            })
            .await;
            for line in answer.headers().get_all("set-cookie") {
                let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
                cookies.insert(name.into(), rest.split(';').next().unwrap().into());
            }
            match answer.headers().get("location") {
                Some(next) => url = url.join(next.to_str().unwrap()).unwrap(),
                None => return Err(answer.text().await.unwrap()),
            }
        }
        panic!("too many redirects, at {url}");
    }

    /// What the client hears in the end: a code, or an error.
    async fn answer(&self, email: &str) -> HashMap<String, String> {
        let back = self.follow(self.authorize_url(email), &mut HashMap::new()).await.unwrap();
        let said: HashMap<String, String> = back.query_pairs().into_owned().collect();
        assert_eq!(said["state"], "s-1");
        assert_eq!(said["iss"], self.stage.gateway());
        said
    }

    async fn token(&self, form: &[(&str, &str)]) -> Result<Tokens, String> {
        let url = format!("{}/oauth/token", self.stage.gateway());
        let answer = self.http.post(url).form(form).send().await.unwrap();
        if answer.status().is_success() {
            return Ok(answer.json().await.unwrap());
        }
        let body: serde_json::Value = answer.json().await.unwrap();
        Err(body["error"].as_str().unwrap().to_owned())
    }

    async fn redeem(&self, code: &str) -> Result<Tokens, String> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", "console"),
            ("redirect_uri", BACK),
            ("code", code),
            ("code_verifier", VERIFIER),
        ];
        self.token(&form).await
    }

    async fn renew(&self, refresh_token: &str) -> Result<Tokens, String> {
        let form =
            [("grant_type", "refresh_token"), ("client_id", "console"), ("refresh_token", refresh_token)];
        self.token(&form).await
    }

    async fn sign_in(&self, email: &str) -> Tokens {
        self.redeem(&self.answer(email).await["code"]).await.unwrap()
    }

    fn people(
        &self,
        token: &str,
    ) -> PersonServiceClient<
        tonic::service::interceptor::InterceptedService<
            tonic::transport::Channel,
            impl tonic::service::Interceptor + use<>,
        >,
    > {
        let channel = chassis::rpc::outside_channel(&self.stage.gateway()).unwrap();
        PersonServiceClient::with_interceptor(channel, bearer(token))
    }
}

fn bearer(token: &str) -> impl FnMut(Request<()>) -> Result<Request<()>, tonic::Status> + Clone + use<> {
    let value: MetadataValue<_> = format!("Bearer {token}").parse().unwrap();
    move |mut request: Request<()>| {
        request.metadata_mut().insert("authorization", value.clone());
        Ok(request)
    }
}

fn claims(token: &str) -> serde_json::Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_signs_in_as_who_they_are() {
    let world = World::new().await;
    let home = world.workspace.clone();
    for (email, role) in [
        ("owner@demo.latchkey.test", Role::Owner),
        ("admin@demo.latchkey.test", Role::Admin),
        ("member@demo.latchkey.test", Role::Member),
        ("guest@demo.latchkey.test", Role::Guest),
    ] {
        let person = world.add(&home, email, role).await;
        let tokens = world.sign_in(email).await;
        let id_token = claims(tokens.id_token.as_deref().unwrap());
        assert_eq!((id_token["nonce"].as_str(), id_token["aud"].as_str()), (Some("n-1"), Some("console")));
        assert_eq!((id_token["email"].as_str(), tokens.workspace.as_str()), (Some(email), home.as_str()));
        let get = pb::GetPersonRequest { name: person.clone() };
        let found = world.people(&tokens.access_token).get_person(get).await.unwrap().into_inner();
        assert_eq!(found.person.unwrap().role(), role);
        let access = claims(&tokens.access_token);
        assert_eq!(access["exp"].as_i64().unwrap() - access["iat"].as_i64().unwrap(), 600, "ten minutes");
        let list = pb::ListPeopleRequest { parent: home.clone(), ..Default::default() };
        let listed = world.people(&tokens.access_token).list_people(list).await;
        assert_eq!(listed.is_ok(), matches!(role, Role::Owner | Role::Admin), "{role:?}: {listed:?}");
    }

    let paused = world.add(&home, "paused@demo.latchkey.test", Role::Member).await;
    let request = pb::PausePersonRequest { name: paused.clone(), request_id: "pause".into() };
    let client = world.stage.client();
    insist(&client.people, request, |mut c, r| async move { c.pause_person(r).await }).await;
    let tokens = world.sign_in("paused@demo.latchkey.test").await;
    let get = pb::GetPersonRequest { name: paused.clone() };
    let found = world.people(&tokens.access_token).get_person(get).await.unwrap().into_inner();
    assert_eq!(found.person.unwrap().status(), pb::PersonStatus::Paused);
    let channel = chassis::rpc::outside_channel(&world.stage.gateway()).unwrap();
    let mut bookings = BookingServiceClient::with_interceptor(channel, bearer(&tokens.access_token));
    let confirm = pb::ConfirmBookingRequest { name: format!("{home}/bookings/x"), ..Default::default() };
    assert_eq!(bookings.confirm_booking(confirm).await.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_not_proven_or_not_known_gets_no_code() {
    let world = World::new().await;
    let email = "member@demo.latchkey.test";
    assert_eq!(world.answer(email).await["error"], "access_denied", "no workspace knows them");
    world.add(&world.workspace, email, Role::Member).await;
    let openid = world.stage.sandbox.openid();
    for flaw in [
        Flaw::WrongNonce,
        Flaw::WrongAudience,
        Flaw::WrongIssuer,
        Flaw::Expired,
        Flaw::UnpublishedKey,
        Flaw::ForgedSignature,
        Flaw::AlgNone,
    ] {
        openid.set_flaw(Some(FlawOrder { flaw, times: Some(1) }));
        assert_eq!(world.answer(email).await["error"], "access_denied", "{flaw:?}");
    }
    let unverified = Person {
        sub: "eve".into(),
        email: "eve@demo.latchkey.test".into(),
        name: "Eve".into(),
        email_verified: false,
    };
    world.add(&world.workspace, &unverified.email, Role::Admin).await;
    openid.put_person(unverified.clone());
    assert_eq!(world.answer(&unverified.email).await["error"], "access_denied");
    openid.put_person(Person { email_verified: true, ..unverified.clone() });
    assert!(world.answer(&unverified.email).await.contains_key("code"));
    // A new key of the provider's is found by itself.
    openid.rotate(Algorithm::Es256, chrono::Duration::zero());
    let code = eventually("the new key is known", Duration::from_secs(30), async || {
        let said = world.answer(email).await;
        said.get("code").cloned().ok_or_else(|| format!("{said:?}"))
    })
    .await;
    assert!(world.redeem(&code).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_this_browser_did_not_ask_for_signs_nobody_in() {
    let world = World::new().await;
    let email = "member@demo.latchkey.test";
    world.add(&world.workspace, email, Role::Member).await;
    // Somebody else's answer: all of it but their cookie.
    let mut theirs = HashMap::new();
    let to_provider = world.http.get(world.authorize_url(email)).send().await.unwrap();
    let url: Url = to_provider.headers()["location"].to_str().unwrap().parse().unwrap();
    let callback = world.http.get(url).send().await.unwrap();
    let callback: Url = callback.headers()["location"].to_str().unwrap().parse().unwrap();
    assert_eq!(callback.path(), "/oauth/callback");
    let page = world.follow(callback.clone(), &mut theirs).await.unwrap_err();
    assert!(page.contains("You are not signed in"), "without a cookie: {page}");
    // With one of another sign-in, the state is another.
    let other = world.http.get(world.authorize_url(email)).send().await.unwrap();
    let cookie = other.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    let answer = world.http.get(callback).header("cookie", cookie).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    // An unknown client, or an address that is not its own, is shown to the person and told to nobody.
    for (name, value) in [("client_id", "stranger"), ("redirect_uri", "https://evil.example/")] {
        let mut url = world.authorize_url(email);
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(k, v)| (k.to_string(), if k == name { value.to_owned() } else { v.to_string() }))
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
        let answer = world.http.get(url).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (400, None));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_renewed_until_it_is_copied_or_the_person_removed() {
    let world = World::new().await;
    let email = "admin@demo.latchkey.test";
    let person = world.add(&world.workspace, email, Role::Admin).await;
    let code = world.answer(email).await["code"].clone();
    let tokens = world.redeem(&code).await.unwrap();
    let renewed = world.renew(&tokens.refresh_token).await.unwrap();
    assert_eq!(claims(&renewed.access_token)["role"], "admin");
    assert!(renewed.id_token.is_none());
    assert_eq!(world.renew(&tokens.refresh_token).await.unwrap_err(), "invalid_grant", "it was taken");
    assert_eq!(world.renew(&renewed.refresh_token).await.unwrap_err(), "invalid_grant", "so all is over");
    assert_eq!(world.redeem(&code).await.unwrap_err(), "invalid_grant");

    let tokens = world.sign_in(email).await;
    let revoke = [("token", tokens.refresh_token.as_str()), ("client_id", "console")];
    let url = format!("{}/oauth/revoke", world.stage.gateway());
    assert!(world.http.post(url).form(&revoke).send().await.unwrap().status().is_success());
    assert_eq!(world.renew(&tokens.refresh_token).await.unwrap_err(), "invalid_grant");

    let tokens = world.sign_in(email).await;
    let request = pb::RemovePersonRequest { name: person, request_id: "remove".into() };
    let client = world.stage.client();
    insist(&client.people, request, |mut c, r| async move { c.remove_person(r).await }).await;
    assert_eq!(world.renew(&tokens.refresh_token).await.unwrap_err(), "invalid_grant");
    assert_eq!(world.answer(email).await["error"], "access_denied");
    for (form, error) in [
        (vec![("grant_type", "password"), ("client_id", "console")], "unsupported_grant_type"),
        (vec![("grant_type", "refresh_token"), ("client_id", "stranger")], "invalid_client"),
    ] {
        assert_eq!(world.token(&form).await.unwrap_err(), error);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn someone_in_several_workspaces_chooses_on_a_page() {
    let world = World::new().await;
    let email = "member@demo.latchkey.test";
    let second = world.create_workspace("Second & <Third>").await;
    world.add(&world.workspace, email, Role::Member).await;
    let there = world.add(&second, email, Role::Admin).await;
    let page = world.follow(world.authorize_url(email), &mut HashMap::new()).await.unwrap_err();
    assert!(page.contains("Second &amp; &lt;Third&gt;"), "{page}");
    let ticket = page.split("name=\"ticket\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let choose = async |workspace: &str| {
        let url = format!("{}/oauth/workspace", world.stage.gateway());
        let form = [("ticket", ticket), ("workspace", workspace)];
        let answer = world.http.post(url).form(&form).send().await.unwrap();
        let back: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
        back.query_pairs().into_owned().collect::<HashMap<String, String>>()
    };
    let stranger = world.create_workspace("Not theirs").await;
    assert_eq!(choose(&stranger).await["error"], "access_denied");
    let tokens = world.redeem(&choose(&second).await["code"]).await.unwrap();
    assert_eq!(tokens.workspace, second);
    let PersonName { id, .. } = there.parse().unwrap();
    assert_eq!(claims(&tokens.access_token)["sub"], id.to_string());
    // A client that knows where the person wants to be asks for it.
    let mut url = world.authorize_url(email);
    url.query_pairs_mut().append_pair("workspace", &world.workspace);
    let back = world.follow(url, &mut HashMap::new()).await.unwrap();
    let said: HashMap<String, String> = back.query_pairs().into_owned().collect();
    assert_eq!(world.redeem(&said["code"]).await.unwrap().workspace, world.workspace);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_openid_client_of_npm_signs_in() {
    let world = World::new().await;
    let email = "owner@demo.latchkey.test";
    world.add(&world.workspace, email, Role::Owner).await;
    // The gateway answers.
    world.answer(email).await;
    let run = async |wrong: &str| {
        Command::new("node")
            .arg("sign-in.mjs")
            .current_dir(WEB)
            .env("GATEWAY", world.stage.gateway())
            .env("EMAIL", email)
            .env("WRONG", wrong)
            .output()
            .await
            .expect("node is there")
    };
    let output = run("").await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["claims"]["email"], email);
    assert_eq!(claims(said["renewed"].as_str().unwrap())["role"], "owner");
    for (wrong, reason) in [("state", "state"), ("nonce", "nonce"), ("client", "not known here")] {
        let output = run(wrong).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(reason), "{wrong}: {error}");
    }
}
