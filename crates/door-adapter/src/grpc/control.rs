//! `DoorControlService`: someone waits for each answer, so nothing here asks the database, and nothing takes long.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chassis::rpc::refuse;
use domain::PersonId;
use domain::names::IntegrationName;
use proto::access::v1 as pb;
use proto::access::v1::door_control_service_server::{DoorControlService, DoorControlServiceServer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Response, Status};

use super::card;
use super::convert::{self, AccountRef};
use crate::card::Cards;
use crate::control::{DoorControl, Operated, Operation};
use crate::credentials::Credentials;
use crate::error::{ApplyError, ErrorKind, ProviderError};
use crate::provider::{Account, MobileLogin};
use crate::runtime::not_connected;

/// How long reading takes at the most.
const READ_TIMEOUT: Duration = Duration::from_secs(5);
/// How long operating a door takes at the most.
pub(super) const OPERATE_TIMEOUT: Duration = Duration::from_secs(10);
/// Doors of one account that are operated at the same time. More would wait behind each other at the provider.
const AT_ONCE_MAX: usize = 8;
/// When to come back if there are more.
const AT_ONCE_WAIT: Duration = Duration::from_secs(1);
/// Accounts whose operations are counted; beyond, those without any are forgotten.
const COUNTED_MAX: usize = 10_000;

/// Operates the doors of one provider.
pub(crate) struct Controls<P> {
    pub(super) provider: Arc<P>,
    credentials: Arc<Credentials>,
    under_way: Mutex<HashMap<IntegrationName, Arc<Semaphore>>>,
}

impl<P: DoorControl + Cards> Controls<P> {
    pub(crate) fn service(provider: Arc<P>, credentials: Arc<Credentials>) -> DoorControlServiceServer<Self> {
        DoorControlServiceServer::new(Self { provider, credentials, under_way: Mutex::default() })
    }

    /// The account that is named, if its credentials are in force.
    pub(super) async fn account(
        &self,
        wanted: AccountRef,
        deadline: Instant,
    ) -> Result<Account, ProviderError> {
        let asked = timeout_at(deadline, self.credentials.own_account(wanted.site)).await;
        let account = asked.unwrap_or_else(|_| {
            let reason = "Latchkey's integrations service did not give the credentials in time";
            Err(ProviderError::new(ErrorKind::Unreachable, reason))
        })?;
        let inactive = |error: ProviderError| error.with_code(pb::AccessReason::IntegrationInactive);
        let account = account.ok_or_else(|| inactive(not_connected(P::DISPLAY_NAME)))?;
        if account.integration != wanted.integration {
            let reason = format!("another {} integration is in force there by now", P::DISPLAY_NAME);
            return Err(inactive(ProviderError::new(ErrorKind::Unauthorized, reason)));
        }
        self.credentials.refusal(&account).map_or(Ok(account), Err)
    }

    /// Reads something at the provider.
    async fn read<T, F: Future<Output = Result<T, ProviderError>>>(
        &self,
        account: AccountRef,
        read: impl FnOnce(Account) -> F,
    ) -> Result<T, ProviderError> {
        let deadline = Instant::now() + READ_TIMEOUT;
        let account = self.account(account, deadline).await?;
        timeout_at(deadline, read(account)).await.unwrap_or_else(|_| Err(late::<P>(READ_TIMEOUT)))
    }

    async fn operate(&self, account: AccountRef, operation: &Operation) -> Result<Operated, ProviderError> {
        let deadline = Instant::now() + OPERATE_TIMEOUT;
        let _place =
            if operation.action.is_emergency() { None } else { Some(self.admit(account.integration)?) };
        let account = self.account(account, deadline).await?;
        let operated = timeout_at(deadline, self.provider.operate(&account, operation)).await;
        operated.unwrap_or_else(|_| Err(late::<P>(OPERATE_TIMEOUT).with_unknown_outcome()))
    }

    async fn create_login(
        &self,
        account: AccountRef,
        person: PersonId,
        device_name: &str,
    ) -> Result<MobileLogin, ProviderError> {
        let deadline = Instant::now() + OPERATE_TIMEOUT;
        let _place = self.admit(account.integration)?;
        let account = self.account(account, deadline).await?;
        let made = timeout_at(deadline, self.provider.create_login(&account, person, device_name)).await;
        made.map_or_else(|_| Err(late::<P>(OPERATE_TIMEOUT)), of_call)
    }

    /// A place among those whose operations are under way.
    pub(super) fn admit(&self, account: IntegrationName) -> Result<OwnedSemaphorePermit, ProviderError> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.len() >= COUNTED_MAX {
            under_way.retain(|_, places| places.available_permits() < AT_ONCE_MAX);
        }
        let places = under_way.entry(account).or_insert_with(|| Arc::new(Semaphore::new(AT_ONCE_MAX)));
        places.clone().try_acquire_owned().map_err(|_| {
            let reason = "too much is done there at the same time: try again";
            ProviderError::new(ErrorKind::RateLimited, reason).with_retry_after(AT_ONCE_WAIT)
        })
    }
}

/// What came of something for which someone waits.
pub(super) fn of_call<T>(result: Result<T, ApplyError>) -> Result<T, ProviderError> {
    result.map_err(|error| match error {
        ApplyError::Provider(error) => error,
        ApplyError::Ledger(error) => {
            tracing::warn!(error = %error.0, "what someone waits for waits for the database");
            ProviderError::new(ErrorKind::Unreachable, "Latchkey's own ledger is not at hand")
        }
    })
}

