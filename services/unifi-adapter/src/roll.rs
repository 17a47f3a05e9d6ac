//! Reads a console's users, call by call, and tells what they have by us from what others gave them.

use std::collections::HashSet;

use domain::PersonId;
use domain::names::IntegrationName;
use door_adapter::{ApplyError, Origin, Period, ProviderError, Right, Target, TargetKind};

use crate::member;
use crate::members::{Members, cannot_be, without_users};
use crate::store::{Ledger, Standing};
use crate::vendor::wire::{Policy, User};
use crate::vendor::{Console, Pages};

/// One reading of a console's users.
pub(crate) struct Roll<'a> {
    ledger: &'a Ledger,
    console: Console,
    account: IntegrationName,
    targets: &'a [Target],
    /// What the ledger knew before users were listed.
    before: Vec<Standing>,
    users: Vec<User>,
    step: Step,
}

enum Step {
    Begin,
    Users(Pages<User>),
    /// Whose users the list lacks: a list that moves may leave one out.
    Lacking(Vec<(String, Vec<Standing>)>),
}

impl<'a> Roll<'a> {
    pub(crate) fn new(
        ledger: &'a Ledger,
        console: Console,
        account: IntegrationName,
        targets: &'a [Target],
    ) -> Self {
        Self { ledger, console, account, targets, before: Vec::new(), users: Vec::new(), step: Step::Begin }
    }

    /// Makes one call, and gives the rights that it made sure of. `None` at the end.
    pub(crate) async fn read_on(&mut self) -> Result<Option<Vec<Right>>, ApplyError> {
        match std::mem::replace(&mut self.step, Step::Begin) {
            Step::Begin => {
                self.before = self.ledger.all_standing(self.account).await?;
                self.step = Step::Users(Pages::default());
            }
            Step::Users(mut pages) => match pages.read_on(&self.console).await {
                Ok(Some(users)) => {
                    self.users.extend(users);
                    self.step = Step::Users(pages);
                }
                Ok(None) => return self.judge_all().await.map(Some),
                // Then nobody is a user by us, and what others have there is not for us to see.
                Err(error) if cannot_be(&error) && self.before.is_empty() => return Ok(None),
                Err(error) => return Err(without_users(error.into())),
            },
            Step::Lacking(mut lacking) => {
                let Some((id, rows)) = lacking.pop() else { return Ok(None) };
                let found = self.console.find_user(&id).await?;
                self.step = Step::Lacking(lacking);
                return Ok(Some(found.map(|user| self.judge(&user, &rows, false)).unwrap_or_default()));
            }
        }
        Ok(Some(Vec::new()))
    }

    /// Says of each user what they have by whom, now that all are listed.
    async fn judge_all(&mut self) -> Result<Vec<Right>, ApplyError> {
        // What was given meanwhile was written down before the console was asked; what was taken back meanwhile was known
        // before.
        let mut known = self.ledger.all_standing(self.account).await?;
        let after: HashSet<_> = known.iter().map(|standing| standing.grant).collect();
        known.extend(self.before.iter().filter(|standing| !after.contains(&standing.grant)).cloned());
        let ids: Vec<&str> = self.users.iter().map(|user| user.id.as_str()).collect();
        let elsewhere = self.ledger.users_elsewhere(self.account, &ids).await?;
        let of_user = |id: &str| -> Vec<Standing> {
            known.iter().filter(|standing| standing.user_id.as_deref() == Some(id)).cloned().collect()
        };
        let judge = |user: &User| self.judge(user, &of_user(&user.id), elsewhere.contains(&user.id));
        let rights = self.users.iter().flat_map(judge).collect();
        let seen: HashSet<&str> = self.users.iter().map(|user| user.id.as_str()).collect();
        let ids: HashSet<&str> = known.iter().filter_map(|standing| standing.user_id.as_deref()).collect();
        let lacking = ids.difference(&seen).map(|id| ((*id).to_owned(), of_user(id)));
        self.step = Step::Lacking(lacking.collect());
        Ok(rights)
    }

    /// `is_elsewhere`: another integration of the workspace has made the user.
    fn judge(&self, user: &User, rows: &[Standing], is_elsewhere: bool) -> Vec<Right> {
        if user.is_deactivated() {
            return Vec::new();
        }
        let is_ours = !is_elsewhere && member::person_of(user, self.account.workspace).is_some();
        user.access_policies.iter().flat_map(|policy| self.of_policy(user, policy, rows, is_ours)).collect()
    }

    /// What a user has by a policy: by one of ours at its target alone, by others' wherever it leads.
    fn of_policy(&self, user: &User, policy: &Policy, rows: &[Standing], is_ours: bool) -> Vec<Right> {
        let right = |target: &Target, period, origin| Right {
            provider_ref: member::right_ref(&user.id, &policy.id),
            target: target.clone(),
            holder: holder(user),
            period,
            origin,
        };
        let for_good = Period { from: None, until: None };
        if let Some(row) = rows.iter().find(|row| member::is_ours(policy, &row.target)) {
            // Someone may have changed it.
            let leads_there = policy.resources.iter().any(|it| it.id == row.target.provider_ref);
            let target = self.known(&row.target);
            return leads_there
                .then(|| right(&target, row.window.into(), Origin::Ledger))
                .into_iter()
                .collect();
        }
        let mut places = self.targets.iter().filter(|target| leads_to(policy, target));
        if is_ours && member::is_any_of_ours(policy) {
            return places.next().map(|target| right(target, for_good, Origin::Kept)).into_iter().collect();
        }
        places.next().map(|target| right(target, for_good, Origin::Foreign)).into_iter().collect()
    }

    /// With the name that it has among the targets.
    fn known(&self, target: &Target) -> Target {
        let is_it = |it: &&Target| (it.kind, &it.provider_ref) == (target.kind, &target.provider_ref);
        self.targets.iter().find(is_it).unwrap_or(target).clone()
    }
}

fn leads_to(policy: &Policy, target: &Target) -> bool {
    let kind = if target.kind == TargetKind::Lock { "door" } else { "door_group" };
    policy.resources.iter().any(|it| it.id == target.provider_ref && it.r#type == kind)
}

fn holder(user: &User) -> String {
    let name = format!("{} {}", user.first_name, user.last_name);
    if user.user_email.is_empty() { name.trim().to_owned() } else { user.user_email.clone() }
}

/// Takes a policy of ours from a user that stands for one of our people, if no grant is for it.
pub(crate) async fn remove(members: &mut Members<'_>, right: &Right) -> Result<(), ApplyError> {
    let Some((user, _)) = member::of_right(&right.provider_ref) else { return Ok(()) };
    let found = members.console.find_user(user).await?;
    let person: Option<PersonId> =
        found.as_ref().and_then(|found| member::person_of(found, members.account.workspace));
    let Some(person) = person else { return Ok(()) };
    if !members.ledger.users_elsewhere(members.account, &[user]).await?.is_empty() {
        return Ok(());
    }
    let known = members.ledger.all_standing(members.account).await?;
    let is_it = |standing: &Standing| {
        let target = (standing.target.kind, &standing.target.provider_ref);
        standing.person == person && target == (right.target.kind, &right.target.provider_ref)
    };
    if !known.iter().any(is_it) {
        let taken: Result<(), ProviderError> = members.take_back(user, &right.target).await;
        taken?;
    }
    Ok(())
}
