//! The life of a membership: active, paused for a while, ending with what is paid for, ended.

use chrono::Duration;
use domain::{MembershipId, PlanId, Timestamp, Window, WorkspaceId};

use super::team::LAG_MAX;
use super::{Holder, Location, Party, Plan, Terms, Workspace};

chassis::text_enum! {
    /// Where a membership stands.
    pub(crate) enum MembershipState {
        Active = "active",
        Paused = "paused",
        Ending = "ending",
        Ended = "ended",
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct NewMembership {
    pub plan: PlanId,
    pub holder: Holder,
    /// From its start until the end of what is paid for.
    pub period: Window,
}

/// A membership as stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Membership {
    pub workspace: WorkspaceId,
    pub id: MembershipId,
    pub plan: PlanId,
    pub holder: Holder,
    /// The plan's when it was sold.
    pub terms: Terms,
    pub starts_at: Timestamp,
    /// First moment after what is paid for.
    pub period_ends_at: Timestamp,
    pub is_paused: bool,
    /// Whether it ends with the paid period, paused or not, and was not ended at once.
    pub is_ending: bool,
    pub ended_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A membership with all that readers of its events need.
#[derive(Debug, Clone)]
pub(crate) struct MembershipSnapshot {
    pub membership: Membership,
    pub plan: Plan,
    /// Those of its terms, in their order.
    pub locations: Vec<Location>,
    pub party: Party,
    pub workspace: Workspace,
}

/// What is asked of a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// It is paid for until then.
    Renew(Timestamp),
    /// The renewal after the paid period that ends then has failed for good.
    FailRenewal(Timestamp),
    Pause,
    Resume,
    Cancel {
        at_once: bool,
    },
    /// Others are in the team that holds it.
    ChangePeople,
}

/// Why a membership can't do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is over.
    Ended,
    /// It is paid for longer than that.
    PaidLonger,
}

/// It would give nothing, not even grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over;

