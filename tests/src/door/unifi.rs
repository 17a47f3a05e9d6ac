//! A door of a UniFi console.

use std::sync::Arc;

use async_trait::async_trait;
use proto::access::v1 as access;
use sandbox::unifi::Unifi;

use super::{Access, Lock, System};
use crate::Stage;
use crate::play::World;

/// The console's door, in the sandbox's default world.
pub const DOOR: &str = "room-1";
/// The console's token there.
pub const TOKEN: &str = "demo-unifi-token";

/// A door of a UniFi console, at whose reader visitors type their PINs.
pub struct UnifiDoor {
    console: Arc<Unifi>,
}

impl UnifiDoor {
    /// Opens the sandbox's console, and connects it.
    pub async fn put_up(stage: &Stage, world: &World) -> Self {
        let console = stage.sandbox.unifi().clone();
        let address = console.open(([127, 0, 0, 1], 0).into()).await.expect("the console opens");
        let values = [
            ("host", "127.0.0.1".to_owned()),
            ("port", address.port().to_string()),
            ("api_key", TOKEN.to_owned()),
        ];
        world.connect(&stage.client(), "unifi", &values, "connect-unifi").await;
        Self { console }
    }
}

#[async_trait]
impl Lock for UnifiDoor {
    fn system(&self) -> System {
        System::Unifi
    }

    fn target(&self) -> access::DoorTarget {
        access::DoorTarget {
            kind: access::DoorTargetKind::Lock.into(),
            r#ref: DOOR.to_owned(),
            display_name: "Room 1".to_owned(),
        }
    }

    async fn opens(&self, email: &str) -> bool {
        let mut visits = self.console.access_windows(DOOR).into_iter().filter(|visit| visit.email == email);
        let pin = visits.next().and_then(|visit| visit.pin);
        pin.is_some_and(|pin| self.console.present_pin(DOOR, &pin))
    }

    async fn access(&self) -> Result<Access, String> {
        let mut found = Access::new();
        for visit in self.console.access_windows(DOOR) {
            let window = (visit.window.start(), visit.window.end());
            if found.insert(visit.email.clone(), window).is_some() {
                return Err(format!("{} is there twice", visit.email));
            }
        }
        Ok(found)
    }
}
