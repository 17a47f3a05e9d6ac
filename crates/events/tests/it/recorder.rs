//! A handler that writes down what it applied, and fails as it is told to.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received, outbox};
use proto::Fact as _;
use proto::workspace::v1::PersonCreated;
use sqlx::PgConnection;
use tokio::time::Instant;

/// A consumer of the test's facts that does not make anyone wait.
pub(crate) fn config(name: &str) -> ConsumerConfig {
    ConsumerConfig {
        ack_wait: Duration::from_secs(2),
        deliveries_max: 3,
        redelivery_delays: vec![Duration::from_millis(300)],
        ..ConsumerConfig::new(name, StreamKind::Event, "event.workspace.>")
    }
}

/// A batch that was handed over.
struct Call {
    at: Instant,
    whats: Vec<String>,
}

/// Applies who became known. A name says how it goes: one with `later` or `never` fails so, as long as
/// it is not forgiven; one with `slow` takes 0.4 seconds.
#[derive(Clone, Default)]
pub(crate) struct Recorder {
    calls: Arc<Mutex<Vec<Call>>>,
    forgiven: Arc<Mutex<HashSet<String>>>,
    dies_after_commit: bool,
    passes_on: bool,
}

impl Recorder {
    /// One that panics after its first commit, before the acknowledgement.
    pub(crate) fn dying() -> Self {
        Self { dies_after_commit: true, ..Self::default() }
    }

    /// One that says what it heard again, as a fact of its own.
    pub(crate) fn passing_on() -> Self {
        Self { passes_on: true, ..Self::default() }
    }

    /// The calls that had `what` in them: when, and with how many others.
    pub(crate) fn calls_with(&self, what: &str) -> Vec<(Instant, usize)> {
        let calls = self.calls.lock().unwrap();
        calls
            .iter()
            .filter(|call| call.whats.iter().any(|name| name == what))
            .map(|call| (call.at, call.whats.len()))
            .collect()
    }

    /// From now on `what` goes well.
    pub(crate) fn forgive(&self, what: &str) {
        self.forgiven.lock().unwrap().insert(what.to_owned());
    }

    fn judge(&self, what: &str) -> Result<(), ApplyError> {
        if self.forgiven.lock().unwrap().contains(what) {
            return Ok(());
        }
        if what.contains("later") {
            return Err(ApplyError::Later(format!("{what} has to wait")));
        }
        if what.contains("never") {
            return Err(ApplyError::Never(format!("{what} makes no sense")));
        }
        Ok(())
    }
}

impl Handler for Recorder {
    type Body = String;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<String>, String> {
        if envelope.type_name != PersonCreated::TYPE {
            return Ok(None);
        }
        let message: PersonCreated = decode_json(payload)?;
        Ok(Some(message.person.ok_or("the person is missing")?.display_name))
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<String>]) -> Result<(), ApplyError> {
        let whats = batch.iter().map(|received| received.body.clone()).collect();
        self.calls.lock().unwrap().push(Call { at: Instant::now(), whats });
        for received in batch {
            sqlx::query("insert into effect (event_id, what) values ($1, $2)")
                .bind(received.envelope.id.uuid())
                .bind(&received.body)
                .execute(&mut *conn)
                .await?;
            if received.body.contains("slow") {
                sqlx::query("select pg_sleep(0.4)").execute(&mut *conn).await?;
            }
            // After the effect, which must then go with the transaction.
            self.judge(&received.body)?;
            if self.passes_on {
                let envelope = &received.envelope;
                let about = outbox::About {
                    workspace: envelope.workspace,
                    name: envelope.subject.clone(),
                    version: envelope.sequence,
                    time: envelope.time,
                };
                let fact = received.span.in_scope(|| {
                    outbox::Outgoing::event("echo", about, &proto::access::v1::AccessGranted::default())
                });
                outbox::append(conn, &[fact.caused_by(envelope)]).await?;
            }
        }
        Ok(())
    }

    fn applied(&self) {
        assert!(!self.dies_after_commit, "the process dies");
    }
}
