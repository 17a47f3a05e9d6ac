//! Doors that are held open. The board's lease is three seconds here, so it is renewed each second.

use std::time::Duration;

use door_adapter::{AccessReason, Action, DoorControl as _};
use relay_adapter::driver::PULSE_USUAL;
use relay_adapter::{Lasting, RelayProvider};
use sandbox::boards::{Device, Shelly, ShellyChannel, Tasmota};
use testkit::eventually;
use tokio_util::sync::CancellationToken;

use crate::stage::Stage;
use crate::world::{closed, ms, relay};

const LEASE: Duration = ms(3_000);
const MINUTE: Duration = ms(60_000);
const LIMIT: Duration = ms(30_000);

async fn stage() -> Stage {
    Stage::new(Device::Tasmota(Tasmota::of_a_door(30, 2)), "tasmota HERE relays=2").await
}

/// Waits for calls at the board beyond those so far, in which time hardly goes on.
async fn until_called(stage: &Stage) {
    let before = stage.calls();
    eventually("the board is called", LIMIT, async || match stage.calls() {
        calls if calls > before => Ok(()),
        calls => Err(calls),
    })
    .await;
}

async fn hold(stage: &Stage, provider: &RelayProvider, length: Duration) {
    let until = stage.after(length);
    let held = stage.operate(provider, Action::HoldOpen(until)).await.unwrap();
    assert_eq!(held.held_until, Some(until));
    assert!(stage.twin.is_closed(0));
}

async fn is_open_within(stage: &Stage, length: Duration) {
    stage.pass(length);
    assert!(!stage.twin.is_closed(0), "it opens by itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_is_renewed_until_it_is_over() {
    let stage = stage().await;
    let provider = stage.provider(&Lasting::default());
    hold(&stage, &provider, MINUTE).await;
    for _ in 0..3 {
        until_called(&stage).await;
        let door = provider.read_door(&stage.account(), "front/1").await.unwrap();
        assert_eq!((door.state.is_locked, door.state.held_until), (Some(false), Some(stage.after(MINUTE))));
    }
    stage.pass(MINUTE);
    eventually("nothing is noted any more", LIMIT, async || {
        let door = provider.read_door(&stage.account(), "front/1").await.unwrap();
        if door.state.held_until.is_none() && !stage.twin.is_closed(0) {
            Ok(())
        } else {
            Err(format!("{door:?}"))
        }
    })
    .await;
    let calls = stage.calls();
    stage.operate(&provider, Action::Pulse(None)).await.unwrap();
    is_open_within(&stage, LEASE).await;
    assert!(stage.calls() > calls);
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_process_ends_the_board_ends_the_hold() {
    let stage = stage().await;
    let lasting = Lasting::default();
    let provider = stage.provider(&lasting);
    hold(&stage, &provider, MINUTE * 60).await;
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    lasting.run(shutdown).await;
    is_open_within(&stage, LEASE).await;
    // It may be held open anew by another one.
    hold(&stage, &stage.provider(&Lasting::default()), MINUTE).await;
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_locks_ends_the_hold_of_whichever_process() {
    for action in [Action::Lock, Action::LockDown] {
        let stage = stage().await;
        let lasting = Lasting::default();
        let (holder, other) = (stage.provider(&lasting), stage.provider(&Lasting::default()));
        hold(&stage, &holder, MINUTE * 60).await;
        stage.operate(&other, action).await.unwrap();
        assert!(!stage.twin.is_closed(0));
        let closures = closed(&stage.twin, relay(1)).len();
        let door = other.read_door(&stage.account(), "front/1").await.unwrap();
        let is_down = action == Action::LockDown;
        assert_eq!((door.state.held_until, door.state.is_locked_down), (None, Some(is_down)));
        eventually("the holder has seen it", LIMIT, async || match lasting.is_at_rest() {
            true => Ok(()),
            false => Err("it goes on"),
        })
        .await;
        assert_eq!(closed(&stage.twin, relay(1)).len(), closures, "it is not closed again");
        if is_down {
            for action in [Action::Pulse(None), Action::HoldOpen(stage.after(MINUTE))] {
                let error = stage.operate(&holder, action).await.unwrap_err();
                assert_eq!((error.code(), error.outcome_unknown), (AccessReason::DoorLockedDown, false));
            }
        }
        stage.harness.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_stands_also_where_the_board_cannot_be_reached() {
    let stage = stage().await;
    let provider = stage.provider(&Lasting::default());
    stage.twin.set_power(false);
    let error = stage.operate(&provider, Action::LockDown).await.unwrap_err();
    assert!(error.outcome_unknown, "{error}");
    stage.twin.set_power(true);
    let error = stage.operate(&provider, Action::Pulse(None)).await.unwrap_err();
    assert_eq!(error.code(), AccessReason::DoorLockedDown);
    stage.operate(&provider, Action::LiftLockdown).await.unwrap();
    stage.operate(&provider, Action::Pulse(None)).await.unwrap();
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_shuts_a_door_also_without_the_ledger() {
    let stage = stage().await;
    hold(&stage, &stage.provider(&Lasting::default()), MINUTE * 60).await;
    let provider = stage.provider(&Lasting::default());
    stage.lose_ledger().await;
    let error = stage.operate(&provider, Action::LockDown).await.unwrap_err();
    assert!(error.outcome_unknown, "it does not stand: {error}");
    assert!(!stage.twin.is_closed(0));
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_within_a_hold_does_not_end_it() {
    let channels = vec![ShellyChannel::of_a_door(60.0)];
    let stage = Stage::new(Device::Shelly(Shelly { channels, ..Shelly::default() }), "shelly HERE").await;
    let provider = stage.provider(&Lasting::default());
    hold(&stage, &provider, MINUTE).await;
    stage.operate(&provider, Action::Pulse(None)).await.unwrap();
    stage.pass(PULSE_USUAL * 2);
    assert!(stage.twin.is_closed(0), "the moment would be over by now");
    stage.harness.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_that_is_over_or_too_long_is_refused() {
    let stage = stage().await;
    let provider = stage.provider(&Lasting::default());
    for length in [ms(0), MINUTE * 60 * 25] {
        let error = stage.operate(&provider, Action::HoldOpen(stage.after(length))).await.unwrap_err();
        assert!(!error.outcome_unknown, "{error}");
    }
    assert_eq!(stage.calls(), 0);
    stage.harness.finish().await;
}
