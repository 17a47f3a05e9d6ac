//! The messages that travel as events, each with its place on the bus.

use crate::{access, audit, billing, integrations, membership, storage, workspace};

/// A message that is published as an event on `{root}.event.{DOMAIN}.{NAME}.{workspace}`.
pub trait Fact: serde::Serialize + serde::de::DeserializeOwned + Send + Sync + 'static {
    /// The full name of the message: the event's type.
    const TYPE: &'static str;
    /// Whose fact it is: the service's, not always the package's.
    const DOMAIN: &'static str;
    /// What happened, past tense, snake case.
    const NAME: &'static str;
}

macro_rules! facts {
    ($($package:ident of $domain:ident { $($message:ident = $name:literal),+ $(,)? })+) => {$($(
        impl Fact for $package::v1::$message {
            const TYPE: &'static str = concat!("latchkey.", stringify!($package), ".v1.", stringify!($message));
            const DOMAIN: &'static str = stringify!($domain);
            const NAME: &'static str = $name;
        }
    )+)+};
}

facts! {
    access of access {
        AccessCommandCompleted = "command_completed",
        AccessGranted = "granted",
        AccessRevoked = "revoked",
        AccessFailing = "failing",
        ProviderConnectionChanged = "provider_connection_changed",
        AccountReconciled = "account_reconciled",
        AccessDriftFound = "drift_found",
        AccountDoorsListed = "account_doors_listed",
        UserCommandCompleted = "user_command_completed",
        ProviderUserSuspended = "provider_user_suspended",
        ProviderUserDeleted = "provider_user_deleted",
        AccessPreflightFailed = "preflight_failed",
        WayInCommandCompleted = "way_in_command_completed",
        AccessWayInReady = "way_in_ready",
        AccessSecretMade = "secret_made",
        DoorEventLogged = "door_event_logged",
        DoorScheduleSet = "door_schedule_set",
        DoorScheduleDeleted = "door_schedule_deleted",
        HolidaysSet = "holidays_set",
        VisitorArrived = "visitor_arrived",
        CardGiven = "card_given",
        CardTaken = "card_taken",
        CardLost = "card_lost",
    }
    audit of audit {
        ChangeRecorded = "change_recorded",
    }
    billing of billing {
        InvoiceFinalised = "invoice_finalised",
        InvoicePaid = "invoice_paid",
        InvoiceReopened = "invoice_reopened",
        InvoiceOverdue = "invoice_overdue",
        InvoiceChargeFailed = "invoice_charge_failed",
        InvoiceVoided = "invoice_voided",
        InvoiceGivenUp = "invoice_given_up",
        InvoiceCredited = "invoice_credited",
        PayerFellBehind = "payer_fell_behind",
        PayerCaughtUp = "payer_caught_up",
        PaymentMethodExpiring = "payment_method_expiring",
        PaymentSucceeded = "payment_succeeded",
        PaymentFailed = "payment_failed",
        RefundCreated = "refund_created",
        RefundFailed = "refund_failed",
        DisputeOpened = "dispute_opened",
        DisputeClosed = "dispute_closed",
    }
    integrations of integrations {
        IntegrationStatusChanged = "integration_status_changed",
    }
    membership of workspace {
        MembershipStarted = "membership_started",
        MembershipRenewed = "membership_renewed",
        MembershipRenewalFailed = "membership_renewal_failed",
        MembershipPaused = "membership_paused",
        MembershipResumed = "membership_resumed",
        MembershipCancelled = "membership_cancelled",
        MembershipEnded = "membership_ended",
        MembershipPeopleChanged = "membership_people_changed",
        ContractStarted = "contract_started",
        ContractShortened = "contract_shortened",
        ContractEnded = "contract_ended",
        ContractPeopleChanged = "contract_people_changed",
        MembershipRetold = "membership_retold",
        ContractRetold = "contract_retold",
    }
    storage of storage {
        FileStored = "file_stored",
        FileRemoved = "file_removed",
    }
    workspace of workspace {
        BookingCreated = "booking_created",
        BookingConfirmed = "booking_confirmed",
        BookingRescheduled = "booking_rescheduled",
        BookingCancelled = "booking_cancelled",
        BookingFailed = "booking_failed",
        BookingCompleted = "booking_completed",
        BookingAttendeeAdded = "booking_attendee_added",
        BookingAttendeeRemoved = "booking_attendee_removed",
        EntitlementGiven = "entitlement_given",
        EntitlementEnded = "entitlement_ended",
        PassIssued = "pass_issued",
        PassUsed = "pass_used",
        PassUseCancelled = "pass_use_cancelled",
        PassCancelled = "pass_cancelled",
        VisitAnnounced = "visit_announced",
        VisitChanged = "visit_changed",
        VisitCancelled = "visit_cancelled",
        PersonCreated = "person_created",
        PersonUpdated = "person_updated",
        BookingRetold = "booking_retold",
        EntitlementRetold = "entitlement_retold",
        PassRetold = "pass_retold",
        PersonRetold = "person_retold",
    }
}
