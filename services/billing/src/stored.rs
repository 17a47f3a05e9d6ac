//! What rows have in common: columns of taxes and cycles, and what is wrong with a row that can't be read.

use billing_core::{Anchor, AnchorDay, Cycle, Percent, Tax};

/// A stored value that a newer version of the program wrote, or a damaged one.
pub(crate) fn corrupt(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> sqlx::Error {
    sqlx::Error::Decode(what.into())
}

chassis::text_enum! {
    /// How long a period is.
    pub(crate) enum Interval {
        /// A day.
        Day = "day",
        /// Seven days.
        Week = "week",
        /// A month.
        Month = "month",
        /// Three months.
        Quarter = "quarter",
        /// Twelve months.
        Year = "year",
    }
}

impl Interval {
    /// Whether its periods are counted from something else than the start.
    pub(crate) fn has_anchor(self) -> bool {
        !matches!(self, Self::Day | Self::Week)
    }

    /// Its cycle; `anchor` counts if it [has one](Self::has_anchor).
    pub(crate) fn cycle(self, anchor: Anchor) -> Cycle {
        match self {
            Self::Day => Cycle::Daily,
            Self::Week => Cycle::Weekly,
            Self::Month => Cycle::Monthly(anchor),
            Self::Quarter => Cycle::Quarterly(anchor),
            Self::Year => Cycle::Yearly(anchor),
        }
    }
}

/// The columns of a cycle: how long its periods are, and the day of the month that they are counted from.
pub(crate) fn cycle_columns(cycle: Cycle) -> (Interval, Option<i16>) {
    let (interval, anchor) = match cycle {
        Cycle::Daily => (Interval::Day, Anchor::Rolling),
        Cycle::Weekly => (Interval::Week, Anchor::Rolling),
        Cycle::Monthly(anchor) => (Interval::Month, anchor),
        Cycle::Quarterly(anchor) => (Interval::Quarter, anchor),
        Cycle::Yearly(anchor) => (Interval::Year, anchor),
    };
    let day = match anchor {
        Anchor::Calendar(day) => Some(day.day().into()),
        Anchor::Rolling => None,
    };
    (interval, day)
}

/// A cycle by its columns.
pub(crate) fn cycle(interval: Interval, anchor_day: Option<i16>) -> Result<Cycle, sqlx::Error> {
    let day = |day: i16| AnchorDay::new(u8::try_from(day).map_err(corrupt)?).map_err(corrupt);
    let anchor = anchor_day.map(day).transpose()?.map_or(Anchor::Rolling, Anchor::Calendar);
    Ok(interval.cycle(anchor))
}

/// The columns of a tax; all are empty if there is none.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub(crate) struct TaxColumns {
    pub tax_name: Option<String>,
    pub tax_percent: Option<i32>,
    pub tax_is_inclusive: Option<bool>,
}

impl From<Option<&Tax>> for TaxColumns {
    fn from(tax: Option<&Tax>) -> Self {
        Self {
            tax_name: tax.map(|tax| tax.name.clone()),
            tax_percent: tax.map(|tax| percent_column(tax.percent)),
            tax_is_inclusive: tax.map(|tax| tax.is_inclusive),
        }
    }
}

impl TaxColumns {
    /// The tax.
    pub(crate) fn tax(self) -> Result<Option<Tax>, sqlx::Error> {
        let (Some(name), Some(percent), Some(is_inclusive)) =
            (self.tax_name, self.tax_percent, self.tax_is_inclusive)
        else {
            return Ok(None);
        };
        Ok(Some(Tax { name, percent: percent_of(percent)?, is_inclusive }))
    }
}

/// A percentage as it stands in a column: in ten-thousandths.
pub(crate) fn percent_column(percent: Percent) -> i32 {
    percent.ten_thousandths().cast_signed()
}

/// A percentage by its column.
pub(crate) fn percent_of(column: i32) -> Result<Percent, sqlx::Error> {
    Percent::new(u32::try_from(column).map_err(corrupt)?).map_err(corrupt)
}
