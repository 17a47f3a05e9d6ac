//! What every kind of board is held to, whatever goes wrong on the way.

use std::sync::Arc;
use std::time::Duration;

use door_adapter::{ErrorKind, ProviderError};
use relay_adapter::boards::Board;
use relay_adapter::driver::{LEASE, PULSE_USUAL};
use sandbox::boards::{Board as Twin, Device, EspHome, Framing, Modbus, Shelly, ShellyChannel, Tasmota};
use sandbox::{Action, Phase, Vendor};

use crate::world::{ANSWER_MS, World, closed, lease, moment, ms, relay};

/// A kind of board.
struct Kind {
    device: Device,
    line: &'static str,
    /// The call that closes the first relay: method, path and the how manieth of those.
    closing: (&'static str, &'static str, u32),
    /// For how long a lease closes a contact.
    lease: Duration,
}

fn kinds() -> Vec<Kind> {
    let shelly = Shelly { channels: vec![ShellyChannel::of_a_door(60.0); 2], ..Shelly::default() };
    let modbus = |framing| Device::Modbus(Modbus { framing, ..Modbus::default() });
    vec![
        Kind {
            device: Device::Shelly(shelly),
            line: "shelly HERE",
            closing: ("POST", "^/rpc/Switch.Set$", 1),
            lease: LEASE,
        },
        Kind {
            device: modbus(Framing::Tcp),
            line: "modbus HERE relays=2",
            closing: ("POST", "^/05/0200$", 1),
            lease: LEASE,
        },
        Kind {
            device: modbus(Framing::Rtu),
            line: "modbus HERE relays=2 framing=rtu",
            closing: ("POST", "^/05/0200$", 1),
            lease: LEASE,
        },
        Kind {
            device: Device::Tasmota(Tasmota::of_a_door(30, 2)),
            line: "tasmota HERE",
            closing: ("GET", "^/cm$", 6),
            lease: PULSE_USUAL,
        },
        Kind {
            device: Device::EspHome(EspHome::default()),
            line: "esphome HERE switches=Door%201,Door%202",
            closing: ("POST", "^/button/", 1),
            lease: LEASE,
        },
    ]
}

/// Each kind of board in a world of its own.
async fn each() -> Vec<(World, Arc<Twin>, Board, Kind)> {
    let mut all = Vec::new();
    for kind in kinds() {
        let world = World::new();
        let twin = world.put_up(kind.device.clone()).await;
        let board = world.open(&twin, kind.line, None);
        all.push((world, twin, board, kind));
    }
    all
}

#[tokio::test]
async fn a_moment_is_as_long_as_asked_and_ends_by_itself() {
    for (world, twin, board, kind) in each().await {
        assert_eq!(board.pulse(relay(1), moment(None)).await.unwrap(), PULSE_USUAL, "{}", kind.line);
        assert!(twin.is_closed(0) && !twin.is_closed(1), "{}", kind.line);
        assert!(board.read(relay(1)).await.unwrap().is_closed, "{}", kind.line);
        world.pass(ms(60_000));
        assert!(!board.read(relay(1)).await.unwrap().is_closed, "{}", kind.line);
        board.pulse(relay(1), moment(Some(PULSE_USUAL))).await.unwrap();
        world.pass(ms(60_000));
        assert_eq!(closed(&twin, relay(1)), [Some(PULSE_USUAL); 2], "{}", kind.line);
    }
}

#[tokio::test]
async fn a_lease_goes_on_as_long_as_it_is_renewed_and_then_ends_by_itself() {
    for (world, twin, board, kind) in each().await {
        let third = kind.lease / 3;
        for _ in 0..4 {
            assert_eq!(board.hold(relay(1), lease(LEASE)).await.unwrap(), kind.lease, "{}", kind.line);
            world.pass(third);
        }
        world.pass(ms(600_000));
        assert_eq!(closed(&twin, relay(1)), [Some(third * 3 + kind.lease)], "{}", kind.line);
    }
}

#[tokio::test]
async fn a_released_contact_is_open_at_once() {
    for (world, twin, board, kind) in each().await {
        board.release(relay(1)).await.unwrap();
        board.hold(relay(1), lease(LEASE)).await.unwrap();
        world.pass(ms(1_000));
        board.release(relay(1)).await.unwrap();
        board.release(relay(1)).await.unwrap();
        world.pass(ms(60_000));
        assert_eq!(closed(&twin, relay(1)), [Some(ms(1_000))], "{}", kind.line);
    }
}

#[tokio::test]
async fn a_lost_answer_is_an_unknown_outcome_and_the_contact_opens_all_the_same() {
    let truncated = Action::Status {
        code: 200,
        body: Some("{".to_owned()),
        content_type: None,
        retry_after: None,
        phase: Phase::AfterEffect,
    };
    for action in [Action::DropAfterEffect, truncated] {
        for (world, twin, board, kind) in each().await {
            world.strike(kind.closing, action.clone());
            match board.pulse(relay(1), moment(None)).await {
                Err(error) => assert!(error.outcome_unknown, "{}: {error}", kind.line),
                // What is read back anyway needs no answer.
                Ok(_) => assert!(kind.line.starts_with("esphome"), "{}", kind.line),
            }
            assert!(world.sandbox.faults().list().is_empty(), "{}: nothing was struck", kind.line);
            assert!(twin.is_closed(0), "{}", kind.line);
            world.pass(ms(60_000));
            assert_eq!(closed(&twin, relay(1)), [Some(PULSE_USUAL)], "{}", kind.line);
        }
    }
}

