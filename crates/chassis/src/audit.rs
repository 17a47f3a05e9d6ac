//! The audit log: who changed what, when, and from where.
//!
//! Whoever changes credentials, roles, mappings or settings records it in the transaction of the change,
//! as an event; the workspace service keeps the log. It is kept for good: a secret stands in it by its
//! name alone ([`Entry::secret`]), and of what is told about people only that it changed
//! ([`Entry::private`]).

use std::fmt::Display;

use domain::names::{AuditEntryName, PersonName, WorkspaceName};
use domain::{AuditEntryId, Timestamp, WorkspaceId};
use events::Outgoing;
use events::outbox::{self, About, OutboxError};
use proto::audit::v1 as pb;
use sqlx::PgConnection;

use crate::auth::Principal;
use crate::input::timestamp;

/// Who makes changes, and by what: a caller by a method ([`crate::rpc::author`]), or a service by itself.
#[derive(Debug, Clone)]
pub struct Author {
    actor: pb::Actor,
    action: String,
}

impl Author {
    /// The caller of the method at `path`, `/package.Service/Method`.
    pub(crate) fn of(caller: &Principal, path: &str) -> Self {
        Self { actor: actor(caller), action: path.trim_start_matches('/').to_owned() }
    }

    /// The service `name`, which heard a message of this type, such as `latchkey.ingest.v1.BookingUpsert`.
    pub fn service(name: &str, message_type: &str) -> Self {
        Self { actor: actor(&Principal::service(name)), action: message_type.to_owned() }
    }

    /// What the author is called.
    pub fn name(&self) -> &str {
        &self.actor.name
    }

    /// An entry about a change of `subject`, a resource name, of which no field is named yet.
    pub fn changes(&self, workspace: WorkspaceId, subject: impl Display, time: Timestamp) -> Entry {
        let name = AuditEntryName { workspace, id: AuditEntryId::new() }.to_string();
        let entry = pb::AuditEntry {
            name,
            time: Some(timestamp(time)),
            actor: Some(self.actor.clone()),
            action: self.action.clone(),
            subject: subject.to_string(),
            changes: Vec::new(),
        };
        Entry { workspace, time, entry }
    }
}

fn actor(caller: &Principal) -> pb::Actor {
    let id = caller.id.as_str();
    let (kind, name) = match (caller.workspace, caller.api_key_id(), id.parse()) {
        (None, ..) if !caller.is_operator() => (pb::ActorKind::Service, id.to_owned()),
        (Some(workspace), Some(key), _) => {
            (pb::ActorKind::ApiKey, format!("{}/apiKeys/{key}", WorkspaceName(workspace)))
        }
        (Some(workspace), None, Ok(id)) => (pb::ActorKind::Person, PersonName { workspace, id }.to_string()),
        // A token that names no person is one of the command line.
        _ => (pb::ActorKind::Operator, id.to_owned()),
    };
    pb::Actor {
        kind: kind.into(),
        name,
        role: caller.role.contract().into(),
        address: caller.address.map_or_else(String::new, |address| address.to_string()),
    }
}

/// A change of one thing, on its way to the audit log.
#[derive(Debug)]
#[must_use = "an entry counts once it is recorded"]
pub struct Entry {
    workspace: WorkspaceId,
    time: Timestamp,
    entry: pb::AuditEntry,
}

impl Entry {
    /// A field with what was there and what is. Left out if they are the same.
    pub fn field<T: PartialEq + Display>(self, field: &str, before: Option<T>, after: Option<T>) -> Self {
        if before == after {
            return self;
        }
        let kind = kind(before.is_some(), after.is_some());
        let text = |value: Option<T>| value.map_or_else(String::new, |value| value.to_string());
        self.with(field, kind, text(before), text(after))
    }

    /// A field of what is told about a person: that it changed, not what is there. Left out if it is the
    /// same.
    pub fn private<T: PartialEq>(self, field: &str, before: Option<T>, after: Option<T>) -> Self {
        if before == after { self } else { self.secret(field, before.is_some(), after.is_some()) }
    }

    /// A secret that was saved, saved again, or forgotten. Left out if there was none and is none.
    pub fn secret(self, field: &str, was_there: bool, is_there: bool) -> Self {
        if was_there || is_there {
            self.with(field, kind(was_there, is_there), String::new(), String::new())
        } else {
            self
        }
    }

    fn with(mut self, field: &str, kind: pb::FieldChangeKind, before: String, after: String) -> Self {
        self.entry.changes.push(pb::FieldChange {
            field: field.to_owned(),
            kind: kind.into(),
            before,
            after,
        });
        self
    }

    /// Writes the entry in the transaction of the change, as an event of the service `source`. A change
    /// that changed no field leaves none.
    pub async fn record(self, source: &str, conn: &mut PgConnection) -> Result<(), OutboxError> {
        if self.entry.changes.is_empty() {
            return Ok(());
        }
        let about =
            About { workspace: self.workspace, name: self.entry.name.clone(), version: 1, time: self.time };
        let body = pb::ChangeRecorded { audit_entry: Some(self.entry) };
        outbox::append(conn, &[Outgoing::event(source, about, &body)]).await
    }
}

