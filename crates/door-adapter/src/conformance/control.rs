//! Doors that are operated on demand: whatever goes wrong, a door opens once at the most, and what is told of it is so.

use chrono::Duration;
use domain::{OperationId, PersonId, Timestamp};

use super::faults::{assert_is_told, cut_off};
use super::{ControlWorld, Fault};
use crate::{
    AccessReason, Action, Actor, Door, DoorControl, ErrorKind, Fate, Operated, Operation, ProviderError,
    PulseLength, Spot,
};

/// Until then providers have told what they will.
const ALL_IS_TOLD: Duration = Duration::minutes(30);

const FAULTS: [Fault; 6] = [
    Fault::AnswerLost,
    Fault::Truncated,
    Fault::NotSent,
    Fault::Broken,
    Fault::RateLimited { retry_after: true },
    Fault::Slow,
];

fn operation(spot: Spot, action: Action) -> Operation {
    let actor = Actor { person: PersonId::new(), display_name: "Ada L.".to_owned() };
    Operation { id: OperationId::new(), spot, action, actor: Some(actor) }
}

fn at(door: &str, action: Action) -> Operation {
    operation(Spot::Door(door.to_owned()), action)
}

fn pulse(door: &str) -> Operation {
    at(door, Action::Pulse(None))
}

async fn read<W: ControlWorld>(world: &W, door: &str) -> Door {
    world.provider().read_door(&world.account(), door).await.expect("the door is there")
}

async fn operate<W: ControlWorld>(world: &W, operation: &Operation) -> Result<Operated, ProviderError> {
    world.provider().operate(&world.account(), operation).await
}

/// What became of an operation, once the provider has told what it will.
async fn fate<W: ControlWorld>(world: &W, operation: &Operation, sent_at: Timestamp) -> Fate {
    let find = async || {
        let found = world.provider().find_operation(&world.account(), operation, sent_at).await;
        found.expect("nothing goes wrong any more")
    };
    match find().await {
        Fate::Unknown => {
            world.advance(ALL_IS_TOLD);
            find().await
        }
        fate => fate,
    }
}

/// What is found out later of a door that was to open for a moment is so.
async fn assert_is_found<W: ControlWorld>(
    world: &W,
    operation: &Operation,
    sent_at: Timestamp,
    did_open: bool,
    what: &str,
) {
    match fate(world, operation, sent_at).await {
        Fate::Unknown => assert!(!world.tells_fates(), "{what}: nobody knows, ever"),
        fate => assert_eq!(fate, if did_open { Fate::Done } else { Fate::NotDone }, "{what}"),
    }
}

/// Doors and groups are listed as they are; one that is not there is not found.
pub async fn doors_are_listed_and_read_as_they_are<W: ControlWorld>() {
    let world = W::new().await;
    let (provider, account) = (world.provider(), world.account());
    let listed = provider.list_doors(&account).await.expect("doors are listed");
    assert!(listed.is_sorted_by_key(|door| door.display_name.clone()), "{listed:?}");
    for number in [0, 39] {
        let door = read(&world, &world.door(number)).await;
        assert!(listed.contains(&door), "{door:?} in {listed:?}");
        assert_ne!(door.state.is_online, Some(false), "{door:?}");
        assert_ne!(door.state.is_locked_down, Some(true), "{door:?}");
    }
    if let Some((group, doors)) = world.group() {
        assert_eq!(provider.doors_of_group(&account, &group).await.expect("they are listed"), doors);
    }
    let missing = provider.read_door(&account, "987654321").await.expect_err("there is no such door");
    assert_eq!(missing.kind, ErrorKind::NotFound, "{missing:?}");
    let missing = operate(&world, &pulse("987654321")).await.expect_err("there is no such door");
    assert_eq!(missing.code(), AccessReason::ProviderLacksDoor, "{missing:?}");
    world.finish().await;
}

