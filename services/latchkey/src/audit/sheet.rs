//! The audit log as a file.

use std::io::{self, BufWriter, Write};

use chassis::sheet::defused;
use chrono::{DateTime, SecondsFormat};
use clap::ValueEnum;
use proto::audit::v1 as pb;

const COLUMNS: [&str; 12] = [
    "audit_entry",
    "time",
    "actor_kind",
    "actor",
    "role",
    "address",
    "action",
    "subject",
    "field",
    "change",
    "before",
    "after",
];

/// How a file is written.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// A table with a row for each field that changed.
    Csv,
    /// A line with an object for each entry.
    Json,
}

/// A file that is written entry by entry.
pub(super) enum Sheet<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Json(BufWriter<W>),
}

impl<W: Write> Sheet<W> {
    /// A file without entries yet; a table has its columns' names.
    pub(super) fn begin(format: Format, out: W) -> io::Result<Self> {
        Ok(match format {
            Format::Csv => {
                let mut table = csv::Writer::from_writer(out);
                table.write_record(COLUMNS).map_err(cause)?;
                Self::Csv(Box::new(table))
            }
            Format::Json => Self::Json(BufWriter::new(out)),
        })
    }

    pub(super) fn write(&mut self, entry: &pb::AuditEntry) -> io::Result<()> {
        match self {
            Self::Csv(table) => {
                for change in &entry.changes {
                    let row = row(entry, change);
                    table.write_record(row.iter().map(|cell| defused(cell).into_owned())).map_err(cause)?;
                }
                Ok(())
            }
            Self::Json(lines) => {
                serde_json::to_writer(&mut *lines, entry)?;
                lines.write_all(b"\n")
            }
        }
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        match self {
            Self::Csv(table) => table.flush(),
            Self::Json(lines) => lines.flush(),
        }
    }
}

/// The table's writer says of an error of what it writes to no more than that it was one.
fn cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn row(entry: &pb::AuditEntry, change: &pb::FieldChange) -> [String; 12] {
    let actor = entry.actor.clone().unwrap_or_default();
    [
        entry.name.clone(),
        time(entry),
        word(actor.kind().as_str_name(), "ACTOR_KIND_"),
        actor.name.clone(),
        word(actor.role().as_str_name(), "ROLE_"),
        actor.address,
        entry.action.clone(),
        entry.subject.clone(),
        change.field.clone(),
        word(change.kind().as_str_name(), "FIELD_CHANGE_KIND_"),
        change.before.clone(),
        change.after.clone(),
    ]
}

/// The time of an entry, RFC 3339 in UTC.
pub(super) fn time(entry: &pb::AuditEntry) -> String {
    entry
        .time
        .as_ref()
        .and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?))
        .map_or_else(String::new, |time| time.to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// The value of an enum in lower case; nothing if it is not said.
fn word(name: &str, prefix: &str) -> String {
    let word = name.strip_prefix(prefix).unwrap_or(name);
    if word == "UNSPECIFIED" { String::new() } else { word.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(display_name: &str) -> pb::AuditEntry {
        let change = |field: &str, kind: pb::FieldChangeKind, before: &str, after: &str| pb::FieldChange {
            field: field.into(),
            kind: kind.into(),
            before: before.into(),
            after: after.into(),
        };
        pb::AuditEntry {
            name: "workspaces/w/auditEntries/e".into(),
            time: Some(pbjson_types::Timestamp { seconds: 1_796_112_000, nanos: 123_456_000 }),
            actor: Some(pb::Actor {
                kind: pb::ActorKind::ApiKey.into(),
                name: "workspaces/w/apiKeys/k".into(),
                role: proto::auth::v1::Role::Admin.into(),
                address: "2001:db8::7".into(),
            }),
            action: "latchkey.workspace.v1.PersonService/ChangeRole".into(),
            subject: "workspaces/w/people/p".into(),
            changes: vec![
                change("role", pb::FieldChangeKind::Replaced, "member", display_name),
                change("email", pb::FieldChangeKind::Set, "", ""),
            ],
        }
    }

    fn written(format: Format, entries: &[pb::AuditEntry]) -> String {
        let mut out = Vec::new();
        let mut sheet = Sheet::begin(format, &mut out).unwrap();
        entries.iter().for_each(|entry| sheet.write(entry).unwrap());
        sheet.finish().unwrap();
        drop(sheet);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_has_a_row_for_each_field() {
        let head = "workspaces/w/auditEntries/e,2026-12-01T08:00:00.123456Z,api_key,workspaces/w/apiKeys/k,admin,\
                    2001:db8::7,latchkey.workspace.v1.PersonService/ChangeRole,workspaces/w/people/p";
        let expected = format!(
            "audit_entry,time,actor_kind,actor,role,address,action,subject,field,change,before,after\n\
             {head},role,replaced,member,\"Room 4, \"\"east\"\"\"\n\
             {head},email,set,,\n"
        );
        assert_eq!(written(Format::Csv, &[entry("Room 4, \"east\"")]), expected);
        let nothing = written(Format::Csv, &[]);
        assert_eq!(nothing.lines().count(), 1, "the columns' names");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"] {
            let table = written(Format::Csv, &[entry(cell)]);
            let mut reader = csv::Reader::from_reader(table.as_bytes());
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            assert_eq!(&rows[0][11], format!("'{cell}"));
        }
        assert_eq!(defused("a=b"), "a=b");
    }

    #[test]
    fn lines_of_json_read_back_as_they_were() {
        let entries = [entry("Röom"), entry("two\nlines")];
        let lines = written(Format::Json, &entries);
        let read: Vec<pb::AuditEntry> =
            lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, entries);
    }
}
