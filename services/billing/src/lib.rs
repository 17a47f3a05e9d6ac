//! Money: whom a workspace's Stripe keys let it charge, and the books. What is owed and why decides [`billing_core`].
//!
//! Owns customers (the people and teams that pay), their payment methods, payments, and the books. Keys come from the integrations
//! service, question by question, and are not kept. What holds here:
//! - The books are only ever added to, each entry adds up, and each balance is the sum of its postings.
//! - What Stripe reports is a reason to look, and no more: nothing depends on when, how often, or whether it comes.
//! - A payment is charged once, and a refund given once, whatever gets lost and whoever dies when.
//! - No number of a card or of a bank account passes through here: people enter them at Stripe.
//! - Each call names the API version that this client was written for. Calls about one customer follow each other.
//! - A restricted key that may not read its account is good all the same.
//! - No key, and no part of one, stands in an answer or in the log.

mod app;
mod arrears;
mod audit;
mod bookings;
pub mod books;
mod config;
mod consumers;
mod convert;
mod coupons;
mod credentials;
pub mod customers;
mod disputes;
mod error;
mod facts;
mod grpc;
pub mod invoices;
mod items;
mod jobs;
mod memberships;
mod model;
mod news;
mod passes;
mod payers;
pub mod payments;
mod pdf;
mod prices;
mod refunds;
pub mod settings;
mod sight;
mod store;
mod stored;
mod subscriptions;
mod survey;
mod sweep;
pub mod vendor;
mod webhooks;

use std::sync::Arc;

use anyhow::Context as _;

pub use config::{Config, PeersConfig, StripeConfig};

use credentials::Credentials;
use jobs::keep_at;

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "billing",
    schema: "billing",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts. Connects to the integrations service with the first question.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    let clock = deps.basic.clock.clone();
    let lease = config.stripe.lease();
    let stripe = config.stripe.client(clock.clone()).context("configuration: section stripe")?;
    let integrations =
        chassis::rpc::channel(&config.peers.integrations, "integrations", &deps.basic.identity)
            .context("configuration: peers.integrations")?;
    let app = Arc::new(app::App {
        pool: deps.pool.clone(),
        platform: deps.platform.clone(),
        clock: clock.clone(),
        credentials: Credentials::new(integrations),
        stripe,
        lease,
    });
    let expiry = jobs::Expiry::new(app.clone());
    let workspace = consumers::workspace::Workspace { clock: clock.clone() };
    let run = jobs::Run::new(deps.platform.clone(), clock.clone());
    let sweep = jobs::Sweep::new(app.clone());
    let reports = jobs::Reports::new(app.clone());
    let news = jobs::News::new(app.clone());
    let forgetting = jobs::Forgetting::new(app.clone());
    let proof = jobs::Proof::new(deps.platform.clone(), clock);
    let mut service = chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::connection_service(app.clone()))
        .grpc(grpc::payment_method_service(app.clone()))
        .grpc(grpc::payment_service(app.clone()))
        .grpc(grpc::price_service(app.clone()))
        .grpc(grpc::invoice_service(app.clone()))
        .grpc(grpc::webhook_service(app.clone()))
        .outbox(&deps, &DEFINITION)
        .consumer(&deps, consumers::workspace::config(), workspace)
        .task("expiry", move |shutdown| keep_at(expiry, shutdown))
        .task("run", move |shutdown| keep_at(run, shutdown))
        .task("proof", move |shutdown| keep_at(proof, shutdown))
        .task("sweep", move |shutdown| keep_at(sweep, shutdown))
        .task("reports", move |shutdown| keep_at(reports, shutdown))
        .task("news", move |shutdown| keep_at(news, shutdown))
        .task("forgetting", move |shutdown| keep_at(forgetting, shutdown));
    for number in 1..=jobs::REFUNDS_AT_ONCE {
        let refunds = jobs::Refunds::new(app.clone());
        service = service.task(format!("refunds-{number}"), move |shutdown| keep_at(refunds, shutdown));
    }
    for number in 1..=jobs::AT_ONCE {
        let payments = jobs::Payments::new(app.clone());
        service = service.task(format!("payments-{number}"), move |shutdown| keep_at(payments, shutdown));
    }
    Ok(service)
}
