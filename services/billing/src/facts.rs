//! The events of this service.

use domain::names::{
    BookingName, DisputeName, InvoiceName, MembershipName, PaymentMethodName, PaymentName, RefundName,
};
use domain::{MembershipId, Timestamp};
use events::Outgoing;
use events::outbox::About;
use proto::billing::v1 as pb;

use crate::convert;
use crate::customers::Holder;
use crate::disputes::Dispute;
use crate::invoices::{CreditNote, Invoice};
use crate::model::Method;
use crate::payments::Payment;
use crate::refunds::Refund;

pub(crate) const SOURCE: &str = "billing";

/// What happened to an invoice.
#[derive(Debug, Clone)]
pub(crate) enum InvoiceFact {
    Finalised,
    Paid,
    Reopened,
    Overdue,
    ChargeFailed { reason: String, is_final: bool },
    Voided,
    GivenUp,
    FellBehind(Vec<MembershipId>),
    CaughtUp(Vec<MembershipId>),
}

/// The event of an invoice's fact; `after` is the invoice as it is now.
pub(crate) fn invoice(fact: InvoiceFact, after: &Invoice) -> Outgoing {
    let about = about_invoice(after);
    let invoice = Some(convert::invoice(after));
    let names = |memberships: Vec<MembershipId>| {
        let name = |id| MembershipName { workspace: after.workspace, id }.to_string();
        memberships.into_iter().map(name).collect()
    };
    match fact {
        InvoiceFact::Finalised => Outgoing::event(SOURCE, about, &pb::InvoiceFinalised { invoice }),
        InvoiceFact::Paid => Outgoing::event(SOURCE, about, &pb::InvoicePaid { invoice }),
        InvoiceFact::Reopened => Outgoing::event(SOURCE, about, &pb::InvoiceReopened { invoice }),
        InvoiceFact::Overdue => Outgoing::event(SOURCE, about, &pb::InvoiceOverdue { invoice }),
        InvoiceFact::ChargeFailed { reason, is_final } => {
            Outgoing::event(SOURCE, about, &pb::InvoiceChargeFailed { invoice, reason, is_final })
        }
        InvoiceFact::Voided => Outgoing::event(SOURCE, about, &pb::InvoiceVoided { invoice }),
        InvoiceFact::GivenUp => Outgoing::event(SOURCE, about, &pb::InvoiceGivenUp { invoice }),
        InvoiceFact::FellBehind(memberships) => {
            let memberships = names(memberships);
            Outgoing::event(SOURCE, about, &pb::PayerFellBehind { invoice, memberships })
        }
        InvoiceFact::CaughtUp(memberships) => {
            let memberships = names(memberships);
            Outgoing::event(SOURCE, about, &pb::PayerCaughtUp { invoice, memberships })
        }
    }
}

/// Something was taken off an invoice, which is now so.
pub(crate) fn credited(after: &Invoice, note: &CreditNote) -> Outgoing {
    let body = pb::InvoiceCredited {
        invoice: Some(convert::invoice(after)),
        credit_note: Some(convert::credit_note(after.workspace, note)),
    };
    Outgoing::event(SOURCE, about_invoice(after), &body)
}

fn about_invoice(invoice: &Invoice) -> About {
    let workspace = invoice.workspace;
    About {
        workspace,
        name: InvoiceName { workspace, id: invoice.id }.to_string(),
        version: invoice.version,
        time: invoice.updated_at,
    }
}

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

/// What is told of a refund.
#[derive(Debug)]
pub(crate) enum RefundFact {
    Created {
        invoice: Box<Invoice>,
        /// Those that are called off by it.
        bookings: Vec<BookingName>,
    },
    Failed,
}

/// Money was given back, or was not, or came back.
pub(crate) fn refund(fact: RefundFact, refund: &Refund, holder: Holder, now: Timestamp) -> Outgoing {
    let (workspace, id) = (refund.workspace, refund.id);
    let name = RefundName { workspace, id }.to_string();
    let about = About { workspace, name, version: refund.version, time: now };
    let refund = Some(convert::refund(refund, holder));
    match fact {
        RefundFact::Created { invoice, bookings } => {
            let invoice = Some(convert::invoice(&invoice));
            let bookings = bookings.iter().map(BookingName::to_string).collect();
            Outgoing::event(SOURCE, about, &pb::RefundCreated { refund, invoice, bookings })
        }
        RefundFact::Failed => Outgoing::event(SOURCE, about, &pb::RefundFailed { refund }),
    }
}

/// What is told of a dispute.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DisputeFact {
    Opened,
    Closed,
}

/// A dispute is there, or is won or lost.
pub(crate) fn dispute(fact: DisputeFact, dispute: &Dispute, invoice: &Invoice, now: Timestamp) -> Outgoing {
    let (workspace, id) = (dispute.workspace, dispute.id);
    let name = DisputeName { workspace, id }.to_string();
    let about = About { workspace, name, version: dispute.version, time: now };
    let (dispute, invoice) = (Some(convert::dispute(dispute)), Some(convert::invoice(invoice)));
    match fact {
        DisputeFact::Opened => Outgoing::event(SOURCE, about, &pb::DisputeOpened { dispute, invoice }),
        DisputeFact::Closed => Outgoing::event(SOURCE, about, &pb::DisputeClosed { dispute, invoice }),
    }
}
