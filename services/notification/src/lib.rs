//! Tells people about their bookings, and staff of what must be done so that everybody is let in: an email
//! through SendGrid, a text message through Twilio.
//!
//! Owns the ledger of messages: one row for each event, person and channel, so that an event that is
//! delivered twice sends once. Keeps what bookings and staff are like, as far as messages tell of them. Holds that nothing is sent blindly twice, that nothing is lost without a reason in
//! the ledger, and that nobody hears of an older version of a booking after a newer one. What opens a door is asked of
//! its adapter when it is sent, and kept nowhere. Vendors'
//! accounts are the platform's, not the workspaces'. Notes what vendors report of each message, in any order, and sends
//! nothing to addresses that take nothing or whose people want nothing. Deliberately absent: preferences, campaigns,
//! what people write to us but STOP and START.

mod app;
mod config;
mod consumers;
mod convert;
mod delivery;
mod engine;
mod error;
mod grpc;
mod jobs;
mod model;
mod render;
mod secrets;
mod store;
pub mod vendor;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::Notify;
use vendor_http::{BaseUrl, VendorHttp};

use crate::app::App;
use crate::consumers::Channels;
use crate::consumers::{alerts, arrivals, disputes, ways_in, workspace};
use crate::delivery::{CallbackAddress, EmailDelivery, SmsDelivery};
use crate::jobs::sender::Sender;
use crate::model::Channel;
use crate::render::Renderer;
use crate::vendor::{sendgrid, twilio};

pub use config::{ChannelConfig, Config, SendGridConfig, SendingConfig, SettingError, TwilioConfig};

static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!();

/// What is constant of this service.
pub static DEFINITION: chassis::Definition = chassis::Definition {
    name: "notification",
    schema: "notification",
    migrations: &[chassis::MigrationSet { table: "_migration", migrator: &MIGRATOR, shared: &[] }],
    config_defaults: include_str!("../config.default.toml"),
};

/// Makes the service's parts. A channel that is not configured is off: nothing is written for it.
pub async fn build(config: Config, deps: chassis::Deps) -> anyhow::Result<chassis::Service> {
    config.validate()?;
    let app = Arc::new(App::new(deps.pool.clone(), deps.platform.clone(), deps.basic.clock.clone()));
    let http = vendor_client(&config, &deps)?;
    let sendgrid = if config.has_email() { Some(sendgrid_client(&config, &http)?) } else { None };
    let secrets = Arc::new(secrets::Secrets::new(&config.adapters, &deps.basic.identity)?);
    let (email_wake, sms_wake) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let channels = Channels { has_email: config.has_email(), has_sms: config.has_sms() };
    let wake = vec![email_wake.clone(), sms_wake.clone()];
    let workspace = workspace::Workspace { clock: deps.basic.clock.clone(), channels, wake: wake.clone() };
    let alerts = alerts::Alerts { clock: deps.basic.clock.clone(), channels, wake: wake.clone() };
    let arrivals = arrivals::Arrivals { clock: deps.basic.clock.clone(), channels, wake: wake.clone() };
    let disputes = disputes::Disputes { clock: deps.basic.clock.clone(), channels, wake: wake.clone() };
    let ways_in = ways_in::WaysIn { clock: deps.basic.clock.clone(), channels, wake };
    let mut service = chassis::Service::new(DEFINITION.name, &deps.basic)
        .grpc(grpc::notification_service(app.clone(), sendgrid.clone()))
        .grpc(grpc::webhook_service(app.clone(), proofs(&config)?))
        .outbox(&deps, &DEFINITION)
        .consumer(&deps, workspace::config(), workspace)
        .consumer(&deps, alerts::config(), alerts)
        .consumer(&deps, arrivals::config(), arrivals)
        .consumer(&deps, disputes::config(), disputes)
        .consumer(&deps, ways_in::ways_in(), ways_in.clone())
        .consumer(&deps, ways_in::access(), ways_in);
    if let Some(sendgrid) = sendgrid {
        let sender = Sender {
            app: app.clone(),
            channel: Channel::Email,
            delivery: Arc::new(email_delivery(&config, sendgrid)?),
            secrets: secrets.clone(),
            policy: config.policy(config.email),
            in_flight_max: config.sending.in_flight_max,
            wake: email_wake,
        };
        service = service.task("email-sender", move |shutdown| sender.run(shutdown));
    } else {
        tracing::warn!("emails are off: sendgrid.api_key is empty");
    }
    if config.has_sms() {
        let sender = Sender {
            app: app.clone(),
            channel: Channel::Sms,
            delivery: Arc::new(sms_delivery(&config, &http, app)?),
            secrets,
            policy: config.policy(config.sms),
            in_flight_max: config.sending.in_flight_max,
            wake: sms_wake,
        };
        service = service.task("sms-sender", move |shutdown| sender.run(shutdown));
    } else {
        tracing::warn!("text messages are off: twilio.account_sid is empty");
    }
    Ok(service)
}

