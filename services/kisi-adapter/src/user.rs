//! Which Kisi user a person is, and how it follows the person.
//!
//! A user is found by the person's exact address, else made. From then on the ledger knows it by its id. What
//! Kisi's API allows decides how it follows (Kisi API reference, Users, Gotchas):
//!
//! - A user's address can't be changed. One that Latchkey made stays the person's user, with the address that it
//!   has, so that cards and the like stay, too; unless Kisi has another user with the new address: that is the
//!   person then. One that Latchkey only found was found by the address alone, so with another address the person
//!   is someone else.
//! - A user's name can be changed. That of one that Latchkey did not make stays as it is.
//! - Users have no phone number.
//! - A suspended user keeps all rights and opens nothing. One that Latchkey suspended, or made, is let in again;
//!   any other is a matter for whoever suspended it.
//! - A deleted user loses all rights, cards and logins, and a suspended one opens nothing in the whole organization.
//!   So neither is done to a user who has rights, whoever gave them.

use std::time::Duration;

use domain::Timestamp;
use domain::contact::EmailAddress;
use domain::names::{IntegrationName, PersonName};
use door_adapter::{
    ApplyError, ErrorKind, Person, ProviderError, UserApplied, UserRequest, UserState, UserWish,
};
use vendor_http::ErrorKind as VendorKind;

use crate::provider::failure;
use crate::store::{KnownUser, Ledger};
use crate::vendor::wire::UserId;
use crate::vendor::{Error, KisiAccount, NewUser, User, may_exist_already};

/// Key in a user's metadata that says whose user Latchkey made.
const OWNERSHIP_KEY: &str = "latchkey_person";

/// Kisi's search shows a new user after a moment.
const SEARCH_LAG: Duration = Duration::from_secs(2);

/// For whom Latchkey made a user, if it did.
pub(crate) fn mark(user: &User) -> Option<PersonName> {
    user.metadata.get(OWNERSHIP_KEY)?.as_str()?.parse().ok()
}

/// What must be done about a user that the ledger knows, for it to be the person as they are now.
#[derive(Debug, PartialEq, Eq)]
struct Steps<'a> {
    /// Look whether Kisi has a user with this address, which is new.
    search: Option<&'a EmailAddress>,
    /// Give it this name.
    rename: Option<&'a str>,
    /// End its suspension.
    enable: bool,
}

fn steps<'a>(known: &KnownUser, person: &'a Person) -> Steps<'a> {
    let differs = |email: &&EmailAddress| known.email.as_deref().is_some_and(|before| !email.matches(before));
    let name = person.display_name.as_str();
    let is_new_name = !name.is_empty() && known.name.as_deref().is_some_and(|before| before != name);
    Steps {
        search: person.email.as_ref().filter(differs),
        rename: (known.is_ours && is_new_name).then_some(name),
        enable: known.is_suspended,
    }
}

/// A person and their user in an account.
pub(crate) struct Users<'a> {
    pub ledger: &'a Ledger,
    pub kisi: &'a KisiAccount,
    pub account: IntegrationName,
    pub person: &'a Person,
}

