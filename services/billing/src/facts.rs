//! The events of this service.

use domain::Timestamp;
use domain::names::PaymentMethodName;
use events::Outgoing;
use events::outbox::About;
use proto::billing::v1 as pb;

use crate::convert;
use crate::customers::Holder;
use crate::model::Method;

pub(crate) const SOURCE: &str = "billing";

/// A payment method expires soon.
pub(crate) fn expiring(method: &Method, holder: Holder, now: Timestamp) -> Outgoing {
    let (workspace, id) = (method.site.workspace, method.id);
    let name = PaymentMethodName { workspace, id }.to_string();
    let about = About { workspace, name, version: method.version, time: now };
    let payment_method = Some(convert::payment_method(method, holder));
    Outgoing::event(SOURCE, about, &pb::PaymentMethodExpiring { payment_method })
}
