//! Has adapters operate doors, by calls: someone waits.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use chassis::identity::Identity;
use chassis::rpc::{AdapterError, ServiceChannel, adapter_channels};
use domain::names::{IntegrationName, LocationName};
use domain::{IntegrationId, LocationId, Timestamp, WorkspaceId};
use proto::access::v1 as pb;
use proto::access::v1::door_control_service_client::DoorControlServiceClient;
use proto::access::v1::door_provider_service_client::DoorProviderServiceClient;
use proto::access::v1::reveal_door_secret_response::Secret;
use proto::access::v1::{AccessReason, OperationFate};
use tonic::{Code, Response, Status};

use crate::model::CardErrand;
use crate::{convert, facts};

/// How long reading is awaited: longer than adapters take.
const READ_TIMEOUT: Duration = Duration::from_secs(6);
/// The same of operating a door.
const OPERATE_TIMEOUT: Duration = Duration::from_secs(12);

/// The same of a card that is shown to a reader.
const SHOWN_TIMEOUT: Duration = Duration::from_secs(22);

/// An integration, as adapters are asked to use it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Account {
    pub workspace: WorkspaceId,
    pub provider: String,
    pub id: IntegrationId,
    /// The location whose own it is; `None`: the workspace's.
    pub served_by: Option<LocationId>,
}

impl Account {
    fn reference(&self) -> pb::ProviderAccountRef {
        let Self { workspace, id, served_by, .. } = *self;
        let location = served_by.map(|id| LocationName { workspace, id }.to_string());
        pb::ProviderAccountRef {
            integration: IntegrationName { workspace, id }.to_string(),
            location: location.unwrap_or_default(),
        }
    }
}

/// What was asked for was not done, or nobody knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub reason: AccessReason,
    /// In words, for staff.
    pub detail: String,
    /// Whether the door may have done it all the same.
    pub is_unknown: bool,
}

impl From<pb::AccessFailure> for Failure {
    fn from(failure: pb::AccessFailure) -> Self {
        let reason = match failure.code() {
            AccessReason::Unspecified => AccessReason::ProviderUnreachable,
            code => code,
        };
        Self { reason, detail: failure.reason, is_unknown: failure.outcome_unknown }
    }
}

/// The adapters, by provider. Connected to with the first call.
#[derive(Default)]
pub(crate) struct Adapters(BTreeMap<String, ServiceChannel>);

impl Adapters {
    pub(crate) fn new(
        addresses: &BTreeMap<String, String>,
        identity: &Identity,
    ) -> Result<Self, AdapterError> {
        adapter_channels(addresses, identity).map(Self)
    }

    /// The doors of an account as they are now.
    pub(crate) async fn list_doors(&self, account: &Account) -> Result<Vec<pb::ProviderDoor>, Failure> {
        let request = pb::ListProviderDoorsRequest { account: Some(account.reference()) };
        let mut client = self.client(account)?;
        let answer = within(READ_TIMEOUT, false, client.list_provider_doors(request)).await?;
        answer.failed.map_or(Ok(answer.doors), |failure| Err(failure.into()))
    }

    /// Which doors a group opens.
    pub(crate) async fn doors_of_group(
        &self,
        account: &Account,
        group: &str,
    ) -> Result<Vec<String>, Failure> {
        let account_ref = Some(account.reference());
        let request = pb::ListGroupDoorsRequest { account: account_ref, group_ref: group.to_owned() };
        let mut client = self.client(account)?;
        let answer = within(READ_TIMEOUT, false, client.list_group_doors(request)).await?;
        answer.failed.map_or(Ok(answer.door_refs), |failure| Err(failure.into()))
    }

    /// Has a door operated, once.
    pub(crate) async fn operate(
        &self,
        account: &Account,
        operation: pb::ProviderOperation,
    ) -> Result<pb::ProviderOperated, Failure> {
        use pb::operate_provider_door_response::Outcome;
        let account_ref = Some(account.reference());
        let request = pb::OperateProviderDoorRequest { account: account_ref, operation: Some(operation) };
        let mut client = self.client(account)?;
        let answer = within(OPERATE_TIMEOUT, true, client.operate_provider_door(request)).await?;
        match answer.outcome {
            Some(Outcome::Operated(operated)) => Ok(operated),
            Some(Outcome::Failed(failure)) => Err(failure.into()),
            None => Err(lost("the adapter did not say how it went", true)),
        }
    }

