//! Why a probe is as it is: its findings and what mends them, its values with their limits and
//! their past, and when it changed. The detail column of a wide screen shows the same lines, but
//! for what the pane of its kind tells of it.

use crossterm::event::KeyEvent;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::text::{self, Scroll, labelled, pad};
use super::{Reply, closes, meaning};
use crate::domain::action_name::ActionName;
use crate::domain::board::{Assessment, Change, JudgedSample};
use crate::domain::checklist::{ItemState, ListView};
use crate::domain::finding::Finding;
use crate::domain::humanize;
use crate::domain::observation::{Detail, ProbeId};
use crate::domain::status::Status;
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::keymap::{Chord, Context};
use crate::tui::pane::{self, Evidence, Snapshot};
use crate::tui::widget::mark::Marks;
use crate::tui::widget::{hint, spark};

/// The evidence of one probe, or what a checklist still wants.
#[derive(Clone, Debug)]
pub struct Why {
    about: About,
    scroll: Scroll,
}

/// What is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    Probe(ProbeId),
    /// A checklist, by its id.
    List(String),
}

impl Why {
    pub fn new(about: About) -> Self {
        Self { about, scroll: Scroll::default() }
    }

    pub fn update(&mut self, see: &Snapshot<'_>, screen: Rect, key: KeyEvent) -> Reply {
        let area = self.area(see, screen);
        let count = whole(see, &self.about, usize::from(area.width.saturating_sub(4))).len();
        let command = meaning(see, key);
        if self.scroll.update(command, count, usize::from(area.height.saturating_sub(2))) {
            return Reply::Stay;
        }
        let on_list = see.keymap.command(&[Context::Checklist], Chord::from(key));
        match command {
            None if on_list == Some(Command::Sign) && matches!(self.about, About::List(_)) => {
                Reply::Command(Command::Sign)
            }
            Some(Command::Actions) => Reply::Command(Command::Actions),
            Some(Command::Why) => Reply::Close,
            Some(command @ Command::Pane2) => Reply::Command(command),
            _ if closes(see, key) => Reply::Close,
            _ => Reply::Stay,
        }
    }

    pub fn draw(&self, see: &Snapshot<'_>, screen: Rect, buffer: &mut Buffer) {
        let (name, caption) = match &self.about {
            About::Probe(probe) => (probe.to_string(), Line::styled("x what can be done", see.theme.dim)),
            About::List(list) => (list.clone(), Line::default()),
        };
        let area = self.area(see, screen);
        let inner = text::frame(area, &format!("Why: {name}"), caption, see.theme, buffer);
        let lines = whole(see, &self.about, usize::from(inner.width));
        text::draw_lines(&lines, self.scroll.top, inner, see.theme, buffer);
    }

    fn area(&self, see: &Snapshot<'_>, screen: Rect) -> Rect {
        let columns = screen.width.saturating_sub(12).min(104);
        let rows = whole(see, &self.about, usize::from(columns)).len() as u16;
        text::window(screen, columns, rows.min(screen.height.saturating_sub(8)))
    }
}

