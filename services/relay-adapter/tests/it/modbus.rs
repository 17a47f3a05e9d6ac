//! Boards that speak Modbus.

use door_adapter::ErrorKind;
use relay_adapter::driver::PULSE_USUAL;
use sandbox::boards::{Device, Framing, Modbus};

use crate::world::{World, closed, moment, ms, relay};

fn tcp() -> Modbus {
    Modbus { framing: Framing::Tcp, ..Modbus::default() }
}

#[tokio::test]
async fn a_board_in_the_other_framing_is_recognized() {
    for (framing, said, tip) in [(Framing::Rtu, "tcp", "framing=rtu"), (Framing::Tcp, "rtu", "framing=tcp")] {
        let world = World::new();
        let twin = world.put_up(Device::Modbus(Modbus { framing, ..tcp() })).await;
        let board = world.open(&twin, &format!("modbus HERE framing={said}"), None);
        let error = board.describe().await.unwrap_err();
        assert!(error.reason.contains(tip), "{error}");
        let error = board.pulse(relay(1), moment(None)).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unreachable, false), "{error}");
        assert!(closed(&twin, relay(1)).is_empty());
    }
}

#[tokio::test]
async fn another_unit_does_not_answer() {
    let world = World::new();
    let twin = world.put_up(Device::Modbus(Modbus { unit: 3, ..tcp() })).await;
    let error = world.open(&twin, "modbus HERE", None).read(relay(1)).await.unwrap_err();
    assert!(error.reason.contains("is it set to this framing and this unit?"), "{error}");
    world.open(&twin, "modbus HERE unit=3", None).pulse(relay(1), moment(None)).await.unwrap();
}

#[tokio::test]
async fn what_the_board_says_no_to_has_no_effect() {
    for (device, kind, words) in [
        (Modbus { is_busy: true, ..tcp() }, ErrorKind::Unreachable, "it is busy"),
        (Modbus { has_flash: false, ..tcp() }, ErrorKind::Rejected, "it has nothing at that address"),
        (Modbus { control_modes: vec![1], ..tcp() }, ErrorKind::Rejected, "its control mode must be normal"),
    ] {
        let world = World::new();
        let twin = world.put_up(Device::Modbus(device)).await;
        let error = world.open(&twin, "modbus HERE", None).pulse(relay(1), moment(None)).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (kind, false), "{error}");
        assert!(error.reason.contains(words), "{error}");
        assert!(closed(&twin, relay(1)).is_empty());
    }
}

#[tokio::test]
async fn answers_of_others_are_not_taken_for_ours() {
    let world = World::new();
    let twin = world.put_up(Device::Modbus(Modbus { has_wrong_transactions: true, ..tcp() })).await;
    let error = world.open(&twin, "modbus HERE", None).pulse(relay(1), moment(None)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed);
    assert!(closed(&twin, relay(1)).is_empty());
}

#[tokio::test]
async fn answers_in_pieces_are_put_together() {
    for framing in [Framing::Tcp, Framing::Rtu] {
        let world = World::new();
        let twin = world.put_up(Device::Modbus(Modbus { framing, has_partial_frames: true, ..tcp() })).await;
        let line = if framing == Framing::Tcp { "modbus HERE" } else { "modbus HERE framing=rtu" };
        world.open(&twin, line, None).pulse(relay(2), moment(None)).await.unwrap();
        world.pass(ms(60_000));
        assert_eq!(closed(&twin, relay(2)), [Some(PULSE_USUAL)]);
    }
}

#[tokio::test]
async fn times_are_rounded_up_to_tenths_of_seconds() {
    let world = World::new();
    let twin = world.put_up(Device::Modbus(tcp())).await;
    let board = world.open(&twin, "modbus HERE", None);
    for (asked, given) in [(100, 100), (101, 200), (2_999, 3_000), (30_000, 30_000)] {
        assert_eq!(board.pulse(relay(1), moment(Some(ms(asked)))).await.unwrap(), ms(given));
        world.pass(ms(60_000));
        assert_eq!(closed(&twin, relay(1)).last(), Some(&Some(ms(given))));
    }
}
