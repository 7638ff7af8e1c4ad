//! Whether the programs that a configuration names may be believed as it is: whoever can change
//! one says what runs here, just as whoever can change the configuration.
//!
//! One that is not there is no fault of the configuration: the probe or the act says so. One whose
//! disk does not answer is left to them, too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use super::document::Document;
use super::environment::Environment;
use super::error::Fault;
use super::secret::SecretRef;
use super::source::Source;
use super::trust;
use crate::platform::program::{ROOT, file_in, path};

/// How long the disk of one program may take to answer.
const PATIENCE: Duration = Duration::from_millis(500);

/// A program, and where it is named.
struct Named<'a> {
    file: PathBuf,
    source: &'a Source,
    span: Range<usize>,
}

/// A fault for every place that names a program somebody else can change.
pub(super) fn faults(documents: &[Document], env: &Environment) -> Vec<Fault> {
    let named: Vec<Named<'_>> = documents.iter().flat_map(named).collect();
    // What runs this very configuration is as good as what reads it.
    let own = env.program.clone();
    let ours = move |file: &PathBuf| {
        let own = own.as_ref().and_then(|own| own.canonicalize().ok());
        own.is_some() && file.canonicalize().ok() == own
    };
    let files: BTreeSet<PathBuf> = named.iter().map(|one| one.file.clone()).collect();
    let wrong = judged(files, env.user, ours);
    let fault = |one: &Named<'_>| {
        let why = wrong.get(&one.file)?;
        Some(one.source.fault(&one.span, format!("the program of this command is not to be trusted: {why}")))
    };
    named.iter().filter_map(fault).collect()
}

/// The programs of one file, as far as they are there.
fn named(document: &Document) -> Vec<Named<'_>> {
    let (source, sections) = (&document.source, &document.sections);
    let mut named = Vec::new();
    let mut add = |program: Option<&String>, directory: Option<&Path>, span: Range<usize>| {
        let file = program.and_then(|program| found(program, directory.unwrap_or(Path::new(ROOT))));
        named.extend(file.map(|file| Named { file, source, span }));
    };
    for raw in &sections.backup {
        if let Some(command) = &raw.command {
            add(command.get_ref().0.first(), None, command.span());
        }
    }
    for raw in &sections.task {
        if let Some(run) = &raw.run {
            // A path that means nothing is a fault of its own.
            let directory = run.directory.as_ref().and_then(|path| source.resolve(path).ok());
            add(run.command.0.first(), directory.as_deref(), raw.id.span());
        }
    }
    for raw in &sections.check {
        if let Some(command) = &raw.command {
            add(command.0.first(), None, raw.id.span());
        }
    }
    for raw in &sections.action {
        add(raw.command.get_ref().0.first(), None, raw.command.span());
    }
    for raw in &sections.database {
        if let Some(password) = &raw.password
            && let Ok(SecretRef::Command(command)) = SecretRef::parse(password.get_ref(), &source.directory)
        {
            add(command.argv.first(), None, password.span());
        }
    }
    named
}

/// The file a command means, if there is one: as it is looked for when it is started.
fn found(program: &str, directory: &Path) -> Option<PathBuf> {
    if program.contains(std::path::is_separator) {
        return Some(directory.join(program));
    }
    std::env::split_paths(&path()).map(|folder| file_in(&folder, program)).find(|file| file.is_file())
}

/// Why files are not to be trusted; those that are have no entry. What hangs holds up nothing.
fn judged(
    files: BTreeSet<PathBuf>,
    me: u32,
    ours: impl Fn(&PathBuf) -> bool + Clone + Send + 'static,
) -> BTreeMap<PathBuf, String> {
    let mut wrong = BTreeMap::new();
    let mut ahead: Vec<PathBuf> = files.into_iter().collect();
    while !ahead.is_empty() {
        let (tell, heard) = mpsc::channel();
        let (batch, ours) = (ahead.clone(), ours.clone());
        let work = move || {
            for file in batch {
                let verdict = if ours(&file) { Ok(()) } else { trust::program(&file, me) };
                if tell.send((file, verdict)).is_err() {
                    return;
                }
            }
        };
        if std::thread::Builder::new().name("rounds-config".to_owned()).spawn(work).is_err() {
            return wrong;
        }
        let mut done = 0;
        while let Ok((file, verdict)) = heard.recv_timeout(PATIENCE) {
            done += 1;
            if let Err(fault) = verdict {
                wrong.insert(file, fault.to_string());
            }
        }
        // The one that hangs is left out, and those behind it are begun anew.
        ahead.drain(..(done + 1).min(ahead.len()));
    }
    wrong
}
