//! What the gateway costs: a call through it, with its check of the token, next to the same call straight
//! at the service, which checks the token, too.

use std::time::Duration;

use chassis::auth::{Principal, Role};
use chassis::rpc::{forwarding_channel, outside_channel};
use domain::PersonId;
use domain::names::WorkspaceName;
use proto::workspace::v1::GetResourceRequest;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use tokio::time::Instant;
use tonic::transport::Channel;

use crate::Stage;
use crate::play::World;

/// Calls that are under way at a time.
const CALLERS: usize = 32;
/// How long each way is measured, each time.
const SPELL: Duration = Duration::from_secs(3);
/// How often each way is measured, turn by turn: the machine drifts.
const TURNS: usize = 3;

/// Calls a second.
#[derive(Debug, Clone, Copy)]
pub struct Throughput {
    /// Straight at the service.
    pub direct: f64,
    /// Through the gateway.
    pub through: f64,
}

/// Measures with a member who looks at a room.
pub async fn measure(stage: &Stage, world: &World) -> Throughput {
    let workspace: WorkspaceName = world.workspace.parse().expect("a workspace's name");
    let member = Principal::person(PersonId::new().to_string(), workspace.0, Role::Member);
    let token = format!("Bearer {}", stage.token(&member));
    let identity = stage.identity("gateway");
    let direct = forwarding_channel(&stage.address("workspace"), "workspace", &identity).expect("an address");
    let through = outside_channel(&stage.gateway()).expect("an address");
    let mut spells = [Vec::new(), Vec::new()];
    for _ in 0..TURNS {
        for (channel, spells) in [&direct, &through].into_iter().zip(&mut spells) {
            spells.push(spell(channel, &world.rooms[0], &token).await);
        }
    }
    let [direct, through] = spells.map(|spells| spells.iter().sum::<f64>() / TURNS as f64);
    Throughput { direct, through }
}

/// Calls a second over `channel`, for a while.
async fn spell(channel: &Channel, room: &str, token: &str) -> f64 {
    let until = Instant::now() + SPELL;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let mut client = WorkspaceServiceClient::new(channel.clone());
            let (name, token) = (room.to_owned(), token.parse().expect("a token is printable ASCII"));
            tokio::spawn(async move {
                let mut count = 0_u32;
                while Instant::now() < until {
                    let mut request = tonic::Request::new(GetResourceRequest { name: name.clone() });
                    request.metadata_mut().insert("authorization", Clone::clone(&token));
                    client.get_resource(request).await.expect("the room");
                    count += 1;
                }
                count
            })
        })
        .collect();
    let mut total = 0;
    for caller in callers {
        total += caller.await.expect("no panic");
    }
    f64::from(total) / SPELL.as_secs_f64()
}
