//! A request of any method, about what is named.

use std::collections::HashMap;

use domain::{BookingId, WorkspaceId};
use prost_reflect::{DynamicMessage, Kind, MethodDescriptor, ReflectMessage as _, Value};
use proto::access::v1 as access;
use proto::billing::v1 as billing;

/// What a request can be about.
pub(super) struct Things {
    workspace: String,
    /// Names, by what a name calls their collection.
    known: HashMap<&'static str, String>,
}

impl Things {
    /// Things of a workspace; where none is known of a kind, one that is not there.
    pub(super) fn of(workspace: &str, known: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self { workspace: workspace.to_owned(), known: known.into_iter().collect() }
    }

    /// Things of a workspace that are all not there.
    pub(super) fn nowhere(home: WorkspaceId) -> Self {
        Self::of(&format!("workspaces/{home}"), [])
    }

    /// A name of something, by a word that ends with what it is, such as `GetBooking`.
    fn name(&self, noun: &str) -> String {
        let collections = [
            ("AcceptCertificate", "integrations"),
            ("ApiKey", "apiKeys"),
            ("Attendee", "bookings"),
            ("Booking", "bookings"),
            ("ChangeRole", "people"),
            ("ReportCardLost", "cards"),
            ("TakeCard", "cards"),
            ("ConfirmAccount", "integrations"),
            ("Contract", "contracts"),
            ("Coupon", "coupons"),
            ("DoorMapping", "doorMappings"),
            ("DoorOperation", "doorOperations"),
            ("CompleteUpload", "files"),
            ("CreateDownloadLink", "files"),
            ("DeleteFile", "files"),
            ("GetFile", "files"),
            ("Entitlement", "entitlements"),
            ("Holidays", "locations"),
            ("ApplyCredit", "invoices"),
            ("Integration", "integrations"),
            ("Invoice", "invoices"),
            ("InvoiceDocument", "invoices"),
            ("Membership", "memberships"),
            ("MembershipRenewal", "memberships"),
            ("PassProduct", "passProducts"),
            ("Pass", "passes"),
            ("PassUse", "passes"),
            ("Places", "integrations"),
            ("Place", "integrations"),
            ("LiftLockdown", "lockdowns"),
            ("Location", "locations"),
            ("LocationAccessSettings", "locations"),
            ("RecordPayment", "invoices"),
            ("GetMessage", "messages"),
            ("Payment", "payments"),
            ("Refund", "refunds"),
            ("PaymentMethod", "paymentMethods"),
            ("Plan", "plans"),
            ("Price", "prices"),
            ("Team", "teams"),
            ("TeamPerson", "teams"),
            ("Person", "people"),
            ("Resource", "resources"),
            ("TransferOwnership", "people"),
            ("CancelVisit", "visits"),
            ("GetVisit", "visits"),
        ];
        match collections.iter().find(|(kind, _)| noun.ends_with(kind)) {
            Some((_, collection)) => self.one_of(collection),
            None if noun.ends_with("BillingSettings") => format!("{}/billingSettings", self.workspace),
            None if noun.ends_with("AccessSettings") => format!("{}/accessSettings", self.workspace),
            None => self.workspace.clone(),
        }
    }

    fn one_of(&self, collection: &str) -> String {
        let nobody = || format!("{}/{collection}/{}", self.workspace, BookingId::new());
        self.known.get(collection).cloned().unwrap_or_else(nobody)
    }

    /// The method's request. Fields that are not about a thing, its title or a time stay empty.
    pub(super) fn request(&self, method: &MethodDescriptor) -> DynamicMessage {
        let input = method.input();
        let noun = input.name().trim_end_matches("Request").to_owned();
        let mut message = DynamicMessage::new(input);
        self.fill(&mut message, &noun);
        message
    }

    fn fill(&self, message: &mut DynamicMessage, noun: &str) {
        let is_of_kisi = message.descriptor().name() == "DoorAddress" || noun == "CreateMobileLogin";
        for field in message.descriptor().fields().collect::<Vec<_>>() {
            let value = match (field.name(), field.kind()) {
                ("provider", Kind::String) if is_of_kisi => Value::String("kisi".into()),
                ("ref", Kind::String) => Value::String("7".into()),
                ("kind", Kind::Enum(kind)) if kind.name() == "DoorTargetKind" => {
                    Value::EnumNumber(access::DoorTargetKind::Lock.into())
                }
                ("kind", Kind::Enum(kind)) if kind.name() == "PaymentMethodKind" => {
                    Value::EnumNumber(billing::PaymentMethodKind::Card.into())
                }
                ("parent" | "workspace", Kind::String) => Value::String(self.workspace.clone()),
                ("name", Kind::String) => Value::String(self.name(noun)),
                ("display_name", Kind::String) => Value::String("Something".into()),
                // Without an address nobody is announced.
                ("email", Kind::String) if noun == "Visit" => Value::String("eve@visitors.example".into()),
                ("person", Kind::String) => Value::String(self.one_of("people")),
                ("payment", Kind::String) => Value::String(self.one_of("payments")),
                ("product", Kind::String) => Value::String(self.one_of("passProducts")),
                ("resource", Kind::String) => Value::String(self.one_of("resources")),
                ("location", Kind::String) => Value::String(self.one_of("locations")),
                ("date", Kind::String) => Value::String("2100-01-01".into()),
                ("start_time", Kind::Message(kind)) => hours_from_now(&kind, 40),
                ("end_time", Kind::Message(kind)) => hours_from_now(&kind, 41),
                (_, Kind::Message(kind)) if kind.full_name().starts_with("latchkey.") && !field.is_list() => {
                    let mut value = DynamicMessage::new(kind.clone());
                    self.fill(&mut value, kind.name());
                    Value::Message(value)
                }
                _ => continue,
            };
            message.set_field(&field, value);
        }
    }
}

fn hours_from_now(timestamp: &prost_reflect::MessageDescriptor, hours: i64) -> Value {
    use domain::Clock as _;
    let mut value = DynamicMessage::new(timestamp.clone());
    let seconds = domain::SystemClock.now().timestamp() + hours * 3_600;
    value.set_field_by_name("seconds", Value::I64(seconds));
    Value::Message(value)
}