/// All that is known of it, in lines of at most `width` cells.
fn whole(see: &Snapshot<'_>, about: &About, width: usize) -> Vec<Line<'static>> {
    told(see, about, width, pane::evidence)
}

/// What is known of it that no pane tells, in lines of at most `width` cells.
pub fn lines(see: &Snapshot<'_>, about: &About, width: usize) -> Vec<Line<'static>> {
    told(see, about, width, |_, _, _| Vec::new())
}

fn told(see: &Snapshot<'_>, about: &About, width: usize, evidence: Evidence) -> Vec<Line<'static>> {
    match about {
        About::Probe(probe) => probe_lines(see, probe, width, evidence),
        About::List(id) => match see.report.checklists.iter().find(|list| list.id == *id) {
            Some(list) => list_lines(see, list, width),
            None => vec![Line::styled(format!("there is no checklist `{id}` any more"), see.theme.dim)],
        },
    }
}

/// What a list still wants, item by item, and until when.
fn list_lines(see: &Snapshot<'_>, list: &ListView, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let clock = |at| humanize::clock(at, see.now, see.zone);
    let mut facts = vec![format!("{} of {} done", list.done(), list.items.len())];
    facts.extend(list.due.map(|at| format!("due {}", clock(at))));
    facts.extend(list.sign_by.map(|at| format!("to be signed by {}", clock(at))));
    facts.extend(list.owner.as_ref().map(|owner| format!("owner {owner}")));
    let mut lines = vec![Line::from(vec![
        Span::styled(list.title.clone(), theme.title),
        Span::styled(format!("  {}", list.period.key), theme.dim),
    ])];
    lines.extend(labelled("", &facts.join(", "), width, (theme.dim, theme.dim)));
    match &list.signed {
        Some(signature) => {
            let text = format!("signed by {} at {}", signature.operator, clock(signature.at));
            lines.extend(labelled("", &text, width, (theme.ok, theme.ok)));
        }
        None if list.done() == list.items.len() => {
            lines.extend(labelled("", "all is done; it only wants a signature", width, (theme.text, theme.text)));
        }
        None => {}
    }
    let open = list.items.iter().filter(|item| !matches!(item.state, ItemState::Done | ItemState::Skipped));
    let mut open = open.peekable();
    if open.peek().is_some() {
        lines.extend([Line::default(), Line::styled("Not done", theme.title)]);
    }
    for item in open {
        let look = match item.state {
            ItemState::Failed => theme.critical,
            ItemState::Regressed => theme.warning,
            _ => theme.text,
        };
        lines.extend(labelled(&format!("  {:>2}  ", item.number), &item.text, width, (theme.dim, look)));
        let says = match (item.evidence.is_empty(), item.form) {
            (true, "auto") => "no evidence yet",
            (true, _) => "nothing here reads this: it is yours to look at",
            (false, _) => item.evidence.as_str(),
        };
        lines.extend(labelled("      ", says, width, (theme.dim, theme.dim)));
    }
    let mut keys = vec![Span::raw("  ")];
    let offers = [(Command::Pane2, "the checklist, to tick it".into()), (Command::Sign, "sign it".into())];
    keys.extend(hint::keys(offers, see.keymap, theme));
    if list.signed.is_none() {
        lines.extend([Line::default(), Line::from(keys)]);
    }
    lines
}

fn probe_lines(see: &Snapshot<'_>, probe: &ProbeId, width: usize, evidence: Evidence) -> Vec<Line<'static>> {
    let Some(one) = see.report.assessments.iter().find(|one| one.id == *probe) else {
        return vec![Line::styled(format!("{probe} is not watched any more"), see.theme.dim)];
    };
    let mut lines = headline(see, one, width);
    for finding in &one.findings {
        lines.push(Line::default());
        lines.extend(finding_lines(see, one, finding, width));
    }
    let evidence = evidence(see, one, width as u16);
    if !evidence.is_empty() {
        lines.push(Line::default());
        lines.extend(evidence);
    }
    if !one.samples.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled("Values", see.theme.title));
        lines.extend(sample_lines(see, one, width));
    }
    if let Some(Detail::Lines(more)) =
        see.board.detail(probe).filter(|detail| !matches!(detail, Detail::Lines(l) if l.is_empty()))
    {
        lines.push(Line::default());
        lines.push(Line::styled("It says", see.theme.title));
        lines.extend(more.iter().flat_map(|line| labelled("  ", line, width, (see.theme.dim, see.theme.text))));
    }
    let changes: Vec<_> = see.changes.iter().filter(|change| change.probe == *probe).take(8).collect();
    if !changes.is_empty() {
        lines.push(Line::default());
        lines.push(Line::styled("Changes", see.theme.title));
    }
    lines.extend(change_lines(see, &changes, width));
    lines
}

/// When it became what, and why; the words stand under it where they would be a narrow strip.
fn change_lines(see: &Snapshot<'_>, changes: &[&Change], width: usize) -> Vec<Line<'static>> {
    let arrow = Marks::of(see.theme).becomes;
    let heads: Vec<(String, String)> = changes
        .iter()
        .map(|change| {
            let from = change.from.map_or_else(String::new, |from| format!("{} {arrow} ", from.label()));
            (humanize::clock(change.at, see.now, see.zone), format!("{from}{}", change.to.label()))
        })
        .collect();
    let widest = |of: fn(&(String, String)) -> &String| heads.iter().map(|head| of(head).width()).max().unwrap_or(0);
    let (whens, becames) = (widest(|head| &head.0), widest(|head| &head.1));
    let look = (see.theme.dim, see.theme.text);
    let lines = changes.iter().zip(&heads).flat_map(|(change, (when, became))| {
        let head = format!("  {}  {}  ", pad(when, whens, ""), pad(became, becames, ""));
        if head.width() + NARROW <= width {
            return labelled(&head, &change.text, width, look);
        }
        let mut lines = vec![Line::styled(head.trim_end().to_owned(), see.theme.dim)];
        lines.extend(labelled("    ", &change.text, width, look));
        lines
    });
    lines.collect()
}

/// Words in fewer cells than this are a strip that nobody reads.
const NARROW: usize = 36;

fn headline(see: &Snapshot<'_>, one: &Assessment, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let mut first = vec![
        Span::styled(format!("{} {}", theme.glyph(one.status), one.status.label()), theme.status(one.status)),
        Span::styled(format!("  {}", one.id), theme.title),
    ];
    if let Some(since) = one.since {
        let span = humanize::seconds(seconds_between(since, see.now));
        let text = format!("  since {} ({span})", humanize::clock(since, see.now, see.zone));
        first.push(Span::styled(text, theme.dim));
    }
    let mut facts = Vec::new();
    if let Some(age) = one.age {
        let took = one.took.map_or_else(String::new, |took| format!(" in {}", humanize::duration(took)));
        facts.push(format!("read {} ago{took}", humanize::duration(age)));
    }
    if let Some(watch) = see.board.watch(&one.id) {
        let (every, limit) = (humanize::duration(watch.every), humanize::duration(watch.timeout));
        facts.push(format!("every {every}, at most {limit}"));
    }
    if one.stale {
        facts.push("older than two intervals".to_owned());
    }
    if let Some(cause) = &one.folded_under {
        facts.push(format!("a consequence of {cause}"));
    }
    let mut lines = vec![Line::from(first)];
    let look = if one.stale { theme.stale } else { theme.dim };
    lines.extend(labelled("", &facts.join(", "), width, (look, look)));
    lines
}

fn finding_lines(see: &Snapshot<'_>, one: &Assessment, finding: &Finding, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let style = theme.status(finding.status);
    let mut lines = labelled(&format!("{} ", theme.glyph(finding.status)), &finding.text, width, (style, theme.text));
    if let Some(since) = finding.since {
        let text = format!("since {}", humanize::clock(since, see.now, see.zone));
        lines.extend(labelled("  ", &text, width, (theme.dim, theme.dim)));
    }
    if let Some(advice) = &finding.advice {
        lines.extend(labelled("  ", advice, width, (theme.dim, theme.text)));
    }
    if let Some(action) = &finding.mend {
        let target = one.target.as_ref().map_or(String::new(), |target| format!(" {}", target.id));
        let mut mend = vec![Span::styled("  mends it: ", theme.dim)];
        if let Some(key) = key_of(see, action) {
            mend.push(Span::styled(format!("{key} "), theme.accent));
        }
        mend.push(Span::styled(format!("{action}{target}"), theme.text));
        lines.push(Line::from(mend));
    }
    lines
}

/// The key of an act, where it has one.
pub fn key_of(see: &Snapshot<'_>, action: &ActionName) -> Option<String> {
    see.keymap.key_of(Command::for_act(action)?)
}

/// Key, value, limits and past, in columns as wide as they need to be.
fn sample_lines(see: &Snapshot<'_>, one: &Assessment, width: usize) -> Vec<Line<'static>> {
    let theme = see.theme;
    let rows: Vec<[String; 3]> = one
        .samples
        .iter()
        .map(|judged| {
            let value = humanize::value(&judged.sample.value, see.now, see.zone);
            [judged.sample.key.replace('_', " "), value, limits(judged)]
        })
        .collect();
    let widest = |column: usize, most: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0).min(most);
    let (keys, values, bounds) = (widest(0, 20), widest(1, 28), widest(2, 34));
    let cut = theme.ellipsis();
    // In a narrow window the limits stand under their value, and the past takes their place.
    let beside = 2 + keys + 2 + values + 2 + bounds <= width;
    let past = width.saturating_sub(2 + keys + 2 + values + 2 + if beside { bounds + 2 } else { 0 }).min(32);
    rows.iter()
        .zip(&one.samples)
        .flat_map(|([key, value, limit], judged)| {
            let look = match judged.status {
                Status::Ok if one.stale => theme.stale,
                Status::Ok => theme.text,
                status => theme.status(status),
            };
            let series = see.board.series(&one.id, &judged.sample.key).filter(|_| past >= 8);
            let mut spans = vec![
                Span::styled(format!("  {}  ", pad(key, keys, cut)), theme.dim),
                Span::styled(format!("{}  ", pad(value, values, cut)), look),
            ];
            if beside {
                spans.push(Span::styled(format!("{}  ", pad(limit, bounds, cut)), theme.limit));
            }
            spans.extend(series.map(|series| spark::span(series, None, see.now, past as u16, theme)));
            let under = (!beside && !limit.is_empty()).then(|| {
                let indent = " ".repeat(2 + keys + 2);
                labelled(&indent, limit, width, (theme.dim, theme.limit))
            });
            std::iter::once(Line::from(spans)).chain(under.into_iter().flatten()).collect::<Vec<_>>()
        })
        .collect()
}

fn limits(judged: &JudgedSample) -> String {
    let bounds = [("warn", judged.warning), ("crit", judged.critical)];
    let written = bounds.iter().filter_map(|(word, limit)| limit.map(|limit| format!("{word} {limit}")));
    written.collect::<Vec<_>>().join(", ")
}
