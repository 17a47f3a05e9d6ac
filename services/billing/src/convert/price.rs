//! Prices, and how a workspace bills.

use billing_core::AnchorDay;
use billing_core::retry::Schedule;
use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{PassProductName, PlanName, PriceName, ResourceName, WorkspaceName};
use domain::{Currency, Money, WorkspaceId};
use proto::billing::v1 as pb;

use super::money::{money, read_money, read_tax, tax};
use crate::prices::{Price, Subject, Unit};
use crate::settings::{BookingPayment, CancellationPolicy, RefundPolicy, Seller, Settings};
use crate::stored::Interval;

const NAME_CHARS_MAX: usize = 200;
const LINE_CHARS_MAX: usize = 100;
const LINES_MAX: usize = 6;
const TAX_ID_CHARS_MAX: usize = 50;
const FOOTER_CHARS_MAX: usize = 500;
const PREFIX_CHARS_MAX: usize = 10;
const DUE_DAYS_MAX: i32 = 90;
const PAUSE_DAYS_MAX: i32 = 365;
const PREFIX: &str = "INV-";

/// A price that is to be set.
pub(crate) struct NewPrice {
    pub subject: Subject,
    pub amount: Money,
    pub unit: Unit,
    pub tax: Option<billing_core::Tax>,
}

/// Settings that are to be set: all but their version and time.
pub(crate) struct NewSettings {
    pub currency: Currency,
    pub time_zone: chrono_tz::Tz,
    pub anchor_day: AnchorDay,
    pub due_days: u16,
    pub auto_charge: bool,
    pub pause_after_days: Option<u16>,
    pub booking_payment: BookingPayment,
    pub cancellation: CancellationPolicy,
    pub full_refund: RefundPolicy,
    pub retries: Schedule,
    pub seller: Seller,
    pub number_prefix: String,
}

/// The name of a workspace's settings.
pub(crate) fn billing_settings_name(workspace: WorkspaceId) -> String {
    format!("{}/billingSettings", WorkspaceName(workspace))
}

/// Whose settings that name is of.
pub(crate) fn read_settings_name(input: &mut Input, field: &str, text: &str) -> Option<WorkspaceId> {
    let Some(workspace) = text.strip_suffix("/billingSettings") else {
        input.refuse(field, "must look like workspaces/{workspace}/billingSettings");
        return None;
    };
    input.parse::<WorkspaceName>(field, workspace).map(|name| name.0)
}

pub(crate) fn billing_settings(workspace: WorkspaceId, settings: Option<&Settings>) -> pb::BillingSettings {
    let name = billing_settings_name(workspace);
    let Some(settings) = settings else {
        return pb::BillingSettings {
            name,
            anchor_day: 1,
            number_prefix: PREFIX.to_owned(),
            booking_payment: pb::BookingPayment::BeforeConfirmation.into(),
            cancellation: pb::CancellationPolicy::Keep.into(),
            full_refund: pb::RefundPolicy::Cancel.into(),
            retry_schedule: Some(retry_schedule(&Schedule::default())),
            ..Default::default()
        };
    };
    pb::BillingSettings {
        name,
        currency: settings.currency.code().to_owned(),
        anchor_day: settings.anchor_day.day().into(),
        due_days: settings.due_days.into(),
        auto_charge: settings.auto_charge,
        pause_after_days: settings.pause_after_days.unwrap_or_default().into(),
        booking_payment: match settings.booking_payment {
            BookingPayment::BeforeConfirmation => pb::BookingPayment::BeforeConfirmation,
            BookingPayment::AfterConfirmation => pb::BookingPayment::AfterConfirmation,
            BookingPayment::Monthly => pb::BookingPayment::Monthly,
        }
        .into(),
        cancellation: match settings.cancellation {
            CancellationPolicy::Keep => pb::CancellationPolicy::Keep,
            CancellationPolicy::Credit => pb::CancellationPolicy::Credit,
        }
        .into(),
        full_refund: match settings.full_refund {
            RefundPolicy::Cancel => pb::RefundPolicy::Cancel,
            RefundPolicy::Keep => pb::RefundPolicy::Keep,
        }
        .into(),
        retry_schedule: Some(retry_schedule(&settings.retries)),
        seller: Some(pb::Seller {
            legal_name: settings.seller.legal_name.clone(),
            address_lines: settings.seller.address_lines.clone(),
            tax_id: settings.seller.tax_id.clone(),
            footer: settings.seller.footer.clone(),
        }),
        number_prefix: settings.number_prefix.clone(),
        time_zone: settings.time_zone.name().to_owned(),
        version: settings.version,
        update_time: Some(timestamp(settings.updated_at)),
    }
}

