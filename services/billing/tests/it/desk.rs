//! An operator's desk: says how the workspace bills and what things cost, writes invoices, and hears what the
//! workspace tells.

use std::time::Duration;

use chassis::auth::{Principal, Role};
use chassis::input::timestamp;
use domain::names::{
    BookingName, LocationName, MembershipName, PassName, PassProductName, PersonName, PlanName, ResourceName,
};
use domain::{
    BookingId, Clock as _, EventId, LocationId, MembershipId, PassId, PassProductId, PersonId, PlanId,
    ResourceId, Timestamp,
};
use events::{Bus, Envelope};
use proto::Fact;
use proto::billing::v1 as pb;
use proto::billing::v1::invoice_service_client::InvoiceServiceClient;
use proto::billing::v1::price_service_client::PriceServiceClient;
use proto::membership::v1 as membership_pb;
use proto::workspace::v1 as workspace_pb;
use testkit::{Bearer, eventually};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Response, Status};

use crate::world::World;

pub(crate) const LIMIT: Duration = Duration::from_secs(20);

type Link = InterceptedService<Channel, Bearer>;

pub(crate) struct Desk {
    pub world: World,
    bus: Bus,
    admin: PersonId,
    pub person: PersonId,
    pub location: LocationId,
    pub resource: ResourceId,
    pub plan: PlanId,
    pub product: PassProductId,
}

pub(crate) fn eur(minor_units: i64) -> pb::Money {
    pb::Money { minor_units, currency: "EUR".into() }
}

/// Of an amount that comes on top.
pub(crate) fn vat(percent: &str, is_inclusive: bool) -> pb::Tax {
    pb::Tax { display_name: "VAT".into(), percent: percent.into(), is_inclusive }
}

pub(crate) fn line(description: &str, quantity: &str, unit_price: i64) -> pb::InvoiceLine {
    pb::InvoiceLine {
        description: description.into(),
        quantity: quantity.into(),
        unit_price: Some(eur(unit_price)),
        ..Default::default()
    }
}

pub(crate) fn settings(name: &str) -> pb::BillingSettings {
    pb::BillingSettings {
        name: format!("{name}/billingSettings"),
        currency: "EUR".into(),
        anchor_day: 1,
        due_days: 14,
        auto_charge: false,
        pause_after_days: 10,
        booking_payment: pb::BookingPayment::AfterConfirmation.into(),
        cancellation: pb::CancellationPolicy::Credit.into(),
        seller: Some(pb::Seller {
            legal_name: "Demo Space GmbH".into(),
            address_lines: vec!["Hauptplatz 1".into(), "4020 Linz".into()],
            tax_id: "ATU12345678".into(),
            footer: "Bank: AT61 1904 3002 3457 3201".into(),
        }),
        time_zone: "Europe/Vienna".into(),
        ..Default::default()
    }
}

impl World {
    /// Has the workspace bill, in euros.
    pub(crate) async fn bills(&self) {
        let admin = Principal::person(PersonId::new().to_string(), self.workspace, Role::Admin);
        let mut prices = PriceServiceClient::new(self.harness.channel_with(&self.address, &admin));
        let request = pb::SetBillingSettingsRequest { settings: Some(settings(&self.name())) };
        prices.set_billing_settings(request).await.unwrap();
    }
}

impl Desk {
    /// A workspace that bills in euros, without Stripe.
    pub(crate) async fn open() -> Self {
        let desk = Self::closed().await;
        desk.set(settings(&desk.world.name())).await.unwrap();
        desk
    }

    /// One of which nobody has said how it bills.
    pub(crate) async fn closed() -> Self {
        let world = World::start().await;
        let bus = world.harness.bus().await;
        Self {
            world,
            bus,
            admin: PersonId::new(),
            person: PersonId::new(),
            location: LocationId::new(),
            resource: ResourceId::new(),
            plan: PlanId::new(),
            product: PassProductId::new(),
        }
    }

