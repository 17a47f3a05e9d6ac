//! What this service's changes leave in the audit log.

use billing_core::dispute::Standing;
use billing_core::retry::Schedule;
use chassis::audit::{Author, Entry};
use domain::names::{
    CouponName, DisputeName, InvoiceName, PaymentName, PriceName, RefundName, WorkspaceName,
};
use domain::{PriceId, Timestamp, WorkspaceId};

use crate::DEFINITION;
use crate::convert::billing_settings_name;
use crate::coupons::Coupon;
use crate::disputes::Dispute;
use crate::invoices::Dispute as StandingName;
use crate::model::settings::Settings as PaymentSettings;
use crate::prices::Price;
use crate::refunds::Refund;
use crate::settings::Settings;

/// How a workspace is paid was changed.
pub(crate) fn settings_changed(
    author: &Author,
    workspace: WorkspaceId,
    before: PaymentSettings,
    after: PaymentSettings,
    now: Timestamp,
) -> Entry {
    let subject = format!("{}/paymentSettings", WorkspaceName(workspace));
    let entry = author.changes(workspace, subject, now);
    entry.field("takes_debits", Some(before.takes_debits), Some(after.takes_debits))
}

/// How a workspace bills was changed.
pub(crate) fn billing_settings(
    author: &Author,
    workspace: WorkspaceId,
    before: Option<&Settings>,
    after: &Settings,
    now: Timestamp,
) -> Entry {
    author
        .changes(workspace, billing_settings_name(workspace), now)
        .field("currency", before.map(|it| it.currency), Some(after.currency))
        .field("time_zone", before.map(|it| it.time_zone), Some(after.time_zone))
        .field("anchor_day", before.map(|it| it.anchor_day.day()), Some(after.anchor_day.day()))
        .field("due_days", before.map(|it| it.due_days), Some(after.due_days))
        .field("auto_charge", before.map(|it| it.auto_charge), Some(after.auto_charge))
        .field("pause_after_days", before.and_then(|it| it.pause_after_days), after.pause_after_days)
        .field("booking_payment", before.map(|it| it.booking_payment), Some(after.booking_payment))
        .field("cancellation", before.map(|it| it.cancellation), Some(after.cancellation))
        .field("full_refund", before.map(|it| it.full_refund), Some(after.full_refund))
        .field("retry_schedule", before.map(|it| retries(&it.retries)), Some(retries(&after.retries)))
        .field("seller.legal_name", before.map(|it| &it.seller.legal_name), Some(&after.seller.legal_name))
        .field("number_prefix", before.map(|it| &it.number_prefix), Some(&after.number_prefix))
}

/// Money of a payment is to be given back.
pub(crate) fn refund(author: &Author, refund: &Refund, now: Timestamp) -> Entry {
    let workspace = refund.workspace;
    author
        .changes(workspace, RefundName { workspace, id: refund.id }, now)
        .field("payment", None, Some(PaymentName { workspace, id: refund.payment }))
        .field("amount", None, Some(refund.amount))
        .private("reason", None, Some(&refund.reason))
}

/// A dispute stands otherwise than before.
pub(crate) fn dispute(before: Option<Standing>, after: &Dispute, now: Timestamp) -> Entry {
    let workspace = after.workspace;
    let state = |standing: Standing| StandingName::from(standing);
    let (is_new, invoice) = (before.is_none(), InvoiceName { workspace, id: after.invoice });
    Author::service(DEFINITION.name, "Stripe: dispute")
        .changes(workspace, DisputeName { workspace, id: after.id }, now)
        .field("invoice", None, is_new.then_some(invoice))
        .field("amount", None, is_new.then_some(after.amount))
        .field("state", before.map(state), Some(state(after.standing)))
}

/// Such as `1, 3, 5, 7; 14`: the gaps, and the patience.
fn retries(schedule: &Schedule) -> String {
    let gaps: Vec<String> = schedule.gaps_days().iter().map(u16::to_string).collect();
    format!("{}; {}", gaps.join(", "), schedule.patience_days())
}

/// A coupon was made, or disabled.
pub(crate) fn coupon(
    author: &Author,
    workspace: WorkspaceId,
    before: Option<&Coupon>,
    after: &Coupon,
    now: Timestamp,
) -> Entry {
    author
        .changes(workspace, CouponName { workspace, id: after.id }, now)
        .field("code", before.map(|it| &it.code), Some(&after.code))
        .field("percent", before.and_then(|it| it.discount.as_percent()), after.discount.as_percent())
        .field("amount", before.and_then(|it| it.discount.as_fixed()), after.discount.as_fixed())
        .field("disable_time", before.and_then(|it| it.disabled_at), after.disabled_at)
}

/// A price was set or removed.
pub(crate) fn price(
    author: &Author,
    workspace: WorkspaceId,
    id: PriceId,
    before: Option<&Price>,
    after: Option<&Price>,
    now: Timestamp,
) -> Entry {
    let tax = |price: &Price| price.tax.as_ref().map(|tax| format!("{} {}", tax.name, tax.percent));
    author
        .changes(workspace, PriceName { workspace, id }, now)
        .field("amount", before.map(|it| it.amount), after.map(|it| it.amount))
        .field("tax", before.and_then(tax), after.and_then(tax))
}
