//! Passes: what they are good for, and for which days they are used.

use chrono::{Days, NaiveDate};
use chrono_tz::Tz;
use domain::{
    LocationId, PassId, PassProductId, PersonId, Timestamp, WeeklyHours, Window, WorkspaceId, zone,
};

use super::{Location, Person, Workspace};

/// Local days for which a day pass can be used at most: its events name them all.
pub(crate) const USES_MAX: u32 = 366;
/// Local days for which a pass is valid at most.
pub(crate) const VALIDITY_DAYS_MAX: u32 = 3_660;

/// How a pass gives access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PassKind {
    /// As long as it is valid.
    Time,
    /// On so many local days, for which it is used.
    Day { uses: u32 },
}

/// What a pass is good for. A pass keeps those of the moment at which it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassTerms {
    pub kind: PassKind,
    pub validity_days: u32,
    /// At which hours of the week; `None`: at all.
    pub weekly_hours: Option<WeeklyHours>,
}

/// What is told about a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PassProductDetails {
    pub display_name: String,
    pub description: String,
    pub terms: PassTerms,
}

/// A kind of pass that people can have at one location, as stored.
#[derive(Debug, Clone)]
pub(crate) struct PassProduct {
    pub workspace: WorkspaceId,
    pub id: PassProductId,
    pub location: LocationId,
    pub details: PassProductDetails,
    pub is_disabled: bool,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

chassis::text_enum! {
    /// Where a pass stands.
    pub(crate) enum PassState { Valid = "valid", UsedUp = "used up", Expired = "expired", Cancelled = "cancelled" }
}

/// A pass as stored.
#[derive(Debug, Clone)]
pub(crate) struct Pass {
    pub workspace: WorkspaceId,
    pub id: PassId,
    pub product: PassProductId,
    pub person: PersonId,
    pub location: LocationId,
    /// By whose clocks its days begin and end: the location's.
    pub zone: Tz,
    pub terms: PassTerms,
    /// When it is valid.
    pub window: Window,
    /// In order.
    pub used_days: Vec<NaiveDate>,
    pub cancelled_at: Option<Timestamp>,
    pub cancel_reason: String,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A pass with all that readers of its events need.
#[derive(Debug, Clone)]
pub(crate) struct PassSnapshot {
    pub pass: Pass,
    pub product: PassProduct,
    pub person: Person,
    pub location: Location,
    pub workspace: Workspace,
}

/// What is asked of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Request {
    /// Use it for this local day.
    Use(NaiveDate),
    /// Don't use it for this local day after all.
    CancelUse(NaiveDate),
    Cancel {
        reason: String,
    },
}

/// The validity would have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over;

/// Why a pass can't be used for a day, or why that stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("is {0}, so it can't be used for a day")]
    State(PassState),
    #[error("is a time pass: it gives access as long as it is valid, without being used")]
    NotByDay,
    #[error("is not valid on {0}; give a day within its validity")]
    NotValidOn(NaiveDate),
    #[error("can't be used for {0}, which is over; give a later date, or none for today")]
    DayOver(NaiveDate),
    #[error("gives access at none of its weekly hours on what is left of {0}; give another date")]
    DayClosed(NaiveDate),
    #[error("is used for {0}, which has begun: only a use of a later day can be cancelled")]
    DayBegun(NaiveDate),
}

impl PassProduct {
    /// The product with other details; `None` if it has them.
    pub(crate) fn amended(&self, details: PassProductDetails, now: Timestamp) -> Option<Self> {
        (details != self.details).then(|| self.next(now, |next| next.details = details))
    }

    /// The product with passes issued, or not any more; `None` if it is so already.
    pub(crate) fn switched(&self, is_disabled: bool, now: Timestamp) -> Option<Self> {
        (is_disabled != self.is_disabled).then(|| self.next(now, |next| next.is_disabled = is_disabled))
    }

    fn next(&self, now: Timestamp, change: impl FnOnce(&mut Self)) -> Self {
        let mut next = Self { version: self.version + 1, updated_at: now, ..self.clone() };
        change(&mut next);
        next
    }

