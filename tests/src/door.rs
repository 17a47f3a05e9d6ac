//! Doors of all systems, as who stands before them finds them.

mod kisi;
mod relay;
mod unifi;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{Duration as Span, SubsecRound as _};
use domain::{Clock as _, SystemClock, Timestamp, Window};
use proto::access::v1 as access;
use testkit::eventually;

pub use kisi::KisiDoor;
pub use relay::RelayDoor;
pub use unifi::{DOOR as CONSOLE_DOOR, TOKEN as CONSOLE_TOKEN, UnifiDoor};

use crate::Stage;
use crate::play::World;

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(120);

/// From when until when people may enter, by their emails.
pub type Access = BTreeMap<String, (Timestamp, Timestamp)>;

/// What kind of system doors open by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Kisi's cloud.
    Kisi,
    /// A relay-controller of our own, whose door people open by Latchkey.
    Relay,
    /// A console of UniFi Access.
    Unifi,
}

impl System {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kisi, Self::Relay, Self::Unifi];

    /// What integrations call it.
    pub fn provider(self) -> &'static str {
        match self {
            Self::Kisi => "kisi",
            Self::Relay => "relay",
            Self::Unifi => "unifi",
        }
    }

    /// A workspace without margins whose rooms all open by one door of this system alone.
    pub async fn world(self, stage: &Stage, rooms: usize, people: usize) -> (World, Door) {
        let (client, tag) = (stage.client(), format!("-{}", self.provider()));
        let mut world = World::build_one(&client, &tag, &stage.new_account(&tag), 0, people).await;
        world.without_margins(&client).await;
        let door = self.connect(stage, &world).await;
        for _ in 0..rooms {
            world.add_room_behind(&client, &[&door]).await;
        }
        (world, door)
    }

    /// A door of this system, which is connected to the workspace.
    pub async fn connect(self, stage: &Stage, world: &World) -> Door {
        match self {
            // It is from the start.
            Self::Kisi => Door::of(stage, world),
            Self::Relay => RelayDoor::put_up(stage, world).await.into(),
            Self::Unifi => UnifiDoor::put_up(stage, world).await.into(),
        }
    }
}

/// What a door's system does at the door.
#[async_trait]
pub trait Lock: Send + Sync {
    /// Which system's it is.
    fn system(&self) -> System;
    /// What doors are mapped to.
    fn target(&self) -> access::DoorTarget;
    /// Whether it opens to someone who stands before it now.
    async fn opens(&self, email: &str) -> bool;
    /// Whom its system would let in there, and when, be it later. An error if it has more of a person than one window.
    async fn access(&self) -> Result<Access, String>;
}

/// A door of any system.
#[derive(Clone)]
pub struct Door(Arc<dyn Lock>);

impl<L: Lock + 'static> From<L> for Door {
    fn from(lock: L) -> Self {
        Self(Arc::new(lock))
    }
}

impl Door {
    /// The world's, of Kisi.
    pub fn of(stage: &Stage, world: &World) -> Self {
        KisiDoor::of(stage, world).into()
    }

    /// One of the world's at Kisi, if it has several.
    pub fn called(stage: &Stage, world: &World, name: &str) -> Self {
        KisiDoor::called(stage, world, name).into()
    }

    /// Which system's it is.
    pub fn system(&self) -> System {
        self.0.system()
    }

    /// What doors are mapped to.
    pub fn target(&self) -> access::DoorTarget {
        self.0.target()
    }

    /// Whether it opens to someone who stands before it now.
    pub async fn opens(&self, email: &str) -> bool {
        self.0.opens(email).await
    }

    /// A window that begins so many seconds from now. In whole seconds: Kisi is told no parts of them.
    pub fn window(seconds_until: i64, seconds_long: i64) -> Window {
        let start = SystemClock.now().trunc_subsecs(0) + Span::seconds(seconds_until);
        Window::new(start, start + Span::seconds(seconds_long)).expect("it is not empty")
    }

    /// Waits until its system would let in exactly those, then.
    pub async fn lets_in_exactly(&self, wanted: impl Fn() -> Access, limit: Duration) {
        let what = format!("{:?} has exactly what it should", self.system());
        eventually(&what, limit, async || {
            let (wanted, found) = (wanted(), self.0.access().await?);
            if wanted == found {
                return Ok(());
            }
            let missing: Vec<_> =
                wanted.iter().filter(|(email, window)| found.get(*email) != Some(window)).take(3).collect();
            let foreign: Vec<_> =
                found.iter().filter(|(email, _)| !wanted.contains_key(*email)).take(3).collect();
            let (wanted, found) = (wanted.len(), found.len());
            Err(format!(
                "{wanted} wanted, {found} found; missing or other: {missing:?}; not wanted: {foreign:?}"
            ))
        })
        .await;
    }

    /// Waits until its system knows of someone's access, be it access that begins later.
    pub async fn knows(&self, email: &str) {
        self.has(email, true).await;
    }

    /// Waits until its system knows of no access of someone any more, be it over.
    pub async fn forgets(&self, email: &str) {
        self.has(email, false).await;
    }

    async fn has(&self, email: &str, wanted: bool) {
        let what = format!("{:?} knows of the access: {wanted}", self.system());
        eventually(&what, LIMIT, async || match self.0.access().await?.contains_key(email) {
            knows if knows == wanted => Ok(()),
            knows => Err(knows.to_string()),
        })
        .await;
    }

    /// Waits until it opens to someone.
    pub async fn lets_in(&self, email: &str) {
        let what = format!("the door of {:?} opens", self.system());
        eventually(&what, LIMIT, async || if self.opens(email).await { Ok(()) } else { Err("shut") }).await;
    }

    /// Waits until it does not open to someone.
    pub async fn keeps_out(&self, email: &str) {
        let what = format!("the door of {:?} is shut", self.system());
        eventually(&what, LIMIT, async || if self.opens(email).await { Err("open") } else { Ok(()) }).await;
    }

    /// Taps before, within and after a window that lies a few seconds ahead: it opens in the window and
    /// never else.
    pub async fn obeys(&self, email: &str, window: Window) {
        let system = self.system();
        self.knows(email).await;
        let is_open = self.opens(email).await;
        assert!(!is_open || SystemClock.now() >= window.start(), "{system:?} opened too early to {email}");
        self.lets_in(email).await;
        assert!(SystemClock.now() >= window.start(), "{system:?} opened too early to {email}");
        self.keeps_out(email).await;
        assert!(SystemClock.now() >= window.end(), "{system:?} shut too early to {email}");
    }
}
