//! The door of a world, as who stands before it finds it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{Duration as Span, SubsecRound as _};
use domain::{Clock as _, SystemClock, Window};
use sandbox::kisi::{Organization, Tap};
use testkit::eventually;

use crate::Stage;
use crate::play::World;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(120);

/// A door of a Kisi organization.
#[derive(Clone)]
pub struct Door {
    kisi: Arc<Organization>,
    lock: i64,
}

impl Door {
    /// The world's.
    pub fn of(stage: &Stage, world: &World) -> Self {
        let kisi = stage.sandbox.kisi().organization(world.kisi.organization).expect("it was made");
        let lock = kisi.locks()[0].id;
        Self { kisi, lock }
    }

    /// One of the world's, if it has several.
    pub fn called(stage: &Stage, world: &World, name: &str) -> Self {
        let Self { kisi, .. } = Self::of(stage, world);
        let lock = kisi.locks().into_iter().find(|lock| lock.name == name).expect("it was made").id;
        Self { kisi, lock }
    }

    /// Kisi's id of it.
    pub fn lock(&self) -> i64 {
        self.lock
    }

    /// Whether it opens to someone who taps now.
    pub fn opens(&self, email: &str) -> bool {
        self.kisi.tap(&Tap::of(email, self.lock)).expect("the door is there").opens
    }

    /// A window that begins so many seconds from now. In whole seconds: Kisi is told no parts of them.
    pub fn window(seconds_until: i64, seconds_long: i64) -> Window {
        let start = SystemClock.now().trunc_subsecs(0) + Span::seconds(seconds_until);
        Window::new(start, start + Span::seconds(seconds_long)).expect("it is not empty")
    }

    /// Waits until Kisi knows of someone's access, be it access that begins later.
    pub async fn knows(&self, email: &str) {
        eventually("Kisi knows of the access", LIMIT, async || {
            if self.kisi.access_windows_of(email, self.lock).is_empty() { Err("not yet") } else { Ok(()) }
        })
        .await;
    }

    /// Waits until Kisi knows of no access of someone any more, be it over.
    pub async fn forgets(&self, email: &str) {
        eventually("Kisi has forgotten the access", LIMIT, async || {
            if self.kisi.access_windows_of(email, self.lock).is_empty() { Ok(()) } else { Err("not yet") }
        })
        .await;
    }

    /// Waits until it opens to someone.
    pub async fn lets_in(&self, email: &str) {
        eventually("the door opens", LIMIT, async || if self.opens(email) { Ok(()) } else { Err("shut") })
            .await;
    }

    /// Waits until it does not open to someone.
    pub async fn keeps_out(&self, email: &str) {
        eventually("the door is shut", LIMIT, async || if self.opens(email) { Err("open") } else { Ok(()) })
            .await;
    }

    /// Taps before, within and after a window that lies a few seconds ahead: it opens in the window and
    /// never else.
    pub async fn obeys(&self, email: &str, window: Window) {
        self.knows(email).await;
        let is_open = self.opens(email);
        assert!(!is_open || SystemClock.now() >= window.start(), "it opened too early to {email}");
        self.lets_in(email).await;
        assert!(SystemClock.now() >= window.start(), "it opened too early to {email}");
        self.keeps_out(email).await;
        assert!(SystemClock.now() >= window.end(), "it shut too early to {email}");
    }
}
