//! A door of a Kisi organization.

use std::sync::Arc;

use async_trait::async_trait;
use proto::access::v1 as access;
use sandbox::kisi::{Organization, Tap};

use super::{Access, Lock, System};
use crate::Stage;
use crate::play::World;

/// A door of a Kisi organization.
pub struct KisiDoor {
    kisi: Arc<Organization>,
    lock: i64,
    name: String,
}

impl KisiDoor {
    /// The world's.
    pub fn of(stage: &Stage, world: &World) -> Self {
        let kisi = stage.sandbox.kisi().organization(world.kisi.organization).expect("it was made");
        let lock = kisi.locks()[0].clone();
        Self { kisi, lock: lock.id, name: lock.name }
    }

    /// One of the world's, if it has several.
    pub fn called(stage: &Stage, world: &World, name: &str) -> Self {
        let kisi = stage.sandbox.kisi().organization(world.kisi.organization).expect("it was made");
        let lock = kisi.locks().into_iter().find(|lock| lock.name == name).expect("it was made").id;
        Self { kisi, lock, name: name.to_owned() }
    }
}

#[async_trait]
impl Lock for KisiDoor {
    fn system(&self) -> System {
        System::Kisi
    }

    fn target(&self) -> access::DoorTarget {
        access::DoorTarget {
            kind: access::DoorTargetKind::Lock.into(),
            r#ref: self.lock.to_string(),
            display_name: self.name.clone(),
        }
    }

    async fn opens(&self, email: &str) -> bool {
        self.kisi.tap(&Tap::of(email, self.lock)).expect("the door is there").opens
    }

    async fn access(&self) -> Result<Access, String> {
        let mut found = Access::new();
        for window in self.kisi.access_windows() {
            let (Some(from), Some(until)) = (window.valid_from, window.valid_until) else {
                continue; // the owner, who may always
            };
            if found.insert(window.email.clone(), (from, until)).is_some() {
                return Err(format!("{} has two assignments", window.email));
            }
        }
        Ok(found)
    }
}
