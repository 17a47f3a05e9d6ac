//! Tells each service where the others are: as environment variables, the same ones that it takes when
//! it runs alone.

use std::collections::BTreeMap;
use std::path::PathBuf;

use sandbox::{ProcessConfig, Sandbox};
use secrecy::ExposeSecret as _;

use super::UpConfig;
use super::parts::{Listeners, url};
use super::servers::Servers;
use crate::installation::DataDir;

/// The keys of the sandbox's world; they stand in its `config.default.toml`.
pub(super) const SANDBOX_KISI_KEY: &str = "demo-kisi-api-key";
const SANDBOX_KISI_DOMAIN: &str = "demo-space";
const SANDBOX_SENDGRID_KEY: &str = "SG.demodemodemodemodemode.demodemodemodemodemodemodemodemodemodemodem";
const SANDBOX_FROM_EMAIL: &str = "desk@demo.example";
const SANDBOX_TWILIO_SID: &str = "AC00000000000000000000000000000001";
const SANDBOX_TWILIO_TOKEN: &str = "demo-twilio-auth-token";
const SANDBOX_TWILIO_FROM: &str = "+4366012345678";

/// Where hosts may lead that people type: here the sandbox's relay boards are at this machine's loopback addresses.
const OUTGOING_ALLOWED: &str = "LATCHKEY_OUTGOING__ALLOWED";
const LOOPBACK: &str = "127.0.0.0/8,::1";

/// Where SendGrid's events are taken in.
const SENDGRID_WEBHOOK_PATH: &str = "/webhooks/sendgrid";
/// Where Twilio's callbacks are.
const TWILIO_WEBHOOK_PATH: &str = "/webhooks/twilio";

/// The sandbox's world: the default one, kept in the data folder, its mails reported to the gateway.
pub(super) fn sandbox(
    config: &UpConfig,
    listeners: &Listeners,
    data: &DataDir,
) -> anyhow::Result<sandbox::Config> {
    let environment = chassis::config::environment();
    let (_, process) = chassis::config::load::<ProcessConfig>(sandbox::CONFIG_DEFAULTS, environment)?;
    let mut world = process.sandbox;
    world.state_file = Some(data.sandbox_state());
    world.unifi.listen = Some(config.up.unifi);
    if config.sendgrid.api_key.expose_secret().is_empty() {
        let url = format!("{}{SENDGRID_WEBHOOK_PATH}", listeners.gateway_url()?);
        world.sendgrid.webhooks.push(sandbox::sendgrid::WebhookSeed { url, is_signed: true });
    }
    Ok(world)
}

/// The sandbox's organization that the demo workspace is connected to.
pub(super) fn kisi_organization(config: &UpConfig, sandbox: &Sandbox) -> Option<i64> {
    let is_real = !config.demo.kisi_api_key.expose_secret().is_empty();
    if is_real { None } else { sandbox.kisi().by_domain(SANDBOX_KISI_DOMAIN).map(|found| found.id()) }
}

/// The environment of each service.
pub(crate) struct Wiring {
    shared: BTreeMap<String, String>,
    own: BTreeMap<&'static str, Vec<(&'static str, String)>>,
    tls: PathBuf,
}

