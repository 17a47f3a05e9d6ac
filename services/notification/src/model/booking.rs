//! A booking as it was last told.

use std::collections::HashMap;

use domain::{PersonId, WorkspaceId};

use super::Content;

/// A booking, for what is to be said of it later.
#[derive(Clone)]
pub(crate) struct Booking {
    pub workspace: WorkspaceId,
    /// Whether it is confirmed.
    pub stands: bool,
    /// What messages say of it, without an address.
    pub content: Content,
    /// What the people of it are called who may come.
    pub people: HashMap<PersonId, String>,
}
