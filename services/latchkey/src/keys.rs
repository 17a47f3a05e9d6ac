//! `latchkey keys`: the keys that credentials are sealed with.

use std::path::PathBuf;
use std::sync::Arc;

use chassis::auth::Authority;
use clap::{Args, Subcommand};
use domain::SystemClock;
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
    /// The integrations service, such as http://127.0.0.1:7413.
    #[arg(long, requires = "key_file")]
    integrations: Option<String>,
    /// The key that signs tokens, as in auth.key_file.
    #[arg(long, requires = "integrations")]
    key_file: Option<PathBuf>,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Rotate(args) = command;
    let (address, authority) = match (&args.integrations, &args.key_file) {
        (Some(address), Some(key_file)) => {
            (address.clone(), Authority::load(key_file, Arc::new(SystemClock))?)
        }
        _ => {
            let data = DataDir::configured()?;
            (data.running()?.integrations, data.authority()?)
        }
    };
    let channel = chassis::rpc::channel(&address, "latchkey", Arc::new(authority), Arc::new(SystemClock))?;
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