    fn link(&self, id: PersonId, role: Role) -> Link {
        let principal = Principal::person(id.to_string(), self.world.workspace, role);
        self.world.harness.channel_with(&self.world.address, &principal)
    }

    pub(crate) fn prices(&self) -> PriceServiceClient<Link> {
        PriceServiceClient::new(self.link(self.admin, Role::Admin))
    }

    pub(crate) fn invoices(&self) -> InvoiceServiceClient<Link> {
        InvoiceServiceClient::new(self.link(self.admin, Role::Admin))
    }

    pub(crate) fn invoices_as(&self, person: PersonId) -> InvoiceServiceClient<Link> {
        InvoiceServiceClient::new(self.link(person, Role::Member))
    }

    pub(crate) async fn set(&self, settings: pb::BillingSettings) -> Result<pb::BillingSettings, Status> {
        let request = pb::SetBillingSettingsRequest { settings: Some(settings) };
        let answer = self.prices().set_billing_settings(request).await?;
        Ok(answer.into_inner().settings.unwrap())
    }

    pub(crate) async fn price(&self, price: pb::Price) -> Result<pb::Price, Status> {
        let request = pb::SetPriceRequest { parent: self.world.name(), price: Some(price) };
        Ok(self.prices().set_price(request).await?.into_inner().price.unwrap())
    }

    pub(crate) fn hourly(&self, minor_units: i64, tax: Option<pb::Tax>) -> pb::Price {
        let resource = ResourceName { workspace: self.world.workspace, id: self.resource };
        pb::Price {
            subject: Some(pb::price::Subject::Resource(resource.to_string())),
            amount: Some(eur(minor_units)),
            unit: pb::PriceUnit::Hour.into(),
            tax,
            ..Default::default()
        }
    }

    pub(crate) fn monthly(&self, minor_units: i64, anchor: pb::BillingAnchor) -> pb::Price {
        let plan = PlanName { workspace: self.world.workspace, id: self.plan };
        let cycle = pb::BillingCycle { interval: pb::BillingInterval::Month.into(), anchor: anchor.into() };
        pb::Price {
            subject: Some(pb::price::Subject::Plan(plan.to_string())),
            amount: Some(eur(minor_units)),
            unit: pb::PriceUnit::Period.into(),
            cycle: Some(cycle),
            ..Default::default()
        }
    }

    pub(crate) fn per_pass(&self, minor_units: i64) -> pb::Price {
        let product = PassProductName { workspace: self.world.workspace, id: self.product };
        pb::Price {
            subject: Some(pb::price::Subject::PassProduct(product.to_string())),
            amount: Some(eur(minor_units)),
            unit: pb::PriceUnit::Pass.into(),
            ..Default::default()
        }
    }

    pub(crate) fn person_name(&self) -> String {
        PersonName { workspace: self.world.workspace, id: self.person }.to_string()
    }

    /// A draft for the desk's person.
    pub(crate) fn draft(&self, lines: Vec<pb::InvoiceLine>) -> pb::Invoice {
        pb::Invoice {
            payer: Some(pb::invoice::Payer::Person(self.person_name())),
            bill_to: Some(pb::BillTo { display_name: "Ada".into(), ..Default::default() }),
            lines,
            ..Default::default()
        }
    }

    pub(crate) async fn create(&self, invoice: pb::Invoice) -> Result<pb::Invoice, Status> {
        let request = pb::CreateInvoiceRequest {
            parent: self.world.name(),
            invoice: Some(invoice),
            request_id: String::new(),
        };
        Ok(self.invoices().create_invoice(request).await?.into_inner().invoice.unwrap())
    }

    pub(crate) async fn finalise(&self, name: &str) -> Result<pb::Invoice, Status> {
        let request = pb::FinaliseInvoiceRequest { name: name.into() };
        Ok(self.invoices().finalise_invoice(request).await?.into_inner().invoice.unwrap())
    }

    /// An invoice that is out.
    pub(crate) async fn raise(&self, lines: Vec<pb::InvoiceLine>) -> pb::Invoice {
        let draft = self.create(self.draft(lines)).await.unwrap();
        self.finalise(&draft.name).await.unwrap()
    }

