//! `latchkey.command.access.<provider>.{workspace}`: stored at once, carried out later, so that no command
//! blocks the stream.

use std::collections::HashMap;
use std::sync::Arc;

use domain::Clock;
use events::consumer::decode_json;
use events::outbox::{self, USER_COMMAND, WAY_IN_COMMAND};
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use prost::Message as _;
use proto::access::v1 as pb;
use sqlx::PgConnection;
use tokio::sync::Notify;

use crate::facts::{Answer, Source};
use crate::request::{Matter, Reading};
use crate::runtime::senseless;
use crate::store::command::{self, NewCommand};

pub(crate) fn config(source: Source) -> ConsumerConfig {
    let (name, filter) =
        (format!("{}-commands", source.service), format!("command.access.{}.*", source.provider));
    ConsumerConfig::new(&name, StreamKind::Command, &filter)
}

/// A message, binary, and what it says.
pub(crate) struct Command {
    message: Vec<u8>,
    reading: Reading,
}

/// Stores commands.
pub(crate) struct Commands {
    pub source: Source,
    pub clock: Arc<dyn Clock>,
    /// Wakes the scheduler.
    pub wake: Arc<Notify>,
}

impl Handler for Commands {
    type Body = Command;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<Command>, String> {
        let workspace = envelope.workspace;
        let (message, reading) = match envelope.type_name.as_str() {
            USER_COMMAND => {
                let message: pb::UserCommand = decode_json(payload)?;
                (message.encode_to_vec(), Reading::of_user(workspace, &message))
            }
            WAY_IN_COMMAND => {
                let message: pb::WayInCommand = decode_json(payload)?;
                (message.encode_to_vec(), Reading::of_way_in(workspace, &message))
            }
            _ => {
                let message: pb::AccessCommand = decode_json(payload)?;
                (message.encode_to_vec(), Reading::of_access(workspace, &message))
            }
        };
        let reading = reading.map_err(|error| error.to_string())?;
        Ok(Some(Command { message, reading }))
    }

    async fn apply(&self, conn: &mut PgConnection, batch: &[&Received<Command>]) -> Result<(), ApplyError> {
        let mut newest: HashMap<Matter, NewCommand<'_>> = HashMap::with_capacity(batch.len());
        let mut answers = Vec::new();
        for received in batch {
            match &received.body.reading {
                Reading::Request(request) => {
                    let known = newest.get(&request.matter()).map(|command| command.generation);
                    if known.is_some_and(|known| known >= request.generation()) {
                        continue;
                    }
                    let command = NewCommand {
                        matter: request.matter(),
                        generation: request.generation(),
                        site: request.site().id(),
                        due_at: request.due_at(),
                        event_id: received.envelope.id.uuid(),
                        correlation: &received.envelope.correlation,
                        traceparent: received.envelope.traceparent.as_deref(),
                        body: received.body.message.clone(),
                    };
                    newest.insert(request.matter(), command);
                }
                Reading::Unusable { matter, generation, problem } => {
                    let answer = Answer::Failed(*matter, senseless(problem));
                    let _entered = received.span.enter();
                    let now = self.clock.now();
                    answers.push(self.source.completed(&answer, *generation, &received.envelope, now));
                }
            }
        }
        let newest: Vec<NewCommand<'_>> = newest.into_values().collect();
        if !newest.is_empty() {
            command::put(conn, &newest).await?;
        }
        if !answers.is_empty() {
            outbox::append(conn, &answers).await?;
        }
        Ok(())
    }

    fn applied(&self) {
        self.wake.notify_one();
    }
}
