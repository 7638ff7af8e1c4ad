//! The effective configuration as text: every default filled in, every path absolute. What it
//! prints is a configuration again.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::spec::{BackupSpec, Bounds, CheckForm, CheckSpec, Config, DatabaseSpec, ProofSpec, TaskSpec};
use crate::domain::backup::Rule;
use crate::domain::checklist::{Checklist, Evidence, Period};
use crate::domain::inventory::{ActionCard, ParamKind, Repeat, SecondPlace};
use crate::domain::limit::Limit;
use crate::domain::plan::{Guard, Invocation};
use crate::domain::sample::Unit;
use crate::domain::sanitize;
use crate::domain::time::Zone;

/// What holds, with nothing left to look up. Holds no secrets.
pub fn show(config: &Config) -> String {
    let mut page = Page::default();
    if config.files.is_empty() {
        page.comment("the built-in round of this machine");
    }
    for file in &config.files {
        page.comment(&format!("from {}", file.display()));
    }
    page.set("version", "1");
    general(&mut page, config);
    config.databases.iter().for_each(|spec| database(&mut page, spec));
    config.backups.iter().for_each(|spec| backup(&mut page, spec, &config.zone));
    config.tasks.iter().for_each(|spec| task(&mut page, spec));
    if config.discover_tasks {
        page.0.push('\n');
        page.comment("no [[task]]: the crontabs of this machine say which tasks there are");
    }
    config.checks.iter().for_each(|spec| check(&mut page, spec));
    config.actions.iter().for_each(|card| action(&mut page, card));
    config.checklists.iter().for_each(|list| checklist(&mut page, list));
    page.0
}

fn general(page: &mut Page, config: &Config) {
    let Config { system, zone, store, acts, host, .. } = config;
    page.section("[system]");
    page.set("name", quoted(&system.name));
    page.set("title", quoted(&system.title));
    if !system.environment.is_empty() {
        page.set("environment", quoted(&system.environment));
    }
    match Zone::named(zone.name()) {
        Some(_) => page.set("timezone", quoted(zone.name())),
        None => page.comment(&format!("times of day are in the machine's zone, {}", zone.name())),
    }
    page.maybe("owner", system.owner.as_deref().map(quoted));

    page.section("[store]");
    page.set("url", url(&store.path));
    page.set("keep_observations", span(store.keep_observations));
    page.set("keep_audit", span(store.keep_audit));

    page.section("[actions]");
    page.set("read_only", acts.read_only.to_string());
    page.set("log_directory", path(&acts.log_directory));

    page.section("[host]");
    page.set("every", span(host.every));
    page.set("cpu", bounds(&host.cpu));
    page.set("memory", bounds(&host.memory));
    page.set("swap", bounds(&host.swap));
    page.set("load", bounds(&host.load));
    page.set("disk.free", bounds(&host.disk_free));
    page.set("disk.inodes_free", bounds(&host.disk_inodes_free));
    page.set("disk.full_in", bounds(&host.disk_full_in));
    page.set("disk.exclude", list(&host.disk_exclude));
}

fn database(page: &mut Page, spec: &DatabaseSpec) {
    page.section("[[database]]");
    page.set("id", quoted(&spec.id));
    page.set("url", quoted(&spec.address.to_string()));
    page.maybe("password", spec.password.as_ref().map(|password| quoted(&password.to_string())));
    page.set("every", span(spec.every));
    page.set("timeout", span(spec.timeout));
    for gauge in spec.address.engine().gauges {
        let held = spec.limits.get(gauge.key).cloned().unwrap_or_default();
        // Off is said only where it is not the default.
        if held != Bounds::default() || gauge.warning.is_some() || gauge.critical.is_some() {
            page.set(gauge.key, bounds(&held));
        }
    }
    page.maybe("operations_table", spec.operations_table.as_ref().map(|table| quoted(&table.to_string())));
    page.maybe("integrity.every", spec.integrity_every.map(span));
}

