//! Payment methods.

use chassis::input::{Input, InvalidInput, timestamp};
use domain::WorkspaceId;
use domain::names::{LocationName, PaymentMethodName, PersonName, TeamName};
use proto::billing::v1 as pb;

use crate::credentials::Site;
use crate::customers::Holder;
use crate::model::settings::Settings;
use crate::model::{Method, MethodState};
use crate::vendor::MethodKind;

/// A payment method that is to be begun.
pub(crate) struct NewMethod {
    pub site: Site,
    pub kind: MethodKind,
}

/// The fields `person` and `team` of what is somebody's.
pub(super) fn holder_names(workspace: WorkspaceId, holder: Holder) -> (String, String) {
    match holder {
        Holder::Person(id) => (PersonName { workspace, id }.to_string(), String::new()),
        Holder::Team(id) => (String::new(), TeamName { workspace, id }.to_string()),
    }
}

pub(crate) fn payment_method(method: &Method, holder: Holder) -> pb::PaymentMethod {
    let workspace = method.site.workspace;
    let (person, team) = holder_names(workspace, holder);
    let location = method.site.location.map(|id| LocationName { workspace, id }.to_string());
    pb::PaymentMethod {
        name: PaymentMethodName { workspace, id: method.id }.to_string(),
        person,
        team,
        location: location.unwrap_or_default(),
        kind: match method.kind {
            MethodKind::Card => pb::PaymentMethodKind::Card,
            MethodKind::UsBankAccount => pb::PaymentMethodKind::UsBankAccount,
        }
        .into(),
        state: match method.state {
            MethodState::Entering => pb::PaymentMethodState::Entering,
            MethodState::AwaitsPerson => pb::PaymentMethodState::AwaitsPerson,
            MethodState::AwaitsDeposits => pb::PaymentMethodState::AwaitsDeposits,
            MethodState::Processing => pb::PaymentMethodState::Processing,
            MethodState::Saved => pb::PaymentMethodState::Saved,
            MethodState::Cancelled => pb::PaymentMethodState::Cancelled,
            MethodState::Removed => pb::PaymentMethodState::Removed,
        }
        .into(),
        brand: method.brand.clone(),
        last_four: method.last4.clone(),
        expire_date: method.expires_on.map(|day| day.to_string()).unwrap_or_default(),
        blocked_reason: method.blocked_reason.clone(),
        deposits_page_url: method.deposits_page.clone(),
        is_default: method.is_default,
        version: method.version,
        create_time: Some(timestamp(method.created_at)),
    }
}

pub(crate) fn new_method(
    workspace: WorkspaceId,
    message: &pb::StartPaymentMethodRequest,
) -> Result<NewMethod, InvalidInput> {
    let mut input = Input::new();
    let location: Option<LocationName> = input.parse_optional("location", &message.location);
    if location.is_some_and(|location| location.workspace != workspace) {
        input.refuse("location", "must be of the workspace");
    }
    let kind = match message.kind() {
        pb::PaymentMethodKind::Unspecified => None,
        pb::PaymentMethodKind::Card => Some(MethodKind::Card),
        pb::PaymentMethodKind::UsBankAccount => Some(MethodKind::UsBankAccount),
    };
    let kind = input.required("kind", kind);
    let site = Site { workspace, location: location.map(|name| name.id) };
    input.finish_with(kind.map(|kind| NewMethod { site, kind }))
}

/// Whose something is, by the fields `person` and `team` of a request.
pub(crate) fn holder_of(workspace: WorkspaceId, person: &str, team: &str) -> Result<Holder, InvalidInput> {
    let mut input = Input::new();
    let (field, named) = match (person, team) {
        (person, "") => (
            "person",
            input.parse("person", person).map(|name: PersonName| (name.workspace, Holder::Person(name.id))),
        ),
        ("", team) => {
            ("team", input.parse("team", team).map(|name: TeamName| (name.workspace, Holder::Team(name.id))))
        }
        _ => {
            input.refuse("team", "must not be set together with person");
            ("team", None)
        }
    };
    if named.is_some_and(|(at, _)| at != workspace) {
        input.refuse(field, "must be of the workspace");
    }
    input.finish_with(named.map(|(_, holder)| holder))
}

pub(crate) fn settings(settings: Settings) -> pb::PaymentSettings {
    pb::PaymentSettings { takes_debits: settings.takes_debits }
}
