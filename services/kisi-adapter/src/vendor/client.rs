//! The calls, one method each.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::SecondsFormat;
use domain::contact::EmailAddress;
use domain::{Timestamp, Window};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use vendor_http::http::header::{ACCEPT, AUTHORIZATION};
use vendor_http::http::{HeaderMap, HeaderName, HeaderValue, Method};
use vendor_http::{
    AccountKey, Answer, BaseUrl, Call, CircuitState, ErrorKind, Limit, Profile, VendorClient, VendorError,
    VendorHttp,
};

use super::convert::{self, KeyCheck, NewUser, RoleAssignment, User, Validity};
use super::error::{self, Error, may_exist_already};
use super::listing::{self, Listing, Next};
use super::wire::{
    AttemptsFilter, Event, EventSet, EventSetStatus, Group, GroupId, GroupLink, GroupLinkId, GroupLock, Lock,
    LockId, MadeGroupLink, MadeLogin, NewEventSet, NewEventSetFields, NewGroup, NewGroupFields, NewGroupLink,
    NewGroupLinkFields, NewGroupLock, NewGroupLockFields, NewLogin, NewLoginFields, PatchUser,
    PatchUserFields, Place, PlaceId, RoleAssignmentId, Row, UserId, WireRoleAssignment, WireUser,
};

/// Largest page of most lists.
pub(super) const PAGE: u64 = 250;
/// Largest page of users.
pub(crate) const USER_PAGE: usize = 100;
/// How often an event set is looked at until Kisi is done with it, and how long after the time before.
const EVENT_SET_TRIES: u32 = 5;
const EVENT_SET_WAIT: Duration = Duration::from_millis(200);
/// The same for the log of all doors, for which nobody waits.
const LOG_TRIES: u32 = 20;
const LOG_WAIT: Duration = Duration::from_secs(1);
/// Pages of the log that are read at once.
const LOG_PAGES_MAX: usize = 2_000;
/// How often a list is read anew because rows moved in it.
const LIST_TRIES: u32 = 3;

/// How Kisi is called.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `https://api.kisi.io`, or a stand-in.
    pub base_url: BaseUrl,
    /// `X-Kisi-Integration-Identifier`: who we are.
    pub integration_identifier: HeaderValue,
    /// `X-Kisi-Integration-Contact`: whom Kisi may write to. Required of partners.
    pub integration_contact: Option<HeaderValue>,
    /// Limit of each account.
    pub limit: Option<Limit>,
    /// Limit of each account's calls for which someone waits: they wait for no others, and each [`Line`] for itself.
    pub prompt_limit: Option<Limit>,
    /// How long such a call may take in all. An unlock answers when the door's controller has.
    pub prompt_timeout: Duration,
    /// What a link's secret is put behind to make an address of it.
    pub link_page: String,
}

/// Kisi, for all accounts of a process. Made once, because the limits live in it.
#[derive(Clone)]
pub struct Kisi {
    shared: Arc<Shared>,
}

struct Shared {
    client: VendorClient,
    prompt: VendorClient,
    settings: Settings,
    /// Endpoints whose end Kisi has announced, each told once.
    told: Mutex<HashSet<&'static str>>,
}

/// One API key of Kisi's. Cheap to clone.
#[derive(Clone)]
pub struct KisiAccount {
    shared: Arc<Shared>,
    client: VendorClient,
    account: AccountKey,
    headers: HeaderMap,
}

/// What calls for which someone waits queue up with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// Doors that are opened, or looked at.
    Doors,
    /// Lockdowns.
    Emergency,
}

/// A group to keep for one lock.
#[derive(Debug, Clone, Copy)]
pub struct LockGroup<'a> {
    /// The lock.
    pub lock: LockId,
    /// The lock's place.
    pub place: Option<PlaceId>,
    /// Name by which the group is known again: the same for the same lock, always, and no other's.
    pub name: &'a str,
    /// What the operator reads in Kisi's dashboard.
    pub description: &'a str,
}

/// The account key of a key's owner, whose keys share one limit. Until the owner is known,
/// [`AccountKey::of_secret`] serves.
pub fn account_key_of_owner(owner: UserId) -> AccountKey {
    AccountKey::new(format!("user-{owner}"))
}

