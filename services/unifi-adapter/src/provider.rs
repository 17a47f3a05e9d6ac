//! UniFi Access as a door provider.

use std::sync::Arc;

use chassis::postgres::WorkspacePool;
use domain::{Clock, Timestamp, Window};
use door_adapter::{
    AccessRequest, Account, AccountInfo, Applied, ApplyError, Capabilities, DoorEvent, DoorProvider,
    DoorSecret, ErrorKind, Finding, Listed, Place, Problem, ProviderError, Right, Target, TargetKind,
    UserApplied, UserRequest, UserState, UserWish,
};
use futures::{Stream, TryStreamExt as _, stream};
use sqlx::PgConnection;

use crate::access::Access;
use crate::log;
use crate::store::{Change, Ledger};
use crate::survey::{self, Survey};
use crate::vendor::wire::BUILDING;
use crate::vendor::{Console, Line, TOKEN, Unifi};
use crate::webhooks::Webhooks;

/// UniFi Access, for all accounts of a process. Cheap to clone.
#[derive(Clone)]
pub struct UnifiProvider {
    unifi: Arc<Unifi>,
    pub(crate) ledger: Ledger,
    clock: Arc<dyn Clock>,
    pub(crate) webhooks: Option<Webhooks>,
}

impl UnifiProvider {
    /// Consoles with a ledger in this service's schema.
    pub fn new(unifi: Unifi, pool: WorkspacePool, clock: Arc<dyn Clock>) -> Self {
        Self { unifi: Arc::new(unifi), ledger: Ledger::new(pool), clock, webhooks: None }
    }

    /// The same, with consoles that report to us.
    #[must_use]
    pub fn with_webhooks(self, webhooks: Option<Webhooks>) -> Self {
        Self { webhooks, ..self }
    }

    pub(crate) fn open(&self, account: &Account, line: Line) -> Result<Console, ProviderError> {
        self.unifi.console(account, account.trust()?, line)
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

/// A token that the console knows, without the permission.
fn lacks(error: ProviderError, permission: &str) -> ProviderError {
    if error.kind != ErrorKind::Unauthorized {
        return error;
    }
    let reason =
        format!("{}; the API token must be valid and have the permission {permission}", error.reason);
    error.meaning(ErrorKind::Unauthorized, reason)
}

impl DoorProvider for UnifiProvider {
    const NAME: &'static str = "unifi";
    const DISPLAY_NAME: &'static str = "UniFi Access";

    type Change = Change;

    /// People are visitors, one for each grant: users are others'.
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
        let known = self.ledger.read(account.integration, request.grant).await?;
        let now = self.clock.now();
        let wanted = request.window.filter(|window| window.end() > now);
        let nothing = |was_asked| Applied { window: None, provider_ref: None, secret: None, was_asked };
        if wanted.is_none() && known.is_none() {
            return Ok(nothing(false));
        }
        let console = self.open(account, Line::Work)?;
        let mut access = Access {
            ledger: &self.ledger,
            console: &console,
            account: account.integration,
            request,
            changes,
            has_changed: false,
        };
        let result = match (wanted, known) {
            (None, None) => Ok(nothing(false)),
            (None, Some(known)) => access.revoke(&known).await.map(|()| nothing(true)),
            (Some(window), known) => access.grant(known.as_ref(), window).await.map(|granted| Applied {
                window: Some(window),
                provider_ref: Some(granted.visitor),
                secret: granted.pin.map(DoorSecret::Pin),
                was_asked: true,
            }),
        };
        match result {
            Err(ApplyError::Provider(error)) if access.has_changed => {
                Err(error.with_unknown_outcome().into())
            }
            result => result,
        }
    }

    /// There are none: whoever has no grant has nothing there.
    async fn set_user(&self, account: &Account, request: &UserRequest) -> Result<UserApplied, ApplyError> {
        let state = match request.wish {
            UserWish::InUse => UserState::InUse,
            UserWish::Suspended | UserWish::Deleted => {
                let (account, person) = (account.integration, request.person.id);
                if self.ledger.has_access(account, person, self.clock.now()).await? {
                    let reason = "the person has access at the console, so they stay";
                    return Err(ProviderError::new(ErrorKind::Conflict, reason).into());
                }
                UserState::Absent
            }
        };
        Ok(UserApplied { state, was_asked: false })
    }

    fn survey<'a>(
        &'a self,
        account: &'a Account,
        targets: &'a [Target],
    ) -> impl Stream<Item = Result<Vec<Right>, ApplyError>> + Send + 'a {
        let opened = async move {
            let console = self.open(account, Line::Work)?;
            let survey = Survey::new(&self.ledger, console, account.integration, targets, self.clock.now());
            Ok::<_, ApplyError>(stream::try_unfold(survey, |mut survey| async move {
                Ok::<_, ApplyError>(survey.read_on().await?.map(|page| (page, survey)))
            }))
        };
        stream::once(opened).try_flatten()
    }

    async fn remove(&self, account: &Account, right: &Right) -> Result<(), ApplyError> {
        let console = self.open(account, Line::Work)?;
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
