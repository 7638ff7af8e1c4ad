//! The programs of MySQL and MariaDB: which of them is there, and whether it is one for this server.

use std::fmt;
use std::time::Duration;

use super::ArchiveError;
use crate::domain::plan::Invocation;
use crate::domain::sanitize;
use crate::exec;

/// How long a program may take to say its version.
const ANSWER: Duration = Duration::from_mins(1);

/// A program that is there.
#[derive(Debug)]
pub(super) struct Tool {
    pub(super) program: &'static str,
    /// What it says it is, where that can be read.
    version: Option<Version>,
}

/// What a program or a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Version {
    maria: bool,
    major: u32,
    /// As it was said: `10.11.19`.
    text: String,
}

impl Tool {
    /// The first of some programs that is there.
    pub(super) async fn installed(programs: &[&'static str]) -> Result<Self, ArchiveError> {
        for program in programs {
            let asked = exec::capture(&Invocation::new([*program, "--version"]), ANSWER, 1024).await;
            if let Some(said) = asked.ok().filter(|said| said.exit_code == Some(0)) {
                return Ok(Self { program, version: Version::of_program(&String::from_utf8_lossy(&said.stdout)) });
            }
        }
        Err(ArchiveError::Missing(format!(
            "neither `{}` nor `{}` was found on this machine; install the client programs, on Debian the package \
             mariadb-client",
            programs[0], programs[1]
        )))
    }

    /// Whether it is one for a server that says this of itself: what may be missed where it is one of the
    /// other flavour. One of an older major version is refused with the mend; what nobody can tell is not.
    pub(super) fn fits(&self, server: &str) -> Result<Option<String>, ArchiveError> {
        let Some((ours, theirs)) = self.version.as_ref().zip(Version::of_server(server)) else { return Ok(None) };
        let program = self.program;
        if ours.maria != theirs.maria {
            return Ok(Some(format!(
                "`{program}` is of {ours} and the server of {theirs}: what only one of the two knows may be missing; \
                 a drill tells"
            )));
        }
        if ours.major < theirs.major {
            return Err(ArchiveError::Missing(format!(
                "`{program}` is of {ours} and the server of {theirs}: an older one leaves out what it does not know; \
                 install the client programs of version {} on this machine",
                theirs.major
            )));
        }
        Ok(None)
    }
}

impl Version {
    /// As programs say it: `mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for …`, `mariadb-dump from
    /// 11.4.2-MariaDB, client 10.19 for …`, `mysqldump  Ver 8.0.36 for Linux …`.
    fn of_program(said: &str) -> Option<Self> {
        let told = ["Distrib ", " from ", " Ver "].iter().find_map(|before| Some(said.split_once(before)?.1))?;
        Self::read(told, said)
    }

    /// As servers say it: `10.11.19-MariaDB-0+deb12u1`, `8.0.36`; some MariaDB before 11 with `5.5.5-`
    /// before it, which their replicas once wanted.
    fn of_server(said: &str) -> Option<Self> {
        Self::read(said.strip_prefix("5.5.5-").unwrap_or(said), said)
    }

    fn read(told: &str, said: &str) -> Option<Self> {
        let text: String = told.chars().take_while(|char| char.is_ascii_digit() || *char == '.').collect();
        let major = text.split('.').next()?.parse().ok()?;
        Some(Self { maria: said.to_ascii_lowercase().contains("mariadb"), major, text: sanitize::line(&text) })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.maria { "MariaDB" } else { "MySQL" }, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(says: &str) -> Tool {
        Tool { program: "mariadb-dump", version: Version::of_program(says) }
    }

    #[test]
    fn an_older_major_version_is_refused_with_the_mend_and_the_other_flavour_is_told() {
        let old = tool("mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)");
        let new = tool("mariadb-dump from 11.4.2-MariaDB, client 10.19 for debian-linux-gnu (x86_64)");
        let mysql = tool("mysqldump  Ver 8.0.36 for Linux on x86_64 (MySQL Community Server - GPL)");
        for (tool, server) in [
            (&old, "10.5.23-MariaDB-1:10.5.23+maria~deb11"),
            (&old, "5.5.5-10.11.19-MariaDB-0+deb12u1"),
            (&new, "10.11.19-MariaDB"),
            (&new, "11.8.1-MariaDB"),
            (&mysql, "8.4.1"),
            (&mysql, "5.7.44-log"),
            (&old, "what nobody can tell"),
            (&tool("no version at all"), "12.0.1-MariaDB"),
        ] {
            assert_eq!(tool.fits(server).expect("it fits"), None, "{server}");
        }
        for (tool, server, told) in [
            (&old, "12.0.1-MariaDB", "is of MariaDB 10.11.19 and the server of MariaDB 12.0.1"),
            (&mysql, "9.1.0", "is of MySQL 8.0.36 and the server of MySQL 9.1.0"),
        ] {
            let why = tool.fits(server).expect_err("too old").to_string();
            assert!(why.contains(told) && why.contains("install the client programs of version "), "{why}");
        }
        let strange = new.fits("8.4.1").expect("it may do").expect("and is told");
        assert!(strange.contains("is of MariaDB 11.4.2 and the server of MySQL 8.4.1"), "{strange}");
    }
}
