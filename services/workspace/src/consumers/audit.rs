//! `latchkey.event.audit.change_recorded.{workspace}`: entries of the audit log, of all services.

use chassis::input::Input;
use domain::names::AuditEntryName;
use events::consumer::decode_json;
use events::subject::StreamKind;
use events::{ApplyError, ConsumerConfig, Envelope, Handler, Received};
use proto::audit::v1::ChangeRecorded;
use sqlx::PgConnection;

use crate::model::audit::AuditEntry;
use crate::store::audit as store;

pub(crate) fn config() -> ConsumerConfig {
    ConsumerConfig::new("workspace-audit", StreamKind::Event, "event.audit.change_recorded.*")
}

pub(crate) struct Audit;

impl Handler for Audit {
    type Body = AuditEntry;

    fn decode(&self, envelope: &Envelope, payload: &[u8]) -> Result<Option<AuditEntry>, String> {
        let message: ChangeRecorded = decode_json(payload)?;
        let mut input = Input::new();
        let values = input.required("auditEntry", message.audit_entry).and_then(|told| {
            let name: Option<AuditEntryName> = input.parse("auditEntry.name", &told.name);
            if name.is_some_and(|name| name.workspace != envelope.workspace) {
                input.refuse("auditEntry.name", "must be of the subject's workspace");
            }
            let time = input.time("auditEntry.time", told.time.as_ref());
            Some(AuditEntry { id: name?.id, time: time?, told })
        });
        input.finish_with(values).map(Some).map_err(|error| error.to_string())
    }

    async fn apply(
        &self,
        conn: &mut PgConnection,
        batch: &[&Received<AuditEntry>],
    ) -> Result<(), ApplyError> {
        let entries: Vec<_> =
            batch.iter().map(|received| (received.envelope.workspace, &received.body)).collect();
        Ok(store::insert(conn, &entries).await?)
    }
}
