//! The calls, one method each.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::Port;
use door_adapter::{Account, ErrorKind, ProviderError};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use vendor_http::http::header::AUTHORIZATION;
use vendor_http::http::{HeaderMap, HeaderValue, Method};
use vendor_http::{
    AccountKey, Answer, BaseUrl, Call, Certificate, Limit, Profile, Trust, VendorClient, VendorHttp,
};

use super::error::{self, is_success, meaning};
use super::wire::{
    Body, Door, Emergency, Group, Head, List, LogQuery, Made, NewEmergency, NewPin, NewPolicy, NewSchedule,
    NewUser, NewVisitor, NewWebhook, Opening, Openings, Policy, PolicyIds, Rule, Schedule, Unlock, User,
    UserStatus, Visitor, Webhook,
};

/// Where consoles listen, unless it is said otherwise (UniFi Access API reference, 1.2).
const PORT: &str = "12445";

/// Connections by certificate that are kept; beyond, all are made anew.
const PINNED_MAX: usize = 10_000;

/// How long a call may take for which someone waits: less than they do.
const PROMPT_TIMEOUT: Duration = Duration::from_secs(8);

/// Lines of the log that one call asks for.
const LOG_PAGE: &str = "100";

/// An id that nothing has.
const NOTHING: &str = "00000000-0000-0000-0000-000000000000";

/// How consoles are called.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Limit of each, and of each [`Line`] for itself.
    pub limit: Option<Limit>,
    /// Visitors that are listed by one call.
    pub page_size: NonZeroUsize,
    /// How long a call may take in all.
    pub call_timeout: Duration,
}

/// Consoles, for all accounts of a process. Made once, because the limits live in it.
pub struct Unifi {
    client: VendorClient,
    page_size: NonZeroUsize,
    prompt_timeout: Duration,
    /// By the certificate that they take.
    pinned: Mutex<HashMap<domain::Fingerprint, VendorClient>>,
}

/// A console with a token of it. Cheap to clone.
#[derive(Clone)]
pub struct Console {
    client: VendorClient,
    base: Arc<BaseUrl>,
    headers: HeaderMap,
    account: AccountKey,
    page_size: NonZeroUsize,
    /// Of calls for which someone waits.
    timeout: Option<Duration>,
}

/// What calls queue up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// What nobody waits for.
    Work,
    /// Doors that are operated, or looked at.
    Doors,
    /// Lockdowns.
    Emergency,
}

/// What consoles list page by page.
pub trait Paged: Sized {
    /// Its id.
    fn id(&self) -> &str;
    /// A page of them, from 1.
    fn list(console: &Console, page: usize) -> impl Future<Output = Result<Vec<Self>, ProviderError>> + Send;
}

impl Paged for Visitor {
    fn id(&self) -> &str {
        &self.id
    }

    async fn list(console: &Console, page: usize) -> Result<Vec<Self>, ProviderError> {
        console.list_visitors(page).await
    }
}

impl Paged for User {
    fn id(&self) -> &str {
        &self.id
    }

    async fn list(console: &Console, page: usize) -> Result<Vec<Self>, ProviderError> {
        console.list_users(page).await
    }
}

/// Reads them page by page.
#[derive(Debug)]
pub struct Pages<T> {
    pages: usize,
    seen: HashSet<String>,
    is_over: bool,
    of: PhantomData<fn() -> T>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { pages: 0, seen: HashSet::new(), is_over: false, of: PhantomData }
    }
}

impl<T: Paged> Pages<T> {
    /// Makes one call, and gives those that did not come before. `None` at the end: after a page that is not full,
    /// or that has nothing new. One that is gone, or new, meanwhile, moves others from one page to the next: one
    /// may come twice, and one may not come at all.
    pub async fn read_on(&mut self, console: &Console) -> Result<Option<Vec<T>>, ProviderError> {
        if self.is_over {
            return Ok(None);
        }
        let mut listed = T::list(console, self.pages + 1).await?;
        self.pages += 1;
        let is_full = listed.len() >= console.page_size.get();
        listed.retain(|it| self.seen.insert(it.id().to_owned()));
        self.is_over = !is_full || listed.is_empty();
        Ok(Some(listed))
    }
}