impl Kisi {
    /// Kisi by these settings.
    pub fn new(http: &VendorHttp, settings: Settings) -> Self {
        let profile = |limit| Profile { name: "kisi", limit, read_error: error::read_error };
        let client = http.vendor(profile(settings.limit));
        let prompt = http.vendor(profile(settings.prompt_limit));
        Self { shared: Arc::new(Shared { client, prompt, settings, told: Mutex::new(HashSet::new()) }) }
    }

    /// The account of an API key. `account` is the unit of Kisi's rate limit: see
    /// [`account_key_of_owner`].
    pub fn account(&self, key: &SecretString, account: AccountKey) -> Result<KisiAccount, Error> {
        self.open(key, self.shared.client.clone(), account)
    }

    /// The account of an API key for calls for which someone waits. One by one key: who else's keys share Kisi's limit
    /// would take a call to learn, and a call too many is refused without harm.
    pub fn prompt_account(&self, key: &SecretString, line: Line) -> Result<KisiAccount, Error> {
        let line = match line {
            Line::Doors => "doors",
            Line::Emergency => "emergency",
        };
        let account = AccountKey::new(format!("{}-{line}", AccountKey::of_secret(key).as_str()));
        self.open(key, self.shared.prompt.clone(), account)
    }

    fn open(
        &self,
        key: &SecretString,
        client: VendorClient,
        account: AccountKey,
    ) -> Result<KisiAccount, Error> {
        let mut authorization = HeaderValue::try_from(format!("KISI-LOGIN {}", key.expose_secret().trim()))
            .map_err(|_| Error::KeyUnusable)?;
        authorization.set_sensitive(true);
        let settings = &self.shared.settings;
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, authorization);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let identifier = HeaderName::from_static("x-kisi-integration-identifier");
        headers.insert(identifier, settings.integration_identifier.clone());
        if let Some(contact) = &settings.integration_contact {
            headers.insert(HeaderName::from_static("x-kisi-integration-contact"), contact.clone());
        }
        Ok(KisiAccount { shared: self.shared.clone(), client, account, headers })
    }
}

impl KisiAccount {
    /// Whether calls are sent, or refused because Kisi did not answer this account of late.
    pub fn circuit(&self) -> CircuitState {
        self.client.circuit(&self.account)
    }

    /// Whether the key works, and whose it is. `Unauthorized` means that it is wrong, expired or revoked.
    pub async fn check_key(&self) -> Result<KeyCheck, Error> {
        let answer = self.send(self.call(Method::GET, "/user", &["user"], &[])).await?;
        KeyCheck::from_wire(answer.json()?)
            .ok_or_else(|| answer.malformed("the key's user has no organization").into())
    }

    /// All places.
    pub async fn list_places(&self) -> Result<Vec<Place>, Error> {
        self.list("/places", "places", PAGE, &[("sort", "name")]).await
    }

    /// All locks, or those of one place.
    pub async fn list_locks(&self, place: Option<PlaceId>) -> Result<Vec<Lock>, Error> {
        let place = place.map(|place| place.to_string());
        let query: Vec<_> = place.iter().map(|place| ("place_id", place.as_str())).collect();
        self.list("/locks", "locks", PAGE, &query).await
    }

    /// All groups, of all places.
    pub async fn list_groups(&self) -> Result<Vec<Group>, Error> {
        self.read_all(Reader::of_groups()).await
    }

    /// The group that opens this one lock, made if it is not there. Twice is the same as once; after a
    /// lost answer, call again.
    pub async fn ensure_lock_group(&self, wanted: LockGroup<'_>) -> Result<GroupId, Error> {
        let lock = wanted.lock.to_string();
        let group = match self.find_group(wanted.name, ("lock_id", &lock)).await? {
            Some(group) => group,
            // Made before, but not yet given its lock.
            None => match self.find_group(wanted.name, ("query", wanted.name)).await? {
                Some(group) => group,
                None => self.create_group(wanted).await?,
            },
        };
        if !self.holds_just(group, wanted.lock).await? {
            match self.add_lock(group, wanted.lock).await {
                Ok(()) => {}
                // Somebody else added it in between.
                Err(refused)
                    if may_exist_already(&refused) && self.holds_just(group, wanted.lock).await? => {}
                Err(refused) => return Err(refused.into()),
            }
        }
        Ok(group)
    }

