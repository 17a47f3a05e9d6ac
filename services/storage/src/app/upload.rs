//! Uploads: begun, and completed.

use chassis::idempotency::{self, Change, Intent};
use chrono::Duration;
use domain::{FileId, WorkspaceId};
use events::outbox;
use proto::storage::v1 as pb;

use super::App;
use super::take::Sent;
use crate::error::Error;
use crate::facts;
use crate::model::{Caller, File, NewFile, Refusal, Removal, State, Stored};
use crate::objects::Signed;
use crate::store::{file as store, usage};

/// A file that can be sent.
pub(crate) struct Begun {
    pub file: File,
    pub upload: Signed,
}

/// What came of a look at what was sent.
enum Looked {
    Stored(Stored),
    Refused(Refusal),
    /// It is to be tried again.
    Not(Error),
}

impl App {
    /// Begins to upload a file of so many bytes.
    pub(crate) async fn start_upload(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        new: NewFile,
        size_bytes: i64,
        intent: Option<Intent>,
    ) -> Result<Begun, Error> {
        let objects = self.objects()?;
        let file = self.begin(workspace, caller, new, size_bytes, intent).await?;
        let (key, mime) = (file.staging_key(), file.content_type.mime);
        let upload = objects.sign_put(&key, mime, file.size_bytes, self.files.upload_seconds).await?;
        Ok(Begun { file, upload })
    }

    /// Stores a small file at once.
    pub(crate) async fn put_file(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        new: NewFile,
        content: bytes::Bytes,
        intent: Option<Intent>,
    ) -> Result<File, Error> {
        self.objects()?;
        let size_bytes = i64::try_from(content.len()).unwrap_or(i64::MAX);
        let file = self.begin(workspace, caller, new, size_bytes, intent).await?;
        self.look_at(file, Sent::Whole(content)).await
    }

    /// Has what was sent looked at, and stores it.
    pub(crate) async fn complete_upload(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        id: FileId,
    ) -> Result<File, Error> {
        self.objects()?;
        let mut tx = self.pool.begin(workspace).await?;
        let file = store::find(&mut tx, workspace, id).await?.ok_or(Error::FileNotFound(id))?;
        drop(tx);
        let is_theirs = caller.speaks_for(file.person) && caller.is(file.kind.rules().put, file.person);
        if !is_theirs || file.state == State::Removed {
            return Err(Error::FileNotFound(id));
        }
        self.look_at(file, Sent::Staged).await
    }

    /// Writes the row, with what is said, or finds the one that was written for the same request.
    async fn begin(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        new: NewFile,
        size_bytes: i64,
        intent: Option<Intent>,
    ) -> Result<File, Error> {
        if !caller.is(new.kind.rules().put, new.person) {
            return Err(Error::KindNotYours(new.kind, "put"));
        }
        if let Some(former) = new.replaces {
            self.check_replaced(workspace, caller, &new, former).await?;
        }
        let change = Change::begin::<pb::File>(self.pool.begin(workspace).await?, intent).await?;
        let mut change = match change {
            idempotency::Begun::Fresh(change) => change,
            // Of the answer the name alone is of use: the link is signed anew.
            idempotency::Begun::Known(answer) => return self.begun_before(workspace, &answer).await,
        };
        let time_to_send = Duration::seconds(self.files.upload_seconds.into());
        let file = File::started(workspace, new, size_bytes, time_to_send, self.clock.now());
        let usage = usage::add(change.conn(), &file).await?;
        if usage.used_bytes > self.files.quota_bytes {
            let quota = self.files.quota_bytes;
            return Err(Error::QuotaExceeded { used: usage.used_bytes, quota });
        }
        store::insert(change.conn(), &file).await?;
        change.commit(crate::convert::file(&file)).await?;
        Ok(file)
    }

