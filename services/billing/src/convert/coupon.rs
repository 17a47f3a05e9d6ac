//! Coupons.

use billing_core::{CouponCode, Discount, Percent};
use chassis::input::{Input, InvalidInput, timestamp};
use domain::WorkspaceId;
use domain::names::CouponName;
use proto::billing::v1 as pb;

use super::money::{money, read_money};
use crate::coupons::Coupon;

pub(crate) fn coupon(workspace: WorkspaceId, coupon: &Coupon) -> pb::Coupon {
    let percent = coupon
        .discount
        .as_percent()
        .map(|percent| pb::coupon::Discount::Percent(percent.to_string().trim_end_matches('%').to_owned()));
    let amount = coupon.discount.as_fixed().map(|amount| pb::coupon::Discount::Amount(money(amount)));
    pb::Coupon {
        name: CouponName { workspace, id: coupon.id }.to_string(),
        code: coupon.code.to_string(),
        discount: percent.or(amount),
        disable_time: coupon.disabled_at.map(timestamp),
        create_time: Some(timestamp(coupon.created_at)),
    }
}

pub(crate) fn new_coupon(message: Option<&pb::Coupon>) -> Result<(CouponCode, Discount), InvalidInput> {
    let mut input = Input::new();
    let read = input.required("coupon", message).and_then(|message| {
        let code = input.parse("coupon.code", &message.code);
        let discount = match input.required("coupon.discount", message.discount.as_ref())? {
            pb::coupon::Discount::Percent(text) => {
                let percent = input.parse::<Percent>("coupon.percent", text)?;
                Discount::percent(percent).map_err(|error| input.refuse("coupon.percent", error)).ok()
            }
            pb::coupon::Discount::Amount(amount) => {
                let amount = read_money(&mut input, "coupon.amount", Some(amount))?;
                Discount::fixed(amount).map_err(|error| input.refuse("coupon.amount", error)).ok()
            }
        };
        Some((code?, discount?))
    });
    input.finish_with(read)
}
