//! Kisi as a door provider.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chassis::postgres::WorkspacePool;
use domain::{Clock, PersonId, Timestamp, Window};
use door_adapter::{
    AccessRequest, Account, AccountInfo, Applied, ApplyError, Capabilities, DoorEvent, DoorProvider,
    ErrorKind, Finding, Listed, MobileLogin, Problem, ProviderError, Right, Target, TargetKind, UserApplied,
    UserRequest, WayInApplied, WayInRequest,
};
use futures::{Stream, TryStreamExt as _, stream};
use sqlx::{PgConnection, PgPool};
use vendor_http::AccountKey;

use crate::access::{self, Access};
use crate::guest;
use crate::log;
use crate::login;
use crate::plan::whole_seconds;
use crate::restrictions;
use crate::store::{Change, Door, Ledger, Place};
use crate::survey::{self, Survey};
use crate::user::Users;
use crate::vendor::wire::{self, Group, GroupId, LockId, UserId};
use crate::vendor::{Error, Kisi, KisiAccount, Line, account_key_of_owner};
use crate::way_in;

/// The name of the one credential.
const API_KEY: &str = "api_key";

/// Keys whose owners are remembered; beyond, all are forgotten and asked for again.
const OWNERS_MAX: usize = 100_000;

/// Kisi, for all accounts of a process.
pub struct KisiProvider {
    kisi: Kisi,
    ledger: Ledger,
    clock: Arc<dyn Clock>,
    /// Whose key it is, by the start of the key's hash.
    owners: Mutex<HashMap<String, UserId>>,
}

impl KisiProvider {
    /// Kisi with a ledger in this service's schema: `platform` is for what is done for many accounts at
    /// once.
    pub fn new(kisi: Kisi, pool: WorkspacePool, platform: PgPool, clock: Arc<dyn Clock>) -> Self {
        Self { kisi, ledger: Ledger::new(pool, platform), clock, owners: Mutex::default() }
    }

    /// The account, limited together with its owner's other keys.
    async fn open(&self, account: &Account) -> Result<KisiAccount, ProviderError> {
        let owner = self.owner(account).await?;
        self.kisi.account(account.credential.require(API_KEY)?, account_key_of_owner(owner)).map_err(failure)
    }

    /// The account for calls that someone waits for.
    pub(crate) fn open_promptly(&self, account: &Account, line: Line) -> Result<KisiAccount, ProviderError> {
        self.kisi.prompt_account(account.credential.require(API_KEY)?, line).map_err(failure)
    }

    /// Whose key it is. One that is new to this process takes a call to learn it.
    pub(crate) async fn owner(&self, account: &Account) -> Result<UserId, ProviderError> {
        let key = account.credential.require(API_KEY)?;
        let by_key = AccountKey::of_secret(key);
        let known = self.lock().get(by_key.as_str()).copied();
        if let Some(owner) = known {
            return Ok(owner);
        }
        let probe = self.kisi.account(key, by_key.clone()).map_err(failure)?;
        let owner = probe.check_key().await.map_err(failure)?.owner;
        let mut owners = self.lock();
        if owners.len() >= OWNERS_MAX {
            owners.clear();
        }
        owners.insert(by_key.as_str().to_owned(), owner);
        Ok(owner)
    }

