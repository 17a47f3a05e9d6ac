//! The story as it is told: each step with the time since the confirmation was asked for.

use std::cell::{Cell, RefCell};

use tokio::time::Instant;

/// What was told so far.
pub(super) struct Story {
    start: Cell<Instant>,
    steps: RefCell<Vec<String>>,
}

impl Story {
    pub(super) fn new() -> Self {
        Self { start: Cell::new(Instant::now()), steps: RefCell::default() }
    }

    /// Time counts from now.
    pub(super) fn begin(&self) {
        self.start.set(Instant::now());
    }

    /// Tells a step.
    pub(super) fn step(&self, what: &str, detail: &str) {
        let ms = self.start.get().elapsed().as_secs_f64() * 1_000.0;
        println!("{ms:>9.1} ms  {what:<36} {detail}");
        self.steps.borrow_mut().push(format!("{what} ({ms:.0} ms)"));
    }

    /// Sums up.
    pub(super) fn end(&self) {
        let steps = self.steps.borrow();
        println!("\nAll {} steps happened: {}.", steps.len(), steps.join(", "));
    }
}
