//! `tool` of `[[backup]]`: a repository of another tool, and what does not go with one.

use toml::Spanned;

use crate::config::error::Fault;
use crate::config::raw;
use crate::config::secret::SecretRef;
use crate::config::source::{Source, resolve};
use crate::config::spec::{Tool, ToolSpec};

pub(super) fn tool(raw: &raw::Backup, source: &Source) -> Result<Option<ToolSpec>, Fault> {
    let Some(named) = &raw.tool else {
        let keys = [
            ("repository", &raw.repository),
            ("stanza", &raw.stanza),
            ("password", &raw.password),
            ("match", &raw.matches),
        ];
        return match keys.iter().find_map(|(key, value)| Some((key, value.as_ref()?))) {
            Some((key, written)) => {
                let message = format!("`{key}` says something to a `tool`; name that, or leave `{key}` out");
                Err(source.fault_at(written, message))
            }
            None => Ok(None),
        };
    };
    let tool = *named.get_ref();
    let word = tool.word();
    let beside = |given: bool, key: &str, why: &str| {
        let fault = || source.fault_at(named, format!("{word} {why}; leave `{key}` out, or `tool`"));
        if given { Err(fault()) } else { Ok(()) }
    };
    beside(raw.database.is_some(), "database", "makes its backups itself, or a `command` has it do so")?;
    beside(raw.files.is_some(), "files", "knows by itself where its backups lie")?;
    beside(raw.manifest.is_some(), "manifest", "tells of its backups itself")?;
    beside(raw.pair.is_some(), "pair", "has no second file beside a backup")?;
    let checks = raw.verify.every.is_some() || raw.verify.rows.is_some();
    beside(checks, "verify", "verifies its repository itself, as a [[task]] of yours")?;
    beside(raw.copy.is_some(), "copy", "copies its repository itself, which is a [[backup]] of its own here")?;
    beside(raw.drill.every.is_some() || !raw.drill.queries.is_empty(), "drill", "restores by itself")?;
    let restores = raw.restore.stop.is_some() || raw.restore.start.is_some() || !raw.restore.verify.is_empty();
    beside(restores, "restore", "restores by itself")?;
    let repository = raw.repository.as_ref().map(|written| repository(written, source)).transpose()?;
    match (tool, &raw.stanza, &repository, &raw.password) {
        (Tool::Pgbackrest, None, ..) => {
            return Err(source.fault_at(named, "name the cluster, as pgbackrest calls it, with `stanza`"));
        }
        (Tool::Restic | Tool::Borg, Some(stanza), ..) => {
            return Err(source.fault_at(stanza, "a `stanza` is of pgbackrest; leave it out"));
        }
        (Tool::Restic | Tool::Borg, _, None, _) => {
            return Err(source.fault_at(named, format!("name where {word} keeps its backups with `repository`")));
        }
        (Tool::Restic, _, _, None) => {
            return Err(
                source.fault_at(named, "restic opens nothing without a password; say with `password` where it is")
            );
        }
        (Tool::Pgbackrest, _, _, Some(password)) => {
            let message = "pgbackrest has its passphrase in its own configuration; leave `password` out";
            return Err(source.fault_at(password, message));
        }
        _ => {}
    }
    let password = raw.password.as_ref().map(|written| {
        SecretRef::parse(written.get_ref(), &source.directory).map_err(|why| source.fault_at(written, why))
    });
    if let (Tool::Pgbackrest, Some(pattern)) = (tool, &raw.matches) {
        return Err(
            source.fault_at(pattern, "a stanza is one cluster, of which every backup counts; leave `match` out")
        );
    }
    if let Some(pattern) = &raw.matches {
        glob::Pattern::new(pattern.get_ref())
            .map_err(|why| source.fault_at(pattern, format!("this is not a pattern: {}", why.msg)))?;
    }
    Ok(Some(ToolSpec {
        tool,
        repository,
        stanza: raw.stanza.as_ref().map(|stanza| stanza.get_ref().clone()),
        password: password.transpose()?,
        matches: raw.matches.as_ref().map(|pattern| pattern.get_ref().clone()),
    }))
}

/// A path of this machine, which may be written beside the configuration, or any other place the
/// tool itself knows.
fn repository(written: &Spanned<String>, source: &Source) -> Result<String, Fault> {
    let text = written.get_ref();
    let has_password = text.split_once("://").is_some_and(|(_, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
    });
    if has_password {
        return Err(source.fault_at(
            written,
            "there is a password in this address, which every process of this machine could read; leave it out, and \
             let the tool take it from a file of its own",
        ));
    }
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        return Err(source.fault_at(written, "this is no place of a repository"));
    }
    // `host:path`, `sftp:…`, `s3:…`
    if text.contains(':') {
        return Ok(text.clone());
    }
    let path = resolve(&source.directory, text).map_err(|why| source.fault_at(written, why))?;
    let odd = || source.fault_at(written, "this path is not UTF-8 in full; write it from the root");
    path.to_str().map(ToOwned::to_owned).ok_or_else(odd)
}