    pub(crate) async fn pay(&self, name: &str, minor_units: i64, key: &str) -> Result<pb::Invoice, Status> {
        let request = pb::RecordPaymentRequest {
            name: name.into(),
            amount: Some(eur(minor_units)),
            method: pb::ManualPaymentMethod::BankTransfer.into(),
            request_id: key.into(),
        };
        Ok(self.invoices().record_payment(request).await?.into_inner().invoice.unwrap())
    }

    pub(crate) async fn credit(&self, name: &str, minor_units: i64) -> Result<pb::CreditNote, Status> {
        let note = pb::CreditNote {
            invoice: name.into(),
            amount: Some(eur(minor_units)),
            reason: "a mistake".into(),
            ..Default::default()
        };
        let request = pb::CreateCreditNoteRequest {
            parent: self.world.name(),
            credit_note: Some(note),
            request_id: EventId::new().to_string(),
        };
        Ok(self.invoices().create_credit_note(request).await?.into_inner().credit_note.unwrap())
    }

    pub(crate) async fn get(&self, name: &str) -> pb::Invoice {
        let request = pb::GetInvoiceRequest { name: name.into() };
        self.invoices().get_invoice(request).await.unwrap().into_inner().invoice.unwrap()
    }

    pub(crate) async fn list(&self) -> Vec<pb::Invoice> {
        let request = pb::ListInvoicesRequest { parent: self.world.name(), ..Default::default() };
        self.invoices().list_invoices(request).await.map(Response::into_inner).unwrap().invoices
    }

    /// What the invoices are for and come to, once there are so many.
    pub(crate) async fn billed(&self, count: usize) -> Vec<(String, i64)> {
        let list = || async {
            let invoices = self.list().await;
            if invoices.len() == count { Ok(invoices) } else { Err(format!("{invoices:#?}")) }
        };
        let invoices = eventually("so many invoices", LIMIT, list).await;
        let shown = |invoice: pb::Invoice| {
            let lines: Vec<String> = invoice.lines.iter().map(|line| line.description.clone()).collect();
            (lines.join("; "), invoice.total.unwrap().minor_units)
        };
        invoices.into_iter().map(shown).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.world.harness.clock.now()
    }

    pub(crate) fn set_clock(&self, time: &str) {
        self.world.harness.clock.set(time.parse().unwrap());
    }

    /// Tells a fact of the workspace.
    pub(crate) async fn tell<T: Fact>(&self, subject: String, version: i64, fact: &T) {
        let id = EventId::new();
        let envelope = Envelope {
            id,
            type_name: T::TYPE.into(),
            source: "/latchkey/workspace".into(),
            subject,
            time: self.now(),
            workspace: self.world.workspace,
            sequence: version,
            correlation: id.to_string(),
            causation: None,
            traceparent: None,
        };
        let mut headers = async_nats::HeaderMap::new();
        for (name, value) in envelope.headers() {
            headers.insert(name, value.as_str());
        }
        let subject = events::subject::event(T::DOMAIN, T::NAME, self.world.workspace);
        let subject = self.bus.root().subject(&subject);
        let payload = serde_json::to_vec(fact).unwrap().into();
        let published = self.bus.jetstream().publish_with_headers(subject, headers, payload);
        published.await.unwrap().await.unwrap();
    }

    fn told_person(&self) -> workspace_pb::Person {
        workspace_pb::Person {
            name: self.person_name(),
            display_name: "Ada".into(),
            email: "ada@example.org".into(),
            ..Default::default()
        }
    }

    fn told_location(&self) -> workspace_pb::Location {
        workspace_pb::Location {
            name: LocationName { workspace: self.world.workspace, id: self.location }.to_string(),
            display_name: "Linz".into(),
            time_zone: "Europe/Vienna".into(),
            country: "AT".into(),
            address: String::new(),
        }
    }

