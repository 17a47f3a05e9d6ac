//! UniFi Access as a door provider.

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::names::IntegrationName;
use domain::{Clock, Timestamp, Window};
use door_adapter::{
    AccessRequest, Account, AccountInfo, Applied, ApplyError, Capabilities, DoorEvent, DoorProvider,
    DoorSecret, ErrorKind, Finding, Listed, Place, Problem, ProviderError, Right, Target, TargetKind,
    UserApplied, UserRequest, UserState, UserWish,
};
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use sealing::Keys;
use sqlx::PgConnection;

use crate::access::{Access, Granted};
use crate::members::{Members, without_users};
use crate::roll::Roll;
use crate::store::{Change, Ledger};
use crate::survey::{self, Survey};
use crate::vendor::wire::BUILDING;
use crate::vendor::{Console, Line, TOKEN, Unifi};
use crate::webhooks::Webhooks;
use crate::{log, member, roll};

/// UniFi Access, for all accounts of a process. Cheap to clone.
#[derive(Clone)]
pub struct UnifiProvider {
    unifi: Arc<Unifi>,
    pub(crate) ledger: Ledger,
    clock: Arc<dyn Clock>,
    /// What PINs of users are sealed with.
    keys: Arc<Keys>,
    pub(crate) webhooks: Option<Webhooks>,
}

impl UnifiProvider {
    /// Consoles with a ledger in this service's schema.
    pub fn new(unifi: Unifi, pool: WorkspacePool, clock: Arc<dyn Clock>, keys: Arc<Keys>) -> Self {
        Self { unifi: Arc::new(unifi), ledger: Ledger::new(pool), clock, keys, webhooks: None }
    }

