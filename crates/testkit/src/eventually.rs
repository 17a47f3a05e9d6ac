//! Waiting for a state, not for a time.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

/// How often a state is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// Asks `state` until it gives a value, at most for `limit`. What it says otherwise is shown if the
/// time runs out.
pub async fn eventually<T, E: Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    limit: Duration,
    mut state: impl FnMut() -> F,
) -> T {
    let start = tokio::time::Instant::now();
    loop {
        match state().await {
            Ok(value) => return value,
            Err(last) if start.elapsed() > limit => panic!("{what}: not within {limit:?}; last seen: {last}"),
            Err(_) => tokio::time::sleep(LOOK).await,
        }
    }
}
