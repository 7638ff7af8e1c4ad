//! Every name the configuration gives, and what a name elsewhere in it means.
//!
//! A name is an id (`server`), or a probe's full name (`database:rota`) where several things
//! share the id. A checklist item may also name a kind (`disk`) and means all of that kind.

use std::collections::HashMap;
use std::path::Path;

use toml::Spanned;

use crate::config::document::Document;
use crate::config::error::Fault;
use crate::config::nearest::suggestion;
use crate::config::source::Source;
use crate::config::spec::Unnamed;
use crate::config::values::Id;
use crate::domain::inventory::{Target, TargetKind};
use crate::domain::observation::ProbeId;

#[derive(Debug)]
pub(super) struct Names {
    known: Vec<Known>,
    /// Whether the tasks of this machine that nobody wrote down are watched.
    looks_for_tasks: bool,
}

#[derive(Debug)]
struct Known {
    /// The list it stands in: `check`.
    section: &'static str,
    /// What its probe is called, which for a check depends on what it looks at: `file`. Actions
    /// and checklists have no probe.
    kind: Option<&'static str>,
    id: String,
    place: String,
}

/// Kinds whose probes are found on the machine, not in the configuration.
const FOUND: [&str; 2] = ["host", "disk"];

impl Names {
    /// All names of these files; one that is given twice is a fault that names both places.
    pub(super) fn of(documents: &[Document], faults: &mut Vec<Fault>) -> Self {
        let hosts = documents.iter().filter_map(|document| document.sections.host.as_ref());
        let looks_for_tasks = hosts.filter_map(|host| host.get_ref().tasks).all(|tasks| tasks);
        let mut names = Self { known: Vec::new(), looks_for_tasks };
        let mut seen: HashMap<(&str, String), usize> = HashMap::new();
        for Document { source, sections } in documents {
            let starts = source.line_starts();
            let mut add = |section, kind, id: &Spanned<Id>| {
                let first = seen.get(&(section, id.get_ref().0.clone())).and_then(|first| names.known.get(*first));
                if let Some(Known { id: name, place, .. }) = first {
                    faults
                        .push(source.fault_at(id, format!("a second [[{section}]] `{name}`; the first is at {place}")));
                    return;
                }
                seen.insert((section, id.get_ref().0.clone()), names.known.len());
                let place = source.place_among(&starts, &id.span());
                names.known.push(Known { section, kind, id: id.get_ref().0.clone(), place });
            };
            sections.database.iter().for_each(|raw| add("database", Some("database"), &raw.id));
            sections.backup.iter().for_each(|raw| add("backup", Some("backup"), &raw.id));
            sections.task.iter().for_each(|raw| add("task", Some("task"), &raw.id));
            for raw in &sections.check {
                add("check", Some(if raw.file.is_some() { "file" } else { "command" }), &raw.id);
            }
            sections.action.iter().for_each(|raw| add("action", None, &raw.id));
            sections.checklist.iter().for_each(|raw| add("checklist", None, &raw.id));
        }
        names
    }

    /// Where a name is given.
    pub(super) fn place(&self, section: &str, id: &str) -> &str {
        self.known.iter().find(|known| known.section == section && known.id == id).map_or("", |known| &known.place)
    }

    /// What the tasks of this machine are that nobody wrote down.
    pub(super) fn unnamed_tasks(&self) -> Unnamed {
        match self.known.iter().any(|known| known.section == "task") {
            _ if !self.looks_for_tasks => Unnamed::Ignored,
            true => Unnamed::Extra,
            false => Unnamed::Expected,
        }
    }

    pub(super) fn database(&self, name: &Spanned<String>, source: &Source) -> Result<String, Fault> {
        self.of_section("database", name, source)
    }

    pub(super) fn backup(&self, name: &Spanned<String>, source: &Source) -> Result<String, Fault> {
        self.of_section("backup", name, source)
    }

    pub(super) fn action(&self, name: &Spanned<String>, source: &Source) -> Result<String, Fault> {
        self.of_section("action", name, source)
    }

    /// One probe.
    pub(super) fn probe(&self, name: &Spanned<String>, source: &Source) -> Result<ProbeId, Fault> {
        self.one_probe(name.get_ref())
            .or_else(|| (name.get_ref() == "host").then(|| Ok(ProbeId::from("host"))))
            .unwrap_or_else(|| Err(self.no_probe(name.get_ref())))
            .map_err(|why| source.fault_at(name, why))
    }

