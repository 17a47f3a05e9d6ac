//! Payments.

use billing_core::decline::Ask;
use billing_core::payment::State;
use chassis::input::timestamp;
use domain::Money;
use domain::names::{InvoiceName, PaymentName};
use proto::billing::v1 as pb;

use super::method::holder_names;
use crate::customers::Holder;
use crate::payments::Payment;

fn money(money: Money) -> pb::Money {
    pb::Money { minor_units: money.minor(), currency: money.currency().code().to_owned() }
}

pub(crate) fn payment(payment: &Payment, holder: Holder) -> pb::Payment {
    let workspace = payment.site.workspace;
    let (person, team) = holder_names(workspace, holder);
    let life = payment.life.state();
    let (state, action, next_time) = match life {
        State::Ready { from } => (pb::PaymentState::Charging, None, Some(from)),
        State::Planned | State::Confirming { .. } | State::InDoubt | State::Closing(_) => {
            (pb::PaymentState::Charging, None, None)
        }
        State::Waiting { ask, until } => (pb::PaymentState::AwaitsPayer, Some(ask), Some(until)),
        State::Pending => (pb::PaymentState::Pending, None, None),
        State::Succeeded => (pb::PaymentState::Succeeded, None, None),
        State::Closed(_) if payment.has_failed() => (pb::PaymentState::Failed, None, None),
        State::Closed(_) => (pb::PaymentState::Withdrawn, None, None),
    };
    let action = action.map_or(pb::PayerAction::Unspecified, |ask| match ask {
        Ask::Authenticate => pb::PayerAction::Authenticate,
        Ask::CheckMethod => pb::PayerAction::CheckMethod,
        Ask::OtherMethod => pb::PayerAction::OtherMethod,
    });
    pb::Payment {
        name: PaymentName { workspace, id: payment.id }.to_string(),
        invoice: InvoiceName { workspace, id: payment.invoice }.to_string(),
        person,
        team,
        amount: Some(money(payment.amount)),
        state: state.into(),
        payer_action: action.into(),
        failure_code: payment.failure_code.clone(),
        next_time: next_time.map(timestamp),
        attempts: i32::try_from(payment.life.attempts()).unwrap_or(i32::MAX),
        version: payment.version,
        create_time: Some(timestamp(payment.created_at)),
    }
}