    /// What became of an operation whose answer was lost.
    pub(crate) async fn find_operation(
        &self,
        account: &Account,
        operation: pb::ProviderOperation,
        sent_at: Timestamp,
    ) -> Result<OperationFate, Failure> {
        let request = pb::FindProviderOperationRequest {
            account: Some(account.reference()),
            operation: Some(operation),
            send_time: Some(chassis::input::timestamp(sent_at)),
        };
        let mut client = self.client(account)?;
        let answer = within(READ_TIMEOUT, false, client.find_provider_operation(request)).await?;
        let fate = answer.fate();
        answer.failed.map_or(Ok(fate), |failure| Err(failure.into()))
    }

    /// Makes a login for a person's phone.
    pub(crate) async fn create_login(
        &self,
        account: &Account,
        person: &str,
        device_name: &str,
    ) -> Result<pb::MobileLogin, Failure> {
        use pb::create_provider_login_response::Outcome;
        let request = pb::CreateProviderLoginRequest {
            account: Some(account.reference()),
            person: person.to_owned(),
            device_name: device_name.to_owned(),
        };
        let mut client = self.client(account)?;
        let answer = within(OPERATE_TIMEOUT, true, client.create_provider_login(request)).await?;
        match answer.outcome {
            Some(Outcome::MobileLogin(login)) => Ok(login),
            Some(Outcome::Failed(failure)) => Err(failure.into()),
            None => Err(lost("the adapter did not say how it went", true)),
        }
    }

    /// The card that is sought. Nothing opens by that.
    pub(crate) async fn find_card(
        &self,
        account: &Account,
        sought: pb::find_provider_card_request::Card,
    ) -> Result<pb::ProviderCard, Failure> {
        use pb::find_provider_card_request::Card;
        use pb::find_provider_card_response::Outcome;
        let limit = match sought {
            Card::Number(_) => OPERATE_TIMEOUT,
            Card::ReaderRef(_) => SHOWN_TIMEOUT,
        };
        let request = pb::FindProviderCardRequest { account: Some(account.reference()), card: Some(sought) };
        let mut client = self.client(account)?;
        match within(limit, false, client.find_provider_card(request)).await?.outcome {
            Some(Outcome::Card(card)) => Ok(card),
            Some(Outcome::Failed(failure)) => Err(failure.into()),
            None => Err(lost("the adapter did not say how it went", false)),
        }
    }

    /// Has a card be as it should be.
    pub(crate) async fn set_card(&self, errand: &CardErrand) -> Result<(), Failure> {
        let request = pb::SetProviderCardRequest {
            account: Some(errand.account.reference()),
            card_ref: errand.card_ref.clone(),
            person: Some(facts::access_person(&errand.person)),
            wish: convert::card_wish(errand.wish()).into(),
        };
        let mut client = self.client(&errand.account)?;
        let answer = within(OPERATE_TIMEOUT, true, client.set_provider_card(request)).await?;
        answer.failed.map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// What lets someone in by a grant; `None`: there is nothing, or the adapter can't be asked.
    pub(crate) async fn reveal(&self, provider: &str, grant: &str) -> Option<Secret> {
        let mut client = DoorProviderServiceClient::new(self.0.get(provider).cloned()?);
        let asking = client.reveal_door_secret(pb::RevealDoorSecretRequest { name: grant.to_owned() });
        match tokio::time::timeout(READ_TIMEOUT, asking).await.ok()? {
            Ok(answer) => answer.into_inner().secret,
            Err(status) => {
                if status.code() != Code::NotFound {
                    tracing::warn!(code = %status.code(), "the adapter does not reveal a door secret");
                }
                None
            }
        }
    }

    fn client(&self, account: &Account) -> Result<DoorControlServiceClient<ServiceChannel>, Failure> {
        let channel = self.0.get(&account.provider).cloned();
        channel.map(DoorControlServiceClient::new).ok_or_else(|| {
            let detail = "this installation has no adapter for the provider; set it in [adapters]";
            lost(detail, false)
        })
    }
}

/// `has_effect`: what was sent may have been done although no answer came.
async fn within<T>(
    limit: Duration,
    has_effect: bool,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => {
            // What another service says to us is not for people.
            tracing::warn!(code = %status.code(), "the adapter could not be asked");
            Err(lost("the adapter is not available", has_effect))
        }
        Err(_) => Err(lost("the adapter did not answer in time", has_effect)),
    }
}

fn lost(detail: &str, is_unknown: bool) -> Failure {
    Failure { reason: AccessReason::ProviderUnreachable, detail: detail.to_owned(), is_unknown }
}
