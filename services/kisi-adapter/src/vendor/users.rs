//! Users, and logins of their phones (Kisi API reference, Users, Logins).

use domain::contact::EmailAddress;
use vendor_http::http::Method;

use super::client::KisiAccount;
use super::convert::{self, NewUser, User};
use super::error::Error;
use super::reader::Reader;
use super::wire::{MadeLogin, NewLogin, NewLoginFields, PatchUser, PatchUserFields, UserId, WireUser};

/// Largest page of users.
pub(crate) const USER_PAGE: usize = 100;

const USER: &str = "/users/{id}";

impl KisiAccount {
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
}

impl Reader<WireUser> {
    /// Of these users, as far as they are there; at most [`USER_PAGE`].
    pub(crate) fn of_users(users: &[UserId]) -> Self {
        let ids: Vec<String> = users.iter().map(ToString::to_string).collect();
        Self::new("/users", "users", USER_PAGE as u64, &[("ids", &ids.join(","))])
    }
}
