//! The life of a payment method: entered by its holder, saved at Stripe, charged, removed.

use chrono::{Days, Months, NaiveDate, NaiveTime};
use domain::{CustomerId, PaymentMethodId, Timestamp};

use crate::credentials::Site;
use crate::vendor::{MethodKind, SavedMethod, SetupSeen};

/// So many days before a card expires it is told: time enough to get another one.
const EXPIRY_NOTICE: Days = Days::new(30);

chassis::text_enum! {
    /// How far a payment method is.
    pub(crate) enum MethodState {
        Entering = "entering",
        AwaitsPerson = "awaits_person",
        AwaitsDeposits = "awaits_deposits",
        Processing = "processing",
        Saved = "saved",
        Cancelled = "cancelled",
        Removed = "removed",
    }
}

impl MethodState {
    /// Whether nothing that is heard of its setup changes it any more.
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::Saved | Self::Cancelled | Self::Removed)
    }
}

/// A payment method as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Method {
    pub site: Site,
    pub id: PaymentMethodId,
    pub customer: CustomerId,
    pub kind: MethodKind,
    pub state: MethodState,
    pub setup_ref: String,
    pub deposits_page: String,
    pub method_ref: Option<String>,
    pub brand: String,
    pub last4: String,
    pub expires_on: Option<NaiveDate>,
    pub blocked_reason: String,
    pub is_default: bool,
    /// When it is to be told that it expires.
    pub expiry_due_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Method {
    /// One that its holder is about to enter.
    pub(crate) fn entering(
        id: PaymentMethodId,
        site: Site,
        customer: CustomerId,
        kind: MethodKind,
        setup_ref: String,
        now: Timestamp,
    ) -> Self {
        Self {
            site,
            id,
            customer,
            kind,
            state: MethodState::Entering,
            setup_ref,
            deposits_page: String::new(),
            method_ref: None,
            brand: String::new(),
            last4: String::new(),
            expires_on: None,
            blocked_reason: String::new(),
            is_default: false,
            expiry_due_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        }
    }

    /// The method after its setup was seen like that; what is saved is told by [`Method::saved`]. Pure.
    #[must_use]
    pub(crate) fn set_up(&self, seen: &SetupSeen, now: Timestamp) -> Self {
        if self.state.is_settled() {
            return self.clone();
        }
        let (state, deposits_page) = match seen {
            SetupSeen::Open => (MethodState::Entering, ""),
            SetupSeen::AwaitsPerson => (MethodState::AwaitsPerson, ""),
            SetupSeen::AwaitsDeposits { page } => (MethodState::AwaitsDeposits, page.as_str()),
            SetupSeen::Processing | SetupSeen::Saved(_) => (MethodState::Processing, ""),
            SetupSeen::Cancelled => (MethodState::Cancelled, ""),
        };
        self.changed(Self { state, deposits_page: deposits_page.to_owned(), ..self.clone() }, now)
    }

    /// The method after it was seen at Stripe, where it is saved, or was and is no more. `is_first`: its holder has no
    /// other there. Pure.
    #[must_use]
    pub(crate) fn saved(&self, seen: &SavedMethod, is_first: bool, now: Timestamp) -> Self {
        if matches!(self.state, MethodState::Cancelled | MethodState::Removed) {
            return self.clone();
        }
        if seen.customer_ref.is_none() {
            let gone = Self { method_ref: Some(seen.method_ref.clone()), ..self.clone() };
            return self.changed(gone.without_use(), now);
        }
        let expires_on = seen.expires.and_then(|(year, month)| last_day(year, month));
        let expiry_due_at = if expires_on == self.expires_on {
            self.expiry_due_at
        } else {
            expires_on.and_then(|day| day.checked_sub_days(EXPIRY_NOTICE)).map(midnight)
        };
        let is_new = self.state != MethodState::Saved;
        let next = Self {
            state: MethodState::Saved,
            deposits_page: String::new(),
            method_ref: Some(seen.method_ref.clone()),
            brand: seen.brand.clone(),
            last4: seen.last4.clone(),
            expires_on,
            blocked_reason: seen.blocked_reason.clone(),
            is_default: self.is_default || (is_new && is_first),
            expiry_due_at,
            ..self.clone()
        };
        self.changed(next, now)
    }

    /// The method after it was removed: cancelled, if it never was saved. Pure.
    #[must_use]
    pub(crate) fn removed(&self, now: Timestamp) -> Self {
        if matches!(self.state, MethodState::Cancelled | MethodState::Removed) {
            return self.clone();
        }
        self.changed(self.clone().without_use(), now)
    }

    /// The method after another one, or this, became the one that is charged. Pure.
    #[must_use]
    pub(crate) fn with_default(&self, is_default: bool, now: Timestamp) -> Self {
        self.changed(Self { is_default, ..self.clone() }, now)
    }

    /// The method after it was told that it expires. Pure.
    #[must_use]
    pub(crate) fn told(&self) -> Self {
        Self { expiry_due_at: None, ..self.clone() }
    }

    fn without_use(self) -> Self {
        let state = if self.method_ref.is_some() { MethodState::Removed } else { MethodState::Cancelled };
        Self { state, is_default: false, expiry_due_at: None, deposits_page: String::new(), ..self }
    }

    fn changed(&self, next: Self, now: Timestamp) -> Self {
        if next == *self { next } else { Self { version: self.version + 1, updated_at: now, ..next } }
    }
}

