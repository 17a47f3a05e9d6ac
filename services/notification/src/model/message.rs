//! A message to one person: what it is about and where it stands.

use domain::{BookingId, EventId, MessageId, PersonId, Timestamp, WorkspaceId};

use super::{Content, Receipt};

chassis::text_enum! {
    /// What a message is about.
    pub(crate) enum Kind {
        /// A booking stands.
        Confirmed = "confirmed",
        /// A confirmed booking was moved.
        Rescheduled = "rescheduled",
        /// A confirmed booking was called off.
        Cancelled = "cancelled",
        /// To staff: not everybody will be let in who may come to a booking.
        StaffAlert = "staff_alert",
        /// The provider has not confirmed the person's access in time: they are let in by this instead.
        WayIn = "way_in",
        /// The person's access is there, and this is what lets them in.
        AccessReady = "access_ready",
        /// To a host: their visitor is there.
        VisitorArrived = "visitor_arrived",
        /// To owners and admins: a bank disputes a payment.
        DisputeOpened = "dispute_opened",
    }
}

chassis::text_enum! {
    /// How a message goes.
    pub(crate) enum Channel {
        /// By SendGrid.
        Email = "email",
        /// By Twilio.
        Sms = "sms",
    }
}

chassis::text_enum! {
    /// Where a message stands.
    pub(crate) enum State {
        /// Waits to be sent, or to be sent again.
        Queued = "queued",
        /// Someone is at it, as long as the lease lasts.
        Sending = "sending",
        /// It may have been sent; waits for news of it.
        Unknown = "unknown",
        /// Taken by the vendor.
        Sent = "sent",
        /// Refused for good.
        Failed = "failed",
        /// No longer worth sending.
        Expired = "expired",
    }
}

/// Which message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MessageKey {
    pub workspace: WorkspaceId,
    pub id: MessageId,
}

/// A message that is not written yet.
#[derive(Debug, Clone)]
pub(crate) struct NewMessage {
    pub key: MessageKey,
    pub event: EventId,
    pub channel: Channel,
    pub kind: Kind,
    pub booking: BookingId,
    /// `None`: it stands outside of the line of its booking's versions.
    pub booking_version: Option<i64>,
    pub person: PersonId,
    pub content: Content,
    pub expires_at: Timestamp,
    pub traceparent: Option<String>,
    pub created_at: Timestamp,
}

/// Where a message stands: all of its row that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    pub state: State,
    /// How often it was taken up to be sent.
    pub attempts: i32,
    /// When it must be looked at again; `None` at the end.
    pub due_at: Option<Timestamp>,
    /// Start of the first attempt whose outcome is not known; the present one counts.
    pub in_doubt_since: Option<Timestamp>,
    pub vendor_ref: Option<String>,
    pub last_error: Option<String>,
    pub sent_at: Option<Timestamp>,
}

/// A message in a list: without its content.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: MessageKey,
    pub kind: Kind,
    pub channel: Channel,
    pub person: PersonId,
    pub booking: BookingId,
    pub standing: Standing,
    /// What became of it since the vendor took it.
    pub delivery: Option<Delivery>,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
}

/// What became of a message that the vendor took, and when.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub receipt: Receipt,
    pub at: Timestamp,
    pub detail: Option<String>,
}

/// Of which messages a list is.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    All,
    Booking(BookingId),
    Person(PersonId),
    /// In lower case.
    Recipient(String),
}

/// A message with what happened to it.
pub(crate) struct Trail {
    pub entry: Entry,
    pub recipient: String,
    /// When that became true of which it tells; unknown of one that can't be read.
    pub caused_at: Option<Timestamp>,
    pub traceparent: Option<String>,
}
