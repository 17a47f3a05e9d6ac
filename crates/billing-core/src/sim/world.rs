//! What is stored, and who does something to it.

use chrono::{Duration, NaiveDate};
use domain::{CustomerId, InvoiceId, Money, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::calls::Call;
use super::vendor::Vendor;
use crate::cycle::local_day;
use crate::dispute::{Move, Standing};
use crate::invoice::{Input, Invoice, Outcome};
use crate::ledger::{Account, Entry, EntryError, Fact, Till};
use crate::payment::{self, News, Payment};
use crate::refund::{Refund, Refundable};
use crate::retry::Schedule;

/// What the invoice is over, and what of it is tax.
pub(super) const TOTAL: i64 = 120;
pub(super) const TAX: i64 = 20;

/// How often something happens before all goes well.
const STEPS: usize = 300;

/// A payment's row.
pub(super) struct Row {
    pub payment: Payment,
    pub amount: i64,
    /// How the books have its dispute, and the amount of that.
    pub standing: Standing,
    pub disputed: i64,
    /// Counts what was heard of the dispute.
    pub dispute_version: u64,
    /// Attempts that were begun, and how many of them when it was still wanted.
    pub attempts: u32,
    pub wanted_attempts: Option<u32>,
}

/// A refund's row.
pub(super) struct RefundRow {
    pub refund: Refund,
    pub payment: usize,
    pub amount: i64,
}

pub(super) struct World {
    pub rng: StdRng,
    pub now: Timestamp,
    pub vendor: Vendor,
    pub invoice: Invoice,
    pub invoice_id: InvoiceId,
    pub customer: CustomerId,
    pub rows: Vec<Row>,
    pub refunds: Vec<RefundRow>,
    pub entries: Vec<Entry>,
    pub schedule: Schedule,
    /// Calls that are held back, and answers that are.
    pub calls: Vec<Call>,
    /// Whether refunds that are asked for get stuck on their way.
    pub is_stuck: bool,
    pub cash: i64,
    pub log: Vec<String>,
}

pub(super) fn eur(minor: i64) -> Money {
    Money::new(minor, "EUR".parse().unwrap()).unwrap()
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let now = "2026-12-01T08:00:00Z".parse().unwrap();
        let mut world = Self {
            rng: StdRng::seed_from_u64(seed),
            now,
            vendor: Vendor::default(),
            invoice: Invoice::draft("EUR".parse().unwrap()),
            invoice_id: InvoiceId::new(),
            customer: CustomerId::new(),
            rows: Vec::new(),
            refunds: Vec::new(),
            entries: Vec::new(),
            schedule: Schedule::new(vec![1, 2], 5).unwrap(),
            calls: Vec::new(),
            is_stuck: false,
            cash: 0,
            log: Vec::new(),
        };
        let due_on = NaiveDate::from_ymd_opt(2026, 12, 5).unwrap();
        world.change(Input::Finalise { total: eur(TOTAL), due_on });
        let (total, tax) = (eur(TOTAL), eur(TAX));
        world.post(Fact::Finalised { invoice: world.invoice_id, total, tax });
        world
    }

    pub(super) fn live(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            self.act();
            self.check()?;
        }
        self.settle()
    }

    fn act(&mut self) {
        match self.rng.random_range(0..100) {
            0..30 => self.work(),
            30..60 => self.run_call(),
            60..66 => self.ask_to_read(),
            66..72 => self.plan(),
            72..74 => self.person_pays(),
            74..80 => self.move_vendor(),
            80..85 => self.refund(),
            85 => self.pay_cash(),
            86 => self.credit(),
            87 => self.end_invoice(),
            88..91 => self.give_method(),
            _ => {
                // Often just about as long as the vendor keeps keys.
                let minutes =
                    [0..5, 0..60, 0..600, 0..2_000, 1_330..1_450][self.rng.random_range(0..5_usize)].clone();
                let time = Duration::minutes(self.rng.random_range(minutes));
                self.is_stuck = self.rng.random_bool(if self.is_stuck { 0.7 } else { 0.1 });
                self.pass(time);
            }
        }
    }

    pub(super) fn note(&mut self, what: impl FnOnce() -> String) {
        let at = self.now.format("%d %H:%M");
        self.log.push(format!("{at} {}", what()));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        let is_pending = self.rows.iter().any(|row| row.payment.is_pending());
        let today = local_day(chrono_tz::UTC, self.now);
        self.change(Input::Day { today, is_pending });
    }

    /// The invoice after that, if it can do it.
    pub(super) fn change(&mut self, input: Input) -> Option<Outcome> {
        let outcome = self.invoice.apply(input).ok()?;
        self.invoice = outcome.invoice;
        // What is on its way is for what was owed: another payment is for what is.
        let owed = self.invoice.owed();
        for row in self.rows.iter_mut().filter(|row| row.payment.is_live() && eur(row.amount) != owed) {
            row.payment = row.payment.hear(News::Withdrawn, &self.schedule, self.now);
            row.wanted_attempts.get_or_insert(row.attempts);
        }
        Some(outcome)
    }

    pub(super) fn post(&mut self, fact: Fact) {
        match fact.entry() {
            Ok(entry) => self.entries.push(entry),
            Err(EntryError::Empty) => {}
            Err(error) => panic!("{fact:?}: {error}"),
        }
    }

    pub(super) fn balance(&self, account: Account) -> i64 {
        let postings = self.entries.iter().flat_map(|entry| entry.postings());
        postings.filter(|posting| posting.account == account).map(|posting| posting.amount.minor()).sum()
    }

    fn paid(&mut self, by: Account, outcome: Outcome) {
        let (invoice, customer) = (self.invoice_id, self.customer);
        self.post(Fact::Paid { invoice, customer, by, outcome });
    }

    /// A payment's row is stored, and in the same transaction what follows from its success.
    pub(super) fn store(&mut self, number: usize, payment: Payment) {
        let row = &mut self.rows[number];
        let was_paid = row.payment.state() == payment::State::Succeeded;
        let is_paid = payment.state() == payment::State::Succeeded;
        row.payment = payment;
        if is_paid && !was_paid {
            let amount = eur(row.amount);
            let outcome = self.change(Input::Pay(amount)).expect("money is never turned away");
            self.paid(Account::Till(Till::Stripe), outcome);
            self.note(|| format!("payment {number} is paid"));
        }
    }

    /// A refund's row is stored, and in the same transaction what follows.
    pub(super) fn store_refund(&mut self, number: usize, refund: Refund) {
        let RefundRow { refund: before, amount, .. } = self.refunds[number];
        self.refunds[number].refund = refund;
        let sign = i64::from(refund.is_out()) - i64::from(before.is_out());
        let (customer, till) = (self.customer, Till::Stripe);
        self.post(Fact::Refunded { customer, till, amount: eur(sign * amount) });
    }

    /// A dispute was read.
    pub(super) fn store_dispute(&mut self, number: usize, standing: Standing, disputed: i64) {
        let row = &mut self.rows[number];
        row.dispute_version += 1;
        row.disputed = disputed;
        let moves = row.standing.moves_to(standing);
        row.standing = standing;
        for it in moves {
            let amount = eur(disputed);
            match it {
                Move::Withhold => self.post(Fact::Withheld(amount)),
                Move::Release => self.post(Fact::Withheld(amount.negated())),
                Move::TakeBack => {
                    let outcome = self.change(Input::TakeBack(amount)).expect("it is out");
                    self.paid(Account::Disputed, outcome);
                }
                Move::GiveAgain => {
                    let outcome = self.change(Input::Pay(amount)).expect("money is never turned away");
                    self.paid(Account::Disputed, outcome);
                }
            }
        }
    }

    /// What is owed is to be charged, unless it is being.
    pub(super) fn plan(&mut self) {
        let owed = self.invoice.owed().minor();
        if owed == 0 || self.rows.iter().any(|row| row.payment.is_live()) {
            return;
        }
        let payment = if self.rng.random_bool(0.8) { Payment::off_session() } else { Payment::on_session() };
        self.rows.push(Row {
            payment,
            amount: owed,
            standing: Standing::Asked,
            disputed: 0,
            dispute_version: 0,
            attempts: 0,
            wanted_attempts: None,
        });
        self.note(|| format!("a payment of {owed} is planned"));
    }

    /// Some time after they were sent the page, whatever became of the payment meanwhile.
    fn person_pays(&mut self) {
        let intents = self.rows.iter().filter_map(|row| row.payment.intent()?.parse().ok());
        let intents: Vec<usize> = intents.collect();
        if !intents.is_empty() {
            let intent = intents[self.rng.random_range(0..intents.len())];
            self.vendor.attempt(intent, &mut self.rng);
            self.note(|| format!("the person pays intent {intent}"));
        }
    }

    fn move_vendor(&mut self) {
        let intents = self.vendor.intents.len();
        if intents > 0 {
            let intent = self.rng.random_range(0..intents);
            match self.rng.random_range(0..4) {
                0 => self.vendor.move_dispute(intent, &mut self.rng),
                _ => self.vendor.settle(intent, &mut self.rng),
            }
        }
        let refunds = self.vendor.refunds.len();
        if refunds > 0 {
            let refund = self.rng.random_range(0..refunds);
            self.vendor.move_refund(refund, &mut self.rng);
        }
    }

    fn pay_cash(&mut self) {
        let amount = self.rng.random_range(1..TOTAL + 20);
        if let Some(outcome) = self.change(Input::Pay(eur(amount))) {
            self.cash += amount;
            self.paid(Account::Till(Till::Cash), outcome);
            self.note(|| format!("{amount} in cash"));
        }
    }

    fn credit(&mut self) {
        let amount = self.rng.random_range(1..TOTAL);
        self.give_credit_note(amount);
    }

    fn give_credit_note(&mut self, amount: i64) -> bool {
        let Some(outcome) = self.change(Input::Credit(eur(amount))) else { return false };
        let (invoice, customer, tax) = (self.invoice_id, self.customer, eur(amount / 6));
        self.post(Fact::Credited { invoice, customer, amount: eur(amount), tax, outcome });
        self.note(|| format!("{amount} are credited"));
        true
    }

    /// Some of a payment is given back, with a credit note for it.
    fn refund(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let payment = self.rng.random_range(0..self.rows.len());
        let row = &self.rows[payment];
        let counted = self.refunds.iter().filter(|it| it.payment == payment && it.refund.counts());
        let refundable = Refundable {
            paid: eur(if row.payment.state() == payment::State::Succeeded { row.amount } else { 0 }),
            refunded: eur(counted.map(|it| it.amount).sum()),
            is_disputed: !matches!(row.standing, Standing::Asked | Standing::Won),
        };
        let amount = self.rng.random_range(1..TOTAL / 2);
        if refundable.check(eur(amount)).is_err() || !self.give_credit_note(amount) {
            return;
        }
        self.refunds.push(RefundRow { refund: Refund::new(self.now), payment, amount });
        self.note(|| format!("{amount} of payment {payment} are to be given back"));
    }

    fn end_invoice(&mut self) {
        let owed = self.invoice.owed();
        let (total, tax, invoice) = (eur(TOTAL), eur(TAX), self.invoice_id);
        if self.rng.random_bool(0.1) {
            let was_out = owed.is_positive();
            if self.change(Input::Void).is_some() && was_out {
                self.post(Fact::Voided { invoice, total, tax });
                self.note(|| "the invoice is void".into());
            }
        } else if self.change(Input::GiveUp).is_some() && owed.is_positive() {
            self.post(Fact::GivenUp { invoice, owed });
            self.note(|| "the invoice is given up".into());
        }
    }

    fn give_method(&mut self) {
        if let Some(number) = self.rows.len().checked_sub(1) {
            let payment = self.rows[number].payment.hear(News::MethodGiven, &self.schedule, self.now);
            self.store(number, payment);
        }
    }
}
