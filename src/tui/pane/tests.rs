//! What each pane makes of every morning of the [`stage`], in every size.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::TimeDelta;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::domain::action_name::ActionName;
use crate::domain::inventory::Target;
use crate::tui::command::Command;
use crate::tui::pane::stage::watched::{host, task};
use crate::tui::pane::stage::{Stage, draw, empty, failing, full, hostile, stale, waiting};
use crate::tui::pane::{PANES, Pane, Request, Selection, Snapshot};
use crate::tui::theme::{ColorDepth, Theme, ThemeName};
use crate::tui::widget::look;

/// The sizes panes are shown in: a narrow one of the overview, a wide one, and whole screens.
const SIZES: [(u16, u16, bool); 4] = [(38, 10, false), (72, 9, false), (78, 20, true), (138, 36, true)];

/// What one pane makes of a morning, in every size, with its caption and its summary.
fn gallery(pane: &dyn Pane, stage: &Stage) -> String {
    let mut out = String::new();
    for (columns, rows, zoomed) in SIZES {
        let see = stage.see(columns, rows, zoomed);
        let word = if zoomed { ", zoomed" } else { "" };
        let buffer = draw(pane, stage, columns, rows, zoomed);
        let _ = writeln!(out, "── {columns}×{rows}{word} ── {} ── {}", pane.title(), pane.caption(&see));
        let text = look::text(&buffer);
        for line in text.trim_end().lines() {
            let _ = writeln!(out, "│{line}");
        }
        if (columns, zoomed) == (72, false) {
            out.push_str(&look::legend(&buffer));
        }
    }
    let _ = writeln!(out, "── in one line ──\n{}", pane.summary(&stage.see(78, 1, false)));
    out
}

/// A morning by name.
type Morning = (&'static str, fn() -> Stage);

const STAGES: [Morning; 6] = [
    ("empty", empty),
    ("full", full),
    ("failing", failing),
    ("waiting", waiting),
    ("stale", stale),
    ("hostile", hostile),
];

#[test]
fn every_pane_looks_as_it_should_on_every_morning() {
    for (morning, stage) in STAGES {
        let stage = stage();
        for make in PANES {
            let pane = make();
            let name = format!("{}-{morning}", pane.title().to_lowercase().replace(' ', "-"));
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false, snapshot_path => "snapshots" }, {
                insta::assert_snapshot!(name, gallery(&*pane, &stage));
            });
        }
    }
}

#[test]
fn sentences_are_said_to_their_end_where_there_are_rows_for_it() {
    let (stage, pane) = (failing(), PANES[0]());
    let said = |explained: bool, rows: u16| {
        let see = Snapshot { explained, ..stage.see(72, rows, false) };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 72, rows));
        pane.draw(&see, buffer.area, &mut buffer);
        look::text(&buffer)
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let long = stage.report.attention(&stage.zone).into_iter().map(|row| row.text).find(|text| text.len() > 50);
    let long = words(&long.expect("a sentence that is too long for one line"));
    let (roomy, tight) = (said(true, 30), said(true, 6));
    assert!(words(&roomy).contains(long.rsplit(' ').next().expect("a last word")), "{long}:\n{roomy}");
    assert!(!roomy.contains('…'), "{roomy}");
    assert_eq!(tight.matches("CRIT").count(), 4, "a line to each:\n{tight}");
}

#[test]
fn evidence_stands_under_its_item_where_it_is_too_long_to_stand_beside_it() {
    let (stage, pane) = (failing(), PANES[1]());
    let said = |rows| look::text(&draw(&*pane, &stage, 50, rows, false));
    let (roomy, tight) = (said(30), said(8));
    assert!(roomy.contains("\n        last backup 31 h 03 m ago, limit 24 h"), "{roomy}");
    assert!(!tight.contains("\n        last backup"), "not at the cost of an item:\n{tight}");
}

#[test]
fn the_plain_alphabet_needs_no_unicode() {
    for stage in [full, failing, waiting, stale, empty] {
        let mut stage = stage();
        stage.theme.ascii = true;
        for make in PANES {
            let pane = make();
            for (columns, rows, zoomed) in SIZES {
                let text = look::text(&draw(&*pane, &stage, columns, rows, zoomed));
                assert!(text.is_ascii(), "{}:\n{text}", pane.title());
            }
        }
    }
}

