//! The events of this service.

use domain::Timestamp;
use domain::names::{PaymentMethodName, PaymentName};
use events::Outgoing;
use events::outbox::About;
use proto::billing::v1 as pb;

use crate::convert;
use crate::customers::Holder;
use crate::model::Method;
use crate::payments::Payment;

pub(crate) const SOURCE: &str = "billing";

/// A payment method expires soon.
pub(crate) fn expiring(method: &Method, holder: Holder, now: Timestamp) -> Outgoing {
    let (workspace, id) = (method.site.workspace, method.id);
    let name = PaymentMethodName { workspace, id }.to_string();
    let about = About { workspace, name, version: method.version, time: now };
    let payment_method = Some(convert::payment_method(method, holder));
    Outgoing::event(SOURCE, about, &pb::PaymentMethodExpiring { payment_method })
}

/// What is told of a payment.
#[derive(Debug, Clone, Copy)]
pub(crate) enum PaymentFact {
    Succeeded,
    Failed,
}

/// The money of a payment is there, or an attempt to take it has failed.
pub(crate) fn payment(fact: PaymentFact, payment: &Payment, holder: Holder, now: Timestamp) -> Outgoing {
    let (workspace, id) = (payment.site.workspace, payment.id);
    let name = PaymentName { workspace, id }.to_string();
    let about = About { workspace, name, version: payment.version, time: now };
    let payment = Some(convert::payment(payment, holder));
    match fact {
        PaymentFact::Succeeded => Outgoing::event(SOURCE, about, &pb::PaymentSucceeded { payment }),
        PaymentFact::Failed => Outgoing::event(SOURCE, about, &pb::PaymentFailed { payment }),
    }
}
