//! How a workspace bills.

use billing_core::AnchorDay;
use billing_core::retry::Schedule;
use chrono::NaiveDate;
use chrono_tz::Tz;
use domain::{Currency, Timestamp, WorkspaceId};
use sqlx::PgConnection;

use crate::stored::corrupt;

chassis::text_enum! {
    /// How bookings that cost something are paid.
    pub enum BookingPayment {
        /// Pending ones are charged, and confirmed once they are paid.
        BeforeConfirmation = "before_confirmation",
        /// Confirmed ones are charged.
        AfterConfirmation = "after_confirmation",
        /// Confirmed ones stand on the next monthly invoice.
        Monthly = "monthly",
    }
}

chassis::text_enum! {
    /// What happens to what was paid for a booking that is called off.
    pub enum CancellationPolicy {
        /// It is kept.
        Keep = "keep",
        /// It becomes the payer's credit.
        Credit = "credit",
    }
}

chassis::text_enum! {
    /// What becomes of a booking when all that was paid for it is given back.
    pub enum RefundPolicy {
        /// It is cancelled: nobody is let in by it any more.
        Cancel = "cancel",
        /// It stands.
        Keep = "keep",
    }
}

/// Who invoices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seller {
    /// What the law calls them.
    pub legal_name: String,
    /// Where they are.
    pub address_lines: Vec<String>,
    /// Such as a VAT number.
    pub tax_id: String,
    /// What else stands below.
    pub footer: String,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What prices and invoices are in.
    pub currency: Currency,
    /// Whose day counts for what is at no location.
    pub time_zone: Tz,
    /// When what is billed monthly is collected.
    pub anchor_day: AnchorDay,
    /// How many days after its own day an invoice can be paid in time.
    pub due_days: u16,
    /// Whether invoices are charged without being asked.
    pub auto_charge: bool,
    /// For how many days an invoice may be overdue before memberships are paused; `None`: they never are.
    pub pause_after_days: Option<u16>,
    /// How bookings are paid.
    pub booking_payment: BookingPayment,
    /// What becomes of what was paid for a booking that is called off.
    pub cancellation: CancellationPolicy,
    /// What becomes of a booking when all that was paid for it is given back.
    pub full_refund: RefundPolicy,
    /// When a charge that was declined is tried again.
    pub retries: Schedule,
    /// Who invoices.
    pub seller: Seller,
    /// What numbers of invoices begin with.
    pub number_prefix: String,
    /// Grows with each change.
    pub version: i64,
    /// When they were set last.
    pub updated_at: Timestamp,
}

impl Settings {
    /// The last day on which an invoice of this day can be paid in time.
    pub(crate) fn due_on(&self, issued_on: NaiveDate) -> NaiveDate {
        issued_on.checked_add_days(chrono::Days::new(self.due_days.into())).unwrap_or(issued_on)
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    currency: String,
    time_zone: String,
    anchor_day: i16,
    due_days: i16,
    auto_charge: bool,
    pause_after_days: i16,
    booking_payment: BookingPayment,
    cancellation: CancellationPolicy,
    full_refund: RefundPolicy,
    retry_days: Vec<i16>,
    patience_days: i16,
    seller_name: String,
    seller_address: Vec<String>,
    seller_tax_id: String,
    seller_footer: String,
    number_prefix: String,
    version: i64,
    updated_at: Timestamp,
}

impl TryFrom<Row> for Settings {
    type Error = sqlx::Error;
    fn try_from(row: Row) -> Result<Self, sqlx::Error> {
        let days = |days: i16| u16::try_from(days).map_err(corrupt);
        let anchor_day = u8::try_from(row.anchor_day).map_err(corrupt)?;
        let gaps = row.retry_days.iter().map(|gap| days(*gap)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            currency: row.currency.parse().map_err(corrupt)?,
            time_zone: domain::zone::parse(&row.time_zone).map_err(corrupt)?,
            anchor_day: AnchorDay::new(anchor_day).map_err(corrupt)?,
            due_days: days(row.due_days)?,
            auto_charge: row.auto_charge,
            pause_after_days: Some(days(row.pause_after_days)?).filter(|days| *days > 0),
            booking_payment: row.booking_payment,
            cancellation: row.cancellation,
            full_refund: row.full_refund,
            retries: Schedule::new(gaps, days(row.patience_days)?).map_err(corrupt)?,
            seller: Seller {
                legal_name: row.seller_name,
                address_lines: row.seller_address,
                tax_id: row.seller_tax_id,
                footer: row.seller_footer,
            },
            number_prefix: row.number_prefix,
            version: row.version,
            updated_at: row.updated_at,
        })
    }
}

/// How a workspace bills; `None`: nobody has said so, and nothing is billed.
pub(crate) async fn find(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Option<Settings>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as("select * from billing_settings where workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_optional(conn)
        .await?;
    row.map(Settings::try_from).transpose()
}

/// When a workspace's charges that were declined are tried again.
pub(crate) async fn retries(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
) -> Result<Schedule, sqlx::Error> {
    Ok(find(conn, workspace).await?.map(|settings| settings.retries).unwrap_or_default())
}

/// Writes settings over those that were there.
pub(crate) async fn put(
    conn: &mut PgConnection,
    workspace: WorkspaceId,
    settings: &Settings,
) -> Result<(), sqlx::Error> {
    let anchor_day: i16 = settings.anchor_day.day().into();
    let days = |days: u16| i16::try_from(days).unwrap_or(i16::MAX);
    sqlx::query(
        "insert into billing_settings (workspace_id, currency, time_zone, anchor_day, due_days, auto_charge,
           pause_after_days, booking_payment, cancellation, seller_name, seller_address, seller_tax_id,
           seller_footer, number_prefix, version, updated_at, full_refund, retry_days, patience_days)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
         on conflict (workspace_id) do update set currency = excluded.currency,
           time_zone = excluded.time_zone, anchor_day = excluded.anchor_day, due_days = excluded.due_days,
           auto_charge = excluded.auto_charge, pause_after_days = excluded.pause_after_days,
           booking_payment = excluded.booking_payment, cancellation = excluded.cancellation,
           seller_name = excluded.seller_name, seller_address = excluded.seller_address,
           seller_tax_id = excluded.seller_tax_id, seller_footer = excluded.seller_footer,
           number_prefix = excluded.number_prefix, version = excluded.version, updated_at = excluded.updated_at,
           full_refund = excluded.full_refund, retry_days = excluded.retry_days,
           patience_days = excluded.patience_days",
    )
    .bind(workspace.uuid())
    .bind(settings.currency.code())
    .bind(settings.time_zone.name())
    .bind(anchor_day)
    .bind(days(settings.due_days))
    .bind(settings.auto_charge)
    .bind(settings.pause_after_days.map_or(0, days))
    .bind(settings.booking_payment)
    .bind(settings.cancellation)
    .bind(&settings.seller.legal_name)
    .bind(&settings.seller.address_lines)
    .bind(&settings.seller.tax_id)
    .bind(&settings.seller.footer)
    .bind(&settings.number_prefix)
    .bind(settings.version)
    .bind(settings.updated_at)
    .bind(settings.full_refund)
    .bind(settings.retries.gaps_days().iter().copied().map(days).collect::<Vec<_>>())
    .bind(days(settings.retries.patience_days()))
    .execute(conn)
    .await?;
    Ok(())
}
