//! Money: whole minor units of a currency, such as cents. No fractions, no floating point.
//!
//! What can't be exact is rounded once, where it is said, and always in the same way: to the nearest minor unit,
//! a half away from zero, as tradespeople do, so that a credit is the exact opposite of the charge.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// A currency that is, or was, money: by ISO 4217, without funds, metals and codes for tests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(iso_currency::Currency);

/// No currency has this code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a currency's ISO 4217 code in capital letters, such as EUR")]
pub struct UnknownCurrency;

impl Currency {
    /// The code, three capital letters.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// Decimal digits of its minor unit: 2 for most, 0 such as for the yen, 3 such as for the Kuwaiti dinar.
    pub fn digits(self) -> u32 {
        self.0.exponent().unwrap_or_default().into()
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        let currency = iso_currency::Currency::from_code(code).ok_or(UnknownCurrency)?;
        let is_money = currency.exponent().is_some() && !currency.is_fund() && !currency.is_special();
        is_money.then_some(Self(currency)).ok_or(UnknownCurrency)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of a currency. May be negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Amounts that can't be reckoned with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Nobody means so much.
    #[error("must be at most {} minor units of the currency, such as cents", Money::MINOR_MAX)]
    TooLarge,
    /// There is no rate at which one could become the other.
    #[error("must be in one currency; {0} and {1} can't be added")]
    Mixed(Currency, Currency),
}

impl Money {
    /// The largest amount, in minor units. Readers of JSON, which take numbers as doubles, have it exactly, too.
    pub const MINOR_MAX: i64 = 999_999_999_999_999;

    /// So many minor units.
    pub fn new(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        let is_in_range = (-Self::MINOR_MAX..=Self::MINOR_MAX).contains(&minor);
        is_in_range.then_some(Self { minor, currency }).ok_or(MoneyError::TooLarge)
    }

    /// Nothing, of that currency.
    pub fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    /// In minor units.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// What it is an amount of.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// Whether it is more than nothing.
    pub fn is_positive(self) -> bool {
        self.minor > 0
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// Both together.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Self::new(self.minor + other.minor, self.currency)
    }

    /// Without the other.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.plus(other.negated())
    }

    /// The same amount in the other direction.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { minor: -self.minor, ..self }
    }

    /// The smaller of both.
    pub fn smaller(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        Ok(Self { minor: self.minor.min(other.minor), ..self })
    }

    /// All together; of that currency also if there are none.
    pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::zero(currency), Self::plus)
    }

    /// `numerator / denominator` of it, to the nearest minor unit, a half away from zero.
    pub fn times(self, numerator: u64, denominator: NonZeroU64) -> Result<Self, MoneyError> {
        // Fewer than 50 bits by 64 bits, and twice that: never too much for 128.
        let exact = i128::from(self.minor) * i128::from(numerator);
        let denominator = i128::from(denominator.get());
        let rounded = (2 * exact + exact.signum() * denominator) / (2 * denominator);
        Self::new(i64::try_from(rounded).map_err(|_| MoneyError::TooLarge)?, self.currency)
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::Mixed(self.currency, other.currency))
    }
}

