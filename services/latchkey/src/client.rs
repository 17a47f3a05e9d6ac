//! Calls to a running platform, through its gateway.

use std::sync::Arc;

use chassis::rpc::OperatorChannel;
use domain::SystemClock;
use proto::access::v1::access_log_service_client::AccessLogServiceClient;
use proto::access::v1::access_service_client::AccessServiceClient;
use proto::audit::v1::audit_service_client::AuditServiceClient;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use tonic::Status;

use crate::installation::DataDir;

/// Every service that the commands use.
#[derive(Clone)]
pub(crate) struct Client {
    pub access_log: AccessLogServiceClient<OperatorChannel>,
    pub access: AccessServiceClient<OperatorChannel>,
    pub audit: AuditServiceClient<OperatorChannel>,
    pub bookings: BookingServiceClient<OperatorChannel>,
    pub integrations: IntegrationServiceClient<OperatorChannel>,
    pub people: PersonServiceClient<OperatorChannel>,
    pub places: WorkspaceServiceClient<OperatorChannel>,
}

impl Client {
    /// Calls as the operator of the platform: whoever may read the keys may do everything.
    pub(crate) fn new(gateway: &str, data: &DataDir) -> anyhow::Result<Self> {
        let channel = chassis::rpc::operator_channel(gateway, data.signer()?, Arc::new(SystemClock))?;
        Ok(Self {
            access_log: AccessLogServiceClient::new(channel.clone()),
            access: AccessServiceClient::new(channel.clone()),
            audit: AuditServiceClient::new(channel.clone()),
            bookings: BookingServiceClient::new(channel.clone()),
            integrations: IntegrationServiceClient::new(channel.clone()),
            people: PersonServiceClient::new(channel.clone()),
            places: WorkspaceServiceClient::new(channel),
        })
    }
}

/// What a refusal says to a person.
pub(crate) fn said(status: &Status) -> String {
    format!("{} ({:?})", status.message(), status.code())
}
