//! Refunds and disputes.

use billing_core::refund::State;
use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{CreditNoteName, DisputeName, InvoiceName, PaymentName, RefundName};
use domain::{Money, PaymentId, WorkspaceId};
use proto::billing::v1 as pb;

use super::method::holder_names;
use super::money::{money, read_money};
use crate::customers::Holder;
use crate::disputes::Dispute;
use crate::invoices::Dispute as Standing;
use crate::refunds::{Ask, Refund};

const REASON_CHARS_MAX: usize = 500;

pub(crate) fn refund(refund: &Refund, holder: Holder) -> pb::Refund {
    let workspace = refund.workspace;
    let (person, team) = holder_names(workspace, holder);
    let state = match refund.life.state() {
        State::Asking { .. } | State::Refused { .. } | State::Looking => pb::RefundState::Asking,
        State::Pending => pb::RefundState::Pending,
        State::Succeeded => pb::RefundState::Succeeded,
        State::Failed => pb::RefundState::Failed,
    };
    let credit_note = refund.credit_note.map(|id| CreditNoteName { workspace, id }.to_string());
    pb::Refund {
        name: RefundName { workspace, id: refund.id }.to_string(),
        payment: PaymentName { workspace, id: refund.payment }.to_string(),
        invoice: InvoiceName { workspace, id: refund.invoice }.to_string(),
        person,
        team,
        amount: Some(money(refund.amount)),
        reason: refund.reason.clone(),
        state: state.into(),
        failure_code: refund.failure_code.clone(),
        is_made_at_stripe: !refund.is_ours,
        credit_note: credit_note.unwrap_or_default(),
        version: refund.version,
        create_time: Some(timestamp(refund.created_at)),
    }
}

/// What is to be given back, in this workspace.
pub(crate) fn new_refund(workspace: WorkspaceId, message: Option<&pb::Refund>) -> Result<Ask, InvalidInput> {
    let mut input = Input::new();
    let read = input.required("refund", message).and_then(|message| {
        let payment = payment_of(&mut input, workspace, "refund.payment", &message.payment);
        let amount = match &message.amount {
            Some(amount) => positive(&mut input, amount).map(Some),
            None => Some(None),
        };
        let reason = input.text("refund.reason", &message.reason, REASON_CHARS_MAX);
        Some(Ask { workspace, payment: payment?, amount: amount?, reason: reason? })
    });
    input.finish_with(read)
}

fn positive(input: &mut Input, amount: &pb::Money) -> Option<Money> {
    let amount = read_money(input, "refund.amount", Some(amount))?;
    if !amount.is_positive() {
        input.refuse("refund.amount", "must be an amount above zero");
    }
    Some(amount)
}

/// A payment of this workspace, by its name.
fn payment_of(input: &mut Input, workspace: WorkspaceId, field: &str, name: &str) -> Option<PaymentId> {
    let name: PaymentName = input.parse(field, name)?;
    if name.workspace != workspace {
        input.refuse(field, "must be of the workspace");
    }
    Some(name.id)
}

/// The payment whose refunds are asked for; `None`: those of all.
pub(crate) fn refunds_of(workspace: WorkspaceId, name: &str) -> Result<Option<PaymentId>, InvalidInput> {
    if name.is_empty() {
        return Ok(None);
    }
    let mut input = Input::new();
    let payment = payment_of(&mut input, workspace, "payment", name);
    input.finish_with(payment).map(Some)
}

pub(super) fn dispute_state(standing: Standing) -> pb::DisputeState {
    match standing {
        Standing::Asked => pb::DisputeState::Inquiry,
        Standing::Open => pb::DisputeState::Open,
        Standing::Won => pb::DisputeState::Won,
        Standing::Lost => pb::DisputeState::Lost,
    }
}

pub(crate) fn dispute(dispute: &Dispute) -> pb::Dispute {
    let workspace = dispute.workspace;
    pb::Dispute {
        name: DisputeName { workspace, id: dispute.id }.to_string(),
        payment: PaymentName { workspace, id: dispute.payment }.to_string(),
        invoice: InvoiceName { workspace, id: dispute.invoice }.to_string(),
        amount: Some(money(dispute.amount)),
        reason: dispute.reason.clone(),
        state: dispute_state(dispute.standing.into()).into(),
        dispute_ref: dispute.dispute_ref.clone(),
        version: dispute.version,
        create_time: Some(timestamp(dispute.opened_at)),
    }
}
