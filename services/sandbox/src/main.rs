//! Runs the sandbox alone.

use std::sync::Arc;

use anyhow::Context as _;
use domain::SystemClock;
use sandbox::{CONFIG_DEFAULTS, ProcessConfig, Sandbox};
use tokio::net::TcpListener;

fn main() -> std::process::ExitCode {
    chassis::start("sandbox", CONFIG_DEFAULTS, async |platform, config: ProcessConfig, shutdown| {
        let address = &platform.grpc.listen;
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on grpc.listen {address}"))?;
        tracing::info!(address = %listener.local_addr()?, "serving");
        let sandbox = Sandbox::new(config.sandbox, Arc::new(SystemClock));
        Ok(sandbox.serve(listener, shutdown).await?)
    })
}