impl Users<'_> {
    /// The person's user, made if there is none, as the person is now. `None`: it was deleted at Kisi, and the
    /// ledger does not know it any more.
    pub(crate) async fn ensure(&self, known: Option<KnownUser>) -> Result<Option<UserId>, ApplyError> {
        let Some(known) = known else { return self.find_or_make().await.map(Some) };
        let Steps { search, rename, enable } = steps(&known, self.person);
        if let Some(email) = search {
            match self.kisi.find_user_by_email(email).await.map_err(failure)? {
                Some(other) if other.id != known.id => return self.take(&other).await.map(Some),
                None if !known.is_ours => return self.make(email).await.map(Some),
                Some(_) | None => {}
            }
        }
        if let Some(name) = rename
            && self.is_gone(known.id, self.kisi.rename_user(known.id, name).await).await?
        {
            return Ok(None);
        }
        if enable && self.is_gone(known.id, self.kisi.set_access_enabled(known.id, true).await).await? {
            return Ok(None);
        }
        let now = self.as_now(known.id, known.is_ours);
        // What the person has no more stays known.
        let now = KnownUser {
            email: now.email.or_else(|| known.email.clone()),
            name: now.name.or_else(|| known.name.clone()),
            ..now
        };
        if now != known {
            self.ledger.remember_user(self.account, self.person.id, &now).await?;
        }
        Ok(Some(now.id))
    }

    /// Sees to it that a user whose rights are there is let in, too. `false`: it is deleted.
    pub(crate) async fn ensure_let_in(&self, user: UserId) -> Result<bool, ApplyError> {
        match self.kisi.find_user(user).await.map_err(failure)? {
            None => Ok(false),
            Some(user) => self.let_in(&user).await,
        }
    }

    /// Has the user be in use, suspended or deleted.
    pub(crate) async fn set(
        &self,
        request: &UserRequest,
        known: Option<KnownUser>,
        now: Timestamp,
    ) -> Result<UserApplied, ApplyError> {
        let unasked = |state| Ok(UserApplied { state, was_asked: false });
        let (known, wish) = match (known, request.wish) {
            (None, UserWish::InUse) => return unasked(UserState::InUse),
            (None, UserWish::Suspended | UserWish::Deleted) => return unasked(UserState::Absent),
            (Some(known), UserWish::InUse) if !known.is_suspended => return unasked(UserState::InUse),
            (Some(known), UserWish::InUse) => {
                self.ensure(Some(known)).await?;
                return Ok(UserApplied { state: UserState::InUse, was_asked: true });
            }
            (Some(known), wish) => (known, wish),
        };
        if !known.is_ours && !request.includes_foreign {
            return unasked(UserState::Kept("Latchkey did not make the user, and only let it in".to_owned()));
        }
        if self.ledger.has_rights(self.account.workspace, known.id, now).await? {
            let reason = "the person has access there, which is taken away first";
            return Err(ProviderError::new(ErrorKind::Conflict, reason).into());
        }
        let state = self.retire(&known, wish, now).await?;
        Ok(UserApplied { state, was_asked: true })
    }

    /// Suspends or deletes a user without rights.
    async fn retire(
        &self,
        known: &KnownUser,
        wish: UserWish,
        now: Timestamp,
    ) -> Result<UserState, ApplyError> {
        let (account, person) = (self.account, self.person.id);
        let Some(user) = self.kisi.find_user(known.id).await.map_err(failure)? else {
            self.ledger.forget_user(account, person, known.id).await?;
            return Ok(UserState::Deleted);
        };
        let rights = self.kisi.list_user_assignments(known.id).await.map_err(failure)?;
        if rights.iter().any(|right| !right.validity.is_over(now)) {
            return Ok(UserState::Kept("the user has rights at Kisi that Latchkey did not give".to_owned()));
        }
        if wish == UserWish::Deleted {
            self.kisi.delete_user(known.id).await.map_err(failure)?;
            self.ledger.forget_user(account, person, known.id).await?;
            return Ok(UserState::Deleted);
        }
        if !user.access_enabled {
            // By us before, or by someone else, which is theirs to end.
            return Ok(UserState::Suspended);
        }
        // Before Kisi is asked: whatever becomes of the answer, the next access ends it.
        let suspended = KnownUser { is_suspended: true, ..known.clone() };
        self.ledger.remember_user(account, person, &suspended).await?;
        let asked = self.kisi.set_access_enabled(known.id, false).await;
        Ok(if self.is_gone(known.id, asked).await? { UserState::Deleted } else { UserState::Suspended })
    }

    /// The user with the person's address, else a new one.
    pub(crate) async fn find_or_make(&self) -> Result<UserId, ApplyError> {
        let email = self.person.email.as_ref().ok_or_else(|| {
            let reason = "the person has no email address, and Kisi knows people by theirs: add one";
            ProviderError::new(ErrorKind::Rejected, reason)
        })?;
        match self.kisi.find_user_by_email(email).await.map_err(failure)? {
            Some(user) => self.take(&user).await,
            None => self.make(email).await,
        }
    }

    async fn make(&self, email: &EmailAddress) -> Result<UserId, ApplyError> {
        let mark = PersonName { workspace: self.account.workspace, id: self.person.id }.to_string();
        let notes = format!("Made by Latchkey for {mark}.");
        let name = match self.person.display_name.as_str() {
            "" => email.as_str(),
            name => name,
        };
        let new = NewUser { email, name, notes: &notes, metadata: &[(OWNERSHIP_KEY, &mark)] };
        let error = match self.kisi.create_managed_user(&new).await {
            Ok(user) => {
                let made = self.as_now(user.id, true);
                self.ledger.remember_user(self.account, self.person.id, &made).await?;
                return Ok(user.id);
            }
            Err(error) => error,
        };
        let is_taken = error.vendor().is_some_and(may_exist_already);
        if !is_taken {
            return Err(failure(error).into());
        }
        // Somebody was faster, or the search lags behind.
        match self.kisi.find_user_by_email(email).await.map_err(failure)? {
            Some(user) => self.take(&user).await,
            None if error.vendor().is_some_and(|vendor| vendor.kind == VendorKind::Conflict) => {
                let reason = "Kisi has a user with the person's address, but does not show it yet";
                let later = failure(error).meaning(ErrorKind::Unreachable, reason);
                Err(later.with_retry_after(SEARCH_LAG).into())
            }
            None => Err(failure(error).into()),
        }
    }

    /// Takes a user that has the person's address for theirs.
    async fn take(&self, user: &User) -> Result<UserId, ApplyError> {
        let (account, person) = (self.account, self.person.id);
        let email = self.person.email.as_ref().map(EmailAddress::as_str).unwrap_or_default();
        if let Some(other) = self.ledger.whose_user(account, user.id, person, email).await? {
            let other = PersonName { workspace: account.workspace, id: other };
            let reason = format!(
                "Kisi knows {other} by the person's address, who had it before, and can't change it: delete that \
                 user at Kisi; who still needs it gets another one"
            );
            return Err(ProviderError::new(ErrorKind::Rejected, reason).into());
        }
        let is_ours = mark(user).is_some_and(|person| person.workspace == account.workspace);
        let now = self.as_now(user.id, is_ours);
        if let (true, Some(name)) = (is_ours, &now.name)
            && user.name.as_ref() != Some(name)
        {
            self.is_gone(user.id, self.kisi.rename_user(user.id, name).await).await?;
        }
        self.let_in(user).await?;
        self.ledger.remember_user(account, person, &now).await?;
        Ok(user.id)
    }

    /// Ends a suspension that is ours to end. `false`: the user is deleted.
    async fn let_in(&self, user: &User) -> Result<bool, ApplyError> {
        if user.access_enabled {
            return Ok(true);
        }
        if mark(user).is_none_or(|person| person.workspace != self.account.workspace) {
            let reason =
                "someone suspended the person's user at Kisi, which Latchkey did not make: enable it there";
            return Err(ProviderError::new(ErrorKind::Rejected, reason).into());
        }
        let enabled = self.kisi.set_access_enabled(user.id, true).await;
        Ok(!self.is_gone(user.id, enabled).await?)
    }

    /// Whether a call found that the user is deleted; the ledger knows, then.
    async fn is_gone(&self, user: UserId, called: Result<(), Error>) -> Result<bool, ApplyError> {
        match called {
            Ok(()) => Ok(false),
            Err(error) if error.vendor().is_some_and(|vendor| vendor.kind == VendorKind::NotFound) => {
                self.ledger.forget_user(self.account, self.person.id, user).await?;
                Ok(true)
            }
            Err(error) => Err(failure(error).into()),
        }
    }

    fn as_now(&self, id: UserId, is_ours: bool) -> KnownUser {
        KnownUser {
            id,
            is_ours,
            email: self.person.email.as_ref().map(|email| email.as_str().to_owned()),
            name: Some(self.person.display_name.clone()).filter(|name| !name.is_empty()),
            is_suspended: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::PersonId;

    use super::*;

    fn person(name: &str, email: &str) -> Person {
        Person { id: PersonId::new(), display_name: name.into(), email: email.parse().ok() }
    }

    fn known() -> KnownUser {
        KnownUser {
            id: UserId(7),
            is_ours: true,
            email: Some("Ada@example.org".into()),
            name: Some("Ada".into()),
            is_suspended: false,
        }
    }

    const NOTHING: Steps<'_> = Steps { search: None, rename: None, enable: false };

    #[test]
    fn a_user_who_is_the_person_as_they_are_needs_nothing() {
        assert_eq!(steps(&known(), &person("Ada", "ada@example.org")), NOTHING);
        // The address was taken out, the name was never there.
        assert_eq!(steps(&known(), &person("", "")), NOTHING);
        // Of before they were kept.
        let old = KnownUser { email: None, name: None, ..known() };
        assert_eq!(steps(&old, &person("Bob", "bob@example.org")), NOTHING);
    }

    #[test]
    fn another_address_is_searched_and_another_name_is_told_if_the_user_is_ours() {
        let renamed = person("Ada L.", "ada@example.com");
        let search = renamed.email.as_ref();
        assert_eq!(steps(&known(), &renamed), Steps { search, rename: Some("Ada L."), enable: false });
        let foreign = KnownUser { is_ours: false, ..known() };
        assert_eq!(steps(&foreign, &renamed), Steps { search, rename: None, enable: false });
    }

    #[test]
    fn whom_we_suspended_is_let_in_again_whoever_made_them() {
        for is_ours in [true, false] {
            let suspended = KnownUser { is_ours, is_suspended: true, ..known() };
            assert!(steps(&suspended, &person("Ada", "ada@example.org")).enable);
        }
    }
}