impl Unifi {
    /// Consoles by these settings.
    pub fn new(http: &VendorHttp, settings: Settings) -> Self {
        let profile = Profile { name: "unifi", limit: settings.limit, read_error: error::read_error };
        Self {
            client: http.vendor(profile),
            page_size: settings.page_size,
            prompt_timeout: settings.call_timeout.min(PROMPT_TIMEOUT),
            pinned: Mutex::default(),
        }
    }

    /// The console of an account, by connections that trust so.
    pub fn console(&self, account: &Account, trust: Trust, line: Line) -> Result<Console, ProviderError> {
        let token = account.credential.require(super::TOKEN)?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.expose_secret().trim()))
            .map_err(|_| {
                let reason = "the API token has characters that none of UniFi's has: copy it again";
                ProviderError::new(ErrorKind::Unauthorized, reason)
            })?;
        authorization.set_sensitive(true);
        let port: Port = account.credential.parse_or("port", PORT)?;
        Ok(Console {
            client: self.trusting(trust)?,
            base: Arc::new(account.credential.base_url("https", port)?),
            headers: HeaderMap::from_iter([(AUTHORIZATION, authorization)]),
            account: AccountKey::new(match line {
                Line::Work => account.integration.to_string(),
                Line::Doors => format!("{}-doors", account.integration),
                Line::Emergency => format!("{}-emergency", account.integration),
            }),
            page_size: self.page_size,
            timeout: (line != Line::Work).then_some(self.prompt_timeout),
        })
    }

    fn trusting(&self, trust: Trust) -> Result<VendorClient, ProviderError> {
        let made = || {
            let unusable = |error| ProviderError::new(ErrorKind::Unreachable, format!("{error}"));
            self.client.trusting(trust).map_err(unusable)
        };
        let Trust::Pinned(fingerprint) = trust else { return made() };
        let mut pinned = self.pinned.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = pinned.get(&fingerprint) {
            return Ok(client.clone());
        }
        if pinned.len() >= PINNED_MAX {
            pinned.clear();
        }
        let client = made()?;
        pinned.insert(fingerprint, client.clone());
        Ok(client)
    }
}

impl Console {
    /// The buildings and the groups of doors, and the certificate that the console shows.
    pub async fn list_groups(&self) -> Result<(Vec<Group>, Option<Certificate>), ProviderError> {
        let call = self.call(Method::GET, "/door_groups/topology", &["door_groups", "topology"], &[]);
        let answer = self.send(call).await?;
        let groups: List<Group> = answer.json()?;
        Ok((groups.data, answer.certificate))
    }

    /// All doors.
    pub async fn list_doors(&self) -> Result<Vec<Door>, ProviderError> {
        let doors: List<Door> = self.read(self.call(Method::GET, "/doors", &["doors"], &[])).await?;
        Ok(doors.data)
    }

    /// A page of the visitors, from 1.
    pub async fn list_visitors(&self, page: usize) -> Result<Vec<Visitor>, ProviderError> {
        let (page, size) = (page.to_string(), self.page_size.to_string());
        let query = [("page_num", page.as_str()), ("page_size", size.as_str())];
        let list: List<Visitor> = self.read(self.call(Method::GET, VISITORS, &["visitors"], &query)).await?;
        Ok(list.data)
    }

