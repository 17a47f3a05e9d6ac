//! The ledger as operators read it, and the addresses that get nothing more.

use chassis::audit::Author;
use chassis::paging::Page;
use domain::WorkspaceId;
use domain::names::{MessageName, WorkspaceName};

use super::App;
use crate::error::Error;
use crate::model::{Channel, Entry, Filter, Suppression, SuppressionReason, Trail};
use crate::store::report::Noted;
use crate::store::{ledger, report, suppression};

impl App {
    /// One page of a workspace's messages, and the token of the next.
    pub(crate) async fn list(
        &self,
        workspace: WorkspaceId,
        filter: &Filter,
        is_newest_first: bool,
        page: Page,
    ) -> Result<(Vec<Entry>, String), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = ledger::list(&mut tx, workspace, filter, is_newest_first, &page).await?;
        let next_page_token = page.finish(&mut rows, |entry| entry.key.id.uuid());
        Ok((rows, next_page_token))
    }

    /// A message, and what was reported of it.
    pub(crate) async fn message(&self, name: MessageName) -> Result<(Trail, Vec<Noted>), Error> {
        let mut tx = self.pool.begin(name.workspace).await?;
        let trail = ledger::find(&mut tx, name).await?.ok_or(Error::MessageNotFound(name.id))?;
        Ok((trail, report::list(&mut tx, name).await?))
    }

    /// One page of the addresses that get nothing more.
    pub(crate) async fn list_suppressions(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<(Vec<Suppression>, String), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = suppression::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |suppression| suppression.id);
        Ok((rows, next_page_token))
    }

    /// Whether the person themselves does not want what is sent to an address.
    pub(crate) async fn check_suppression(
        &self,
        workspace: WorkspaceId,
        (channel, address): &(Channel, String),
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let reasons = suppression::of_address(&mut tx, workspace, *channel, address).await?;
        match reasons.iter().find(|reason| reason.is_wish()) {
            Some(wish) => Err(Error::SuppressedByPerson(*wish)),
            None => Ok(()),
        }
    }

    /// Has an address get messages again from which they came back.
    pub(crate) async fn lift_suppression(
        &self,
        workspace: WorkspaceId,
        (channel, address): &(Channel, String),
        author: &Author,
    ) -> Result<(), Error> {
        let mut tx = self.pool.begin(workspace).await?;
        if suppression::lift(&mut tx, workspace, *channel, address).await? {
            let subject = format!("{}/suppressions", WorkspaceName(workspace));
            author
                .changes(workspace, subject, self.clock.now())
                .private("address", Some(address), None)
                .field("reason", Some(SuppressionReason::Bounced), None)
                .record(crate::DEFINITION.name, &mut tx)
                .await?;
        }
        Ok(tx.commit().await?)
    }
}
