//! One id type per entity, so that a door's id never stands where a person's belongs.
//!
//! Ids are UUIDs of version 7: they sort by the time they were made, which keeps indexes compact.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text was not a UUID in its hyphenated form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a UUID such as 01936f3e-7b1c-7d3a-9c55-0a4b3f1e2d6c")]
pub struct IdError;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new id, later in order than those made before it.
            #[expect(clippy::new_without_default, reason = "a default id would be a different one each time")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The id that stands in a `uuid` column.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The value for a `uuid` column.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                // Only the hyphenated form: one id, one spelling.
                if text.len() != 36 {
                    return Err(IdError);
                }
                Uuid::try_parse(text).map(Self).map_err(|_| IdError)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }
    )+};
}

ids! {
    /// A key with which a machine calls.
    ApiKeyId,
    /// An entry of the audit log.
    AuditEntryId,
    /// A person's hold on a resource.
    BookingId,
    /// A card that a person holds to readers.
    CardId,
    /// Desks and offices that someone has.
    ContractId,
    /// What is taken back of an invoice that is out.
    CreditNoteId,
    /// A code that makes what is bought cheaper.
    CouponId,
    /// A person or a team that pays.
    CustomerId,
    /// That a bank takes money of a payment back.
    DisputeId,
    /// A mapping of a subject, such as a resource, to a provider's door or door group.
    DoorMappingId,
    /// A difference between what a provider has and what it should have.
    DriftId,
    /// That a person may enter by one door, because an admin says so.
    EntitlementId,
    /// One event, command or result on the bus; also its outbox row.
    EventId,
    /// What somebody stored.
    FileId,
    /// A ledger row of wanted and known access.
    GrantId,
    /// A workspace's connection to a provider.
    IntegrationId,
    /// What someone owes, and for what.
    InvoiceId,
    /// An entry of the books.
    LedgerEntryId,
    /// A site.
    LocationId,
    /// An emergency in which doors open for nobody.
    LockdownId,
    /// That someone has a plan.
    MembershipId,
    /// One email or text to one recipient.
    MessageId,
    /// Something that a door is told on demand.
    OperationId,
    /// A person's pass.
    PassId,
    /// What one can buy to get in for some days or times.
    PassProductId,
    /// Money that someone pays for an invoice, in as many attempts as it takes.
    PaymentId,
    /// Cards and bank accounts that someone may be charged by.
    PaymentMethodId,
    /// Someone known to a workspace.
    PersonId,
    /// What memberships are sold of.
    PlanId,
    /// What something costs.
    PriceId,
    /// The user that a provider takes a person for.
    ProviderUserId,
    /// Money of a payment that is given back.
    RefundId,
    /// What can be booked.
    ResourceId,
    /// People who hold memberships and contracts together.
    TeamId,
    /// That someone comes who is no member.
    VisitId,
    /// Another way in than someone's own access.
    WayInId,
    /// The tenant.
    WorkspaceId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        let id = BookingId::new();
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn only_the_hyphenated_form_is_an_id() {
        for text in ["", "x", "01936f3e7b1c7d3a9c550a4b3f1e2d6c", "{01936f3e-7b1c-7d3a-9c55-0a4b3f1e2d6c}"] {
            assert_eq!(text.parse::<PersonId>(), Err(IdError), "{text:?}");
        }
    }
}