fn backup(page: &mut Page, spec: &BackupSpec, zone: &Zone) {
    page.section("[[backup]]");
    page.set("id", quoted(&spec.id));
    page.maybe("database", spec.database.as_deref().map(quoted));
    page.maybe("command", spec.command.as_ref().map(argv));
    page.maybe("manifest", spec.manifest.as_ref().map(|manifest| quoted(&manifest.pattern)));
    if let Some(tool) = &spec.tool {
        page.set("tool", quoted(tool.tool.word()));
        page.maybe("repository", tool.repository.as_deref().map(quoted));
        page.maybe("stanza", tool.stanza.as_deref().map(quoted));
        page.maybe("password", tool.password.as_ref().map(|password| quoted(&password.to_string())));
        page.maybe("match", tool.matches.as_deref().map(quoted));
    } else if spec.manifest.as_ref().is_some_and(|manifest| !manifest.has_files) {
        page.comment("no `files`: only the manifests tell of it");
    } else if spec.files.zone.name() == zone.name() {
        page.set("files", quoted(&spec.files.text));
    } else {
        page.comment(&format!("files = {}, in {}", quoted(&spec.files.text), spec.files.zone.name()));
    }
    if spec.database.is_some() {
        page.set("compress", quoted(spec.compress.word()));
    }
    page.maybe("pair", spec.pair.as_ref().map(|pair| quoted(&pair.text)));
    page.maybe("schedule", spec.schedule.as_ref().map(|schedule| quoted(&schedule.text)));
    page.set("grace", span(spec.grace));
    page.maybe("rpo", spec.rpo.map(span));
    page.maybe("rto", spec.rto.map(span));
    page.maybe("min_size", spec.min_size.map(|size| quoted(&bytes(size as f64))));
    page.bounds("size_change", &spec.size_change);
    page.maybe("verify.every", spec.verify_every.map(span));
    if !spec.rows.is_empty() {
        page.set("verify.rows", list(&spec.rows));
    }
    page.maybe("restore.stop", spec.restore.stop.as_deref().map(quoted));
    page.maybe("restore.start", spec.restore.start.as_deref().map(quoted));
    if !spec.restore.verify.is_empty() {
        page.set("restore.verify", list(&spec.restore.verify.iter().map(ToString::to_string).collect::<Vec<_>>()));
    }
    match spec.copy.as_ref().map(|copy| &copy.place) {
        Some(SecondPlace::Directory(to)) => page.set("copy.to", quoted(&to.display().to_string())),
        Some(SecondPlace::Command { command, hash }) => {
            page.set("copy.command", argv(command));
            page.maybe("copy.hash", hash.as_ref().map(argv));
        }
        None => {}
    }
    page.maybe("copy.max_age", spec.copy.as_ref().and_then(|copy| copy.max_age).map(span));
    page.maybe("drill.every", spec.drill.every.map(span));
    if !spec.drill.queries.is_empty() {
        page.set("drill.queries", list(&spec.drill.queries));
    }
    if let Some(keep) = &spec.keep {
        for (rule, count) in &keep.counts {
            page.set(&format!("keep.{}", rule.word()), count.to_string());
        }
        page.maybe("keep.within", keep.within.map(span));
        if keep.counts.keys().any(|rule| *rule != Rule::Last) {
            page.set("keep.pick", quoted(keep.pick.word()));
        }
        page.set("keep.min", keep.min.to_string());
        if keep.counts.contains_key(&Rule::Weekly) {
            page.set("keep.week_start", quoted(&keep.week_start.to_string().to_lowercase()));
        }
    }
}

fn task(page: &mut Page, spec: &TaskSpec) {
    page.section("[[task]]");
    page.set("id", quoted(&spec.id));
    page.set("source", quoted(spec.source.word()));
    page.maybe("match", spec.matches.as_deref().map(quoted));
    match &spec.proof {
        Some(ProofSpec::Log { path: log, .. }) => page.set("path", path(log)),
        Some(ProofSpec::Row { database, .. }) => page.set("database", quoted(database)),
        Some(ProofSpec::Files(_) | ProofSpec::Stamped(_)) | None => {}
    }
    page.maybe("export", spec.export.as_deref().map(path));
    if let Some(schedule) = &spec.schedule {
        page.set("schedule", quoted(&schedule.text));
        if Zone::named(schedule.zone.name()).is_some() {
            page.set("timezone", quoted(schedule.zone.name()));
        }
    }
    page.set("grace", span(spec.grace));
    page.maybe("min_duration", spec.min_duration.map(span));
    page.maybe("max_duration", spec.max_duration.map(span));
    if let Some(run) = &spec.run {
        page.set("run.command", argv(run));
        page.maybe("run.directory", run.directory.as_deref().map(path));
        let repeat = match spec.repeat {
            Repeat::Free => "free",
            Repeat::Ask => "ask",
        };
        page.set("run.repeat", quoted(repeat));
    }
}

