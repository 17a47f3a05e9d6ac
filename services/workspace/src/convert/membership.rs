//! Memberships as messages.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::names::{MembershipName, PersonName, PlanName, TeamName};
use domain::{Timestamp, WorkspaceId};
use proto::membership::v1 as pb;
use proto::membership::v1::membership::Holder as Told;

use super::{location, of_workspace, person_among_others, plan, team, within_years};
use crate::model::membership::{MembershipState, NewMembership};
use crate::model::{Holder, Membership, MembershipSnapshot};

pub(crate) fn membership(membership: &Membership) -> pb::Membership {
    let workspace = membership.workspace;
    pb::Membership {
        name: MembershipName { workspace, id: membership.id }.to_string(),
        plan: PlanName { workspace, id: membership.plan }.to_string(),
        holder: Some(match membership.holder {
            Holder::Person(id) => Told::Person(PersonName { workspace, id }.to_string()),
            Holder::Team(id) => Told::Team(TeamName { workspace, id }.to_string()),
        }),
        terms: Some(plan::terms(workspace, &membership.terms)),
        start_time: Some(timestamp(membership.starts_at)),
        period_end_time: Some(timestamp(membership.period_ends_at)),
        state: match membership.state() {
            MembershipState::Active => pb::MembershipState::Active,
            MembershipState::Paused => pb::MembershipState::Paused,
            MembershipState::Ending => pb::MembershipState::Ending,
            MembershipState::Ended => pb::MembershipState::Ended,
        }
        .into(),
        is_ending: membership.is_ending,
        ended_time: membership.ended_at.map(timestamp),
        version: membership.version,
        create_time: Some(timestamp(membership.created_at)),
        update_time: Some(timestamp(membership.updated_at)),
        is_paused: membership.is_paused,
    }
}

pub(crate) fn membership_snapshot(snapshot: &MembershipSnapshot) -> pb::MembershipSnapshot {
    let id = snapshot.membership.workspace;
    pb::MembershipSnapshot {
        membership: Some(membership(&snapshot.membership)),
        plan: Some(plan::plan(&snapshot.plan)),
        locations: snapshot.locations.iter().map(|it| location(id, it)).collect(),
        people: snapshot.party.people.iter().map(|it| person_among_others(id, it)).collect(),
        team: snapshot.party.team.as_ref().map(team::team),
        workspace: Some(super::workspace(&snapshot.workspace)),
    }
}

pub(crate) fn new_membership(
    workspace: WorkspaceId,
    message: Option<&pb::Membership>,
) -> Result<NewMembership, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("membership", message).and_then(|message| {
        let plan = of_workspace(
            &mut input,
            ("membership.plan", "plan"),
            &message.plan,
            workspace,
            |name: PlanName| (name.workspace, name.id),
        );
        let named = match &message.holder {
            Some(Told::Person(name)) => (Some(name), None),
            Some(Told::Team(name)) => (None, Some(name)),
            None => (None, None),
        };
        let holder = team::read_holder(&mut input, "membership", named, workspace);
        let end_field = "membership.period_end_time";
        let period = input.window(
            ("membership.start_time", message.start_time.as_ref()),
            (end_field, message.period_end_time.as_ref()),
        );
        if let Some(period) = period {
            within_years(&mut input, end_field, period.end());
        }
        Some(NewMembership { plan: plan?, holder: holder?, period: period? })
    });
    input.finish_with(values)
}

/// Until when a membership is, or was, paid for.
pub(crate) fn period_end(
    period_end_time: Option<&pbjson_types::Timestamp>,
) -> Result<Timestamp, InvalidInput> {
    let mut input = Input::new();
    let until = input.time("period_end_time", period_end_time);
    if let Some(until) = until {
        within_years(&mut input, "period_end_time", until);
    }
    input.finish_with(until)
}
