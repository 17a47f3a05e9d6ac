//! A workspace that takes money: at an account of Stripe's twin, from cards that people save in their browsers.

use domain::names::{PersonName, WorkspaceName};
use proto::billing::v1 as pb;
use proto::integrations::v1::ConnectIntegrationRequest;
use sandbox::stripe::{Account, Key};
use serde_json::Value;

use crate::Stage;
use crate::client::{Client, insist};

const SECRET: &str = "sk_test_0123456789abcdef";
const PUBLISHABLE: &str = "pk_test_0123456789abcdef";

/// How a workspace is paid.
#[derive(Debug, Clone)]
pub struct Till {
    /// The workspace.
    pub workspace: String,
    twin: String,
}

impl Till {
    /// Connects a workspace to an account of its own, and has it bill in euros.
    pub async fn open(
        stage: &Stage,
        workspace: &str,
        amend: impl FnOnce(pb::BillingSettings) -> pb::BillingSettings,
    ) -> Self {
        let keys = [SECRET, PUBLISHABLE].map(|key| (key.to_owned(), Key::default()));
        let account = Account { id: "acct_story".to_owned(), keys: keys.into(), ..Account::default() };
        stage.sandbox.stripe().put_account(account);
        let client = stage.client();
        let values = [("secret_key", SECRET), ("publishable_key", PUBLISHABLE)];
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
        let request = pb::SetBillingSettingsRequest { settings: Some(settings) };
        insist(&client.prices, request, |mut c, r| async move { c.set_billing_settings(r).await }).await;
        Self { workspace: workspace.to_owned(), twin: format!("{}/stripe", stage.sandbox_url()) }
    }

    /// Says what an hour of a room costs, in cents.
    pub async fn price_hour(&self, client: &Client, room: &str, minor_units: i64) {
        let price = pb::Price {
            subject: Some(pb::price::Subject::Resource(room.to_owned())),
            amount: Some(pb::Money { minor_units, currency: "EUR".into() }),
            unit: pb::PriceUnit::Hour.into(),
            ..Default::default()
        };
        let request = pb::SetPriceRequest { parent: self.workspace.clone(), price: Some(price) };
        insist(&client.prices, request, |mut c, r| async move { c.set_price(r).await }).await;
    }

    /// Someone saves a card in their browser; `enters` is Stripe's test id of it. Its name.
    pub async fn save_card(&self, client: &Client, person: &str, enters: &str) -> String {
        let WorkspaceName(workspace) = self.workspace.parse().unwrap();
        let PersonName { id, .. } = person.parse().unwrap();
        let request = pb::StartPaymentMethodRequest {
            parent: self.workspace.clone(),
            person: PersonName { workspace, id }.to_string(),
            kind: pb::PaymentMethodKind::Card.into(),
            ..Default::default()
        };
        let methods = &client.payment_methods;
        let started =
            insist(methods, request, |mut c, r| async move { c.start_payment_method(r).await }).await;
        let setup = started.client_secret.split("_secret").next().unwrap();
        let fields = [("client_secret", started.client_secret.as_str()), ("payment_method", enters)];
        let url = format!("{}/v1/setup_intents/{setup}/confirm", self.twin);
        let browser = reqwest::Client::new();
        let confirmed = browser.post(url).bearer_auth(&started.publishable_key).form(&fields).send().await;
        assert!(confirmed.unwrap().status().is_success());
        let name = started.payment_method.unwrap().name;
        let request = pb::CheckPaymentMethodRequest { name: name.clone() };
        insist(methods, request, |mut c, r| async move { c.check_payment_method(r).await }).await;
        name
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
