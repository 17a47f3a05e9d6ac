//! Providers' own logs: whatever goes wrong, what happened at doors is read in whole, each event as one.

use std::collections::BTreeSet;

use chrono::Duration;
use domain::{PersonId, Window};
use futures::TryStreamExt as _;

use super::case::{Case, kinds, settle};
use super::faults::assert_is_told;
use super::{Fault, LogWorld};
use crate::{ApplyError, DoorEvent, DoorProvider as _, EventOutcome, ProviderError, Spot};

/// More than any provider gives on one page.
const MANY: usize = 130;

const FAULTS: [Fault; 5] = [
    Fault::AnswerLost,
    Fault::Truncated,
    Fault::NotSent,
    Fault::Broken,
    Fault::RateLimited { retry_after: true },
];

/// From an hour ago until a quarter of an hour from now.
fn around_now<W: LogWorld>(world: &W) -> Window {
    let now = world.now();
    Window::new(now - Duration::hours(1), now + Duration::minutes(15)).expect("it ends after it begins")
}

async fn read<W: LogWorld>(world: &W, window: Window) -> Result<Vec<DoorEvent>, ProviderError> {
    let (provider, account) = (world.provider(), world.account());
    let pages: Result<Vec<_>, _> = provider.read_log(&account, window).try_collect().await;
    pages.map(|pages| pages.concat()).map_err(|error| match error {
        ApplyError::Provider(error) => error,
        ApplyError::Ledger(error) => panic!("{error}: {}", error.0),
    })
}

async fn read_well<W: LogWorld>(world: &W, window: Window) -> Vec<DoorEvent> {
    read(world, window).await.expect("nothing goes wrong")
}

fn ids(events: &[DoorEvent]) -> BTreeSet<&str> {
    events.iter().map(|event| event.event_ref.as_str()).collect()
}

/// What happens is one event each, also two in the same moment, in order of time; whoever reads again finds the same.
pub async fn what_happens_at_doors_is_in_the_log<W: LogWorld>() {
    let world = W::new().await;
    assert_eq!(read_well(&world, around_now(&world)).await, []);
    let doors = [3, 1, 1, 2].map(|number| world.door(number));
    for (number, door) in doors.iter().enumerate() {
        world.try_to_open(door);
        // The third in the same moment as the second.
        if number != 1 {
            world.advance(Duration::seconds(2));
        }
    }
    let events = read_well(&world, around_now(&world)).await;
    let found: Vec<_> = events.iter().map(|event| event.spot.clone()).collect();
    assert_eq!(found, doors.map(Spot::Door));
    assert_eq!(ids(&events).len(), 4, "each has an id of its own");
    assert!(events.is_sorted_by_key(|event| event.time));
    assert_eq!(events[1].time, events[2].time);
    assert!(events.iter().all(|event| event.outcome == EventOutcome::Refused && event.person.is_none()));
    assert_eq!(read_well(&world, around_now(&world)).await, events, "read again, it is the same");
    // Windows are half-open: what is at their edge belongs to one of them.
    let whole = around_now(&world);
    let window = |start, end| Window::new(start, end).expect("it ends after it begins");
    let mut halves = read_well(&world, window(whole.start(), events[1].time)).await;
    halves.extend(read_well(&world, window(events[1].time, whole.end())).await);
    assert_eq!(halves, events);
    world.finish().await;
}

/// With each call in turn going wrong: it is all that there is, or an error.
pub async fn a_log_is_read_in_whole_or_not_at_all<W: LogWorld>() {
    let world = W::new().await;
    for number in 0..MANY {
        world.try_to_open(&world.door(number % 40));
        if number % 3 == 0 {
            world.advance(Duration::seconds(1));
        }
    }
    let window = around_now(&world);
    let whole = read_well(&world, window).await;
    assert_eq!(ids(&whole).len(), MANY);
    for fault in FAULTS {
        for call in 1.. {
            world.break_call(call, fault);
            let result = read(&world, window).await;
            let was_hit = world.heal();
            let what = format!("{fault:?} of call {call}");
            match result {
                Ok(events) => assert_eq!(events, whole, "{what}"),
                Err(error) => {
                    assert!(was_hit, "{what}: failed by itself: {error}");
                    assert_is_told(fault, &error, &what);
                }
            }
            if !was_hit {
                assert!(call > 2, "it takes several calls");
                break;
            }
        }
        assert_eq!(read_well(&world, window).await, whole, "after {fault:?}");
    }
    world.finish().await;
}

/// Whoever has access by us is known when they enter, also when the log is read after their access was taken back.
pub async fn who_enters_is_known<W: LogWorld>() {
    let world = W::new().await;
    for kind in kinds() {
        let Some(target) = world.target(kind, 5) else { continue };
        let provider = world.provider();
        let mut case = Case::new(&world, target);
        case.ask(&world, Some((0, 1)));
        settle(&world, &provider, &case, "given").await;
        world.advance(Duration::seconds(1));
        world.enter(&case.person, &case.target).await;
        let person = |events: &[DoorEvent]| -> (EventOutcome, Option<PersonId>) {
            let last = events.last().expect("it is in the log");
            (last.outcome, last.person)
        };
        let expected = (EventOutcome::Done, Some(case.person.id));
        assert_eq!(person(&read_well(&world, around_now(&world)).await), expected, "{kind:?}");
        case.ask(&world, None);
        settle(&world, &provider, &case, "taken back").await;
        assert_eq!(person(&read_well(&world, around_now(&world)).await), expected, "{kind:?}, later");
    }
    world.finish().await;
}
