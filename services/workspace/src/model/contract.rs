//! Desks and offices that a person or a team has for a while, or until further notice.

use domain::{ContractId, ResourceId, Timestamp, WorkspaceId};

use super::team::LAG_MAX;
use super::{Holder, Location, Party, Resource, Workspace};

/// Desks and offices of one contract at most: its events name them all.
pub(crate) const RESOURCES_MAX: usize = 50;

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) struct NewContract {
    pub holder: Holder,
    /// Each once.
    pub resources: Vec<ResourceId>,
    pub starts_at: Timestamp,
    /// After the start, if it is there.
    pub ends_at: Option<Timestamp>,
}

/// A contract as stored.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Contract {
    pub workspace: WorkspaceId,
    pub id: ContractId,
    pub holder: Holder,
    pub resources: Vec<ResourceId>,
    pub starts_at: Timestamp,
    /// `None`: until it is ended.
    pub ends_at: Option<Timestamp>,
    /// When it was ended at once.
    pub ended_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// A contract with all that readers of its events need.
#[derive(Debug, Clone)]
pub(crate) struct ContractSnapshot {
    pub contract: Contract,
    /// Those of the contract, in their order.
    pub resources: Vec<Resource>,
    /// Where they are; each once.
    pub locations: Vec<Location>,
    pub party: Party,
    pub workspace: Workspace,
}

/// What is asked of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    /// `None`: at once.
    End(Option<Timestamp>),
    /// Others are in the team that holds it.
    ChangePeople,
}

/// Why a contract can't do what is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It would end before it begins.
    BeforeStart,
    /// It ends before that.
    AfterEnd,
}

/// The end has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over;

impl NewContract {
    /// What begins. It may have begun in the past; contracts come from other systems, too.
    pub(crate) fn started(self, workspace: WorkspaceId, now: Timestamp) -> Result<Contract, Over> {
        if self.ends_at.is_some_and(|end| end <= now) {
            return Err(Over);
        }
        Ok(Contract {
            workspace,
            id: ContractId::new(),
            holder: self.holder,
            resources: self.resources,
            starts_at: self.starts_at,
            ends_at: self.ends_at,
            ended_at: None,
            version: 1,
            created_at: now,
            updated_at: now,
        })
    }
}

impl Contract {
    /// The contract after `request`; `None` if it is so already. Pure.
    pub(crate) fn plan(&self, request: Request, now: Timestamp) -> Result<Option<Self>, Refusal> {
        if self.ended_at.is_some() {
            return Ok(None);
        }
        let next = match request {
            Request::ChangePeople => self.clone(),
            Request::End(_) if self.ends_at.is_some_and(|end| end + LAG_MAX <= now) => return Ok(None),
            Request::End(Some(end)) if end > now => {
                if end <= self.starts_at {
                    return Err(Refusal::BeforeStart);
                }
                match self.ends_at {
                    Some(before) if end > before => return Err(Refusal::AfterEnd),
                    Some(before) if end == before => return Ok(None),
                    _ => Self { ends_at: Some(end), ..self.clone() },
                }
            }
            // Also one whose time is over: the lag may not be.
            Request::End(_) => Self { ended_at: Some(now), ..self.clone() },
        };
        Ok(Some(Self { version: self.version + 1, updated_at: now, ..next }))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Duration};
    use domain::PersonId;

    use super::*;

    fn day(number: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000, 0).unwrap() + Duration::days(number)
    }

    fn contract(starts: i64, ends: Option<i64>) -> Result<Contract, Over> {
        let new = NewContract {
            holder: Holder::Person(PersonId::new()),
            resources: vec![ResourceId::new()],
            starts_at: day(starts),
            ends_at: ends.map(day),
        };
        new.started(WorkspaceId::new(), day(10))
    }

    #[test]
    fn it_may_have_begun_but_not_be_over() {
        assert_eq!(contract(0, Some(11)).unwrap().starts_at, day(0));
        assert_eq!(contract(0, None).unwrap().ends_at, None);
        assert_eq!(contract(0, Some(10)).unwrap_err(), Over);
    }

    #[test]
    fn it_is_ended_earlier_at_once_or_at_a_time_to_come_and_never_later() {
        let end = |number| Request::End(Some(day(number)));
        for (starts, ends, request, expected) in [
            (0, None, Request::End(None), Ok(Some((None, Some(10))))),
            (0, Some(30), Request::End(None), Ok(Some((Some(30), Some(10))))),
            (0, None, end(9), Ok(Some((None, Some(10))))),
            (0, None, end(10), Ok(Some((None, Some(10))))),
            (0, None, end(20), Ok(Some((Some(20), None)))),
            (0, Some(30), end(20), Ok(Some((Some(20), None)))),
            (0, Some(30), end(30), Ok(None)),
            (0, Some(30), end(31), Err(Refusal::AfterEnd)),
            (15, Some(30), end(15), Err(Refusal::BeforeStart)),
            (15, None, end(12), Err(Refusal::BeforeStart)),
            (15, None, Request::End(None), Ok(Some((None, Some(10))))),
        ] {
            let planned = contract(starts, ends).unwrap().plan(request, day(10));
            let outcome = planned.map(|after| after.map(|it| (it.ends_at, it.ended_at, it.version)));
            let expected = expected.map(|after| {
                after.map(|(ends, ended): (Option<i64>, Option<i64>)| (ends.map(day), ended.map(day), 2))
            });
            assert_eq!(outcome, expected, "{request:?} of {starts} until {ends:?}");
        }
    }

    #[test]
    fn what_has_come_to_its_end_can_be_ended_at_once_as_long_as_a_lag_may_last() {
        let over = contract(0, Some(11)).unwrap();
        for request in [Request::End(None), Request::End(Some(day(11)))] {
            let now = day(12) - Duration::hours(1);
            assert_eq!(over.plan(request, now).unwrap().unwrap().ended_at, Some(now), "{request:?}");
        }
        for request in [Request::End(None), Request::End(Some(day(11))), Request::End(Some(day(20)))] {
            assert_eq!(over.plan(request, day(12)), Ok(None), "{request:?}");
        }
    }

    #[test]
    fn what_was_ended_stays_so() {
        let ended = contract(0, None).unwrap().plan(Request::End(None), day(10)).unwrap().unwrap();
        for request in [Request::End(None), Request::End(Some(day(20))), Request::ChangePeople] {
            assert_eq!(ended.plan(request, day(11)), Ok(None), "{request:?}");
        }
    }
}
