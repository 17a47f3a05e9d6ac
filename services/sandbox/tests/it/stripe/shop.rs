//! An account of the twin, as its server and its pages use it.

use http::Method;
use sandbox::Config;
use sandbox::stripe::{Account, Key, Pace};
use serde_json::Value;

use crate::harness::{Answer, Running};

pub(super) const ACCOUNT: &str = "acct_shop";
pub(super) const SECRET: &str = "sk_test_shop";
pub(super) const LIVE: &str = "sk_live_shop";
pub(super) const PUBLISHABLE: &str = "pk_test_shop";
pub(super) const RESTRICTED: &str = "rk_test_shop";

pub(super) struct Shop {
    pub(super) running: Running,
    http: reqwest::Client,
}

impl Shop {
    pub(super) async fn open() -> Self {
        Self::with(Pace::default()).await
    }

    pub(super) async fn with(pace: Pace) -> Self {
        let mut config = Config::default();
        let keys = [SECRET, LIVE, PUBLISHABLE, RESTRICTED].map(|key| (key.to_owned(), Key::default()));
        config.stripe.accounts = vec![Account {
            id: ACCOUNT.to_owned(),
            country: "US".to_owned(),
            default_currency: "usd".to_owned(),
            keys: keys.into(),
            ..Account::default()
        }];
        config.stripe.pace = pace;
        let running = Running::start(config).await;
        Self { running, http: reqwest::Client::builder().build().unwrap() }
    }

    /// A call by a key, with a form and an idempotency key if there is one.
    pub(super) async fn call(
        &self,
        key: &str,
        method: Method,
        path: &str,
        form: &str,
        idempotency_key: Option<&str>,
    ) -> Answer {
        let is_post = method == Method::POST;
        let query = if is_post || form.is_empty() { String::new() } else { format!("?{form}") };
        let url = self.running.url(&format!("/stripe/v1{path}{query}"));
        let mut request = self.http.request(method, url).bearer_auth(key);
        if is_post {
            request =
                request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
        }
        if let Some(idempotency_key) = idempotency_key {
            request = request.header("idempotency-key", idempotency_key);
        }
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        Answer { status, headers, text: answer.text().await.unwrap() }
    }

    /// Posts by the secret key.
    pub(super) async fn post(&self, path: &str, form: &str) -> Answer {
        self.call(SECRET, Method::POST, path, form, None).await
    }

    /// What was made.
    pub(super) async fn made(&self, path: &str, form: &str) -> Value {
        let answer = self.post(path, form).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    pub(super) async fn get(&self, path: &str, query: &str) -> Value {
        self.call(SECRET, Method::GET, path, query, None).await.json()
    }

    /// A customer; their id.
    pub(super) async fn customer(&self) -> String {
        text(&self.made("/customers", "email=ana@example.com&name=Ana").await["id"])
    }

    /// A customer with a saved payment method, by a test id; the ids of both.
    pub(super) async fn saved(&self, test_id: &str) -> (String, String) {
        let customer = self.customer().await;
        let attached =
            self.made(&format!("/payment_methods/{test_id}/attach"), &format!("customer={customer}")).await;
        (customer, text(&attached["id"]))
    }

    /// Charges a saved payment method when its holder is not there.
    pub(super) async fn charge(&self, (customer, method): (&str, &str), amount: i64) -> Answer {
        let form = format!(
            "amount={amount}&currency=usd&customer={customer}&payment_method={method}&off_session=true&confirm=true"
        );
        self.post("/payment_intents", &form).await
    }

    /// Kinds of all events, oldest first.
    pub(super) async fn told(&self) -> Vec<String> {
        let list = self.get("/events", "limit=100").await;
        let mut kinds: Vec<String> =
            list["data"].as_array().unwrap().iter().map(|event| text(&event["type"])).collect();
        kinds.reverse();
        kinds
    }

    pub(super) fn pass(&self, seconds: i64) {
        self.running.sandbox.clock().advance(chrono::Duration::seconds(seconds));
    }
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
