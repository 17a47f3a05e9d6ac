//! SQL. Functions take a connection and never open a transaction; each row struct is private to its
//! file.

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod booking;
pub(crate) mod contract;
pub(crate) mod entitlement;
pub(crate) mod membership;
pub(crate) mod pass;
pub(crate) mod pass_product;
pub(crate) mod person;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod retelling;
pub(crate) mod session;
pub(crate) mod team;
pub(crate) mod visit;

/// A stored text that a newer version of the program wrote, or a damaged one.
fn corrupt(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}
