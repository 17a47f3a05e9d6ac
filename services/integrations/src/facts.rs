//! The events of this service.

use domain::names::IntegrationName;
use events::Outgoing;
use events::outbox::About;
use proto::integrations::v1 as pb;

use crate::convert;
use crate::model::Integration;

/// The status of an integration changed; `after` is as it is now.
pub(crate) fn status_changed(after: &Integration) -> Outgoing {
    let about = About {
        workspace: after.workspace,
        name: IntegrationName { workspace: after.workspace, id: after.id }.to_string(),
        version: after.version,
        time: after.status_at,
    };
    let integration = Some(convert::integration(after));
    Outgoing::event("integrations", about, &pb::IntegrationStatusChanged { integration })
}
