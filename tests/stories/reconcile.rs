//! Someone changes at Kisi by hand what Latchkey gave there.

use std::time::Duration;

use chrono::Duration as Span;
use domain::{Clock as _, SystemClock, Window};
use proto::access::v1 as access;
use proto::workspace::v1 as pb;
use reqwest::Method;
use sandbox::kisi::Tap;
use serde_json::{Value, json};
use stories::Stage;
use stories::client::{Client, insist};
use stories::play::World;
use testkit::eventually;

const LIMIT: Duration = Duration::from_secs(120);

/// Kisi as its web page uses it.
pub(crate) struct ByHand<'a> {
    http: reqwest::Client,
    url: String,
    world: &'a World,
}

impl<'a> ByHand<'a> {
    pub(crate) fn at(stage: &Stage, world: &'a World) -> Self {
        let http = reqwest::Client::builder().build().unwrap();
        Self { http, url: format!("{}/kisi", stage.sandbox_url()), world }
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("authorization", format!("KISI-LOGIN {}", self.world.kisi.key))
            .header("content-type", "application/json")
            .body(body.to_string());
        // The adapter uses the same limit of five calls a second.
        eventually("Kisi takes the call", LIMIT, async || {
            let answer = request.try_clone().unwrap().send().await.unwrap();
            if answer.status() == 429 {
                return Err("too many calls");
            }
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            Ok(serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
        })
        .await
    }

    /// Makes a user and lets them in.
    async fn let_in(&self, email: &str, window: Window) {
        let user =
            json!({ "user": { "email": email, "name": "Bob", "send_emails": false, "confirm": true } });
        let user = self.call(Method::POST, "/users", user).await;
        let right = json!({ "role_assignment": {
            "assignee_type": "User", "assignee_id": user["id"], "applies_to_type": "Group",
            "applies_to_id": self.world.kisi.group, "role_id": "group_basic", "notify": false,
            "valid_from": window.start(), "valid_until": window.end(),
        } });
        self.call(Method::POST, "/role_assignments", right).await;
    }
}

async fn drifts(client: &Client, world: &World) -> Vec<access::Drift> {
    let request =
        access::ListDriftsRequest { parent: world.workspace.clone(), show_ended: true, ..Default::default() };
    insist(&client.access, request, |mut c, r| async move { c.list_drifts(r).await }).await.drifts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn access_deleted_at_kisi_comes_back_and_what_others_gave_stays() {
    let mut stage = Stage::set(Default::default()).await;
    let world = World::build(&stage, 1, 1).await;
    let client = stage.client();
    // Its access window, 15 minutes wider, has begun.
    let start = SystemClock.now() + Span::minutes(10);
    let window = Window::new(start, start + Span::minutes(50)).unwrap();
    let name = world.create(&client, 0, 0, window, "now").await;
    let request = pb::ConfirmBookingRequest { name, request_id: String::new() };
    insist(&client.bookings, request, |mut c, r| async move { c.confirm_booking(r).await }).await;
    let kisi = stage.sandbox.kisi().organization(world.kisi.organization).unwrap();
    let (email, lock) = (world.people[0].1.clone(), kisi.locks()[0].id);
    let opens = |email: &str| kisi.tap(&Tap::of(email, lock)).unwrap().opens;
    eventually("the door opens", LIMIT, async || if opens(&email) { Ok(()) } else { Err("shut") }).await;
    // The ledger knows it, too.
    stage.settle(LIMIT).await;

    let by_hand = ByHand::at(&stage, &world);
    let given = kisi.access_windows_of(&email, lock)[0].role_assignment_id;
    by_hand.call(Method::DELETE, &format!("/role_assignments/{given}"), Value::Null).await;
    by_hand.let_in("bob@demo.example", window).await;
    assert!(!opens(&email), "it was taken away by hand");
    let theirs = kisi.access_windows_of("bob@demo.example", lock);

    // What is connected again is compared at once.
    world.connect_kisi(&client, &world.kisi.key, "connect again").await;
    eventually("the door opens again", LIMIT, async || if opens(&email) { Ok(()) } else { Err("shut") })
        .await;
    eventually("it is told what was found, and repaired", LIMIT, async || {
        let found = drifts(&client, &world).await;
        let of = |kind| found.iter().find(|drift| drift.kind() == kind);
        let missing = of(access::DriftKind::Missing).filter(|missing| missing.end_time.is_some());
        let foreign = of(access::DriftKind::Foreign).filter(|foreign| foreign.end_time.is_none());
        match (missing, foreign) {
            (Some(missing), Some(foreign)) => {
                assert_eq!(missing.person, world.people[0].0);
                assert_eq!(foreign.holder, "Bob <bob@demo.example>");
                Ok(())
            }
            _ => Err(format!("{found:?}")),
        }
    })
    .await;
    let request =
        access::ListReconciliationsRequest { parent: world.workspace.clone(), ..Default::default() };
    let accounts =
        insist(&client.access, request, |mut c, r| async move { c.list_reconciliations(r).await }).await;
    let [account] = &accounts.reconciliations[..] else { panic!("{accounts:?}") };
    let counts = account.counts.unwrap();
    assert_eq!((counts.foreign, account.failure_reason.as_str()), (1, ""), "{account:?}");
    assert_eq!(kisi.access_windows_of("bob@demo.example", lock), theirs, "what others gave stays");
    stage.settle(LIMIT).await;
}