/// As people write it, with all digits of the currency: `116.13 EUR`, `500 JPY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits();
        let (sign, minor) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        let unit = 10_u64.pow(digits);
        match digits {
            0 => write!(f, "{sign}{minor} {}", self.currency),
            _ => {
                let (whole, rest, width) = (minor / unit, minor % unit, digits as usize);
                write!(f, "{sign}{whole}.{rest:0width$} {}", self.currency)
            }
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap()).unwrap()
    }

    fn times(minor: i64, numerator: u64, denominator: u64) -> i64 {
        money(minor, "EUR").times(numerator, NonZeroU64::new(denominator).unwrap()).unwrap().minor()
    }

    #[test]
    fn currencies_have_the_digits_that_iso_4217_gives_them() {
        for (code, digits) in [
            ("EUR", 2),
            ("USD", 2),
            ("HUF", 2),
            ("MGA", 2),
            ("JPY", 0),
            ("KRW", 0),
            ("CLP", 0),
            ("VND", 0),
            ("XAF", 0),
            ("ISK", 0),
            ("UGX", 0),
            ("KWD", 3),
            ("BHD", 3),
            ("JOD", 3),
            ("OMR", 3),
            ("TND", 3),
        ] {
            assert_eq!(code.parse::<Currency>().unwrap().digits(), digits, "{code}");
        }
    }

    #[test]
    fn what_is_no_money_is_no_currency() {
        for code in ["", "eur", "EURO", "ABC", "XXX", "XTS", "XAU", "CLF", "UYW", "€"] {
            assert_eq!(code.parse::<Currency>(), Err(UnknownCurrency), "{code}");
        }
    }

    #[test]
    fn amounts_are_shown_with_all_digits_of_their_currency() {
        for (minor, code, shown) in [
            (11_613, "EUR", "116.13 EUR"),
            (5, "EUR", "0.05 EUR"),
            (-5, "EUR", "-0.05 EUR"),
            (0, "USD", "0.00 USD"),
            (500, "JPY", "500 JPY"),
            (-1, "JPY", "-1 JPY"),
            (1_234, "KWD", "1.234 KWD"),
            (7, "KWD", "0.007 KWD"),
        ] {
            assert_eq!(money(minor, code).to_string(), shown);
        }
    }

    #[test]
    fn amounts_that_nobody_means_are_refused() {
        let eur = "EUR".parse().unwrap();
        let max = Money::new(Money::MINOR_MAX, eur).unwrap();
        for minor in [Money::MINOR_MAX + 1, -Money::MINOR_MAX - 1, i64::MAX, i64::MIN] {
            assert_eq!(Money::new(minor, eur), Err(MoneyError::TooLarge));
        }
        assert_eq!(max.plus(money(1, "EUR")), Err(MoneyError::TooLarge));
        assert_eq!(max.negated().minus(money(1, "EUR")), Err(MoneyError::TooLarge));
        assert_eq!(max.times(u64::MAX, NonZeroU64::MIN), Err(MoneyError::TooLarge));
        assert_eq!(Money::sum(eur, [max, max]), Err(MoneyError::TooLarge));
    }

    #[test]
    fn currencies_do_not_mix() {
        let (euro, yen) = (money(1, "EUR"), money(1, "JPY"));
        let mixed = MoneyError::Mixed(euro.currency(), yen.currency());
        for refused in
            [euro.plus(yen), euro.minus(yen), euro.smaller(yen), Money::sum(euro.currency(), [yen])]
        {
            assert_eq!(refused, Err(mixed));
        }
        assert_eq!(mixed.to_string(), "must be in one currency; EUR and JPY can't be added");
    }

    #[test]
    fn halves_are_rounded_away_from_zero() {
        assert_eq!((times(1, 1, 2), times(-1, 1, 2)), (1, -1));
        assert_eq!((times(5, 1, 2), times(5, 1, 4), times(5, 1, 3)), (3, 1, 2));
        assert_eq!((times(30_000, 12, 31), times(30_000, 19, 31)), (11_613, 18_387));
        assert_eq!((times(7, 0, 9), times(7, 9, 9), times(7, 3, 1)), (0, 7, 21));
    }

    proptest! {
        /// Rounded is the nearest there is, and a credit the opposite of its charge.
        #[test]
        fn rounding_is_off_by_half_a_minor_unit_at_most(
            minor in -Money::MINOR_MAX..=Money::MINOR_MAX, part in 0_u64..400, whole in 1_u64..400,
        ) {
            prop_assume!(part <= whole);
            let rounded = i128::from(times(minor, part, whole));
            let off = (rounded * i128::from(whole) - i128::from(minor) * i128::from(part)).abs();
            prop_assert!(2 * off <= i128::from(whole));
            prop_assert_eq!(times(-minor, part, whole), -times(minor, part, whole));
        }
    }
}
