//! `DoorProviderService` and `ConnectionService`; `DoorControlService` in a file of its own.

mod card;
mod control;
mod convert;
mod reveal;

use std::sync::Arc;
use std::time::Duration;

use chassis::error::{Class, Classify};
use chassis::input::{Input, InvalidInput, timestamp};
use chassis::postgres::WorkspacePool;
use chassis::rpc::{principal, refuse};
use domain::Host;
use domain::names::{LocationName, WorkspaceName};
use proto::access::v1 as pb;
use proto::access::v1::door_provider_service_server::{DoorProviderService, DoorProviderServiceServer};
use proto::integrations::v1 as integrations_pb;
use proto::integrations::v1::connection_service_server::{ConnectionService, ConnectionServiceServer};
use tonic::{Request, Response, Status};
use vendor_http::Certificate;

pub(crate) use self::control::Controls;
use crate::credentials::{Credentials, Site};
use crate::error::{ErrorKind, HOST, Problem, ProblemKind, ProviderError};
use crate::provider::{Account, AccountInfo, DoorProvider, Place};
use crate::runtime::not_connected;
use crate::secret::Sealer;

/// A check is given so long: less than the integrations service waits for its answer.
const CHECK_TIMEOUT: Duration = Duration::from_secs(15);
/// Names that are told of each kind of thing that an account has.
const NAMES_MAX: usize = 10;

/// Answers on demand. All methods are for services.
pub(crate) struct Methods<P> {
    pub provider: Arc<P>,
    pub credentials: Arc<Credentials>,
    pub sealer: Arc<Sealer>,
    pub pool: WorkspacePool,
}

impl<P> Clone for Methods<P> {
    fn clone(&self) -> Self {
        Self {
            provider: self.provider.clone(),
            credentials: self.credentials.clone(),
            sealer: self.sealer.clone(),
            pool: self.pool.clone(),
        }
    }
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
    pub(crate) fn door_provider_service(self) -> DoorProviderServiceServer<Self> {
        DoorProviderServiceServer::new(self)
    }

    pub(crate) fn connection_service(self) -> ConnectionServiceServer<Self> {
        ConnectionServiceServer::new(self)
    }

    /// The account in force, by credentials that are asked for now: they may just have been saved.
    async fn account(&self, site: Site) -> Result<Account, ProviderError> {
        let account = self.credentials.forget_and_ask(site).await?;
        account.ok_or_else(|| not_connected(P::DISPLAY_NAME))
    }
}

#[tonic::async_trait]
impl<P: DoorProvider> ConnectionService for Methods<P> {
    async fn check_connection(
        &self,
        request: Request<integrations_pb::CheckConnectionRequest>,
    ) -> Result<Response<integrations_pb::CheckConnectionResponse>, Status> {
        let message = request.into_inner();
        let site = site(&message.workspace, &message.location).map_err(refuse)?;
        // Without the values nothing can be said about them.
        let account = self.credentials.forget_and_ask(site).await.map_err(|error| refuse(Refused(error)))?;
        let checked = match &account {
            None => Err(Problem {
                credential: None,
                kind: ProblemKind::Missing,
                reason: not_connected(P::DISPLAY_NAME).reason,
                certificate: None,
            }),
            Some(account) => match tokio::time::timeout(CHECK_TIMEOUT, self.provider.check(account)).await {
                Ok(checked) => checked,
                Err(_) => Err(Problem {
                    credential: None,
                    kind: ProblemKind::TimedOut,
                    reason: format!(
                        "{} did not answer within {} seconds",
                        P::DISPLAY_NAME,
                        CHECK_TIMEOUT.as_secs()
                    ),
                    certificate: None,
                }),
            },
        };
        let shown = match &checked {
            Ok(info) => &info.certificate,
            Err(problem) => &problem.certificate,
        };
        Ok(Response::new(integrations_pb::CheckConnectionResponse {
            account: checked.as_ref().ok().map(found),
            problems: checked.as_ref().err().map(Into::into).into_iter().collect(),
            certificate: account.as_ref().zip(shown.as_ref()).and_then(certificate),
        }))
    }
}

/// A certificate, with the host that showed it.
fn certificate((account, shown): (&Account, &Certificate)) -> Option<integrations_pb::Certificate> {
    let host: Host = account.credential.parse(HOST).ok()?;
    Some(integrations_pb::Certificate {
        host: host.to_string(),
        fingerprint: shown.fingerprint.to_string(),
        subject: shown.subject.clone(),
        not_before_time: shown.not_before.map(timestamp),
        not_after_time: shown.not_after.map(timestamp),
    })
}

fn found(info: &AccountInfo) -> integrations_pb::ProviderAccount {
    integrations_pb::ProviderAccount {
        r#ref: info.account_ref.clone(),
        display_name: info.display_name.clone(),
        // Doors know no play money.
        mode: String::new(),
        findings: info
            .findings
            .iter()
            .map(|finding| integrations_pb::Finding {
                kind: finding.kind.to_owned(),
                count: i32::try_from(finding.count).unwrap_or(i32::MAX),
                names: finding.names.iter().take(NAMES_MAX).cloned().collect(),
            })
            .collect(),
    }
}

#[tonic::async_trait]
impl<P: DoorProvider> DoorProviderService for Methods<P> {
    async fn list_door_targets(
        &self,
        request: Request<pb::ListDoorTargetsRequest>,
    ) -> Result<Response<pb::ListDoorTargetsResponse>, Status> {
        let message = request.into_inner();
        let site = site(&message.workspace, &message.location).map_err(refuse)?;
        let account = self.account(site).await.map_err(|error| refuse(Refused(error)))?;
        let targets = self.provider.list_targets(&account).await.map_err(|error| refuse(Refused(error)))?;
        Ok(Response::new(pb::ListDoorTargetsResponse {
            targets: targets.iter().map(|listed| (&listed.target).into()).collect(),
        }))
    }

    async fn list_places(
        &self,
        request: Request<pb::ListPlacesRequest>,
    ) -> Result<Response<pb::ListPlacesResponse>, Status> {
        let message = request.into_inner();
        let site = site(&message.workspace, &message.location).map_err(refuse)?;
        let account = self.account(site).await.map_err(|error| refuse(Refused(error)))?;
        let places = self.provider.list_places(&account).await.map_err(|error| refuse(Refused(error)))?;
        let place =
            |place: Place| pb::ProviderPlace { r#ref: place.provider_ref, display_name: place.display_name };
        Ok(Response::new(pb::ListPlacesResponse { places: places.into_iter().map(place).collect() }))
    }

    async fn reveal_door_secret(
        &self,
        request: Request<pb::RevealDoorSecretRequest>,
    ) -> Result<Response<pb::RevealDoorSecretResponse>, Status> {
        let caller = principal(&request)?;
        let name = request.into_inner().name;
        let secret = reveal::reveal(&self.pool, &self.sealer, &name).await.map_err(refuse)?;
        // Who was given what.
        tracing::info!(principal.id = caller.id, door_secret.of = name, "door secret revealed");
        Ok(Response::new(pb::RevealDoorSecretResponse { secret: Some((&secret).into()) }))
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
