//! What an invoice or a credit note says: lines, taxes, the total.
//!
//! Rounded is three times, to the minor unit, a half away from zero: a line's quantity times its unit price; what a
//! percentage takes off it; and each tax, once for all of its lines together, as laws on invoices want it (EN 16931,
//! rule BR-CO-17). A line's tax is its share of that, so that lines add up to the tax, and everything that is shown
//! adds up to the total.

use domain::{Currency, Money, MoneyError};

use crate::coupon::Discount;
use crate::percent::Percent;

/// How many, in thousandths: 1.5 hours are 1,500. Above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(u32);

/// A tax, as an invoice has to show it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Tax {
    /// Such as `VAT`.
    pub name: String,
    /// Of the amount without it.
    pub percent: Percent,
    /// Whether prices are meant with it; otherwise it comes on top.
    pub is_inclusive: bool,
}

/// A line, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    description: String,
    quantity: Quantity,
    unit_price: Money,
    discount: Option<Discount>,
    tax: Option<Tax>,
}

/// A line as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledLine {
    /// What was asked for.
    pub line: Line,
    /// Quantity times unit price.
    pub price: Money,
    /// What is taken off that.
    pub discount: Money,
    /// What is left: price less discount.
    pub amount: Money,
    /// Its share of its tax: of the amount if inclusive, else on top.
    pub tax: Money,
}

/// A tax as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BilledTax {
    /// Which.
    pub tax: Tax,
    /// What it is on, without it.
    pub base: Money,
    /// How much it is.
    pub amount: Money,
}

/// All that is shown, and adds up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bill {
    lines: Vec<BilledLine>,
    taxes: Vec<BilledTax>,
    subtotal: Money,
    total: Money,
}

/// This can't be billed. Lines are named by their place, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BillError {
    /// There is nothing on it.
    #[error("must have a line")]
    NoLines,
    /// None of it, or more than anyone means.
    #[error("must be above 0 and at most {}", Quantity::THOUSANDTHS_MAX / 1_000)]
    Quantity,
    /// What is charged has no price below zero.
    #[error("must not be below zero; give a credit")]
    NegativePrice,
    /// What is given back is below zero.
    #[error("must be an amount above zero that is given back")]
    NoCredit,
    /// Amounts of a line.
    #[error("line {line}: {cause}")]
    Line {
        /// Which.
        line: usize,
        /// What about it.
        cause: MoneyError,
    },
    /// All together.
    #[error("the total: {0}")]
    Total(MoneyError),
    /// More is given back than charged: there is nothing to pay.
    #[error("the total must not be below zero, and is {0}; grant the difference as credit")]
    NegativeTotal(Money),
}

impl Quantity {
    /// The largest.
    pub const THOUSANDTHS_MAX: u32 = 1_000_000_000;

    /// One.
    pub const ONE: Self = Self(1_000);

    /// So many thousandths.
    pub fn thousandths(number: u32) -> Result<Self, BillError> {
        (1..=Self::THOUSANDTHS_MAX).contains(&number).then_some(Self(number)).ok_or(BillError::Quantity)
    }

    /// In thousandths.
    pub fn as_thousandths(self) -> u32 {
        self.0
    }

    fn times(self, price: Money) -> Result<Money, MoneyError> {
        let thousand = const { std::num::NonZeroU64::new(1_000).expect("a thousand") };
        price.times(self.0.into(), thousand)
    }
}

impl Tax {
    /// How much of `amount`, or on top of it.
    fn of(&self, amount: Money) -> Result<Money, MoneyError> {
        if self.is_inclusive { self.percent.within(amount) } else { self.percent.of(amount) }
    }
}

impl Line {
    /// Something that is to be paid for.
    pub fn charge(description: String, quantity: Quantity, unit_price: Money) -> Result<Self, BillError> {
        if unit_price.is_negative() {
            return Err(BillError::NegativePrice);
        }
        Ok(Self { description, quantity, unit_price, discount: None, tax: None })
    }

    /// Something that is given back, such as days that were not used: `amount` is below zero.
    pub fn credit(description: String, amount: Money) -> Result<Self, BillError> {
        if !amount.is_negative() {
            return Err(BillError::NoCredit);
        }
        Ok(Self { description, quantity: Quantity::ONE, unit_price: amount, discount: None, tax: None })
    }

