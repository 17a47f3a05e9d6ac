//! Servers, services and the sandbox, each of which can be killed and started again.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chassis::Definition;
use chassis::auth::{Principal, Role, Signer};
use chassis::identity::Identity;
use domain::names::{PersonName, WorkspaceName};
use domain::{Clock as _, SystemClock};
use events::subject::Root;
use local_infra::{Certificates, Nats, NatsConfig, Postgres, PostgresConfig};
use sandbox::Sandbox;
use sandbox::kisi::{NewGroup, NewOrganization, NewPlace};
use sealing::SealingConfig;
use secrecy::SecretString;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use crate::Client;
use crate::client::{Bearer, Doors};
use crate::play::{Account, World};

/// The services that run as processes.
pub const SERVICES: [&str; 9] = [
    "workspace",
    "integrations",
    "access-control",
    "kisi-adapter",
    "relay-adapter",
    "unifi-adapter",
    "notification",
    "billing",
    "gateway",
];

/// The gRPC services that the gateway passes calls on to, and which process has them.
pub const ROUTED: [(&str, &str); 23] = [
    ("latchkey.access.v1.AccessLogService", "access-control"),
    ("latchkey.access.v1.AccessService", "access-control"),
    ("latchkey.access.v1.CardService", "access-control"),
    ("latchkey.access.v1.DoorScheduleService", "access-control"),
    ("latchkey.access.v1.DoorService", "access-control"),
    ("latchkey.audit.v1.AuditService", "workspace"),
    ("latchkey.billing.v1.InvoiceService", "billing"),
    ("latchkey.billing.v1.PaymentMethodService", "billing"),
    ("latchkey.billing.v1.PaymentService", "billing"),
    ("latchkey.billing.v1.PriceService", "billing"),
    ("latchkey.integrations.v1.IntegrationService", "integrations"),
    ("latchkey.membership.v1.ContractService", "workspace"),
    ("latchkey.membership.v1.MembershipService", "workspace"),
    ("latchkey.membership.v1.PlanService", "workspace"),
    ("latchkey.membership.v1.TeamService", "workspace"),
    ("latchkey.notification.v1.NotificationService", "notification"),
    ("latchkey.workspace.v1.ApiKeyService", "workspace"),
    ("latchkey.workspace.v1.BookingService", "workspace"),
    ("latchkey.workspace.v1.EntitlementService", "workspace"),
    ("latchkey.workspace.v1.PassService", "workspace"),
    ("latchkey.workspace.v1.PersonService", "workspace"),
    ("latchkey.workspace.v1.VisitService", "workspace"),
    ("latchkey.workspace.v1.WorkspaceService", "workspace"),
];

/// Those that it does not.
pub const INTERNAL: [(&str, &str); 9] = [
    ("latchkey.access.v1.DoorControlService", "kisi-adapter"),
    ("latchkey.access.v1.DoorProviderService", "kisi-adapter"),
    ("latchkey.access.v1.UnifiWebhookService", "unifi-adapter"),
    ("latchkey.integrations.v1.ConnectionService", "kisi-adapter"),
    ("latchkey.integrations.v1.CredentialService", "integrations"),
    ("latchkey.integrations.v1.KeyService", "integrations"),
    ("latchkey.notification.v1.WebhookService", "notification"),
    ("latchkey.workspace.v1.ApiKeyExchangeService", "workspace"),
    ("latchkey.workspace.v1.SessionService", "workspace"),
];

const SENDGRID_KEY: &str = "SG.demodemodemodemodemode.demodemodemodemodemodemodemodemodemodemodem";

fn definitions() -> [&'static Definition; 8] {
    [
        &workspace::DEFINITION,
        &integrations::DEFINITION,
        &access_control::DEFINITION,
        &kisi_adapter::DEFINITION,
        &relay_adapter::DEFINITION,
        &unifi_adapter::DEFINITION,
        &notification::DEFINITION,
        &billing::DEFINITION,
    ]
}

/// How a stage is set.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Whether the vendors' rate limits hold.
    pub has_rate_limits: bool,
    /// Further environment variables of all services.
    pub environment: Vec<(&'static str, String)>,
    /// Where the programs are; beside the test's own if left out.
    pub programs: Option<PathBuf>,
    /// Which of the services run; all if empty.
    pub services: Vec<&'static str>,
}

