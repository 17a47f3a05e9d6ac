//! What must stay secret, sought in every file that a run leaves: logs at their most talkative, traces,
//! the database's pages and its log of changes, the bus's store.

use std::path::Path;
use std::time::Duration;

use memchr::memmem::Finder;
use proto::auth::v1::Role;
use proto::integrations::v1 as integrations;
use proto::workspace::v1 as pb;
use secrecy::ExposeSecret as _;
use sqlx::Connection as _;
use stories::Stage;
use stories::checks::doors_are_right;
use stories::client::insist;
use stories::play::World;
use stories::stage::Setting;

use crate::way_in::let_in_by_a_link;

const LIMIT: Duration = Duration::from_secs(120);

/// Of providers that refuse them, or that nobody asks.
const REFUSED_KISI_KEY: &str = "k1s1-refused-4f9d2c7b";
const STRIPE_KEY: &str = "sk_test_51SecretOfAStory7d1e9a";
const STRIPE_WEBHOOK_SECRET: &str = "whsec_SecretOfAStory3b8f6c";
const UNIFI_KEY: &str = "un1f1-SecretOfAStory-a81c5e";

async fn connect(stage: &Stage, world: &World, provider: &str, values: &[(&str, &str)]) {
    let request = integrations::ConnectIntegrationRequest {
        parent: world.workspace.clone(),
        provider: provider.into(),
        location: String::new(),
        credentials: values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        request_id: format!("secrets {provider}"),
    };
    let client = stage.client();
    insist(&client.integrations, request, |mut c, r| async move { c.connect_integration(r).await }).await;
}

/// The text of a key of the workspace.
async fn api_key(stage: &Stage, world: &World) -> String {
    let key = pb::ApiKey {
        display_name: "screens".into(),
        role: Role::Member.into(),
        methods: vec!["latchkey.workspace.v1.WorkspaceService/*".into()],
        ..Default::default()
    };
    // Answered once: without a `request_id`, so that a call that is lost leaves a key that nobody has.
    let request =
        pb::CreateApiKeyRequest { parent: world.workspace.clone(), api_key: Some(key), ..Default::default() };
    let client = stage.client();
    insist(&client.api_keys, request, |mut c, r| async move { c.create_api_key(r).await }).await.text
}

/// Files below `folder` in which one of the needles stands, each with the needle's number.
fn found(folder: &Path, needles: &[Finder<'_>], seen: &mut usize) -> Vec<String> {
    let mut places = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            places.extend(found(&path, needles, seen));
            continue;
        }
        // Files of a database that runs come and go.
        let Some(bytes) = kind.is_file().then(|| std::fs::read(&path).ok()).flatten() else { continue };
        *seen += bytes.len();
        let hits = needles.iter().enumerate().filter(|(_, needle)| needle.find(&bytes).is_some());
        places.extend(hits.map(|(number, _)| format!("secret {number} in {}", path.display())));
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_stands_in_any_file_of_a_run() {
    let traces = tempfile::tempdir().unwrap();
    let trace_file = traces.path().join("traces.jsonl").to_string_lossy().into_owned();
    let environment = vec![
        ("LATCHKEY_TELEMETRY__LOG_FILTER", "debug".to_owned()),
        ("LATCHKEY_TELEMETRY__TRACE_FILE", trace_file),
    ];
    let mut stage = Stage::set(Setting { environment, ..Default::default() }).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    let booking = world.book(&client, 0).await;
    doors_are_right(&stage, &world, &[booking], LIMIT).await;
    let link = let_in_by_a_link(&stage, &world).await.link;
    connect(
        &stage,
        &world,
        "stripe",
        &[("secret_key", STRIPE_KEY), ("webhook_secret", STRIPE_WEBHOOK_SECRET)],
    )
    .await;
    connect(&stage, &world, "unifi", &[("host", "unifi.invalid"), ("api_key", UNIFI_KEY)]).await;
    world.connect_kisi(&client, REFUSED_KISI_KEY, "refused").await;
    let token = stage.admin_token(&world.workspace);
    let http = reqwest::Client::builder().build().unwrap();
    let url = format!("{}/latchkey.workspace.v1.WorkspaceService/GetWorkspace", stage.gateway());
    let key = api_key(&stage, &world).await;
    let secret = key.rsplit('_').next().unwrap();
    let guess = key.replace(secret, &secret.chars().rev().collect::<String>());
    for token in [token.clone(), format!("{token}x"), key.clone(), guess] {
        let call = http.post(&url).header("content-type", "application/grpc-web").bearer_auth(token);
        call.body(vec![0_u8; 5]).send().await.unwrap();
    }
    stage.settle(LIMIT).await;
    let mut owner = sqlx::PgConnection::connect(stage.database_url().expose_secret()).await.unwrap();
    sqlx::query("checkpoint").execute(&mut owner).await.unwrap();

    let secrets = [
        world.kisi.key.as_str(),
        REFUSED_KISI_KEY,
        STRIPE_KEY,
        STRIPE_WEBHOOK_SECRET,
        UNIFI_KEY,
        token.as_str(),
        token.rsplit('.').next().unwrap(),
        secret,
        link.rsplit('/').next().unwrap(),
    ];
    let needles = secrets.map(Finder::new);
    let mut seen = 0;
    for folder in [stage.folder(), traces.path()] {
        let places = found(folder, &needles, &mut seen);
        assert!(places.is_empty(), "{places:#?}");
    }
    assert!(seen > 10_000_000, "only {seen} bytes were looked at");
    // It would be found: what is no secret is.
    let known = found(stage.folder(), &[Finder::new("unifi.invalid")], &mut seen);
    assert!(!known.is_empty(), "the search finds nothing at all");
}
