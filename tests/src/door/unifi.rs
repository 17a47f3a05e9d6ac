//! A door of a UniFi console.

use std::sync::Arc;

use async_trait::async_trait;
use proto::access::v1 as access;
use sandbox::unifi::{AccessWindow, Unifi};

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
    /// Where the sandbox is.
    sandbox: String,
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
        Self { console, sandbox: stage.sandbox_url() }
    }

    /// The PIN of a visitor. Who has none is given one by the operator, unless they are not there any more.
    async fn pin(&self, visit: AccessWindow) -> Option<String> {
        if visit.pin.is_some() {
            return visit.pin;
        }
        let pin = format!("{:08}", rand::random_range(0..100_000_000));
        give_pin(&self.sandbox, &visit.visitor_id, &pin).await.then_some(pin)
    }
}

/// The operator gives a visitor a PIN, by the sandbox at that address. Whether they are there.
pub async fn give_pin(sandbox: &str, visitor: &str, pin: &str) -> bool {
    let url = format!("{sandbox}/unifi/api/v1/developer/visitors/{visitor}/pin_codes");
    let body = serde_json::json!({ "pin_code": pin }).to_string();
    let client = reqwest::Client::builder().build().expect("a client");
    let answer = client.put(url).bearer_auth(TOKEN).body(body).send().await.expect("an answer");
    answer.text().await.expect("a body").contains("SUCCESS")
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
        let Some(visit) = visits.next() else { return false };
        let pin = self.pin(visit).await;
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