fn check(page: &mut Page, spec: &CheckSpec) {
    page.section("[[check]]");
    page.set("id", quoted(&spec.id));
    match &spec.form {
        CheckForm::Command(command) => page.set("command", argv(command)),
        CheckForm::File { newest, age, .. } => {
            page.set("file.newest", quoted(newest));
            page.bounds("age", age);
        }
    }
    page.set("every", span(spec.every));
    page.set("timeout", span(spec.timeout));
    page.maybe("depends_on", spec.depends_on.as_ref().map(|cause| list(&[cause])));
}

fn action(page: &mut Page, card: &ActionCard) {
    page.section("[[action]]");
    page.set("id", quoted(card.name.as_str()));
    page.set("title", quoted(&card.title));
    page.set("risk", quoted(card.risk.word()));
    page.set("command", argv(&card.command));
    page.set("timeout", span(card.timeout));
    let params = card.params.iter().map(|param| {
        let kind = match param.kind {
            ParamKind::Text => "text",
            ParamKind::Integer => "integer",
            ParamKind::Date => "date",
        };
        let given = [("name", Some(quoted(&param.name))), ("kind", Some(quoted(kind)))];
        inline(given.into_iter().chain([("default", param.default.as_deref().map(quoted))]))
    });
    page.lines("params", params);
    page.lines("guards", card.guards.iter().filter_map(guard));
    page.maybe(
        "verify",
        card.verify.as_ref().map(|verify| {
            inline([("check", Some(quoted(verify.check.as_str()))), ("within", Some(span(verify.within)))])
        }),
    );
    page.maybe("undo", card.undo.as_deref().map(quoted));
}

/// A guard as it is written; the ones that acts bring along by themselves are not written.
fn guard(guard: &Guard) -> Option<String> {
    match guard {
        Guard::BackupWithin { backup, within } => {
            Some(inline([("backup", Some(quoted(backup))), ("within", Some(span(*within)))]))
        }
        Guard::Idle { target } => Some(inline([("idle", Some(quoted(target)))])),
        Guard::Unhindered { .. }
        | Guard::RoomFor { .. }
        | Guard::NotRunning { .. }
        | Guard::NotRunToday { .. }
        | Guard::Reason
        | Guard::MayHold { .. }
        | Guard::Unchanged { .. } => None,
    }
}

fn checklist(page: &mut Page, spec: &Checklist) {
    page.section("[[checklist]]");
    page.set("id", quoted(&spec.id));
    page.set("title", quoted(&spec.title));
    let every = match spec.every {
        Period::Day => "day",
        Period::Week => "week",
        Period::Month => "month",
        Period::Quarter => "quarter",
        Period::Year => "year",
        Period::Event => "event",
    };
    page.set("every", quoted(every));
    page.maybe("due", spec.due.map(|time| quoted(&time.format("%H:%M").to_string())));
    page.maybe("sign_by", spec.sign_by.map(|time| quoted(&time.format("%H:%M").to_string())));
    page.maybe("owner", spec.owner.as_deref().map(quoted));
    let items = spec.items.iter().map(|item| {
        let (probes, confirm) = match &item.evidence {
            Evidence::Auto(probes) => (probes.as_slice(), None),
            Evidence::Confirm(probes) => (probes.as_slice(), Some("true".to_owned())),
            Evidence::Manual => (&[][..], None),
        };
        let check = probes.first().map(|probe| quoted(probe.as_str()));
        inline([("text", Some(quoted(&item.text))), ("check", check), ("confirm", confirm)])
    });
    page.lines("items", items);
}

/// A page of TOML that grows line by line.
#[derive(Default)]
struct Page(String);

impl Page {
    fn section(&mut self, header: &str) {
        self.line(format_args!("\n{header}"));
    }

    fn comment(&mut self, text: &str) {
        self.line(format_args!("# {}", sanitize::line(text)));
    }

