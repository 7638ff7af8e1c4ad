//! Spool files, whole, cut off, and strange.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn start(id: &str) -> Start {
    Start { id: id.into(), task: "nightly".into(), started_at: Timestamp::default(), holder: Holder::this() }
}

fn end(output: &str) -> End {
    let run = RunEnd { at: Timestamp::default(), took_s: 1.5, exit_code: Some(0), ..RunEnd::default() };
    End { run, output: output.into() }
}

#[test]
fn a_run_is_read_back_with_its_output_made_harmless() {
    let state = tempfile::tempdir().expect("directory");
    let spool = directory(state.path());
    let entry = Entry::begin(&spool, start("a")).expect("spool");
    let runs = read(&spool);
    assert_eq!((runs.len(), runs[0].alive, runs[0].ended.is_none()), (1, true, true));
    entry.end(end("one\ntwo\u{1b}[2J\n")).expect("end");
    let runs = read(&spool);
    assert!(!runs[0].alive && runs[0].succeeded_after() == Some(1.5));
    assert!(runs[0].tail.starts_with("one\ntwo") && !runs[0].tail.contains('\u{1b}'));
    let mode = |path: &Path| path.metadata().expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(&spool), mode(&spool.join("a.jsonl"))), (0o700, 0o600));
    remove(&spool, ["a", "never-there"]).expect("remove");
    assert!(read(&spool).is_empty());
}

#[test]
fn a_record_that_was_cut_off_is_a_run_that_has_not_ended() {
    let state = tempfile::tempdir().expect("directory");
    let spool = directory(state.path());
    Entry::begin(&spool, start("a")).expect("spool").end(end("out")).expect("end");
    let path = spool.join("a.jsonl");
    let whole = std::fs::read(&path).expect("file");
    let first = whole.iter().position(|byte| *byte == b'\n').expect("line");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).expect("write");
        let runs = read(&spool);
        assert_eq!(runs.len(), usize::from(length >= first), "cut at {length}");
        // Only the line end may be missing.
        assert!(runs.iter().all(|run| run.ended.is_none() || length == whole.len() - 1), "cut at {length}");
    }
}

#[test]
fn strangers_in_the_spool_are_passed_over() {
    let state = tempfile::tempdir().expect("directory");
    let spool = directory(state.path());
    Entry::begin(&spool, start("good")).expect("spool");
    std::fs::write(spool.join("bad.jsonl"), b"\xff\xfe not json\n").expect("write");
    std::fs::write(spool.join("note.txt"), b"hello").expect("write");
    std::fs::create_dir(spool.join("folder.jsonl")).expect("folder");
    std::os::unix::fs::symlink("/etc/passwd", spool.join("link.jsonl")).expect("link");
    std::fs::copy(spool.join("good.jsonl"), spool.join("other.jsonl")).expect("copy");
    let ids: Vec<String> = read(&spool).into_iter().map(|run| run.id).collect();
    assert_eq!(ids, ["good"], "a copy under another name is no second run");
}

#[test]
fn a_holder_on_another_host_is_believed_to_live() {
    let this = Holder::this();
    assert!(this.lives());
    let gone = crate::exec::process::Identity { boot_id: "another".into(), ..this.process };
    assert!(!Holder { host: this.host, process: gone.clone() }.lives(), "the machine started anew");
    assert!(Holder { host: "elsewhere".into(), process: gone }.lives(), "nobody here can tell");
}

#[test]
fn an_end_that_is_written_while_its_holder_is_looked_for_is_not_lost() {
    let state = tempfile::tempdir().expect("directory");
    let spool = directory(state.path());
    let entry = std::cell::Cell::new(Some(Entry::begin(&spool, start("a")).expect("spool")));
    let ends = |_: &Holder| {
        entry.take().expect("once").end(end("out")).expect("end");
        false
    };
    let read = run(&spool.join("a.jsonl"), ends).expect("a run");
    assert_eq!((read.succeeded_after(), read.alive, read.tail.as_str()), (Some(1.5), false, "out"));
}
