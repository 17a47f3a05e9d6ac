//! What is known of files, and links to them.

use chassis::paging::Page;
use domain::{FileId, PersonId, WorkspaceId};
use proto::storage::v1 as pb;

use super::App;
use crate::convert;
use crate::error::Error;
use crate::model::{Caller, File, Kind, State, disposition};
use crate::objects::Signed;
use crate::store::usage::Usage;
use crate::store::{file as store, usage};

impl App {
    /// What is known of a file that the caller may read, or sends.
    pub(crate) async fn get_file(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        id: FileId,
    ) -> Result<File, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let file = store::find(&mut tx, workspace, id).await?;
        file.filter(|file| caller.is(file.kind.rules().read, file.person)).ok_or(Error::FileNotFound(id))
    }

    /// Stored files of a kind.
    pub(crate) async fn list_files(
        &self,
        workspace: WorkspaceId,
        kind: Kind,
        person: Option<PersonId>,
        subject: &str,
        page: Page,
    ) -> Result<pb::ListFilesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, kind, person, subject, &page).await?;
        let next_page_token = page.finish(&mut rows, |file| file.id.uuid());
        let files = rows.iter().map(convert::file).collect();
        Ok(pb::ListFilesResponse { files, next_page_token })
    }

    /// A link to a stored file, or to a smaller version of a picture.
    pub(crate) async fn link(
        &self,
        workspace: WorkspaceId,
        caller: Caller,
        id: FileId,
        side: i32,
        is_shown: bool,
    ) -> Result<Signed, Error> {
        let file = self.get_file(workspace, caller, id).await?;
        if file.state != State::Stored {
            return Err(Error::NotStored(id));
        }
        if side != 0 && !file.thumbnail_sides.contains(&side) {
            return Err(Error::NoThumbnail(id, side));
        }
        let key = file.key((side != 0).then_some(side.cast_unsigned()));
        let name = file.title.ending_as(file.content_type);
        let disposition = disposition(&name, is_shown && file.content_type.is_shown);
        let seconds = self.files.link_seconds;
        Ok(self.objects()?.sign_get(&key, file.content_type.mime, &disposition, seconds).await?)
    }

    /// How much a workspace has.
    pub(crate) async fn usage(&self, workspace: WorkspaceId) -> Result<Usage, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        Ok(usage::find(&mut tx, workspace).await?)
    }
}
