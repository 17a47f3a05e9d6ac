//! Pieces of the shell under way, which stop between any two of their statements: to be gone on with later, or
//! never, as after a crash.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tracing::span;

/// How a piece of the shell ends.
pub(super) type Outcome = Result<Option<String>, Failure>;

/// Why it did not do what it was to do.
#[derive(Debug)]
pub(super) enum Failure {
    /// The database asks to try again, as it does when two wait for each other.
    Again,
    /// It says no.
    Never(String),
}

thread_local! {
    static ANSWERED: Cell<usize> = const { Cell::new(0) };
}

/// Counts the statements that Postgres has answered this thread.
pub(super) struct Statements;

impl tracing::Subscriber for Statements {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }

    fn event(&self, _: &tracing::Event<'_>) {
        ANSWERED.set(ANSWERED.get() + 1);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Where a piece of the shell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stand {
    /// It has come to its end.
    Done,
    /// It has sent its next statement.
    Sent,
    /// It waits for a lock.
    Blocked,
}

/// A piece of the shell under way. To drop it is to crash it.
pub(super) struct Underway<'a> {
    future: Pin<Box<dyn Future<Output = Outcome> + 'a>>,
    outcome: Option<Outcome>,
}

impl<'a> Underway<'a> {
    pub(super) fn new(future: impl Future<Output = Outcome> + 'a) -> Self {
        Self { future: Box::pin(future), outcome: None }
    }

    /// Goes on until so many more statements are answered and the next one is sent. `is_blocked` says whether
    /// the database has it wait for somebody else.
    pub(super) async fn advance(&mut self, statements: usize, is_blocked: impl AsyncFn() -> bool) -> Stand {
        /// What takes longer may wait for a lock.
        const PROMPT: Duration = Duration::from_millis(3);
        let mut answered = 0;
        loop {
            let step = poll_fn(|context| {
                if self.outcome.is_some() {
                    return Poll::Ready(Stand::Done);
                }
                let before = ANSWERED.get();
                let poll = self.future.as_mut().poll(context);
                answered += ANSWERED.get() - before;
                match poll {
                    Poll::Ready(outcome) => {
                        self.outcome = Some(outcome);
                        Poll::Ready(Stand::Done)
                    }
                    Poll::Pending if answered >= statements => Poll::Ready(Stand::Sent),
                    Poll::Pending => Poll::Pending,
                }
            });
            match tokio::time::timeout(PROMPT, step).await {
                Ok(stand) => return stand,
                Err(_) if is_blocked().await => return Stand::Blocked,
                Err(_) => {}
            }
        }
    }

    /// Goes on to its end.
    pub(super) async fn finish(self) -> Outcome {
        match self.outcome {
            Some(outcome) => outcome,
            None => self.future.await,
        }
    }
}
