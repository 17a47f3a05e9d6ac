//! The sandbox's Kisi twin on a free port, with one organization of many doors, and what its operator does.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use domain::{Clock, SettableClock, Window};
use kisi_adapter::KisiConfig;
use kisi_adapter::vendor::wire::{GroupId, RoleAssignmentId, UserId};
use kisi_adapter::vendor::{KisiAccount, NewUser};
use sandbox::kisi::{
    AccessWindow, CreatedOrganization, NewGroup, NewOrganization, NewPlace, Organization, Switches,
};
use sandbox::{Sandbox, Vendor};
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use vendor_http::AccountKey;

/// Doors of each kind.
const DOORS: usize = 40;

/// A twin that serves until it is dropped.
pub(crate) struct Twin {
    pub sandbox: Sandbox,
    base_url: String,
    clock: Arc<SettableClock>,
    _shutdown: DropGuard,
    _serving: JoinSet<()>,
}

/// An organization of the twin.
#[derive(Clone)]
pub(crate) struct Org {
    pub twin: Arc<Organization>,
    pub created: CreatedOrganization,
}

/// Those that open the door, by start.
fn windows(rows: Vec<AccessWindow>) -> Vec<Window> {
    let open = rows.into_iter().filter(|row| row.access_enabled);
    let mut windows: Vec<Window> =
        open.map(|row| Window::new(row.valid_from.unwrap(), row.valid_until.unwrap()).unwrap()).collect();
    windows.sort_by_key(|window| window.start());
    windows
}

impl Twin {
    pub(crate) async fn start(clock: Arc<SettableClock>) -> Self {
        let sandbox = Sandbox::new(sandbox::Config::default(), clock.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/kisi", listener.local_addr().unwrap());
        let shutdown = CancellationToken::new();
        let (serving, stop) = (sandbox.clone(), shutdown.clone());
        let mut serving_task = JoinSet::new();
        serving_task.spawn(async move { serving.serve(listener, stop).await.unwrap() });
        Self { sandbox, base_url, clock, _shutdown: shutdown.drop_guard(), _serving: serving_task }
    }

    /// Makes an organization: doors `Door 00`… with a group each (`Group 00`…), and doors `Lock 00`…
    /// whom the operator's own people enter by `Staff 00`….
    pub(crate) fn organization(&self, name: &str, switches: Switches) -> Org {
        let names = |kind: &str| (0..DOORS).map(|n| format!("{kind} {n:02}")).collect::<Vec<_>>();
        let group = |name: String, lock: String| NewGroup { name, locks: vec![lock] };
        let locks = [names("Door"), names("Lock")].concat();
        let groups = names("Group").into_iter().chain(names("Staff")).zip(&locks);
        let place = NewPlace {
            name: "Main".to_owned(),
            groups: groups.map(|(name, lock)| group(name, lock.clone())).collect(),
            locks,
            ..NewPlace::default()
        };
        let new = NewOrganization {
            name: name.to_owned(),
            owner_email: Some(format!("owner@{}.example", name.to_lowercase())),
            places: vec![place],
            switches: Some(switches),
            ..NewOrganization::default()
        };
        let created = self.sandbox.kisi().create_organization(new).unwrap();
        Org { twin: self.sandbox.kisi().organization(created.id).unwrap(), created }
    }

    /// Settings with which Kisi is called as fast as it goes, and one attempt is all.
    pub(crate) fn config(&self) -> KisiConfig {
        KisiConfig {
            base_url: self.base_url.clone(),
            integration_identifier: "latchkey".to_owned(),
            integration_contact: String::new(),
            link_page: "https://web.kisi.io/grouplinks/".to_owned(),
            calls_per_second: 0,
            calls_in_flight: 8,
            attempt_timeout_ms: 1_000,
            // Two whole attempts, and the second between them that a refusal may ask for.
            call_timeout_ms: 3_500,
            attempts_max: 1,
        }
    }

    /// The API as someone else with this key uses it.
    pub(crate) fn operator(&self, key: &str) -> KisiAccount {
        let clock: Arc<dyn Clock> = self.clock.clone();
        let config = KisiConfig { attempt_timeout_ms: 5_000, call_timeout_ms: 5_000, ..self.config() };
        let kisi = config.client(clock).unwrap();
        kisi.account(&SecretString::from(key.to_owned()), AccountKey::new("operator")).unwrap()
    }

    /// Deletes something, such as `groups/7`.
    pub(crate) async fn delete(&self, key: &str, path: &str) {
        self.call(Method::DELETE, key, path, Body::empty()).await;
    }

    /// Makes a call that the adapter does not make, such as `PATCH /role_assignments/7`.
    async fn call(&self, method: Method, key: &str, path: &str, body: Body) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/kisi/{path}"))
            .header("authorization", format!("KISI-LOGIN {key}"))
            .header("content-type", "application/json")
            .body(body)
            .unwrap();
        let answer = self.sandbox.router().oneshot(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{path}");
    }

    /// Whether the door opens for whoever has the access link.
    pub(crate) async fn opens(&self, link: &str, lock: i64) -> bool {
        let secret = link.rsplit('/').next().unwrap();
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("/kisi/locks/{lock}/unlock"))
            .header("authorization", format!("KISI-GROUP-LINK {secret}"))
            .header("content-type", "application/json")
            .body(Body::from("{}"))
            .unwrap();
        self.sandbox.router().oneshot(request).await.unwrap().status() == StatusCode::OK
    }

