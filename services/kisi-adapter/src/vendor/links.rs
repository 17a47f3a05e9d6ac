//! Links that open a group's locks for whoever has them (Kisi API reference, Group links).

use secrecy::{ExposeSecret as _, SecretString};
use vendor_http::http::Method;

use super::client::{KisiAccount, PAGE};
use super::convert::Validity;
use super::error::Error;
use super::reader::Reader;
use super::wire::{GroupId, GroupLink, GroupLinkId, MadeGroupLink, NewGroupLink, NewGroupLinkFields};

const GROUP_LINKS: &str = "/group_links";

impl KisiAccount {
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
        let page = self.link_page();
        Ok((made.id, SecretString::from(format!("{page}{}", made.secret.expose_secret()))))
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
}

impl Reader<GroupLink> {
    /// Of the links whose name begins so.
    pub(crate) fn of_links(name_start: &str) -> Self {
        Self::new(GROUP_LINKS, "group_links", PAGE, &[("query", name_start)])
    }
}