/// Everything that a story needs. Ends with the story, however that ends.
pub struct Stage {
    /// Its Postgres.
    pub postgres: Postgres,
    /// Its NATS.
    pub nats: Nats,
    /// The vendors.
    pub sandbox: Sandbox,
    folder: tempfile::TempDir,
    programs: PathBuf,
    ports: BTreeMap<&'static str, u16>,
    environments: BTreeMap<&'static str, Vec<(String, String)>>,
    processes: BTreeMap<&'static str, Child>,
    shutdown: CancellationToken,
    /// Issues the services' certificates.
    pub certificates: Certificates,
}

/// A port that nobody has at this moment, outside of the range that outgoing connections take. It is given
/// once: between this and the start of who listens there, another would find it free, too.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());
    let mut given = GIVEN.lock().unwrap();
    (0..1_000)
        .map(|_| rand::random_range(15_000..19_999))
        .find(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok() && given.insert(*port))
        .expect("a free port")
}

impl Stage {
    /// Starts all of it, with an empty database.
    pub async fn set(setting: Setting) -> Self {
        chassis::install_crypto();
        let folder = tempfile::Builder::new().prefix("latchkey-story-").tempdir().unwrap();
        let mut config = PostgresConfig::new(folder.path().join("postgres"));
        config.is_temporary = true;
        config.settings = vec![("max_connections".into(), "200".into())];
        let postgres = Postgres::start(config).await.expect("Postgres starts");
        postgres.ensure_database("latchkey").await.unwrap();
        let mut config = NatsConfig::new(folder.path().join("nats"));
        config.is_temporary = true;
        config.is_open = true;
        let nats = Nats::start(config).await.expect("NATS starts");
        let url = SecretString::from(postgres.url("latchkey"));
        for definition in definitions() {
            chassis::postgres::migrate(&url, definition).await.unwrap();
        }
        chassis::auth::ensure_keys(&folder.path().join("token-keys"), SystemClock.now()).unwrap();
        let certificates = Certificates::ensure(folder.path().join("tls")).unwrap();
        for service in SERVICES {
            certificates.write(service).unwrap();
        }
        integrations::ensure_master_key_file(&folder.path().join("master-key")).unwrap();
        SealingConfig::ensure_file(&folder.path().join("sealing-key")).unwrap();

        let ports: BTreeMap<&'static str, u16> =
            SERVICES.into_iter().chain(["sandbox"]).map(|name| (name, free_port())).collect();
        let shutdown = CancellationToken::new();
        let world = world(&setting, ports["gateway"]);
        let sandbox = Sandbox::new(world, Arc::new(SystemClock));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", ports["sandbox"])).await.unwrap();
        let (twins, token) = (sandbox.clone(), shutdown.clone());
        tokio::spawn(async move { twins.serve(listener, token).await.expect("the sandbox serves") });

        let programs = setting.programs.clone().unwrap_or_else(|| {
            // target/<profile>/deps/<test> or target/<profile>/<program>
            let own = std::env::current_exe().unwrap();
            let beside = own.parent().unwrap();
            if beside.ends_with("deps") { beside.parent().unwrap().to_owned() } else { beside.to_owned() }
        });
        let mut stage = Self {
            postgres,
            nats,
            sandbox,
            folder,
            programs,
            ports,
            environments: BTreeMap::new(),
            processes: BTreeMap::new(),
            shutdown,
            certificates,
        };
        stage.wire(&setting);
        for service in SERVICES {
            if setting.services.is_empty() || setting.services.contains(&service) {
                stage.start(service).await;
            }
        }
        stage
    }

