//! A workspace that takes money: at an account of Stripe's twin, from cards and bank accounts that people save in their
//! browsers. The twin reports to the gateway.

use std::time::Duration;

use chrono::Duration as Span;
use domain::names::{PersonName, WorkspaceName};
use proto::billing::v1 as pb;
use proto::integrations::v1::ConnectIntegrationRequest;
use sandbox::stripe::{Account, Key};
use serde_json::Value;

use testkit::eventually;

use crate::Stage;
use crate::client::{Client, insist};

const SECRET: &str = "sk_test_0123456789abcdef";
const PUBLISHABLE: &str = "pk_test_0123456789abcdef";

/// How a workspace is paid.
#[derive(Debug, Clone)]
pub struct Till {
    /// The workspace.
    pub workspace: String,
    /// With what its reports are signed.
    pub webhook_secret: String,
    /// What it bills in.
    pub currency: String,
    twin: String,
}

/// What people agree to in their browsers.
const MANDATE: [(&str, &str); 2] = [
    ("mandate_data[customer_acceptance][type]", "online"),
    ("mandate_data[customer_acceptance][online][infer_from_client]", "true"),
];
const LIMIT: Duration = Duration::from_secs(60);

impl Till {
    /// Connects a workspace to an account of its own, which reports to it, and has it bill: in euros, unless amended.
    pub async fn open(
        stage: &Stage,
        workspace: &str,
        amend: impl FnOnce(pb::BillingSettings) -> pb::BillingSettings,
    ) -> Self {
        let keys = [SECRET, PUBLISHABLE].map(|key| (key.to_owned(), Key::default()));
        let account = Account { id: "acct_story".to_owned(), keys: keys.into(), ..Account::default() };
        stage.sandbox.stripe().put_account(account);
        let client = stage.client();
        let twin = format!("{}/stripe", stage.sandbox_url());
        let WorkspaceName(id) = workspace.parse().unwrap();
        let endpoint = format!("{}/webhooks/stripe/{id}", stage.gateway());
        let fields = [("url", endpoint.as_str()), ("enabled_events[]", "*")];
        let endpoint = post(&twin, SECRET, "/webhook_endpoints", &fields).await;
        let webhook_secret = endpoint["secret"].as_str().unwrap().to_owned();
        let values = [
            ("secret_key", SECRET),
            ("publishable_key", PUBLISHABLE),
            ("webhook_secret", webhook_secret.as_str()),
        ];
        let request = ConnectIntegrationRequest {
            parent: workspace.to_owned(),
            provider: "stripe".into(),
            credentials: values.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            request_id: "connect-stripe".into(),
            ..Default::default()
        };
        insist(&client.integrations, request, |mut c, r| async move { c.connect_integration(r).await }).await;
        let settings = amend(pb::BillingSettings {
            name: format!("{workspace}/billingSettings"),
            currency: "EUR".into(),
            time_zone: "Europe/Vienna".into(),
            seller: Some(pb::Seller { legal_name: "Story GmbH".into(), ..Default::default() }),
            ..Default::default()
        });
        let currency = settings.currency.clone();
        let request = pb::SetBillingSettingsRequest { settings: Some(settings) };
        insist(&client.prices, request, |mut c, r| async move { c.set_billing_settings(r).await }).await;
        Self { workspace: workspace.to_owned(), webhook_secret, currency, twin }
    }

    /// Has people pay by debits, too.
    pub async fn take_debits(&self, client: &Client) {
        let request = pb::UpdatePaymentSettingsRequest {
            parent: self.workspace.clone(),
            payment_settings: Some(pb::PaymentSettings { takes_debits: true }),
            request_id: "debits".into(),
        };
        let methods = &client.payment_methods;
        insist(methods, request, |mut c, r| async move { c.update_payment_settings(r).await }).await;
    }

    /// So many amounts of minor units.
    pub fn money(&self, minor_units: i64) -> pb::Money {
        pb::Money { minor_units, currency: self.currency.clone() }
    }

