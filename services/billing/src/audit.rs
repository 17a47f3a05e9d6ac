//! What this service's changes leave in the audit log.

use chassis::audit::{Author, Entry};
use domain::names::{CouponName, PriceName, WorkspaceName};
use domain::{PriceId, Timestamp, WorkspaceId};

use crate::convert::billing_settings_name;
use crate::coupons::Coupon;
use crate::model::settings::Settings as PaymentSettings;
use crate::prices::Price;
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
        .field("seller.legal_name", before.map(|it| &it.seller.legal_name), Some(&after.seller.legal_name))
        .field("number_prefix", before.map(|it| &it.number_prefix), Some(&after.number_prefix))
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