    /// Where a program is, which has to be built.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        let program = self.programs.join(name);
        assert!(program.exists(), "{} is not built; run `cargo build --workspace --bins`", program.display());
        program
    }

    /// Where a service is.
    pub fn address(&self, service: &str) -> String {
        format!("https://127.0.0.1:{}", self.ports[service])
    }

    /// Where the gateway is.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["gateway"])
    }

    /// Where the sandbox is.
    pub fn sandbox_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports["sandbox"])
    }

    /// A certificate of the service `name`, be there such a service or not.
    pub fn identity(&self, name: &str) -> Identity {
        let issued = self.certificates.issue(name).unwrap();
        Identity::new(&issued.authority, issued.certificate, issued.key)
    }

    /// The folder of keys and logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the database is.
    pub fn database_url(&self) -> SecretString {
        self.postgres.url("latchkey").into()
    }

    fn wire(&mut self, setting: &Setting) {
        let path = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        let twins = self.sandbox_url();
        let mut shared = vec![
            ("LATCHKEY_DATABASE__URL".to_owned(), self.postgres.url("latchkey")),
            ("LATCHKEY_NATS__URL".to_owned(), self.nats.url()),
            ("LATCHKEY_AUTH__KEYS_FILE".to_owned(), path("token-keys/public.json")),
            ("LATCHKEY_TELEMETRY__LOG_FORMAT".to_owned(), "pretty".to_owned()),
            // Stories kill: what died should be found out about within seconds.
            ("LATCHKEY_NATS__ACK_WAIT_SECONDS".to_owned(), "4".to_owned()),
        ];
        shared.extend(setting.environment.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));

        let limit = if setting.has_rate_limits { "5" } else { "0" };
        let own: [(&str, Vec<(&str, String)>); 9] = [
            ("workspace", vec![]),
            (
                "integrations",
                vec![
                    ("LATCHKEY_VAULT__MASTER_KEY_FILE", path("master-key")),
                    ("LATCHKEY_ADAPTERS__KISI", self.address("kisi-adapter")),
                    ("LATCHKEY_ADAPTERS__RELAY", self.address("relay-adapter")),
                    ("LATCHKEY_ADAPTERS__STRIPE", self.address("billing")),
                    ("LATCHKEY_ADAPTERS__UNIFI", self.address("unifi-adapter")),
                ],
            ),
            (
                "access-control",
                vec![
                    ("LATCHKEY_ENGINE__IN_FLIGHT_TIMEOUT_SECONDS", "20".into()),
                    ("LATCHKEY_ADAPTERS__KISI", self.address("kisi-adapter")),
                    ("LATCHKEY_ADAPTERS__RELAY", self.address("relay-adapter")),
                    ("LATCHKEY_ADAPTERS__UNIFI", self.address("unifi-adapter")),
                ],
            ),
            (
                "kisi-adapter",
                vec![
                    ("LATCHKEY_PEERS__INTEGRATIONS", self.address("integrations")),
                    ("LATCHKEY_SEALING__KEY_FILE", path("sealing-key")),
                    ("LATCHKEY_KISI__BASE_URL", format!("{twins}/kisi")),
                    ("LATCHKEY_KISI__CALLS_PER_SECOND", limit.into()),
                    ("LATCHKEY_COMMANDS__LEASE_MS", "3000".into()),
                    ("LATCHKEY_COMMANDS__CREDENTIALS_MS", "2000".into()),
                ],
            ),
            (
                "relay-adapter",
                vec![
                    ("LATCHKEY_PEERS__INTEGRATIONS", self.address("integrations")),
                    ("LATCHKEY_SEALING__KEY_FILE", path("sealing-key")),
                    ("LATCHKEY_OUTGOING__ALLOWED", "127.0.0.1".into()),
                    ("LATCHKEY_COMMANDS__LEASE_MS", "3000".into()),
                    ("LATCHKEY_COMMANDS__CREDENTIALS_MS", "2000".into()),
                ],
            ),
            (
                "unifi-adapter",
                vec![
                    ("LATCHKEY_PEERS__INTEGRATIONS", self.address("integrations")),
                    ("LATCHKEY_SEALING__KEY_FILE", path("sealing-key")),
                    ("LATCHKEY_OUTGOING__ALLOWED", "127.0.0.1".into()),
                    ("LATCHKEY_UNIFI__CALLS_PER_SECOND", "0".into()),
                    ("LATCHKEY_WEBHOOKS__PUBLIC_URL", self.gateway()),
                    ("LATCHKEY_COMMANDS__LEASE_MS", "3000".into()),
                    ("LATCHKEY_COMMANDS__CREDENTIALS_MS", "2000".into()),
                ],
            ),
            (
                "notification",
                vec![
                    ("LATCHKEY_ADAPTERS__KISI", self.address("kisi-adapter")),
                    ("LATCHKEY_ADAPTERS__RELAY", self.address("relay-adapter")),
                    ("LATCHKEY_ADAPTERS__UNIFI", self.address("unifi-adapter")),
                    ("LATCHKEY_SENDGRID__BASE_URL", format!("{twins}/sendgrid")),
                    ("LATCHKEY_SENDGRID__API_KEY", SENDGRID_KEY.into()),
                    ("LATCHKEY_SENDGRID__FROM_EMAIL", "desk@demo.example".into()),
                    ("LATCHKEY_SENDGRID__WEBHOOK_PUBLIC_KEY", self.sandbox.sendgrid().public_key()),
                    ("LATCHKEY_TWILIO__BASE_URL", format!("{twins}/twilio")),
                    ("LATCHKEY_TWILIO__ACCOUNT_SID", "AC00000000000000000000000000000001".into()),
                    ("LATCHKEY_TWILIO__AUTH_TOKEN", "demo-twilio-auth-token".into()),
                    ("LATCHKEY_TWILIO__FROM", "+4366012345678".into()),
                    ("LATCHKEY_TWILIO__WEBHOOK_URL", format!("{}/webhooks/twilio", self.gateway())),
                    ("LATCHKEY_SENDING__TIMEOUT_SECONDS", "2".into()),
                    ("LATCHKEY_SENDING__LEASE_SECONDS", "5".into()),
                    ("LATCHKEY_SENDING__RETRY_DELAY_SECONDS", "1".into()),
                    // Long enough for a report to come through although the gateway is killed again and again.
                    ("LATCHKEY_EMAIL__SETTLE_SECONDS", "60".into()),
                    ("LATCHKEY_SMS__SETTLE_SECONDS", "1".into()),
                ],
            ),
            (
                "billing",
                vec![
                    ("LATCHKEY_PEERS__INTEGRATIONS", self.address("integrations")),
                    ("LATCHKEY_STRIPE__BASE_URL", format!("{twins}/stripe")),
                    // Work that was begun is taken over after four times that.
                    ("LATCHKEY_STRIPE__CALL_TIMEOUT_MS", "2500".into()),
                ],
            ),
            (
                "gateway",
                vec![
                    ("LATCHKEY_SERVICES__ACCESS_CONTROL", self.address("access-control")),
                    ("LATCHKEY_SERVICES__BILLING", self.address("billing")),
                    ("LATCHKEY_SERVICES__INTEGRATIONS", self.address("integrations")),
                    ("LATCHKEY_SERVICES__NOTIFICATION", self.address("notification")),
                    ("LATCHKEY_SERVICES__UNIFI_ADAPTER", self.address("unifi-adapter")),
                    ("LATCHKEY_SERVICES__WORKSPACE", self.address("workspace")),
                    ("LATCHKEY_TOKENS__KEYS_FOLDER", path("token-keys")),
                    ("LATCHKEY_SIGN_IN__PUBLIC_URL", self.gateway()),
                    ("LATCHKEY_SIGN_IN__ISSUERS__SANDBOX__URL", format!("{twins}/openid")),
                    ("LATCHKEY_SIGN_IN__ISSUERS__SANDBOX__CLIENT_ID", "latchkey".into()),
                    ("LATCHKEY_SIGN_IN__CLIENTS__CONSOLE__IS_LOCAL", "true".into()),
                ],
            ),
        ];
        for (service, own) in own {
            let mut environment = shared.clone();
            environment
                .push(("LATCHKEY_GRPC__LISTEN".to_owned(), format!("127.0.0.1:{}", self.ports[service])));
            environment.push(("LATCHKEY_TLS__FOLDER".to_owned(), path(&format!("tls/{service}"))));
            environment.extend(own.into_iter().map(|(name, value)| (name.to_owned(), value)));
            let name = SERVICES.into_iter().find(|name| *name == service).unwrap();
            self.environments.insert(name, environment);
        }
    }

    /// Starts a service; it need not be ready when this returns.
    pub async fn start(&mut self, service: &'static str) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join(format!("{service}.log")))
            .unwrap();
        let child = Command::new(self.program(service))
            .envs(self.environments[service].iter().map(|(name, value)| (name, value)))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        self.processes.insert(service, child);
    }

    /// `kill -9`.
    pub async fn kill(&mut self, service: &'static str) {
        if let Some(mut child) = self.processes.remove(service) {
            child.kill().await.unwrap();
        }
    }

    /// Services that ended by themselves, with the end of their logs.
    pub fn ended(&mut self) -> Vec<String> {
        let folder = self.folder.path().to_owned();
        self.processes
            .iter_mut()
            .filter_map(|(service, child)| {
                let status = child.try_wait().unwrap()?;
                let log = std::fs::read_to_string(folder.join(format!("{service}.log"))).unwrap_or_default();
                let tail: Vec<&str> = log.lines().rev().take(5).collect();
                Some(format!("{service} ended with {status}: {tail:?}"))
            })
            .collect()
    }

    /// The process id of a service.
    pub fn pid(&self, service: &str) -> Option<u32> {
        self.processes.get(service).and_then(Child::id)
    }

    /// A Kisi organization of its own, with one door behind one group.
    pub fn new_account(&self, name: &str) -> Account {
        let place = NewPlace {
            name: name.to_owned(),
            locks: vec!["Door".to_owned()],
            groups: vec![NewGroup { name: "Members".to_owned(), locks: vec!["Door".to_owned()] }],
            ..Default::default()
        };
        let organization =
            NewOrganization { name: name.to_owned(), places: vec![place], ..Default::default() };
        let created = self.sandbox.kisi().create_organization(organization).expect("an organization is made");
        Account {
            organization: created.id,
            group: created.places[0].groups[0].id,
            key: created.api_key.secret.clone(),
        }
    }

    /// A client that calls as the platform itself, through the gateway.
    pub fn client(&self) -> Client {
        Client::new(&self.gateway(), self.signer())
    }

    /// The doors for one of the world's people, through the gateway.
    pub fn doors_of(&self, world: &World, person: usize, role: Role) -> Doors {
        let PersonName { workspace, id } = world.people[person].0.parse().unwrap();
        let token = self.token(&Principal::person(id.to_string(), workspace, role));
        Bearer::doors(&self.gateway(), &token)
    }

    /// A token of an admin of the workspace, for an hour.
    pub fn admin_token(&self, workspace: &str) -> String {
        let WorkspaceName(id) = workspace.parse().unwrap();
        self.token(&Principal::person("admin", id, Role::Admin))
    }

    /// A token that names this principal, for an hour.
    pub fn token(&self, principal: &Principal) -> String {
        self.signer().issue(principal, chrono::Duration::hours(1))
    }

    fn signer(&self) -> Signer {
        Signer::load(&self.folder.path().join("token-keys"), Arc::new(SystemClock)).unwrap()
    }

    /// The books of this stage.
    pub fn books(&self) -> testkit::Books {
        testkit::Books {
            database_url: self.database_url(),
            schemas: definitions().iter().map(|definition| definition.schema).collect(),
            nats_url: self.nats.url(),
            root: Root::new("latchkey").unwrap(),
        }
    }

    /// Waits until the books balance without a dead letter and no service has ended by itself.
    pub async fn settle(&mut self, limit: Duration) {
        self.books().balance(0, limit).await;
        let ended = self.ended();
        assert!(ended.is_empty(), "{ended:?}");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if std::thread::panicking() {
            for service in SERVICES {
                let log = self.folder.path().join(format!("{service}.log"));
                let text = std::fs::read_to_string(log).unwrap_or_default();
                let tail: Vec<&str> = text.lines().rev().take(12).collect();
                eprintln!("--- last lines of {service}");
                for line in tail.iter().rev() {
                    eprintln!("{line}");
                }
            }
        }
    }
}

/// The sandbox's default world, which reports its mails to the gateway.
fn world(setting: &Setting, gateway: u16) -> sandbox::Config {
    let (_, process) =
        chassis::config::load::<sandbox::ProcessConfig>(sandbox::CONFIG_DEFAULTS, BTreeMap::new()).unwrap();
    let mut world = process.sandbox;
    world.sendgrid.webhooks.push(sandbox::sendgrid::WebhookSeed {
        url: format!("http://127.0.0.1:{gateway}/webhooks/sendgrid"),
        is_signed: true,
    });
    // As SendGrid does: reports are tried again until they are taken.
    world.deliveries.tries = 200;
    world.deliveries.retry_delay_ms = 100;
    world.deliveries.retry_delay_max_ms = 400;
    world.sendgrid.messages_kept_max = 200_000;
    world.twilio.messages_kept_max = 200_000;
    world.request_log_capacity = 200_000;
    if !setting.has_rate_limits {
        world.kisi.rate_limit = Some(false);
        world.sendgrid.rate_limit = None;
    }
    world
}