    fn set(&mut self, key: &str, value: impl AsRef<str>) {
        self.line(format_args!("{key} = {}", value.as_ref()));
    }

    fn maybe(&mut self, key: &str, value: Option<String>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }

    fn bounds(&mut self, key: &str, value: &Bounds) {
        if *value != Bounds::default() {
            self.set(key, bounds(value));
        }
    }

    /// A list with a line for each entry; nothing when it is empty.
    fn lines(&mut self, key: &str, entries: impl Iterator<Item = String>) {
        let text: String = entries.fold(String::new(), |text, entry| text + "  " + &entry + ",\n");
        if !text.is_empty() {
            self.set(key, format!("[\n{text}]"));
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{text}");
    }
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

fn path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

fn url(path: &Path) -> String {
    quoted(&format!("sqlite:{}", path.display()))
}

fn list(texts: &[impl ToString]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(&text.to_string())).collect();
    format!("[{}]", texts.join(", "))
}

fn argv(command: &Invocation) -> String {
    list(&command.argv)
}

fn inline<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let pairs: Vec<String> = pairs.into_iter().filter_map(|(key, value)| Some(format!("{key} = {}", value?))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn bounds(bounds: &Bounds) -> String {
    inline([
        ("warn", bounds.warning.map(limit)),
        ("crit", bounds.critical.map(limit)),
        ("for", (!bounds.hold.is_zero()).then(|| span(bounds.hold))),
        ("hint", bounds.hint.as_deref().map(quoted)),
    ])
}

/// A limit without the rounding that people are shown.
fn limit(limit: Limit) -> String {
    let figure = match limit.unit {
        Unit::Percent => format!("{} %", limit.value),
        Unit::Count => limit.value.to_string(),
        Unit::Bytes => bytes(limit.value),
        Unit::BytesPerDay => format!("{}/day", bytes(limit.value)),
        Unit::Seconds => exact(Duration::try_from_secs_f64(limit.value).unwrap_or(Duration::MAX)),
    };
    quoted(&format!("{} {figure}", limit.comparison))
}

fn span(duration: Duration) -> String {
    quoted(&exact(duration))
}

/// In the largest unit that leaves no remainder.
fn exact(duration: Duration) -> String {
    const UNITS: [(u128, &str); 6] = [
        (31_557_600_000_000_000, "y"),
        (86_400_000_000_000, "d"),
        (3_600_000_000_000, "h"),
        (60_000_000_000, "m"),
        (1_000_000_000, "s"),
        (1_000_000, "ms"),
    ];
    let nanos = duration.as_nanos();
    let unit = UNITS.iter().find(|(unit, _)| nanos >= *unit && nanos.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{nanos}ns"), |(unit, name)| format!("{}{name}", nanos / unit))
}

/// In the largest unit that leaves no remainder, decimal before binary.
fn bytes(value: f64) -> String {
    const UNITS: [(f64, &str); 7] = [
        (1e12, "TB"),
        (1e9, "GB"),
        (1e6, "MB"),
        (1_073_741_824.0, "GiB"),
        (1_048_576.0, "MiB"),
        (1e3, "kB"),
        (1024.0, "KiB"),
    ];
    let unit = UNITS.iter().find(|(unit, _)| value >= *unit && value % unit == 0.0);
    unit.map_or_else(|| format!("{value} B"), |(unit, name)| format!("{} {name}", value / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_exact_in_the_largest_unit() {
        let table = [
            (0, "0ns"),
            (500, "500ms"),
            (90_000, "90s"),
            (90 * 86_400_000, "90d"),
            (7 * 31_557_600_000, "7y"),
            (93_600_000, "26h"),
        ];
        for (millis, text) in table {
            assert_eq!(exact(Duration::from_millis(millis)), text);
            assert_eq!(humantime::parse_duration(text).expect(text).as_millis(), u128::from(millis));
        }
        assert_eq!(exact(Duration::from_nanos(1)), "1ns");
        for (value, text) in [(5e8, "500 MB"), (67_108_864.0, "64 MiB"), (1.0, "1 B"), (0.0, "0 B"), (1536.0, "1536 B")]
        {
            assert_eq!(bytes(value), text);
        }
    }
}
