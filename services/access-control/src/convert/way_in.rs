//! Other ways in.

use chassis::input::timestamp;
use domain::names::{PersonName, WayInName};
use proto::access::v1 as pb;

use super::{door, read_failure, window};
use crate::engine::WayInOutcome;
use crate::model::WayIn;
use crate::sources;

pub(crate) fn way_in_name(way_in: &WayIn) -> String {
    WayInName { workspace: way_in.workspace, id: way_in.id }.to_string()
}

pub(crate) fn way_in(way_in: &WayIn) -> pb::WayIn {
    let workspace = way_in.workspace;
    pb::WayIn {
        name: way_in_name(way_in),
        person: PersonName { workspace, id: way_in.person }.to_string(),
        door: Some(door(workspace, &way_in.target)),
        source: sources::name(&way_in.source),
        start_time: Some(timestamp(way_in.source_starts_at)),
        window: Some(window(way_in.window)),
    }
}

/// A result of an adapter.
pub(crate) struct WayInResult {
    pub way_in: WayInName,
    pub generation: i64,
    pub outcome: WayInOutcome,
    /// Why not.
    pub reason: String,
}

pub(crate) fn way_in_result(message: &pb::WayInCommandCompleted) -> Option<WayInResult> {
    use pb::way_in_command_completed::Outcome as Told;
    let (outcome, reason) = match message.outcome.as_ref()? {
        Told::Applied(_) => (WayInOutcome::Done, String::new()),
        Told::Failed(failure) => {
            let (kind, is_unknown, retry_after) = read_failure(failure);
            let outcome = WayInOutcome::Failed { kind, is_unknown, retry_after };
            (outcome, failure.reason.clone())
        }
    };
    let way_in = message.way_in.parse().ok()?;
    Some(WayInResult { way_in, generation: message.generation, outcome, reason })
}