    /// The user with exactly this address. A user made a moment ago may be missed.
    pub async fn find_user_by_email(&self, email: &EmailAddress) -> Result<Option<User>, Error> {
        let users = self.list("/users", "users", USER_PAGE as u64, &[("email", email.as_str())]).await?;
        Ok(convert::user_with_email(users, email))
    }

    /// The user, unless deleted.
    pub async fn find_user(&self, user: UserId) -> Result<Option<User>, Error> {
        let id = user.to_string();
        let found: Option<WireUser> = self.find(self.call(Method::GET, USER, &["users", &id], &[])).await?;
        Ok(found.map(User::from_wire))
    }

    /// Makes a managed user. If [`may_exist_already`], search again: an address can be taken although the
    /// search did not show it yet.
    pub async fn create_managed_user(&self, new: &NewUser<'_>) -> Result<User, Error> {
        let call = self.call(Method::POST, "/users", &["users"], &[]).json(&new.to_wire());
        let user: WireUser = self.send(call).await?.json()?;
        Ok(User::from_wire(user))
    }

    /// Lets the user open what they have rights to, or nothing. Keeps the rights.
    pub async fn set_access_enabled(&self, user: UserId, access_enabled: bool) -> Result<(), Error> {
        self.patch_user(user, PatchUserFields { access_enabled: Some(access_enabled), name: None }).await
    }

    /// Gives the user another name.
    pub async fn rename_user(&self, user: UserId, name: &str) -> Result<(), Error> {
        self.patch_user(user, PatchUserFields { access_enabled: None, name: Some(name) }).await
    }

    async fn patch_user(&self, user: UserId, fields: PatchUserFields<'_>) -> Result<(), Error> {
        let (id, patch) = (user.to_string(), PatchUser { user: fields });
        self.send(self.call(Method::PATCH, USER, &["users", &id], &[]).json(&patch).idempotent()).await?;
        Ok(())
    }

    /// Deletes the user with all rights. One that is gone already is fine.
    pub async fn delete_user(&self, user: UserId) -> Result<(), Error> {
        self.delete(USER, "users", user.0).await
    }

    /// Gives the user the basic right on the group. If [`may_exist_already`], look at
    /// [`Self::list_assignments`].
    pub async fn create_assignment(
        &self,
        user: UserId,
        group: GroupId,
        validity: Validity,
    ) -> Result<RoleAssignment, Error> {
        let call = self.call(Method::POST, ASSIGNMENTS, &["role_assignments"], &[]);
        let call = call.json(&convert::new_assignment(user, group, validity));
        let assignment: WireRoleAssignment = self.send(call).await?.json()?;
        Ok(RoleAssignment::from_wire(assignment))
    }

    /// The assignment, unless deleted.
    pub async fn find_assignment(&self, id: RoleAssignmentId) -> Result<Option<RoleAssignment>, Error> {
        let id = id.to_string();
        let call = self.call(Method::GET, ASSIGNMENT, &["role_assignments", &id], &[]);
        let found: Option<WireRoleAssignment> = self.find(call).await?;
        Ok(found.map(RoleAssignment::from_wire))
    }

    /// The user's basic rights on the group, those that are over included.
    pub async fn list_assignments(&self, user: UserId, group: GroupId) -> Result<Vec<RoleAssignment>, Error> {
        let (user_id, group_id) = (user.to_string(), group.to_string());
        let assignee = [("assignee_type", "User"), ("assignee_id", user_id.as_str())];
        let target = [("applies_to_type", "Group"), ("applies_to_id", group_id.as_str())];
        let mut rows = self.assignments(&[assignee, target].concat()).await?;
        // The filters are not to be relied on: a wrong row would be revoked as ours.
        rows.retain(|row| row.is_basic_of(user, group));
        Ok(rows)
    }

    /// Everybody's rights on the group, whoever made them, those that are over included.
    pub async fn list_group_assignments(&self, group: GroupId) -> Result<Vec<RoleAssignment>, Error> {
        let rows = self.read_all(Reader::of_rights(group)).await?;
        Ok(rights_on(group, rows))
    }

