//! What becomes of the users that providers take people for.

use std::collections::{HashMap, HashSet};

use chassis::audit::Author;
use chassis::idempotency::{Begun, Change, Intent};
use chassis::paging::Page;
use domain::{PersonId, ProviderUserId, Timestamp, WorkspaceId};
use events::outbox;
use proto::access::v1 as pb;
use sqlx::PgConnection;

use super::App;
use super::hear::{Heard, spread};
use super::replan::people;
use crate::convert::UserResult;
use crate::engine::{Outlook, UserOutcome, UserState, observe_user, plan_user};
use crate::error::Error;
use crate::facts::{self, SOURCE};
use crate::model::{NoAccessPolicy, ProviderUser};
use crate::store::{card, entitlement, provider_user as store};
use crate::{audit, convert};

impl App {
    /// Looks at users whose time has come, one batch. Says how many, and when the next one is due.
    pub(crate) async fn retire_due(&self, limit: u16) -> Result<(usize, Option<Timestamp>), Error> {
        let now = self.clock.now();
        let mut tx = self.platform.begin().await?;
        let users = store::claim_due(&mut tx, now, limit).await?;
        let count = users.len();
        self.replan_users(&mut tx, users).await?;
        let next = store::next_due(&mut tx).await?;
        tx.commit().await?;
        Ok((count, next))
    }

    /// Decides about users that are locked, and tells the adapters.
    async fn replan_users(&self, conn: &mut PgConnection, mut users: Vec<ProviderUser>) -> Result<(), Error> {
        if users.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let around = store::surroundings(conn, &users).await?;
        let keys: Vec<_> = around.grants.iter().map(|(workspace, .., grant)| (*workspace, *grant)).collect();
        let mut entitled = entitlement::of_grants(conn, &keys, self.defaults, now).await?;
        let needed: HashSet<(WorkspaceId, PersonId, &str)> = around
            .grants
            .iter()
            .filter(|(.., grant)| {
                let entitled = entitled.remove(grant).unwrap_or_default();
                Outlook::new(entitled, now, &self.rules).is_ahead(now)
            })
            .map(|(workspace, person, provider, _)| (*workspace, *person, provider.as_str()))
            .collect();
        let policies: HashMap<(WorkspaceId, &str), &NoAccessPolicy> = around
            .policies
            .iter()
            .map(|(workspace, policy)| ((*workspace, policy.provider.as_str()), policy))
            .collect();
        let people = people(conn, users.iter().map(|user| (user.workspace, user.person))).await?;
        let mut messages = Vec::new();
        for user in &mut users {
            let person = people.get(&(user.workspace, user.person));
            if around.resting.contains(&user.id) {
                // Until the integration is heard of.
                user.next_check_at = None;
                continue;
            }
            // Whoever is paused keeps what they are entitled to; whoever is removed has nothing.
            let is_needed = person.is_some_and(|person| !person.is_removed)
                && needed.contains(&(user.workspace, user.person, user.provider.as_str()));
            let policy = policies.get(&(user.workspace, user.provider.as_str()));
            let rule = policy.and_then(|policy| policy.policy);
            let decision = plan_user(rule, is_needed, user.ledger, now);
            user.ledger = decision.ledger;
            user.next_check_at = decision.next_check_at;
            if user.ledger.state == UserState::InUse && user.ledger.retry_at.is_none() {
                user.reason.clear();
            }
            if let (Some(command), Some(person)) = (decision.command, person) {
                let includes_foreign = policy.is_some_and(|policy| policy.includes_foreign);
                messages.push(facts::user_command(user, command, includes_foreign, person, now));
            }
        }
        store::update(conn, &users).await?;
        outbox::append(conn, &messages).await?;
        Ok(())
    }

    /// Takes adapters' results in. Those of older commands change nothing.
    pub(crate) async fn hear_users(
        &self,
        conn: &mut PgConnection,
        heard: &[Heard<'_, UserResult>],
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let keys: Vec<_> =
            heard.iter().map(|(_, _, result)| (result.user.workspace, result.user.id)).collect();
        let mut users: HashMap<ProviderUserId, ProviderUser> =
            store::lock(conn, &keys).await?.into_iter().map(|user| (user.id, user)).collect();
        let mut messages = Vec::new();
        let mut changed = HashSet::new();
        for &(envelope, span, result) in heard {
            let Some(user) = users.get_mut(&result.user.id) else { continue };
            let spread = spread(user.id.uuid());
            let Some(ledger) = observe_user(user.ledger, result.generation, result.outcome, now, spread)
            else {
                continue;
            };
            let before = std::mem::replace(&mut user.ledger, ledger);
            user.reason.clone_from(&result.reason);
            changed.insert(user.id);
            let told = span.in_scope(|| match result.outcome {
                UserOutcome::Is(state) if state == before.state || result.was_absent => None,
                UserOutcome::Is(UserState::Suspended) => Some(facts::user_suspended(user, now)),
                UserOutcome::Is(UserState::Deleted) => Some(facts::user_deleted(user, now)),
                UserOutcome::Is(_) | UserOutcome::Failed { .. } => None,
            });
            messages.extend(told.map(|message| message.caused_by(envelope)));
        }
        outbox::append(conn, &messages).await?;
        let deleted: Vec<_> = users
            .values()
            .filter(|user| changed.contains(&user.id) && user.ledger.state == UserState::Deleted)
            .map(|user| (user.workspace, user.person, user.provider.as_str(), user.served_by))
            .collect();
        if !deleted.is_empty() {
            card::forget_told(conn, &deleted).await?;
        }
        self.replan_users(conn, users.into_values().filter(|user| changed.contains(&user.id)).collect()).await
    }

    pub(crate) async fn list_policies(
        &self,
        workspace: WorkspaceId,
    ) -> Result<pb::ListNoAccessPoliciesResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let policies = store::policies(&mut tx, workspace).await?;
        Ok(pb::ListNoAccessPoliciesResponse { policies: policies.iter().map(convert::policy).collect() })
    }

    pub(crate) async fn set_policy(
        &self,
        workspace: WorkspaceId,
        policy: NoAccessPolicy,
        author: &Author,
        intent: Option<Intent>,
    ) -> Result<pb::SetNoAccessPolicyResponse, Error> {
        let mut change = match Change::begin(self.pool.begin(workspace).await?, intent).await? {
            Begun::Known(answer) => return Ok(answer),
            Begun::Fresh(change) => change,
        };
        let now = self.clock.now();
        let before = store::set_policy(change.conn(), workspace, &policy, now).await?;
        audit::policy(author, workspace, &before, &policy, now).record(SOURCE, change.conn()).await?;
        let answer = pb::SetNoAccessPolicyResponse { policy: Some(convert::policy(&policy)) };
        let answer = change.commit(answer).await?;
        self.wake();
        Ok(answer)
    }

    pub(crate) async fn list_users(
        &self,
        workspace: WorkspaceId,
        page: Page,
    ) -> Result<pb::ListProviderUsersResponse, Error> {
        let mut tx = self.pool.begin(workspace).await?;
        let mut rows = store::list(&mut tx, workspace, &page).await?;
        let next_page_token = page.finish(&mut rows, |user| user.id.uuid());
        let provider_users = rows.iter().map(convert::provider_user).collect();
        Ok(pb::ListProviderUsersResponse { provider_users, next_page_token })
    }
}
