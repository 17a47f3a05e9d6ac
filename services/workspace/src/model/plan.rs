//! What memberships are sold of.

use domain::{LocationId, PlanId, Timestamp, WeeklyHours, WorkspaceId};

/// Days of grace at most.
pub(crate) const GRACE_DAYS_MAX: i32 = 90;

/// Locations that a plan is shared with at most.
pub(crate) const SHARED_LOCATIONS_MAX: usize = 50;

/// What a membership gives. Copied when it is sold, so that what a plan becomes later reaches nobody who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terms {
    pub location: LocationId,
    /// Further ones, each once.
    pub shared_locations: Vec<LocationId>,
    /// `None`: at all hours.
    pub weekly_hours: Option<WeeklyHours>,
    /// For how long members are let in after a paid period, while the renewal is undecided.
    pub grace_days: i32,
}

impl Terms {
    /// All locations, its own first.
    pub(crate) fn locations(&self) -> Vec<LocationId> {
        [self.location].into_iter().chain(self.shared_locations.iter().copied()).collect()
    }
}

/// A plan that is not stored yet, or what shall become of one.
#[derive(Debug, Clone)]
pub(crate) struct PlanDetails {
    pub display_name: String,
    pub terms: Terms,
}

/// A plan as stored.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub workspace: WorkspaceId,
    pub id: PlanId,
    pub display_name: String,
    pub terms: Terms,
    /// `None`: it is sold.
    pub disabled_at: Option<Timestamp>,
    pub version: i64,
    pub created_at: Timestamp,
}

/// What is asked of a plan.
#[derive(Debug, Clone)]
pub(crate) enum Request {
    Update(PlanDetails),
    Disable,
    Enable,
}

impl Plan {
    /// The plan after the request; `None` if it is so already.
    pub(crate) fn plan(&self, request: Request, now: Timestamp) -> Option<Self> {
        let after = match request {
            Request::Update(PlanDetails { display_name, terms }) => {
                Self { display_name, terms, ..self.clone() }
            }
            Request::Disable => Self { disabled_at: self.disabled_at.or(Some(now)), ..self.clone() },
            Request::Enable => Self { disabled_at: None, ..self.clone() },
        };
        let is_same = (&after.display_name, &after.terms, after.disabled_at)
            == (&self.display_name, &self.terms, self.disabled_at);
        (!is_same).then(|| Self { version: self.version + 1, ..after })
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn it_is_off_sale_from_when_it_was_disabled_until_it_is_enabled() {
        let at = |minute: i64| DateTime::from_timestamp(1_800_000_000 + minute * 60, 0).unwrap();
        let terms = Terms {
            location: LocationId::new(),
            shared_locations: vec![LocationId::new()],
            weekly_hours: None,
            grace_days: 3,
        };
        let plan = Plan {
            workspace: WorkspaceId::new(),
            id: PlanId::new(),
            display_name: "Flex".into(),
            terms: terms.clone(),
            disabled_at: None,
            version: 1,
            created_at: at(0),
        };
        assert!(plan.plan(Request::Enable, at(1)).is_none());
        let disabled = plan.plan(Request::Disable, at(1)).unwrap();
        assert_eq!((disabled.disabled_at, disabled.version), (Some(at(1)), 2));
        assert!(disabled.plan(Request::Disable, at(2)).is_none());
        let same = PlanDetails { display_name: "Flex".into(), terms: terms.clone() };
        assert!(disabled.plan(Request::Update(same), at(2)).is_none());
        let longer = PlanDetails { display_name: "Flex".into(), terms: Terms { grace_days: 4, ..terms } };
        let updated = disabled.plan(Request::Update(longer), at(2)).unwrap();
        assert_eq!((updated.terms.grace_days, updated.disabled_at, updated.version), (4, Some(at(1)), 3));
        assert_eq!(updated.plan(Request::Enable, at(3)).unwrap().disabled_at, None);
    }
}