    /// All rights of the user, on whatever.
    pub async fn list_user_assignments(&self, user: UserId) -> Result<Vec<RoleAssignment>, Error> {
        let id = user.to_string();
        let mut rows = self.assignments(&[("assignee_type", "User"), ("assignee_id", &id)]).await?;
        rows.retain(|row| row.assignee == convert::Assignee::User(user));
        Ok(rows)
    }

    /// Takes the right away. One that is gone already is fine.
    pub async fn delete_assignment(&self, id: RoleAssignmentId) -> Result<(), Error> {
        self.delete(ASSIGNMENT, "role_assignments", id.0).await
    }

    /// The lock, unless deleted.
    pub async fn find_lock(&self, lock: LockId) -> Result<Option<Lock>, Error> {
        self.find(self.call(Method::GET, "/locks/{id}", &["locks", &lock.to_string()], &[])).await
    }

    /// The place, unless deleted.
    pub async fn find_place(&self, place: PlaceId) -> Result<Option<Place>, Error> {
        self.find(self.call(Method::GET, "/places/{id}", &["places", &place.to_string()], &[])).await
    }

    /// The locks that the group opens.
    pub async fn list_locks_of_group(&self, group: GroupId) -> Result<Vec<LockId>, Error> {
        let id = group.to_string();
        let held: Vec<GroupLock> = self.list(GROUP_LOCKS, "group_locks", PAGE, &[("group_id", &id)]).await?;
        Ok(held.into_iter().filter(|held| held.group_id == group).map(|held| held.lock_id).collect())
    }

    /// Makes a link that opens the group's locks while it is valid, for whoever has it. Gives its address, which nobody
    /// sees again. Kisi sends it to nobody.
    pub async fn create_group_link(
        &self,
        group: GroupId,
        name: &str,
        validity: Validity,
    ) -> Result<(GroupLinkId, SecretString), Error> {
        let group_link = NewGroupLinkFields {
            group_id: group,
            name,
            email: None,
            phone: None,
            link_enabled: true,
            valid_from: validity.from(),
            valid_until: validity.until(),
        };
        let call = self.call(Method::POST, GROUP_LINKS, &["group_links"], &[]);
        let made: MadeGroupLink = self.send(call.json(&NewGroupLink { group_link })).await?.json()?;
        let page = &self.shared.settings.link_page;
        Ok((made.id, SecretString::from(format!("{page}{}", made.secret.expose_secret()))))
    }

