//! ESPHome nodes.

use door_adapter::ErrorKind;
use relay_adapter::driver::PULSE_USUAL;
use sandbox::boards::{Device, EspHome};

use crate::world::{World, closed, moment, ms, relay};

const LINE: &str = "esphome HERE switches=Door%201,Door%202";

#[tokio::test]
async fn what_the_node_does_after_its_answer_is_waited_for() {
    let world = World::new();
    let twin = world.put_up(Device::EspHome(EspHome { delay_ms: 200, ..EspHome::default() })).await;
    let board = world.open(&twin, LINE, None);
    let time = async {
        loop {
            tokio::time::sleep(ms(20)).await;
            world.pass(ms(20));
        }
    };
    tokio::select! {
        pulsed = board.pulse(relay(1), moment(None)) => assert_eq!(pulsed.unwrap(), PULSE_USUAL),
        () = time => unreachable!("it never ends"),
    }
    assert!(twin.is_closed(0));
}

#[tokio::test]
async fn what_the_node_never_does_is_not_told_as_done() {
    let world = World::new();
    let twin = world.put_up(Device::EspHome(EspHome { delay_ms: 3_600_000, ..EspHome::default() })).await;
    let error = world.open(&twin, LINE, None).pulse(relay(1), moment(None)).await.unwrap_err();
    assert!(error.outcome_unknown && error.reason.contains("was not seen closed"), "{error}");
}

#[tokio::test]
async fn a_node_is_called_with_its_login() {
    let world = World::new();
    let login = Some(("door".to_owned(), "pa:ss".to_owned()));
    let twin = world.put_up(Device::EspHome(EspHome { login, ..EspHome::default() })).await;
    world.open(&twin, LINE, Some("door:pa:ss")).pulse(relay(1), moment(None)).await.unwrap();
    for key in [Some("door:hidden"), None] {
        let error = world.open(&twin, LINE, key).pulse(relay(2), moment(None)).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unauthorized, false), "{error}");
        assert!(!error.reason.contains("hidden"), "{error}");
    }
    assert!(closed(&twin, relay(2)).is_empty());
}

#[tokio::test]
async fn switches_that_the_node_does_not_have_are_told() {
    let world = World::new();
    let twin = world.put_up(Device::EspHome(EspHome { knows_object_ids: true, ..EspHome::default() })).await;
    let error = world
        .open(&twin, "esphome HERE switches=Gate", None)
        .pulse(relay(1), moment(None))
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
    assert!(error.reason.contains("no switch of a name that is listed"), "{error}");
}