/// What a door can do, it does; what it can't is refused, and nothing is sent.
pub async fn a_door_does_what_it_can_and_nothing_else<W: ControlWorld>() {
    let world = W::new().await;
    let name = world.door(0);
    let abilities = read(&world, &name).await.abilities;
    let refused = async |action| {
        let before = world.calls();
        let error = operate(&world, &at(&name, action)).await.expect_err("it can't do that");
        assert_eq!((error.code(), error.outcome_unknown), (AccessReason::DoorCannot, false), "{error:?}");
        assert_eq!(world.calls(), before, "{action:?} was sent all the same");
    };
    match abilities.pulse {
        None => refused(Action::Pulse(None)).await,
        Some(length) => {
            operate(&world, &pulse(&name)).await.expect("it opens");
            assert_eq!(world.openings(&name), 1);
            world.advance(Duration::minutes(1));
            match length {
                PulseLength::Fixed => refused(Action::Pulse(Some(std::time::Duration::from_secs(7)))).await,
                PulseLength::Between { min, .. } => {
                    operate(&world, &at(&name, Action::Pulse(Some(min)))).await.expect("it opens");
                    assert_eq!(world.openings(&name), 2);
                }
            }
        }
    }
    let until = world.now() + Duration::minutes(10);
    let hold = at(&name, Action::HoldOpen(until));
    if abilities.hold_max.is_some() {
        let held_until = operate(&world, &hold).await.expect("it is held open").held_until;
        assert!(world.is_held(&name));
        let held_until = held_until.expect("the device ends it by itself");
        assert!(held_until >= until && held_until <= until + Duration::minutes(1), "{held_until}");
        world.advance(Duration::minutes(12));
        assert!(!world.is_held(&name), "nobody told it that it is over");
    } else {
        refused(hold.action).await;
    }
    if abilities.can_lock {
        if abilities.hold_max.is_some() {
            operate(&world, &at(&name, Action::HoldOpen(world.now() + Duration::minutes(10))))
                .await
                .expect("it is held open");
        }
        operate(&world, &at(&name, Action::Lock)).await.expect("it locks");
        assert!(!world.is_held(&name));
    } else {
        refused(Action::Lock).await;
    }
    if !abilities.can_lock_down {
        refused(Action::LockDown).await;
        refused(Action::LiftLockdown).await;
    }
    world.finish().await;
}

/// Locking down twice is once, and so is lifting. Meanwhile nobody gets in, and that is why.
pub async fn a_door_that_is_locked_down_opens_for_nobody<W: ControlWorld>() {
    let world = W::new().await;
    let (name, other) = (world.door(0), world.door(1));
    if read(&world, &name).await.abilities.can_lock_down {
        for _ in 0..2 {
            operate(&world, &at(&name, Action::LockDown)).await.expect("it is locked down");
            assert!(world.is_locked_down(&name) && !world.is_locked_down(&other));
            assert_ne!(read(&world, &name).await.state.is_locked_down, Some(false));
        }
        let refused = operate(&world, &pulse(&name)).await.expect_err("it is locked down");
        assert_eq!(refused.code(), AccessReason::DoorLockedDown, "{refused:?}");
        assert_eq!((world.openings(&name), refused.outcome_unknown), (0, false));
        operate(&world, &pulse(&other)).await.expect("it is another door");
        for _ in 0..2 {
            operate(&world, &at(&name, Action::LiftLockdown)).await.expect("it is lifted");
            assert!(!world.is_locked_down(&name));
        }
        operate(&world, &pulse(&name)).await.expect("it is lifted");
        assert_eq!(world.openings(&name), 1);
    }
    world.finish().await;
}

/// What can be locked down as a whole is, and is lifted as a whole.
pub async fn a_place_is_locked_down_with_all_of_its_doors<W: ControlWorld>() {
    let world = W::new().await;
    let (name, other) = (world.door(0), world.door(1));
    if let Some(place) = read(&world, &name).await.place_ref {
        assert_eq!(read(&world, &other).await.place_ref.as_ref(), Some(&place), "both are in one place");
        for is_down in [true, false] {
            let action = if is_down { Action::LockDown } else { Action::LiftLockdown };
            let whole = operation(Spot::Place(place.clone()), action);
            operate(&world, &whole).await.expect("it does");
            assert_eq!((world.is_locked_down(&name), world.is_locked_down(&other)), (is_down, is_down));
            assert_ne!(read(&world, &name).await.state.is_locked_down, Some(!is_down));
            assert_eq!(fate(&world, &whole, world.now()).await, Fate::Done);
            let opened = operate(&world, &pulse(&name)).await;
            assert_eq!(
                opened.err().map(|error| error.code()),
                is_down.then_some(AccessReason::DoorLockedDown)
            );
        }
    }
    world.finish().await;
}