fn retry_schedule(schedule: &Schedule) -> pb::RetrySchedule {
    let days = schedule.gaps_days().iter().map(|days| (*days).into()).collect();
    pb::RetrySchedule { days, patience_days: schedule.patience_days().into() }
}

fn read_retries(input: &mut Input, schedule: Option<&pb::RetrySchedule>) -> Option<Schedule> {
    let Some(schedule) = schedule else { return Some(Schedule::default()) };
    // What is out of range is refused by the schedule itself.
    let days = |days: i32| u16::try_from(days).unwrap_or_default();
    let gaps = schedule.days.iter().copied().map(days).collect();
    let patience = match schedule.patience_days {
        0 => Schedule::default().patience_days(),
        given => days(given),
    };
    let read = Schedule::new(gaps, patience);
    read.map_err(|error| input.refuse("settings.retry_schedule", error)).ok()
}

pub(crate) fn new_settings(message: Option<&pb::BillingSettings>) -> Result<NewSettings, InvalidInput> {
    let mut input = Input::new();
    let read = input.required("settings", message).and_then(|message| settings(&mut input, message));
    input.finish_with(read)
}

fn settings(input: &mut Input, message: &pb::BillingSettings) -> Option<NewSettings> {
    let currency = input.parse("settings.currency", &message.currency);
    let time_zone = domain::zone::parse(&message.time_zone);
    let time_zone = time_zone.map_err(|error| input.refuse("settings.time_zone", error)).ok();
    let day = u8::try_from(if message.anchor_day == 0 { 1 } else { message.anchor_day }).unwrap_or(0);
    let anchor_day = AnchorDay::new(day);
    let anchor_day = anchor_day.map_err(|error| input.refuse("settings.anchor_day", error)).ok();
    let mut days = |field: &str, days: i32, most: i32| {
        if !(0..=most).contains(&days) {
            input.refuse(field, format_args!("must be from 0 to {most}"));
        }
        u16::try_from(days.clamp(0, most)).unwrap_or_default()
    };
    let due_days = days("settings.due_days", message.due_days, DUE_DAYS_MAX);
    let pause_after_days = days("settings.pause_after_days", message.pause_after_days, PAUSE_DAYS_MAX);
    let seller = input.required("settings.seller", message.seller.as_ref()).and_then(|it| seller(input, it));
    let prefix = if message.number_prefix.is_empty() { PREFIX } else { &message.number_prefix };
    let is_good =
        prefix.len() <= PREFIX_CHARS_MAX && prefix.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !is_good {
        let most = PREFIX_CHARS_MAX;
        input.refuse(
            "settings.number_prefix",
            format_args!("must be at most {most} letters, digits and dashes"),
        );
    }
    Some(NewSettings {
        currency: currency?,
        time_zone: time_zone?,
        anchor_day: anchor_day?,
        due_days,
        auto_charge: message.auto_charge,
        pause_after_days: Some(pause_after_days).filter(|days| *days > 0),
        booking_payment: match message.booking_payment() {
            pb::BookingPayment::AfterConfirmation => BookingPayment::AfterConfirmation,
            pb::BookingPayment::Monthly => BookingPayment::Monthly,
            pb::BookingPayment::BeforeConfirmation | pb::BookingPayment::Unspecified => {
                BookingPayment::BeforeConfirmation
            }
        },
        cancellation: match message.cancellation() {
            pb::CancellationPolicy::Credit => CancellationPolicy::Credit,
            pb::CancellationPolicy::Keep | pb::CancellationPolicy::Unspecified => CancellationPolicy::Keep,
        },
        full_refund: match message.full_refund() {
            pb::RefundPolicy::Keep => RefundPolicy::Keep,
            pb::RefundPolicy::Cancel | pb::RefundPolicy::Unspecified => RefundPolicy::Cancel,
        },
        retries: read_retries(input, message.retry_schedule.as_ref())?,
        seller: seller?,
        number_prefix: prefix.to_owned(),
    })
}

