//! The simulation: the real shell (consumers, scheduler, results, reconciler) on a real Postgres, under a
//! random source and a clock that the seed decides, with a bus, adapters and providers that are modelled.
//!
//! Each step delivers messages (out of order, twice, late), has the scheduler look at what is due, lets an
//! adapter work (well, badly, or so that nobody knows), lets time go on or a clock step, or has somebody do
//! something: book, move, cancel, invite, give a door, sell passes, memberships and contracts, use, renew and end
//! them, join and leave the team, pause, map, set, disconnect, meddle at the provider. Work
//! of the shell dies between any two of its statements, or after its commit and before its acknowledgement; two
//! replicas work at the same time, one statement of each after the other. After each step the invariants are
//! checked; when all is settled everything must be exactly as the naive reference says.
//!
//! `make sim` runs 10,000 seeds, `make sim SEED=7` one of them with all that happened.

mod acts;
mod adapters;
mod booking;
mod calendar;
mod check;
mod contract;
mod manual;
mod membership;
mod names;
mod pass;
mod provider;
mod settle;
mod shell;
mod source;
mod sources;
mod truth;
mod underway;
mod works;
mod world;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use testkit::Harness;

use self::shell::Shell;
use self::underway::Statements;
use self::world::World;

/// Seeds of which one found a fault once. They always run.
const ONCE_FAULTY: [u64; 1] = [307];

/// How many seeds run if nobody says.
const SEEDS: u64 = 200;

/// What went wrong in a seed's world, and all that happened until then.
struct Finding {
    seed: u64,
    violation: String,
    log: Vec<String>,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { seed, violation, log } = self;
        write!(f, "seed {seed}: {violation}\nto see it again: make sim SEED={seed}\n{}", log.join("\n"))
    }
}

/// Which seeds are to run.
struct Plan {
    /// First these.
    known: &'static [u64],
    /// Then those of here on,
    next: AtomicU64,
    /// until here.
    end: u64,
    /// Whether all that happens is shown even if nothing is wrong.
    is_shown: bool,
    /// Whether a fault was found, and no more are needed.
    is_over: AtomicBool,
}

impl Plan {
    fn new(known: &'static [u64], seeds: std::ops::Range<u64>, is_shown: bool) -> Self {
        let (next, is_over) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
        Self { known, next, end: seeds.end, is_shown, is_over }
    }

    /// Runs the seeds on as many threads as the machine has cores.
    fn run(&self) {
        let findings = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for number in 0..std::thread::available_parallelism().map_or(1, usize::from) {
                let findings = &findings;
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    let known = if number == 0 { self.known } else { &[] };
                    let live = || runtime.block_on(self.live(known));
                    if let Err(finding) = tracing::subscriber::with_default(Statements, live) {
                        self.is_over.store(true, Ordering::Relaxed);
                        findings.lock().unwrap_or_else(PoisonError::into_inner).push(finding);
                    }
                });
            }
        });
        let findings = findings.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(finding) = findings.into_iter().min_by_key(|finding| finding.seed) {
            panic!("{finding}");
        }
    }

    /// Lives the worlds of one thread's share, in a database of its own.
    async fn live(&self, known: &[u64]) -> Result<(), Finding> {
        let harness = Harness::new().await;
        let shell = Shell::new(&harness).await;
        let mut known = known.iter().copied();
        let mut outcome = Ok(());
        while outcome.is_ok() && !self.is_over.load(Ordering::Relaxed) {
            let next = || Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < self.end);
            let Some(seed) = known.next().or_else(next) else { break };
            let mut world = World::new(seed, &shell);
            let lived = world.live().await;
            shell.leave(&world.workspaces()).await;
            if self.is_shown {
                eprintln!("{}", world.log.join("\n"));
            }
            let log = std::mem::take(&mut world.log);
            outcome = lived.map_err(|violation| Finding { seed, violation, log });
        }
        harness.finish().await;
        outcome
    }
}

#[expect(clippy::disallowed_methods, reason = "whoever runs it says so")]
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

#[test]
fn whatever_happens_doors_open_for_those_who_may_and_for_nobody_else() {
    let plan = match setting("SEED") {
        Some(seed) => Plan::new(&[], seed..seed + 1, true),
        None => Plan::new(&ONCE_FAULTY, 0..setting("SEEDS").unwrap_or(SEEDS), false),
    };
    plan.run();
}