#[tokio::test]
async fn what_was_not_carried_out_is_never_told_as_done() {
    let slow = Action::Delay { delay_ms: ANSWER_MS * 3 };
    for action in [Action::DropBeforeEffect, Action::status(503), Action::status(500), slow] {
        for (world, twin, board, kind) in each().await {
            world.strike(kind.closing, action.clone());
            let error = board.pulse(relay(1), moment(None)).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unreachable, "{}: {action:?}: {error}", kind.line);
            assert!(world.sandbox.faults().list().is_empty(), "{}: nothing was struck", kind.line);
            assert!(!twin.is_closed(0), "{}", kind.line);
            assert!(
                error.outcome_unknown || matches!(action, Action::Status { .. }),
                "{}: {error}",
                kind.line
            );
            // And afterwards it works again. A slow board is busy for a while.
            let works = async { while board.pulse(relay(1), moment(None)).await.is_err() {} };
            tokio::time::timeout(ms(20_000), works).await.expect(kind.line);
            world.pass(ms(60_000));
            assert!(closed(&twin, relay(1)).iter().all(|it| *it == Some(PULSE_USUAL)), "{}", kind.line);
        }
    }
}

#[tokio::test]
async fn a_board_without_power_is_unreachable_and_does_not_close_when_it_is_back() {
    for (world, twin, board, kind) in each().await {
        board.hold(relay(1), lease(LEASE)).await.unwrap();
        world.pass(ms(1_000));
        twin.set_power(false);
        for error in
            [board.pulse(relay(1), moment(None)).await.unwrap_err(), board.read(relay(1)).await.unwrap_err()]
        {
            let told = (error.kind, error.outcome_unknown);
            assert_eq!(told, (ErrorKind::Unreachable, false), "{}: {error}", kind.line);
        }
        twin.set_power(true);
        world.pass(ms(60_000));
        assert_eq!(closed(&twin, relay(1)), [Some(ms(1_000))], "{}", kind.line);
    }
}

#[tokio::test]
async fn a_welded_contact_is_told() {
    for (_world, twin, board, kind) in each().await {
        board.pulse(relay(1), moment(None)).await.unwrap();
        twin.weld(0, true);
        let error = board.release(relay(1)).await.unwrap_err();
        assert!(error.reason.contains("relay 1 stays closed"), "{}: {error}", kind.line);
        assert!(error.outcome_unknown);
    }
}

#[tokio::test]
async fn what_a_board_cannot_do_is_refused_before_anything_moves() {
    for (_world, twin, board, kind) in each().await {
        for length in [ms(0), ms(99), ms(30_001), ms(3_600_000)] {
            let error = board.pulse(relay(1), moment(Some(length))).await.unwrap_err();
            assert_eq!(
                (error.kind, error.outcome_unknown),
                (ErrorKind::Rejected, false),
                "{}: {error}",
                kind.line
            );
        }
        for failed in [
            board.pulse(relay(3), moment(None)).await.map(drop),
            board.hold(relay(3), lease(LEASE)).await.map(drop),
            board.read(relay(3)).await.map(drop),
            board.release(relay(3)).await,
        ] {
            let ProviderError { kind: error_kind, reason, .. } = failed.unwrap_err();
            assert_eq!(error_kind, ErrorKind::NotFound, "{}: {reason}", kind.line);
            assert_eq!(reason, "board front: there is no relay 3", "{}", kind.line);
        }
        assert!(closed(&twin, relay(1)).is_empty() && closed(&twin, relay(2)).is_empty(), "{}", kind.line);
    }
}

#[tokio::test]
async fn a_board_says_what_it_is() {
    for (_world, _twin, board, kind) in each().await {
        let described = board.describe().await.unwrap();
        assert_eq!(described.relays.len(), 2, "{}", kind.line);
        let timings: Vec<_> = described.relays.iter().map(|relay| relay.timing.clone().unwrap()).collect();
        assert!(timings.iter().all(|timing| timing.can_hold()), "{}: {timings:?}", kind.line);
    }
}

#[tokio::test]
async fn nothing_is_sent_where_hosts_that_people_type_may_not_lead() {
    for kind in kinds() {
        let world = World::allowing("10.0.0.0/8");
        let twin = world.put_up(kind.device).await;
        let board = world.open(&twin, kind.line, None);
        for error in [
            board.describe().await.unwrap_err(),
            board.pulse(relay(1), moment(None)).await.unwrap_err(),
            board.release(relay(1)).await.unwrap_err(),
        ] {
            assert!(error.reason.contains("leads to the machine that calls it"), "{}: {error}", kind.line);
            assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unauthorized, false));
        }
        assert_eq!(world.sandbox.requests().count(Vendor::Boards, |_| true), 0, "{}", kind.line);
    }
}

#[tokio::test]
async fn many_at_once_take_turns_and_all_is_done() {
    for (world, twin, board, kind) in each().await {
        let calls = (0..12).map(|n| board.pulse(relay(1 + n % 2), moment(None)));
        for done in futures::future::join_all(calls).await {
            done.unwrap_or_else(|error| panic!("{}: {error}", kind.line));
        }
        world.pass(ms(60_000));
        for number in [1, 2] {
            assert_eq!(closed(&twin, relay(number)), [Some(PULSE_USUAL)], "{}", kind.line);
        }
    }
}
