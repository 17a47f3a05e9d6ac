//! Providers' users and what becomes of them.

use chassis::input::{Input, InvalidInput, timestamp};
use chrono::Duration;
use domain::names::{LocationName, PersonName, ProviderUserName};
use domain::{LocationId, ProviderName, WorkspaceId};
use proto::access::v1 as pb;

use super::read_failure;
use crate::engine::{Policy, Retirement, UserOutcome, UserState};
use crate::model::{NoAccessPolicy, ProviderUser};

/// The longest grace: a leap year.
const GRACE_MAX: Duration = Duration::days(366);

pub(crate) fn policy(policy: &NoAccessPolicy) -> pb::NoAccessPolicy {
    let action = match policy.policy.map(|policy| policy.retirement) {
        None => pb::NoAccessAction::Keep,
        Some(Retirement::Suspend) => pb::NoAccessAction::Suspend,
        Some(Retirement::Delete) => pb::NoAccessAction::Delete,
    };
    let grace = |policy: Policy| pbjson_types::Duration { seconds: policy.grace.num_seconds(), nanos: 0 };
    pb::NoAccessPolicy {
        provider: policy.provider.clone(),
        action: action.into(),
        grace: policy.policy.map(grace),
        includes_foreign_users: policy.includes_foreign,
    }
}

pub(crate) fn new_policy(message: Option<&pb::NoAccessPolicy>) -> Result<NoAccessPolicy, InvalidInput> {
    let mut input = Input::new();
    let values = input.required("policy", message).and_then(|message| {
        let provider: Option<ProviderName> = input.parse("policy.provider", &message.provider);
        let grace = message.grace.as_ref().map_or(Some(Duration::zero()), |grace| {
            let read = Duration::try_seconds(grace.seconds).filter(|read| {
                grace.nanos == 0 && grace.seconds % 60 == 0 && (Duration::zero()..=GRACE_MAX).contains(read)
            });
            if read.is_none() {
                input.refuse("policy.grace", "must be whole minutes, from 0 to 366 days");
            }
            read
        });
        let retirement = match message.action() {
            pb::NoAccessAction::Keep => Some(None),
            pb::NoAccessAction::Suspend => Some(Some(Retirement::Suspend)),
            pb::NoAccessAction::Delete => Some(Some(Retirement::Delete)),
            pb::NoAccessAction::Unspecified => {
                input.refuse("policy.action", "must be keep, suspend or delete");
                None
            }
        };
        let (provider, grace) = (provider?.to_string(), grace?);
        Some(match retirement? {
            None => NoAccessPolicy::keep(&provider),
            Some(retirement) => NoAccessPolicy {
                provider,
                policy: Some(Policy { retirement, grace }),
                includes_foreign: message.includes_foreign_users,
            },
        })
    });
    input.finish_with(values)
}

/// The location whose own integration serves something; empty: the workspace's does.
pub(crate) fn serving_location(workspace: WorkspaceId, served_by: Option<LocationId>) -> String {
    served_by.map(|id| LocationName { workspace, id }.to_string()).unwrap_or_default()
}

pub(crate) fn user_name(user: &ProviderUser) -> String {
    ProviderUserName { workspace: user.workspace, id: user.id }.to_string()
}

pub(crate) fn provider_user(user: &ProviderUser) -> pb::ProviderUser {
    let state = match user.ledger.state {
        UserState::InUse => pb::ProviderUserState::InUse,
        UserState::Suspended => pb::ProviderUserState::Suspended,
        UserState::Deleted => pb::ProviderUserState::Deleted,
        UserState::Kept => pb::ProviderUserState::Kept,
        UserState::Unknown => pb::ProviderUserState::Unspecified,
    };
    pb::ProviderUser {
        name: user_name(user),
        person: PersonName { workspace: user.workspace, id: user.person }.to_string(),
        provider: user.provider.clone(),
        location: serving_location(user.workspace, user.served_by),
        state: state.into(),
        idle_time: user.ledger.idle_since.map(timestamp),
        reason: user.reason.clone(),
        next_check_time: user.next_check_at.map(timestamp),
    }
}

/// A result of an adapter.
#[derive(Debug)]
pub(crate) struct UserResult {
    pub user: ProviderUserName,
    pub generation: i64,
    pub outcome: UserOutcome,
    /// Why it is kept, or what went wrong.
    pub reason: String,
    /// There was none.
    pub was_absent: bool,
}

pub(crate) fn user_result(message: &pb::UserCommandCompleted) -> Option<UserResult> {
    use pb::user_command_completed::Outcome as Told;
    let (outcome, reason, was_absent) = match message.outcome.as_ref()? {
        Told::Applied(applied) => {
            let state = match applied.state() {
                pb::ProviderUserState::InUse => UserState::InUse,
                pb::ProviderUserState::Suspended => UserState::Suspended,
                pb::ProviderUserState::Deleted => UserState::Deleted,
                pb::ProviderUserState::Kept => UserState::Kept,
                pb::ProviderUserState::Unspecified => return None,
            };
            (UserOutcome::Is(state), applied.reason.clone(), applied.was_absent)
        }
        Told::Failed(failure) => {
            let (kind, is_unknown, retry_after) = read_failure(failure);
            (UserOutcome::Failed { kind, is_unknown, retry_after }, failure.reason.clone(), false)
        }
    };
    let user = message.provider_user.parse().ok()?;
    Some(UserResult { user, generation: message.generation, outcome, reason, was_absent })
}
