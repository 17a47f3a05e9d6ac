//! The hash chain of the access log. Pure.

use std::fmt;

use proto::access::v1 as pb;
use sha2::{Digest as _, Sha256};

/// What the first entry follows.
pub const BEGIN: [u8; 32] = [0; 32];

/// The hash of an entry that follows the one with the hash `previous`.
///
/// It is SHA-256 of its fields as texts, each with its length in bytes and a colon before it and a comma behind:
/// `access-log-1`, the hash before in hexadecimal digits, sequence, time (seconds and nanoseconds), actor, source,
/// operation, location, provider, kind and id of the target and what it is called, action, outcome, reason, detail,
/// latency (seconds and nanoseconds). Enums are their names. What is unset is empty. What stood in a provider's own log
/// begins with `access-log-2`, and has after those: time of the event, its id, holder, way in and direction.
pub fn hash(entry: &pb::AccessLogEntry, previous: &[u8]) -> [u8; 32] {
    let door = entry.door.clone().unwrap_or_default();
    let target = door.target.clone().unwrap_or_default();
    let hex: String = previous.iter().map(|byte| format!("{byte:02x}")).collect();
    let moment = entry.time.map(|time| format!("{}.{:09}", time.seconds, time.nanos)).unwrap_or_default();
    let latency = entry.latency.map(|span| format!("{}.{:09}", span.seconds, span.nanos)).unwrap_or_default();
    let event_moment =
        entry.event_time.map(|time| format!("{}.{:09}", time.seconds, time.nanos)).unwrap_or_default();
    let of_event = [
        &*event_moment,
        &entry.event_ref,
        &entry.holder,
        &entry.way_in,
        match entry.direction() {
            pb::PassageDirection::Unspecified => "",
            direction => direction.as_str_name(),
        },
    ];
    let has_event = of_event.iter().any(|field| !field.is_empty());
    let fields = [
        if has_event { "access-log-2" } else { "access-log-1" },
        &hex,
        &entry.sequence.to_string(),
        &moment,
        &entry.actor,
        entry.source().as_str_name(),
        &entry.operation,
        &door.location,
        &door.provider,
        target.kind().as_str_name(),
        &target.r#ref,
        &target.display_name,
        entry.action().as_str_name(),
        entry.outcome().as_str_name(),
        entry.reason().as_str_name(),
        &entry.detail,
        &latency,
    ];
    let mut digest = Sha256::new();
    for field in fields.into_iter().chain(of_event.into_iter().filter(|_| has_event)) {
        digest.update(format!("{}:{field},", field.len()));
    }
    digest.finalize().into()
}

/// Where a chain is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// An entry is missing, or there twice: after the one with this sequence another one was to follow.
    Gap(i64),
    /// The entry is not as it was added, or the one before it is not.
    Changed(i64),
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gap(sequence) => write!(f, "entry {sequence} is not followed by the next one"),
            Self::Changed(sequence) => write!(f, "entry {sequence}, or the one before it, was changed"),
        }
    }
}

/// Checks a chain from its first entry on, one entry after the other.
#[derive(Debug)]
pub struct Chain {
    /// Sequence of the last entry; 0: none yet.
    pub sequence: i64,
    /// Its hash.
    pub hash: [u8; 32],
}

impl Default for Chain {
    fn default() -> Self {
        Self { sequence: 0, hash: BEGIN }
    }
}

