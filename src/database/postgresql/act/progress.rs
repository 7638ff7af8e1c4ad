//! How far the work is, as the server itself counts it.

use crate::database::News;
use crate::database::row::Row;
use crate::domain::upkeep::Verb;

/// What to ask this version: a phase, done, of, and the table it is at. There is a row as long as
/// the session is there.
pub(in crate::database::postgresql) fn question(verb: Verb, number: u64, pid: u64) -> String {
    let view = |name: &str, done: &str, of: &str| format!("SELECT pid, relid, phase, {done}, {of} FROM {name}");
    let vacuum = view("pg_stat_progress_vacuum", "heap_blks_scanned", "heap_blks_total");
    // Since 13; before, an analyze is not told of.
    let analyze = view("pg_stat_progress_analyze", "sample_blks_scanned", "sample_blks_total");
    let nothing = "SELECT NULL::int, NULL::oid, NULL, NULL::bigint, NULL::bigint WHERE false".to_owned();
    let views = match verb {
        Verb::VacuumFull => view("pg_stat_progress_cluster", "heap_blks_scanned", "heap_blks_total"),
        Verb::Reindex => view("pg_stat_progress_create_index", "blocks_done", "blocks_total"),
        Verb::Analyze if number >= 130_000 => analyze,
        Verb::Analyze => nothing,
        _ if number >= 130_000 => format!("{vacuum} UNION ALL {analyze}"),
        _ => vacuum,
    };
    format!(
        "SELECT p.phase, p.done, p.total, p.relid::regclass FROM pg_stat_activity a \
         LEFT JOIN ({views}) p (pid, relid, phase, done, total) ON p.pid = a.pid WHERE a.pid = {pid}"
    )
}

/// What has been told already.
#[derive(Debug, Default)]
pub(super) struct Told(String);

impl Told {
    pub(super) fn tell(&mut self, rows: &[Row], tell: &mut dyn FnMut(News)) {
        let Some(row) = rows.iter().find(|row| row.get(0).is_some()) else { return };
        let line = format!("{}: {}", row.text(3), row.text(0));
        if line != self.0 {
            tell(News::Line(line.clone()));
            self.0 = line;
        }
        if let (Some(done), Some(of)) = (row.whole(1), row.whole(2).filter(|of| *of > 0)) {
            tell(News::Progress { done: done.min(of), of });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_told_once_and_never_more_than_all() {
        let mut news = Vec::new();
        let mut told = Told::default();
        let row = |phase: &str, done: &str| Row::new([Some(phase), Some(done), Some("10"), Some("staff")]);
        for row in [row("scanning heap", "3"), row("scanning heap", "11"), row("truncating heap", "")] {
            told.tell(&[row], &mut |one| news.push(one));
        }
        told.tell(&[], &mut |one| news.push(one));
        let line = |text: &str| News::Line(text.to_owned());
        let progress = |done| News::Progress { done, of: 10 };
        let expected = [line("staff: scanning heap"), progress(3), progress(10), line("staff: truncating heap")];
        assert_eq!(news, expected);
    }

    #[test]
    fn an_old_server_is_asked_nothing_it_does_not_know() {
        assert!(!question(Verb::Analyze, 120_000, 7).contains("progress_analyze"));
        assert!(!question(Verb::VacuumAnalyze, 120_000, 7).contains("progress_analyze"));
        assert!(question(Verb::VacuumAnalyze, 130_000, 7).contains("progress_analyze"));
    }
}
