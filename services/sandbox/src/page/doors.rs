//! The doors' part of the page: who may open what, and who tried.

use std::cmp::Reverse;
use std::collections::HashMap;

use domain::Timestamp;
use serde::Serialize;

use crate::Kisi;
use crate::kisi::{AccessWindow, Event};

/// That a person may open a door during a time.
#[derive(Serialize)]
pub(super) struct Access {
    email: String,
    door: String,
    /// None: since ever.
    from: Option<Timestamp>,
    /// None: for ever.
    until: Option<Timestamp>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Now,
    Later,
    Suspended,
    Over,
}

/// Somebody tried a door.
#[derive(Serialize)]
pub(super) struct Tap {
    at: Timestamp,
    who: String,
    door: String,
    is_open: bool,
    /// Why it stayed shut.
    reason: Option<String>,
}

/// What holds now first, then what comes next, then what has ended last.
pub(super) fn access(kisi: &Kisi, now: Timestamp, shown_max: usize) -> Vec<Access> {
    let mut all = Vec::new();
    for organization in kisi.organizations() {
        let doors: HashMap<_, _> =
            organization.locks().into_iter().map(|lock| (lock.id, lock.name)).collect();
        all.extend(organization.access_windows().into_iter().map(|window| Access {
            state: state(&window, now),
            door: doors.get(&window.lock_id).cloned().unwrap_or_default(),
            email: window.email,
            from: window.valid_from,
            until: window.valid_until,
        }));
    }
    all.sort_by_cached_key(|access| {
        let is_over = access.state == State::Over;
        let soonest = (!is_over).then_some(access.from);
        (access.state, soonest, Reverse(access.until.filter(|_| is_over)), access.email.clone())
    });
    all.truncate(shown_max);
    all
}

fn state(window: &AccessWindow, now: Timestamp) -> State {
    if window.valid_until.is_some_and(|until| until <= now) {
        State::Over
    } else if !window.access_enabled {
        State::Suspended
    } else if window.valid_from.is_some_and(|from| from > now) {
        State::Later
    } else {
        State::Now
    }
}

/// Newest first.
pub(super) fn taps(kisi: &Kisi, shown_max: usize) -> Vec<Tap> {
    let logs = kisi.organizations().into_iter().map(|organization| organization.events());
    let of_all = logs.flat_map(|log| {
        let taps = log.into_iter().rev().filter(|event| event.r#type == "lock.unlock");
        taps.take(shown_max).map(tap).collect::<Vec<_>>()
    });
    let mut taps: Vec<Tap> = of_all.collect();
    // Stable: what happened at one moment stays in its order.
    taps.sort_by_key(|tap| Reverse(tap.at));
    taps.truncate(shown_max);
    taps
}

fn tap(event: Event) -> Tap {
    Tap {
        at: event.created_at,
        who: event.actor_name.or(event.actor_email).unwrap_or_else(|| "Somebody".to_owned()),
        door: event.object_name.unwrap_or_default(),
        is_open: event.success,
        reason: event.error_message.or(event.error_code).filter(|_| !event.success),
    }
}
