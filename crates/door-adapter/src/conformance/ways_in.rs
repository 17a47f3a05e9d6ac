//! Another way in than a person's own access is there as wished, once, whatever goes wrong.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;

use domain::names::WayInName;
use domain::{PersonId, WayInId};
use secrecy::ExposeSecret as _;

use super::case::{TRIES, kinds, window};
use super::faults::assert_is_told;
use super::{Fault, World};
use crate::{ApplyError, DoorProvider, Person, ProviderError, Target, WayInApplied, WayInRequest};

/// How a request can come to nothing.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    /// A call goes wrong.
    Call(Fault),
    /// The process dies after a call, with its answer unread.
    Crash,
}

const MISHAPS: [Mishap; 5] = [
    Mishap::Call(Fault::AnswerLost),
    Mishap::Call(Fault::Truncated),
    Mishap::Call(Fault::NotSent),
    Mishap::Call(Fault::Broken),
    Mishap::Crash,
];

fn request<W: World>(world: &W, target: &Target) -> WayInRequest {
    let workspace = world.account().integration.workspace;
    WayInRequest {
        way_in: WayInName { workspace, id: WayInId::new() },
        generation: 1,
        location: None,
        target: target.clone(),
        // Whom a provider may know nothing of, not even an address.
        person: Person { id: PersonId::new(), display_name: "Ada L.".to_owned(), email: None },
        window: Some(window(world, (0, 2))),
        due_at: world.now(),
    }
}

async fn ask<W: World>(world: &W, request: &WayInRequest) -> Result<WayInApplied, ProviderError> {
    match world.provider().set_way_in(&world.account(), request).await {
        Ok(applied) => Ok(applied),
        Err(ApplyError::Provider(error)) => Err(error),
        Err(ApplyError::Ledger(error)) => panic!("{error}: {}", error.0),
    }
}

/// Asks until it is so. Gives the link.
async fn settle<W: World>(world: &W, request: &WayInRequest, what: &str) -> Option<String> {
    let mut last = None;
    for _ in 0..TRIES {
        match ask(world, request).await {
            Ok(applied) => {
                assert_eq!(applied.secret.is_some(), request.window.is_some(), "{what}");
                return applied.secret.map(|secret| secret.text().expose_secret().to_owned());
            }
            Err(error) => last = Some(error),
        }
    }
    panic!("{what}: still not so after {TRIES} tries: {last:?}");
}

/// Whoever has the link is let in at its target, and nowhere else, until it is withdrawn.
pub async fn another_way_in_opens_one_target_within_its_window<W: World>() {
    let world = W::new().await;
    for kind in kinds() {
        let (Some(target), Some(other)) = (world.target(kind, 0), world.target(kind, 1)) else { continue };
        if world.ways_in(&target).is_none() {
            break;
        }
        let (mut now, mut later) = (request(&world, &target), request(&world, &target));
        later.window = Some(window(&world, (3, 4)));
        let link = settle(&world, &now, "now").await.expect("it is wanted");
        let of_later = settle(&world, &later, "later").await.expect("it is wanted");
        assert!(world.opens(&link, &target).await, "{kind:?}");
        assert!(!world.opens(&link, &other).await, "{kind:?}");
        assert!(!world.opens(&of_later, &target).await, "{kind:?}: before its begin");
        let windows = [now.window, later.window].map(|window| window.expect("both are wanted"));
        assert_eq!(world.ways_in(&target), Some(windows.to_vec()));
        // One of them is withdrawn, twice; and one that is over is none.
        now.window = None;
        for _ in 0..2 {
            settle(&world, &now, "withdrawn").await;
            assert!(!world.opens(&link, &target).await, "{kind:?}: withdrawn");
            assert_eq!(world.ways_in(&target), Some(windows[1..].to_vec()));
        }
        later.window = Some(window(&world, (-2, -1)));
        let over = ask(&world, &later).await.expect("there is nothing to make");
        assert!(over.secret.is_none());
        assert_eq!(world.ways_in(&target), Some(Vec::new()));
    }
    world.finish().await;
}

/// Each call of making one and of withdrawing one goes wrong once, in each way.
pub async fn whatever_goes_wrong_there_is_one_other_way_in_or_none<W: World>() {
    let world = W::new().await;
    for kind in kinds() {
        let mut number = 0;
        for mishap in MISHAPS {
            for is_wanted in [true, false] {
                for call in 1.. {
                    // What was left behind would be seen by the next one there.
                    let Some(target) = world.target(kind, number % 40) else { break };
                    if world.ways_in(&target).is_none() {
                        return world.finish().await;
                    }
                    number += 1;
                    let what = format!("{mishap:?} of call {call}, wanted: {is_wanted}, at a {kind:?}");
                    if !meets(&world, &target, mishap, call, is_wanted, &what).await {
                        break;
                    }
                }
            }
        }
    }
    world.finish().await;
}

/// Whether there were so many calls that one could go wrong.
async fn meets<W: World>(
    world: &W,
    target: &Target,
    mishap: Mishap,
    call: usize,
    is_wanted: bool,
    what: &str,
) -> bool {
    let mut request = request(world, target);
    if !is_wanted {
        settle(world, &request, "before").await;
        request.window = None;
    }
    let was_hit = match mishap {
        Mishap::Call(fault) => {
            world.break_call(call, fault);
            let result = ask(world, &request).await;
            let was_hit = world.heal();
            if let Err(error) = &result {
                assert!(was_hit, "{what}: failed by itself: {error}");
                assert_is_told(fault, error, what);
            }
            was_hit
        }
        Mishap::Crash => crash_after(world, &request, call).await,
    };
    let link = settle(world, &request, what).await;
    let expected: Vec<_> = request.window.into_iter().collect();
    assert_eq!(world.ways_in(target), Some(expected), "{what}");
    if let Some(link) = link {
        assert!(world.opens(&link, target).await, "{what}: the link that was given back is the one");
        request.window = None;
        settle(world, &request, what).await;
        assert_eq!(world.ways_in(target), Some(Vec::new()), "{what}");
    }
    was_hit
}

/// Carries a request out until the twin has answered so many calls, and drops it there, its last answer unread. `false`
/// if it made fewer.
async fn crash_after<W: World>(world: &W, request: &WayInRequest, calls: usize) -> bool {
    let (provider, account) = (world.provider(), world.account());
    let last = world.calls() + calls;
    let mut asking = pin!(provider.set_way_in(&account, request));
    poll_fn(|context| {
        if world.calls() >= last {
            return Poll::Ready(true);
        }
        asking.as_mut().poll(context).map(|_| false)
    })
    .await
}
