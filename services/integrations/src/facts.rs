//! The events of this service.

use domain::names::IntegrationName;
use events::Outgoing;
use events::outbox::About;
use proto::integrations::v1 as pb;

use crate::convert;
use crate::model::Integration;

pub(crate) const SOURCE: &str = "integrations";

/// The status of an integration changed, or what is in force; `after` is as it is now.
pub(crate) fn status_changed(after: &Integration) -> Outgoing {
    let about = About {
        workspace: after.workspace,
        name: IntegrationName { workspace: after.workspace, id: after.id }.to_string(),
        version: after.version,
        time: after.heard_at,
    };
    // Even a mask is no business of all who listen.
    let integration = pb::Integration { credentials: Vec::new(), ..convert::integration(after) };
    Outgoing::event(SOURCE, about, &pb::IntegrationStatusChanged { integration: Some(integration) })
}
