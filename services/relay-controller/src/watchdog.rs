//! Sees to it that the lines are minded. If their thread hangs, relays might stay on: then the process ends at once, so
//! that the kernel takes the lines back and systemd switches them off.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use crate::clock::Clock;
use crate::lines::LineThread;

/// The thread may do nothing for so long; it works several times a second.
const STUCK_AFTER: Duration = Duration::from_secs(5);
/// How often it is looked at.
const LOOK_EACH: Duration = Duration::from_secs(1);

/// Looks until the thread has ended, and tells systemd each time that all is well. `stuck` is what is done if not.
pub fn watch(lines: &LineThread, clock: &Arc<dyn Clock>, stuck: impl FnOnce()) {
    while !lines.has_ended() {
        if lines.beat() + STUCK_AFTER < clock.since_boot() {
            return stuck();
        }
        // Nobody listens where there is no systemd.
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        std::thread::sleep(LOOK_EACH);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::lines::tests::world;

    #[test]
    fn a_thread_that_hangs_is_found_and_one_that_ended_is_let_be() {
        let (world, lines) = world();
        let thread = LineThread::start(lines).unwrap();
        let clock: Arc<dyn Clock> = world.clock.clone();
        let (hang, let_go) = (channel(), channel::<()>());
        let job = thread.ask(move |_| {
            hang.0.send(()).unwrap();
            let_go.1.recv().unwrap();
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| runtime.block_on(job).unwrap());
            hang.1.recv().unwrap();
            world.clock.advance(STUCK_AFTER + Duration::from_secs(1));
            let mut was_stuck = false;
            watch(&thread, &clock, || was_stuck = true);
            assert!(was_stuck);
            let_go.0.send(()).unwrap();
        });
        thread.stop();
        runtime.block_on(thread.ended());
        watch(&thread, &clock, || panic!("it has ended"));
    }
}