    /// The same, with consoles that report to us.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Option<Webhooks>) -> Self {
        Self { webhooks, ..self }
    }

    pub(crate) fn open(&self, account: &Account, line: Line) -> Result<Console, ProviderError> {
        self.unifi.console(account, account.trust()?, line)
    }

    fn access<'a>(
        &'a self,
        console: &'a Console,
        account: IntegrationName,
        request: &'a AccessRequest,
        changes: &'a mut Vec<Change>,
    ) -> Access<'a> {
        Access { ledger: &self.ledger, console, account, request, changes, has_changed: false }
    }

    pub(crate) fn members<'a>(&'a self, console: &'a Console, account: IntegrationName) -> Members<'a> {
        Members { ledger: &self.ledger, console, account, keys: &self.keys, has_changed: false }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The console's buildings and doors. A token that can read them, and yet not do its work, is refused, too.
    async fn look(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let console = self.unifi.console(account, account.trust_in_checks(), Line::Work)?;
        let needs = |permission| move |error| lacks(error, permission);
        let (groups, certificate) = console.list_groups().await.map_err(needs("view:space"))?;
        let doors = console.list_doors().await.map_err(needs("view:space"))?;
        console.list_visitors(1).await.map_err(needs("view:visitor"))?;
        console.try_to_edit_visitors().await.map_err(needs("edit:visitor"))?;
        console.try_to_operate_doors().await.map_err(needs("edit:space"))?;
        console.generate_pin().await.map_err(needs("view:credential"))?;
        let mut buildings: Vec<_> = groups.into_iter().filter(|group| group.r#type == BUILDING).collect();
        buildings.sort_by(|a, b| a.id.cmp(&b.id));
        let first = buildings.into_iter().next();
        let (account_ref, display_name) =
            first.map_or_else(Default::default, |building| (building.id, building.name));
        let names: Vec<String> = doors.into_iter().map(|door| door.name).collect();
        Ok(AccountInfo {
            account_ref,
            display_name,
            findings: vec![Finding { kind: "door", count: names.len(), names }],
            certificate,
        })
    }
}

fn applied(window: Window, granted: Granted) -> Applied {
    Applied {
        window: Some(window),
        provider_ref: Some(granted.provider_ref),
        secret: granted.pin.map(DoorSecret::Pin),
        was_asked: true,
    }
}

/// What has changed something at the console, and failed then, may have had an effect.
fn of_changed<T>(result: Result<T, ApplyError>, has_changed: bool) -> Result<T, ApplyError> {
    match result {
        Err(ApplyError::Provider(error)) if has_changed => Err(error.with_unknown_outcome().into()),
        result => result,
    }
}

/// A token that the console knows, without the permission.
fn lacks(error: ProviderError, permission: &str) -> ProviderError {
    if error.kind != ErrorKind::Unauthorized {
        return error;
    }
    let reason =
        format!("{}; the API token must be valid and have the permission {permission}", error.reason);
    error.meaning(ErrorKind::Unauthorized, reason)
}

/// What came of a grant after which something else was to be taken back. If that failed, nobody is told the grant's new
/// PIN: it does not count as given, so that the next try gives one.
fn once_told<T>(
    revoked: Result<(), ApplyError>,
    granted: Result<T, ApplyError>,
    changes: &mut Vec<Change>,
    before: usize,
) -> Result<T, ApplyError> {
    if revoked.is_err() {
        changes.truncate(before);
    }
    revoked.and(granted)
}

impl DoorProvider for UnifiProvider {
    const NAME: &'static str = "unifi";
    const DISPLAY_NAME: &'static str = "UniFi Access";

    type Change = Change;

    /// People are visitors, one for each grant, but for what has no end: for that alone there are users.
    fn capabilities(&self) -> Capabilities {
        Capabilities { has_groups: true, has_locks: true, has_users: false, has_log: true }
    }

    async fn check(&self, account: &Account) -> Result<AccountInfo, Problem> {
        self.look(account).await.map_err(|error| Problem::of(&error, TOKEN))
    }

    async fn list_places(&self, account: &Account) -> Result<Vec<Place>, ProviderError> {
        let (groups, _) = self.open(account, Line::Work)?.list_groups().await?;
        let buildings = groups.into_iter().filter(|group| group.r#type == BUILDING);
        Ok(buildings.map(|it| Place { provider_ref: it.id, display_name: it.name }).collect())
    }

    async fn list_targets(&self, account: &Account) -> Result<Vec<Listed>, ProviderError> {
        let console = self.open(account, Line::Work)?;
        let (groups, _) = console.list_groups().await?;
        let doors = console.list_doors().await?;
        let listed = |kind, provider_ref, display_name, warnings| Listed {
            target: Target { kind, provider_ref, display_name },
            warnings,
        };
        let groups = groups.into_iter().map(|it| listed(TargetKind::Group, it.id, it.name, Vec::new()));
        let doors = doors.into_iter().map(|door| {
            let warning = "no hub is bound to this door, so nothing opens it: bind one at the console";
            let warnings = if door.is_bind_hub { Vec::new() } else { vec![warning.to_owned()] };
            listed(TargetKind::Lock, door.id, door.name, warnings)
        });
        Ok(Listed::in_order(groups.chain(doors).collect()))
    }

    async fn apply(
        &self,
        account: &Account,
        request: &AccessRequest,
        changes: &mut Vec<Change>,
    ) -> Result<Applied, ApplyError> {
        let (name, now) = (account.integration, self.clock.now());
        let known = self.ledger.read(name, request.grant).await?;
        let standing = self.ledger.standing(name, request.grant).await?;
        let wanted = request.window.filter(|window| window.end() > now);
        let nothing = |was_asked| Applied { window: None, provider_ref: None, secret: None, was_asked };
        if wanted.is_none() && known.is_none() && standing.is_none() {
            return Ok(nothing(false));
        }
        let console = self.open(account, Line::Work)?;
        let mut members = self.members(&console, name);
        let before = changes.len();
        let is_standing = !request.is_guest && wanted.is_some_and(|window| member::is_standing(window, now));
        let can_be_user = match wanted {
            // What is taken back is tried, whatever the token may do.
            None => standing.is_some(),
            Some(_) => (is_standing || standing.is_some()) && members.can_be().await?,
        };
        if let (true, true, Some(window)) = (is_standing, can_be_user, wanted) {
            let granted = members.grant(request, standing.as_ref(), window, changes).await;
            let mut done = granted.map_err(without_users);
            let mut has_changed = members.has_changed;
            // Now that they are let in as a user.
            if let (Ok(_), Some(known)) = (&done, known) {
                let mut access = self.access(&console, name, request, changes);
                let revoked = access.revoke(&known).await;
                has_changed |= access.has_changed;
                done = once_told(revoked, done, changes, before);
            }
            return of_changed(done.map(|granted| applied(window, granted)), has_changed);
        }
        let mut access = self.access(&console, name, request, changes);
        let mut done = match (wanted, known) {
            (None, None) => Ok(nothing(false)),
            (None, Some(known)) => access.revoke(&known).await.map(|()| nothing(true)),
            (Some(window), known) => {
                access.grant(known.as_ref(), window).await.map(|granted| applied(window, granted))
            }
        };
        let mut has_changed = access.has_changed;
        // Now that they are let in as a visitor, or not at all. What can't be taken back from who may enter stays.
        if let (Ok(applied), Some(standing)) = (&mut done, standing)
            && (can_be_user || wanted.is_none())
        {
            applied.was_asked = true;
            let revoked = members.revoke(&standing, changes).await.map_err(without_users);
            has_changed |= members.has_changed;
            done = once_told(revoked, done, changes, before);
        }
        of_changed(done, has_changed)
    }

    /// Whoever has no grant without an end has no user.
    async fn set_user(&self, account: &Account, request: &UserRequest) -> Result<UserApplied, ApplyError> {
        let (name, person) = (account.integration, request.person.id);
        if request.wish != UserWish::InUse && self.ledger.has_access(name, person, self.clock.now()).await? {
            let reason = "the person has access at the console, so they stay";
            return Err(ProviderError::new(ErrorKind::Conflict, reason).into());
        }
        if self.ledger.user(name, person).await?.is_none() {
            let is_in_use = request.wish == UserWish::InUse;
            let state = if is_in_use { UserState::InUse } else { UserState::Absent };
            return Ok(UserApplied { state, was_asked: false });
        }
        let console = self.open(account, Line::Work)?;
        let mut members = self.members(&console, name);
        let state = members.set(person, request.wish).await.map_err(without_users);
        of_changed(state.map(|state| UserApplied { state, was_asked: true }), members.has_changed)
    }

    fn survey<'a>(
        &'a self,
        account: &'a Account,
        targets: &'a [Target],
    ) -> impl Stream<Item = Result<Vec<Right>, ApplyError>> + Send + 'a {
        let opened = async move {
            let console = self.open(account, Line::Work)?;
            let name = account.integration;
            let survey = Survey::new(&self.ledger, console.clone(), name, targets, self.clock.now());
            let visitors = stream::try_unfold(survey, |mut survey| async move {
                Ok::<_, ApplyError>(survey.read_on().await?.map(|page| (page, survey)))
            });
            let roll = Roll::new(&self.ledger, console, name, targets);
            let users = stream::try_unfold(roll, |mut roll| async move {
                Ok::<_, ApplyError>(roll.read_on().await?.map(|page| (page, roll)))
            });
            Ok::<_, ApplyError>(visitors.chain(users))
        };
        stream::once(opened).try_flatten()
    }

    async fn remove(&self, account: &Account, right: &Right) -> Result<(), ApplyError> {
        let console = self.open(account, Line::Work)?;
        if member::of_right(&right.provider_ref).is_some() {
            return roll::remove(&mut self.members(&console, account.integration), right).await;
        }
        survey::remove(&self.ledger, &console, account.integration, right).await
    }

    async fn tend(&self, account: &Account) -> Result<(), ApplyError> {
        match &self.webhooks {
            Some(webhooks) => self.tend_webhook(account, webhooks).await,
            None => Ok(()),
        }
    }

    fn read_log<'a>(
        &'a self,
        account: &'a Account,
        window: Window,
    ) -> impl Stream<Item = Result<Vec<DoorEvent>, ApplyError>> + Send + 'a {
        stream::once(async move {
            let console = self.open(account, Line::Work)?;
            log::read(&self.ledger, &console, account.integration, window).await
        })
    }

    async fn record(&self, conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        Ledger::record(conn, changes).await
    }
}
