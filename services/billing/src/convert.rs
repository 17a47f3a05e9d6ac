//! Between messages and the model. Input is checked field by field.

mod connection;
mod coupon;
pub(crate) mod document;
mod giving_back;
mod invoice;
mod method;
mod money;
mod payment;
mod price;

pub(crate) use connection::{failed, found, missing};
pub(crate) use coupon::{coupon, new_coupon};
pub(crate) use giving_back::{dispute, new_refund, refund, refunds_of};
pub(crate) use invoice::{NewDraft, NewInvoice, credit_note, draft, invoice, new_credit_note, new_invoice};
pub(crate) use method::{NewMethod, holder_of, new_method, payment_method, settings};
pub(crate) use money::read_money;
pub(crate) use payment::payment;
pub(crate) use price::{
    NewPrice, NewSettings, billing_settings, billing_settings_name, new_price, new_settings, price,
    read_settings_name,
};
