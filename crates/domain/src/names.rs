//! Resource names: `workspaces/{workspace}/bookings/{booking}`, the address of a thing in the API.

use std::fmt;
use std::str::FromStr;

use crate::{
    ApiKeyId, AuditEntryId, BookingId, CardId, ContractId, CouponId, CreditNoteId, CustomerId, DisputeId,
    DoorMappingId, DriftId, EntitlementId, FileId, GrantId, IntegrationId, InvoiceId, LocationId, LockdownId,
    MembershipId, MessageId, OperationId, PassId, PassProductId, PaymentId, PaymentMethodId, PersonId,
    PlanId, PriceId, ProviderUserId, RefundId, ResourceId, TeamId, VisitId, WayInId, WorkspaceId,
};

/// The text was not a resource name of the expected kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must look like {pattern}")]
pub struct NameError {
    /// The expected form, such as `workspaces/{workspace}/bookings/{booking}`.
    pub pattern: &'static str,
}

/// `workspaces/{workspace}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WorkspaceName(pub WorkspaceId);

impl FromStr for WorkspaceName {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let pattern = "workspaces/{workspace}";
        let id = text.strip_prefix("workspaces/").ok_or(NameError { pattern })?;
        id.parse().map(Self).map_err(|_| NameError { pattern })
    }
}

impl fmt::Display for WorkspaceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "workspaces/{}", self.0)
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident($id:ident) = $collection:literal / $singular:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name {
            /// The tenant it belongs to.
            pub workspace: WorkspaceId,
            /// The thing itself.
            pub id: $id,
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let pattern = concat!("workspaces/{workspace}/", $collection, "/{", $singular, "}");
                let mut parts = text.split('/');
                match (parts.next(), parts.next(), parts.next(), parts.next(), parts.next()) {
                    (Some("workspaces"), Some(workspace), Some($collection), Some(id), None) => Ok(Self {
                        workspace: workspace.parse().map_err(|_| NameError { pattern })?,
                        id: id.parse().map_err(|_| NameError { pattern })?,
                    }),
                    _ => Err(NameError { pattern }),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!("workspaces/{}/", $collection, "/{}"), self.workspace, self.id)
            }
        }
    )+};
}

names! {
    /// An API key's name.
    ApiKeyName(ApiKeyId) = "apiKeys" / "api_key";
    /// An audit entry's name.
    AuditEntryName(AuditEntryId) = "auditEntries" / "audit_entry";
    /// A booking's name.
    BookingName(BookingId) = "bookings" / "booking";
    /// A card's name.
    CardName(CardId) = "cards" / "card";
    /// A contract's name.
    ContractName(ContractId) = "contracts" / "contract";
    /// A coupon's name.
    CouponName(CouponId) = "coupons" / "coupon";
    /// A credit note's name.
    CreditNoteName(CreditNoteId) = "creditNotes" / "credit_note";
    /// A customer's name.
    CustomerName(CustomerId) = "customers" / "customer";
    /// A dispute's name.
    DisputeName(DisputeId) = "disputes" / "dispute";
    /// A door mapping's name.
    DoorMappingName(DoorMappingId) = "doorMappings" / "door_mapping";
    /// A drift's name.
    DriftName(DriftId) = "drifts" / "drift";
    /// An entitlement's name.
    EntitlementName(EntitlementId) = "entitlements" / "entitlement";
    /// A file's name.
    FileName(FileId) = "files" / "file";
    /// A grant's name.
    GrantName(GrantId) = "grants" / "grant";
    /// An integration's name.
    IntegrationName(IntegrationId) = "integrations" / "integration";
    /// An invoice's name.
    InvoiceName(InvoiceId) = "invoices" / "invoice";
    /// A location's name.
    LocationName(LocationId) = "locations" / "location";
    /// A lockdown's name.
    LockdownName(LockdownId) = "lockdowns" / "lockdown";
    /// A membership's name.
    MembershipName(MembershipId) = "memberships" / "membership";
    /// A message's name.
    MessageName(MessageId) = "messages" / "message";
    /// The name of something that a door is told.
    OperationName(OperationId) = "doorOperations" / "door_operation";
    /// A pass's name.
    PassName(PassId) = "passes" / "pass";
    /// A pass product's name.
    PassProductName(PassProductId) = "passProducts" / "pass_product";
    /// A payment's name.
    PaymentName(PaymentId) = "payments" / "payment";
    /// The name of a card or a bank account.
    PaymentMethodName(PaymentMethodId) = "paymentMethods" / "payment_method";
    /// A person's name (its address, not what they are called).
    PersonName(PersonId) = "people" / "person";
    /// A plan's name.
    PlanName(PlanId) = "plans" / "plan";
    /// A price's name.
    PriceName(PriceId) = "prices" / "price";
    /// The name of the user that a provider takes a person for.
    ProviderUserName(ProviderUserId) = "providerUsers" / "provider_user";
    /// A refund's name.
    RefundName(RefundId) = "refunds" / "refund";
    /// A resource's name.
    ResourceName(ResourceId) = "resources" / "resource";
    /// A team's name.
    TeamName(TeamId) = "teams" / "team";
    /// A visit's name.
    VisitName(VisitId) = "visits" / "visit";
    /// The name of another way in.
    WayInName(WayInId) = "waysIn" / "way_in";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_as_it_was_written() {
        let name = BookingName { workspace: WorkspaceId::new(), id: BookingId::new() };
        assert_eq!(name.to_string().parse(), Ok(name));
    }

    #[test]
    fn a_name_of_another_kind_is_refused_with_the_expected_form() {
        let person = PersonName { workspace: WorkspaceId::new(), id: PersonId::new() };
        let error = person.to_string().parse::<BookingName>().unwrap_err();
        assert_eq!(error.to_string(), "must look like workspaces/{workspace}/bookings/{booking}");
    }
}
