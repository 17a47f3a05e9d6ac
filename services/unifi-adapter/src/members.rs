//! Gives people who come for good what they have as users, and takes it back. What others gave a user is never touched.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use domain::names::IntegrationName;
use domain::{PersonId, Window};
use door_adapter::{
    AccessRequest, ApplyError, ErrorKind, Person, ProviderError, Target, UserState, UserWish,
};
use sealing::Keys;
use secrecy::SecretString;

use crate::access::{Granted, PinHolder, target_unknown, with_free_pin};
use crate::member::{self, ALWAYS};
use crate::store::{Change, Ledger, Standing};
use crate::vendor::wire::{Hours, NewSchedule, NewUser, User};
use crate::vendor::{Console, NOT_SUPPORTED, Pages};

/// A console's users under way.
pub(crate) struct Members<'a> {
    pub ledger: &'a Ledger,
    pub console: &'a Console,
    pub account: IntegrationName,
    pub keys: &'a Arc<Keys>,
    /// Whether the console was changed already.
    pub has_changed: bool,
}

/// Whether the console keeps no users for us: it is too old, or its token must not.
pub(crate) fn cannot_be(error: &ProviderError) -> bool {
    matches!(error.vendor_code(), Some(NOT_SUPPORTED | "CODE_UNAUTHORIZED" | "CODE_OPERATION_FORBIDDEN"))
}

/// A token that must not keep users is good for all else, so it is not laid to the credentials.
pub(crate) fn without_users(error: ApplyError) -> ApplyError {
    match error {
        ApplyError::Provider(error) if cannot_be(&error) => {
            let reason = "the console does not let users be kept any more: the API token needs the permissions view:user, \
                          edit:user, view:policy and edit:policy";
            error.meaning(ErrorKind::Rejected, reason).into()
        }
        error => error,
    }
}

