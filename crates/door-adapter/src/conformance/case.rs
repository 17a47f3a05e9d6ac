//! A person at a target, and what the runtime does with what is wanted there.

use chrono::Duration;
use domain::names::{GrantName, LocationName};
use domain::{GrantId, LocationId, PersonId, Window};

use super::World;
use crate::{AccessRequest, Applied, ApplyError, DoorProvider, Person, ProviderError, Target, TargetKind};

/// What is wanted, one after the other.
pub(super) const STEPS: [Option<(i64, i64)>; 4] = [Some((1, 2)), Some((3, 5)), None, Some((1, 2))];

/// How often something that fails is tried again.
pub(super) const TRIES: usize = 6;

/// A person at a target, with what should be.
pub(super) struct Case {
    pub person: Person,
    pub target: Target,
    pub request: AccessRequest,
}

impl Case {
    pub(super) fn new<W: World>(world: &W, target: Target) -> Self {
        let id = PersonId::new();
        let person = Person {
            id,
            display_name: "Ada L.".to_owned(),
            email: Some(format!("ada+{id}@example.org").parse().expect("an address")),
        };
        Self::of(world, person, target)
    }

    pub(super) fn of<W: World>(world: &W, person: Person, target: Target) -> Self {
        let account = world.account().integration;
        let request = AccessRequest {
            grant: GrantName { workspace: account.workspace, id: GrantId::new() },
            generation: 0,
            location: Some(LocationName { workspace: account.workspace, id: LocationId::new() }),
            target: target.clone(),
            person: person.clone(),
            is_guest: false,
            window: None,
            due_at: world.now(),
        };
        Self { person, target, request }
    }

    /// Asks for a window so many hours from now, or for none.
    pub(super) fn ask<W: World>(&mut self, world: &W, hours: Option<(i64, i64)>) -> &AccessRequest {
        self.request.generation += 1;
        self.request.window = hours.map(|hours| window(world, hours));
        &self.request
    }

    /// The person is called so from now on.
    pub(super) fn call(&mut self, person: Person) {
        self.request.person = person.clone();
        self.person = person;
    }

    pub(super) fn assert_holds<W: World>(&self, world: &W, foreign: &[Window], what: &str) {
        let mut expected: Vec<Window> = foreign.iter().copied().chain(self.request.window).collect();
        expected.sort_by_key(|window| window.start());
        assert_eq!(world.access(&self.person, &self.target), expected, "{what}");
    }
}

pub(super) fn window<W: World>(world: &W, (start, end): (i64, i64)) -> Window {
    let at = |hours| world.now() + Duration::hours(hours);
    Window::new(at(start), at(end)).expect("ends after it starts")
}

/// Carries a request out as the runtime does: changes are recorded whatever came of it.
pub(super) async fn attempt<W: World>(
    world: &W,
    provider: &W::Provider,
    request: &AccessRequest,
) -> Result<Applied, ProviderError> {
    let mut changes = Vec::new();
    let result = provider.apply(&world.account(), request, &mut changes).await;
    let mut tx = world.platform().begin().await.expect("the ledger is there");
    provider.record(&mut tx, &changes).await.expect("changes are recorded");
    tx.commit().await.expect("the ledger is there");
    result.map_err(|error| match error {
        ApplyError::Provider(error) => error,
        ApplyError::Ledger(error) => panic!("{error}: {}", error.0),
    })
}

/// Carries a request out until it is.
pub(super) async fn settle<W: World>(world: &W, provider: &W::Provider, case: &Case, what: &str) -> Applied {
    let mut last = None;
    for _ in 0..TRIES {
        match attempt(world, provider, &case.request).await {
            Ok(applied) => {
                assert_eq!(applied.window, case.request.window, "{what}");
                assert_eq!(applied.provider_ref.is_some(), applied.window.is_some(), "{what}");
                return applied;
            }
            Err(error) => last = Some(error),
        }
    }
    panic!("{what}: still not applied after {TRIES} tries: {last:?}");
}

pub(super) fn kinds() -> [TargetKind; 2] {
    [TargetKind::Group, TargetKind::Lock]
}
