//! From the model to messages.

use chassis::input::timestamp;
use domain::names::{BookingName, DisputeName, MessageName, PersonName, VisitName};
use domain::{DisputeId, Timestamp, VisitId};
use proto::notification::v1 as pb;

use crate::model::{Channel, Entry, Kind, Receipt, ReportKind, State, Suppression, SuppressionReason, Trail};
use crate::store::report::Noted;

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
            Kind::VisitorArrived => pb::MessageKind::VisitorArrived,
            Kind::DisputeOpened => pb::MessageKind::DisputeOpened,
        }
        .into(),
        channel: channel(entry.channel).into(),
        person: PersonName { workspace, id: entry.person }.to_string(),
        booking: about(entry),
        state: state(entry).into(),
        vendor_ref: standing.vendor_ref.clone().unwrap_or_default(),
        last_error: standing.last_error.clone().unwrap_or_default(),
        attempts: standing.attempts,
        create_time: Some(timestamp(entry.created_at)),
        send_time: standing.sent_at.map(timestamp),
        expire_time: Some(timestamp(entry.expires_at)),
        report_time: entry.delivery.as_ref().map(|delivery| timestamp(delivery.at)),
        report_detail: entry.delivery.as_ref().and_then(|it| it.detail.clone()).unwrap_or_default(),
    }
}

fn channel(channel: Channel) -> pb::MessageChannel {
    match channel {
        Channel::Email => pb::MessageChannel::Email,
        Channel::Sms => pb::MessageChannel::Sms,
    }
}

fn state(entry: &Entry) -> pb::MessageState {
    match (entry.standing.state, entry.delivery.as_ref().map(|delivery| delivery.receipt)) {
        (State::Queued, _) => pb::MessageState::Queued,
        // To readers the same: handed over, and no answer yet.
        (State::Sending | State::Unknown, _) => pb::MessageState::Sending,
        (State::Failed, _) => pb::MessageState::Failed,
        (State::Expired, _) => pb::MessageState::Expired,
        (State::Sent, None) => pb::MessageState::Sent,
        (State::Sent, Some(Receipt::Delivered)) => pb::MessageState::Delivered,
        (State::Sent, Some(Receipt::Opened)) => pb::MessageState::Opened,
        (State::Sent, Some(Receipt::Bounced)) => pb::MessageState::Bounced,
        (State::Sent, Some(Receipt::Dropped)) => pb::MessageState::Dropped,
        (State::Sent, Some(Receipt::Undelivered)) => pb::MessageState::Undelivered,
    }
}

/// A message with all that happened to it, in order of time.
pub(crate) fn trail(trail: &Trail, reports: &[Noted]) -> pb::GetMessageResponse {
    use pb::MessageStepKind::{Caused, Queued, Sent};
    let entry = &trail.entry;
    let mut steps: Vec<(Timestamp, pb::MessageStepKind, &str)> = Vec::new();
    steps.extend(trail.caused_at.map(|at| (at, Caused, "")));
    steps.push((entry.created_at, Queued, ""));
    steps.extend(entry.standing.sent_at.map(|at| (at, Sent, "")));
    steps.extend(
        reports.iter().map(|it| (it.reported_at, step(it.kind), it.detail.as_deref().unwrap_or_default())),
    );
    // Those of one moment stay as they follow from each other; SendGrid says the second only.
    steps.sort_by_key(|(at, kind, _)| (at.timestamp(), *kind as i32));
    let steps = steps.into_iter().map(|(at, kind, detail)| pb::MessageStep {
        time: Some(timestamp(at)),
        kind: kind.into(),
        detail: detail.to_owned(),
    });
    pb::GetMessageResponse {
        message: Some(message(entry)),
        recipient: trail.recipient.clone(),
        trace: trail.traceparent.as_deref().and_then(trace_id).unwrap_or_default().to_owned(),
        steps: steps.collect(),
    }
}

/// The second field of a W3C `traceparent`.
fn trace_id(traceparent: &str) -> Option<&str> {
    traceparent.split('-').nth(1)
}

fn step(kind: ReportKind) -> pb::MessageStepKind {
    match kind {
        ReportKind::Processed => pb::MessageStepKind::Processed,
        ReportKind::Deferred => pb::MessageStepKind::Deferred,
        ReportKind::Delivered => pb::MessageStepKind::Delivered,
        ReportKind::Opened => pb::MessageStepKind::Opened,
        ReportKind::Clicked => pb::MessageStepKind::Clicked,
        ReportKind::Bounced => pb::MessageStepKind::Bounced,
        ReportKind::Dropped => pb::MessageStepKind::Dropped,
        ReportKind::Undelivered => pb::MessageStepKind::Undelivered,
        ReportKind::Complained => pb::MessageStepKind::Complained,
        ReportKind::Unsubscribed => pb::MessageStepKind::Unsubscribed,
    }
}

/// An address that gets nothing more.
pub(crate) fn suppression(suppression: &Suppression) -> pb::Suppression {
    pb::Suppression {
        channel: channel(suppression.channel).into(),
        address: suppression.address.clone(),
        reason: match suppression.reason {
            SuppressionReason::Bounced => pb::SuppressionReason::Bounced,
            SuppressionReason::Complained => pb::SuppressionReason::Complained,
            SuppressionReason::Unsubscribed => pb::SuppressionReason::Unsubscribed,
            SuppressionReason::Stopped => pb::SuppressionReason::Stopped,
        }
        .into(),
        start_time: Some(timestamp(suppression.since)),
        detail: suppression.detail.clone().unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trace_of_a_message_is_named_by_its_id() {
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace_id(traceparent), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        assert_eq!(trace_id("nothing"), None);
    }
}
