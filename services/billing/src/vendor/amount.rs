//! Amounts as Stripe counts them (Stripe documentation, Currencies): mostly the minor unit of ISO 4217, but not always.

use domain::{Currency, Money};

/// More digits than Stripe takes.
const AMOUNT_MAX: i64 = 99_999_999;

/// Stripe takes no such amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    /// Nothing, or less.
    #[error("must be above zero")]
    NotPositive,
    /// Nine digits and more.
    #[error("must be at most {AMOUNT_MAX} of what Stripe counts in")]
    TooLarge,
    /// Stripe counts in larger steps than the currency has.
    #[error("can't be charged to the last digit: Stripe takes {0} in larger steps")]
    Step(Currency),
    /// Stripe says an amount that nobody can mean.
    #[error("Stripe says {0} {1:?}, which is no amount")]
    Unreadable(i64, String),
}

/// The amount and the currency for a request.
pub(super) fn to_stripe(money: Money) -> Result<(String, String), AmountError> {
    let currency = money.currency();
    let minor = money.minor();
    let in_steps = |step: i64| (minor % step == 0).then_some(minor).ok_or(AmountError::Step(currency));
    let amount = match currency.code() {
        // Without decimals at Stripe.
        "MGA" => in_steps(100)? / 100,
        // Without decimals, but sent as if they had two.
        "ISK" | "UGX" => minor.checked_mul(100).ok_or(AmountError::TooLarge)?,
        // Their last digit must be zero.
        _ if currency.digits() == 3 => in_steps(10)?,
        _ => minor,
    };
    match amount {
        ..=0 => Err(AmountError::NotPositive),
        1..=AMOUNT_MAX => Ok((amount.to_string(), currency.code().to_lowercase())),
        _ => Err(AmountError::TooLarge),
    }
}

/// Whether Stripe takes that much.
pub(crate) fn check(money: Money) -> Result<(), AmountError> {
    to_stripe(money).map(drop)
}

/// What Stripe means by an amount and a currency.
pub(super) fn from_stripe(amount: i64, currency: &str) -> Result<Money, AmountError> {
    let unreadable = || AmountError::Unreadable(amount, currency.to_owned());
    let known: Currency = currency.to_uppercase().parse().map_err(|_| unreadable())?;
    let minor = match known.code() {
        "MGA" => amount.checked_mul(100).ok_or_else(unreadable)?,
        "ISK" | "UGX" if amount % 100 == 0 => amount / 100,
        "ISK" | "UGX" => return Err(unreadable()),
        _ => amount,
    };
    Money::new(minor, known).map_err(|_| unreadable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_counted_as_stripe_does() {
        let sent = |minor: i64, code: &str| {
            let money = Money::new(minor, code.parse().unwrap()).unwrap();
            to_stripe(money).map(|(amount, currency)| format!("{amount} {currency}"))
        };
        for (minor, code, wanted) in [
            (1_099, "USD", "1099 usd"),
            (1_099, "HUF", "1099 huf"),
            (500, "JPY", "500 jpy"),
            (500, "ISK", "50000 isk"),
            (500, "UGX", "50000 ugx"),
            (500, "MGA", "5 mga"),
            (1_230, "KWD", "1230 kwd"),
            (99_999_999, "EUR", "99999999 eur"),
        ] {
            assert_eq!(sent(minor, code).as_deref(), Ok(wanted));
            let (amount, currency) = wanted.split_once(' ').unwrap();
            let read = from_stripe(amount.parse().unwrap(), currency).unwrap();
            assert_eq!((read.minor(), read.currency().code()), (minor, code), "and back");
        }
        for (amount, currency) in [(1, "xyz"), (50, "isk"), (i64::MAX, "mga"), (i64::MAX, "eur")] {
            let unreadable = AmountError::Unreadable(amount, currency.to_owned());
            assert_eq!(from_stripe(amount, currency), Err(unreadable));
        }
        assert_eq!(sent(1_234, "KWD"), Err(AmountError::Step("KWD".parse().unwrap())));
        assert_eq!(sent(50, "MGA"), Err(AmountError::Step("MGA".parse().unwrap())));
        assert_eq!(
            (sent(0, "EUR"), sent(-1, "EUR")),
            (Err(AmountError::NotPositive), Err(AmountError::NotPositive))
        );
        for (minor, code) in [(100_000_000, "EUR"), (1_000_000, "ISK"), (Money::MINOR_MAX, "UGX")] {
            assert_eq!(sent(minor, code), Err(AmountError::TooLarge));
        }
    }
}
