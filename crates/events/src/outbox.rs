//! What is to be published, written in the transaction that makes it true.

use domain::{EventId, Timestamp, WorkspaceId};
use serde::Serialize;
use sqlx::PgConnection;

use crate::{Envelope, subject, trace};

/// The largest body that is taken: the streams take 960 KiB, headers included.
pub const BODY_BYTES_MAX: usize = 900 * 1024;

/// The type of commands about users, which tells them from those about access.
pub const USER_COMMAND: &str = "latchkey.access.v1.UserCommand";

/// The same of commands about other ways in.
pub const WAY_IN_COMMAND: &str = "latchkey.access.v1.WayInCommand";

/// A message on its way to the outbox.
#[derive(Debug, Clone)]
pub struct Outgoing {
    envelope: Envelope,
    relative_subject: String,
    payload: Vec<u8>,
}

/// What a message is about.
#[derive(Debug, Clone)]
pub struct About {
    /// Whose.
    pub workspace: WorkspaceId,
    /// Resource name of the aggregate.
    pub name: String,
    /// The aggregate's version.
    pub version: i64,
    /// When it became true.
    pub time: Timestamp,
}

/// Why a message can't be written.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Larger than the bus takes.
    #[error("{type_name} of {bytes} bytes is larger than the bus takes ({BODY_BYTES_MAX})")]
    TooLarge {
        /// Message type.
        type_name: String,
        /// Size of its body.
        bytes: usize,
    },
    /// Postgres refused.
    #[error("cannot write the outbox")]
    Store(#[source] sqlx::Error),
}

impl Outgoing {
    /// An event: the fact `T`, said by service `source`. It belongs to the current span's trace.
    pub fn event<T: proto::Fact>(source: &str, about: About, body: &T) -> Self {
        let relative = subject::event(T::DOMAIN, T::NAME, about.workspace);
        Self::new(T::TYPE, source, about, relative, body)
    }

    /// A command to the adapter of `provider`.
    pub fn access_command(
        provider: &str,
        source: &str,
        about: About,
        body: &proto::access::v1::AccessCommand,
    ) -> Self {
        let relative = subject::access_command(provider, about.workspace);
        Self::new("latchkey.access.v1.AccessCommand", source, about, relative, body)
    }

    /// A command about a user to the adapter of `provider`, among those about access.
    pub fn user_command(
        provider: &str,
        source: &str,
        about: About,
        body: &proto::access::v1::UserCommand,
    ) -> Self {
        let relative = subject::access_command(provider, about.workspace);
        Self::new(USER_COMMAND, source, about, relative, body)
    }

    /// A command about another way in to the adapter of `provider`, among those about access.
    pub fn way_in_command(
        provider: &str,
        source: &str,
        about: About,
        body: &proto::access::v1::WayInCommand,
    ) -> Self {
        let relative = subject::access_command(provider, about.workspace);
        Self::new(WAY_IN_COMMAND, source, about, relative, body)
    }

    fn new(
        type_name: &str,
        source: &str,
        about: About,
        relative_subject: String,
        body: &impl Serialize,
    ) -> Self {
        let id = EventId::new();
        Self {
            envelope: Envelope {
                id,
                type_name: type_name.to_owned(),
                source: format!("/latchkey/{source}"),
                subject: about.name,
                time: about.time,
                workspace: about.workspace,
                sequence: about.version,
                correlation: id.to_string(),
                causation: None,
                traceparent: trace::current(),
            },
            relative_subject,
            payload: serde_json::to_vec(body)
                .expect("generated messages have string keys, so they serialize"),
        }
    }

    /// Marks the message as caused by `cause`, and part of its story.
    #[must_use]
    pub fn caused_by(mut self, cause: &Envelope) -> Self {
        self.envelope.correlation.clone_from(&cause.correlation);
        self.envelope.causation = Some(cause.id.to_string());
        self
    }

    /// The message's id.
    pub fn id(&self) -> EventId {
        self.envelope.id
    }
}

/// Writes messages in the caller's transaction; they go out after its commit.
pub async fn append(conn: &mut PgConnection, messages: &[Outgoing]) -> Result<(), OutboxError> {
    if messages.is_empty() {
        return Ok(());
    }
    let mut ids = Vec::with_capacity(messages.len());
    let mut workspaces = Vec::with_capacity(messages.len());
    let mut subjects = Vec::with_capacity(messages.len());
    let mut headers = Vec::with_capacity(messages.len());
    let mut payloads = Vec::with_capacity(messages.len());
    for message in messages {
        if message.payload.len() > BODY_BYTES_MAX {
            return Err(OutboxError::TooLarge {
                type_name: message.envelope.type_name.clone(),
                bytes: message.payload.len(),
            });
        }
        ids.push(message.envelope.id.uuid());
        workspaces.push(message.envelope.workspace.uuid());
        subjects.push(message.relative_subject.as_str());
        headers.push(sqlx::types::Json(message.envelope.headers()));
        payloads.push(message.payload.as_slice());
    }
    sqlx::query(
        "insert into outbox (id, workspace_id, subject, headers, payload)
         select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::bytea[])",
    )
    .bind(ids)
    .bind(workspaces)
    .bind(subjects)
    .bind(headers)
    .bind(payloads)
    .execute(conn)
    .await
    .map_err(OutboxError::Store)?;
    Ok(())
}
