//! Logins by which people's own phones open doors, for them alone.

use chassis::audit::Author;
use domain::names::PersonName;
use domain::{LocationId, WorkspaceId};
use proto::access::v1 as pb;

use super::App;
use super::explain::standing;
use super::operate::Caller;
use crate::audit;
use crate::error::Error;
use crate::explain::Standing;
use crate::facts::SOURCE;
use crate::store::door;

impl App {
    /// Makes one for the caller at the provider that serves a location, if they are of the workspace and not paused.
    /// Who has no access there is unknown to the provider.
    pub(crate) async fn create_login(
        &self,
        workspace: WorkspaceId,
        (provider, location): (String, LocationId),
        device_name: &str,
        caller: &Caller,
        author: &Author,
    ) -> Result<pb::MobileLogin, Error> {
        let person = caller.person.ok_or(Error::NotAPerson)?;
        let mut tx = self.pool.begin(workspace).await?;
        match standing(&mut tx, workspace, person).await? {
            Standing::Active => {}
            Standing::NotActive => return Err(Error::PersonNotActive(person)),
            Standing::Unknown => return Err(Error::PersonNotFound(person)),
        }
        let serving = door::serving(&mut tx, workspace, &[(provider.clone(), location)]).await?;
        tx.commit().await?;
        let serving = serving.into_iter().flatten().find(|serving| serving.is_followed);
        let account = serving.ok_or_else(|| Error::NotServed(provider.clone()))?.account;
        let name = PersonName { workspace, id: person };
        let login = self.adapters.create_login(&account, &name.to_string(), device_name).await;
        let login = login.map_err(|failure| {
            // What the provider said is for staff.
            tracing::warn!(reason = ?failure.reason, detail = failure.detail, "no login was made");
            Error::Provider(failure.reason)
        })?;
        // Nobody has its secrets without an entry.
        let mut tx = self.pool.begin(workspace).await?;
        audit::login(author, name, &provider, &login.r#ref, self.clock.now()).record(SOURCE, &mut tx).await?;
        tx.commit().await?;
        Ok(login)
    }
}
