//! What an unlock costs on its way through gateway, access-control and relay-adapter to a controller, next to the same
//! call straight at the controller.

use std::sync::Arc;
use std::time::Duration;

use chassis::auth::{Principal, Role};
use domain::PersonId;
use domain::names::WorkspaceName;
use proto::access::v1 as access;
use proto::access::v1::DoorOperationState as State;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Times;
use crate::Stage;
use crate::client::{Bearer, Doors, insist};
use crate::door::RelayDoor;
use crate::play::World;

/// Unlocks a second.
const RATE: u64 = 50;
/// How many are measured each way.
const UNLOCKS: usize = 1_000;
/// Who taps again within a second taps once: so many take turns.
const PEOPLE: usize = 100;

/// How long an unlock takes.
#[derive(Debug, Clone, Copy)]
pub struct Unlocks {
    /// Straight at the controller.
    pub direct: Times,
    /// Through the platform.
    pub through: Times,
}

/// Measures with admins who open one door.
pub async fn measure(stage: &Stage, world: &World) -> Unlocks {
    let relay = RelayDoor::put_up(stage, world).await;
    let WorkspaceName(workspace) = world.workspace.parse().expect("a workspace's name");
    let admins: Vec<Doors> = (0..PEOPLE)
        .map(|_| {
            let admin = Principal::person(PersonId::new().to_string(), workspace, Role::Admin);
            Bearer::doors(&stage.gateway(), &stage.token(&admin))
        })
        .collect();
    let request = access::OpenDoorRequest {
        parent: world.workspace.clone(),
        door: Some(relay.address()),
        ..Default::default()
    };
    // The door is known, and so is everybody, before time is taken.
    for admin in &admins {
        insist(admin, request.clone(), |mut c, r| async move { c.open_door(r).await }).await;
    }
    let caller = Arc::new(relay.machine().caller());
    let direct = paced(|_| {
        let caller = caller.clone();
        async move { caller.pulse().await }
    })
    .await;
    let through = paced(|number| {
        let (mut admin, request) = (admins[number % PEOPLE].clone(), request.clone());
        async move {
            let opened = admin.open_door(request).await.expect("an answer").into_inner();
            assert_eq!(opened.operation.expect("it is told").state(), State::Done);
        }
    })
    .await;
    Unlocks { direct, through }
}

/// Does it again and again, so many times a second, and takes the time of each.
async fn paced<F>(unlock: impl Fn(usize) -> F) -> Times
where
    F: Future<Output = ()> + Send + 'static,
{
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
    let mut unlocks = JoinSet::new();
    for number in 0..UNLOCKS {
        ticks.tick().await;
        let unlock = unlock(number);
        unlocks.spawn(async move {
            let start = Instant::now();
            unlock.await;
            start.elapsed().as_secs_f64() * 1_000.0
        });
    }
    Times::of(unlocks.join_all().await)
}
