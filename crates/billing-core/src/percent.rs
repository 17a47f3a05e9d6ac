//! Percentages with up to four decimals, as tax rates have them.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use domain::{Money, MoneyError};

/// From 0 to 100 percent, in ten-thousandths of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(u32);

/// This is no percentage of anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a number from 0 to 100 with at most 4 decimals, such as 8.875")]
pub struct NoPercent;

const DECIMALS: usize = 4;
const UNIT: u32 = 10_u32.pow(4);
const WHOLE: u32 = 100 * UNIT;

impl Percent {
    /// So many ten-thousandths of a percent.
    pub const fn new(ten_thousandths: u32) -> Result<Self, NoPercent> {
        if ten_thousandths <= WHOLE { Ok(Self(ten_thousandths)) } else { Err(NoPercent) }
    }

    /// In ten-thousandths.
    pub fn ten_thousandths(self) -> u32 {
        self.0
    }

    /// That much of an amount, rounded.
    pub fn of(self, amount: Money) -> Result<Money, MoneyError> {
        amount.times(self.0.into(), above_zero(WHOLE))
    }

    /// What of an amount was put on top of the rest, which was the whole: of 120.00 with 20 % on top, 20.00. Rounded.
    pub fn within(self, amount: Money) -> Result<Money, MoneyError> {
        amount.times(self.0.into(), above_zero(WHOLE + self.0))
    }
}

fn above_zero(number: u32) -> NonZeroU64 {
    NonZeroU64::new(number.into()).expect("a hundred percent and more")
}

/// `20`, `8.875`.
impl FromStr for Percent {
    type Err = NoPercent;
    fn from_str(text: &str) -> Result<Self, NoPercent> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || whole.len() > 3 || !is_number(decimals) || decimals.len() > DECIMALS {
            return Err(NoPercent);
        }
        let number: u32 = format!("{whole}{decimals:0<DECIMALS$}").parse().map_err(|_| NoPercent)?;
        Self::new(number)
    }
}

/// Without zeros that say nothing.
impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / UNIT, self.0 % UNIT);
        let decimals = format!("{rest:0DECIMALS$}");
        match decimals.trim_end_matches('0') {
            "" => write!(f, "{whole}%"),
            decimals => write!(f, "{whole}.{decimals}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_read_and_shown() {
        for (text, number, shown) in [
            ("0", 0, "0%"),
            ("20", 200_000, "20%"),
            ("8.875", 88_750, "8.875%"),
            ("5.50", 55_000, "5.5%"),
            ("0.0001", 1, "0.0001%"),
            ("100", 1_000_000, "100%"),
        ] {
            let percent: Percent = text.parse().unwrap();
            assert_eq!((percent.ten_thousandths(), percent.to_string().as_str()), (number, shown));
        }
        for text in [
            "",
            ".",
            "5.",
            ".5",
            "-1",
            "+1",
            "100.0001",
            "101",
            "1e1",
            "1,5",
            "0.00001",
            "1.2.3",
            "4294967296",
        ] {
            assert_eq!(text.parse::<Percent>(), Err(NoPercent), "{text}");
        }
    }
}