    async fn begun_before(&self, workspace: WorkspaceId, answer: &pb::File) -> Result<File, Error> {
        let domain::names::FileName { id, .. } =
            answer.name.parse().map_err(|_| Error::FileNotFound(FileId::new()))?;
        let mut tx = self.pool.begin(workspace).await?;
        store::find(&mut tx, workspace, id).await?.ok_or(Error::FileNotFound(id))
    }

    async fn check_replaced(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        new: &NewFile,
        former: FileId,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let former = store::find(&mut tx, workspace, former).await?.ok_or(Error::FileNotFound(former))?;
        let rules = former.kind.rules();
        if !caller.is(rules.read, former.person) {
            return Err(Error::FileNotFound(former.id));
        }
        if !caller.is(rules.delete, former.person) {
            return Err(Error::KindNotYours(former.kind, "replace"));
        }
        if former.kind != new.kind {
            return Err(Error::ReplacesAnotherKind(former.id));
        }
        Ok(())
    }

    /// Looks at what was sent, if nobody else does, and takes down what came of it.
    async fn look_at(&self, file: File, sent: Sent) -> Result<File, Error> {
        let (workspace, id) = (file.workspace, file.id);
        let mut tx = self.pool.begin(workspace).await?;
        let now = self.clock.now();
        let file = store::find_for_update(&mut tx, workspace, id).await?.ok_or(Error::FileNotFound(id))?;
        match (file.state, file.refusal) {
            (State::Stored, _) => return Ok(file),
            (State::Refused, Some(refusal)) => return Err(Error::Refused(id, refusal)),
            (State::Removed, _) => return Err(Error::FileNotFound(id)),
            _ if !file.can_be_checked(now) => return Err(Error::UploadUnderCheck(id)),
            _ => {}
        }
        let file = file.checking(now);
        store::update(&mut tx, &file).await?;
        tx.commit().await?;

        // On the heap: it is a large one.
        let looked = match Box::pin(self.take(&file, sent)).await {
            Ok(Ok(stored)) => Looked::Stored(stored),
            Ok(Err(refusal)) => Looked::Refused(refusal),
            Err(error) => Looked::Not(error),
        };
        let after = self.note(&file, looked).await?;
        // What is left over is removed by the sweep otherwise.
        self.clear_quietly(&[file.staging_key().to_string()]).await;
        Ok(after)
    }

    /// Takes down what came of a look, unless somebody else has taken the file over meanwhile.
    async fn note(&self, looked_at: &File, looked: Looked) -> Result<File, Error> {
        let (workspace, id) = (looked_at.workspace, looked_at.id);
        let mut tx = self.pool.begin(workspace).await?;
        let now = self.clock.now();
        let before = store::find_for_update(&mut tx, workspace, id).await?.ok_or(Error::FileNotFound(id))?;
        if before.version != looked_at.version {
            return Err(Error::UploadUnderCheck(id));
        }
        let (after, outcome) = match looked {
            Looked::Stored(stored) => (before.clone().stored(stored, now), Ok(())),
            Looked::Refused(why) => (before.clone().refused(why, now), Err(Error::Refused(id, why))),
            Looked::Not(error) => (before.clone().sent_again(now), Err(error)),
        };
        store::update(&mut tx, &after).await?;
        usage::change(&mut tx, &before, &after).await?;
        let mut replaced = None;
        if outcome.is_ok() {
            replaced = self.replace(&mut tx, &after).await?;
            outbox::append(&mut tx, &[facts::stored(&after)]).await?;
        }
        tx.commit().await?;
        if let Some(former) = replaced {
            self.clear(&former).await;
        }
        outcome.map(|()| after)
    }

    /// Removes the file whose place this one takes, if it is there.
    async fn replace(&self, conn: &mut sqlx::PgConnection, after: &File) -> Result<Option<File>, Error> {
        let Some(former) = after.replaces else { return Ok(None) };
        let former = store::find_for_update(conn, after.workspace, former).await?;
        match former.filter(|former| former.state == State::Stored) {
            Some(former) => Ok(Some(self.remove(conn, former, Removal::Replaced).await?)),
            None => Ok(None),
        }
    }
}
