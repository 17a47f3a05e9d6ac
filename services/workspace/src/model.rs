//! What this service knows, as plain values. No IO.

pub(crate) mod api_key;
pub(crate) mod audit;
pub(crate) mod booking;
pub(crate) mod contract;
pub(crate) mod entitlement;
pub(crate) mod membership;
pub(crate) mod pass;
pub(crate) mod person;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod policy;
pub(crate) mod session;
pub(crate) mod team;
pub(crate) mod visit;

pub(crate) use api_key::ApiKey;
pub(crate) use booking::{Booking, BookingState, Snapshot};
pub(crate) use contract::{Contract, ContractSnapshot};
pub(crate) use entitlement::Entitlement;
pub(crate) use membership::{Membership, MembershipSnapshot};
pub(crate) use pass::{Pass, PassProduct, PassProductDetails, PassSnapshot, PassState};
pub(crate) use person::{Member, Person, PersonDetails, PersonStatus, Role};
pub(crate) use place::{Location, Resource, Workspace};
pub(crate) use plan::{Plan, PlanDetails, Terms};
pub(crate) use team::{Holder, Party, Team};