    /// What ticks an item: one probe, or a kind without a name, which stands for all of it.
    pub(super) fn evidence(&self, name: &Spanned<String>, source: &Source) -> Result<Vec<ProbeId>, Fault> {
        let text = name.get_ref().as_str();
        self.one_probe(text)
            .or_else(|| self.has_kind(text).then(|| Ok(ProbeId::from(text))))
            .unwrap_or_else(|| Err(self.no_probe(text)))
            .map(|probe| vec![probe])
            .map_err(|why| source.fault_at(name, why))
    }

    /// Something that can be acted upon.
    pub(super) fn target(&self, name: &Spanned<String>, source: &Source) -> Result<Target, Fault> {
        let text = name.get_ref().as_str();
        let targets: Vec<Target> = self.known.iter().filter_map(Known::target).collect();
        let meant: Vec<&Target> =
            targets.iter().filter(|target| target.id == text || target.to_string() == text).collect();
        match meant.as_slice() {
            [one] => Ok((*one).clone()),
            [] => {
                let near = suggestion(text, targets.iter().map(|target| target.id.as_str()));
                Err(source.fault_at(name, format!("nothing here that can be acted upon is called `{text}`{near}")))
            }
            several => Err(source.fault_at(name, ambiguous(text, several))),
        }
    }

    fn of_section(&self, section: &str, name: &Spanned<String>, source: &Source) -> Result<String, Fault> {
        let text = name.get_ref().as_str();
        let ids = || self.known.iter().filter(|known| known.section == section).map(|known| known.id.as_str());
        if ids().any(|id| id == text) {
            return Ok(text.to_owned());
        }
        Err(source.fault_at(name, format!("there is no [[{section}]] `{text}`{}", suggestion(text, ids()))))
    }

    /// The probe a name means; `None` when it means none, an error when it means several.
    fn one_probe(&self, text: &str) -> Option<Result<ProbeId, String>> {
        if let Some((kind, id)) = text.split_once(':') {
            let found_later = (kind == "disk" && Path::new(id).is_absolute())
                || (kind == "task" && self.unnamed_tasks() == Unnamed::Expected);
            let mut known = self.known.iter().filter_map(|known| Some((known, known.probe()?)));
            let meant =
                known.find(|(known, probe)| probe.as_str() == text || (known.section == kind && known.id == id));
            return meant.map(|(_, probe)| Ok(probe)).or_else(|| found_later.then(|| Ok(ProbeId::from(text))));
        }
        let probes: Vec<ProbeId> =
            self.known.iter().filter(|known| known.id == text).filter_map(Known::probe).collect();
        match probes.as_slice() {
            [] => None,
            [one] => Some(Ok(one.clone())),
            several => Some(Err(ambiguous(text, several))),
        }
    }

    fn has_kind(&self, kind: &str) -> bool {
        FOUND.contains(&kind)
            || (kind == "task" && self.unnamed_tasks() == Unnamed::Expected)
            || self.known.iter().any(|known| known.kind == Some(kind))
    }

    fn no_probe(&self, text: &str) -> String {
        let probes: Vec<ProbeId> = self.known.iter().filter_map(Known::probe).collect();
        let names: Vec<&str> = if text.contains(':') {
            probes.iter().map(ProbeId::as_str).collect()
        } else {
            probes.iter().map(ProbeId::name).chain(FOUND).collect()
        };
        format!("nothing here that is checked is called `{text}`{}", suggestion(text, names))
    }
}

impl Known {
    fn probe(&self) -> Option<ProbeId> {
        self.kind.map(|kind| ProbeId::new(kind, &self.id))
    }

    fn target(&self) -> Option<Target> {
        let kind = match self.section {
            "database" => TargetKind::Database,
            "backup" => TargetKind::Backup,
            "task" => TargetKind::Task,
            "action" => TargetKind::Action,
            _ => return None,
        };
        Some(Target::new(kind, &self.id))
    }
}

fn ambiguous(text: &str, several: &[impl ToString]) -> String {
    let names: Vec<String> = several.iter().map(|name| format!("`{}`", name.to_string())).collect();
    format!("`{text}` is the name of {} things; write {}", names.len(), names.join(" or "))
}
