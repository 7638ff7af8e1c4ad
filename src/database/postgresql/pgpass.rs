//! `~/.pgpass`, as libpq reads it. By ourselves, because sqlx prints lines it cannot read into
//! the log, and they may hold a password.

use std::path::PathBuf;

use crate::config::{Host, Secret, SecretRef, ServerAddress};

/// The password for this address, where the file has one. Blocks. A file that others can read is
/// an error: libpq would ignore it, and nobody would know why the password is wrong.
pub(super) fn look_up(address: &ServerAddress) -> Result<Option<Secret>, String> {
    let named = std::env::var_os("PGPASSFILE").map(PathBuf::from);
    let Some(path) = named.or_else(|| Some(std::env::home_dir()?.join(".pgpass"))) else { return Ok(None) };
    if !path.exists() {
        return Ok(None);
    }
    let text = SecretRef::File(path).read_file().unwrap_or_else(|| Ok(String::new()))?;
    Ok(find(&text, address).and_then(|password| Secret::of(&password).ok()))
}

/// The password of the first line that fits.
fn find(text: &str, address: &ServerAddress) -> Option<String> {
    let port = address.port.to_string();
    // A socket is `localhost` there, or its directory.
    let hosts = match &address.host {
        Host::Name(name) => vec![name.clone()],
        Host::Socket(directory) => vec!["localhost".to_owned(), directory.display().to_string()],
    };
    text.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let fields = fields(line);
        let [host, its_port, database, role, password] = fields.as_slice() else { return None };
        let fits = |field: &str, wanted: &str| field == "*" || field == wanted;
        let fit = hosts.iter().any(|wanted| fits(host, wanted))
            && fits(its_port, &port)
            && fits(database, &address.database)
            && fits(role, &address.role);
        fit.then(|| password.clone())
    })
}

/// The fields of a line; `\` takes the meaning from the `:` or `\` after it.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ':' if fields.len() < 5 => fields.push(String::new()),
            letter => {
                let letter = if letter == '\\' { letters.next().unwrap_or('\\') } else { letter };
                if let Some(last) = fields.last_mut() {
                    last.push(letter);
                }
            }
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsMode;

    fn address(host: Host) -> ServerAddress {
        ServerAddress {
            host,
            port: 5432,
            role: "mon".into(),
            database: "rota".into(),
            tls: TlsMode::Prefer,
            root_certificate: None,
        }
    }

    #[test]
    fn the_first_line_that_fits_has_the_password() {
        let text =
            "# db1:5432:rota:mon:comment\nbroken\ndb1:5433:*:*:port\ndb1:*:rota:mon:a\\:b\\\\c:d\n*:*:*:*:last\n";
        let at = |host| find(text, &address(host));
        assert_eq!(at(Host::Name("db1".into())).as_deref(), Some("a:b\\c:d"));
        assert_eq!(at(Host::Name("db2".into())).as_deref(), Some("last"));
        let local = "localhost:*:*:*:sock\n";
        assert_eq!(find(local, &address(Host::Socket("/run/pg".into()))).as_deref(), Some("sock"));
        assert_eq!(find(local, &address(Host::Name("db1".into()))), None);
    }
}