fn seller(input: &mut Input, message: &pb::Seller) -> Option<Seller> {
    let legal_name = input.text("settings.seller.legal_name", &message.legal_name, NAME_CHARS_MAX);
    let address_lines = address_lines(input, "settings.seller.address_lines", &message.address_lines);
    let tax_id = input.optional_text("settings.seller.tax_id", &message.tax_id, TAX_ID_CHARS_MAX);
    let footer = input.optional_text("settings.seller.footer", &message.footer, FOOTER_CHARS_MAX);
    Some(Seller { legal_name: legal_name?, address_lines: address_lines?, tax_id: tax_id?, footer: footer? })
}

/// The lines of an address.
pub(super) fn address_lines(input: &mut Input, field: &str, lines: &[String]) -> Option<Vec<String>> {
    if lines.len() > LINES_MAX {
        input.refuse(field, format_args!("must be at most {LINES_MAX} lines"));
        return None;
    }
    lines.iter().map(|line| input.text(field, line, LINE_CHARS_MAX)).collect()
}

pub(crate) fn price(workspace: WorkspaceId, price: &Price) -> pb::Price {
    let (unit, cycle) = match price.unit {
        Unit::Hour => (pb::PriceUnit::Hour, None),
        Unit::Booking => (pb::PriceUnit::Booking, None),
        Unit::Pass => (pb::PriceUnit::Pass, None),
        Unit::Period { interval, is_calendar } => (pb::PriceUnit::Period, Some(cycle(interval, is_calendar))),
    };
    pb::Price {
        name: PriceName { workspace, id: price.id }.to_string(),
        subject: Some(match price.subject {
            Subject::Resource(id) => pb::price::Subject::Resource(ResourceName { workspace, id }.to_string()),
            Subject::Plan(id) => pb::price::Subject::Plan(PlanName { workspace, id }.to_string()),
            Subject::PassProduct(id) => {
                pb::price::Subject::PassProduct(PassProductName { workspace, id }.to_string())
            }
        }),
        amount: Some(money(price.amount)),
        unit: unit.into(),
        cycle,
        tax: price.tax.as_ref().map(tax),
        version: price.version,
        update_time: Some(timestamp(price.updated_at)),
    }
}

fn cycle(interval: Interval, is_calendar: bool) -> pb::BillingCycle {
    let anchor = match (interval.has_anchor(), is_calendar) {
        (false, _) => pb::BillingAnchor::Unspecified,
        (true, true) => pb::BillingAnchor::Calendar,
        (true, false) => pb::BillingAnchor::Rolling,
    };
    let interval = match interval {
        Interval::Day => pb::BillingInterval::Day,
        Interval::Week => pb::BillingInterval::Week,
        Interval::Month => pb::BillingInterval::Month,
        Interval::Quarter => pb::BillingInterval::Quarter,
        Interval::Year => pb::BillingInterval::Year,
    };
    pb::BillingCycle { interval: interval.into(), anchor: anchor.into() }
}

