//! What stands above the list: how old it is, what it adds up to, what is left out of it; and
//! what stands in its place while there is none.

use ratatui::text::{Line, Span};

use super::{Activity, sessions};
use crate::domain::humanize;
use crate::domain::insight::Veil;
use crate::domain::look::{Aspect, Sight};
use crate::domain::status::Status;
use crate::domain::time::seconds_between;
use crate::tui::looks::Look;
use crate::tui::overlay::text as window;
use crate::tui::pane::Snapshot;
use crate::tui::widget::{age, text};

impl Activity {
    /// How old it is, or how long it has been waited for.
    pub(super) fn caption(&self, see: &Snapshot<'_>) -> Line<'static> {
        let theme = see.theme;
        let Some(look) = self.look(see) else { return Line::default() };
        let since = |at| age::words(std::time::Duration::from_secs_f64(seconds_between(at, see.now).max(0.0)));
        let mut spans = Vec::new();
        if let Some(answer) = &look.answer {
            let took = humanize::seconds(answer.took_s);
            let style = if look.is_stale(see.now) { theme.stale } else { theme.dim };
            let stale = if look.is_stale(see.now) { "stale: " } else { "" };
            spans.push(Span::styled(format!("{stale}of {} ago, in {took}", since(answer.at)), style));
        }
        // A question that is answered at once would only flicker.
        if let Some(asked) = look.asked_at.filter(|at| look.answer.is_none() || seconds_between(*at, see.now) > 1.0) {
            let gap = if spans.is_empty() { "" } else { ", " };
            spans.push(Span::styled(format!("{gap}asked {} ago", since(asked)), theme.accent));
        }
        Line::from(spans)
    }

    /// What has to be known before the rows are read: the sum of them, what is left out, what is
    /// searched for.
    pub(super) fn heading(&self, see: &Snapshot<'_>, width: usize) -> Vec<Line<'static>> {
        let theme = see.theme;
        let mut lines = Vec::new();
        if let Some(failed) = self.look(see).and_then(|look| look.failed.as_ref()) {
            let mark = theme.glyph(Status::Unknown);
            lines.extend(window::labelled(&format!("{mark} "), failed, width, (theme.unknown, theme.unknown)));
        }
        if let Some(answer) = self.answer(see) {
            let (notes, veil): (&[String], Option<Veil>) = match &answer.sight {
                Sight::Sessions(activity) => {
                    lines.push(sessions::tally(activity, see));
                    (&[], activity.hidden.clone().map(|why| Veil { why, grant: None }))
                }
                Sight::Tables(tables) => (&tables.notes, tables.hidden.clone()),
                Sight::Statements(statements) => (&statements.notes, statements.hidden.clone()),
            };
            for note in notes {
                lines.extend(window::labelled("", note, width, (theme.dim, theme.dim)));
            }
            if let Some(Veil { why, grant }) = veil {
                let grant = grant.map_or_else(String::new, |grant| format!("; {grant}"));
                let says = format!("not all is shown: {why}{grant}");
                lines.extend(window::labelled("! ", &says, width, (theme.warning, theme.text)));
            }
        }
        if self.typing || !self.filter.text().is_empty() {
            let cursor = if self.typing { "_" } else { "" };
            lines.push(text::styled(format!("/{}{cursor}", self.filter.text()), theme.accent));
        }
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines
    }

    pub(super) fn nothing(&self, see: &Snapshot<'_>) -> String {
        match self.look(see) {
            _ if !self.filter.text().is_empty() => format!("Nothing here matches \"{}\".", self.filter.text()),
            Some(Look { answer: Some(_), .. }) => match self.aspect {
                Aspect::Sessions => "Nobody is connected but this look.".to_owned(),
                Aspect::Tables => "There is no table.".to_owned(),
                Aspect::Statements => "No statement has been counted yet.".to_owned(),
            },
            Some(Look { failed: Some(_), .. }) => "Nothing is known of it.".to_owned(),
            _ => "Asking; the rest of the screen goes on meanwhile.".to_owned(),
        }
    }
}
