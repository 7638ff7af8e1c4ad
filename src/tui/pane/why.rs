//! The selected row explains itself: every finding, what to do about it, and the keys that
//! mend it.

use std::borrow::Cow;

use ratatui::text::{Line, Span};

use crate::domain::board::Assessment;
use crate::domain::humanize;
use crate::domain::time::seconds_between;
use crate::tui::command::Command;
use crate::tui::pane::Snapshot;
use crate::tui::widget::under::Explanation;
use crate::tui::widget::{age, hint, text};

/// The width of the words in front of the lines, such as `why` and `keys`, and of the gap behind them.
pub const LABEL: usize = 7;

/// Why a probe is as it is; `acts` are offered after those its findings name.
pub fn explain(see: &Snapshot<'_>, one: &Assessment, acts: &[Command], room: u16) -> Explanation {
    Explanation {
        title: text::styled(one.id.to_string(), see.theme.title),
        right: since(see, one),
        body: untold(see, one, |_| false, room),
        keys: labelled("keys", vec![keys(see, one, acts)], see),
    }
}

/// The findings that are not told elsewhere, and what to do about all of them.
pub fn untold(see: &Snapshot<'_>, one: &Assessment, told: impl Fn(&str) -> bool, room: u16) -> Vec<Line<'static>> {
    let theme = see.theme;
    let room = usize::from(room).saturating_sub(LABEL + 2);
    let mut why = Vec::new();
    let mut advice = Vec::new();
    for finding in &one.findings {
        let mark = Span::styled(theme.glyph(finding.status), theme.status(finding.status));
        let says = if told(&finding.key) { Vec::new() } else { text::wrap(&finding.text, room, 3) };
        for (index, line) in says.into_iter().enumerate() {
            let mark = if index == 0 { mark.clone() } else { Span::raw(" ") };
            why.push(vec![mark, Span::raw(" "), Span::styled(line, theme.text)]);
        }
        for line in finding.advice.iter().flat_map(|advice| text::wrap(advice, room + 2, 3)) {
            let line = Span::styled(line, theme.text);
            if !advice.contains(&line) {
                advice.push(line);
            }
        }
    }
    let mut body = labelled("why", why, see);
    body.extend(labelled("do", advice.into_iter().map(|line| vec![line]).collect(), see));
    body
}

/// The keys that do something about it, those that mend it first.
fn keys(see: &Snapshot<'_>, one: &Assessment, acts: &[Command]) -> Vec<Span<'static>> {
    let mends = one.findings.iter().filter_map(|finding| Command::for_act(finding.mend.as_ref()?));
    let mut commands: Vec<Command> = Vec::new();
    for command in mends.chain(acts.iter().copied()).filter(|_| one.target.is_some()) {
        if !commands.contains(&command) {
            commands.push(command);
        }
    }
    let mends = commands.into_iter().map(|command| (command, Cow::Borrowed(command.doc())));
    let always = [(Command::Why, "why".into()), (Command::Actions, "actions".into())];
    hint::keys(mends.chain(always), see.keymap, see.theme)
}

/// `since 02:26, 6 h 38 m · read 2 s ago`.
fn since(see: &Snapshot<'_>, one: &Assessment) -> Line<'static> {
    let marks = crate::tui::widget::mark::Marks::of(see.theme);
    let mut parts = Vec::new();
    if let Some(since) = one.since {
        let clock = humanize::clock(since, see.now, see.zone);
        parts.push(format!("since {clock}, {}", humanize::seconds(seconds_between(since, see.now))));
    }
    parts.push(match one.age {
        Some(age) => format!("read {} ago", age::words(age)),
        None => "not read yet".to_owned(),
    });
    text::styled(parts.join(&format!(" {} ", marks.dot)), age::fresh(one, see.theme.dim, see.theme))
}

/// Everything that was measured, with the limits it was held against.
pub fn values(see: &Snapshot<'_>, one: &Assessment) -> Vec<Line<'static>> {
    let theme = see.theme;
    let widest = one.samples.iter().map(|judged| text::width(&judged.sample.key)).max().unwrap_or(0).min(24);
    let lines = one.samples.iter().map(|judged| {
        let key = judged.sample.key.replace('_', " ");
        let style = if judged.status.is_ok() { theme.text } else { theme.status(judged.status) };
        let limits = [("warning", judged.warning), ("critical", judged.critical)];
        let limits: Vec<String> =
            limits.iter().filter_map(|(word, limit)| limit.map(|limit| format!("{word} {limit}"))).collect();
        vec![
            Span::styled(format!("{key:<widest$}  "), theme.dim),
            Span::styled(humanize::value(&judged.sample.value, see.now, see.zone), age::fresh(one, style, theme)),
            Span::styled(format!("  {}", limits.join(", ")), theme.dim),
        ]
    });
    labelled("read", lines.collect(), see)
}

/// Lines with a word in front of the first.
pub fn labelled(word: &'static str, lines: Vec<Vec<Span<'static>>>, see: &Snapshot<'_>) -> Vec<Line<'static>> {
    lines
        .into_iter()
        .enumerate()
        .map(|(index, spans)| {
            let word = if index == 0 { word } else { "" };
            let label = Span::styled(format!("{word:>width$}  ", width = LABEL - 2), see.theme.dim);
            std::iter::once(label).chain(spans).collect()
        })
        .collect()
}
