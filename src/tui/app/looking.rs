//! Looks into databases: a window is opened on one, and asks while it is open.

use super::{App, Effect};
use crate::domain::inventory::TargetKind;
use crate::domain::look::Aspect;
use crate::domain::status::Status;
use crate::tui::app::entries;
use crate::tui::overlay::Overlay;
use crate::tui::overlay::activity::Activity;
use crate::tui::overlay::menu::Menu;

impl App {
    /// Opens the window on the selected database, or the only one there is.
    pub(super) fn look_into(&mut self, aspect: Aspect) -> Vec<Effect> {
        let target = self.selected_target().filter(|target| target.kind == TargetKind::Database);
        let target = match target.map_or_else(|| entries::only_target(TargetKind::Database, &self.facts.inventory), Ok)
        {
            Ok(target) => target,
            Err(why) => {
                self.ui.tell(Status::Warning, why);
                return Vec::new();
            }
        };
        self.open(Overlay::Activity(Activity::new(target.id, aspect)));
        self.look_now()
    }

    /// Asks for what the window shows.
    pub(super) fn look_now(&mut self) -> Vec<Effect> {
        let Some((database, aspect)) = self.question() else { return Vec::new() };
        let asked = self.facts.looks.ask(&database, aspect, self.now);
        if asked { vec![Effect::Look { database, aspect }] } else { Vec::new() }
    }

    /// The same, when what it shows is old enough.
    pub(super) fn look_again(&mut self) -> Vec<Effect> {
        let Some((database, aspect)) = self.question() else { return Vec::new() };
        let asked = self.facts.looks.ask_when_due(&database, aspect, self.now);
        if asked { vec![Effect::Look { database, aspect }] } else { Vec::new() }
    }

    fn question(&self) -> Option<(String, Aspect)> {
        match &self.overlay {
            Some(Overlay::Activity(activity)) => {
                let (database, aspect) = activity.question();
                Some((database.to_owned(), aspect))
            }
            _ => None,
        }
    }

    /// The upkeep of the selected database, or the only one there is.
    pub(super) fn upkeep(&mut self) {
        let target = self.selected_target().filter(|target| target.kind == TargetKind::Database);
        match target.map_or_else(|| entries::only_target(TargetKind::Database, &self.facts.inventory), Ok) {
            Ok(target) => self.open(Overlay::Menu(Menu::upkeep(target, self.read_only))),
            Err(why) => self.ui.tell(Status::Warning, why),
        }
    }
}