    /// A booking of the resource, from noon on 10 December for so many hours.
    pub(crate) fn booking(
        &self,
        id: BookingId,
        version: i64,
        hours: i64,
        state: workspace_pb::BookingState,
    ) -> workspace_pb::BookingSnapshot {
        let workspace = self.world.workspace;
        let start: Timestamp = "2026-12-10T11:00:00Z".parse().unwrap();
        let resource = ResourceName { workspace, id: self.resource }.to_string();
        workspace_pb::BookingSnapshot {
            booking: Some(workspace_pb::Booking {
                name: BookingName { workspace, id }.to_string(),
                resource: resource.clone(),
                person: self.person_name(),
                start_time: Some(timestamp(start)),
                end_time: Some(timestamp(start + chrono::Duration::hours(hours))),
                state: state.into(),
                version,
                create_time: Some(timestamp(self.now())),
                ..Default::default()
            }),
            person: Some(self.told_person()),
            resource: Some(workspace_pb::Resource {
                name: resource,
                location: self.told_location().name,
                display_name: "Focus Room".into(),
            }),
            location: Some(self.told_location()),
            ..Default::default()
        }
    }

    pub(crate) fn membership(
        &self,
        id: MembershipId,
        version: i64,
        state: membership_pb::MembershipState,
        start: &str,
    ) -> membership_pb::MembershipSnapshot {
        let workspace = self.world.workspace;
        let plan = PlanName { workspace, id: self.plan }.to_string();
        let start: Timestamp = start.parse().unwrap();
        membership_pb::MembershipSnapshot {
            membership: Some(membership_pb::Membership {
                name: MembershipName { workspace, id }.to_string(),
                plan: plan.clone(),
                holder: Some(membership_pb::membership::Holder::Person(self.person_name())),
                start_time: Some(timestamp(start)),
                // Nothing is paid for yet.
                period_end_time: Some(timestamp(start + chrono::Duration::seconds(1))),
                state: state.into(),
                version,
                create_time: Some(timestamp(self.now())),
                ..Default::default()
            }),
            plan: Some(membership_pb::Plan {
                name: plan,
                display_name: "Flex Desk".into(),
                ..Default::default()
            }),
            locations: vec![self.told_location()],
            people: vec![self.told_person()],
            ..Default::default()
        }
    }

    pub(crate) fn pass(&self, id: PassId, is_cancelled: bool) -> workspace_pb::PassSnapshot {
        let workspace = self.world.workspace;
        let product = PassProductName { workspace, id: self.product }.to_string();
        workspace_pb::PassSnapshot {
            pass: Some(workspace_pb::Pass {
                name: PassName { workspace, id }.to_string(),
                product: product.clone(),
                person: self.person_name(),
                cancel_time: is_cancelled.then(|| timestamp(self.now())),
                create_time: Some(timestamp(self.now())),
                ..Default::default()
            }),
            product: Some(workspace_pb::PassProduct {
                name: product,
                display_name: "Ten Days".into(),
                ..Default::default()
            }),
            person: Some(self.told_person()),
            location: Some(self.told_location()),
            ..Default::default()
        }
    }

    /// The names of the events that were published about invoices, in order.
    pub(crate) async fn told(&self) -> Vec<String> {
        let owner =
            testkit::owner(self.world.harness.database_url(), billing::DEFINITION.schema).await.unwrap();
        sqlx::query_scalar(
            "select substring(subject from 'event\\.billing\\.([a-z_]+)') from outbox
              where workspace_id = $1 and subject like '%event.billing.%' order by id",
        )
        .bind(self.world.workspace.uuid())
        .fetch_all(&owner)
        .await
        .unwrap()
    }

    /// Checks the books and ends the test.
    pub(crate) async fn close(self) {
        let owner =
            testkit::owner(self.world.harness.database_url(), billing::DEFINITION.schema).await.unwrap();
        let mut conn = owner.acquire().await.unwrap();
        assert_eq!(billing::books::prove(&mut conn, self.world.workspace).await.unwrap(), []);
        drop(conn);
        owner.close().await;
        self.world.harness.finish().await;
    }
}
