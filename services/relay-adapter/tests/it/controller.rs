//! A controller's driver, and the daemon that it calls.

use std::time::Duration;

use domain::OperationId;
use door_adapter::{AccessReason, ErrorKind};
use relay_adapter::driver::{LEASE, Lease, Moment};

use testkit::{Link, Traffic, eventually};

use crate::daemon::Daemon;
use crate::world::{World, lease, moment, ms, relay};

fn id() -> uuid::Uuid {
    OperationId::new().uuid()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_moment_ends_by_the_daemons_own_timer_and_once_is_once() {
    let (world, daemon) = (World::new(), Daemon::start().await);
    let board = world.open_at(daemon.address, &daemon.line(), Some(&daemon.key));
    assert_eq!(board.describe().await.unwrap().relays.len(), 2);
    let asked = Moment { id: id(), length: Some(ms(1_234)) };
    assert_eq!(board.was_done(asked.id).await.unwrap(), Some(false));
    assert_eq!(board.pulse(relay(1), asked).await.unwrap(), ms(1_234));
    assert!(board.read(relay(1)).await.unwrap().is_closed);
    daemon.clock.advance(ms(1_300));
    daemon.is_on(false).await;
    assert_eq!(board.was_done(asked.id).await.unwrap(), Some(true));
    board.pulse(relay(1), asked).await.unwrap();
    daemon.is_on(false).await;
    for (number, length, kind) in [(3, None, ErrorKind::NotFound), (1, Some(ms(30_001)), ErrorKind::Rejected)]
    {
        let error = board.pulse(relay(number), moment(length)).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (kind, false), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_lasts_as_long_as_it_is_renewed_and_no_longer_than_said() {
    let (world, daemon) = (World::new(), Daemon::start().await);
    let board = world.open_at(daemon.address, &daemon.line(), Some(&daemon.key));
    let held = Lease { hold: id(), length: LEASE, lasts: Some(Duration::from_secs(60)) };
    assert_eq!(board.hold(relay(1), held).await.unwrap(), LEASE);
    daemon.clock.advance(LEASE / 3);
    let renewed = Lease { lasts: None, ..held };
    board.hold(relay(1), renewed).await.unwrap();
    // A moment within it leaves it as it is.
    assert!(board.keeps_leases());
    board.pulse(relay(1), moment(None)).await.unwrap();
    daemon.clock.advance(LEASE * 2 / 3);
    daemon.is_on(true).await;
    daemon.clock.advance(LEASE);
    daemon.is_on(false).await;
    board.hold(relay(1), renewed).await.unwrap_err();
    assert!(!daemon.simulation.levels()[0], "what has ended is not taken up again");
    // Locking ends it at once.
    board.hold(relay(1), Lease { hold: id(), ..held }).await.unwrap();
    board.release(relay(1)).await.unwrap();
    daemon.is_on(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lockdown_is_the_daemons_own() {
    let (world, daemon) = (World::new(), Daemon::start().await);
    let board = world.open_at(daemon.address, &daemon.line(), Some(&daemon.key));
    board.pulse(relay(1), moment(None)).await.unwrap();
    for _ in 0..2 {
        board.set_locked_down(relay(1), true).await.unwrap();
    }
    daemon.is_on(false).await;
    let error = board.pulse(relay(1), moment(None)).await.unwrap_err();
    assert_eq!((error.code(), error.outcome_unknown), (AccessReason::DoorLockedDown, false), "{error}");
    board.hold(relay(1), Lease { lasts: Some(LEASE), ..lease(LEASE) }).await.unwrap_err();
    board.pulse(relay(2), moment(None)).await.unwrap();
    board.set_locked_down(relay(1), false).await.unwrap();
    board.pulse(relay(1), moment(None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_key_is_refused_and_nothing_is_sent_to_another_certificate() {
    let (world, daemon, other) = (World::new(), Daemon::start().await, Daemon::start().await);
    for key in [Some(other.key.as_str()), None] {
        let opened = world.try_open_at(daemon.address, &daemon.line(), key);
        let error = match opened {
            Ok(board) => board.pulse(relay(1), moment(None)).await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unauthorized, false), "{error}");
    }
    let board = world.open_at(daemon.address, &other.line(), Some(&daemon.key));
    let error = board.pulse(relay(1), moment(None)).await.unwrap_err();
    assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unauthorized, false), "{error}");
    assert!(error.reason.contains("certificate"), "{error}");
    assert!(!daemon.simulation.levels()[0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_share_a_connection_and_a_stale_one_neither_loses_nor_doubles_a_pulse() {
    let (world, daemon) = (World::new(), Daemon::start().await);
    let link = Link::to(daemon.address).await;
    let board = world.open_at(link.address(), &daemon.line(), Some(&daemon.key));
    let over = async || {
        daemon.clock.advance(ms(5_000));
        daemon.is_on(false).await;
    };
    for _ in 0..3 {
        board.pulse(relay(1), moment(None)).await.unwrap();
        over().await;
    }
    assert_eq!(link.connections(), 1);

    for (traffic, was_done) in [(Traffic::BreaksOnTheWay, false), (Traffic::BreaksOnTheWayBack, true)] {
        board.read(relay(1)).await.unwrap();
        let connections = link.connections();
        link.set(traffic);
        let lost = moment(None);
        let error = board.pulse(relay(1), lost).await.unwrap_err();
        assert_eq!((error.kind, error.outcome_unknown), (ErrorKind::Unreachable, true), "{error}");
        assert_eq!(link.connections(), connections, "it is not sent again");
        link.set(Traffic::Carried);
        eventually("what became of it", ms(20_000), async || match board.was_done(lost.id).await {
            Ok(Some(done)) if done == was_done => Ok(()),
            other => Err(format!("{other:?}")),
        })
        .await;
        over().await;
    }

    // What hangs up while nobody calls is no obstacle.
    board.read(relay(1)).await.unwrap();
    link.set(Traffic::Cut);
    board.read(relay(1)).await.unwrap_err();
    link.set(Traffic::Carried);
    board.pulse(relay(1), moment(None)).await.unwrap();
    let openings =
        daemon.simulation.changes().iter().filter(|change| change.channel == 0 && change.on).count();
    assert_eq!(openings, 5);
}
