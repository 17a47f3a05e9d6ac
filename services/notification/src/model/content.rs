//! What a message says, before it is put into words.

use std::fmt;

use domain::{PersonId, Timestamp, Window};
use serde::{Deserialize, Serialize};

/// The facts that a message is rendered from, as of its event. Kept as JSON, so fields are added, never
/// renamed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Email address or phone number (E.164).
    pub to: String,
    pub person_name: String,
    pub resource_name: String,
    pub location_name: String,
    /// As it stands on an envelope; may be empty.
    pub address: String,
    /// IANA name.
    pub time_zone: String,
    pub window: Window,
    /// Where the booking was before, if it was moved.
    pub previous_window: Option<Window>,
    /// May be empty.
    pub title: String,
    /// Why it was called off; may be empty.
    pub reason: String,
    pub workspace_name: String,
    pub reply_to: Option<String>,
    pub booking: domain::BookingId,
    pub booking_version: i64,
    /// When the fact became true.
    pub told_at: Timestamp,
    /// Of an alert: what is not in order.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// How many more there are.
    #[serde(default)]
    pub problems_more: usize,
    /// Of a visit: who expects the visitor.
    #[serde(default)]
    pub host: Option<String>,
    /// Of a visit: that person.
    #[serde(default)]
    pub host_id: Option<PersonId>,
    /// Of another way in: that.
    #[serde(default)]
    pub way_in: Option<WayIn>,
    /// Of a visitor who has come: that.
    #[serde(default)]
    pub arrival: Option<Arrival>,
    /// Of a dispute: that. Then there is no booking, and its id is the dispute's.
    #[serde(default)]
    pub dispute: Option<Dispute>,
}

/// That a visitor has come.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Arrival {
    /// Who.
    pub visitor: String,
    /// Where.
    pub door: String,
    /// When.
    pub time: Timestamp,
}

/// A bank takes money of a payment back, or only asks.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Dispute {
    /// Such as `116.13 EUR`.
    pub amount: String,
    /// The number of the invoice that was paid.
    pub invoice: String,
    /// Who paid it.
    pub payer: String,
    /// Why, as a code.
    pub reason: String,
    pub state: DisputeState,
    /// Stripe's id of it.
    pub dispute_ref: String,
}

/// How a dispute stands.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeState {
    /// The bank asks, and has taken nothing.
    Asked,
    /// The bank holds the money until it is decided.
    Open,
    /// The money is ours.
    Won,
    /// The money is gone.
    Lost,
}

/// Another way in than someone's own access.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WayIn {
    /// Where.
    pub door: String,
    /// Whose adapter reveals what opens it.
    pub provider: String,
    /// As that knows it.
    pub name: String,
    /// When.
    pub window: Window,
}

/// Why a door will not let someone in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Problem {
    /// Who.
    pub person: String,
    /// Where.
    pub door: String,
    /// What is wrong, and what to do.
    pub sentence: String,
    /// What the provider said; may be empty.
    pub detail: String,
}

/// Nothing of it: it is about people.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content(…)")
    }
}
