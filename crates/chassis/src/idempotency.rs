//! The same request twice is one change: `request_id` remembers the answer in the transaction of the
//! change.

use domain::WorkspaceId;
use prost::Message;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::auth::Principal;
use crate::error::{Class, Classify, store_class};
use crate::input::{Input, InvalidInput};

/// Characters that a `request_id` has at most.
const REQUEST_ID_CHARS_MAX: usize = 100;

/// One intent of one caller.
#[derive(Debug, Clone)]
pub struct Intent {
    workspace: WorkspaceId,
    principal: String,
    method: &'static str,
    request_id: String,
    fingerprint: Vec<u8>,
}

/// Why an intent is refused.
#[derive(Debug, thiserror::Error)]
pub enum IntentError {
    /// The key was used for something else.
    #[error("request_id {0:?} was used with another request; use a new one for a new intent")]
    Reused(String),
    /// Postgres refused.
    #[error("cannot remember the request")]
    Store(#[from] sqlx::Error),
}

impl Classify for IntentError {
    fn class(&self) -> Class {
        match self {
            Self::Reused(_) => Class::StateForbids,
            Self::Store(error) => store_class(error),
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Reused(_) => "REQUEST_ID_REUSED",
            Self::Store(_) => "STORE",
        }
    }
}

impl Intent {
    /// The intent of a request; `None` if it has no `request_id` and is new each time. The fingerprint
    /// is a hash of the whole request. A `request_id` is at most 100 printable characters.
    pub fn of(
        principal: &Principal,
        workspace: WorkspaceId,
        method: &'static str,
        request_id: &str,
        request: &impl Message,
    ) -> Result<Option<Self>, InvalidInput> {
        if request_id.is_empty() {
            return Ok(None);
        }
        let mut input = Input::new();
        input.optional_text("request_id", request_id, REQUEST_ID_CHARS_MAX);
        input.finish()?;
        Ok(Some(Self {
            workspace,
            principal: principal.id.clone(),
            method,
            request_id: request_id.to_owned(),
            fingerprint: Sha256::digest(request.encode_to_vec()).to_vec(),
        }))
    }

    /// Claims the key, or gives the answer that it got before. A second caller with the same key waits
    /// here until the first has committed.
    async fn claim<R: Message + Default>(&self, conn: &mut PgConnection) -> Result<Option<R>, IntentError> {
        let inserted = sqlx::query(
            "insert into request (workspace_id, principal, method, request_id, fingerprint)
             values ($1, $2, $3, $4, $5) on conflict do nothing",
        )
        .bind(self.workspace.uuid())
        .bind(&self.principal)
        .bind(self.method)
        .bind(&self.request_id)
        .bind(&self.fingerprint)
        .execute(&mut *conn)
        .await?
        .rows_affected();
        if inserted == 1 {
            return Ok(None);
        }
        let (fingerprint, response): (Vec<u8>, Option<Vec<u8>>) = sqlx::query_as(
            "select fingerprint, response from request
             where workspace_id = $1 and principal = $2 and method = $3 and request_id = $4",
        )
        .bind(self.workspace.uuid())
        .bind(&self.principal)
        .bind(self.method)
        .bind(&self.request_id)
        .fetch_one(conn)
        .await?;
        match response.map(|bytes| R::decode(bytes.as_slice())) {
            Some(Ok(response)) if fingerprint == self.fingerprint => Ok(Some(response)),
            _ => Err(IntentError::Reused(self.request_id.clone())),
        }
    }

    async fn remember(&self, conn: &mut PgConnection, response: &impl Message) -> Result<(), IntentError> {
        sqlx::query(
            "update request set response = $5
             where workspace_id = $1 and principal = $2 and method = $3 and request_id = $4",
        )
        .bind(self.workspace.uuid())
        .bind(&self.principal)
        .bind(self.method)
        .bind(&self.request_id)
        .bind(response.encode_to_vec())
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// A change under way: its transaction, and the intent that it answers.
#[derive(Debug)]
pub struct Change {
    tx: Transaction<'static, Postgres>,
    intent: Option<Intent>,
}

/// Where a request stands.
#[derive(Debug)]
pub enum Begun<R> {
    /// Not done yet: do it.
    Fresh(Change),
    /// Done before: this was the answer.
    Known(R),
}

impl Change {
    /// Claims the intent in a transaction that was just begun.
    pub async fn begin<R: Message + Default>(
        mut tx: Transaction<'static, Postgres>,
        intent: Option<Intent>,
    ) -> Result<Begun<R>, IntentError> {
        if let Some(intent) = &intent
            && let Some(answer) = intent.claim(&mut tx).await?
        {
            return Ok(Begun::Known(answer));
        }
        Ok(Begun::Fresh(Self { tx, intent }))
    }

    /// The transaction's connection.
    pub fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Remembers the answer and commits. A change that is dropped instead leaves nothing behind, not
    /// even its key.
    pub async fn commit<R: Message>(mut self, answer: R) -> Result<R, IntentError> {
        if let Some(intent) = &self.intent {
            intent.remember(&mut self.tx, &answer).await?;
        }
        self.tx.commit().await?;
        Ok(answer)
    }
}

/// Requests are remembered for this long.
pub const RETENTION: chrono::Duration = chrono::Duration::days(3);

/// Forgets old requests. Returns how many.
pub async fn sweep(conn: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let old = sqlx::query("delete from request where created_at < now() - $1::interval")
        .bind(RETENTION)
        .execute(conn)
        .await?;
    Ok(old.rows_affected())
}
