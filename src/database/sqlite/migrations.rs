//! Migrations that failed, or that are there and not applied: only what the tables of sqlx, Rails
//! and Django say together with the files of the very program they belong to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::domain::finding::Finding;
use crate::domain::status::Status;
use crate::domain::vitals::Measured;
use crate::domain::{humanize, sanitize};

/// How far above its database a program may lie: `app/storage/production.sqlite3`.
const LEVELS: usize = 3;
/// How many folders of a program are looked into.
const FOLDERS: usize = 500;

pub(super) fn read(path: &Path, connection: &Connection) -> rusqlite::Result<Measured> {
    let mut measured = Measured::default();
    let has = |table: &str| {
        let there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
        connection.query_row(there, [table], |row| row.get::<_, i64>(0)).map(|count| count > 0)
    };
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let above = || real.ancestors().skip(1).take(LEVELS);
    if has("_sqlx_migrations")? {
        sqlx(connection, &mut measured)?;
    }
    if has("schema_migrations")? && has("ar_internal_metadata")? {
        let files = above().map(|folder| folder.join("db/migrate")).find(|folder| folder.is_dir());
        if let Some(files) = files {
            let applied = texts(connection, "SELECT version FROM schema_migrations")?;
            let missing = rails(&files).into_iter().filter(|(version, _)| !applied.contains(version));
            let missing: Vec<String> = missing.map(|(version, name)| format!("{version}_{name}")).collect();
            tell("Rails", applied.len(), &missing, "bin/rails db:migrate", &mut measured);
        }
    }
    if has("django_migrations")?
        && let Some(program) = above().find(|folder| folder.join("manage.py").is_file())
    {
        let applied = texts(connection, "SELECT app || '.' || name FROM django_migrations")?;
        let missing = django(program, &applied);
        tell("Django", applied.len(), &missing, "python3 manage.py migrate", &mut measured);
    }
    Ok(measured)
}

/// sqlx keeps a row of a migration that failed half way, and refuses to go on.
fn sqlx(connection: &Connection, measured: &mut Measured) -> rusqlite::Result<()> {
    let applied = texts(connection, "SELECT version FROM _sqlx_migrations WHERE success")?;
    measured.fact("migrations", format!("{} applied by sqlx", applied.len()));
    let failed = texts(connection, "SELECT version || ' ' || description FROM _sqlx_migrations WHERE NOT success")?;
    if let Some(first) = failed.first() {
        let count = humanize::count(failed.len(), "migration");
        let text = format!("{count} of sqlx failed half way, {first} first");
        let advice = "mend what it left behind, remove its row from _sqlx_migrations, and migrate again";
        measured.findings.push(Finding::new(Status::Critical, "migrations", text).advice(advice));
    }
    Ok(())
}

fn tell(whose: &str, applied: usize, missing: &[String], command: &str, measured: &mut Measured) {
    measured.fact("migrations", format!("{applied} applied by {whose}"));
    if let Some(first) = missing.first() {
        let count = humanize::count(missing.len(), "migration");
        let are = if missing.len() == 1 { "is" } else { "are" };
        let text = format!("{count} of {whose} {are} there and not applied, {} first", sanitize::line(first));
        let advice = format!("`{command}`, with a backup before it");
        measured.findings.push(Finding::new(Status::Warning, "migrations", text).advice(advice));
    }
}

fn texts(connection: &Connection, question: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = connection.prepare(question)?;
    let rows = statement.query_map([], |row| {
        Ok(match row.get_ref(0)? {
            rusqlite::types::ValueRef::Integer(number) => number.to_string(),
            other => sanitize::line(&String::from_utf8_lossy(other.as_bytes().unwrap_or_default())),
        })
    })?;
    rows.collect()
}

/// `20240131120000_create_staff.rb`, in their order.
fn rails(folder: &Path) -> Vec<(String, String)> {
    let named = names(folder).into_iter().filter_map(|name| {
        let (version, rest) = name.strip_suffix(".rb")?.split_once('_')?;
        let digits = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| (version.to_owned(), rest.to_owned()))
    });
    named.collect()
}

/// The migrations of apps that have been migrated before under the name of their folder. Of any
/// other app nobody here knows whether it is installed, or what it is called.
fn django(program: &Path, applied: &BTreeSet<String>) -> Vec<String> {
    let mut missing = Vec::new();
    for app in apps(program) {
        let Some(label) = app.file_name().and_then(|name| name.to_str()) else { continue };
        let prefix = format!("{label}.");
        if !applied.iter().any(|one| one.starts_with(&prefix)) {
            continue;
        }
        for name in names(&app.join("migrations")) {
            let Some(name) = name.strip_suffix(".py").filter(|name| *name != "__init__") else { continue };
            let numbered = name.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
            // One that replaces others may be applied by having applied those.
            if numbered && !name.contains("squashed") && !applied.contains(&format!("{prefix}{name}")) {
                missing.push(format!("{label}.{name}"));
            }
        }
    }
    missing.sort();
    missing
}

/// The folders with migrations, up to two levels below the program.
fn apps(program: &Path) -> Vec<PathBuf> {
    let mut left = FOLDERS;
    let mut found = Vec::new();
    let mut level = vec![program.to_owned()];
    for _ in 0..2 {
        let mut next = Vec::new();
        for folder in level.iter().flat_map(|folder| folders(folder)) {
            if left == 0 {
                return found;
            }
            left -= 1;
            if folder.join("migrations/__init__.py").is_file() {
                found.push(folder.clone());
            }
            next.push(folder);
        }
        level = next;
    }
    found
}

fn folders(folder: &Path) -> Vec<PathBuf> {
    let skipped = ["node_modules", "venv", "env", "static", "media", "site-packages", "__pycache__"];
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let kept = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).filter(|entry| {
        entry.file_name().to_str().is_some_and(|name| !name.starts_with('.') && !skipped.contains(&name))
    });
    kept.map(|entry| entry.path()).collect()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}
