//! Where grants lead, as the accounts say shortly before it is needed.

use std::collections::{BTreeMap, HashMap};

use chrono::Duration;
use domain::{GrantId, IntegrationId, Timestamp, WorkspaceId};
use proto::access::v1::AccessReason;
use sqlx::PgConnection;
use uuid::Uuid;

use super::App;
use super::preflight::GRANTS_MAX;
use super::roster::Freshness;
use crate::control::{Account, Failure};
use crate::error::Error;
use crate::model::{Grant, GrantFilter, TargetKind};
use crate::preflight::{DoorState, Doorway, Due, due, trouble};
use crate::store::{door, grant, preflight as store};

/// How old what is known of doors may be when a check is made.
const AHEAD: Freshness = Freshness { doors: Duration::minutes(1), groups: Duration::minutes(10) };
/// An account is not asked again for so long, however it answered: one that hangs holds up nobody else's checks.
const ASKED_LATELY: Duration = Duration::seconds(30);

/// Which accounts were asked for their doors lately, and what they answered instead, if they did.
#[derive(Debug, Default)]
pub(crate) struct AskedAhead(HashMap<IntegrationId, (Timestamp, Option<Failure>)>);

impl AskedAhead {
    fn failure(&self, account: IntegrationId) -> Option<&Failure> {
        self.0.get(&account).and_then(|(_, failure)| failure.as_ref())
    }
}

impl App {
    /// Asks the accounts to whose doors what is due for a check leads how these stand.
    pub(super) async fn ask_ahead(
        &self,
        asked: &mut AskedAhead,
        now: Timestamp,
        limit: u16,
    ) -> Result<(), Error> {
        asked.0.retain(|_, (at, _)| *at <= now && now < *at + ASKED_LATELY);
        let mut tx = self.platform.begin().await?;
        let mut groups: BTreeMap<Account, Vec<String>> = BTreeMap::new();
        for (source, window) in store::due(&mut tx, now, limit).await? {
            if !matches!(due(window, now), Due::Check(_)) {
                continue;
            }
            let workspace = source.workspace;
            let filter = GrantFilter { source: Some(source), ..Default::default() };
            let grants = grant::list(&mut tx, workspace, &filter, Uuid::nil(), GRANTS_MAX).await?;
            for (grant, account) in serving(&mut tx, workspace, &grants).await? {
                let groups = groups.entry(account).or_default();
                let target = &grant.target;
                groups.extend((target.kind == TargetKind::Group).then(|| target.provider_ref.clone()));
            }
        }
        tx.commit().await?;
        groups.retain(|account, _| !asked.0.contains_key(&account.id));
        let asking = groups.iter_mut().map(|(account, groups)| async {
            groups.sort_unstable();
            groups.dedup();
            (account.id, self.freshen(account, groups, AHEAD).await)
        });
        for (account, answered) in futures::future::join_all(asking).await {
            asked.0.insert(account, (now, answered?));
        }
        Ok(())
    }
}

/// Why doors to which these grants lead may not let people in, whatever the ledger says.
pub(super) async fn troubles(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    grants: &[Grant],
    asked: &AskedAhead,
    now: Timestamp,
) -> Result<HashMap<GrantId, (AccessReason, String)>, Error> {
    let served = serving(conn, workspace, grants).await?;
    let mut accounts: Vec<_> = served.iter().map(|(_, account)| account.id).collect();
    accounts.sort_unstable();
    accounts.dedup();
    let listed_at = door::listed_at(conn, workspace, &accounts).await?;
    let known = door::known(conn, workspace, &accounts).await?;
    let known: HashMap<_, _> =
        known.iter().map(|door| ((door.account_id, door.door_ref.as_str()), door)).collect();
    let opened = door::groups(conn, workspace, &accounts).await?;
    let opened: HashMap<_, _> =
        opened.iter().map(|(account, group, doors)| ((*account, group.as_str()), doors)).collect();
    let state = |key: (Uuid, &str)| {
        known.get(&key).map(|door| DoorState { name: &door.name, is_online: door.state.is_online })
    };
    let trouble = |(grant, account): (&Grant, Account)| {
        let id = account.id.uuid();
        let target = &grant.target;
        let doors: Vec<_> = match target.kind {
            TargetKind::Lock => vec![state((id, &target.provider_ref))],
            TargetKind::Group => {
                let doors = opened.get(&(id, target.provider_ref.as_str()));
                doors.into_iter().flat_map(|doors| doors.iter()).map(|door| state((id, door))).collect()
            }
        };
        let refusal = asked.failure(account.id).map(|it| (it.reason, it.detail.as_str()));
        let doorway = Doorway { refusal, listed_at: listed_at.get(&id).copied(), doors: &doors };
        Some((grant.id, trouble(doorway, now)?))
    };
    Ok(served.into_iter().filter_map(trouble).collect())
}

/// The accounts that serve grants. One whose location was given another integration since is left out until its grant
/// follows.
async fn serving<'a>(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    grants: &'a [Grant],
) -> Result<Vec<(&'a Grant, Account)>, Error> {
    let places: Vec<_> =
        grants.iter().map(|grant| (grant.target.provider.clone(), grant.target.location)).collect();
    let serving = door::serving(conn, workspace, &places).await?;
    let of = |(grant, serving): (&'a Grant, Option<door::Serving>)| {
        let account = serving?.account;
        (account.served_by == grant.served_by).then_some((grant, account))
    };
    Ok(grants.iter().zip(serving).filter_map(of).collect())
}