    /// Makes a login for a phone of the user with exactly this address. Its secrets are in the answer alone.
    pub(crate) async fn create_device_login(
        &self,
        email: &EmailAddress,
        device_name: &str,
    ) -> Result<MadeLogin, Error> {
        let login = NewLoginFields { r#type: "device", email: email.as_str(), device_model: device_name };
        let call = self.call(Method::POST, "/logins", &["logins"], &[]).json(&NewLogin { login });
        Ok(self.send(call).await?.json()?)
    }

    /// The links whose name ends so.
    pub async fn find_group_links(&self, name_end: &str) -> Result<Vec<GroupLinkId>, Error> {
        let links: Vec<GroupLink> =
            self.list(GROUP_LINKS, "group_links", PAGE, &[("query", name_end)]).await?;
        // The search finds more than names.
        Ok(links.into_iter().filter(|link| link.name.ends_with(name_end)).map(|link| link.id).collect())
    }

    /// Takes the link away. One that is gone already is fine.
    pub async fn delete_group_link(&self, id: GroupLinkId) -> Result<(), Error> {
        self.delete("/group_links/{id}", "group_links", id.0).await
    }

    /// Opens the lock, as the key's owner, for as long as its hardware is set to. With an effect of
    /// `Unknown` the door may have opened.
    pub async fn unlock(&self, lock: LockId) -> Result<(), Error> {
        let id = lock.to_string();
        self.send_promptly(self.call(Method::POST, "/locks/{id}/unlock", &["locks", &id, "unlock"], &[]))
            .await
    }

    /// Has the lock open for nobody, or ends that. Twice is once.
    pub async fn set_lock_down(&self, lock: LockId, is_down: bool) -> Result<(), Error> {
        let (id, verb) = (lock.to_string(), lockdown(is_down));
        let template = if is_down { "/locks/{id}/lock_down" } else { "/locks/{id}/cancel_lockdown" };
        let call = self.call(Method::POST, template, &["locks", &id, verb], &[]);
        self.send_promptly(call.idempotent()).await
    }

    /// Has all locks of the place open for nobody, or ends that. Twice is once.
    pub async fn set_place_down(&self, place: PlaceId, is_down: bool) -> Result<(), Error> {
        let (id, verb) = (place.to_string(), lockdown(is_down));
        let template = if is_down { "/places/{id}/lock_down" } else { "/places/{id}/cancel_lockdown" };
        let call = self.call(Method::POST, template, &["places", &id, verb], &[]);
        self.send_promptly(call.idempotent()).await
    }

    /// The user's attempts to unlock the lock in the window, each with whether it opened; `None` if Kisi is not done
    /// with looking them up, or if they are more than a page.
    pub async fn find_unlocks(
        &self,
        lock: LockId,
        user: UserId,
        window: Window,
    ) -> Result<Option<Vec<bool>>, Error> {
        let attempts = AttemptsFilter {
            event_object_type: "Lock",
            event_object_id: lock,
            event_actor_type: "User",
            event_actor_id: user,
        };
        let id = self.ask_log(window, "lock.unlock", Some(attempts)).await?;
        let set = self.first_of_log(&id, EVENT_SET_TRIES, EVENT_SET_WAIT).await?;
        Ok(set.filter(|set| set.cursor.is_none()).map(|set| set.events.iter().map(|it| it.success).collect()))
    }

    /// All events of these types in the window, or an error.
    pub(crate) async fn list_events(&self, types: &str, window: Window) -> Result<Vec<Event>, Error> {
        let id = self.ask_log(window, types, None).await?;
        let first = self.first_of_log(&id, LOG_TRIES, LOG_WAIT).await?.ok_or(Error::LogIncomplete)?;
        let (mut events, mut cursor) = (first.events, first.cursor);
        for _ in 0..LOG_PAGES_MAX {
            let Some(at) = cursor else { return Ok(events) };
            let page = self.page_of_log(&id, Some(&at)).await?;
            if page.status != EventSetStatus::Finished || page.cursor.as_ref() == Some(&at) {
                return Err(Error::LogIncomplete);
            }
            events.extend(page.events);
            cursor = page.cursor;
        }
        Err(Error::LogIncomplete)
    }

    /// Asks the log a question; the id of the answer. Asking twice does no harm.
    async fn ask_log(
        &self,
        window: Window,
        event_type: &str,
        attempts: Option<AttemptsFilter<'_>>,
    ) -> Result<String, Error> {
        let time = |time: Timestamp| time.to_rfc3339_opts(SecondsFormat::Micros, true);
        let interval = &format!("{}/{}", time(window.start()), time(window.end()));
        let question = NewEventSet { event_set: NewEventSetFields { interval, event_type, attempts } };
        let call = self.call(Method::POST, "/event_sets", &["event_sets"], &[]).json(&question).idempotent();
        let asked: EventSet = self.send(call).await?.json()?;
        Ok(asked.id.to_string())
    }

    /// The first page of an answer; `None` if Kisi is not done with it for so long.
    async fn first_of_log(&self, id: &str, tries: u32, wait: Duration) -> Result<Option<EventSet>, Error> {
        for _ in 0..tries {
            let set = self.page_of_log(id, None).await?;
            if set.status == EventSetStatus::Finished {
                return Ok(Some(set));
            }
            tokio::time::sleep(wait).await;
        }
        Ok(None)
    }

    async fn page_of_log(&self, id: &str, cursor: Option<&str>) -> Result<EventSet, Error> {
        let cursor = cursor.map(|cursor| ("cursor", cursor));
        let query: Vec<_> = [("limit", "50")].into_iter().chain(cursor).collect();
        let call = self.call(Method::GET, "/event_sets/{id}", &["event_sets", id], &query);
        Ok(self.send(call).await?.json()?)
    }

    /// Someone waits, so the time is for all attempts: a door that opens late is worse than an error.
    async fn send_promptly(&self, call: Call) -> Result<(), Error> {
        let limit = self.shared.settings.prompt_timeout;
        self.send(call.timeouts(limit, limit)).await?;
        Ok(())
    }

    async fn find_group(&self, name: &str, filter: (&str, &str)) -> Result<Option<GroupId>, Error> {
        let groups: Vec<Group> = self.list("/groups", "groups", PAGE, &[filter]).await?;
        // Should two of us have made it at once, both take the older.
        Ok(groups.into_iter().filter(|group| group.name == name).map(|group| group.id).min())
    }

    async fn create_group(&self, wanted: LockGroup<'_>) -> Result<GroupId, Error> {
        let group = NewGroupFields {
            name: wanted.name,
            description: wanted.description,
            place_id: wanted.place,
            // People open with an app, from wherever they are, whenever their right holds.
            login_enabled: true,
            geofence_restriction_enabled: false,
            primary_device_restriction_enabled: false,
            reader_restriction_enabled: false,
            time_restriction_enabled: false,
        };
        let call = self.call(Method::POST, "/groups", &["groups"], &[]).json(&NewGroup { group });
        let made: Group = self.send(call).await?.json()?;
        Ok(made.id)
    }

    /// Whether the group holds the lock. An error if it holds others: they would be opened too.
    async fn holds_just(&self, group: GroupId, lock: LockId) -> Result<bool, Error> {
        let held = self.list_locks_of_group(group).await?;
        let (ours, others): (Vec<_>, Vec<_>) = held.into_iter().partition(|&held| held == lock);
        if others.is_empty() {
            Ok(!ours.is_empty())
        } else {
            Err(Error::GroupOpensOtherLocks { group, others })
        }
    }

    async fn add_lock(&self, group: GroupId, lock: LockId) -> Result<(), VendorError> {
        let group_lock = NewGroupLockFields { group_id: group, lock_id: lock };
        let call = self.call(Method::POST, GROUP_LOCKS, &["group_locks"], &[]);
        self.send(call.json(&NewGroupLock { group_lock })).await?;
        Ok(())
    }

    async fn assignments(&self, query: &[(&str, &str)]) -> Result<Vec<RoleAssignment>, Error> {
        let rows = self.list(ASSIGNMENTS, "role_assignments", PAGE, query).await?;
        Ok(rows.into_iter().map(RoleAssignment::from_wire).collect())
    }

    /// The whole list, or an error: a list with a gap would read as rights that are gone.
    pub(super) async fn list<T: Row + DeserializeOwned>(
        &self,
        template: &'static str,
        path: &'static str,
        limit: u64,
        query: &[(&str, &str)],
    ) -> Result<Vec<T>, Error> {
        self.read_all(Reader::new(template, path, limit, query)).await
    }

    async fn read_all<T: Row + DeserializeOwned>(&self, mut reader: Reader<T>) -> Result<Vec<T>, Error> {
        loop {
            if let Some(rows) = reader.read_on(self).await? {
                return Ok(rows);
            }
        }
    }

    pub(super) async fn find<T: DeserializeOwned>(&self, call: Call) -> Result<Option<T>, Error> {
        match self.send(call).await {
            Ok(answer) => Ok(Some(answer.json()?)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn delete(&self, template: &'static str, path: &str, id: u64) -> Result<(), Error> {
        match self.send(self.call(Method::DELETE, template, &[path, &id.to_string()], &[])).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) fn call(
        &self,
        method: Method,
        template: &'static str,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Call {
        let url = self.shared.settings.base_url.at(segments, query);
        Call::new(self.account.clone(), method, url, template).headers(&self.headers)
    }

    pub(super) async fn send(&self, call: Call) -> Result<Answer, VendorError> {
        let template = call.template();
        let answer = self.client.send(call).await?;
        if ["deprecation", "sunset"].iter().any(|&header| answer.headers.contains_key(header)) {
            let mut told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.insert(template) {
                tracing::warn!(
                    provider.name = "kisi",
                    url.template = template,
                    "Kisi will retire this endpoint"
                );
            }
        }
        Ok(answer)
    }
}

/// Reads a list call by call.
pub(crate) struct Reader<T> {
    template: &'static str,
    path: &'static str,
    limit: u64,
    query: Vec<(String, String)>,
    listing: Listing<T>,
    offset: u64,
    tries: u32,
    /// Whether a page that does not say how many rows there are is refused.
    must_count: bool,
}

impl<T: Row + DeserializeOwned> Reader<T> {
    fn new(template: &'static str, path: &'static str, limit: u64, query: &[(&str, &str)]) -> Self {
        let query = query.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self {
            template,
            path,
            limit,
            query,
            listing: Listing::new(limit),
            offset: 0,
            tries: 1,
            must_count: false,
        }
    }

    /// The same, refusing pages that do not say how many rows there are: an empty one would read as if
    /// there were none.
    pub(crate) fn counted(self) -> Self {
        Self { must_count: true, ..self }
    }

    /// Makes one call. Gives all rows once it has them; until then there are more calls to make.
    pub(crate) async fn read_on(&mut self, account: &KisiAccount) -> Result<Option<Vec<T>>, Error> {
        let (limit, offset) = (self.limit.to_string(), self.offset.to_string());
        let query = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query: Vec<(&str, &str)> = query.chain([("limit", &*limit), ("offset", &*offset)]).collect();
        let answer = account.send(account.call(Method::GET, self.template, &[self.path], &query)).await?;
        let range = answer.headers.get("x-collection-range").and_then(|range| range.to_str().ok());
        let incomplete = |seen| Err(Error::ListIncomplete { template: self.template, seen });
        let total = range.and_then(listing::total);
        if self.must_count && total.is_none() {
            return incomplete(self.listing.len());
        }
        match self.listing.add(answer.json()?, total) {
            Next::Page { offset } => self.offset = offset,
            Next::Whole(rows) => return Ok(Some(rows)),
            Next::Moved if self.tries < LIST_TRIES => {
                self.tries += 1;
                self.offset = 0;
                self.listing = Listing::new(self.limit);
            }
            Next::Moved | Next::TooLong => return incomplete(self.listing.len()),
        }
        Ok(None)
    }
}

impl Reader<Group> {
    /// Of all groups, of all places.
    pub(crate) fn of_groups() -> Self {
        Self::new("/groups", "groups", PAGE, &[("sort", "name")])
    }
}

impl Reader<GroupLink> {
    /// Of the links whose name begins so.
    pub(crate) fn of_links(name_start: &str) -> Self {
        Self::new(GROUP_LINKS, "group_links", PAGE, &[("query", name_start)])
    }
}

impl Reader<WireUser> {
    /// Of these users, as far as they are there; at most [`USER_PAGE`].
    pub(crate) fn of_users(users: &[UserId]) -> Self {
        let ids: Vec<String> = users.iter().map(ToString::to_string).collect();
        Self::new("/users", "users", USER_PAGE as u64, &[("ids", &ids.join(","))])
    }
}

impl Reader<WireRoleAssignment> {
    /// Of everybody's rights on the group, whoever made them, those that are over included.
    pub(crate) fn of_rights(group: GroupId) -> Self {
        let id = group.to_string();
        Self::new(
            ASSIGNMENTS,
            "role_assignments",
            PAGE,
            &[("applies_to_type", "Group"), ("applies_to_id", &id)],
        )
    }
}

/// Rights on the group alone: the filter is not to be relied on.
pub(crate) fn rights_on(group: GroupId, rows: Vec<WireRoleAssignment>) -> Vec<RoleAssignment> {
    let rights = rows.into_iter().map(RoleAssignment::from_wire);
    rights.filter(|right| right.target == convert::Target::Group(group)).collect()
}

fn lockdown(is_down: bool) -> &'static str {
    if is_down { "lock_down" } else { "cancel_lockdown" }
}

const USER: &str = "/users/{id}";
const ASSIGNMENTS: &str = "/role_assignments";
const ASSIGNMENT: &str = "/role_assignments/{id}";
const GROUP_LOCKS: &str = "/group_locks";
const GROUP_LINKS: &str = "/group_links";

impl fmt::Debug for Kisi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kisi").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

/// Without the key.
impl fmt::Debug for KisiAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KisiAccount").field("account", &self.account).finish_non_exhaustive()
    }
}
