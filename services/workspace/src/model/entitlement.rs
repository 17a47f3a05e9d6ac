//! Doors that admins give people directly.

use domain::{EntitlementId, LocationId, PersonId, ProviderName, Timestamp, WorkspaceId};

chassis::text_enum! {
    /// One door, or a provider's set of doors.
    pub(crate) enum DoorKind { Group = "group", Lock = "lock" }
}

/// A door or group at a provider: named and passed on, no more is known of it here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Door {
    pub location: LocationId,
    pub provider: ProviderName,
    pub kind: DoorKind,
    /// The provider's id.
    pub provider_ref: String,
    /// What it is called over there.
    pub display_name: String,
}

/// What an admin asks for.
#[derive(Debug, Clone)]
pub(crate) struct NewEntitlement {
    pub person: PersonId,
    pub door: Door,
    pub starts_at: Option<Timestamp>,
    /// After the start, if both are there.
    pub ends_at: Option<Timestamp>,
    pub reason: String,
}

/// An entitlement as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entitlement {
    pub workspace: WorkspaceId,
    pub id: EntitlementId,
    pub person: PersonId,
    pub door: Door,
    pub starts_at: Timestamp,
    /// `None`: until it is ended.
    pub ends_at: Option<Timestamp>,
    pub reason: String,
    pub ended_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
}

/// The end has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Over;

impl NewEntitlement {
    /// What is given at this moment. What has begun begins now; nobody can have been let in before.
    pub(crate) fn given(self, workspace: WorkspaceId, now: Timestamp) -> Result<Entitlement, Over> {
        if self.ends_at.is_some_and(|end| end <= now) {
            return Err(Over);
        }
        Ok(Entitlement {
            workspace,
            id: EntitlementId::new(),
            person: self.person,
            door: self.door,
            starts_at: self.starts_at.map_or(now, |start| start.max(now)),
            ends_at: self.ends_at,
            reason: self.reason,
            ended_at: None,
            version: 1,
            created_at: now,
        })
    }
}

impl Entitlement {
    /// The entitlement taken back; `None` if it was before.
    pub(crate) fn ended(&self, now: Timestamp) -> Option<Self> {
        let is_new = self.ended_at.is_none();
        is_new.then(|| Self { ended_at: Some(now), version: self.version + 1, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap()
    }

    fn asked(start: Option<i64>, end: Option<i64>) -> NewEntitlement {
        NewEntitlement {
            person: PersonId::new(),
            door: Door {
                location: LocationId::new(),
                provider: "kisi".parse().unwrap(),
                kind: DoorKind::Lock,
                provider_ref: "7".into(),
                display_name: String::new(),
            },
            starts_at: start.map(at),
            ends_at: end.map(at),
            reason: "repairs".into(),
        }
    }

    #[test]
    fn it_begins_now_if_not_later_and_can_not_have_ended() {
        for (start, end, expected) in [
            (None, None, Ok((10, None))),
            (Some(20), None, Ok((20, None))),
            (Some(5), Some(30), Ok((10, Some(30)))),
            (None, Some(11), Ok((10, Some(11)))),
            (Some(5), Some(10), Err(Over)),
            (None, Some(9), Err(Over)),
        ] {
            let given = asked(start, end).given(WorkspaceId::new(), at(10));
            let expected = expected.map(|(start, end): (i64, Option<i64>)| (at(start), end.map(at)));
            assert_eq!(given.map(|it| (it.starts_at, it.ends_at)), expected, "{start:?} {end:?}");
        }
    }

    #[test]
    fn it_is_ended_once() {
        let given = asked(None, None).given(WorkspaceId::new(), at(0)).unwrap();
        let ended = given.ended(at(5)).unwrap();
        assert_eq!((ended.ended_at, ended.version), (Some(at(5)), 2));
        assert!(ended.ended(at(6)).is_none());
    }
}