impl Wiring {
    pub(super) fn new(
        config: &UpConfig,
        listeners: &Listeners,
        servers: &Servers,
        data: &DataDir,
        sandbox: &Sandbox,
    ) -> anyhow::Result<Self> {
        let mut shared = chassis::config::environment();
        let path = |path: PathBuf| path.to_string_lossy().into_owned();
        for (name, value) in [
            ("LATCHKEY_DATABASE__URL", servers.database_url()),
            ("LATCHKEY_NATS__URL", servers.nats.url()),
            ("LATCHKEY_AUTH__KEYS_FILE", path(data.token_keys().join("public.json"))),
        ] {
            shared.insert(name.to_owned(), value);
        }
        let twins = listeners.sandbox_url()?;
        let sealing_key = |service: &str| ("LATCHKEY_SEALING__KEY_FILE", path(data.sealing_key(service)));
        let mut kisi = vec![
            ("LATCHKEY_PEERS__INTEGRATIONS", url(&listeners.integrations)?),
            sealing_key("kisi-adapter"),
        ];
        if config.demo.kisi_api_key.expose_secret().is_empty() {
            kisi.push(("LATCHKEY_KISI__BASE_URL", format!("{twins}/kisi")));
        }
        let allowed = shared.get(OUTGOING_ALLOWED).filter(|networks| !networks.is_empty());
        let allowed = allowed.map_or(LOOPBACK.to_owned(), |more| format!("{LOOPBACK},{more}"));
        // Of adapters that call hosts that people type: the sandbox's are on this machine.
        let by_host = vec![
            ("LATCHKEY_PEERS__INTEGRATIONS", url(&listeners.integrations)?),
            (OUTGOING_ALLOWED, allowed),
        ];
        let with_key = |service: &str| [by_host.clone(), vec![sealing_key(service)]].concat();
        let adapters = [
            ("LATCHKEY_ADAPTERS__KISI", url(&listeners.kisi_adapter)?),
            ("LATCHKEY_ADAPTERS__RELAY", url(&listeners.relay_adapter)?),
            ("LATCHKEY_ADAPTERS__UNIFI", url(&listeners.unifi_adapter)?),
        ];
        let mut messages = adapters.to_vec();
        if config.sendgrid.api_key.expose_secret().is_empty() {
            messages.extend([
                ("LATCHKEY_SENDGRID__BASE_URL", format!("{twins}/sendgrid")),
                ("LATCHKEY_SENDGRID__API_KEY", SANDBOX_SENDGRID_KEY.to_owned()),
                ("LATCHKEY_SENDGRID__FROM_EMAIL", SANDBOX_FROM_EMAIL.to_owned()),
                ("LATCHKEY_SENDGRID__WEBHOOK_PUBLIC_KEY", sandbox.sendgrid().public_key()),
            ]);
        }
        if config.twilio.account_sid.is_empty() {
            messages.extend([
                ("LATCHKEY_TWILIO__BASE_URL", format!("{twins}/twilio")),
                ("LATCHKEY_TWILIO__ACCOUNT_SID", SANDBOX_TWILIO_SID.to_owned()),
                ("LATCHKEY_TWILIO__AUTH_TOKEN", SANDBOX_TWILIO_TOKEN.to_owned()),
                ("LATCHKEY_TWILIO__FROM", SANDBOX_TWILIO_FROM.to_owned()),
                (
                    "LATCHKEY_TWILIO__WEBHOOK_URL",
                    format!("{}{TWILIO_WEBHOOK_PATH}", listeners.gateway_url()?),
                ),
            ]);
        }
        let mut billing = vec![("LATCHKEY_PEERS__INTEGRATIONS", url(&listeners.integrations)?)];
        if config.stripe.base_url.is_empty() {
            billing.push(("LATCHKEY_STRIPE__BASE_URL", format!("{twins}/stripe")));
        }
        let own = BTreeMap::from([
            ("access-control", adapters.to_vec()),
            ("billing", billing),
            (
                "integrations",
                vec![
                    ("LATCHKEY_VAULT__MASTER_KEY_FILE", path(data.master_key())),
                    ("LATCHKEY_ADAPTERS__KISI", url(&listeners.kisi_adapter)?),
                    ("LATCHKEY_ADAPTERS__RELAY", url(&listeners.relay_adapter)?),
                    ("LATCHKEY_ADAPTERS__STRIPE", url(&listeners.billing)?),
                    ("LATCHKEY_ADAPTERS__UNIFI", url(&listeners.unifi_adapter)?),
                ],
            ),
            ("kisi-adapter", kisi),
            ("notification", messages),
            ("relay-adapter", with_key("relay-adapter")),
            (
                "unifi-adapter",
                [
                    with_key("unifi-adapter"),
                    vec![("LATCHKEY_WEBHOOKS__PUBLIC_URL", listeners.gateway_url()?)],
                ]
                .concat(),
            ),
            (
                gateway::NAME,
                vec![
                    ("LATCHKEY_SERVICES__ACCESS_CONTROL", url(&listeners.access_control)?),
                    ("LATCHKEY_SERVICES__BILLING", url(&listeners.billing)?),
                    ("LATCHKEY_SERVICES__INTEGRATIONS", url(&listeners.integrations)?),
                    ("LATCHKEY_SERVICES__NOTIFICATION", url(&listeners.notification)?),
                    ("LATCHKEY_SERVICES__UNIFI_ADAPTER", url(&listeners.unifi_adapter)?),
                    ("LATCHKEY_SERVICES__WORKSPACE", url(&listeners.workspace)?),
                    ("LATCHKEY_TOKENS__KEYS_FOLDER", path(data.token_keys())),
                    ("LATCHKEY_SIGN_IN__PUBLIC_URL", listeners.gateway_url()?),
                    ("LATCHKEY_SIGN_IN__ISSUERS__SANDBOX__URL", format!("{twins}/openid")),
                    ("LATCHKEY_SIGN_IN__ISSUERS__SANDBOX__CLIENT_ID", "latchkey".to_owned()),
                    ("LATCHKEY_SIGN_IN__ISSUERS__SANDBOX__DISPLAY_NAME", "the sandbox".to_owned()),
                    ("LATCHKEY_SIGN_IN__CLIENTS__CONSOLE__IS_LOCAL", "true".to_owned()),
                ],
            ),
        ]);
        Ok(Self { shared, own, tls: data.tls() })
    }

    /// The variables of one service.
    pub(crate) fn environment(&self, service: &str) -> BTreeMap<String, String> {
        let own = self.own.get(service).into_iter().flatten();
        let mut environment = self.shared.clone();
        let folder = self.tls.join(service).to_string_lossy().into_owned();
        environment.insert("LATCHKEY_TLS__FOLDER".to_owned(), folder);
        environment.extend(own.map(|(name, value)| ((*name).to_owned(), value.clone())));
        environment
    }
}
