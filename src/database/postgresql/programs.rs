//! PostgreSQL's own programs: where they are, which of several fits a server, and what they are
//! told: everything but the password on their command line, and that never.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::{Host, ServerAddress, TlsMode};
use crate::domain::plan::Invocation;
use crate::exec;
use crate::platform;

/// Where packages keep the programs of each version.
const FOLDERS: &[&str] = &[
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/usr/lib64/pgsql/*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/opt/homebrew/opt/libpq/bin",
    "/usr/local/opt/libpq/bin",
    "/usr/local/pgsql/bin",
];
/// The authorities of the machine, for programs that do not ask it.
const AUTHORITIES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
const TIMEOUT: Duration = Duration::from_secs(10);

/// A folder of programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Programs {
    folder: PathBuf,
    pub major: u32,
    /// `pg_dump (PostgreSQL) 15.18`
    pub version: String,
}

impl Programs {
    /// The programs that fit a server of this version; the error names the mend.
    pub async fn fit_for(server: u32) -> Result<Self, String> {
        choose(Self::all().await, server / 10_000)
    }

    /// The newest there are, which read what all older ones wrote.
    pub async fn newest() -> Result<Self, String> {
        let newest = Self::all().await.into_iter().max_by_key(|one| one.major);
        newest.ok_or_else(|| missing("on Debian the package postgresql-client"))
    }

    async fn all() -> Vec<Self> {
        let mut found = Vec::new();
        for folder in tokio::task::spawn_blocking(folders).await.unwrap_or_default() {
            let asked = Invocation::new([folder.join("pg_dump").display().to_string().as_str(), "--version"]);
            if let Ok(said) = exec::capture(&asked, TIMEOUT, 1024).await
                && let Some((major, version)) = read_version(&String::from_utf8_lossy(&said.stdout))
            {
                found.push(Self { folder, major, version });
            }
        }
        found
    }

    /// One of them, with what it needs to find a database, and its password where there is one.
    pub fn connected(&self, command: &[&str], at: &ServerAddress, passwords: Option<&Path>) -> Invocation {
        let mut invocation = self.alone(command);
        invocation.argv.push(format!("--dbname={at}"));
        invocation.environment.extend(environment(at, self.major));
        if let Some(file) = passwords {
            invocation.environment.insert("PGPASSFILE".to_owned(), file.display().to_string());
        }
        invocation
    }

    /// One of them that needs no server.
    pub fn alone(&self, command: &[&str]) -> Invocation {
        let mut invocation = Invocation::new(command.iter().copied());
        if let Some(program) = invocation.argv.first_mut() {
            *program = self.folder.join(&*program).display().to_string();
        }
        invocation
    }
}

fn environment(at: &ServerAddress, major: u32) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("PGAPPNAME".to_owned(), "rounds".to_owned()),
        ("PGCONNECT_TIMEOUT".to_owned(), "10".to_owned()),
    ]);
    let authorities = match &at.root_certificate {
        Some(file) => Some(file.display().to_string()),
        None if at.tls < TlsMode::VerifyCa || matches!(at.host, Host::Socket(_)) => None,
        None if major >= 16 && at.tls == TlsMode::VerifyFull => Some("system".to_owned()),
        None => AUTHORITIES.iter().find(|file| Path::new(file).exists()).map(|file| (*file).to_owned()),
    };
    environment.extend(authorities.map(|file| ("PGSSLROOTCERT".to_owned(), file)));
    environment
}

fn folders() -> Vec<PathBuf> {
    let packaged = FOLDERS.iter().filter_map(|pattern| glob::glob(pattern).ok()).flat_map(Iterator::flatten);
    let path: Vec<PathBuf> = std::env::split_paths(&platform::program::path()).collect();
    packaged.chain(path).filter(|folder| platform::program::file_in(folder, "pg_dump").is_file()).collect()
}

/// `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`
fn read_version(said: &str) -> Option<(u32, String)> {
    let (_, rest) = said.trim().split_once("(PostgreSQL) ")?;
    let version = rest.split_whitespace().next()?;
    let major = version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    Some((major, version.to_owned()))
}

/// Of the server's own version, else the oldest that is newer: an older one cannot read it.
fn choose(found: Vec<Programs>, server: u32) -> Result<Programs, String> {
    let newest = found.iter().map(|one| one.major).max();
    let fitting = found.into_iter().filter(|one| one.major >= server).min_by_key(|one| one.major);
    fitting.ok_or_else(|| {
        let package = format!("on Debian the package postgresql-client-{server}");
        match newest {
            Some(newest) => format!(
                "PostgreSQL's programs here are of version {newest}, and the server is of version {server}, which an \
                 older pg_dump refuses; install those of version {server}, {package}"
            ),
            None => missing(&package),
        }
    })
}

fn missing(package: &str) -> String {
    format!("PostgreSQL's programs (pg_dump, pg_restore) were not found on this machine; install them, {package}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(major: u32) -> Programs {
        Programs { folder: format!("/usr/lib/postgresql/{major}/bin").into(), major, version: format!("{major}.1") }
    }

    #[test]
    fn the_programs_of_the_servers_own_version_are_chosen_and_older_ones_refused() {
        assert_eq!(choose(vec![of(17), of(15), of(16)], 15), Ok(of(15)));
        assert_eq!(choose(vec![of(13), of(17), of(16)], 14), Ok(of(16)));
        let older = choose(vec![of(13), of(14)], 15).expect_err("too old");
        assert!(older.contains("of version 14, and the server is of version 15"), "{older}");
        assert!(older.ends_with("postgresql-client-15"), "{older}");
        assert!(choose(Vec::new(), 15).expect_err("none").contains("were not found"));
    }

    #[test]
    fn a_version_is_read_as_every_package_prints_it() {
        assert_eq!(read_version("pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some((15, "15.18".into())));
        assert_eq!(read_version("pg_dump (PostgreSQL) 19beta1"), Some((19, "19beta1".into())));
        assert_eq!(read_version("something else"), None);
    }
}
