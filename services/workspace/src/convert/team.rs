//! Teams as messages, and who holds what.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{PersonName, TeamName};
use domain::{PersonId, TeamId, WorkspaceId};
use proto::membership::v1 as pb;

use super::{DISPLAY_NAME_CHARS_MAX, of_workspace, person_of};
use crate::model::team::TEAM_PEOPLE_MAX;
use crate::model::{Holder, Team};

pub(crate) fn team(team: &Team) -> pb::Team {
    let workspace = team.workspace;
    pb::Team {
        name: TeamName { workspace, id: team.id }.to_string(),
        display_name: team.display_name.clone(),
        people: team.people.iter().map(|&id| PersonName { workspace, id }.to_string()).collect(),
        version: team.version,
        create_time: Some(timestamp(team.created_at)),
    }
}

/// What a new team is called, and who is in it, each once.
pub(crate) fn new_team(
    workspace: WorkspaceId,
    message: Option<&pb::Team>,
) -> Result<(String, Vec<PersonId>), InvalidInput> {
    let mut input = Input::new();
    let values = input.required("team", message).and_then(|message| {
        let display_name = input.text("team.display_name", &message.display_name, DISPLAY_NAME_CHARS_MAX);
        if message.people.len() > TEAM_PEOPLE_MAX {
            input.refuse("team.people", format_args!("must be at most {TEAM_PEOPLE_MAX}"));
        }
        let mut people = Vec::new();
        for name in message.people.iter().take(TEAM_PEOPLE_MAX) {
            match person_of(&mut input, "team.people", name, workspace) {
                Some(id) if !people.contains(&id) => people.push(id),
                _ => {}
            }
        }
        Some((display_name?, people))
    });
    input.finish_with(values)
}

/// A team of this workspace.
pub(crate) fn team_of(input: &mut Input, field: &str, text: &str, workspace: WorkspaceId) -> Option<TeamId> {
    of_workspace(input, (field, "team"), text, workspace, |name: TeamName| (name.workspace, name.id))
}

/// Whose `what`, such as a membership, is: a person's or a team's, by their name.
pub(super) fn read_holder(
    input: &mut Input,
    what: &str,
    (person, team): (Option<&String>, Option<&String>),
    workspace: WorkspaceId,
) -> Option<Holder> {
    let (person_field, team_field) = (format!("{what}.person"), format!("{what}.team"));
    match (person, team) {
        (Some(name), _) => person_of(input, &person_field, name, workspace).map(Holder::Person),
        (None, Some(name)) => team_of(input, &team_field, name, workspace).map(Holder::Team),
        (None, None) => {
            input.refuse(&person_field, format_args!("must be set, or {team_field}"));
            None
        }
    }
}
