//! The access log as a table in CSV. Pure.

use std::collections::HashMap;

use chassis::sheet::defused;
use chrono::{DateTime, SecondsFormat};
use csv::{Terminator, WriterBuilder};
use proto::access::v1 as pb;

const COLUMNS: [&str; 21] = [
    "sequence",
    "time",
    "event_time",
    "actor",
    "actor_name",
    "holder",
    "source",
    "location",
    "provider",
    "door_ref",
    "door",
    "action",
    "outcome",
    "reason",
    "detail",
    "latency_ms",
    "direction",
    "operation",
    "way_in",
    "event_ref",
    "hash",
];

/// Why nothing fails.
const MEMORY: &str = "memory takes all, and rows have as many cells as there are columns";

/// A piece of the table: the columns' names, if it is the first, and a row for each entry. `names` says what actors are
/// called.
pub(crate) fn piece(
    entries: &[pb::AccessLogEntry],
    names: &HashMap<String, String>,
    is_first: bool,
) -> Vec<u8> {
    let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    if is_first {
        table.write_record(COLUMNS).expect(MEMORY);
    }
    for entry in entries {
        table.write_record(row(entry, names).iter().map(|cell| defused(cell).into_owned())).expect(MEMORY);
    }
    table.into_inner().expect(MEMORY)
}

fn row(entry: &pb::AccessLogEntry, names: &HashMap<String, String>) -> [String; 21] {
    let door = entry.door.clone().unwrap_or_default();
    let target = door.target.unwrap_or_default();
    [
        entry.sequence.to_string(),
        moment(entry.time.as_ref()),
        moment(entry.event_time.as_ref()),
        entry.actor.clone(),
        names.get(&entry.actor).cloned().unwrap_or_default(),
        entry.holder.clone(),
        word(entry.source().as_str_name(), "ACCESS_LOG_SOURCE_"),
        door.location,
        door.provider,
        target.r#ref,
        target.display_name,
        word(entry.action().as_str_name(), "DOOR_ACTION_"),
        word(entry.outcome().as_str_name(), "DOOR_OPERATION_STATE_"),
        word(entry.reason().as_str_name(), "ACCESS_REASON_"),
        entry.detail.clone(),
        entry.latency.map_or_else(String::new, |span| {
            (span.seconds * 1_000 + i64::from(span.nanos) / 1_000_000).to_string()
        }),
        word(entry.direction().as_str_name(), "PASSAGE_DIRECTION_"),
        entry.operation.clone(),
        entry.way_in.clone(),
        entry.event_ref.clone(),
        entry.hash.iter().map(|byte| format!("{byte:02x}")).collect(),
    ]
}

/// RFC 3339 in UTC; nothing if there is none.
fn moment(time: Option<&pbjson_types::Timestamp>) -> String {
    time.and_then(|time| DateTime::from_timestamp(time.seconds, u32::try_from(time.nanos).ok()?))
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

    fn read(table: &[u8]) -> Vec<Vec<String>> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(table);
        reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn whatever_is_in_it_a_row_has_its_cells() {
        let entry = pb::AccessLogEntry {
            sequence: 7,
            time: Some(pbjson_types::Timestamp { seconds: 1_800_000_000, nanos: 5_000 }),
            actor: "workspaces/w/people/p".into(),
            holder: "=HYPERLINK(\"http://x\",\"a, b\")\r\nnext".into(),
            source: pb::AccessLogSource::Card.into(),
            outcome: pb::DoorOperationState::Refused.into(),
            latency: Some(pbjson_types::Duration { seconds: 1, nanos: 250_000_000 }),
            hash: vec![0, 255],
            ..Default::default()
        };
        let names = HashMap::from([(entry.actor.clone(), "Grüße; @home".to_owned())]);
        let table = piece(&[entry.clone(), entry.clone()], &names, true);
        let rows = read(&table);
        assert_eq!(rows[0], COLUMNS);
        assert_eq!((rows.len(), &rows[1]), (3, &rows[2]));
        let cell = |column: &str| rows[1][COLUMNS.iter().position(|it| *it == column).unwrap()].as_str();
        assert_eq!((cell("sequence"), cell("source"), cell("outcome")), ("7", "card", "refused"));
        assert_eq!((cell("time"), cell("event_time")), ("2027-01-15T08:00:00.000005Z", ""));
        assert_eq!(cell("holder"), "'=HYPERLINK(\"http://x\",\"a, b\")\r\nnext");
        assert_eq!((cell("actor_name"), cell("latency_ms"), cell("hash")), ("Grüße; @home", "1250", "00ff"));
        assert_eq!(read(&piece(&[entry], &names, false)).len(), 1, "columns are named once");
    }
}