fn vendor_client(config: &Config, deps: &chassis::Deps) -> anyhow::Result<VendorHttp> {
    let mut http = vendor_http::Config::new(concat!("latchkey/", env!("CARGO_PKG_VERSION")));
    http.call_timeout = Duration::from_secs(config.sending.timeout_seconds);
    http.attempt_timeout = http.attempt_timeout.min(http.call_timeout);
    Ok(VendorHttp::new(http, deps.basic.clock.clone())?)
}

fn webhook_key(config: &Config) -> anyhow::Result<Option<sendgrid::WebhookKey>> {
    let text = config.sendgrid.webhook_public_key.as_str();
    if text.is_empty() {
        if config.has_email() {
            tracing::warn!(
                "SendGrid's events are refused: sendgrid.webhook_public_key is empty; an email whose answer \
                 was lost will be sent again"
            );
        }
        return Ok(None);
    }
    text.parse().map(Some).context("sendgrid.webhook_public_key")
}

/// Where Twilio's callbacks are taken.
fn callback_address(config: &Config) -> anyhow::Result<Option<CallbackAddress>> {
    let text = config.twilio.webhook_url.as_str();
    if !config.has_sms() || text.is_empty() {
        return Ok(None);
    }
    Ok(Some(CallbackAddress::new(text.parse().context("twilio.webhook_url")?)))
}

fn proofs(config: &Config) -> anyhow::Result<grpc::Proofs> {
    let twilio = callback_address(config)?.map(|address| (address, config.twilio.auth_token.clone()));
    Ok(grpc::Proofs { sendgrid: webhook_key(config)?, twilio })
}

fn sendgrid_client(config: &Config, http: &VendorHttp) -> anyhow::Result<sendgrid::SendGrid> {
    let settings = sendgrid::Settings {
        base_url: config.sendgrid.base_url.parse::<BaseUrl>().context("sendgrid.base_url")?,
        key: config.sendgrid.api_key.clone(),
        limit: None,
    };
    sendgrid::SendGrid::new(http, settings).context("sendgrid.api_key")
}

fn email_delivery(config: &Config, sendgrid: sendgrid::SendGrid) -> anyhow::Result<EmailDelivery> {
    Ok(EmailDelivery {
        sendgrid,
        renderer: Renderer::new(config.sendgrid.from_email.as_str()),
        from: config.sendgrid.from_email.parse().context("sendgrid.from_email")?,
        from_name: Some(config.sendgrid.from_name.clone()).filter(|name| !name.is_empty()),
    })
}

fn sms_delivery(config: &Config, http: &VendorHttp, app: Arc<App>) -> anyhow::Result<SmsDelivery> {
    let twilio = &config.twilio;
    let sender = if twilio.from.is_empty() {
        twilio::Sender::Service(twilio.messaging_service_sid.clone())
    } else {
        twilio::Sender::From(twilio.from.clone())
    };
    let settings = twilio::Settings {
        base_url: twilio.base_url.parse::<BaseUrl>().context("twilio.base_url")?,
        account_sid: twilio.account_sid.clone(),
        credentials: twilio::Credentials::AuthToken(twilio.auth_token.clone()),
        sender,
        limit: None,
    };
    Ok(SmsDelivery {
        app,
        twilio: twilio::Twilio::new(http, settings).context("twilio.account_sid, twilio.auth_token")?,
        renderer: Renderer::new(config.sendgrid.from_email.as_str()),
        callback: callback_address(config)?,
        timeout: Duration::from_secs(config.sending.timeout_seconds),
    })
}
