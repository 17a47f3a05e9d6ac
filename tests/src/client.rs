//! Calls through the gateway that go on until they are answered: services may be dead for a while.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chassis::auth::Signer;
use chassis::rpc::OperatorChannel;
use domain::SystemClock;
use proto::access::v1::access_log_service_client::AccessLogServiceClient;
use proto::access::v1::access_service_client::AccessServiceClient;
use proto::access::v1::door_schedule_service_client::DoorScheduleServiceClient;
use proto::access::v1::door_service_client::DoorServiceClient;
use proto::audit::v1::audit_service_client::AuditServiceClient;
use proto::billing::v1::invoice_service_client::InvoiceServiceClient;
use proto::billing::v1::payment_method_service_client::PaymentMethodServiceClient;
use proto::billing::v1::payment_service_client::PaymentServiceClient;
use proto::billing::v1::price_service_client::PriceServiceClient;
use proto::integrations::v1::integration_service_client::IntegrationServiceClient;
use proto::membership::v1::contract_service_client::ContractServiceClient;
use proto::membership::v1::membership_service_client::MembershipServiceClient;
use proto::membership::v1::plan_service_client::PlanServiceClient;
use proto::membership::v1::team_service_client::TeamServiceClient;
use proto::notification::v1::notification_service_client::NotificationServiceClient;
use proto::workspace::v1::api_key_service_client::ApiKeyServiceClient;
use proto::workspace::v1::booking_service_client::BookingServiceClient;
use proto::workspace::v1::entitlement_service_client::EntitlementServiceClient;
use proto::workspace::v1::pass_service_client::PassServiceClient;
use proto::workspace::v1::person_service_client::PersonServiceClient;
use proto::workspace::v1::visit_service_client::VisitServiceClient;
use proto::workspace::v1::workspace_service_client::WorkspaceServiceClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};

/// Every service that stories call.
#[derive(Clone)]
pub struct Client {
    /// API keys.
    pub api_keys: ApiKeyServiceClient<OperatorChannel>,
    /// Door mappings, grants.
    pub access: AccessServiceClient<OperatorChannel>,
    /// The access log.
    pub access_log: AccessLogServiceClient<OperatorChannel>,
    /// The audit log.
    pub audit: AuditServiceClient<OperatorChannel>,
    /// Bookings.
    pub bookings: BookingServiceClient<OperatorChannel>,
    /// Contracts over desks and offices.
    pub contracts: ContractServiceClient<OperatorChannel>,
    /// Doors that people are given directly.
    pub entitlements: EntitlementServiceClient<OperatorChannel>,
    /// Connections to providers.
    pub integrations: IntegrationServiceClient<OperatorChannel>,
    /// What people were told, and what became of it.
    pub messages: NotificationServiceClient<OperatorChannel>,
    /// Memberships of plans.
    pub memberships: MembershipServiceClient<OperatorChannel>,
    /// What people owe.
    pub invoices: InvoiceServiceClient<OperatorChannel>,
    /// Payments, and what is given back of them.
    pub payments: PaymentServiceClient<OperatorChannel>,
    /// Cards and bank accounts.
    pub payment_methods: PaymentMethodServiceClient<OperatorChannel>,
    /// What things cost, and how workspaces bill.
    pub prices: PriceServiceClient<OperatorChannel>,
    /// Passes and their products.
    pub passes: PassServiceClient<OperatorChannel>,
    /// People.
    pub people: PersonServiceClient<OperatorChannel>,
    /// Workspaces, locations, resources.
    pub places: WorkspaceServiceClient<OperatorChannel>,
    /// Plans.
    pub plans: PlanServiceClient<OperatorChannel>,
    /// Schedules of doors.
    pub schedules: DoorScheduleServiceClient<OperatorChannel>,
    /// Teams.
    pub teams: TeamServiceClient<OperatorChannel>,
    /// People who come and are no members.
    pub visits: VisitServiceClient<OperatorChannel>,
}

/// Doors on demand, for someone with a token.
pub type Doors = DoorServiceClient<InterceptedService<Channel, Bearer>>;

/// Calls with a token.
#[derive(Clone)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    /// A client of the gateway at this address that calls with the token.
    pub fn doors(gateway: &str, token: &str) -> Doors {
        let channel = chassis::rpc::outside_channel(gateway).unwrap();
        DoorServiceClient::with_interceptor(channel, Self(format!("Bearer {token}").parse().unwrap()))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// How long a service may be away.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    /// A client of the gateway at this address that calls as the operator.
    pub fn new(gateway: &str, signer: Signer) -> Self {
        let channel = chassis::rpc::operator_channel(gateway, signer, Arc::new(SystemClock)).unwrap();
        Self {
            api_keys: ApiKeyServiceClient::new(channel.clone()),
            access: AccessServiceClient::new(channel.clone()),
            access_log: AccessLogServiceClient::new(channel.clone()),
            audit: AuditServiceClient::new(channel.clone()),
            bookings: BookingServiceClient::new(channel.clone()),
            contracts: ContractServiceClient::new(channel.clone()),
            entitlements: EntitlementServiceClient::new(channel.clone()),
            integrations: IntegrationServiceClient::new(channel.clone()),
            messages: NotificationServiceClient::new(channel.clone()),
            memberships: MembershipServiceClient::new(channel.clone()),
            invoices: InvoiceServiceClient::new(channel.clone()),
            payments: PaymentServiceClient::new(channel.clone()),
            payment_methods: PaymentMethodServiceClient::new(channel.clone()),
            prices: PriceServiceClient::new(channel.clone()),
            passes: PassServiceClient::new(channel.clone()),
            people: PersonServiceClient::new(channel.clone()),
            places: WorkspaceServiceClient::new(channel.clone()),
            plans: PlanServiceClient::new(channel.clone()),
            schedules: DoorScheduleServiceClient::new(channel.clone()),
            teams: TeamServiceClient::new(channel.clone()),
            visits: VisitServiceClient::new(channel),
        }
    }
}

/// Calls until there is an answer. What may have happened although no answer came is safe to ask for
/// again, by its `request_id`.
pub async fn insist<C: Clone, R: Clone, T, F>(client: &C, request: R, call: impl Fn(C, R) -> F) -> T
where
    F: Future<Output = Result<Response<T>, Status>>,
{
    let start = tokio::time::Instant::now();
    loop {
        match call(client.clone(), request.clone()).await {
            Ok(answer) => return answer.into_inner(),
            Err(status)
                if matches!(
                    status.code(),
                    Code::Unavailable
                        | Code::Unknown
                        | Code::Cancelled
                        | Code::DeadlineExceeded
                        | Code::Internal
                ) && start.elapsed() < PATIENCE =>
            {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(status) => panic!("refused: {status:?}"),
        }
    }
}
