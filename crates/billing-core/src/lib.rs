//! What is owed, and why: periods, proration, and all else of money that can be decided without asking anyone.
//!
//! Pure: no IO, no clock, no async. Whoever calls says which day it is, and does what follows. What holds here:
//! - Money is whole minor units of one currency; what can't be exact is rounded where it is said, once.
//! - The parts of a period always add up to the whole, and what a bill shows to its total.
//! - A payment is charged once and a refund given once, whatever is lost, late, or there twice.
//! - Money that came is never turned away, and the books' entries add up.

pub mod bill;
pub mod coupon;
pub mod cycle;
pub mod decline;
pub mod dispute;
pub mod invoice;
pub mod ledger;
pub mod payment;
pub mod percent;
pub mod proration;
pub mod refund;
pub mod retry;
#[cfg(test)]
mod sim;
pub mod subscription;

pub use bill::{Bill, BillError, BilledLine, BilledTax, Line, Quantity, Tax};
pub use coupon::{CouponCode, Discount, NoCouponCode, NoDiscount};
pub use cycle::{Anchor, AnchorDay, Cycle, Days};
pub use percent::{NoPercent, Percent};
pub use proration::{Change, ChangeError, Part, Tariff};
