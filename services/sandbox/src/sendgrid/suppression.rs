//! Whom SendGrid doesn't write to any more (SendGrid documentation, Suppressions).

use std::collections::BTreeMap;

use domain::Timestamp;
use serde::{Deserialize, Serialize};

use super::mail::Mail;

/// A list that stands for the whole account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SuppressionList {
    /// Refused for good. Stops mail.
    Bounces,
    /// Refused once, because of the mail or its sender. Does not stop mail.
    Blocks,
    /// Not an address. Stops mail.
    InvalidEmails,
    /// Called our mail spam. Stops mail.
    SpamReports,
    /// Global unsubscribes. Stops mail.
    Unsubscribes,
}

impl SuppressionList {
    /// The name in paths and scopes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bounces => "bounces",
            Self::Blocks => "blocks",
            Self::InvalidEmails => "invalid_emails",
            Self::SpamReports => "spam_reports",
            Self::Unsubscribes => "unsubscribes",
        }
    }
}

/// One address on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// As it was written.
    pub email: String,
    /// Unix seconds.
    pub created: i64,
    /// What the receiving server said, where that is why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Its enhanced status code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
}

/// An unsubscribe group: leaving it stops only the mail that names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// What recipients see.
    pub name: String,
    /// What recipients see, too.
    #[serde(default)]
    pub description: String,
    /// Who left it, in lower case.
    #[serde(default)]
    pub left: BTreeMap<String, Suppression>,
}

/// At most this many addresses on one list.
const LIST_MAX: usize = 100_000;

/// All lists. Addresses are compared without regard to case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Suppressions {
    lists: BTreeMap<SuppressionList, BTreeMap<String, Suppression>>,
    pub(crate) groups: BTreeMap<i64, Group>,
}

impl Suppressions {
    pub(crate) fn add(&mut self, list: SuppressionList, entry: Suppression) {
        add(self.lists.entry(list).or_default(), entry);
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, list: SuppressionList, email: &str) -> bool {
        self.lists.get_mut(&list).is_some_and(|entries| entries.remove(&email.to_lowercase()).is_some())
    }

    pub(crate) fn clear(&mut self, list: SuppressionList) {
        self.lists.remove(&list);
    }

    pub(crate) fn list(&self, list: SuppressionList) -> impl Iterator<Item = &Suppression> {
        self.lists.get(&list).into_iter().flat_map(BTreeMap::values)
    }

    pub(crate) fn find(&self, list: SuppressionList, email: &str) -> Option<&Suppression> {
        self.lists.get(&list)?.get(&email.to_lowercase())
    }

    pub(crate) fn leave_group(&mut self, group: i64, email: &str, at: Timestamp) {
        let entry = entry(email, at);
        add(&mut self.groups.entry(group).or_default().left, entry);
    }

    /// Whether it had left.
    pub(crate) fn return_to_group(&mut self, group: i64, email: &str) -> bool {
        self.groups.get_mut(&group).is_some_and(|group| group.left.remove(&email.to_lowercase()).is_some())
    }

    /// Why a mail to `email` is dropped, if it is. Blocks do not suppress later mail.
    pub(crate) fn drop_reason(&self, mail: &Mail, email: &str) -> Option<&'static str> {
        if mail.bypass.list {
            return None;
        }
        let is_on = |list| self.find(list, email).is_some();
        let has_left_group = || {
            let group = mail.asm_group_id.and_then(|id| self.groups.get(&id));
            group.is_some_and(|group| group.left.contains_key(&email.to_lowercase()))
        };
        if is_on(SuppressionList::InvalidEmails) {
            Some("Invalid")
        } else if is_on(SuppressionList::Bounces) && !mail.bypass.bounce {
            Some("Bounced Address")
        } else if is_on(SuppressionList::SpamReports) && !mail.bypass.spam {
            Some("Spam Reporting Address")
        } else if is_on(SuppressionList::Unsubscribes) && !mail.bypass.unsubscribe || has_left_group() {
            Some("Unsubscribed Address")
        } else {
            None
        }
    }
}

/// An entry without a reason.
pub(crate) fn entry(email: &str, at: Timestamp) -> Suppression {
    Suppression { email: email.to_owned(), created: at.timestamp(), reason: None, status: None }
}

fn add(entries: &mut BTreeMap<String, Suppression>, entry: Suppression) {
    let key = entry.email.to_lowercase();
    if entries.len() < LIST_MAX || entries.contains_key(&key) {
        entries.insert(key, entry);
    } else {
        tracing::warn!(entries = LIST_MAX, "a suppression list is full: an address was not added");
    }
}