    pub(crate) fn calls(&self) -> usize {
        self.sandbox.requests().count(Vendor::Kisi, |_| true)
    }

    /// What was asked, such as `POST /role_assignments`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let requests = self.sandbox.requests().of(Vendor::Kisi);
        requests.iter().map(|request| format!("{} {}", request.method, request.path)).collect()
    }
}

impl Org {
    pub(crate) fn key(&self) -> &str {
        &self.created.api_key.secret
    }

    pub(crate) fn group(&self, name: &str) -> i64 {
        self.created.places[0].groups.iter().find(|group| group.name == name).unwrap().id
    }

    pub(crate) fn lock(&self, name: &str) -> i64 {
        self.created.places[0].locks.iter().find(|lock| lock.name == name).unwrap().id
    }

    /// All windows in which the door opens for the person, by start.
    pub(crate) fn windows(&self, email: &str, lock: i64) -> Vec<Window> {
        windows(self.twin.access_windows_of(email, lock))
    }

    /// All windows in which the door opens for anyone, by start.
    pub(crate) fn anyones_windows(&self, lock: i64) -> Vec<Window> {
        let mut all = self.twin.access_windows();
        all.retain(|window| window.lock_id == lock);
        windows(all)
    }

    /// All windows in which an access link opens the door, by start.
    pub(crate) fn link_windows(&self, lock: i64) -> Vec<Window> {
        let links = self.twin.group_links_of(lock).into_iter().map(|link| link.record);
        links.map(|link| Window::new(link.valid_from.unwrap(), link.valid_until.unwrap()).unwrap()).collect()
    }

    pub(crate) fn user(&self, email: &str) -> Option<UserId> {
        let users = self.twin.users();
        let user = users.iter().find(|user| user.record.email == email)?;
        Some(UserId(user.record.id.cast_unsigned()))
    }

    /// What a user is called, and whether they may open anything.
    pub(crate) fn look_at(&self, user: UserId) -> Option<(String, bool)> {
        let users = self.twin.users();
        let user = users.into_iter().find(|found| found.record.id == user.0.cast_signed())?.record;
        Some((user.name.unwrap_or_default(), user.access_enabled))
    }

    /// The operator makes a user and gives them a right on a group.
    pub(crate) async fn add_foreign(
        &self,
        as_operator: &KisiAccount,
        email: &str,
        group: i64,
        window: Window,
    ) {
        let address = email.parse().unwrap();
        let new = NewUser { email: &address, name: "By the operator", notes: "", metadata: &[] };
        let user = match self.user(email) {
            Some(user) => user,
            None => as_operator.create_managed_user(&new).await.unwrap().id,
        };
        let group = GroupId(group.cast_unsigned());
        as_operator.create_assignment(user, group, window.into()).await.unwrap();
    }

    /// The operator takes all rights on a door away.
    pub(crate) async fn remove_access(&self, as_operator: &KisiAccount, email: &str, lock: i64) {
        for window in self.twin.access_windows_of(email, lock) {
            let id = RoleAssignmentId(window.role_assignment_id.cast_unsigned());
            as_operator.delete_assignment(id).await.unwrap();
        }
    }

    /// The operator gives all rights on a door another window.
    pub(crate) async fn move_access(&self, twin: &Twin, email: &str, lock: i64, window: Window) {
        for held in self.twin.access_windows_of(email, lock) {
            let validity = serde_json::json!({ "valid_from": window.start(), "valid_until": window.end() });
            let body = serde_json::json!({ "role_assignment": validity }).to_string();
            let path = format!("role_assignments/{}", held.role_assignment_id);
            twin.call(Method::PATCH, self.key(), &path, body.into()).await;
        }
    }
}