    /// Says what an hour of a room costs, in cents.
    pub async fn price_hour(&self, client: &Client, room: &str, minor_units: i64) {
        let price = pb::Price {
            subject: Some(pb::price::Subject::Resource(room.to_owned())),
            amount: Some(self.money(minor_units)),
            unit: pb::PriceUnit::Hour.into(),
            ..Default::default()
        };
        let request = pb::SetPriceRequest { parent: self.workspace.clone(), price: Some(price) };
        insist(&client.prices, request, |mut c, r| async move { c.set_price(r).await }).await;
    }

    /// Someone begins to save something.
    pub async fn start(
        &self,
        client: &Client,
        person: &str,
        kind: pb::PaymentMethodKind,
    ) -> pb::StartPaymentMethodResponse {
        let WorkspaceName(workspace) = self.workspace.parse().unwrap();
        let PersonName { id, .. } = person.parse().unwrap();
        let request = pb::StartPaymentMethodRequest {
            parent: self.workspace.clone(),
            person: PersonName { workspace, id }.to_string(),
            kind: kind.into(),
            ..Default::default()
        };
        let methods = &client.payment_methods;
        insist(methods, request, |mut c, r| async move { c.start_payment_method(r).await }).await
    }

    /// They do something about it in their browser, which speaks to Stripe itself, such as `confirm`.
    pub async fn in_browser(
        &self,
        started: &pb::StartPaymentMethodResponse,
        verb: &str,
        fields: &[(&str, &str)],
    ) {
        let setup = started.client_secret.split("_secret").next().unwrap();
        let secret = [("client_secret", started.client_secret.as_str())];
        let mandate = if verb == "confirm" { &MANDATE[..] } else { &[] };
        let fields = [&secret, mandate, fields].concat();
        post(&self.twin, &started.publishable_key, &format!("/setup_intents/{setup}/{verb}"), &fields).await;
    }

    /// Someone saves a card in their browser; `enters` is Stripe's test id of it. Its name.
    pub async fn save_card(&self, client: &Client, person: &str, enters: &str) -> String {
        let started = self.start(client, person, pb::PaymentMethodKind::Card).await;
        self.in_browser(&started, "confirm", &[("payment_method", enters)]).await;
        let name = started.payment_method.unwrap().name;
        let request = pb::CheckPaymentMethodRequest { name: name.clone() };
        let methods = &client.payment_methods;
        insist(methods, request, |mut c, r| async move { c.check_payment_method(r).await }).await;
        name
    }

    /// Someone saves a bank account in their browser, and closes it: what becomes of it is reported. Its name.
    pub async fn save_bank_account(&self, client: &Client, person: &str, enters: &str) -> String {
        let started = self.start(client, person, pb::PaymentMethodKind::UsBankAccount).await;
        self.in_browser(&started, "confirm", &[("payment_method", enters)]).await;
        let name = started.payment_method.unwrap().name;
        self.method_becomes(client, &name, pb::PaymentMethodState::Saved).await;
        name
    }

    /// Waits until it is known, without asking Stripe, that a method is so far.
    pub async fn method_becomes(&self, client: &Client, name: &str, state: pb::PaymentMethodState) {
        eventually("the payment method goes on", LIMIT, async || {
            let request = pb::GetPaymentMethodRequest { name: name.to_owned() };
            let methods = &client.payment_methods;
            let found =
                insist(methods, request, |mut c, r| async move { c.get_payment_method(r).await }).await;
            let method = found.payment_method.unwrap();
            if method.state() == state { Ok(()) } else { Err(format!("{method:?}")) }
        })
        .await;
    }

    /// Someone pays in their browser, by a card that they don't save, and closes it.
    pub async fn pay_in_browser(&self, client: &Client, invoice: &str, enters: &str) {
        let request = pb::PayInvoiceRequest { name: invoice.to_owned(), in_browser: true };
        let asked = insist(&client.invoices, request, |mut c, r| async move { c.pay_invoice(r).await }).await;
        let name = asked.payment.unwrap().name;
        let go_on = eventually("there is something to confirm", LIMIT, async || {
            let request = pb::ContinuePaymentRequest { name: name.clone() };
            client.payments.clone().continue_payment(request).await.map(tonic::Response::into_inner)
        })
        .await;
        let intent = go_on.client_secret.split("_secret").next().unwrap();
        let fields = [("client_secret", go_on.client_secret.as_str()), ("payment_method", enters)];
        let path = format!("/payment_intents/{intent}/confirm");
        post(&self.twin, &go_on.publishable_key, &path, &fields).await;
    }

