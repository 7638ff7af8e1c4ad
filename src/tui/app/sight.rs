//! What the app shows of itself: to a pane its own snapshot, to an overlay the latest of
//! everything, and which probes and targets are behind the selected row.

use ratatui::layout::Rect;

use super::entries::Look;
use super::{App, CHECKLIST, Facts, Ui};
use crate::domain::inventory::Target;
use crate::domain::observation::ProbeId;
use crate::domain::report::Report;
use crate::domain::status::Status;
use crate::domain::time::{Timestamp, Zone};
use crate::tui::keymap::{Context, Keymap};
use crate::tui::layout::{Regions, layout};
use crate::tui::pane::{Selection, Snapshot};
use crate::tui::theme::{ColorDepth, Theme, ThemeName};

impl App {
    /// Looks otherwise from the next frame on, and says what that is.
    pub(super) fn look(&mut self, look: Look) {
        let (status, text) = match look {
            Look::Theme(name) => {
                self.theme = self.theme.with_name(name);
                match self.theme.depth {
                    ColorDepth::None if name != ThemeName::Mono => {
                        let why = "NO_COLOR, --color never or TERM says so";
                        (Status::Warning, format!("this terminal gets no colours ({why}): the theme stays mono"))
                    }
                    _ => (Status::Ok, format!("theme {}: {}", name.word(), name.doc())),
                }
            }
            Look::Ascii => {
                self.theme.ascii = !self.theme.ascii;
                let now = if self.theme.ascii { "plain signs" } else { "lines and marks" };
                (Status::Ok, format!("{now}; `:ascii` changes it back"))
            }
        };
        self.ui.tell(status, text);
    }

    /// What the pane sees.
    pub fn see(&self, pane: usize) -> Snapshot<'_> {
        let regions = self.regions();
        let inner = regions.of(pane).map_or(Rect::default(), crate::tui::layout::Placed::inner);
        let focused = pane == self.ui.focus;
        let report = match (&self.other_period, &self.held) {
            (Some(other), _) if pane == CHECKLIST => other,
            (_, Some(held)) => held,
            _ => &self.facts.report,
        };
        Snapshot {
            report,
            now: self.shown_at(),
            filter: if focused { &self.ui.filter } else { "" },
            focused,
            zoomed: focused && self.ui.zoomed,
            explained: focused && regions.detail.is_some(),
            rows: inner.height,
            columns: inner.width,
            ..self.see_now()
        }
    }

    /// What an overlay sees: always the latest, also while the picture is held still.
    pub fn see_now(&self) -> Snapshot<'_> {
        see(&self.facts, &self.ui, (&self.zone, &self.theme, &self.keymap), self.now)
    }

    /// The instant of the picture.
    pub fn shown_at(&self) -> Timestamp {
        self.held.as_ref().map_or(self.now, |held| held.at)
    }

    /// The report of the picture.
    pub fn shown_report(&self) -> &Report {
        self.held.as_ref().unwrap_or(&self.facts.report)
    }

    pub fn regions(&self) -> Regions {
        layout(self.ui.size, &self.ui)
    }

    /// The places whose keys are live, nearest first: the pane's, then those of the row's target.
    pub fn contexts(&self) -> Vec<Context> {
        let pane = self.panes.get(self.ui.focus).map(|pane| pane.context());
        let row = match self.selection() {
            Some(Selection::List(_)) => Some(Context::Checklist),
            _ => self.selected_target().map(|target| Context::of(target.kind)),
        };
        let mut contexts: Vec<Context> = Vec::new();
        for context in pane.into_iter().chain(row).filter(|context| *context != Context::Everywhere) {
            if !contexts.contains(&context) {
                contexts.push(context);
            }
        }
        contexts.push(Context::Everywhere);
        contexts
    }

    pub fn selection(&self) -> Option<Selection> {
        self.panes.get(self.ui.focus)?.selected(&self.see(self.ui.focus))
    }

    /// The probes behind the selected row.
    pub fn selected_probes(&self) -> Vec<ProbeId> {
        match self.selection() {
            Some(Selection::Probe(probe)) => vec![probe],
            Some(Selection::Item { checklist, item, .. }) => {
                let lists = self.facts.report.checklists.iter().filter(|list| list.id == checklist);
                let items = lists.flat_map(|list| &list.items).filter(|one| one.text == item);
                let named: Vec<&ProbeId> = items.flat_map(|item| &item.probes).collect();
                let all = self.facts.report.assessments.iter().map(|one| &one.id);
                all.filter(|id| named.iter().any(|name| *name == *id || name.as_str() == id.kind())).cloned().collect()
            }
            Some(Selection::Job(job)) => self.facts.jobs.get(&job).map(|job| job.target.probe()).into_iter().collect(),
            Some(Selection::Record(_) | Selection::List(_)) | None => Vec::new(),
        }
    }

    /// Of the probes behind the selected row the one to look at first.
    pub fn worst_selected(&self) -> Option<ProbeId> {
        let status =
            |id: &ProbeId| self.facts.report.assessments.iter().find(|one| one.id == *id).map(|one| one.status);
        // Of equals the first, in the order of the configuration.
        self.selected_probes().into_iter().rev().max_by_key(status)
    }

    /// What acts on the selected row are aimed at; an item's only when it is about one thing.
    pub fn selected_target(&self) -> Option<Target> {
        match self.selected_probes()[..] {
            [ref only] => self.facts.report.assessments.iter().find(|one| one.id == *only)?.target.clone(),
            _ => None,
        }
    }
}

/// The latest of everything, for nobody in particular. Takes the parts one by one so that
/// another part of the app may change meanwhile.
pub(super) fn see<'a>(
    facts: &'a Facts,
    ui: &Ui,
    look: (&'a Zone, &'a Theme, &'a Keymap),
    now: Timestamp,
) -> Snapshot<'a> {
    let (zone, theme, keymap) = look;
    Snapshot {
        report: &facts.report,
        board: &facts.board,
        inventory: &facts.inventory,
        jobs: &facts.jobs,
        looks: &facts.looks,
        audit: &facts.audit,
        incidents: &facts.incidents,
        changes: &facts.changes,
        now,
        zone,
        theme,
        keymap,
        filter: "",
        focused: true,
        zoomed: false,
        explained: false,
        rows: ui.size.height,
        columns: ui.size.width,
    }
}
