//! People.

use domain::PersonId;
use domain::contact::{Country, EmailAddress, PhoneNumber};

chassis::text_enum! {
    /// What a person may do.
    pub(crate) enum Role { Owner = "owner", Admin = "admin", Manager = "manager", Member = "member", Guest = "guest" }
}

chassis::text_enum! {
    /// Whether a person may be here.
    pub(crate) enum PersonStatus { Active = "active", Paused = "paused", Removed = "removed" }
}

/// What is told about a person. Has an email address or a phone number.
#[derive(Debug, Clone)]
pub(crate) struct PersonDetails {
    pub display_name: String,
    pub email: Option<EmailAddress>,
    pub phone: Option<PhoneNumber>,
    pub country: Option<Country>,
}

/// A person as stored.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub id: PersonId,
    pub display_name: String,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub country: Option<String>,
    pub role: Role,
    pub status: PersonStatus,
    pub version: i64,
}