impl Chain {
    /// Takes the next entry.
    pub fn follow(&mut self, entry: &pb::AccessLogEntry) -> Result<(), Break> {
        if entry.sequence != self.sequence + 1 {
            return Err(Break::Gap(self.sequence));
        }
        let expected = hash(entry, &self.hash);
        if entry.hash != expected {
            return Err(Break::Changed(entry.sequence));
        }
        (self.sequence, self.hash) = (entry.sequence, expected);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many entries, chained.
    fn chained(count: i64) -> Vec<pb::AccessLogEntry> {
        let mut previous = BEGIN;
        (1..=count)
            .map(|sequence| {
                let mut entry = pb::AccessLogEntry {
                    sequence,
                    time: Some(pbjson_types::Timestamp { seconds: 1_800_000_000 + sequence, nanos: 5_000 }),
                    actor: format!("workspaces/w/people/{sequence}"),
                    source: pb::AccessLogSource::App.into(),
                    operation: format!("workspaces/w/doorOperations/{sequence}"),
                    door: Some(pb::DoorAddress {
                        location: "workspaces/w/locations/l".to_owned(),
                        provider: "kisi".to_owned(),
                        target: Some(pb::DoorTarget {
                            kind: pb::DoorTargetKind::Lock.into(),
                            r#ref: "7".to_owned(),
                            display_name: "Front door".to_owned(),
                        }),
                    }),
                    action: pb::DoorAction::Pulse.into(),
                    outcome: pb::DoorOperationState::Done.into(),
                    reason: pb::AccessReason::DoorObeyed.into(),
                    detail: "fine".to_owned(),
                    latency: Some(pbjson_types::Duration { seconds: 0, nanos: 300_000_000 }),
                    event_time: (sequence % 2 == 1)
                        .then_some(pbjson_types::Timestamp { seconds: 1_700_000_000, nanos: 7 }),
                    event_ref: if sequence % 2 == 1 { "e".to_owned() } else { String::new() },
                    ..Default::default()
                };
                previous = hash(&entry, &previous);
                entry.hash = previous.to_vec();
                entry
            })
            .collect()
    }

    fn verify(entries: &[pb::AccessLogEntry]) -> Result<i64, Break> {
        let mut chain = Chain::default();
        entries.iter().try_for_each(|entry| chain.follow(entry))?;
        Ok(chain.sequence)
    }

    #[test]
    fn a_chain_holds_as_it_was_made() {
        assert_eq!(verify(&[]), Ok(0));
        assert_eq!(verify(&chained(5)), Ok(5));
    }

    #[test]
    fn whatever_is_changed_taken_out_put_in_or_moved_shows() {
        type Change = fn(&mut pb::AccessLogEntry);
        let changes: [Change; 18] = [
            |it| it.time.as_mut().unwrap().nanos += 1_000,
            |it| it.actor.push('x'),
            |it| it.source = pb::AccessLogSource::Admin.into(),
            |it| it.operation.clear(),
            |it| it.door.as_mut().unwrap().location.push('x'),
            |it| it.door.as_mut().unwrap().provider = "unifi".to_owned(),
            |it| it.door.as_mut().unwrap().target.as_mut().unwrap().kind = 0,
            |it| it.door.as_mut().unwrap().target.as_mut().unwrap().r#ref = "8".to_owned(),
            |it| it.action = pb::DoorAction::Lock.into(),
            |it| it.outcome = pb::DoorOperationState::Refused.into(),
            |it| it.reason = pb::AccessReason::DoorOffline.into(),
            |it| it.detail = "fin".to_owned(),
            |it| it.latency = None,
            |it| it.event_time = None,
            |it| it.event_ref.clear(),
            |it| it.holder.push('x'),
            |it| it.way_in.push('x'),
            |it| it.direction = pb::PassageDirection::Entry.into(),
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut entries = chained(5);
            change(&mut entries[2]);
            assert_eq!(verify(&entries), Err(Break::Changed(3)), "change {number}");
            // With another hash to match, the next entry shows it.
            entries[2].hash = hash(&entries[2], &entries[1].hash).to_vec();
            assert_eq!(verify(&entries), Err(Break::Changed(4)), "change {number}");
        }
        let mut without = chained(5);
        without.remove(2);
        assert_eq!(verify(&without), Err(Break::Gap(2)));
        let mut twice = chained(5);
        twice.insert(2, twice[1].clone());
        assert_eq!(verify(&twice), Err(Break::Gap(2)));
        let mut moved = chained(5);
        moved.swap(2, 3);
        assert_eq!(verify(&moved), Err(Break::Gap(2)));
        assert_eq!(verify(&chained(5)[1..]), Err(Break::Gap(0)), "nor is its begin cut off");
    }

    #[test]
    fn a_text_can_not_pass_for_two() {
        let mut entries = chained(1);
        let (a, b) = ("ab".to_owned(), "c".to_owned());
        (entries[0].actor, entries[0].operation) = (a, b);
        let first = hash(&entries[0], &BEGIN);
        (entries[0].actor, entries[0].operation) = ("a".to_owned(), "bc".to_owned());
        assert_ne!(first, hash(&entries[0], &BEGIN));
    }
}
