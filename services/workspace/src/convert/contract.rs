//! Contracts as messages.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{ContractName, PersonName, ResourceName, TeamName};
use domain::{ResourceId, Timestamp, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::contract::Holder as Told;

use super::{in_order, location, person_among_others, resource, resource_of, team, within_years};
use crate::model::contract::{NewContract, RESOURCES_MAX};
use crate::model::{Contract, ContractSnapshot, Holder};

pub(crate) fn contract(contract: &Contract) -> pb::Contract {
    let workspace = contract.workspace;
    pb::Contract {
        name: ContractName { workspace, id: contract.id }.to_string(),
        holder: Some(match contract.holder {
            Holder::Person(id) => Told::Person(PersonName { workspace, id }.to_string()),
            Holder::Team(id) => Told::Team(TeamName { workspace, id }.to_string()),
        }),
        resources: contract.resources.iter().map(|&id| ResourceName { workspace, id }.to_string()).collect(),
        start_time: Some(timestamp(contract.starts_at)),
        end_time: contract.ends_at.map(timestamp),
        ended_time: contract.ended_at.map(timestamp),
        version: contract.version,
        create_time: Some(timestamp(contract.created_at)),
        update_time: Some(timestamp(contract.updated_at)),
    }
}

pub(crate) fn contract_snapshot(snapshot: &ContractSnapshot) -> pb::ContractSnapshot {
    let id = snapshot.contract.workspace;
    pb::ContractSnapshot {
        contract: Some(contract(&snapshot.contract)),
        resources: snapshot.resources.iter().map(|it| resource(id, it)).collect(),
        locations: snapshot.locations.iter().map(|it| location(id, it)).collect(),
        people: snapshot.party.people.iter().map(|it| person_among_others(id, it)).collect(),
        team: snapshot.party.team.as_ref().map(team::team),
        workspace: Some(super::workspace(&snapshot.workspace)),
    }
}

pub(crate) fn new_contract(
    workspace: WorkspaceId,
    message: Option<&pb::Contract>,
) -> Result<NewContract, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("contract", message).and_then(|message| {
        let named = match &message.holder {
            Some(Told::Person(name)) => (Some(name), None),
            Some(Told::Team(name)) => (None, Some(name)),
            None => (None, None),
        };
        let holder = team::read_holder(&mut input, "contract", named, workspace);
        let resources = resources(&mut input, workspace, &message.resources);
        let (start_field, end_field) = ("contract.start_time", "contract.end_time");
        let starts_at = input.time(start_field, message.start_time.as_ref());
        let end = message.end_time.as_ref();
        let ends_at = end.and_then(|_| input.time(end_field, end));
        in_order(&mut input, (start_field, starts_at), (end_field, ends_at));
        Some(NewContract { holder: holder?, resources, starts_at: starts_at?, ends_at })
    });
    input.finish_with(values)
}

/// The time to come at which a contract shall end, if there is one.
pub(crate) fn contract_end(
    end_time: Option<&pbjson_types::Timestamp>,
) -> Result<Option<Timestamp>, InvalidInput> {
    let mut input = Input::new();
    let end = end_time.and_then(|_| input.time("end_time", end_time));
    if let Some(end) = end {
        within_years(&mut input, "end_time", end);
    }
    input.finish_with(Some(end))
}

/// The desks and offices, each once.
fn resources(input: &mut Input, workspace: WorkspaceId, names: &[String]) -> Vec<ResourceId> {
    let field = "contract.resources";
    if !(1..=RESOURCES_MAX).contains(&names.len()) {
        input.refuse(field, format_args!("must be 1 to {RESOURCES_MAX}"));
    }
    let mut resources = Vec::new();
    for name in names.iter().take(RESOURCES_MAX) {
        match resource_of(input, field, name, workspace) {
            Some(id) if !resources.contains(&id) => resources.push(id),
            _ => {}
        }
    }
    resources
}
