//! `latchkey keys`: the keys that credentials are sealed with.

use std::path::PathBuf;

use chassis::identity::Identity;
use clap::{Args, Subcommand};
use proto::integrations::v1::RotateKeysRequest;
use proto::integrations::v1::key_service_client::KeyServiceClient;

use crate::client::said;
use crate::installation::DataDir;

/// What to do with them.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Wrap all data keys with the newest master key. Nothing stops meanwhile.
    Rotate(RotateArgs),
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
    let Command::Rotate(args) = command;
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