    /// The visitor, unless deleted.
    pub async fn find_visitor(&self, id: &str) -> Result<Option<Visitor>, ProviderError> {
        let found = self.read(self.call(Method::GET, VISITOR, &["visitors", id], &[])).await;
        match found {
            Ok(Body { data }) => Ok(Some(data)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a visitor. After a lost answer, look for it.
    pub async fn create_visitor(&self, new: &NewVisitor) -> Result<Visitor, ProviderError> {
        let call = self.call(Method::POST, VISITORS, &["visitors"], &[]).json(new);
        let made: Body<Visitor> = self.read(call).await?;
        Ok(made.data)
    }

    /// Has the visitor be so.
    pub async fn update_visitor(&self, id: &str, to: &NewVisitor) -> Result<(), ProviderError> {
        self.send(self.call(Method::PUT, VISITOR, &["visitors", id], &[]).json(to)).await?;
        Ok(())
    }

    /// A new PIN that nobody has; it is nobody's yet.
    pub async fn generate_pin(&self) -> Result<SecretString, ProviderError> {
        let path = ["credentials", "pin_codes"];
        let made: Body<SecretString> =
            self.read(self.call(Method::POST, "/credentials/pin_codes", &path, &[])).await?;
        Ok(made.data)
    }

    /// Has the visitor have that PIN, and no other.
    pub async fn set_pin(&self, id: &str, pin: &SecretString) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, VISITOR_PIN, &["visitors", id, "pin_codes"], &[]);
        self.send(call.json(&NewPin { pin_code: pin.expose_secret() })).await?;
        Ok(())
    }

    /// Takes the visitor's PIN back. A visitor that is gone already is fine.
    pub async fn remove_pin(&self, id: &str) -> Result<(), ProviderError> {
        let path = ["visitors", id, "pin_codes"];
        self.gone(self.call(Method::DELETE, VISITOR_PIN, &path, &[])).await
    }

    /// Deletes the visitor, record and all. One that is gone already is fine.
    pub async fn delete_visitor(&self, id: &str) -> Result<(), ProviderError> {
        self.gone(self.call(Method::DELETE, VISITOR, &["visitors", id], &[("is_force", "true")])).await
    }

    /// A page of the users, from 1, with their policies.
    pub async fn list_users(&self, page: usize) -> Result<Vec<User>, ProviderError> {
        let (page, size) = (page.to_string(), self.page_size.to_string());
        let query = [("page_num", page.as_str()), ("page_size", size.as_str()), WITH_POLICIES];
        let list: List<User> = self.read(self.call(Method::GET, USERS, &["users"], &query)).await?;
        Ok(list.data)
    }

    /// The user with their policies, unless deleted.
    pub async fn find_user(&self, id: &str) -> Result<Option<User>, ProviderError> {
        match self.read(self.call(Method::GET, USER, &["users", id], &[WITH_POLICIES])).await {
            Ok(Body { data }) => Ok(Some(data)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a user. The id. After a lost answer, look for them.
    pub async fn create_user(&self, new: &NewUser) -> Result<String, ProviderError> {
        let made: Body<Made> = self.read(self.call(Method::POST, USERS, &["users"], &[]).json(new)).await?;
        Ok(made.data.id)
    }

    /// Has the user be so.
    pub async fn update_user(&self, id: &str, to: &NewUser) -> Result<(), ProviderError> {
        self.send(self.call(Method::PUT, USER, &["users", id], &[]).json(to)).await?;
        Ok(())
    }

    /// Lets the user enter where their policies say, or nowhere.
    pub async fn set_user_active(&self, id: &str, is_active: bool) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, USER, &["users", id], &[]);
        self.send(call.json(&UserStatus::of(is_active))).await?;
        Ok(())
    }

    /// Deletes a user who is deactivated. One that is gone already is fine.
    pub async fn delete_user(&self, id: &str) -> Result<(), ProviderError> {
        self.gone(self.call(Method::DELETE, USER, &["users", id], &[])).await
    }

    /// The user's policies: just their own, or those of their groups, too.
    pub async fn list_user_policies(&self, id: &str, just_own: bool) -> Result<Vec<Policy>, ProviderError> {
        let query = [("only_user_policies", if just_own { "true" } else { "false" })];
        let path = ["users", id, "access_policies"];
        let list: List<Policy> = self.read(self.call(Method::GET, USER_POLICIES, &path, &query)).await?;
        Ok(list.data)
    }

    /// Has the user have these policies and no others of their own.
    pub async fn set_user_policies(&self, id: &str, policies: &[String]) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, USER_POLICIES, &["users", id, "access_policies"], &[]);
        self.send(call.json(&PolicyIds { access_policy_ids: policies })).await?;
        Ok(())
    }