pub(super) fn late<P: DoorControl>(limit: Duration) -> ProviderError {
    let reason = format!("{} did not answer within {} seconds", P::DISPLAY_NAME, limit.as_secs());
    ProviderError::new(ErrorKind::Unreachable, reason)
}

#[tonic::async_trait]
impl<P: DoorControl + Cards> DoorControlService for Controls<P> {
    async fn list_provider_doors(
        &self,
        request: Request<pb::ListProviderDoorsRequest>,
    ) -> Result<Response<pb::ListProviderDoorsResponse>, Status> {
        let account = convert::account(request.into_inner().account.as_ref()).map_err(refuse)?;
        let list = |account: Account| async move { self.provider.list_doors(&account).await };
        Ok(Response::new(match self.read(account, list).await {
            Ok(doors) => pb::ListProviderDoorsResponse {
                doors: doors.into_iter().map(Into::into).collect(),
                failed: None,
            },
            Err(error) => pb::ListProviderDoorsResponse { doors: Vec::new(), failed: Some((&error).into()) },
        }))
    }

    async fn list_group_doors(
        &self,
        request: Request<pb::ListGroupDoorsRequest>,
    ) -> Result<Response<pb::ListGroupDoorsResponse>, Status> {
        let message = request.into_inner();
        let (account, group) =
            convert::with_ref(message.account.as_ref(), "group_ref", &message.group_ref).map_err(refuse)?;
        let list = |account: Account| async move { self.provider.doors_of_group(&account, &group).await };
        Ok(Response::new(match self.read(account, list).await {
            Ok(door_refs) => pb::ListGroupDoorsResponse { door_refs, failed: None },
            Err(error) => pb::ListGroupDoorsResponse { door_refs: Vec::new(), failed: Some((&error).into()) },
        }))
    }

    async fn read_provider_door(
        &self,
        request: Request<pb::ReadProviderDoorRequest>,
    ) -> Result<Response<pb::ReadProviderDoorResponse>, Status> {
        use pb::read_provider_door_response::Outcome;
        let message = request.into_inner();
        let (account, door) =
            convert::with_ref(message.account.as_ref(), "door_ref", &message.door_ref).map_err(refuse)?;
        let read = |account: Account| async move { self.provider.read_door(&account, &door).await };
        let outcome = match self.read(account, read).await {
            Ok(door) => Outcome::Door(door.into()),
            Err(error) => Outcome::Failed((&error).into()),
        };
        Ok(Response::new(pb::ReadProviderDoorResponse { outcome: Some(outcome) }))
    }

    async fn operate_provider_door(
        &self,
        request: Request<pb::OperateProviderDoorRequest>,
    ) -> Result<Response<pb::OperateProviderDoorResponse>, Status> {
        use pb::operate_provider_door_response::Outcome;
        let message = request.into_inner();
        let (account, operation) =
            convert::operation(message.account.as_ref(), message.operation.as_ref()).map_err(refuse)?;
        let outcome = match self.operate(account, &operation).await {
            Ok(operated) => Outcome::Operated(operated.into()),
            Err(error) => Outcome::Failed((&error).into()),
        };
        Ok(Response::new(pb::OperateProviderDoorResponse { outcome: Some(outcome) }))
    }

    async fn create_provider_login(
        &self,
        request: Request<pb::CreateProviderLoginRequest>,
    ) -> Result<Response<pb::CreateProviderLoginResponse>, Status> {
        use pb::create_provider_login_response::Outcome;
        let message = request.into_inner();
        let (account, person, device_name) = convert::login(&message).map_err(refuse)?;
        let outcome = match self.create_login(account, person, &device_name).await {
            Ok(login) => Outcome::MobileLogin(login.into()),
            Err(error) => Outcome::Failed((&error).into()),
        };
        Ok(Response::new(pb::CreateProviderLoginResponse { outcome: Some(outcome) }))
    }

    async fn find_provider_card(
        &self,
        request: Request<pb::FindProviderCardRequest>,
    ) -> Result<Response<pb::FindProviderCardResponse>, Status> {
        use pb::find_provider_card_response::Outcome;
        let (account, sought) = card::sought(request.into_inner()).map_err(refuse)?;
        let outcome = match self.find_card(account, &sought).await {
            Ok(card) => Outcome::Card(card.into()),
            Err(error) => Outcome::Failed((&error).into()),
        };
        Ok(Response::new(pb::FindProviderCardResponse { outcome: Some(outcome) }))
    }

    async fn set_provider_card(
        &self,
        request: Request<pb::SetProviderCardRequest>,
    ) -> Result<Response<pb::SetProviderCardResponse>, Status> {
        let (account, wish) = card::wish(&request.into_inner()).map_err(refuse)?;
        let failed = self.set_card(account, &wish).await.err().map(|error| (&error).into());
        Ok(Response::new(pb::SetProviderCardResponse { failed }))
    }

    async fn find_provider_operation(
        &self,
        request: Request<pb::FindProviderOperationRequest>,
    ) -> Result<Response<pb::FindProviderOperationResponse>, Status> {
        let message = request.into_inner();
        let (account, operation, sent_at) = convert::sent_operation(&message).map_err(refuse)?;
        let find = |account: Account| async move {
            self.provider.find_operation(&account, &operation, sent_at).await
        };
        Ok(Response::new(match self.read(account, find).await {
            Ok(fate) => {
                pb::FindProviderOperationResponse { fate: pb::OperationFate::from(fate).into(), failed: None }
            }
            Err(error) => pb::FindProviderOperationResponse {
                fate: pb::OperationFate::Unknown.into(),
                failed: Some((&error).into()),
            },
        }))
    }
}
