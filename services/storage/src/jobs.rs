//! What happens without being asked. Any number of replicas share the work.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::app::App;

/// How often a store that can't be used is tried again.
const PROBED_EVERY: Duration = Duration::from_secs(60);

/// Tries the store when the service starts, and says what is wrong with it until it can be used.
pub(crate) async fn probe(app: Arc<App>, shutdown: CancellationToken) {
    let Some(objects) = &app.objects else {
        tracing::warn!("files are off: s3.bucket is empty");
        return shutdown.cancelled().await;
    };
    while let Err(problem) = objects.probe().await {
        tracing::error!(error = &problem as &dyn std::error::Error, "files can't be stored");
        if !waited(PROBED_EVERY, &shutdown).await {
            return;
        }
    }
    tracing::info!("the store can be used");
    shutdown.cancelled().await;
}

/// Does what is due, until the process ends.
pub(crate) async fn do_due(app: Arc<App>, shutdown: CancellationToken) {
    let poll = Duration::from_millis(app.sweep.poll_ms.max(1));
    loop {
        let wait = match app.do_due().await {
            Ok(0) => poll,
            Ok(_) => Duration::ZERO,
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "what is due to files waits");
                poll
            }
        };
        if !waited(wait, &shutdown).await {
            return;
        }
    }
}

/// Compares the bucket with what is known, now and then.
pub(crate) async fn compare(app: Arc<App>, shutdown: CancellationToken) {
    let pause = Duration::from_secs(app.sweep.compare_seconds.max(1));
    while waited(pause, &shutdown).await {
        if app.objects.is_none() {
            continue;
        }
        match app.compare().await {
            Ok(compared) => tracing::info!(?compared, "the bucket was compared with what is known"),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the bucket is compared later");
            }
        }
    }
}

/// Whether the time went by without being told to stop.
async fn waited(time: Duration, shutdown: &CancellationToken) -> bool {
    tokio::select! {
        biased;
        () = shutdown.cancelled() => false,
        () = tokio::time::sleep(time) => true,
    }
}
