//! What can go wrong, by cause, and what the caller should make of it.

use std::fmt::Display;

use chassis::error::{Class, Classify, Violation, store_class};
use chassis::idempotency::IntentError;
use chassis::input::InvalidInput;
use domain::{
    ApiKeyId, BookingId, ContractId, EntitlementId, LocationId, MembershipId, PassId, PassProductId,
    PersonId, PlanId, ResourceId, TeamId, VisitId, WorkspaceId,
};
use events::outbox::OutboxError;

use crate::model::booking::ATTENDEES_MAX;
use crate::model::pass::Refusal as PassRefusal;
use crate::model::person::Refusal as PersonRefusal;
use crate::model::team::TEAM_PEOPLE_MAX;
use crate::model::visit::{GUESTS_MAX, INVITATIONS_MAX, VISITS_MAX};
use crate::model::{BookingState, Role};

/// Every error of this service.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The request makes no sense.
    #[error(transparent)]
    Invalid(#[from] InvalidInput),
    /// Not there, or another's.
    #[error("workspace {0} not found")]
    WorkspaceNotFound(WorkspaceId),
    /// Not there, or another workspace's.
    #[error("location {0} not found")]
    LocationNotFound(LocationId),
    /// Not there, or another workspace's.
    #[error("resource {0} not found")]
    ResourceNotFound(ResourceId),
    /// Not there, or another workspace's.
    #[error("person {0} not found")]
    PersonNotFound(PersonId),
    /// Not there, or another workspace's.
    #[error("booking {0} not found")]
    BookingNotFound(BookingId),
    /// Not there, or another workspace's.
    #[error("API key {0} not found")]
    ApiKeyNotFound(ApiKeyId),
    /// Who may do what is for people to say.
    #[error("an API key may neither make nor revoke API keys, nor change roles or the ownership; sign in")]
    NotForApiKeys,
    /// Not there, or another workspace's.
    #[error("entitlement {0} not found")]
    EntitlementNotFound(EntitlementId),
    /// Not there, or another workspace's.
    #[error("plan {0} not found")]
    PlanNotFound(PlanId),
    /// It is not sold any more.
    #[error("plan {0} is disabled, so no membership of it can be started; enable it, or choose another one")]
    PlanDisabled(PlanId),
    /// Not there, or another workspace's.
    #[error("team {0} not found")]
    TeamNotFound(TeamId),
    /// As many are in it as may be.
    #[error("team {0} has {TEAM_PEOPLE_MAX} people, and can't have more")]
    TeamFull(TeamId),
    /// What it held would be nobody's.
    #[error("nobody is in team {0}; add people with AddTeamPerson first")]
    TeamEmpty(TeamId),
    /// Not there, another workspace's, or out of the caller's sight.
    #[error("membership {0} not found")]
    MembershipNotFound(MembershipId),
    /// It is over for good.
    #[error("membership {0} has ended; start a new one")]
    MembershipEnded(MembershipId),
    /// It would give nothing.
    #[error("the membership and its plan's days of grace would be over; give a later period_end_time")]
    MembershipOver,
    /// Not there, another workspace's, or out of the caller's sight.
    #[error("contract {0} not found")]
    ContractNotFound(ContractId),
    /// It would end in the past.
    #[error("the contract would end in the past; give a later end_time, or none")]
    ContractOver,
    /// It would end in the past.
    #[error("the entitlement would end in the past; give a later end_time, or none")]
    EntitlementOver,
    /// Not there, or another workspace's.
    #[error("pass product {0} not found")]
    PassProductNotFound(PassProductId),
    /// None of it are issued any more.
    #[error("pass product {0} is disabled; enable it to issue passes of it")]
    PassProductDisabled(PassProductId),
    /// Not there, or another's.
    #[error("pass {0} not found")]
    PassNotFound(PassId),
    /// It would have ended before it begins.
    #[error("the pass would end in the past; give a later start_date, or none")]
    PassOver,
    /// It can't be used for that day.
    #[error("pass {id} {refusal}")]
    PassRefused {
        /// Which.
        id: PassId,
        /// Why.
        refusal: PassRefusal,
    },
    /// The caller is invited to it, and no more.
    #[error("booking {0} is held by someone else: they, or a manager, may change it")]
    BookingOfAnother(BookingId),
    /// As many are invited as may be.
    #[error("booking {0} has {ATTENDEES_MAX} attendees, and can't have more")]
    BookingFull(BookingId),
    /// The person is paused or removed.
    #[error("person {0} is not active, so they can neither book nor use a pass")]
    PersonNotActive(PersonId),
    /// Another live booking overlaps.
    #[error("resource {0} is taken by another booking in that window")]
    ResourceTaken(ResourceId),
    /// The caller may not give that role.
    #[error("giving the role {0} takes a higher one")]
    RoleAbove(Role),
    /// The caller's role is too low for that person.
    #[error("person {0} has a role that takes a higher one to change their details")]
    PersonAbove(PersonId),
    /// The workspace has an owner.
    #[error("the workspace has an owner; use TransferOwnership")]
    OwnerExists,
    /// What the person is forbids it.
    #[error("person {id} {}", why(.refusal))]
    PersonStays {
        /// Who.
        id: PersonId,
        /// Why.
        refusal: PersonRefusal,
    },
    /// Not a session, not this caller's, or over.
    #[error("the session is over; sign in again")]
    SessionRefused,
    /// The address is someone's already.
    #[error("a person of this workspace has that email address")]
    EmailTaken,
    /// The reference is another booking's.
    #[error("a booking of this workspace has the external_ref {0:?}")]
    ExternalRefTaken(String),
    /// The state forbids it.
    #[error("booking {id} is {state}, so it cannot be {verb}")]
    StateForbids {
        /// Which.
        id: BookingId,
        /// Where it stands.
        state: BookingState,
        /// What was asked, such as `confirmed`.
        verb: &'static str,
    },
    /// Another system moved a booking in a way that it can't be moved.
    #[error("booking {id} has another {field}; cancel it and tell a new one with a new external_ref")]
    ExternalChange {
        /// Which.
        id: BookingId,
        /// What differs.
        field: &'static str,
    },
    /// Its window has passed.
    #[error("booking {0} would end in the past")]
    BookingOver(BookingId),
    /// Not there, or none of the caller's business.
    #[error("visit {0} not found")]
    VisitNotFound(VisitId),
    /// As many guests as a booking may have.
    #[error("booking {0} has {GUESTS_MAX} guests already: uninvite some first")]
    TooManyGuests(BookingId),
    /// As many people were invited to a booking as may ever be.
    #[error("to booking {0} {INVITATIONS_MAX} guests were invited already, with those uninvited since")]
    TooManyInvitations(BookingId),
    /// As many visits as a workspace may have ahead.
    #[error("{VISITS_MAX} visits are announced already: call some off first")]
    TooManyVisits,
    /// Someone else changed the row meanwhile.
    #[error("booking {0} was changed by someone else at the same time; try again")]
    RowChanged(BookingId),
    /// The request's key was used before, or can't be remembered.
    #[error(transparent)]
    Intent(#[from] IntentError),
    /// An event can't be written.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// Postgres refused.
    #[error("cannot read or write")]
    Store(#[from] sqlx::Error),
}

/// A value of a request that what is stored does not allow.
pub(crate) fn refusal(field: &str, problem: impl Display) -> Error {
    InvalidInput(vec![Violation { field: field.to_owned(), problem: problem.to_string() }]).into()
}

fn why(refusal: &PersonRefusal) -> &'static str {
    match refusal {
        PersonRefusal::Owner => "owns the workspace; transfer the ownership first",
        PersonRefusal::Removed => "was removed; add them anew",
        PersonRefusal::NotActive => "is not active, so they can't own the workspace",
        PersonRefusal::NoEmail => "has no email address, so they can't sign in as the owner",
    }
}

impl Classify for Error {
    fn class(&self) -> Class {
        match self {
            Self::Invalid(error) => error.class(),
            Self::WorkspaceNotFound(_)
            | Self::LocationNotFound(_)
            | Self::ResourceNotFound(_)
            | Self::PersonNotFound(_)
            | Self::BookingNotFound(_)
            | Self::ApiKeyNotFound(_)
            | Self::EntitlementNotFound(_)
            | Self::PlanNotFound(_)
            | Self::TeamNotFound(_)
            | Self::MembershipNotFound(_)
            | Self::ContractNotFound(_)
            | Self::PassProductNotFound(_)
            | Self::VisitNotFound(_)
            | Self::PassNotFound(_) => Class::NotFound,
            Self::RoleAbove(_) | Self::PersonAbove(_) | Self::NotForApiKeys | Self::BookingOfAnother(_) => {
                Class::Forbidden
            }
            Self::ResourceTaken(_) | Self::EmailTaken | Self::ExternalRefTaken(_) | Self::OwnerExists => {
                Class::Exists
            }
            Self::PersonNotActive(_)
            | Self::PersonStays { .. }
            | Self::SessionRefused
            | Self::StateForbids { .. }
            | Self::ExternalChange { .. }
            | Self::BookingOver(_)
            | Self::BookingFull(_)
            | Self::TooManyGuests(_)
            | Self::TooManyInvitations(_)
            | Self::TooManyVisits
            | Self::EntitlementOver
            | Self::PlanDisabled(_)
            | Self::TeamFull(_)
            | Self::TeamEmpty(_)
            | Self::MembershipEnded(_)
            | Self::MembershipOver
            | Self::ContractOver
            | Self::PassProductDisabled(_)
            | Self::PassOver
            | Self::PassRefused { .. } => Class::StateForbids,
            Self::RowChanged(_) => Class::LostRace,
            Self::Intent(error) => error.class(),
            Self::Outbox(OutboxError::Store(error)) | Self::Store(error) => store_class(error),
            Self::Outbox(OutboxError::TooLarge { .. }) => Class::Internal,
        }
    }

    fn reason(&self) -> &'static str {
        match self {
            Self::Invalid(error) => error.reason(),
            Self::WorkspaceNotFound(_) => "WORKSPACE_NOT_FOUND",
            Self::LocationNotFound(_) => "LOCATION_NOT_FOUND",
            Self::ResourceNotFound(_) => "RESOURCE_NOT_FOUND",
            Self::PersonNotFound(_) => "PERSON_NOT_FOUND",
            Self::BookingNotFound(_) => "BOOKING_NOT_FOUND",
            Self::ApiKeyNotFound(_) => "API_KEY_NOT_FOUND",
            Self::NotForApiKeys => "NOT_FOR_API_KEYS",
            Self::EntitlementNotFound(_) => "ENTITLEMENT_NOT_FOUND",
            Self::EntitlementOver => "ENTITLEMENT_OVER",
            Self::PlanNotFound(_) => "PLAN_NOT_FOUND",
            Self::PlanDisabled(_) => "PLAN_DISABLED",
            Self::TeamNotFound(_) => "TEAM_NOT_FOUND",
            Self::TeamFull(_) => "TEAM_FULL",
            Self::TeamEmpty(_) => "TEAM_EMPTY",
            Self::MembershipNotFound(_) => "MEMBERSHIP_NOT_FOUND",
            Self::MembershipEnded(_) => "MEMBERSHIP_ENDED",
            Self::MembershipOver => "MEMBERSHIP_OVER",
            Self::ContractNotFound(_) => "CONTRACT_NOT_FOUND",
            Self::ContractOver => "CONTRACT_OVER",
            Self::PassProductNotFound(_) => "PASS_PRODUCT_NOT_FOUND",
            Self::PassProductDisabled(_) => "PASS_PRODUCT_DISABLED",
            Self::PassNotFound(_) => "PASS_NOT_FOUND",
            Self::PassOver => "PASS_OVER",
            Self::PassRefused { refusal, .. } => match refusal {
                PassRefusal::State(_) => "PASS_STATE_FORBIDS",
                PassRefusal::NotByDay => "PASS_NOT_BY_DAY",
                PassRefusal::NotValidOn(_) => "PASS_NOT_VALID_THEN",
                PassRefusal::DayOver(_) => "PASS_DAY_OVER",
                PassRefusal::DayClosed(_) => "PASS_DAY_CLOSED",
                PassRefusal::DayBegun(_) => "PASS_DAY_BEGUN",
            },
            Self::BookingOfAnother(_) => "BOOKING_OF_ANOTHER",
            Self::BookingFull(_) => "BOOKING_FULL",
            Self::VisitNotFound(_) => "VISIT_NOT_FOUND",
            Self::TooManyGuests(_) => "TOO_MANY_GUESTS",
            Self::TooManyInvitations(_) => "TOO_MANY_INVITATIONS",
            Self::TooManyVisits => "TOO_MANY_VISITS",
            Self::PersonNotActive(_) => "PERSON_NOT_ACTIVE",
            Self::RoleAbove(_) | Self::PersonAbove(_) => "ROLE_TOO_LOW",
            Self::OwnerExists => "OWNER_EXISTS",
            Self::SessionRefused => "SESSION_REFUSED",
            Self::PersonStays { refusal, .. } => match refusal {
                PersonRefusal::Owner => "PERSON_IS_OWNER",
                PersonRefusal::Removed => "PERSON_REMOVED",
                PersonRefusal::NotActive => "PERSON_NOT_ACTIVE",
                PersonRefusal::NoEmail => "PERSON_WITHOUT_EMAIL",
            },
            Self::ResourceTaken(_) => "RESOURCE_TAKEN",
            Self::EmailTaken => "EMAIL_TAKEN",
            Self::ExternalRefTaken(_) => "EXTERNAL_REF_TAKEN",
            Self::StateForbids { .. } => "BOOKING_STATE_FORBIDS",
            Self::ExternalChange { .. } => "EXTERNAL_CHANGE",
            Self::BookingOver(_) => "BOOKING_OVER",
            Self::RowChanged(_) => "ROW_CHANGED",
            Self::Intent(error) => error.reason(),
            Self::Outbox(_) => "OUTBOX",
            Self::Store(_) => "STORE",
        }
    }
}
