//! How fast Stripe's reports are taken in, through the gateway, beside the commits that the same Postgres does.

use chrono::Utc;
use domain::names::WorkspaceName;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use tokio::time::Instant;

use super::{Times, bare};
use crate::Stage;
use crate::play::World;
use crate::till::Till;

const REPORTS: usize = 8_000;
/// So many at once, as there are connections for the commits.
const AT_ONCE: usize = 8;

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub struct Intake {
    /// From the post until the answer.
    pub times: Times,
    /// Reports a second.
    pub per_second: f64,
    /// Single-row commits a second at 8 connections.
    pub commits_per_second: f64,
}

/// Measures with reports that are all true, and of which nothing follows.
pub async fn measure(stage: &Stage, world: &World) -> Intake {
    let till = Till::open(stage, &world.workspace, |settings| settings).await;
    let WorkspaceName(workspace) = world.workspace.parse().expect("a name");
    let url = format!("{}/webhooks/stripe/{workspace}", stage.gateway());
    let http = reqwest::Client::new();
    let start = Instant::now();
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            let (http, url, secret) = (http.clone(), url.clone(), till.webhook_secret.clone());
            tokio::spawn(async move {
                let mut times = Vec::new();
                for number in (worker..REPORTS).step_by(AT_ONCE) {
                    let body = report(number);
                    let signature = sign(&secret, Utc::now().timestamp(), &body);
                    let start = Instant::now();
                    let post = http.post(&url).header("stripe-signature", signature).body(body);
                    let answer = post.send().await.expect("an answer");
                    assert!(answer.status().is_success(), "{}", answer.status());
                    answer.bytes().await.expect("a body");
                    times.push(start.elapsed().as_secs_f64() * 1_000.0);
                }
                times
            })
        })
        .collect();
    let mut times = Vec::with_capacity(REPORTS);
    for worker in workers {
        times.extend(worker.await.expect("no panic"));
    }
    let per_second = REPORTS as f64 / start.elapsed().as_secs_f64();
    Intake { times: Times::of(times), per_second, commits_per_second: bare::commits(stage).await }
}

/// As large as those that Stripe sends.
fn report(number: usize) -> String {
    let padding = "x".repeat(2_500);
    format!(
        r#"{{"id":"evt_bench{number}","object":"event","livemode":false,"type":"payment_intent.processing",
            "data":{{"object":{{"id":"pi_bench{number}","object":"payment_intent","description":"{padding}"}}}}}}"#
    )
}

fn sign(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(format!("{at}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}
