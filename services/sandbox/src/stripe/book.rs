//! What an account has in one mode: test and live never meet.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use domain::Timestamp;
use rand::distr::{Alphanumeric, SampleString as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::charge::Charge;
use super::customer::Customer;
use super::dispute::{self, Dispute};
use super::event::{Asked, Event};
use super::idempotency::Kept;
use super::mandate::Mandate;
use super::payment_intent::{self, PaymentIntent};
use super::payment_method::PaymentMethod;
use super::refund::{self, Refund};
use super::refusal::Refusal;
use super::setup_intent::SetupIntent;
use super::shelf::{Object, Shelf};
use super::switches::Pace;
use super::webhook::Endpoint;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Book {
    pub is_live: bool,
    pub customers: Shelf<Customer>,
    pub payment_methods: Shelf<PaymentMethod>,
    pub setup_intents: Shelf<SetupIntent>,
    pub payment_intents: Shelf<PaymentIntent>,
    pub charges: Shelf<Charge>,
    pub refunds: Shelf<Refund>,
    pub disputes: Shelf<Dispute>,
    pub mandates: Shelf<Mandate>,
    pub events: Shelf<Event>,
    pub endpoints: Shelf<Endpoint>,
    /// By idempotency key.
    pub kept: BTreeMap<String, Kept>,
    /// What happens by itself, and when.
    due: BTreeSet<(Timestamp, Due)>,
    /// The request that is being carried out: events say so.
    #[serde(skip)]
    pub asked: Option<Asked>,
    /// Ids of events that no endpoint has been told of.
    #[serde(skip)]
    untold: Vec<String>,
}

/// What time brings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Due {
    /// A debit is known to have gone well, or not.
    PaymentIntent(String),
    Refund(String),
    /// The charge is disputed.
    Dispute(String),
}

/// An id as Stripe's are.
pub(super) fn new_id(prefix: &str) -> String {
    format!("{prefix}_{}", Alphanumeric.sample_string(&mut rand::rng(), 24))
}

impl Book {
    pub(super) fn new(is_live: bool) -> Self {
        Self { is_live, ..Self::default() }
    }

    /// Something happened to an object.
    pub(super) fn tell(&mut self, kind: &str, object: Value, now: Timestamp) {
        self.tell_change(kind, json!({ "object": object }), now);
    }

    pub(super) fn tell_change(&mut self, kind: &str, data: Value, now: Timestamp) {
        let event = Event {
            id: new_id("evt"),
            created: now.timestamp(),
            kind: kind.to_owned(),
            data,
            asked: self.asked.clone(),
            is_live: self.is_live,
            pending_webhooks: 0,
            has_failed: false,
        };
        self.untold.push(event.id.clone());
        self.events.add(event);
    }

    /// Events that endpoints are to be told of, oldest first.
    pub(super) fn take_untold(&mut self) -> Vec<String> {
        std::mem::take(&mut self.untold)
    }

    pub(super) fn plan(&mut self, due: Due, at: Timestamp) {
        self.due.insert((at, due));
    }

    /// Carries out what is due.
    pub(super) fn advance(&mut self, now: Timestamp, pace: &Pace) {
        while let Some((at, _)) = self.due.first()
            && *at <= now
        {
            let Some((_, due)) = self.due.pop_first() else { return };
            self.asked = None;
            match due {
                Due::PaymentIntent(id) => payment_intent::settle(self, &id, now, pace),
                Due::Refund(id) => refund::settle(self, &id, now),
                Due::Dispute(charge) => dispute::open(self, &charge, now),
            }
        }
    }

    /// The object whose id a parameter names.
    pub(super) fn find<'a, T: Object>(
        shelf: &'a Shelf<T>,
        id: &str,
        param: &'static str,
    ) -> Result<&'a T, Refusal> {
        shelf.get(id).ok_or_else(|| Refusal::NoSuch { kind: T::KIND, id: id.to_owned(), param })
    }

    /// Any object by its id, for `expand`.
    pub(super) fn any(&self, id: &str) -> Option<Value> {
        let (prefix, _) = id.split_once('_')?;
        match prefix {
            "cus" => self.customers.get(id).map(Object::json),
            "pm" => self.payment_methods.get(id).map(Object::json),
            "seti" => self.setup_intents.get(id).map(Object::json),
            "pi" => self.payment_intents.get(id).map(Object::json),
            "ch" => self.charges.get(id).map(Object::json),
            "re" => self.refunds.get(id).map(Object::json),
            "du" => self.disputes.get(id).map(Object::json),
            "mandate" => self.mandates.get(id).map(Object::json),
            _ => None,
        }
    }
}

pub(super) fn seconds(seconds: u32) -> TimeDelta {
    TimeDelta::seconds(i64::from(seconds))
}
