//! `latchkey up`: the whole platform on one machine.
//!
//! Starts its own Postgres and NATS, every service in this process, and the sandbox, which stands in for
//! the vendors that have no real key. Makes a demo workspace. Ends all of it at Ctrl-C; the data stays.

mod config;
mod parts;
mod seed;
mod servers;
mod wiring;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use chassis::PlatformConfig;
use domain::{Clock as _, SystemClock};
use local_infra::Certificates;
use sandbox::Sandbox;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use config::UpConfig;

use crate::client::Client;
use crate::installation::{DataDir, Running};
use parts::Listeners;
use servers::Servers;

/// Runs the platform until Ctrl-C.
pub fn run() -> ExitCode {
    let outcome = prepare().map(|environment| {
        chassis::start_with("latchkey", config::DEFAULTS, environment, async |platform, config, shutdown| {
            up(platform, config, shutdown).await
        })
    });
    outcome.unwrap_or_else(|error| {
        eprintln!("latchkey up: {error:#}");
        ExitCode::FAILURE
    })
}

/// The environment, with what has a place in the data folder; the folder is made.
fn prepare() -> anyhow::Result<std::collections::BTreeMap<String, String>> {
    let mut environment = chassis::config::environment();
    let (_, config) = UpConfig::load(environment.clone())?;
    let path = &config.up.data_dir;
    std::fs::create_dir_all(path)
        .with_context(|| format!("cannot make the data folder {}", path.display()))?;
    let data = DataDir::new(std::path::absolute(path)?);
    let traces = data.traces().to_string_lossy().into_owned();
    environment.entry("LATCHKEY_TELEMETRY__TRACE_FILE".to_owned()).or_insert(traces);
    Ok(environment)
}

async fn up(platform: PlatformConfig, config: UpConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    let data = DataDir::new(std::path::absolute(&config.up.data_dir)?);
    for server in local_infra::install_missing().await? {
        println!("installed {}", server.package());
    }
    chassis::auth::ensure_keys(&data.token_keys(), SystemClock.now())?;
    let certificates = Certificates::ensure(data.tls())?;
    // For the commands beside this process.
    certificates.write("latchkey")?;
    integrations::ensure_master_key_file(&data.master_key())?;
    data.ensure_sealing_keys()?;
    let listeners = Listeners::bind(&config).await?;
    let mut servers = Servers::start(&config, &data).await?;

    let sandbox = Sandbox::new(wiring::sandbox(&config, &listeners, &data)?, Arc::new(SystemClock));
    sandbox.load_state()?;
    let wiring = wiring::Wiring::new(&config, &listeners, &servers, &data, &sandbox)?;
    let running = Running {
        gateway: listeners.gateway_url()?,
        integrations: listeners.integrations_url()?,
        sandbox: listeners.sandbox_url()?,
        nats: servers.nats.url(),
        nats_root: platform.nats.root.clone(),
        kisi_organization: wiring::kisi_organization(&config, &sandbox),
    };

    let stop = shutdown.child_token();
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let (listener, token) = (listeners.take_sandbox()?, stop.clone());
    let twins = sandbox.clone();
    tasks.spawn(async move { Ok(twins.serve(listener, token).await?) });
    for service in parts::build(&wiring, &listeners, &certificates).await? {
        let token = stop.clone();
        tasks.spawn(async move { Ok(service.run(token).await?) });
    }

    let outcome = async {
        let client = Client::new(&running.gateway, &data)?;
        // In this order: when they are told to stop, parts end, too, and that is no failure.
        let demo = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Ok(()),
            ended = first(&mut tasks) => return ended,
            demo = seed::ensure(client, &config, &data, &running) => demo?,
        };
        data.set_running(&running)?;
        println!("{}", banner(&running, &data, &demo.workspace, started.elapsed()));
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            ended = first(&mut tasks) => ended,
            ended = servers.ended() => ended,
        }
    }
    .await;
    println!("stopping");
    data.clear_running();
    stop.cancel();
    while let Some(ended) = tasks.join_next().await {
        if let Ok(Err(error)) = ended {
            tracing::warn!(error = format!("{error:#}"), "while stopping");
        }
    }
    servers.stop().await;
    outcome
}

/// The first part that ends by itself; none should.
async fn first(tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    match tasks.join_next().await {
        Some(Ok(Err(error))) => Err(error),
        Some(Err(panic)) => Err(panic.into()),
        Some(Ok(Ok(()))) | None => anyhow::bail!("a part of the platform ended by itself"),
    }
}

fn banner(running: &Running, data: &DataDir, workspace: &str, took: std::time::Duration) -> String {
    format!(
        "
Latchkey is up ({:.1} s).

  API (gRPC and gRPC-web)   {}
  Mails, texts and doors    {}
  NATS                      {}
  Data                      {}
  Demo workspace            {workspace}

Try next, in another terminal:
  make demo                                        a booking opens a door, and closes it again
  target/debug/latchkey trace                      where the time went, span by span
  target/debug/latchkey token --role admin         a token to call the API with
  target/debug/latchkey dead-letters list          what could not be processed

Ctrl-C stops everything; the data stays.",
        took.as_secs_f64(),
        running.gateway,
        running.sandbox,
        running.nats.rsplit('@').next().unwrap_or_default(),
        data.path().display(),
    )
}