fn kind(was_there: bool, is_there: bool) -> pb::FieldChangeKind {
    match (was_there, is_there) {
        (false, _) => pb::FieldChangeKind::Set,
        (true, true) => pb::FieldChangeKind::Replaced,
        (true, false) => pb::FieldChangeKind::Cleared,
    }
}

#[cfg(test)]
mod tests {
    use domain::PersonId;

    use super::*;
    use crate::auth::Role;

    const PATH: &str = "/latchkey.workspace.v1.PersonService/ChangeRole";

    fn author() -> Author {
        Author::of(&Principal::person(PersonId::new().to_string(), WorkspaceId::new(), Role::Admin), PATH)
    }

    fn entry() -> Entry {
        author().changes(WorkspaceId::new(), "workspaces/w/people/p", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn an_actor_is_who_called_as_what_and_from_where() {
        let (home, person) = (WorkspaceId::new(), PersonId::new());
        let at_home = |id: String| Principal::person(id, home, Role::Admin);
        let operator = pb::ActorKind::Operator;
        for (caller, kind, name) in [
            (
                at_home(person.to_string()),
                pb::ActorKind::Person,
                format!("workspaces/{home}/people/{person}"),
            ),
            (
                at_home(format!("api-key:{person}")),
                pb::ActorKind::ApiKey,
                format!("workspaces/{home}/apiKeys/{person}"),
            ),
            (at_home("latchkey".into()), operator, "latchkey".into()),
            (Principal::operator(), operator, "latchkey".into()),
            (Principal::service("workspace"), pb::ActorKind::Service, "workspace".into()),
        ] {
            let role =
                if caller.workspace.is_some() { proto::auth::v1::Role::Admin } else { Default::default() };
            let caller = Principal { address: Some([192, 0, 2, 7].into()), ..caller };
            let expected =
                pb::Actor { kind: kind.into(), name, role: role.into(), address: "192.0.2.7".into() };
            assert_eq!(actor(&caller), expected);
        }
        assert_eq!(actor(&Principal::operator()).address, "");
    }

    #[test]
    fn an_entry_reads_as_documented() {
        let address = Some("2001:db8::7".parse().unwrap());
        let caller = Principal { address, ..Principal::operator() };
        let time = Timestamp::from_timestamp_micros(1_796_112_000_123_456).unwrap();
        let entry = Author::of(&caller, PATH)
            .changes(WorkspaceId::new(), "workspaces/w/people/p", time)
            .field("role", Some("member"), Some("admin"))
            .field("locations", Some("workspaces/w/locations/l"), None)
            .private("email", None, Some("ada@example.org"))
            .secret("key", true, true);
        let mut json = serde_json::to_value(pb::ChangeRecorded { audit_entry: Some(entry.entry) }).unwrap();
        let name = json["auditEntry"]["name"].take();
        assert!(name.as_str().unwrap().parse::<AuditEntryName>().is_ok(), "{name}");
        let expected = serde_json::json!({"auditEntry": {
            "name": null,
            "time": "2026-12-01T08:00:00.123456+00:00",
            "actor": {"kind": "ACTOR_KIND_OPERATOR", "name": "latchkey", "address": "2001:db8::7"},
            "action": "latchkey.workspace.v1.PersonService/ChangeRole",
            "subject": "workspaces/w/people/p",
            "changes": [
                {"field": "role", "kind": "FIELD_CHANGE_KIND_REPLACED", "before": "member", "after": "admin"},
                {"field": "locations", "kind": "FIELD_CHANGE_KIND_CLEARED", "before": "workspaces/w/locations/l"},
                {"field": "email", "kind": "FIELD_CHANGE_KIND_SET"},
                {"field": "key", "kind": "FIELD_CHANGE_KIND_REPLACED"},
            ],
        }});
        assert_eq!(json, expected);
    }

    #[test]
    fn what_stayed_as_it_was_is_not_named() {
        let entry = entry()
            .field("role", Some("member"), Some("member"))
            .field("locations", None::<&str>, None)
            .private("email", Some("ada@example.org"), Some("ada@example.org"))
            .secret("key", false, false);
        assert_eq!(entry.entry.changes, []);
    }

    #[test]
    fn what_is_secret_or_private_is_told_by_its_name_alone() {
        let entry = entry()
            .private("email", Some("ada@example.org"), Some("eve@example.org"))
            .private("phone", Some("+436641234567"), None)
            .secret("api_key", false, true)
            .secret("host", true, false);
        let told: Vec<_> =
            entry.entry.changes.iter().map(|change| (change.field.as_str(), change.kind())).collect();
        let expected = [
            ("email", pb::FieldChangeKind::Replaced),
            ("phone", pb::FieldChangeKind::Cleared),
            ("api_key", pb::FieldChangeKind::Set),
            ("host", pb::FieldChangeKind::Cleared),
        ];
        assert_eq!(told, expected);
        assert!(entry.entry.changes.iter().all(|change| change.before.is_empty() && change.after.is_empty()));
    }
}