#[test]
fn every_theme_in_every_depth_says_the_same() {
    for stage in [full, failing, waiting, stale, empty] {
        let mut stage = stage();
        for make in PANES {
            let pane = make();
            let mut said = None;
            for (name, depth) in ThemeName::ALL.into_iter().flat_map(|name| ColorDepth::ALL.map(|depth| (name, depth)))
            {
                stage.theme = Theme::built_in(name, depth, false);
                let text = look::text(&draw(&*pane, &stage, 78, 20, true));
                let first = said.get_or_insert_with(|| text.clone());
                assert_eq!(*first, text, "{} in {name:?} {depth:?}", pane.title());
            }
        }
    }
}

#[test]
fn a_measure_past_its_limit_is_not_shown_as_good_while_the_limit_does_not_count_yet() {
    let (mut watch, reading) = host(95.0, 40.0);
    for rule in &mut watch.rules {
        rule.hold = Duration::from_mins(5);
    }
    let stage = Stage::of(vec![(watch, reading)], TimeDelta::zero());
    let pane = PANES[2]();
    let text = look::text(&draw(&*pane, &stage, 160, 20, true));
    let cpu = text.lines().find(|line| line.contains("CPU")).expect("the processor");
    assert!(cpu.contains("! past") && cpu.contains("for 2.0 s of 5 m past 90 %"), "{text}");
    let memory = text.lines().find(|line| line.contains("MEM")).expect("the memory");
    assert!(memory.contains('✓'), "{text}");
    assert!(pane.summary(&stage.see(120, 1, false)).to_string().contains("95 % ! past"));
}

#[test]
fn no_area_and_no_data_make_a_pane_panic() {
    let stages = [empty(), hostile()];
    for make in PANES {
        for stage in &stages {
            let pane = make();
            for columns in (0..=200).step_by(13).chain([1, 2, 3, 4, 5]) {
                for rows in [0, 1, 2, 3, 7, 18, 60] {
                    for zoomed in [false, true] {
                        draw(&*pane, stage, columns, rows, zoomed);
                        let see = stage.see(columns, rows, zoomed);
                        let _ = (pane.caption(&see), pane.summary(&see), pane.selected(&see));
                    }
                }
            }
        }
    }
}

#[test]
fn a_pane_draws_nothing_outside_of_its_area() {
    let stage = hostile();
    for make in PANES {
        for (columns, rows) in [(0, 0), (1, 1), (17, 3), (38, 10), (70, 20)] {
            let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
            let area = Rect::new(3, 2, columns, rows);
            make().draw(&stage.see(columns, rows, true), area, &mut buffer);
            for y in 0..24 {
                for x in 0..80 {
                    let inside = area.contains((x, y).into());
                    assert!(inside || buffer[(x, y)].symbol() == " ", "{x},{y} is {:?}", buffer[(x, y)].symbol());
                }
            }
        }
    }
    // An area the buffer does not have is left alone.
    let mut small = Buffer::empty(Rect::new(0, 0, 10, 4));
    for make in PANES {
        make().draw(&stage.see(60, 20, true), Rect::new(4, 2, 60, 20), &mut small);
    }
}

#[test]
fn every_command_is_taken_by_every_pane_and_the_cursor_stays_within() {
    for stage in STAGES.map(|(_, stage)| stage()) {
        for make in PANES {
            let mut pane = make();
            for command in Command::ALL.iter().chain(Command::ALL.iter().rev()) {
                let before = pane.selected(&stage.see(78, 20, true)).is_some();
                pane.update(&stage.see(78, 20, true), *command);
                assert_eq!(pane.selected(&stage.see(78, 20, true)).is_some(), before, "{command:?}");
            }
        }
    }
}

/// A pane by its title.
pub(super) fn pane(title: &str) -> Box<dyn Pane> {
    PANES.iter().map(|make| make()).find(|pane| pane.title() == title).expect("a pane of that title")
}

