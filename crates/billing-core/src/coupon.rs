//! Coupons: a code that makes what is bought with it cheaper, never cheaper than nothing.

use std::fmt;
use std::str::FromStr;

use domain::{Money, MoneyError};

use crate::percent::Percent;

/// What people type: 2 to 20 letters and digits, capital however they are typed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CouponCode(String);

/// No coupon is called that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be 2 to 20 letters from A to Z and digits")]
pub struct NoCouponCode;

impl CouponCode {
    /// In capital letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CouponCode {
    type Err = NoCouponCode;
    fn from_str(text: &str) -> Result<Self, NoCouponCode> {
        let is_code = (2..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_code.then(|| Self(text.to_ascii_uppercase())).ok_or(NoCouponCode)
    }
}

impl fmt::Display for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much cheaper something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Discount(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Percent(Percent),
    Fixed(Money),
}

/// This makes nothing cheaper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoDiscount {
    /// Nothing, or parts of a hundredth.
    #[error("must be above 0 percent, with at most two decimals")]
    Percent,
    /// Nothing, or less.
    #[error("must be an amount above zero")]
    Amount,
}

impl Discount {
    /// Above 0 and up to 100 percent, with at most two decimals.
    pub fn percent(percent: Percent) -> Result<Self, NoDiscount> {
        let is_good = percent.ten_thousandths() > 0 && percent.ten_thousandths().is_multiple_of(100);
        is_good.then_some(Self(Kind::Percent(percent))).ok_or(NoDiscount::Percent)
    }

    /// An amount above zero.
    pub fn fixed(amount: Money) -> Result<Self, NoDiscount> {
        amount.is_positive().then_some(Self(Kind::Fixed(amount))).ok_or(NoDiscount::Amount)
    }

    /// The percentage, if it is one.
    pub fn as_percent(self) -> Option<Percent> {
        match self.0 {
            Kind::Percent(percent) => Some(percent),
            Kind::Fixed(_) => None,
        }
    }

    /// The amount, if it is one.
    pub fn as_fixed(self) -> Option<Money> {
        match self.0 {
            Kind::Percent(_) => None,
            Kind::Fixed(amount) => Some(amount),
        }
    }

    /// What it takes off a price of zero or more: no more than that. A percentage is rounded.
    pub fn off(self, price: Money) -> Result<Money, MoneyError> {
        match self.0 {
            Kind::Percent(percent) => percent.of(price),
            Kind::Fixed(amount) => amount.smaller(price),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, "EUR".parse().unwrap()).unwrap()
    }

    #[test]
    fn codes_are_the_same_however_they_are_typed() {
        assert_eq!("summer26".parse::<CouponCode>(), "SUMMER26".parse());
        assert_eq!("summer26".parse::<CouponCode>().unwrap().as_str(), "SUMMER26");
        for text in ["", "A", "ABCDEFGHIJKLMNOPQRSTU", "TEN OFF", "10%", "ÄÖ", "A-B"] {
            assert_eq!(text.parse::<CouponCode>(), Err(NoCouponCode), "{text}");
        }
    }

    #[test]
    fn a_discount_is_never_more_than_the_price() {
        let off = |discount: Discount, price: i64| discount.off(eur(price)).unwrap().minor();
        let tenth = Discount::percent("10".parse().unwrap()).unwrap();
        assert_eq!((off(tenth, 1_999), off(tenth, 4), off(tenth, 5), off(tenth, 0)), (200, 0, 1, 0));
        let all = Discount::percent("100".parse().unwrap()).unwrap();
        let five = Discount::fixed(eur(500)).unwrap();
        assert_eq!((off(all, 1_999), off(five, 1_999), off(five, 499), off(five, 0)), (1_999, 500, 499, 0));
        let yen = Money::new(500, "JPY".parse().unwrap()).unwrap();
        assert!(matches!(five.off(yen), Err(MoneyError::Mixed(..))));
    }

    #[test]
    fn what_is_no_discount_is_refused() {
        for text in ["0", "0.001", "33.3333"] {
            assert_eq!(Discount::percent(text.parse().unwrap()), Err(NoDiscount::Percent), "{text}");
        }
        assert!(Discount::percent("33.33".parse().unwrap()).is_ok());
        assert_eq!(
            (Discount::fixed(eur(0)), Discount::fixed(eur(-1))),
            (Err(NoDiscount::Amount), Err(NoDiscount::Amount))
        );
    }
}