    /// A pass of it, valid from the beginning of a local day, by default today; from now on, if that has begun.
    pub(crate) fn issue(
        &self,
        zone: Tz,
        person: PersonId,
        first_day: Option<NaiveDate>,
        now: Timestamp,
    ) -> Result<Pass, Over> {
        let terms = self.details.terms.clone();
        let first_day = first_day.unwrap_or_else(|| local_day(zone, now));
        let day_after = first_day + Days::new(terms.validity_days.into());
        let start = zone::midnight(zone, first_day).max(now);
        let window = Window::new(start, zone::midnight(zone, day_after)).map_err(|_| Over)?;
        Ok(Pass {
            workspace: self.workspace,
            id: PassId::new(),
            product: self.id,
            person,
            location: self.location,
            zone,
            terms,
            window,
            used_days: Vec::new(),
            cancelled_at: None,
            cancel_reason: String::new(),
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

impl Pass {
    /// Where it stands. Time alone makes a pass expire; nothing is written down for it.
    pub(crate) fn state(&self, now: Timestamp) -> PassState {
        if self.cancelled_at.is_some() {
            PassState::Cancelled
        } else if matches!(self.terms.kind, PassKind::Day { .. }) && self.uses_left() == 0 {
            PassState::UsedUp
        } else if self.window.end() <= now {
            PassState::Expired
        } else {
            PassState::Valid
        }
    }

    /// For how many more days it can be used.
    pub(crate) fn uses_left(&self) -> u32 {
        match self.terms.kind {
            PassKind::Time => 0,
            PassKind::Day { uses } => {
                uses.saturating_sub(u32::try_from(self.used_days.len()).unwrap_or(uses))
            }
        }
    }

    /// The part of a local day on which it is valid.
    pub(crate) fn on(&self, day: NaiveDate) -> Option<Window> {
        let day = zone::day(self.zone, day)?;
        let (start, end) = (day.start().max(self.window.start()), day.end().min(self.window.end()));
        Window::new(start, end).ok()
    }

    /// The pass after `request`; `None` if it is so already. Pure.
    pub(crate) fn plan(&self, request: &Request, now: Timestamp) -> Result<Option<Self>, Refusal> {
        let mut next = Self { version: self.version + 1, updated_at: now, ..self.clone() };
        match (request, self.state(now)) {
            (Request::Cancel { .. }, PassState::Cancelled) => return Ok(None),
            (Request::Cancel { reason }, _) => {
                next.cancelled_at = Some(now);
                next.cancel_reason.clone_from(reason);
            }
            (Request::Use(_) | Request::CancelUse(_), PassState::Cancelled) => {
                return Err(Refusal::State(PassState::Cancelled));
            }
            (Request::Use(_) | Request::CancelUse(_), _) if self.terms.kind == PassKind::Time => {
                return Err(Refusal::NotByDay);
            }
            (Request::CancelUse(day), _) => {
                let Ok(place) = self.used_days.binary_search(day) else { return Ok(None) };
                if self.on(*day).is_none_or(|window| window.start() <= now) {
                    return Err(Refusal::DayBegun(*day));
                }
                next.used_days.remove(place);
            }
            (Request::Use(day), state) => {
                let Err(place) = self.used_days.binary_search(day) else { return Ok(None) };
                if state != PassState::Valid {
                    return Err(Refusal::State(state));
                }
                let window = self.on(*day).ok_or(Refusal::NotValidOn(*day))?;
                let left = Window::new(window.start().max(now), window.end());
                let left = left.map_err(|_| Refusal::DayOver(*day))?;
                if self.terms.weekly_hours.as_ref().is_some_and(|it| it.windows(self.zone, left).is_empty()) {
                    return Err(Refusal::DayClosed(*day));
                }
                next.used_days.insert(place, *day);
            }
        }
        Ok(Some(next))
    }
}

/// The day that clocks in `zone` show.
pub(crate) fn local_day(zone: Tz, now: Timestamp) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

#[cfg(test)]
mod tests {
    use chrono::{Duration, Weekday};
    use domain::WeeklyInterval;
    use proptest::prelude::*;

    use super::*;

    const DAYS: PassKind = PassKind::Day { uses: 2 };

    fn at(text: &str) -> Timestamp {
        format!("{text}:00Z").parse().unwrap()
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn product(kind: PassKind, validity_days: u32) -> PassProduct {
        let now = at("2026-01-01T00:00");
        PassProduct {
            workspace: WorkspaceId::new(),
            id: PassProductId::new(),
            location: LocationId::new(),
            details: PassProductDetails {
                display_name: "Ten days".into(),
                description: String::new(),
                terms: PassTerms { kind, validity_days, weekly_hours: None },
            },
            is_disabled: false,
            version: 3,
            created_at: now,
            updated_at: now,
        }
    }

    /// A pass of a location in Vienna.
    fn pass(kind: PassKind, validity_days: u32, first_day: Option<&str>, now: &str) -> Result<Pass, Over> {
        let zone = chrono_tz::Europe::Vienna;
        product(kind, validity_days).issue(zone, PersonId::new(), first_day.map(date), at(now))
    }

    #[test]
    fn it_is_valid_from_now_or_a_later_midnight_for_so_many_local_days() {
        for (first_day, days, now, expected) in [
            (None, 1, "2026-12-01T08:00", Ok(("2026-12-01T08:00", "2026-12-01T23:00"))),
            // In Vienna it is 2 December already.
            (None, 1, "2026-12-01T23:30", Ok(("2026-12-01T23:30", "2026-12-02T23:00"))),
            (Some("2026-12-24"), 7, "2026-12-01T08:00", Ok(("2026-12-23T23:00", "2026-12-30T23:00"))),
            // The clocks change in between.
            (Some("2026-10-24"), 2, "2026-10-01T08:00", Ok(("2026-10-23T22:00", "2026-10-25T23:00"))),
            (Some("2026-11-29"), 7, "2026-12-01T08:00", Ok(("2026-12-01T08:00", "2026-12-05T23:00"))),
            (Some("2026-11-30"), 1, "2026-12-01T08:00", Err(Over)),
            (Some("2026-11-30"), 1, "2026-11-30T23:00", Err(Over)),
        ] {
            let window = pass(PassKind::Time, days, first_day, now).map(|pass| pass.window);
            let expected = expected.map(|(start, end)| Window::new(at(start), at(end)).unwrap());
            assert_eq!(window, expected, "{first_day:?} for {days} days at {now}");
        }
    }

    #[test]
    fn it_keeps_the_terms_that_it_was_issued_with() {
        let product = product(DAYS, 30);
        let (zone, now) = (chrono_tz::Europe::Vienna, at("2026-12-01T08:00"));
        let pass = product.issue(zone, PersonId::new(), None, now).unwrap();
        let other = PassTerms { kind: PassKind::Time, validity_days: 1, weekly_hours: None };
        let details = PassProductDetails { terms: other, ..product.details.clone() };
        let amended = product.amended(details.clone(), now).unwrap();
        assert_eq!((pass.terms, amended.version), (product.details.terms, 4));
        assert!(amended.amended(details, now).is_none(), "the same again is no change");
        let disabled = amended.switched(true, now).unwrap();
        assert!(disabled.is_disabled && disabled.switched(true, now).is_none());
    }

    #[test]
    fn a_day_is_used_once_and_as_many_as_there_are() {
        let pass = pass(DAYS, 7, None, "2026-12-01T08:00").unwrap();
        let now = at("2026-12-01T09:00");
        let plan = |pass: &Pass, day: &str| pass.plan(&Request::Use(date(day)), now);
        let one = plan(&pass, "2026-12-03").unwrap().unwrap();
        assert_eq!((one.uses_left(), one.state(now), one.version), (1, PassState::Valid, 2));
        assert!(plan(&one, "2026-12-03").unwrap().is_none(), "as often as they like");
        let two = plan(&one, "2026-12-01").unwrap().unwrap();
        assert_eq!(two.used_days, [date("2026-12-01"), date("2026-12-03")]);
        assert_eq!(two.state(now), PassState::UsedUp);
        assert!(plan(&two, "2026-12-01").unwrap().is_none());
        assert_eq!(plan(&two, "2026-12-02").unwrap_err(), Refusal::State(PassState::UsedUp));
    }

    #[test]
    fn a_use_is_cancelled_until_its_day_begins_and_can_be_spent_on_another() {
        let pass = pass(PassKind::Day { uses: 1 }, 7, None, "2026-12-01T08:00").unwrap();
        let (third, fourth) = (date("2026-12-03"), date("2026-12-04"));
        let used = pass.plan(&Request::Use(third), at("2026-12-01T09:00")).unwrap().unwrap();
        // It begins at 23:00 UTC, which is midnight in Vienna.
        let cancel = |day, now: &str| used.plan(&Request::CancelUse(day), at(now));
        let free = cancel(third, "2026-12-02T22:59").unwrap().unwrap();
        assert_eq!((free.uses_left(), free.version, free.state(free.updated_at)), (1, 3, PassState::Valid));
        assert!(free.plan(&Request::CancelUse(third), at("2026-12-02T22:59")).unwrap().is_none());
        assert!(free.plan(&Request::Use(fourth), at("2026-12-02T22:59")).unwrap().is_some());
        assert!(cancel(fourth, "2026-12-05T08:00").unwrap().is_none(), "it is used for another day");
        for now in ["2026-12-02T23:00", "2026-12-03T12:00", "2026-12-20T12:00"] {
            assert_eq!(cancel(third, now).unwrap_err(), Refusal::DayBegun(third), "{now}");
        }
        let cancelled = used.plan(&Request::Cancel { reason: String::new() }, at("2026-12-02T08:00"));
        let refused = cancelled.unwrap().unwrap().plan(&Request::CancelUse(third), at("2026-12-02T08:00"));
        assert_eq!(refused.unwrap_err(), Refusal::State(PassState::Cancelled));
    }

    #[test]
    fn days_that_it_can_not_be_used_for_are_refused() {
        let days = pass(DAYS, 3, Some("2026-12-02"), "2026-12-01T08:00").unwrap();
        let time = pass(PassKind::Time, 3, None, "2026-12-01T08:00").unwrap();
        for (pass, day, now, expected) in [
            (&days, "2026-12-01", "2026-12-01T08:00", Refusal::NotValidOn(date("2026-12-01"))),
            (&days, "2026-12-05", "2026-12-01T08:00", Refusal::NotValidOn(date("2026-12-05"))),
            (&days, "2026-12-02", "2026-12-02T23:00", Refusal::DayOver(date("2026-12-02"))),
            (&days, "2026-12-04", "2026-12-04T23:00", Refusal::State(PassState::Expired)),
            (&time, "2026-12-01", "2026-12-01T08:00", Refusal::NotByDay),
        ] {
            let refused = pass.plan(&Request::Use(date(day)), at(now)).unwrap_err();
            assert_eq!(refused, expected, "{day} at {now}");
        }
    }

    #[test]
    fn a_day_on_which_it_opens_nothing_is_not_spent() {
        let mornings = WeeklyInterval { day: Weekday::Tue, start: 8 * 60, end: 12 * 60 };
        let pass = pass(DAYS, 7, None, "2026-12-01T05:00").unwrap();
        let weekly_hours = Some(WeeklyHours::new(vec![mornings]).unwrap());
        let pass = Pass { terms: PassTerms { weekly_hours, ..pass.terms.clone() }, ..pass };
        // 1 December is a Tuesday. At 11:00 UTC it is noon in Vienna.
        for (day, now, is_open) in [
            ("2026-12-01", "2026-12-01T05:00", true),
            ("2026-12-01", "2026-12-01T10:59", true),
            ("2026-12-01", "2026-12-01T11:00", false),
            ("2026-12-02", "2026-12-01T05:00", false),
        ] {
            let planned = pass.plan(&Request::Use(date(day)), at(now)).map(|after| after.is_some());
            let expected = if is_open { Ok(true) } else { Err(Refusal::DayClosed(date(day))) };
            assert_eq!(planned, expected, "{day} at {now}");
        }
    }

    #[test]
    fn what_is_taken_back_is_so_for_good() {
        let pass = pass(DAYS, 7, None, "2026-12-01T08:00").unwrap();
        let now = at("2026-12-20T08:00");
        let cancel = Request::Cancel { reason: "refund".into() };
        let cancelled = pass.plan(&cancel, now).unwrap().unwrap();
        assert_eq!((cancelled.state(now), cancelled.cancelled_at), (PassState::Cancelled, Some(now)));
        assert!(cancelled.plan(&cancel, now).unwrap().is_none());
        let use_it = Request::Use(date("2026-12-02"));
        assert_eq!(cancelled.plan(&use_it, now).unwrap_err(), Refusal::State(PassState::Cancelled));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Use { days_ahead: i64 },
        CancelUse { days_ahead: i64 },
        Cancel,
        Wait { hours: i64 },
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (-2_i64..12).prop_map(|days_ahead| Step::Use { days_ahead }),
            3 => (-2_i64..12).prop_map(|days_ahead| Step::CancelUse { days_ahead }),
            1 => Just(Step::Cancel),
            4 => (1_i64..40).prop_map(|hours| Step::Wait { hours }),
        ]
    }

    proptest! {
        /// Whatever is asked of it, and wherever it is.
        #[test]
        fn a_day_pass_gives_no_more_days_than_it_has_and_none_that_is_over(
            zone in prop::sample::select(chrono_tz::TZ_VARIANTS.as_slice()),
            start in 1_700_000_000_i64..1_900_000_000,
            uses in 1_u32..4, validity_days in 1_u32..10, steps in prop::collection::vec(step(), 0..20),
        ) {
            let mut now = chrono::DateTime::from_timestamp(start, 0).unwrap();
            let issued = product(PassKind::Day { uses }, validity_days).issue(zone, PersonId::new(), None, now);
            let mut pass = issued.unwrap();
            for step in steps {
                let (today, before) = (local_day(zone, now), pass.clone());
                let request = match step {
                    Step::Wait { hours } => {
                        now += Duration::hours(hours);
                        continue;
                    }
                    Step::Use { days_ahead } => Request::Use(today + Duration::days(days_ahead)),
                    Step::CancelUse { days_ahead } => {
                        Request::CancelUse(today + Duration::days(days_ahead))
                    }
                    Step::Cancel => Request::Cancel { reason: String::new() },
                };
                let Ok(Some(after)) = pass.plan(&request, now) else { continue };
                prop_assert_eq!(after.version, before.version + 1);
                prop_assert_ne!(before.state(now), PassState::Cancelled, "nothing follows");
                if let Request::Use(day) = request {
                    prop_assert!(day >= today && after.on(day).unwrap().end() > now, "{day} is over");
                    prop_assert_eq!(after.used_days.len(), before.used_days.len() + 1);
                }
                if let Request::CancelUse(day) = request {
                    prop_assert!(before.on(day).unwrap().start() > now, "{day} has begun");
                    prop_assert_eq!(after.used_days.len() + 1, before.used_days.len());
                }
                pass = after;
                prop_assert!(pass.used_days.is_sorted() && pass.used_days.len() <= uses as usize);
                prop_assert_eq!(pass.uses_left(), uses - pass.used_days.len() as u32);
                let windows: Vec<Window> = pass.used_days.iter().map(|day| pass.on(*day).unwrap()).collect();
                prop_assert!(windows.windows(2).all(|pair| pair[0].end() <= pair[1].start()), "days are apart");
                prop_assert!(windows.iter().all(|it| pass.window.start() <= it.start() && it.end() <= pass.window.end()));
            }
        }
    }
}