/// The last day of a month; `None`: there is no such month.
fn last_day(year: i32, month: u32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(year, month, 1)?.checked_add_months(Months::new(1))?.pred_opt()
}

fn midnight(day: NaiveDate) -> Timestamp {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use domain::WorkspaceId;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn entering() -> Method {
        let site = Site { workspace: WorkspaceId::new(), location: None };
        let (id, customer) = (PaymentMethodId::new(), CustomerId::new());
        Method::entering(id, site, customer, MethodKind::Card, "seti_1".to_owned(), NOW)
    }

    fn card(expires: (i32, u32)) -> SavedMethod {
        SavedMethod {
            method_ref: "pm_1".to_owned(),
            customer_ref: Some("cus_1".to_owned()),
            kind: Some(MethodKind::Card),
            brand: "visa".to_owned(),
            last4: "4242".to_owned(),
            expires: Some(expires),
            blocked_reason: String::new(),
        }
    }

    #[test]
    fn what_is_heard_late_changes_nothing_that_is_settled() {
        let saved = entering().saved(&card((2027, 2)), true, NOW);
        assert_eq!((saved.state, saved.version), (MethodState::Saved, 2));
        let cancelled = entering().set_up(&SetupSeen::Cancelled, NOW);
        for settled in [saved.clone(), cancelled.clone(), saved.removed(NOW)] {
            assert_eq!(settled.set_up(&SetupSeen::AwaitsPerson, NOW), settled);
        }
        assert_eq!(saved.removed(NOW).saved(&card((2027, 2)), true, NOW), saved.removed(NOW));
        assert_eq!(cancelled.saved(&card((2027, 2)), true, NOW), cancelled);
    }

    #[test]
    fn each_step_of_a_setup_has_its_state() {
        let page = "https://example.test/deposits".to_owned();
        for (seen, state) in [
            (SetupSeen::Open, MethodState::Entering),
            (SetupSeen::AwaitsPerson, MethodState::AwaitsPerson),
            (SetupSeen::AwaitsDeposits { page: page.clone() }, MethodState::AwaitsDeposits),
            (SetupSeen::Processing, MethodState::Processing),
            (SetupSeen::Cancelled, MethodState::Cancelled),
        ] {
            assert_eq!(entering().set_up(&seen, NOW).state, state);
        }
        let waiting = entering().set_up(&SetupSeen::AwaitsDeposits { page: page.clone() }, NOW);
        assert_eq!(waiting.deposits_page, page);
        assert_eq!(waiting.saved(&card((2027, 2)), true, NOW).deposits_page, "");
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month_and_told_thirty_days_before() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (expires, last, told) in [
            ((2027, 2), "2027-02-28", "2027-01-29"),
            ((2028, 2), "2028-02-29", "2028-01-30"),
            ((2027, 12), "2027-12-31", "2027-12-01"),
        ] {
            let saved = entering().saved(&card(expires), true, NOW);
            assert_eq!(saved.expires_on, Some(day(last)));
            assert_eq!(saved.expiry_due_at, Some(midnight(day(told))));
        }
        // Told once; once more only when the bank has given it another date.
        let told = entering().saved(&card((2027, 2)), true, NOW).told();
        assert_eq!(told.saved(&card((2027, 2)), true, NOW).expiry_due_at, None);
        assert!(told.saved(&card((2031, 2)), true, NOW).expiry_due_at.is_some());
        assert_eq!(entering().saved(&card((2027, 13)), true, NOW).expires_on, None);
    }

    #[test]
    fn the_first_one_is_charged_and_what_is_gone_is_not() {
        let first = entering().saved(&card((2027, 2)), true, NOW);
        assert!(first.is_default && !entering().saved(&card((2027, 2)), false, NOW).is_default);
        // Whoever chose another one before keeps it.
        assert!(!first.with_default(false, NOW).saved(&card((2027, 2)), true, NOW).is_default);
        let detached = SavedMethod { customer_ref: None, ..card((2027, 2)) };
        for gone in [first.removed(NOW), first.saved(&detached, true, NOW)] {
            assert_eq!(
                (gone.state, gone.is_default, gone.expiry_due_at),
                (MethodState::Removed, false, None)
            );
        }
        assert_eq!(entering().removed(NOW).state, MethodState::Cancelled);
    }
}