    /// Cheaper. What is given back stays as it is.
    #[must_use]
    pub fn with_discount(self, discount: Discount) -> Self {
        let is_charged = !self.unit_price.is_negative();
        Self { discount: is_charged.then_some(discount), ..self }
    }

    /// Taxed.
    #[must_use]
    pub fn with_tax(self, tax: Tax) -> Self {
        Self { tax: Some(tax), ..self }
    }

    /// How it is taxed.
    pub fn tax(&self) -> Option<&Tax> {
        self.tax.as_ref()
    }

    /// What it is for.
    pub fn description(&self) -> &str {
        &self.description
    }

    fn billed(self, currency: Currency) -> Result<BilledLine, MoneyError> {
        // Of another currency, it is refused here.
        let price = Money::zero(currency).plus(self.quantity.times(self.unit_price)?)?;
        let discount = self.discount.map_or(Ok(Money::zero(currency)), |discount| discount.off(price))?;
        let amount = price.minus(discount)?;
        Ok(BilledLine { line: self, price, discount, amount, tax: Money::zero(currency) })
    }
}

impl Bill {
    /// What these lines come to.
    pub fn new(currency: Currency, lines: Vec<Line>) -> Result<Self, BillError> {
        if lines.is_empty() {
            return Err(BillError::NoLines);
        }
        let billed = |(line, asked): (usize, Line)| {
            asked.billed(currency).map_err(|cause| BillError::Line { line, cause })
        };
        let mut lines = lines.into_iter().enumerate().map(billed).collect::<Result<Vec<_>, _>>()?;
        let taxes = tax(currency, &mut lines).map_err(BillError::Total)?;
        let subtotal =
            Money::sum(currency, lines.iter().map(|line| line.amount)).map_err(BillError::Total)?;
        let on_top = taxes.iter().filter(|billed| !billed.tax.is_inclusive).map(|billed| billed.amount);
        let total = on_top.clone().try_fold(subtotal, Money::plus).map_err(BillError::Total)?;
        if total.is_negative() {
            return Err(BillError::NegativeTotal(total));
        }
        Ok(Self { lines, taxes, subtotal, total })
    }

    /// Its lines, in the order in which they were given.
    pub fn lines(&self) -> &[BilledLine] {
        &self.lines
    }

    /// Its taxes, in the order in which lines have them.
    pub fn taxes(&self) -> &[BilledTax] {
        &self.taxes
    }

    /// The amounts of all lines.
    pub fn subtotal(&self) -> Money {
        self.subtotal
    }

    /// The subtotal, and the taxes that come on top.
    pub fn total(&self) -> Money {
        self.total
    }

    /// All taxes together, whether they come on top or not.
    pub fn tax(&self) -> Money {
        let amounts = self.taxes.iter().map(|billed| billed.amount);
        Money::sum(self.total.currency(), amounts).expect("taxes are no more than what they are on")
    }
}

/// Reckons each tax for all of its lines together, and gives each line its share: what the tax grows by with it.
fn tax(currency: Currency, lines: &mut [BilledLine]) -> Result<Vec<BilledTax>, MoneyError> {
    let mut taxes: Vec<(BilledTax, Money)> = Vec::new();
    for line in lines {
        let Some(tax) = &line.line.tax else { continue };
        let zero = Money::zero(currency);
        let place = taxes.iter().position(|(billed, _)| billed.tax == *tax).unwrap_or_else(|| {
            taxes.push((BilledTax { tax: tax.clone(), base: zero, amount: zero }, zero));
            taxes.len() - 1
        });
        let (billed, taxed) = &mut taxes[place];
        *taxed = taxed.plus(line.amount)?;
        let amount = tax.of(*taxed)?;
        line.tax = amount.minus(billed.amount)?;
        billed.amount = amount;
        billed.base = if tax.is_inclusive { taxed.minus(amount)? } else { *taxed };
    }
    Ok(taxes.into_iter().map(|(billed, _)| billed).collect())
}

#[cfg(test)]
mod tests;