/// Each call goes wrong once, in each way: the door opens once or not at all, and what is said of it, at once or later,
/// is so.
pub async fn a_door_opens_once_at_the_most_and_what_is_told_is_so<W: ControlWorld>() {
    let world = W::new().await;
    let mut number = 0;
    for fault in FAULTS {
        for call in 1.. {
            let (name, what) = (world.door(number), format!("{fault:?} of call {call}"));
            number += 1;
            let (operation, sent_at) = (pulse(&name), world.now());
            world.break_call(call, fault);
            let result = operate(&world, &operation).await;
            let was_hit = world.heal();
            let openings = world.openings(&name);
            assert!(openings <= 1, "{what}: opened {openings} times");
            match result {
                Ok(_) => assert_eq!(openings, 1, "{what}"),
                Err(error) => {
                    assert!(was_hit, "{what}: failed by itself: {error}");
                    assert_is_told(fault, &error, &what);
                    assert!(error.outcome_unknown || openings == 0, "{what}: said to have no effect");
                    if error.outcome_unknown {
                        assert_is_found(&world, &operation, sent_at, openings == 1, &what).await;
                    }
                }
            }
            if !was_hit {
                break;
            }
        }
    }
    world.finish().await;
}

/// The process dies after each call: what became of the operation can be found by another one.
pub async fn a_crash_leaves_an_operation_that_can_be_found<W: ControlWorld>() {
    let world = W::new().await;
    for call in 1.. {
        let name = world.door(call);
        let (operation, sent_at) = (pulse(&name), world.now());
        let (provider, account) = (world.provider(), world.account());
        if !cut_off(&world, call, provider.operate(&account, &operation)).await {
            break;
        }
        let openings = world.openings(&name);
        assert!(openings <= 1, "after {call} calls: opened {openings} times");
        let what = format!("a crash after {call} calls");
        assert_is_found(&world, &operation, sent_at, openings == 1, &what).await;
    }
    world.finish().await;
}

/// An emergency is told again until it is so, and lifted again until it is.
pub async fn a_lockdown_holds_whatever_goes_wrong<W: ControlWorld>() {
    let world = W::new().await;
    if read(&world, &world.door(0)).await.abilities.can_lock_down {
        for (number, fault) in FAULTS.into_iter().enumerate() {
            let name = world.door(number);
            for (action, is_down) in [(Action::LockDown, true), (Action::LiftLockdown, false)] {
                let (told, sent_at) = (at(&name, action), world.now());
                world.break_call(1, fault);
                let result = operate(&world, &told).await;
                world.heal();
                match result {
                    Ok(_) => assert_eq!(world.is_locked_down(&name), is_down, "{fault:?}"),
                    Err(error) => {
                        let is_so = world.is_locked_down(&name) == is_down;
                        assert!(error.outcome_unknown || !is_so, "{fault:?}: {error:?}");
                        let expected = if is_so { Fate::Done } else { Fate::NotDone };
                        assert_eq!(fate(&world, &told, sent_at).await, expected, "{fault:?}");
                    }
                }
                operate(&world, &told).await.expect("nothing goes wrong any more");
                assert_eq!(world.is_locked_down(&name), is_down, "{fault:?}");
            }
        }
    }
    world.finish().await;
}

/// A door that can't be reached is told apart from a provider that can't.
pub async fn a_door_without_working_hardware_says_so<W: ControlWorld>() {
    let world = W::new().await;
    let (name, other) = (world.door(0), world.door(1));
    world.unplug(&name);
    let (operation, sent_at) = (pulse(&name), world.now());
    let error = operate(&world, &operation).await.expect_err("it is not there");
    assert_eq!((error.kind, error.code()), (ErrorKind::Unreachable, AccessReason::DoorOffline), "{error:?}");
    assert_eq!(world.openings(&name), 0);
    assert_is_found(&world, &operation, sent_at, false, "unplugged").await;
    operate(&world, &pulse(&other)).await.expect("it is another door");
    world.finish().await;
}

/// With credentials that do not work nothing opens, and that is why.
pub async fn a_revoked_key_opens_nothing<W: ControlWorld>() {
    let mut world = W::new().await;
    let name = world.door(0);
    let spare = world.provider();
    world.set_credentials_work(false);
    for provider in [&spare, &world.provider()] {
        let error = provider.operate(&world.account(), &pulse(&name)).await.expect_err("they do not work");
        assert_eq!(error.code(), AccessReason::ProviderRefusesCredentials, "{error:?}");
        assert!(!error.outcome_unknown && world.openings(&name) == 0, "{error:?}");
    }
    world.set_credentials_work(true);
    operate(&world, &pulse(&name)).await.expect("they work again");
    assert_eq!(world.openings(&name), 1);
    world.finish().await;
}