#[test]
fn the_keys_that_mend_a_row_propose_the_act_on_its_target() {
    let stage = failing();
    let see = stage.see(72, 20, false);
    let mut attention = pane("Needs attention");
    for _ in 0..20 {
        let selected = attention.selected(&see);
        if selected == Some(Selection::Probe("backup:rota-db".into())) {
            break;
        }
        attention.update(&see, Command::Down);
    }
    let propose = |action, target| Some(Request::Propose(action, target));
    assert_eq!(attention.update(&see, Command::Backup), propose(ActionName::BACKUP, Target::backup("rota-db")));
    assert_eq!(attention.update(&see, Command::Verify), propose(ActionName::VERIFY, Target::backup("rota-db")));
    assert_eq!(attention.update(&see, Command::Vacuum), None, "a backup cannot be vacuumed");
    assert_eq!(attention.update(&see, Command::Why), Some(Request::Explain("backup:rota-db".into())));
}

#[test]
fn the_cursor_stays_on_its_row_when_a_worse_one_appears_above() {
    let mut calm = full();
    let mut databases = pane("Databases");
    databases.update(&calm.see(72, 9, false), Command::Down);
    let on = databases.selected(&calm.see(72, 9, false));
    assert_eq!(on, Some(Selection::Probe("database:rounds".into())));
    calm.report = failing().report;
    assert_eq!(databases.selected(&calm.see(72, 9, false)), on, "now it is the first row");
}

#[test]
fn ten_thousand_tasks_are_drawn_by_making_only_those_that_are_shown() {
    let names: Vec<String> = (0..10_000).map(|index| format!("task-{index:05}")).collect();
    let runs = [("02T02:00:00", 0, 41.0)];
    let stage = Stage::of(names.iter().map(|name| task(name, "0 2 * * *", &runs)).collect(), TimeDelta::seconds(2));
    let mut tasks = pane("Tasks");
    tasks.update(&stage.see(118, 10, false), Command::Bottom);
    let frames = [(); 10].map(|()| {
        let started = tokio::time::Instant::now();
        draw(&*tasks, &stage, 118, 10, false);
        started.elapsed()
    });
    // The quickest of them: the machine may be busy with something else. 5 ms where it is
    // optimized; a test build is an order of magnitude slower.
    let frame = frames.into_iter().min().unwrap_or_default();
    let budget = if cfg!(debug_assertions) { 80 } else { 5 };
    assert!(frame < Duration::from_millis(budget), "{frame:?} for one frame");
    assert!(look::text(&draw(&*tasks, &stage, 118, 10, false)).contains("task-09999"));
}

#[test]
fn a_click_puts_the_cursor_on_what_is_drawn_in_that_row() {
    for stage in [full(), failing(), hostile()] {
        for make in PANES {
            for (columns, rows, zoomed) in SIZES {
                let see = stage.see(columns, rows, zoomed);
                for row in 0..rows {
                    let mut pane = make();
                    let before = look::text(&draw(&*pane, &stage, columns, rows, zoomed));
                    pane.click(&see, row);
                    let after = look::text(&draw(&*pane, &stage, columns, rows, zoomed));
                    let line = |row: usize| before.lines().nth(row).unwrap_or_default().trim_start_matches('›');
                    let clicked = line(row.into()).trim();
                    // What is said under a row belongs to it.
                    let is_under =
                        |row: &usize| line(*row).starts_with("       ") || line(*row).trim().starts_with('└');
                    let above = (0..=usize::from(row)).rev().find(|row| !is_under(row)).map_or("", line).trim();
                    let marked = after.lines().find_map(|line| line.strip_prefix('›')).unwrap_or_default().trim();
                    let first = before.lines().find_map(|line| line.strip_prefix('›')).unwrap_or_default().trim();
                    // A row that is none leaves the cursor alone.
                    assert!(
                        marked == clicked || marked == first || marked == above,
                        "{} {columns}×{rows} row {row}\n{before}\n---\n{after}",
                        pane.title()
                    );
                }
            }
        }
    }
    let stage = failing();
    let see = stage.see(78, 20, true);
    let mut tasks = pane("Tasks");
    tasks.click(&see, 2);
    assert_eq!(tasks.selected(&see), Some(Selection::Probe("task:send-alerts".into())));
}