impl NewMembership {
    /// What begins. It may have begun in the past; members come from other systems, too.
    pub(crate) fn started(self, plan: &Plan, now: Timestamp) -> Result<Membership, Over> {
        let grace = Duration::days(plan.terms.grace_days.into());
        if self.period.end() + grace <= now {
            return Err(Over);
        }
        Ok(Membership {
            workspace: plan.workspace,
            id: MembershipId::new(),
            plan: plan.id,
            holder: self.holder,
            terms: plan.terms.clone(),
            starts_at: self.period.start(),
            period_ends_at: self.period.end(),
            is_paused: false,
            is_ending: false,
            ended_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

impl Membership {
    pub(crate) fn state(&self) -> MembershipState {
        if self.ended_at.is_some() {
            MembershipState::Ended
        } else if self.is_paused {
            MembershipState::Paused
        } else if self.is_ending {
            MembershipState::Ending
        } else {
            MembershipState::Active
        }
    }

    /// The membership after `request`; `None` if it is so already. Pure.
    pub(crate) fn plan(&self, request: Request, now: Timestamp) -> Result<Option<Self>, Refusal> {
        let is_unpaid = self.period_ends_at <= now;
        let ended_now = || Self { ended_at: Some(now), is_ending: false, ..self.clone() };
        let next = match request {
            // What has come to its end gives access until its lag is over.
            Request::Cancel { at_once: true } if self.ran_out() && now < self.period_ends_at + LAG_MAX => {
                ended_now()
            }
            // What ends stays as it is, whoever says so again.
            Request::FailRenewal(_) | Request::Cancel { .. } if self.ended_at.is_some() => return Ok(None),
            // It has been paid for since.
            Request::FailRenewal(period_end) if period_end != self.period_ends_at => return Ok(None),
            // The lag may not be over.
            Request::ChangePeople => self.clone(),
            _ if self.ended_at.is_some() => return Err(Refusal::Ended),
            Request::Renew(until) if until < self.period_ends_at => return Err(Refusal::PaidLonger),
            Request::Renew(until) if until == self.period_ends_at => return Ok(None),
            // Who has paid is let in, whatever was meant before.
            Request::Renew(until) => Self { period_ends_at: until, is_ending: false, ..self.clone() },
            Request::Pause if self.is_paused => return Ok(None),
            Request::Pause => Self { is_paused: true, ..self.clone() },
            Request::Resume if !self.is_paused => return Ok(None),
            Request::Resume => Self { is_paused: false, ..self.clone() },
            Request::Cancel { at_once: true } => ended_now(),
            Request::FailRenewal(_) | Request::Cancel { at_once: false } if self.is_ending => {
                return Ok(None);
            }
            // There is no grace for what is known not to go on.
            Request::FailRenewal(_) | Request::Cancel { at_once: false } if is_unpaid => {
                Self { ended_at: Some(now), ..self.clone() }
            }
            Request::FailRenewal(_) | Request::Cancel { at_once: false } => {
                Self { is_ending: true, ..self.clone() }
            }
        };
        Ok(Some(Self { version: self.version + 1, updated_at: now, ..next }))
    }

    /// Whether it came to its end with the paid period, and was not ended before or since.
    fn ran_out(&self) -> bool {
        self.is_ending && self.ended_at == Some(self.period_ends_at)
    }

    /// The membership once the paid period, with which it ends, is over; `None` if it is not, or does not.
    pub(crate) fn run_out(&self, now: Timestamp) -> Option<Self> {
        let is_due = self.is_ending && self.ended_at.is_none() && self.period_ends_at <= now;
        is_due.then(|| Self {
            ended_at: Some(self.period_ends_at),
            version: self.version + 1,
            updated_at: now,
            ..self.clone()
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::{LocationId, PersonId};
    use proptest::prelude::*;

    use super::*;

    fn day(number: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + Duration::days(number)
    }

    fn plan() -> Plan {
        Plan {
            workspace: WorkspaceId::new(),
            id: PlanId::new(),
            display_name: "Flex".into(),
            terms: Terms {
                location: LocationId::new(),
                shared_locations: Vec::new(),
                weekly_hours: None,
                grace_days: 5,
            },
            disabled_at: None,
            version: 7,
            created_at: day(0),
        }
    }

    /// From day 0 on, paid until day 30.
    fn membership() -> Membership {
        let period = Window::new(day(0), day(30)).unwrap();
        let new = NewMembership { plan: PlanId::new(), holder: Holder::Person(PersonId::new()), period };
        new.started(&plan(), day(0)).unwrap()
    }

    const CANCEL: Request = Request::Cancel { at_once: false };
    const CANCEL_NOW: Request = Request::Cancel { at_once: true };

    /// After these, each on a day.
    fn after(steps: &[(i64, Request)]) -> Membership {
        steps.iter().fold(membership(), |it, &(on, request)| it.plan(request, day(on)).unwrap().unwrap_or(it))
    }

    #[test]
    fn it_has_the_terms_of_its_plan_and_may_have_begun_but_not_be_over() {
        let plan = plan();
        let new = || NewMembership {
            plan: plan.id,
            holder: Holder::Person(PersonId::new()),
            period: Window::new(day(0), day(30)).unwrap(),
        };
        let begun = new().started(&plan, day(34)).unwrap();
        assert_eq!(
            (&begun.terms, begun.plan, begun.state()),
            (&plan.terms, plan.id, MembershipState::Active)
        );
        assert_eq!(new().started(&plan, day(35)).unwrap_err(), Over, "its grace is over");
    }

    #[test]
    fn each_state_takes_what_it_may() {
        use MembershipState::{Active, Ended, Ending, Paused};
        let (renew, fail) = (Request::Renew(day(60)), Request::FailRenewal(day(30)));
        for (before, request, on, expected) in [
            (&[][..], renew, 10, Ok(Some(Active))),
            (&[], renew, 33, Ok(Some(Active))),
            (&[], Request::Renew(day(30)), 10, Ok(None)),
            (&[], Request::Renew(day(29)), 10, Err(Refusal::PaidLonger)),
            (&[(1, Request::Pause)], renew, 10, Ok(Some(Paused))),
            (&[(1, CANCEL)], renew, 10, Ok(Some(Active))),
            (&[(1, CANCEL_NOW)], renew, 10, Err(Refusal::Ended)),
            (&[], fail, 29, Ok(Some(Ending))),
            (&[], fail, 30, Ok(Some(Ended))),
            (&[(1, renew)], fail, 29, Ok(None)),
            (&[(1, renew)], Request::FailRenewal(day(60)), 29, Ok(Some(Ending))),
            (&[(1, Request::Pause)], fail, 29, Ok(Some(Paused))),
            (&[(1, Request::Pause)], fail, 31, Ok(Some(Ended))),
            (&[(1, fail)], fail, 31, Ok(None)),
            (&[(31, fail)], fail, 32, Ok(None)),
            (&[], Request::Pause, 5, Ok(Some(Paused))),
            (&[(1, Request::Pause)], Request::Pause, 5, Ok(None)),
            (&[(1, CANCEL)], Request::Pause, 5, Ok(Some(Paused))),
            (&[(1, CANCEL_NOW)], Request::Pause, 5, Err(Refusal::Ended)),
            (&[], Request::Resume, 5, Ok(None)),
            (&[(1, Request::Pause)], Request::Resume, 5, Ok(Some(Active))),
            (&[(1, CANCEL), (2, Request::Pause)], Request::Resume, 5, Ok(Some(Ending))),
            (&[(1, CANCEL_NOW)], Request::Resume, 5, Err(Refusal::Ended)),
            (&[], CANCEL, 5, Ok(Some(Ending))),
            (&[], CANCEL, 31, Ok(Some(Ended))),
            (&[(1, CANCEL)], CANCEL, 5, Ok(None)),
            (&[(1, CANCEL)], CANCEL_NOW, 5, Ok(Some(Ended))),
            (&[(1, CANCEL_NOW)], CANCEL_NOW, 5, Ok(None)),
            (&[], Request::ChangePeople, 5, Ok(Some(Active))),
            (&[(1, CANCEL_NOW)], Request::ChangePeople, 5, Ok(Some(Ended))),
        ] {
            let planned = after(before).plan(request, day(on));
            let state = planned.map(|next| next.map(|it| it.state()));
            assert_eq!(state, expected, "{request:?} on day {on} after {before:?}");
        }
    }

    #[test]
    fn it_runs_out_with_the_paid_period_if_it_was_to_end() {
        let ending = after(&[(1, CANCEL), (2, Request::Pause)]);
        assert!(ending.run_out(day(29)).is_none());
        let ended = ending.run_out(day(31)).unwrap();
        assert_eq!((ended.ended_at, ended.version), (Some(day(30)), 4), "when the period ended, not later");
        assert!(ended.run_out(day(32)).is_none());
        assert!(membership().run_out(day(99)).is_none());
    }

    #[test]
    fn what_has_just_run_out_can_still_be_ended_at_once_for_its_lag_may_not_be_over() {
        let over = after(&[(1, CANCEL)]).run_out(day(30)).unwrap();
        for now in [day(30), day(30) + Duration::hours(23)] {
            let ended = over.plan(CANCEL_NOW, now).unwrap().unwrap();
            assert_eq!((ended.ended_at, ended.is_ending, ended.version), (Some(now), false, 4));
            assert_eq!(ended.plan(CANCEL_NOW, now + Duration::hours(1)), Ok(None), "twice is once");
            assert_eq!(over.plan(CANCEL, now), Ok(None), "it has ended with its period");
        }
        assert_eq!(over.plan(CANCEL_NOW, day(31)), Ok(None), "no lag is longer");
    }

    proptest! {
        #[test]
        fn what_is_paid_for_grows_what_has_ended_stays_and_each_change_is_a_version(
            steps in prop::collection::vec((0i64..5, 0usize..7, 0i64..200), 0..30),
        ) {
            let mut membership = membership();
            let mut today = 0;
            for (days, what, until) in steps {
                today += days;
                let fail = Request::FailRenewal(membership.period_ends_at);
                let requests = [
                    Request::Renew(day(until)), fail, Request::Pause, Request::Resume, CANCEL, CANCEL_NOW,
                    Request::ChangePeople,
                ];
                let Ok(Some(after)) = membership.plan(requests[what], day(today)) else { continue };
                let was = membership.ended_at;
                prop_assert!(was.is_none() || after.ended_at == was, "what has ended stays so");
                prop_assert_eq!(after.version, membership.version + 1);
                prop_assert!(after.period_ends_at >= membership.period_ends_at);
                prop_assert_eq!(&after.terms, &membership.terms);
                prop_assert!(was.is_some() || after.ended_at.is_none_or(|ended| ended == day(today)));
                // Twice is once, but for people who change again.
                if requests[what] != Request::ChangePeople {
                    prop_assert_eq!(after.plan(requests[what], day(today)), Ok(None));
                }
                membership = after;
            }
        }
    }
}
