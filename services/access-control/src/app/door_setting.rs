//! What admins say of a door, in place of its provider.

use std::time::Duration;

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::input::Input;
use domain::WorkspaceId;
use proto::access::v1 as pb;

use super::App;
use super::roster::Freshness;
use crate::doors::{Wish, can};
use crate::error::Error;
use crate::facts::SOURCE;
use crate::model::{DoorSetting, Target};
use crate::store::{door, door_setting as store};
use crate::{audit, convert};

/// How old what is known of a door may be that something is said of.
const TO_BE_SET: Freshness =
    Freshness { doors: chrono::Duration::hours(24), groups: chrono::Duration::hours(24) };

impl App {
    /// Has this said of a door in place of what was said before.
    pub(crate) async fn set_door_settings(
        &self,
        workspace: WorkspaceId,
        at: &Target,
        setting: &DoorSetting,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::SetDoorSettingsResponse, Error> {
        let account = self.account_of(workspace, at).await?;
        self.freshen(&account, &[], TO_BE_SET).await?;
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let known = door::known(change.conn(), workspace, &[account.id]).await?;
        let found = known.into_iter().find(|door| door.door_ref == at.provider_ref);
        let found = found.ok_or_else(|| Error::DoorNotFound(at.provider_ref.clone()))?;
        let now = self.clock.now();
        let length =
            setting.pulse_ms.and_then(|millis| u64::try_from(millis).ok()).map(Duration::from_millis);
        if length.is_some() && !can(&found.abilities, Wish::Open(length), now) {
            let mut input = Input::new();
            input.refuse("door_settings.pulse_duration", "must be a length that the door can be told");
            input.finish()?;
        }
        let before = store::find(change.conn(), &account, &at.provider_ref).await?;
        store::replace(change.conn(), &account, &at.provider_ref, setting).await?;
        audit::door_setting(author, at, workspace, &before, setting, now)
            .record(SOURCE, change.conn())
            .await?;
        let door_settings = Some(convert::door_settings(workspace, at, setting));
        Ok(change.commit(pb::SetDoorSettingsResponse { door_settings }).await?)
    }
}