    /// Somebody takes a method away in Stripe's dashboard.
    pub async fn detach(&self, method_ref: &str) {
        post(&self.twin, SECRET, &format!("/payment_methods/{method_ref}/detach"), &[]).await;
    }

    /// So many days go by at Stripe: what is on its way comes, or does not, and is reported.
    pub async fn days_pass_there(&self, stage: &Stage, days: i64) {
        let (stripe, clock) = (stage.sandbox.stripe(), stage.sandbox.clock());
        // A report is signed when it is sent, and that is now by everybody's clocks.
        stripe.switch(|all| all.webhooks.is_held = true);
        clock.set_offset(Span::days(days));
        self.all("events").await;
        clock.set_offset(Span::zero());
        stripe.switch(|all| all.webhooks.is_held = false);
        stripe.flush_webhooks();
    }

    /// What someone pays, or is to pay, oldest first.
    pub async fn payments(&self, client: &Client, person: &str) -> Vec<pb::Payment> {
        let request = pb::ListPaymentsRequest {
            parent: self.workspace.clone(),
            person: person.to_owned(),
            ..Default::default()
        };
        insist(&client.payments, request, |mut c, r| async move { c.list_payments(r).await }).await.payments
    }

    /// Waits until someone's only payment stands so.
    pub async fn payment_becomes(
        &self,
        client: &Client,
        person: &str,
        state: pb::PaymentState,
        attempts: i32,
    ) -> pb::Payment {
        eventually("the payment goes on", LIMIT, async || {
            let found = self.payments(client, person).await;
            // What is tried again comes to rest first.
            let rests = |it: &pb::Payment| state != pb::PaymentState::Charging || it.next_time.is_some();
            match &found[..] {
                [only] if only.state() == state && only.attempts == attempts && rests(only) => {
                    Ok(only.clone())
                }
                _ => Err(format!("{found:?}")),
            }
        })
        .await
    }

    /// Someone chooses the card that they are charged by.
    pub async fn choose(&self, client: &Client, card: &str) {
        let request = pb::SetDefaultPaymentMethodRequest { name: card.to_owned(), ..Default::default() };
        let methods = &client.payment_methods;
        insist(methods, request, |mut c, r| async move { c.set_default_payment_method(r).await }).await;
    }

    /// All that the twin has in a list.
    pub async fn all(&self, list: &str) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        loop {
            let mut query = vec![("limit", "100".to_owned())];
            query
                .extend(found.last().map(|last| ("starting_after", last["id"].as_str().unwrap().to_owned())));
            let url = format!("{}/v1/{list}", self.twin);
            let request = reqwest::Client::new().get(url).bearer_auth(SECRET).query(&query);
            let mut page: Value = request.send().await.unwrap().json().await.unwrap();
            found.append(page["data"].as_array_mut().unwrap());
            if page["has_more"] == false {
                return found;
            }
        }
    }

    /// What someone was invoiced, oldest first.
    pub async fn invoices(&self, client: &Client, person: &str) -> Vec<pb::Invoice> {
        let request = pb::ListInvoicesRequest {
            parent: self.workspace.clone(),
            person: person.to_owned(),
            ..Default::default()
        };
        insist(&client.invoices, request, |mut c, r| async move { c.list_invoices(r).await }).await.invoices
    }

    /// Someone pays an invoice by the card that they chose.
    pub async fn pay(&self, client: &Client, invoice: &str) {
        let request = pb::PayInvoiceRequest { name: invoice.to_owned(), in_browser: false };
        insist(&client.invoices, request, |mut c, r| async move { c.pay_invoice(r).await }).await;
    }
}

/// Calls Stripe's twin with a key, and insists that it does so.
async fn post(twin: &str, key: &str, path: &str, fields: &[(&str, &str)]) -> Value {
    let request = reqwest::Client::new().post(format!("{twin}/v1{path}")).bearer_auth(key);
    let answer = request.form(fields).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.text().await.unwrap());
    answer.json().await.unwrap()
}
