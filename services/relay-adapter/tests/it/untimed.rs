//! Boards that have no timer.

use std::time::Duration;

use door_adapter::ErrorKind;
use relay_adapter::driver::LEASE;
use sandbox::boards::{Device, Framing, Modbus};
use sandbox::{Action, Fault, Vendor};
use tokio_util::sync::CancellationToken;

use crate::world::{World, closed, lease, moment, ms, relay};

fn without_timer() -> Device {
    Device::Modbus(Modbus { framing: Framing::Tcp, has_flash: false, ..Modbus::default() })
}

#[tokio::test]
async fn a_board_without_a_timer_is_not_used_unless_that_is_accepted_by_name() {
    let world = World::new();
    let twin = world.put_up(without_timer()).await;
    let board = world.open(&twin, "modbus HERE timer=none", None);
    let error = board.pulse(relay(1), moment(None)).await.unwrap_err();
    assert!(error.reason.contains("accept=no-timer"), "{error}");
    assert_eq!(error.kind, ErrorKind::Rejected);
    assert!(board.hold(relay(1), lease(LEASE)).await.is_err());
    assert!(closed(&twin, relay(1)).is_empty());
}

#[tokio::test]
async fn where_it_is_accepted_the_contact_is_opened_whatever_goes_wrong() {
    let lost = Action::DropAfterEffect;
    for (path, action) in [("^/01/", Action::Delay { delay_ms: 1 }), ("^/05/", lost.clone())] {
        let world = World::new();
        let twin = world.put_up(without_timer()).await;
        let board = world.open(&twin, "modbus HERE timer=none accept=no-timer", None);
        // The write that closes, or the first that opens.
        world.sandbox.faults().add(Fault::on(Vendor::Boards, action).request("POST", path).times(1)).unwrap();
        let pulsed = board.pulse(relay(1), moment(Some(ms(150)))).await;
        assert!(
            pulsed.as_ref().is_ok_and(|it| *it == ms(150))
                || pulsed.is_err_and(|error| error.outcome_unknown)
        );
        assert!(twin.is_closed(0));
        until_open(&twin).await;
        assert!(board.hold(relay(1), lease(LEASE)).await.is_err(), "nothing ends that by itself");
    }
}

#[tokio::test]
async fn before_the_process_ends_its_contacts_are_opened() {
    let world = World::new();
    let twin = world.put_up(without_timer()).await;
    let board = world.open(&twin, "modbus HERE timer=none accept=no-timer", None);
    board.pulse(relay(1), moment(Some(ms(30_000)))).await.unwrap();
    assert!(twin.is_closed(0));
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    world.lasting.clone().run(shutdown).await;
    assert!(!twin.is_closed(0));
}

async fn until_open(twin: &sandbox::boards::Board) {
    let opened = async {
        while twin.is_closed(0) {
            tokio::time::sleep(ms(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), opened).await.expect("it is opened");
}
