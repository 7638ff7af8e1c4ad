//! The effective configuration as text: every default filled in, every path absolute. What it
//! prints is a configuration again.

mod page;

use super::spec::{BackupSpec, Bounds, CheckForm, CheckSpec, Config, DatabaseSpec, ProofSpec, TaskSpec, Unnamed};
use crate::domain::backup::Rule;
use crate::domain::checklist::{Checklist, Evidence, Period};
use crate::domain::inventory::{ActionCard, ParamKind, Repeat, SecondPlace};
use crate::domain::plan::Guard;
use crate::domain::time::Zone;
use page::{Page, argv, bounds, bytes, inline, list, path, quoted, span, url};

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
    if config.unnamed == Unnamed::Expected {
        page.gap();
        page.comment("no [[task]]: the schedulers of this machine say which tasks there are");
    }
    config.checks.iter().for_each(|spec| check(&mut page, spec));
    config.actions.iter().for_each(|card| action(&mut page, card));
    config.checklists.iter().for_each(|list| checklist(&mut page, list));
    page.text()
}

fn general(page: &mut Page, config: &Config) {
    let Config { system, zone, store, acts, host, unnamed, .. } = config;
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
    page.set("tasks", (*unnamed != Unnamed::Ignored).to_string());
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
        | Guard::Runs { .. }
        | Guard::Root
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
