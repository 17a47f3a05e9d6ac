//! Boards with Tasmota.

use door_adapter::ErrorKind;
use relay_adapter::driver::LEASE;
use sandbox::boards::{Device, NewBoard, Tasmota};

use crate::world::{World, closed, lease, moment, ms, relay};

fn for_doors() -> Tasmota {
    Tasmota::of_a_door(30, 2)
}

#[tokio::test]
async fn a_board_that_is_not_set_up_for_a_door_is_not_used() {
    let with = |option: (u32, u32)| {
        let mut tasmota = for_doors();
        tasmota.options.extend([option]);
        tasmota
    };
    for (device, words) in [
        (Tasmota::default(), "PowerOnState must be 0"),
        (Tasmota { power_on_state: 3, ..for_doors() }, "PowerOnState must be 0"),
        (with((0, 1)), "SetOption0 must be 0"),
        (with((73, 0)), "SetOption73 must be 1"),
        (Tasmota { pulse_times: vec![0, 30], ..for_doors() }, "PulseTime1 must be set"),
    ] {
        let world = World::new();
        let twin = world.put_up(Device::Tasmota(device)).await;
        let board = world.open(&twin, "tasmota HERE", None);
        let error = board.pulse(relay(1), moment(None)).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Rejected, false), "{error}");
        assert!(error.reason.contains(words), "{error}");
        assert!(board.describe().await.unwrap().relays[0].timing.is_err());
        assert!(closed(&twin, relay(1)).is_empty());
    }
}

#[tokio::test]
async fn it_has_the_time_that_it_is_set_to_and_no_other() {
    let world = World::new();
    let twin = world.put_up(Device::Tasmota(Tasmota { pulse_times: vec![112, 200], ..for_doors() })).await;
    let board = world.open(&twin, "tasmota HERE", None);
    assert_eq!(board.pulse(relay(1), moment(None)).await.unwrap(), ms(12_000));
    world.pass(ms(60_000));
    let error = board.pulse(relay(1), moment(Some(ms(3_000)))).await.unwrap_err();
    assert!(error.reason.contains("12000 ms and no other time"), "{error}");
    assert!(board.pulse(relay(2), moment(None)).await.is_err(), "100 seconds are no moment");
    assert!(board.hold(relay(2), lease(LEASE)).await.is_err(), "and too long for a lease");
    assert_eq!(closed(&twin, relay(1)), [Some(ms(12_000))]);
    assert!(closed(&twin, relay(2)).is_empty());
}

#[tokio::test]
async fn a_password_is_sent_and_refusals_are_known_by_status_or_words() {
    for refuses_with_200 in [false, true] {
        let world = World::new();
        let device = Tasmota { password: Some("door-pass".into()), refuses_with_200, ..for_doors() };
        let twin = world.put_up(Device::Tasmota(device)).await;
        world.open(&twin, "tasmota HERE", Some("door-pass")).pulse(relay(1), moment(None)).await.unwrap();
        for key in [Some("hidden"), None] {
            let error =
                world.open(&twin, "tasmota HERE", key).pulse(relay(2), moment(None)).await.unwrap_err();
            assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unauthorized, false), "{error}");
            assert!(!error.reason.contains("hidden"), "{error}");
        }
        assert!(closed(&twin, relay(2)).is_empty());
    }
}

#[tokio::test]
async fn an_answer_without_what_was_asked_for_is_no_yes() {
    let world = World::new();
    let twin = world.put_up(Device::Tasmota(Tasmota { answers_nothing: true, ..for_doors() })).await;
    let error = world.open(&twin, "tasmota HERE", None).pulse(relay(1), moment(None)).await.unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Malformed, false), "{error}");
    assert!(closed(&twin, relay(1)).is_empty());
}

#[tokio::test]
async fn the_only_relay_of_a_board_has_no_number() {
    let world = World::new();
    let new = NewBoard { channels: 1, ..NewBoard::new("front", Device::Tasmota(for_doors())) };
    let twin = world.sandbox.boards().add(new).await.unwrap();
    let board = world.open(&twin, "tasmota HERE", None);
    assert_eq!(board.describe().await.unwrap().relays.len(), 1);
    board.pulse(relay(1), moment(None)).await.unwrap();
    assert!(twin.is_closed(0));
}