    /// Has the user have that PIN, and no other.
    pub async fn set_user_pin(&self, id: &str, pin: &SecretString) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, "/users/{id}/pin_codes", &["users", id, "pin_codes"], &[]);
        self.send(call.json(&NewPin { pin_code: pin.expose_secret() })).await?;
        Ok(())
    }

    /// All policies.
    pub async fn list_policies(&self) -> Result<Vec<Policy>, ProviderError> {
        let list: List<Policy> =
            self.read(self.call(Method::GET, POLICIES, &["access_policies"], &[])).await?;
        Ok(list.data)
    }

    /// Makes a policy.
    pub async fn create_policy(&self, new: &NewPolicy) -> Result<String, ProviderError> {
        let call = self.call(Method::POST, POLICIES, &["access_policies"], &[]).json(new);
        let made: Body<Made> = self.read(call).await?;
        Ok(made.data.id)
    }

    /// Has a policy be so.
    pub async fn update_policy(&self, id: &str, to: &NewPolicy) -> Result<(), ProviderError> {
        let path = ["access_policies", id];
        self.send(self.call(Method::PUT, "/access_policies/{id}", &path, &[]).json(to)).await?;
        Ok(())
    }

    /// All hours of policies.
    pub async fn list_schedules(&self) -> Result<Vec<Schedule>, ProviderError> {
        let list: List<Schedule> = self.read(self.call(Method::GET, SCHEDULES, &SCHEDULES_PATH, &[])).await?;
        Ok(list.data)
    }

    /// Makes hours for policies.
    pub async fn create_schedule(&self, new: &NewSchedule<'_>) -> Result<String, ProviderError> {
        let call = self.call(Method::POST, SCHEDULES, &SCHEDULES_PATH, &[]).json(new);
        let made: Body<Made> = self.read(call).await?;
        Ok(made.data.id)
    }

    /// Tries whether the token may keep users and policies, at ones that are not there.
    pub async fn try_to_edit_users(&self) -> Result<(), ProviderError> {
        let nothing = serde_json::json!({});
        let user = self.call(Method::PUT, USER, &["users", NOTHING], &[]);
        self.gone(user.json(&nothing)).await?;
        let policy = self.call(Method::PUT, "/access_policies/{id}", &["access_policies", NOTHING], &[]);
        self.gone(policy.json(&nothing)).await
    }

    /// The door.
    pub async fn read_door(&self, id: &str) -> Result<Door, ProviderError> {
        let found: Body<Door> = self.read(self.call(Method::GET, "/doors/{id}", &["doors", id], &[])).await?;
        Ok(found.data)
    }

    /// Opens the door for as long as its hub is set to. With an unknown outcome it may have opened.
    pub async fn unlock(&self, id: &str, unlock: &Unlock) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, "/doors/{id}/unlock", &["doors", id, "unlock"], &[]);
        self.send(call.json(unlock).once()).await?;
        Ok(())
    }

    /// The rule that a door has. None if the console is too old for rules.
    pub async fn rule(&self, id: &str) -> Result<Option<Rule>, ProviderError> {
        self.read_if_supported(self.call(Method::GET, RULE, &["doors", id, "lock_rule"], &[])).await
    }

    /// Gives a door a rule.
    pub async fn set_rule(&self, id: &str, rule: &Rule) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, RULE, &["doors", id, "lock_rule"], &[]);
        self.send(call.json(rule).once()).await?;
        Ok(())
    }

    /// The site's emergency. None if the console is too old for that.
    pub async fn emergency(&self) -> Result<Option<Emergency>, ProviderError> {
        self.read_if_supported(self.call(Method::GET, EMERGENCY, &EMERGENCY_PATH, &[])).await
    }

    /// Has all doors locked, or ends that. Twice is once.
    pub async fn set_emergency(&self, lockdown: bool, evacuation: Option<bool>) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, EMERGENCY, &EMERGENCY_PATH, &[]);
        self.send(call.json(&NewEmergency { lockdown, evacuation })).await?;
        Ok(())
    }

    /// A page of what the log has of doors between two seconds, from 1.
    pub async fn list_openings(
        &self,
        since: i64,
        until: i64,
        page: usize,
    ) -> Result<Vec<Opening>, ProviderError> {
        let page = page.to_string();
        let query = [("page_num", page.as_str()), ("page_size", LOG_PAGE)];
        let call = self.call(Method::POST, "/system/logs", &["system", "logs"], &query);
        let asked = LogQuery { topic: "door_openings", since, until };
        let found: Body<Openings> = self.read(call.json(&asked).idempotent()).await?;
        Ok(found.data.hits)
    }

    /// The console's webhooks, with their secrets.
    pub async fn list_webhooks(&self) -> Result<Vec<Webhook>, ProviderError> {
        let list: List<Webhook> = self.read(self.call(Method::GET, WEBHOOKS, &WEBHOOKS_PATH, &[])).await?;
        Ok(list.data)
    }

    /// Makes a webhook. After a lost answer, look for it: there is one of an address.
    pub async fn create_webhook(&self, new: &NewWebhook<'_>) -> Result<Webhook, ProviderError> {
        let made: Body<Webhook> =
            self.read(self.call(Method::POST, WEBHOOKS, &WEBHOOKS_PATH, &[]).json(new)).await?;
        Ok(made.data)
    }

    /// Has a webhook be so.
    pub async fn update_webhook(&self, id: &str, to: &NewWebhook<'_>) -> Result<Webhook, ProviderError> {
        let path = ["webhooks", "endpoints", id];
        let call = self.call(Method::PUT, "/webhooks/endpoints/{id}", &path, &[]).json(to);
        let changed: Body<Webhook> = self.read(call).await?;
        Ok(changed.data)
    }

    /// Tries whether the token may operate doors, at one that is not there.
    pub async fn try_to_operate_doors(&self) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, "/doors/{id}/unlock", &["doors", NOTHING, "unlock"], &[]);
        self.gone(call.json(&serde_json::json!({}))).await
    }

    /// Tries whether the token may change visitors, at one that is not there.
    pub async fn try_to_edit_visitors(&self) -> Result<(), ProviderError> {
        let call = self.call(Method::PUT, VISITOR, &["visitors", NOTHING], &[]);
        self.gone(call.json(&serde_json::json!({ "remarks": "" }))).await
    }

    pub(super) fn page_size(&self) -> NonZeroUsize {
        self.page_size
    }

    /// How long a reader waits for a card. Whoever asked waits a little longer.
    pub(crate) fn shown_timeout(&self) -> Duration {
        self.timeout.unwrap_or(PROMPT_TIMEOUT) * 3 / 2
    }

    pub(super) async fn gone(&self, call: Call) -> Result<(), ProviderError> {
        match self.send(call).await {
            Err(error) if error.kind != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    async fn read_if_supported<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>, ProviderError> {
        match self.read(call).await {
            Ok(Body { data }) => Ok(Some(data)),
            Err(error) if error.vendor_code() == Some(NOT_SUPPORTED) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, call: Call) -> Result<T, ProviderError> {
        Ok(self.send(call).await?.json()?)
    }

    /// A success, by its status and by its code.
    pub(super) async fn send(&self, call: Call) -> Result<Answer, ProviderError> {
        let answer = self.client.send(call).await?;
        let head: Head = answer.json()?;
        if is_success(&head.code) {
            return Ok(answer);
        }
        let (kind, effect) = meaning(&head.code);
        Err(answer.refused(kind, effect, &head.code, &head.msg).into())
    }

    pub(super) fn call(
        &self,
        method: Method,
        template: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Call {
        let path = [&["api", "v1", "developer"], path].concat();
        let url = self.base.at(&path, query);
        let call = Call::new(self.account.clone(), method, url, template).headers(&self.headers);
        match self.timeout {
            Some(timeout) => call.timeouts(timeout, timeout),
            None => call,
        }
    }
}

const VISITORS: &str = "/visitors";
const VISITOR: &str = "/visitors/{id}";
const VISITOR_PIN: &str = "/visitors/{id}/pin_codes";
const RULE: &str = "/doors/{id}/lock_rule";
const EMERGENCY: &str = "/doors/settings/emergency";
const USERS: &str = "/users";
const USER: &str = "/users/{id}";
const USER_POLICIES: &str = "/users/{id}/access_policies";
const POLICIES: &str = "/access_policies";
const SCHEDULES: &str = "/access_policies/schedules";
const SCHEDULES_PATH: [&str; 2] = ["access_policies", "schedules"];
const WITH_POLICIES: (&str, &str) = ("expand[]", "access_policy");
const WEBHOOKS: &str = "/webhooks/endpoints";
const WEBHOOKS_PATH: [&str; 2] = ["webhooks", "endpoints"];
const EMERGENCY_PATH: [&str; 3] = ["doors", "settings", "emergency"];

/// What an older console answers.
pub(crate) const NOT_SUPPORTED: &str = "CODE_DEVICE_API_NOT_SUPPORTED";

/// Without the token.
impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("account", &self.account).finish_non_exhaustive()
    }
}
