//! What holds of the lines, whatever goes wrong.

use std::sync::Mutex;

use super::*;
use crate::board::{SimulatedBoard, SimulatedConfig, Simulation};
use crate::channel::Channel;
use crate::clock::SettableClock;
use crate::disk::cut::CutDisk;
use crate::log::{Bounds, Log};
use crate::request::Memory;
use crate::span::HoldLength;

pub(crate) struct World {
    pub(crate) clock: Arc<SettableClock>,
    simulation: Simulation,
    recorder: Recorder,
    log: Arc<Mutex<Log>>,
}

pub(crate) fn world() -> (World, Lines) {
    let clock = Arc::new(SettableClock::at("2026-12-01T12:00:00Z".parse().unwrap()));
    let disk = CutDisk::default();
    let time = Arc::new(Time::load(disk.clone(), clock.clone(), false).unwrap());
    let (recorder, waiting) = Recorder::new(time.clone(), 1);
    let log = Arc::new(Mutex::new(Log::load(disk, Bounds::DEFAULT).unwrap()));
    let of_writer = log.clone();
    std::thread::spawn(move || waiting.write(&of_writer));
    let config = SimulatedConfig { channels: 2, levels: None };
    let board = SimulatedBoard::open(&config, clock.clone()).unwrap();
    let simulation = board.simulation();
    let channel = Channel::new(PulseLength::from_ms(3_000).unwrap(), false);
    let bank = Bank::new(vec![channel; 2], Memory::default());
    let lines = Lines::new(Box::new(board), bank, time, recorder.clone());
    (World { clock, simulation, recorder, log }, lines)
}

impl World {
    fn log(&self) -> Vec<(Kind, Option<String>)> {
        self.recorder.flush(Duration::from_secs(10));
        self.log.lock().unwrap().entries().map(|e| (e.what.action, e.what.reason.clone())).collect()
    }
}

fn first() -> ChannelNumber {
    ChannelNumber::at(0)
}

fn hold(id: &str) -> Request {
    let (lease, length) = (Lease::from_ms(30_000).unwrap(), HoldLength::from_ms(3_600_000).unwrap());
    Request { id: RequestId::new(id).unwrap(), action: Action::Hold(first(), lease, length), actor: None }
}

fn lock(id: &str) -> Request {
    Request { id: RequestId::new(id).unwrap(), action: Action::Lock(first()), actor: None }
}

#[test]
fn a_held_line_is_off_when_its_lease_is_over() {
    let (world, mut lines) = world();
    lines.carry_out(&hold("h")).unwrap();
    assert_eq!(world.simulation.levels(), [true, false]);
    world.clock.advance(Duration::from_millis(29_999));
    lines.turn();
    assert_eq!(world.simulation.levels(), [true, false]);
    world.clock.advance(Duration::from_millis(1));
    lines.turn();
    assert_eq!(world.simulation.levels(), [false, false]);
    assert_eq!(world.log(), [(Kind::Hold, None), (Kind::Ended, Some("LEASE_OVER".into()))]);
}

#[test]
fn what_could_not_be_switched_on_is_not_done_and_not_tried_again() {
    let (world, mut lines) = world();
    world.simulation.fail(0, true);
    assert_eq!(lines.carry_out(&hold("h")), Err(NotDone::RelayFailed));
    assert_eq!(lines.find(&RequestId::new("h").unwrap()), None);
    lines.turn();
    assert_eq!(lines.state()[0].fault, Some(Fault::RelayFailed));
    world.simulation.fail(0, false);
    lines.turn();
    assert_eq!(world.simulation.levels(), [false, false]);
    assert_eq!(lines.state()[0].fault, None);
    assert!(!lines.carry_out(&hold("h")).unwrap().repeated, "it can be asked again");
}

#[test]
fn what_could_not_be_switched_off_is_tried_until_it_is() {
    let (world, mut lines) = world();
    lines.carry_out(&hold("h")).unwrap();
    world.simulation.fail(0, true);
    assert_eq!(lines.carry_out(&lock("l")), Err(NotDone::RelayFailed));
    assert_eq!(world.simulation.levels(), [true, false]);
    lines.turn();
    world.simulation.fail(0, false);
    lines.turn();
    assert_eq!(world.simulation.levels(), [false, false]);
}

#[test]
fn a_relay_that_does_not_obey_is_seen_and_said_once() {
    let (world, mut lines) = world();
    lines.carry_out(&hold("h")).unwrap();
    world.simulation.weld(0);
    lines.carry_out(&lock("l")).unwrap();
    for _ in 0..10 {
        lines.turn();
    }
    assert_eq!(lines.state()[0].fault, Some(Fault::RelayDiffers));
    let faults = world.log().into_iter().filter(|(kind, _)| *kind == Kind::Fault);
    assert_eq!(faults.collect::<Vec<_>>(), [(Kind::Fault, Some("RELAY_DIFFERS".into()))]);
}

#[tokio::test]
async fn all_is_off_when_the_thread_is_told_to_stop() {
    let (world, lines) = world();
    let thread = LineThread::start(lines).unwrap();
    thread.ask(|lines| lines.carry_out(&hold("h"))).await.unwrap().unwrap();
    thread.stop();
    thread.ended().await;
    assert_eq!(world.simulation.levels(), [false, false]);
    assert_eq!(thread.ask(|_| ()).await, Err(Unavailable::Stopping));
}

#[tokio::test]
async fn all_is_off_after_a_panic_in_the_thread() {
    let (world, lines) = world();
    let thread = LineThread::start(lines).unwrap();
    thread.ask(|lines| lines.carry_out(&hold("h"))).await.unwrap().unwrap();
    world.simulation.panic_at_reading();
    thread.ended().await;
    assert_eq!(world.simulation.levels(), [false, false]);
}
