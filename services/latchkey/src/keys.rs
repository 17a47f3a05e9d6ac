//! `latchkey keys`: the keys of an installation.

use std::path::PathBuf;

use chassis::identity::Identity;
use clap::{Args, Subcommand};
use domain::{Clock as _, SystemClock};
use local_infra::Certificates;
use proto::integrations::v1::RotateKeysRequest;
use proto::integrations::v1::key_service_client::KeyServiceClient;

use crate::client::said;
use crate::installation::DataDir;

/// Who needs a certificate: the services, and this program where it calls one past the gateway.
const SERVICES: [&str; 11] = [
    "access-control",
    "billing",
    "gateway",
    "integrations",
    "kisi-adapter",
    "latchkey",
    "notification",
    "relay-adapter",
    "storage",
    "unifi-adapter",
    "workspace",
];

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make what services need to know each other and their callers: token keys and certificates.
    Init(FolderArgs),
    /// Add a key that tokens are signed with. It signs two minutes later; nobody has to sign in again.
    AddTokenKey(FolderArgs),
    /// Wrap all data keys with the newest master key. Nothing stops meanwhile.
    Rotate(RotateArgs),
}

/// Where the keys are. Left out: the data folder of `latchkey up`.
#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// `token-keys` and `tls` are in this folder.
    #[arg(long)]
    folder: Option<PathBuf>,
}

/// Where the service is. Left out: the platform of `latchkey up`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The integrations service, such as https://127.0.0.1:7413.
    #[arg(long, requires = "certificate")]
    integrations: Option<String>,
    /// The folder with ca.crt, tls.crt and tls.key of the service `latchkey`.
    #[arg(long, requires = "integrations")]
    certificate: Option<PathBuf>,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Init(args) => init(&args.data()?),
        Command::AddTokenKey(args) => {
            let kid = chassis::auth::add_key(&args.data()?.token_keys(), SystemClock.now())?;
            println!("added key {kid}; it signs in two minutes, the one before is known for a day");
            Ok(())
        }
        Command::Rotate(args) => rotate(args).await,
    }
}

impl FolderArgs {
    fn data(&self) -> anyhow::Result<DataDir> {
        self.folder.as_ref().map_or_else(DataDir::configured, |folder| Ok(DataDir::new(folder)))
    }
}

fn init(data: &DataDir) -> anyhow::Result<()> {
    chassis::auth::ensure_keys(&data.token_keys(), SystemClock.now())?;
    println!(
        "token keys: {}; the gateway needs all of it, the others public.json",
        data.token_keys().display()
    );
    let certificates = Certificates::ensure(data.tls())?;
    for service in SERVICES {
        println!("certificate of {service}: {}", certificates.write(service)?.display());
    }
    Ok(())
}

async fn rotate(args: &RotateArgs) -> anyhow::Result<()> {
    let (address, folder) = match (&args.integrations, &args.certificate) {
        (Some(address), Some(folder)) => (address.clone(), folder.clone()),
        _ => {
            let data = DataDir::configured()?;
            (data.running()?.integrations, data.tls().join("latchkey"))
        }
    };
    chassis::install_crypto();
    let channel = chassis::rpc::channel(&address, "integrations", &Identity::load(&folder)?)?;
    let mut keys = KeyServiceClient::new(channel);
    let mut rewrapped = 0;
    loop {
        let answer = keys.rotate_keys(RotateKeysRequest {}).await;
        let answer = answer.map_err(|status| anyhow::anyhow!("{}", said(&status)))?.into_inner();
        rewrapped += i64::from(answer.rewrapped);
        if answer.is_done {
            println!("{rewrapped} data keys wrapped anew; all are wrapped by {} now", answer.master_key);
            return Ok(());
        }
        println!("{rewrapped} data keys wrapped anew so far");
    }
}
