//! The program: `relay-controller run`, and what an installer needs beside it.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use relay_controller::certificate::Certificate;
use relay_controller::clock::{Clock, SystemClock};
use relay_controller::config::Config;
use relay_controller::controller::{Controller, Parts};
use relay_controller::disk::Folder;
use relay_controller::key::ApiKey;
use relay_controller::lines::LineThread;
use relay_controller::{api, server, watchdog};
use sd_notify::NotifyState;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_subscriber::filter::LevelFilter;

/// Threads that wait for the disk, or hash PINs.
const BLOCKING_MAX: usize = 16;

/// The daemon at the door hardware.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The configuration.
    #[arg(long, global = true, default_value = "/etc/relay-controller.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Mind the doors, until SIGTERM.
    Run,
    /// Make the API key and show it, once, with the certificate's fingerprint. While the daemon does not run.
    Pair {
        /// Another key, though there is one: that one ends, and the offline list with it.
        #[arg(long)]
        again: bool,
    },
    /// Switch all relays off. While the daemon does not run: systemd does this after its end, however it ended.
    Off,
}

fn main() -> ExitCode {
    match start(Arguments::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("relay-controller: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let clock: Arc<dyn Clock> =
        Arc::new(SystemClock { synchronized_file: config.clock.synchronized_file.clone() });
    match arguments.command {
        Command::Run => run(&config, clock),
        Command::Pair { again } => pair(&config, again),
        Command::Off => {
            config.board.open(&clock).context("cannot take the relays' lines")?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn pair(config: &Config, again: bool) -> anyhow::Result<ExitCode> {
    let state = open_state(config)?;
    let certificate = Certificate::ensure(&state)?;
    anyhow::ensure!(
        again || ApiKey::load(&state)?.is_none(),
        "this controller has a key, which can't be shown once more; `pair --again` makes another one in its place"
    );
    let (text, key) = ApiKey::make();
    key.save(&state)?;
    let mut out = io::stdout().lock();
    writeln!(out, "API key:      {}", text.0)?;
    writeln!(out, "fingerprint:  {}", certificate.fingerprint())?;
    Ok(ExitCode::SUCCESS)
}

/// The state folder, for this process alone.
fn open_state(config: &Config) -> anyhow::Result<Folder> {
    let path = config.state.display();
    let state =
        Folder::open(&config.state).with_context(|| format!("cannot open the state folder {path}"))?;
    state.keep_others_out().with_context(|| {
        format!("another relay-controller uses {path}; stop it first (systemctl stop relay-controller)")
    })?;
    Ok(state)
}

fn run(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt().with_max_level(LevelFilter::INFO).with_ansi(false).without_time().init();
    // First of all: whatever comes now, the relays are off.
    let board = config.board.open(&clock).context("cannot take the relays' lines")?;
    let state = open_state(config)?;
    let certificate = Certificate::ensure(&state)?;
    tracing::info!(fingerprint = certificate.fingerprint(), "the certificate");
    let tls = Arc::new(certificate.tls()?);
    let parts = Parts {
        state,
        board,
        board_kind: config.board.kind(),
        clock: clock.clone(),
        has_battery: config.clock.battery,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(BLOCKING_MAX)
        .enable_all()
        .build()?;
    let controller = {
        let _runtime = runtime.enter();
        Controller::start(parts)?
    };
    stop_at_a_panic(controller.lines().clone());
    let lines = controller.lines().clone();
    std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
        // Without a word: what hangs may be the journal. systemd says that it was aborted.
        watchdog::watch(&lines, &clock, || std::process::abort());
    })?;
    let was_told_to = runtime.block_on(serve(config, &controller, TlsAcceptor::from(tls)));
    // However serving ended, all is off before anything else.
    runtime.block_on(controller.stop());
    if was_told_to? {
        return Ok(ExitCode::SUCCESS);
    }
    anyhow::bail!("ended after a panic, all relays are off");
}

/// A panic anywhere means that something is not as it should be: all off, and a new start by systemd.
fn stop_at_a_panic(lines: LineThread) {
    let show = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        lines.stop();
        show(panic);
    }));
}

/// Serves until the process is told to end, or the lines' thread has ended. Says whether it was told to.
async fn serve(config: &Config, controller: &Arc<Controller>, tls: TlsAcceptor) -> anyhow::Result<bool> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let servers = TaskTracker::new();
    let listener = listen(config.listen).await?;
    tracing::info!(address = %listener.local_addr()?, "the API listens");
    servers.spawn(server::serve(listener, Some(tls), api::router(controller.clone()), stop.clone()));
    if let Some(keypad) = config.keypad {
        let listener = listen(keypad).await?;
        tracing::info!(address = %listener.local_addr()?, "the keypad's address listens");
        servers.spawn(server::serve(listener, None, api::keypad_router(controller.clone()), stop.clone()));
    }
    servers.close();
    // Nobody listens where there is no systemd.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let was_told_to = tokio::select! {
        _ = terminate.recv() => true,
        _ = interrupt.recv() => true,
        () = controller.lines().ended() => false,
    };
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    controller.lines().stop();
    stop.cancel();
    servers.wait().await;
    Ok(was_told_to)
}

async fn listen(address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))
}
