//! From the model to messages.

use chassis::input::timestamp;
use domain::names::{BookingName, DisputeName, MessageName, PersonName, VisitName};
use domain::{DisputeId, VisitId};
use proto::notification::v1 as pb;

use crate::model::{Channel, Entry, Kind, State};

/// A message without its content.
pub(crate) fn message(entry: &Entry) -> pb::Message {
    let workspace = entry.key.workspace;
    let standing = &entry.standing;
    pb::Message {
        name: MessageName { workspace, id: entry.key.id }.to_string(),
        kind: match entry.kind {
            Kind::Confirmed => pb::MessageKind::BookingConfirmed,
            Kind::Rescheduled => pb::MessageKind::BookingRescheduled,
            Kind::Cancelled => pb::MessageKind::BookingCancelled,
            Kind::StaffAlert => pb::MessageKind::StaffAlert,
            Kind::WayIn => pb::MessageKind::WayIn,
            Kind::AccessReady => pb::MessageKind::AccessReady,
            Kind::DisputeOpened => pb::MessageKind::DisputeOpened,
        }
        .into(),
        channel: match entry.channel {
            Channel::Email => pb::MessageChannel::Email,
            Channel::Sms => pb::MessageChannel::Sms,
        }
        .into(),
        person: PersonName { workspace, id: entry.person }.to_string(),
        booking: about(entry),
        state: match standing.state {
            State::Queued => pb::MessageState::Queued,
            // To readers the same: handed over, and no answer yet.
            State::Sending | State::Unknown => pb::MessageState::Sending,
            State::Sent => pb::MessageState::Sent,
            State::Failed => pb::MessageState::Failed,
            State::Expired => pb::MessageState::Expired,
        }
        .into(),
        vendor_ref: standing.vendor_ref.clone().unwrap_or_default(),
        last_error: standing.last_error.clone().unwrap_or_default(),
        attempts: standing.attempts,
        create_time: Some(timestamp(entry.created_at)),
        send_time: standing.sent_at.map(timestamp),
        expire_time: Some(timestamp(entry.expires_at)),
    }
}

/// The booking that a message is about; or the visit, of which alone its visitor is told; or the dispute.
fn about(entry: &Entry) -> String {
    let (workspace, id) = (entry.key.workspace, entry.booking);
    if entry.kind == Kind::DisputeOpened {
        return DisputeName { workspace, id: DisputeId::from_uuid(id.uuid()) }.to_string();
    }
    if id.uuid() == entry.person.uuid() {
        return VisitName { workspace, id: VisitId::from_uuid(id.uuid()) }.to_string();
    }
    BookingName { workspace, id }.to_string()
}
