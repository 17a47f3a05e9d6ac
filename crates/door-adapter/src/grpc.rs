//! `DoorProviderService`.

use std::sync::Arc;

use chassis::error::{Class, Classify};
use chassis::input::{Input, InvalidInput};
use chassis::rpc::refuse;
use domain::names::{LocationName, WorkspaceName};
use proto::access::v1 as pb;
use proto::access::v1::door_provider_service_server::{DoorProviderService, DoorProviderServiceServer};
use tonic::{Request, Response, Status};

use crate::credentials::{Credentials, Site};
use crate::error::{ErrorKind, ProviderError};
use crate::provider::{Account, DoorProvider};
use crate::runtime::not_connected;

/// Answers on demand. All methods are for services.
pub(crate) struct Methods<P> {
    provider: Arc<P>,
    credentials: Arc<Credentials>,
}

/// The provider did not give what a caller asked for.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Refused(ProviderError);

impl Classify for Refused {
    fn class(&self) -> Class {
        match self.0.kind {
            ErrorKind::Unreachable | ErrorKind::Malformed => Class::Unavailable,
            ErrorKind::RateLimited => Class::Exhausted(self.0.retry_after.unwrap_or_default()),
            ErrorKind::Unauthorized | ErrorKind::Conflict | ErrorKind::Rejected => Class::StateForbids,
            ErrorKind::NotFound => Class::NotFound,
        }
    }

    fn reason(&self) -> &'static str {
        match self.0.kind {
            ErrorKind::Unreachable | ErrorKind::Malformed => "PROVIDER_UNREACHABLE",
            ErrorKind::RateLimited => "PROVIDER_RATE_LIMITED",
            ErrorKind::Unauthorized => "PROVIDER_UNAUTHORIZED",
            ErrorKind::NotFound => "PROVIDER_NOT_FOUND",
            ErrorKind::Conflict | ErrorKind::Rejected => "PROVIDER_REJECTED",
        }
    }
}

impl<P: DoorProvider> Methods<P> {
    pub(crate) fn service(
        provider: Arc<P>,
        credentials: Arc<Credentials>,
    ) -> DoorProviderServiceServer<Self> {
        DoorProviderServiceServer::new(Self { provider, credentials })
    }

    /// The account in force, by credentials that are asked for now: they may just have been saved.
    async fn account(&self, site: Site) -> Result<Account, ProviderError> {
        self.credentials.forget(site.workspace);
        let account = self.credentials.fresh_account(site).await?;
        account.ok_or_else(|| not_connected(P::DISPLAY_NAME))
    }
}

#[tonic::async_trait]
impl<P: DoorProvider> DoorProviderService for Methods<P> {
    async fn check_connection(
        &self,
        request: Request<pb::CheckConnectionRequest>,
    ) -> Result<Response<pb::CheckConnectionResponse>, Status> {
        let message = request.into_inner();
        let site = site(&message.workspace, &message.location).map_err(refuse)?;
        let checked = match self.account(site).await {
            Ok(account) => self.provider.check(&account).await,
            Err(error) => Err(error),
        };
        Ok(Response::new(match checked {
            Ok(info) => pb::CheckConnectionResponse {
                outcome: pb::ConnectionOutcome::Accepted.into(),
                account_display_name: info.display_name,
                reason: String::new(),
            },
            Err(error) => {
                let outcome = match error.kind {
                    ErrorKind::Unauthorized => pb::ConnectionOutcome::Refused,
                    _ => pb::ConnectionOutcome::Unreachable,
                };
                pb::CheckConnectionResponse {
                    outcome: outcome.into(),
                    account_display_name: String::new(),
                    reason: error.reason,
                }
            }
        }))
    }

    async fn list_door_targets(
        &self,
        request: Request<pb::ListDoorTargetsRequest>,
    ) -> Result<Response<pb::ListDoorTargetsResponse>, Status> {
        let message = request.into_inner();
        let site = site(&message.workspace, &message.location).map_err(refuse)?;
        let account = self.account(site).await.map_err(|error| refuse(Refused(error)))?;
        let targets = self.provider.list_targets(&account).await.map_err(|error| refuse(Refused(error)))?;
        Ok(Response::new(pb::ListDoorTargetsResponse {
            targets: targets.iter().map(pb::DoorTarget::from).collect(),
        }))
    }
}

fn site(workspace: &str, location: &str) -> Result<Site, InvalidInput> {
    let mut input = Input::new();
    let workspace: Option<WorkspaceName> = input.parse("workspace", workspace);
    let location: Option<LocationName> = input.parse_optional("location", location);
    if let (Some(workspace), Some(location)) = (workspace, location)
        && location.workspace != workspace.0
    {
        input.refuse("location", "must be of the workspace");
    }
    let site =
        workspace.map(|workspace| Site { workspace: workspace.0, location: location.map(|name| name.id) });
    input.finish_with(site)
}
