//! Chains that are whole, and chains that are wrong in every way.

use super::*;
use crate::domain::audit::{Actor, Phase};
use crate::domain::job::JobResult;
use crate::domain::time::Timestamp;

const STORE: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn entry(number: u64) -> AuditEntry {
    let micros = 1_772_000_000_123_456 + i64::try_from(number).expect("small");
    AuditEntry {
        at: Timestamp::from_timestamp_micros(micros).expect("time"),
        phase: Phase::Outcome,
        correlation: format!("job-{number}"),
        actor: Actor {
            operator: "ada".into(),
            os_user: "root".into(),
            host: "db1".into(),
            origin: "tty /dev/pts/3".into(),
        },
        action: "vacuum".into(),
        target: "database:rota".into(),
        risk: "disruptive".into(),
        reason: String::new(),
        plan: "VACUUM".into(),
        outcome: Some(JobResult::Succeeded),
        detail: "12 MB reclaimed".into(),
        took_s: Some(1.25),
    }
}

fn chain(store: &str, length: u64) -> Vec<AuditRecord> {
    let mut head = Head { seq: 0, hash: store.to_owned() };
    (1..=length)
        .map(|number| {
            let record = seal(store, &head, entry(number)).expect("sealed");
            head = Head { seq: record.seq, hash: record.hash.clone() };
            record
        })
        .collect()
}

fn head_of(records: &[AuditRecord], seq: usize) -> Head {
    Head { seq: seq as u64, hash: records[seq - 1].hash.clone() }
}

fn verify(records: &[AuditRecord], expect: Option<Head>) -> Option<(u64, FlawKind)> {
    let last = records.last().map_or(0, |record| record.seq);
    let mut verifier = Verifier::new(STORE, last, expect);
    for record in records {
        if !verifier.push(Ok(record)) {
            break;
        }
    }
    verifier.finish().flaw.map(|flaw| (flaw.seq, flaw.kind))
}

/// Computed with Python's hashlib from the description above, not with this code.
#[test]
fn the_seal_is_the_one_that_is_written_down() {
    let sealed = seal(STORE, &Head { seq: 0, hash: STORE.to_owned() }, entry(1)).expect("sealed");
    assert_eq!(sealed.hash, "dc592e81f417855f0269690c536034e59c8b1fee9e1e16966cd2945c3be8db2d");
}

#[test]
fn a_whole_chain_verifies_with_and_without_an_anchor() {
    let records = chain(STORE, 9);
    assert_eq!(verify(&records, None), None);
    assert_eq!(verify(&[], None), None);
    for seq in 1..=9 {
        assert_eq!(verify(&records, Some(head_of(&records, seq))), None, "anchor {seq}");
    }
    assert_eq!(verify(&records, Some(Head { seq: 0, hash: STORE.to_owned() })), None);
}

#[test]
fn every_kind_of_flaw_is_named_with_the_first_record_that_has_it() {
    type Attack = fn(&mut Vec<AuditRecord>);
    let table: [(&str, Attack, u64, FlawKind); 9] = [
        ("a field changed", |log| log[4].entry.reason = "none".into(), 5, FlawKind::Altered),
        ("a hash changed", |log| log[4].hash = "0".repeat(64), 5, FlawKind::Altered),
        (
            "a field changed and sealed anew",
            |log| {
                let prev = head_of(log, 4);
                let forged = AuditEntry { reason: "because".into(), ..entry(5) };
                log[4] = seal(STORE, &prev, forged).expect("sealed");
            },
            6,
            FlawKind::Fork,
        ),
        ("a record deleted", |log| drop(log.remove(4)), 5, FlawKind::Gap),
        (
            "a record deleted, the rest moved up",
            |log| {
                log.remove(4);
                (1..).zip(log.iter_mut()).for_each(|(seq, record)| record.seq = seq);
            },
            5,
            FlawKind::Reordered,
        ),
        (
            "two records swapped",
            |log| {
                log.swap(4, 6);
                (1..).zip(log.iter_mut()).for_each(|(seq, record)| record.seq = seq);
            },
            5,
            FlawKind::Reordered,
        ),
        ("a record twice", |log| log.insert(5, log[4].clone()), 5, FlawKind::Fork),
        ("all from another store", |log| *log = chain(&"ab".repeat(32), 9), 1, FlawKind::Foreign),
        ("one from another store", |log| log[4] = chain(&"ab".repeat(32), 9)[4].clone(), 5, FlawKind::Altered),
    ];
    for (attack, act, seq, kind) in table {
        let mut records = chain(STORE, 9);
        act(&mut records);
        assert_eq!(verify(&records, None), Some((seq, kind)), "{attack}");
    }
}

#[test]
fn a_cut_tail_and_a_rewritten_log_are_found_with_an_anchor_only() {
    let whole = chain(STORE, 9);
    let anchor = Some(head_of(&whole, 8));
    assert_eq!(verify(&whole[..6], None), None);
    assert_eq!(verify(&whole[..6], anchor.clone()), Some((7, FlawKind::Truncated)));

    let mut head = Head { seq: 0, hash: STORE.to_owned() };
    let rewritten: Vec<AuditRecord> = (1..=9)
        .map(|number| {
            let record = seal(STORE, &head, AuditEntry { target: "database:other".into(), ..entry(number) });
            let record = record.expect("sealed");
            head = Head { seq: record.seq, hash: record.hash.clone() };
            record
        })
        .collect();
    assert_eq!(verify(&rewritten, None), None);
    assert_eq!(verify(&rewritten, anchor), Some((8, FlawKind::Fork)));
    let other = Some(Head { seq: 0, hash: "ab".repeat(32) });
    assert_eq!(verify(&whole, other), Some((0, FlawKind::Foreign)));
}

#[test]
fn a_walk_may_begin_in_the_middle() {
    let records = chain(STORE, 9);
    let mut verifier = Verifier::after(STORE, head_of(&records, 4), 9, None);
    assert!(records[4..].iter().all(|record| verifier.push(Ok(record))));
    assert_eq!((verifier.clone().finish().checked, verifier.finish().is_ok()), (5, true));
}

#[test]
fn moving_a_letter_between_fields_breaks_the_seal() {
    let mut records = chain(STORE, 2);
    records[1].entry.action = "vacuumd".into();
    records[1].entry.target = "atabase:rota".into();
    assert_eq!(verify(&records, None), Some((2, FlawKind::Altered)));
}

#[test]
fn a_head_reads_as_it_is_printed() {
    let head = Head { seq: 17, hash: "ab".repeat(32) };
    assert_eq!(head.to_string().parse(), Ok(head));
    for wrong in ["", "17", "17:", "17:abc", "x:ab", ":", &format!("-1:{}", "ab".repeat(32))] {
        assert!(wrong.parse::<Head>().is_err(), "{wrong}");
    }
}
