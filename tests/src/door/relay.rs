//! A door whose lock hangs on a relay: people open it by Latchkey.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use chassis::auth::Role;
use domain::Timestamp;
use domain::names::PersonName;
use proto::access::v1 as access;
use proto::access::v1::DoorOperationState as State;
use sqlx::PgPool;
use testkit::eventually;
use tonic::Code;
use uuid::Uuid;

use super::{Access, LIMIT, Lock, System};
use crate::Stage;
use crate::client::Doors;
use crate::machine::Machine;
use crate::play::World;

/// The first relay of a machine at the door.
#[derive(Clone)]
pub struct RelayDoor {
    machine: Arc<Machine>,
    /// Everybody's own way to doors, by their email.
    people: HashMap<String, Doors>,
    emails: HashMap<Uuid, String>,
    request: access::OpenDoorRequest,
    ledger: PgPool,
}

/// What it is called.
const DOOR: &str = "door/1";

impl RelayDoor {
    /// Puts a machine up, and connects it.
    pub async fn put_up(stage: &Stage, world: &World) -> Self {
        let machine = Machine::put_up(stage).await;
        let values = [("boards", machine.line("door")), ("keys", format!("door {}", machine.key()))];
        world.connect(&stage.client(), "relay", &values, "connect-relay").await;
        let mut door = Self {
            machine: Arc::new(machine),
            people: HashMap::new(),
            emails: HashMap::new(),
            request: access::OpenDoorRequest { parent: world.workspace.clone(), ..Default::default() },
            ledger: testkit::owner(&stage.database_url(), "relay_adapter").await.expect("connects"),
        };
        door.request.door = Some(access::DoorAddress {
            location: world.location.clone(),
            provider: "relay".to_owned(),
            target: Some(door.target()),
        });
        for (number, (name, email)) in world.people.iter().enumerate() {
            let person: PersonName = name.parse().expect("a person's name");
            door.people.insert(email.clone(), stage.doors_of(world, number, Role::Member));
            door.emails.insert(person.id.uuid(), email.clone());
        }
        door
    }

    /// The machine at the door.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Whether the adapter has noted that the door is held open.
    pub async fn is_held(&self) -> bool {
        let held = sqlx::query_scalar(
            "select exists (select from relay_door where door = $1 and hold_id is not null)",
        );
        held.bind(DOOR).fetch_one(&self.ledger).await.expect("the ledger can be read")
    }

    /// Where the door is.
    pub fn address(&self) -> access::DoorAddress {
        self.request.door.clone().expect("it was said")
    }
}

#[async_trait]
impl Lock for RelayDoor {
    fn system(&self) -> System {
        System::Relay
    }

    fn target(&self) -> access::DoorTarget {
        access::DoorTarget {
            kind: access::DoorTargetKind::Lock.into(),
            r#ref: DOOR.to_owned(),
            display_name: "door".to_owned(),
        }
    }

    async fn opens(&self, email: &str) -> bool {
        let doors = &self.people[email];
        let opens = eventually("a decision at the relay's door", LIMIT, async || {
            match doors.clone().open_door(self.request.clone()).await {
                Ok(answer) => match answer.into_inner().operation.unwrap_or_default() {
                    done if done.state() == State::Done => Ok(true),
                    refused if refused.state() == State::Refused => Ok(false),
                    undecided => Err(format!("{undecided:?}")),
                },
                // Of doors that one has nothing to do with one learns nothing.
                Err(status) if status.code() == Code::NotFound => Ok(false),
                Err(status) => Err(status.to_string()),
            }
        })
        .await;
        assert!(!opens || self.machine.is_on(1), "it said that it opened");
        opens
    }

    async fn access(&self) -> Result<Access, String> {
        let rows: Result<Vec<(Uuid, Timestamp, Timestamp)>, _> =
            sqlx::query_as("select person_id, starts_at, ends_at from relay_right where door = $1")
                .bind(DOOR)
                .fetch_all(&self.ledger)
                .await;
        let rows = rows.map_err(|error| error.to_string())?;
        Ok(rows
            .into_iter()
            .filter_map(|(person, start, end)| Some((self.emails.get(&person)?.clone(), (start, end))))
            .collect())
    }
}
