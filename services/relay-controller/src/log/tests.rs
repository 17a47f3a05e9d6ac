//! What holds of the log, whatever is cut off.

use chrono::DateTime;

use super::*;
use crate::disk::cut::{CutDisk, cuts};

const SMALL: Bounds = Bounds { file: 500, files: 4 };

fn entry(text: &str) -> Entry {
    let what = What { actor: Some(text.to_owned()), ..What::own(Kind::Pulse) };
    Entry { seq: 0, at: DateTime::UNIX_EPOCH, sure: true, uptime_ms: 0, boot: 1, what }
}

fn load(disk: &CutDisk, bounds: Bounds) -> Log {
    Log::load(disk.clone(), bounds).unwrap()
}

fn seqs(log: &Log) -> Vec<u64> {
    log.entries().map(|entry| entry.seq).collect()
}

fn actors(log: &Log) -> Vec<String> {
    log.entries().map(|entry| entry.what.actor.clone().unwrap()).collect()
}

#[test]
fn entries_are_numbered_and_handed_over_after_a_cursor() {
    let mut log = load(&CutDisk::default(), SMALL);
    log.append(&[entry("a"), entry("b")]).unwrap();
    log.append(&[entry("c")]).unwrap();
    let page = log.after(1, 1);
    assert_eq!(page.entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
    assert_eq!((page.newest, page.missing, page.more), (3, 0, true));
    let page = log.after(3, 10);
    assert!(page.entries.is_empty() && !page.more);
}

#[test]
fn whatever_is_cut_off_what_was_shown_stays_with_its_number_and_no_number_comes_twice() {
    for steps in 0..30 {
        for cut in cuts() {
            let disk = CutDisk::default();
            let mut log = load(&disk, SMALL);
            disk.cut_after(steps);
            let mut shown = Vec::new();
            for n in 0..8 {
                if log.append(&[entry(&n.to_string())]).is_ok() {
                    shown = log.entries().map(|entry| (entry.seq, entry.what.actor.clone())).collect();
                }
            }
            let disk = disk.after(cut);
            let mut log = load(&disk, SMALL);
            let found: Vec<_> = log.entries().map(|entry| (entry.seq, entry.what.actor.clone())).collect();
            assert!(found.starts_with(&shown), "{steps} steps, {cut:?}: {shown:?}, found {found:?}");
            log.append(&[entry("later")]).unwrap();
            let log = load(&disk, SMALL);
            assert_eq!(actors(&log).last().unwrap(), "later", "{steps} steps, {cut:?}");
            let numbers = seqs(&log);
            assert!(
                numbers.iter().copied().eq(1..=numbers.len() as u64),
                "{steps} steps, {cut:?}: {numbers:?}"
            );
        }
    }
}

#[test]
fn what_failed_and_was_written_again_is_there_once() {
    for steps in 0..5 {
        let disk = CutDisk::default();
        let mut log = load(&disk, SMALL);
        log.append(&[entry("a")]).unwrap();
        disk.cut_after(steps);
        let first = log.append(&[entry("b"), entry("c")]);
        disk.cut_after(1_000);
        if first.is_err() {
            log.append(&[entry("b"), entry("c")]).unwrap();
        }
        assert_eq!(actors(&log), ["a", "b", "c"]);
        let log = load(&disk, SMALL);
        assert_eq!((actors(&log), seqs(&log)), (vec!["a".into(), "b".into(), "c".into()], vec![1, 2, 3]));
    }
}

#[test]
fn a_full_log_loses_its_oldest_and_says_how_many() {
    let disk = CutDisk::default();
    let mut log = load(&disk, SMALL);
    for n in 0..100 {
        log.append(&[entry(&n.to_string())]).unwrap();
    }
    let first = seqs(&log)[0];
    assert!(first > 1 && log.newest() == 100);
    assert_eq!(log.dropped(), first - 1);
    assert_eq!(log.after(0, 10).missing, first - 1);
    assert_eq!(log.after(first - 1, 10).missing, 0);
    assert_eq!(load(&disk, SMALL).dropped(), first - 1);
}

#[test]
fn what_was_taken_over_makes_room_and_is_not_counted_as_lost() {
    let disk = CutDisk::default();
    let mut log = load(&disk, SMALL);
    for n in 1..=100 {
        log.append(&[entry(&n.to_string())]).unwrap();
        assert_eq!(log.acknowledge(n).unwrap(), n);
    }
    assert_eq!(log.dropped(), 0);
    assert!(seqs(&log).len() < 10);
    assert_eq!(log.acknowledge(50).unwrap(), 100, "it never goes back");
    assert_eq!(load(&disk, SMALL).acknowledged(), 100);
}

#[test]
fn a_daemon_that_starts_again_and_again_pushes_nothing_out() {
    let disk = CutDisk::default();
    load(&disk, Bounds::DEFAULT).append(&[entry("the one that matters")]).unwrap();
    for boot in 2..100 {
        let mut log = load(&disk, Bounds::DEFAULT);
        assert_eq!(log.boot(), boot);
        log.append(&[entry("start")]).unwrap();
    }
    assert_eq!(actors(&load(&disk, Bounds::DEFAULT))[0], "the one that matters");
}