impl Members<'_> {
    /// Whether there can be users of ours.
    pub(crate) async fn can_be(&self) -> Result<bool, ProviderError> {
        let tried = match self.console.list_policies().await {
            Ok(_) => self.console.try_to_edit_users().await,
            Err(error) => Err(error),
        };
        match tried {
            Ok(()) => Ok(true),
            Err(error) if cannot_be(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Lets the person in at the target as a user, with a PIN that we know.
    pub(crate) async fn grant(
        &mut self,
        request: &AccessRequest,
        known: Option<&Standing>,
        window: Window,
        changes: &mut Vec<Change>,
    ) -> Result<Granted, ApplyError> {
        let mut standing = Standing {
            grant: request.grant,
            person: request.person.id,
            target: request.target.clone(),
            window,
            has_pin: known.is_some_and(|known| known.has_pin),
            user_id: None,
        };
        // Before the console has it.
        self.ledger.note_standing(self.account, &standing).await?;
        let user = self.user_of(&request.person).await?;
        self.set_active(&user, true).await?;
        let policy = self.policy_of(&request.target).await?;
        let mut policies = self.own_policies(&user.id).await?;
        if !policies.contains(&policy) {
            policies.push(policy.clone());
            self.set_policies(&user.id, &policies).await?;
        }
        let (pin, is_new) = self.pin_of(&user, standing.person).await?;
        let must_be_told = is_new || !standing.has_pin;
        standing.has_pin = true;
        changes.push(Change::stands(self.account, standing));
        Ok(Granted { provider_ref: member::right_ref(&user.id, &policy), pin: must_be_told.then_some(pin) })
    }

    /// Takes back what the person had by the grant as a user.
    pub(crate) async fn revoke(
        &mut self,
        known: &Standing,
        changes: &mut Vec<Change>,
    ) -> Result<(), ApplyError> {
        if let Some(user) = self.find(known.person).await? {
            self.take_back(&user.id, &known.target).await?;
        }
        changes.push(Change::stands_no_more(self.account, known.grant));
        Ok(())
    }

    /// Takes our policies of the target from a user, and no other.
    pub(crate) async fn take_back(&mut self, user: &str, target: &Target) -> Result<(), ProviderError> {
        let own = match self.console.list_user_policies(user, true).await {
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(()),
            listed => listed?,
        };
        let left: Vec<String> = own
            .iter()
            .filter(|policy| !member::is_ours(policy, target))
            .map(|policy| policy.id.clone())
            .collect();
        if left.len() < own.len() {
            self.set_policies(user, &left).await?;
        }
        Ok(())
    }

    /// Has the user of someone who has no access be so.
    pub(crate) async fn set(&mut self, person: PersonId, wish: UserWish) -> Result<UserState, ApplyError> {
        let Some(user) = self.find(person).await? else {
            self.ledger.forget_user(self.account, person).await?;
            return Ok(match wish {
                UserWish::InUse => UserState::InUse,
                UserWish::Suspended | UserWish::Deleted => UserState::Absent,
            });
        };
        if wish == UserWish::InUse {
            self.set_active(&user, true).await?;
            return Ok(UserState::InUse);
        }
        let policies = self.console.list_user_policies(&user.id, false).await?;
        if let Some(other) = policies.iter().find(|policy| !member::is_any_of_ours(policy)) {
            return Ok(UserState::Kept(format!("has the policy {:?} by others", other.name)));
        }
        self.set_active(&user, false).await?;
        if wish == UserWish::Suspended {
            return Ok(UserState::Suspended);
        }
        match self.console.delete_user(&user.id).await {
            Err(error) if error.vendor_code() == Some(NOT_SUPPORTED) => {
                return Ok(UserState::Kept(
                    "is deactivated; the console is too old to delete users".to_owned(),
                ));
            }
            deleted => deleted?,
        }
        self.has_changed = true;
        self.ledger.forget_user(self.account, person).await?;
        Ok(UserState::Deleted)
    }

    /// The user of a person, if there is one that we made.
    async fn find(&self, person: PersonId) -> Result<Option<User>, ApplyError> {
        let Some(row) = self.ledger.user(self.account, person).await? else { return Ok(None) };
        match row.user_id {
            Some(id) => Ok(self.console.find_user(&id).await?),
            None => self.look_for(person).await,
        }
    }

    /// The user that stands for a person by its number: whatever became of an answer, it is found.
    async fn look_for(&self, person: PersonId) -> Result<Option<User>, ApplyError> {
        let is_it = |user: &User| member::person_of(user, self.account.workspace) == Some(person);
        let mut pages = Pages::<User>::default();
        while let Some(mut users) = pages.read_on(self.console).await? {
            users.retain(is_it);
            let ids: Vec<&str> = users.iter().map(|user| user.id.as_str()).collect();
            let elsewhere = match ids.is_empty() {
                true => HashSet::new(),
                false => self.ledger.users_elsewhere(self.account, &ids).await?,
            };
            if let Some(found) = users.into_iter().find(|user| !elsewhere.contains(&user.id)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The id of the user of a person, if there is one that we made.
    pub(crate) async fn id_of(&self, person: PersonId) -> Result<Option<String>, ApplyError> {
        let Some(row) = self.ledger.user(self.account, person).await? else { return Ok(None) };
        match row.user_id {
            Some(id) => Ok(Some(id)),
            None => Ok(self.look_for(person).await?.map(|user| user.id)),
        }
    }

    /// The user of a person: the one that there is, as wanted, or a new one. One that is deactivated stays so.
    pub(crate) async fn user_of(&mut self, of: &Person) -> Result<User, ApplyError> {
        let wanted = member::wanted_user(self.account.workspace, of);
        let known = self.ledger.user(self.account, of.id).await?.and_then(|row| row.user_id);
        let found = match &known {
            Some(id) => self.console.find_user(id).await?,
            None => None,
        };
        let user = match found {
            Some(user) => user,
            None => self.find_or_make(of.id, &wanted, known.is_some()).await?,
        };
        if !member::is_met(&wanted, &user) {
            self.console.update_user(&user.id, &wanted).await?;
            self.has_changed = true;
        }
        Ok(user)
    }

    /// Somebody else may be at it at the same time, for another door or a card: whichever user is noted first counts.
    async fn find_or_make(
        &mut self,
        person: PersonId,
        wanted: &NewUser,
        is_gone: bool,
    ) -> Result<User, ApplyError> {
        let is_first = if is_gone {
            self.ledger.note_user(self.account, person, None).await?;
            false
        } else {
            self.ledger.ask_for_user(self.account, person).await?
        };
        // What was never asked for is not there.
        let found = if is_first { None } else { self.look_for(person).await? };
        let (id, is_made) = match found {
            Some(user) => (user.id, false),
            None => (self.console.create_user(wanted).await?, true),
        };
        self.has_changed |= is_made;
        let kept = self.ledger.claim_user(self.account, person, &id).await?;
        if is_made && kept != id {
            self.discard(&id).await?;
        }
        let user = self.console.find_user(&kept).await?;
        user.ok_or_else(|| {
            ProviderError::new(ErrorKind::NotFound, "the console has lost the user that it made").into()
        })
    }

    /// Takes away a user that nothing was given to.
    async fn discard(&self, id: &str) -> Result<(), ProviderError> {
        self.console.set_user_active(id, false).await?;
        match self.console.delete_user(id).await {
            Err(error) if error.vendor_code() == Some(NOT_SUPPORTED) => Ok(()),
            deleted => deleted,
        }
    }

    async fn set_active(&mut self, user: &User, is_active: bool) -> Result<(), ProviderError> {
        if user.is_deactivated() == is_active {
            self.console.set_user_active(&user.id, is_active).await?;
            self.has_changed = true;
        }
        Ok(())
    }

    async fn own_policies(&self, user: &str) -> Result<Vec<String>, ProviderError> {
        let own = self.console.list_user_policies(user, true).await?;
        Ok(own.into_iter().map(|policy| policy.id).collect())
    }

    /// Others may give policies at the same time; the console has no way to tell.
    async fn set_policies(&mut self, user: &str, policies: &[String]) -> Result<(), ProviderError> {
        self.console.set_user_policies(user, policies).await?;
        self.has_changed = true;
        Ok(())
    }

    /// The policy of a target, as it should be: the one that there is, or a new one.
    async fn policy_of(&mut self, target: &Target) -> Result<String, ApplyError> {
        let wanted = member::wanted_policy(target, self.always().await?);
        let mut ours = self.console.list_policies().await?;
        ours.retain(|policy| member::is_ours(policy, target));
        ours.sort_by(|a, b| a.id.cmp(&b.id));
        let kept = match ours.into_iter().next() {
            Some(policy) if member::is_policy_met(&wanted, &policy) => return Ok(policy.id),
            Some(policy) => self.console.update_policy(&policy.id, &wanted).await.map(|()| policy.id),
            None => self.console.create_policy(&wanted).await,
        };
        self.has_changed = true;
        match kept {
            Ok(id) => Ok(id),
            Err(error) if error.kind == ErrorKind::NotFound => Err(target_unknown(target, error)),
            Err(error) => Err(error.into()),
        }
    }

    /// The hours of our policies.
    async fn always(&mut self) -> Result<String, ApplyError> {
        let listed = self.console.list_schedules().await?;
        if let Some(found) = listed.into_iter().find(|schedule| schedule.name == ALWAYS) {
            return Ok(found.id);
        }
        let days = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
        let all_day = |day| (day, vec![Hours { start_time: "00:00:00", end_time: "23:59:59" }]);
        let week_schedule: BTreeMap<&str, Vec<Hours>> = days.into_iter().map(all_day).collect();
        let id = self.console.create_schedule(&NewSchedule { name: ALWAYS, week_schedule }).await?;
        self.has_changed = true;
        Ok(id)
    }

    /// The PIN of a user, and whether it was made just now.
    async fn pin_of(&mut self, user: &User, person: PersonId) -> Result<(SecretString, bool), ApplyError> {
        let label = label(self.account, person);
        let known = self.ledger.user(self.account, person).await?.and_then(|row| row.pin);
        if let Some(sealed) = known.filter(|_| user.pin_code.is_some()) {
            match self.keys.open(&label, &sealed) {
                Ok(pin) => return Ok((pin, false)),
                Err(error) => tracing::error!(
                    person.id = %person, %error, "a PIN can't be opened; another is made in its place"
                ),
            }
        }
        // Should the answer be lost, the old one must not be told as if it opened.
        self.ledger.note_pin(self.account, person, None).await?;
        let pin = with_free_pin(self.console, PinHolder::User(&user.id)).await?;
        self.has_changed = true;
        self.ledger.note_pin(self.account, person, Some(&self.keys.seal(&label, &pin))).await?;
        Ok((pin, true))
    }
}

fn label(account: IntegrationName, person: PersonId) -> Vec<u8> {
    let ids = [account.workspace.uuid(), account.id.uuid(), person.uuid()].map(uuid::Uuid::into_bytes);
    [b"latchkey unifi pin 1".as_slice(), &ids.concat()].concat()
}