    /// What is known of people and assignments.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The key's organization and its places.
    async fn look(&self, account: &Account) -> Result<AccountInfo, ProviderError> {
        let key = account.credential.require(API_KEY)?;
        let probe = self.kisi.account(key, AccountKey::of_secret(key)).map_err(failure)?;
        let checked = probe.check_key().await.map_err(failure)?;
        let kisi = self.open(account).await?;
        // A key without the rights of an access manager works, and yet is of no use.
        kisi.list_groups().await.map_err(failure)?;
        let places = kisi.list_places().await.map_err(failure)?;
        let names: Vec<String> = places.into_iter().map(|place| place.name).collect();
        Ok(AccountInfo {
            account_ref: checked.organization.to_string(),
            display_name: checked.organization_name,
            findings: vec![Finding { kind: "place", count: names.len(), names }],
            certificate: None,
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, UserId>> {
        self.owners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DoorProvider for KisiProvider {
    const NAME: &'static str = "kisi";
    const DISPLAY_NAME: &'static str = "Kisi";

    type Change = Change;

    fn capabilities(&self) -> Capabilities {
        Capabilities { has_groups: true, has_locks: true, has_users: true, has_log: true }
    }

    async fn check(&self, account: &Account) -> Result<AccountInfo, Problem> {
        self.look(account).await.map_err(|error| Problem::of(&error, API_KEY))
    }

    async fn list_places(&self, account: &Account) -> Result<Vec<door_adapter::Place>, ProviderError> {
        let places = self.open(account).await?.list_places().await.map_err(failure)?;
        let place = |place: wire::Place| door_adapter::Place {
            provider_ref: place.id.to_string(),
            display_name: place.name,
        };
        Ok(places.into_iter().map(place).collect())
    }

    async fn list_targets(&self, account: &Account) -> Result<Vec<Listed>, ProviderError> {
        let kisi = self.open(account).await?;
        let listed = |kind, id: u64, display_name: &str, warnings| Listed {
            target: Target { kind, provider_ref: id.to_string(), display_name: display_name.to_owned() },
            warnings,
        };
        let groups = kisi.list_groups().await.map_err(failure)?;
        let locks = kisi.list_locks(None).await.map_err(failure)?;
        let (kept, groups): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(|group| access::is_kept_for_a_lock(&group.name));
        let kept: HashMap<LockId, &Group> =
            kept.iter().filter_map(|group| Some((access::lock_of_kept_group(&group.name)?, group))).collect();
        let groups = groups
            .iter()
            .map(|group| listed(TargetKind::Group, group.id.0, &group.name, restrictions::of_group(group)));
        let locks = locks.iter().map(|lock| {
            let warnings = restrictions::of_lock(lock, kept.get(&lock.id).copied());
            listed(TargetKind::Lock, lock.id.0, &lock.name, warnings)
        });
        Ok(Listed::in_order(groups.chain(locks).collect()))
    }

    async fn apply(
        &self,
        account: &Account,
        request: &AccessRequest,
        changes: &mut Vec<Change>,
    ) -> Result<Applied, ApplyError> {
        let door = door(&request.target)?;
        let place = Place { account: account.integration, person: request.person.id, door };
        let now = self.clock.now();
        if request.is_guest {
            let wanted = request.window.filter(|window| window.end() > now);
            return guest::set(&self.ledger, &self.open(account).await?, place, request, wanted).await;
        }
        let known = self.ledger.read(place).await?;
        // Kisi takes no window that is over, and there is nothing left to give.
        let wanted = request.window.filter(|window| window.end() > now);
        if wanted.is_none() && known.rows.is_empty() {
            return Ok(Applied { window: None, provider_ref: None, secret: None, was_asked: false });
        }
        let kisi = self.open(account).await?;
        let mut access =
            Access { ledger: &self.ledger, kisi: &kisi, place, request, changes, has_changed: false };
        let result = match wanted {
            None => access.revoke(known).await,
            Some(window) => {
                let right = Box::pin(access.grant(known, whole_seconds(window))).await;
                right.map(|right| Applied {
                    window: Some(window),
                    provider_ref: Some(right.to_string()),
                    secret: None,
                    was_asked: true,
                })
            }
        };
        match result {
            Err(ApplyError::Provider(error)) if access.has_changed => {
                Err(error.with_unknown_outcome().into())
            }
            result => result,
        }
    }

    async fn set_user(&self, account: &Account, request: &UserRequest) -> Result<UserApplied, ApplyError> {
        let known = self.ledger.user(account.integration, request.person.id).await?;
        let kisi = self.open(account).await?;
        let users = Users {
            ledger: &self.ledger,
            kisi: &kisi,
            account: account.integration,
            person: &request.person,
        };
        users.set(request, known, self.clock.now()).await
    }

    async fn set_way_in(
        &self,
        account: &Account,
        request: &WayInRequest,
    ) -> Result<WayInApplied, ApplyError> {
        let door = door(&request.target)?;
        let place = Place { account: account.integration, person: request.person.id, door };
        let kisi = self.open(account).await?;
        way_in::set(&self.ledger, &kisi, place, request, self.clock.now()).await
    }

    async fn create_login(
        &self,
        account: &Account,
        person: PersonId,
        device_name: &str,
    ) -> Result<MobileLogin, ApplyError> {
        let known = self.ledger.user(account.integration, person).await?;
        let kisi = self.open_promptly(account, Line::Doors)?;
        login::create(&kisi, known, device_name).await
    }

    fn survey<'a>(
        &'a self,
        account: &'a Account,
        targets: &'a [Target],
    ) -> impl Stream<Item = Result<Vec<Right>, ApplyError>> + Send + 'a {
        let opened = async move {
            let kisi = self.open(account).await?;
            let now = self.clock.now();
            let survey = Survey::new(&self.ledger, kisi, account.integration, targets, now);
            Ok::<_, ApplyError>(stream::try_unfold(survey, |mut survey| async move {
                Ok::<_, ApplyError>(survey.read_on().await?.map(|page| (page, survey)))
            }))
        };
        stream::once(opened).try_flatten()
    }

    async fn remove(&self, account: &Account, right: &Right) -> Result<(), ApplyError> {
        let kisi = self.open(account).await?;
        survey::remove(&self.ledger, &kisi, account.integration.workspace, right).await
    }

    fn read_log<'a>(
        &'a self,
        account: &'a Account,
        window: Window,
    ) -> impl Stream<Item = Result<Vec<DoorEvent>, ApplyError>> + Send + 'a {
        stream::once(async move {
            let kisi = self.open(account).await?;
            log::read(&self.ledger, &kisi, account.integration, window).await
        })
    }

    async fn record(&self, conn: &mut PgConnection, changes: &[Change]) -> Result<(), sqlx::Error> {
        Ledger::record(conn, changes).await
    }
}

fn door(target: &Target) -> Result<Door, ProviderError> {
    let id: u64 = target.provider_ref.parse().map_err(|_| {
        let reason = format!("{:?} is no id of Kisi's: choose the door again", target.provider_ref);
        ProviderError::new(ErrorKind::Rejected, reason)
    })?;
    Ok(match target.kind {
        TargetKind::Group => Door::Group(GroupId(id)),
        TargetKind::Lock => Door::Lock(LockId(id)),
    })
}

/// What a failed call means.
pub(crate) fn failure(error: Error) -> ProviderError {
    let reason = error.to_string();
    match error {
        Error::Vendor(error) => {
            let status = error.status();
            let failed = ProviderError::from(error);
            match (failed.kind, status) {
                (ErrorKind::Unauthorized, _) => failed.meaning(
                    ErrorKind::Unauthorized,
                    "Kisi does not take the API key: it is wrong, expired or revoked. Make a new one at \
                     Kisi and connect Kisi again",
                ),
                (_, Some(403)) => failed.meaning(
                    ErrorKind::Unauthorized,
                    format!(
                        "the Kisi API key may not do what is needed; make one from the account of the \
                         organization's owner and connect Kisi again ({reason})"
                    ),
                ),
                _ => failed,
            }
        }
        Error::KeyUnusable => ProviderError::new(ErrorKind::Unauthorized, reason),
        Error::ListIncomplete { .. } => ProviderError::new(ErrorKind::Malformed, reason),
        Error::GroupOpensOtherLocks { .. } => ProviderError::new(ErrorKind::Rejected, reason),
        Error::LogIncomplete => ProviderError::new(ErrorKind::Unreachable, reason),
    }
}