pub(crate) fn new_price(
    workspace: WorkspaceId,
    message: Option<&pb::Price>,
) -> Result<NewPrice, InvalidInput> {
    let mut input = Input::new();
    let read = input.required("price", message).and_then(|message| {
        let subject = subject(&mut input, workspace, message.subject.as_ref());
        let amount = read_money(&mut input, "price.amount", message.amount.as_ref());
        if amount.is_some_and(Money::is_negative) {
            input.refuse("price.amount", "must not be below zero");
        }
        let tax = read_tax(&mut input, "price.tax", message.tax.as_ref());
        let unit = subject.and_then(|subject| unit(&mut input, subject, message));
        Some(NewPrice { subject: subject?, amount: amount?, unit: unit?, tax: tax? })
    });
    input.finish_with(read)
}

fn subject(
    input: &mut Input,
    workspace: WorkspaceId,
    subject: Option<&pb::price::Subject>,
) -> Option<Subject> {
    let (found, field, subject) = match input.required("price.subject", subject)? {
        pb::price::Subject::Resource(name) => {
            let name: ResourceName = input.parse("price.resource", name)?;
            (name.workspace, "price.resource", Subject::Resource(name.id))
        }
        pb::price::Subject::Plan(name) => {
            let name: PlanName = input.parse("price.plan", name)?;
            (name.workspace, "price.plan", Subject::Plan(name.id))
        }
        pb::price::Subject::PassProduct(name) => {
            let name: PassProductName = input.parse("price.pass_product", name)?;
            (name.workspace, "price.pass_product", Subject::PassProduct(name.id))
        }
    };
    if found != workspace {
        input.refuse(field, "must be of the workspace");
        return None;
    }
    Some(subject)
}

fn unit(input: &mut Input, subject: Subject, message: &pb::Price) -> Option<Unit> {
    match (subject, message.unit()) {
        (Subject::Resource(_), pb::PriceUnit::Hour) => Some(Unit::Hour),
        (Subject::Resource(_), pb::PriceUnit::Booking) => Some(Unit::Booking),
        (Subject::PassProduct(_), pb::PriceUnit::Pass) => Some(Unit::Pass),
        (Subject::Plan(_), pb::PriceUnit::Period) => {
            let cycle = input.required("price.cycle", message.cycle.as_ref())?;
            read_cycle(input, cycle)
        }
        (Subject::Resource(_), _) => {
            input.refuse("price.unit", "must be PRICE_UNIT_HOUR or PRICE_UNIT_BOOKING");
            None
        }
        (Subject::PassProduct(_), _) => {
            input.refuse("price.unit", "must be PRICE_UNIT_PASS");
            None
        }
        (Subject::Plan(_), _) => {
            input.refuse("price.unit", "must be PRICE_UNIT_PERIOD");
            None
        }
    }
}

fn read_cycle(input: &mut Input, cycle: &pb::BillingCycle) -> Option<Unit> {
    let interval = match cycle.interval() {
        pb::BillingInterval::Day => Interval::Day,
        pb::BillingInterval::Week => Interval::Week,
        pb::BillingInterval::Month => Interval::Month,
        pb::BillingInterval::Quarter => Interval::Quarter,
        pb::BillingInterval::Year => Interval::Year,
        pb::BillingInterval::Unspecified => {
            input.refuse("price.cycle.interval", "must be set");
            return None;
        }
    };
    match (interval.has_anchor(), cycle.anchor()) {
        (false, pb::BillingAnchor::Unspecified) | (true, pb::BillingAnchor::Rolling) => {
            Some(Unit::Period { interval, is_calendar: false })
        }
        (true, pb::BillingAnchor::Calendar) => Some(Unit::Period { interval, is_calendar: true }),
        (true, pb::BillingAnchor::Unspecified) => {
            input.refuse("price.cycle.anchor", "must be set for months, quarters and years");
            None
        }
        (false, _) => {
            input.refuse("price.cycle.anchor", "must not be set for days and weeks");
            None
        }
    }
}
