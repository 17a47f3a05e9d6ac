//! Shellies.

use door_adapter::ErrorKind;
use sandbox::boards::{Device, Shelly, ShellyChannel};

use crate::world::{World, closed, lease, moment, ms, relay};

fn for_doors() -> Shelly {
    Shelly { channels: vec![ShellyChannel::of_a_door(60.0); 2], ..Shelly::default() }
}

#[tokio::test]
async fn a_password_is_proven_and_never_sent() {
    let world = World::new();
    let twin =
        world.put_up(Device::Shelly(Shelly { password: Some("door-pass".into()), ..for_doors() })).await;
    let board = world.open(&twin, "shelly HERE", Some("door-pass"));
    board.describe().await.unwrap();
    board.pulse(relay(1), moment(None)).await.unwrap();
    // The challenge is old by now, and asked for anew.
    world.pass(ms(120_000));
    board.pulse(relay(1), moment(None)).await.unwrap();
    assert!(twin.is_closed(0));
    for (key, words) in [(Some("hidden"), "it does not take its key"), (None, "it asks for a key")] {
        let error = world.open(&twin, "shelly HERE", key).pulse(relay(2), moment(None)).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unauthorized, false));
        assert!(error.reason.contains(words) && !error.reason.contains("hidden"), "{error}");
    }
    assert!(closed(&twin, relay(2)).is_empty());
}

#[tokio::test]
async fn a_relay_that_is_not_set_up_for_a_door_is_not_used() {
    let door = || ShellyChannel::of_a_door(60.0);
    for (channel, words) in [
        (ShellyChannel::default(), "auto_off must be on"),
        (ShellyChannel { auto_off: false, ..door() }, "auto_off must be on"),
        (ShellyChannel { auto_off_delay: 29.9, ..door() }, "auto_off_delay must be 30 or more"),
        (ShellyChannel { auto_on: true, ..door() }, "auto_on must be off"),
        (ShellyChannel { initial_state: "restore_last".into(), ..door() }, "initial_state must be off"),
        (ShellyChannel { in_mode: "follow".into(), ..door() }, "in_mode must be detached"),
    ] {
        let world = World::new();
        let twin =
            world.put_up(Device::Shelly(Shelly { channels: vec![door(), channel], ..for_doors() })).await;
        let board = world.open(&twin, "shelly HERE", None);
        for failed in
            [board.pulse(relay(2), moment(None)).await, board.hold(relay(2), lease(ms(5_000))).await]
        {
            let error = failed.unwrap_err();
            assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Rejected, false));
            let expected = format!("board front: relay 2 is not set up for a door: {words}");
            assert!(error.reason.starts_with(&expected), "{error}");
        }
        assert!(closed(&twin, relay(2)).is_empty());
        let described = board.describe().await.unwrap();
        assert!(described.relays[0].timing.is_ok() && described.relays[1].timing.is_err());
        board.pulse(relay(1), moment(None)).await.unwrap();
        // It is locked all the same.
        board.release(relay(2)).await.unwrap();
    }
}

#[tokio::test]
async fn settings_that_change_are_seen_at_the_next_use() {
    let world = World::new();
    let twin = world.put_up(Device::Shelly(for_doors())).await;
    let board = world.open(&twin, "shelly HERE", None);
    board.hold(relay(1), lease(ms(30_000))).await.unwrap();
    twin.configure(|device| {
        if let Device::Shelly(shelly) = device {
            shelly.channels[0].auto_on = true;
        }
    });
    world.pass(ms(10_000));
    board.hold(relay(1), lease(ms(30_000))).await.unwrap_err();
    assert!(twin.is_closed(0), "what was held runs out");
}

#[tokio::test]
async fn times_are_sent_in_tenths_of_seconds() {
    let world = World::new();
    let twin = world.put_up(Device::Shelly(for_doors())).await;
    let board = world.open(&twin, "shelly HERE", None);
    assert_eq!(board.pulse(relay(1), moment(Some(ms(450)))).await.unwrap(), ms(500));
    world.pass(ms(60_000));
    assert_eq!(closed(&twin, relay(1)), [Some(ms(500))]);
}

#[tokio::test]
async fn firmware_that_lacks_a_method_is_told() {
    let world = World::new();
    let methods = vec!["Switch.GetConfig".to_owned()];
    let twin = world.put_up(Device::Shelly(Shelly { unknown_methods: methods, ..for_doors() })).await;
    let error = world.open(&twin, "shelly HERE", None).pulse(relay(1), moment(None)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound, "{error}");
}
