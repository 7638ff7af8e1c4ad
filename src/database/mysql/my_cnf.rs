//! `~/.my.cnf`, as the engine's own clients read it: what its `[client]` section says of a server
//! and of who wants in.

use std::path::PathBuf;

use crate::config::{Secret, SecretRef};

/// What `[client]` says. What it does not say is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) user: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) host: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) socket: Option<PathBuf>,
}

/// Reads the file. Blocks. One that others can read is an error: it holds a password, and nobody
/// would know why it is not used.
pub(super) fn read() -> Result<Client, String> {
    let Some(path) = std::env::home_dir().map(|home| home.join(".my.cnf")) else { return Ok(Client::default()) };
    if !path.exists() {
        return Ok(Client::default());
    }
    let text = SecretRef::File(path).read_file().unwrap_or_else(|| Ok(String::new()))?;
    Ok(parse(&text))
}

/// What does not concern a session is left alone, for it is read by other programs too.
fn parse(text: &str) -> Client {
    let mut client = Client::default();
    let mut ours = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            ours = section.split(']').next() == Some("client");
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| ours && !line.starts_with(['#', ';'])) else {
            continue;
        };
        let value = unquoted(value.trim());
        match key.trim().replace('_', "-").as_str() {
            "user" => client.user = Some(value),
            "password" => client.password = Secret::of(&value).ok(),
            "host" => client.host = Some(value),
            "port" => client.port = value.parse().ok(),
            "socket" => client.socket = Some(value.into()),
            _ => {}
        }
    }
    client
}

/// A value without its quotes, the comment after it, and with its escapes resolved.
fn unquoted(value: &str) -> String {
    let quote = value.chars().next().filter(|first| ['"', '\''].contains(first));
    let inner = match quote {
        Some(quote) => &value[1..end_of(&value[1..], quote).map_or(value.len(), |end| end + 1)],
        None => value.find(" #").map_or(value, |comment| value[..comment].trim_end()),
    };
    let mut letters = inner.chars();
    let mut plain = String::with_capacity(inner.len());
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('b') => plain.push('\u{8}'),
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('s') => plain.push(' '),
            Some(other @ ('\\' | '"' | '\'')) => plain.push(other),
            // Any other pair means itself.
            Some(other) => plain.extend(['\\', other]),
            None => plain.push('\\'),
        }
    }
    plain
}

/// Where the closing quote is; one after a backslash is none.
fn end_of(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let ends = letter == quote && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_section_is_read_as_the_clients_read_it() {
        let text = "[mysqld]\nuser=mysql\nport = 1\n[client]\n# user=no\nuser = mon\npassword=\"p#w \\\\d\\\"q\" # x\n\
                    host=db1\nport=3307 # a comment\nsocket='/run/my sql.sock'\nssl-verify-server-cert\n\
                    default_character_set=utf8\n[mysqldump]\npassword=other\n";
        let client = parse(text);
        assert_eq!(
            (client.user.as_deref(), client.host.as_deref(), client.port),
            (Some("mon"), Some("db1"), Some(3307))
        );
        assert_eq!(client.password.expect("a password").expose(), "p#w \\d\"q");
        assert_eq!(client.socket, Some("/run/my sql.sock".into()));
        assert_eq!(parse("user=mon"), Client::default(), "before any section");
    }

    #[test]
    fn escapes_and_odd_ends_mean_what_they_mean_there() {
        for (written, meant) in
            [("a\\sb", "a b"), ("a\\x", "a\\x"), ("'open", "open"), ("", ""), ("a#b", "a#b"), ("\"", "")]
        {
            assert_eq!(unquoted(written), meant, "{written}");
        }
    }
}
