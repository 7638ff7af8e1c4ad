//! Secrets taken out of what programs print and errors say, before it is kept or shown.
//!
//! What a secret looks like is known by its surroundings: the value of a key that is called a
//! password, the password of an address, an `Authorization` header, a private key; and by the
//! shapes that some issuers give their tokens. A secret that looks like nothing is found where it
//! is one of ours ([`known`]), and else it is not: this is a net under a program that prints what
//! it should not, not a permission to.

pub mod known;

use std::borrow::Cow;

/// What stands where a secret stood.
pub const MASK: &str = "***";

/// Takes secrets out of text that comes piece by piece, line by line: a private key is one of
/// many lines.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    in_key: bool,
}

const KEY_BEGINS: &[u8] = b"-----BEGIN ";
const KEY_ENDS: &[u8] = b"-----END ";
const KEY_KIND: &[u8] = b"PRIVATE KEY-----";
/// A line of base64 in a private key is 64 or 76 characters long.
const LONGEST_KEY_LINE: usize = 80;

impl Redactor {
    /// One line, with or without its end. `None` is a line that is nothing but secret.
    pub fn line<'a>(&mut self, line: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        if self.in_key {
            let ends = contains(line, KEY_ENDS);
            // Whatever came in between: text is not base64, and an end that was lost must not
            // swallow all that follows.
            let text = line.trim_ascii();
            let part =
                text.len() <= LONGEST_KEY_LINE && text.iter().all(|byte| is_base64(*byte) || b": ,-".contains(byte));
            self.in_key = !ends && part;
            if ends || part {
                return None;
            }
        }
        let line = one(line);
        if let Some(at) = find(&line, KEY_BEGINS)
            && let Some(kind) = find(&line[at..], KEY_KIND)
        {
            let after = at + kind + KEY_KIND.len();
            let rest = &line[after..];
            let (tail, whole) = match find(rest, KEY_ENDS) {
                Some(end) => (rest[end..].to_vec(), true),
                None => (ending(rest).to_vec(), false),
            };
            self.in_key = !whole;
            return Some(Cow::Owned([&line[..after], MASK.as_bytes(), &tail].concat()));
        }
        Some(line)
    }
}

/// Text of any number of lines.
pub fn text(text: &str) -> Cow<'_, str> {
    match bytes(text.as_bytes()) {
        // Only ASCII was put in, and only whole secrets were taken out.
        Cow::Owned(redacted) => Cow::Owned(String::from_utf8_lossy(&redacted).into_owned()),
        Cow::Borrowed(_) => Cow::Borrowed(text),
    }
}

/// Output of any number of lines, UTF-8 or not.
pub fn bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut redactor = Redactor::default();
    let mut redacted = Vec::with_capacity(bytes.len());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(line) = redactor.line(line) {
            redacted.extend_from_slice(&line);
        }
    }
    if redacted == bytes { Cow::Borrowed(bytes) } else { Cow::Owned(redacted) }
}

/// Words at the end of a key whose value is a secret.
const SECRET_KEYS: [&[u8]; 13] = [
    b"password",
    b"passwd",
    b"passphrase",
    b"pwd",
    b"secret",
    b"token",
    b"apikey",
    b"api_key",
    b"api-key",
    b"access_key",
    b"secret_key",
    b"private_key",
    b"credentials",
];

/// How tokens begin, and how many letters and digits follow at least.
const TOKENS: [(&[u8], usize); 14] = [
    (b"AKIA", 16),
    (b"ASIA", 16),
    (b"ghp_", 20),
    (b"gho_", 20),
    (b"ghu_", 20),
    (b"ghs_", 20),
    (b"ghr_", 20),
    (b"github_pat_", 20),
    (b"glpat-", 20),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"xoxa-", 10),
    (b"sk_live_", 16),
    (b"eyJ", 40),
];

/// One line, whose private key, if it has one, is somebody else's matter.
fn one(line: &[u8]) -> Cow<'_, [u8]> {
    match known::masked(line) {
        Some(masked) => Cow::Owned(by_looks(&masked).into_owned()),
        None => by_looks(line),
    }
}

/// What is a secret by its surroundings or its shape.
fn by_looks(line: &[u8]) -> Cow<'_, [u8]> {
    let mut out: Vec<u8> = Vec::new();
    let (mut at, mut kept) = (0, 0);
    while at < line.len() {
        match secret_at(line, at) {
            Some((from, to)) if from < to => {
                out.extend_from_slice(&line[kept..from]);
                out.extend_from_slice(MASK.as_bytes());
                (at, kept) = (to, to);
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(line);
    }
    out.extend_from_slice(&line[kept..]);
    Cow::Owned(out)
}

/// The secret that something at `at` introduces: where it begins and ends.
fn secret_at(line: &[u8], at: usize) -> Option<(usize, usize)> {
    match line[at] {
        b'=' | b':' if line[at..].starts_with(b"://") => of_address(line, at + 3),
        b'=' | b':' => of_key(line, at),
        b' ' => of_flag(line, at),
        b'A' | b'e' | b'g' | b's' | b'x' => token(line, at),
        _ => None,
    }
}

/// `postgres://rota:hunter2@db/rota`.
fn of_address(line: &[u8], start: usize) -> Option<(usize, usize)> {
    let end = start
        + line[start..]
            .iter()
            .position(|byte| byte.is_ascii_whitespace() || b"\"'<>`".contains(byte))
            .unwrap_or(line.len() - start);
    let address = &line[start..end];
    // A password may hold a slash and an at sign that nobody encoded: the last one counts.
    let host = address.iter().rposition(|byte| *byte == b'@')?;
    let colon = address[..host].iter().position(|byte| *byte == b':')?;
    // `http://host:80/x@y` names nobody.
    if address[..colon].contains(&b'/')
        || (address[colon + 1..host].contains(&b'/') && address[colon + 1].is_ascii_digit())
    {
        return None;
    }
    Some((start + colon + 1, start + host))
}

/// `PGPASSWORD=hunter2`, `"token": "…"`, `Authorization: Bearer …`.
fn of_key(line: &[u8], at: usize) -> Option<(usize, usize)> {
    let before = line[..at].trim_ascii_end();
    let before = before.strip_suffix(b"\"").or_else(|| before.strip_suffix(b"'")).unwrap_or(before);
    let after = at + 1 + line[at + 1..].iter().take_while(|byte| **byte == b' ').count();
    if ends_with(before, b"authorization") {
        let quoted = line.get(after).is_some_and(|byte| b"\"'".contains(byte));
        let start = after + usize::from(quoted);
        let end = line[start..].iter().position(|byte| b"\"'\r\n".contains(byte)).unwrap_or(line.len() - start);
        return Some((start, start + end));
    }
    SECRET_KEYS.iter().any(|key| ends_with(before, key)).then(|| value(line, after))
}

/// `--password hunter2`.
fn of_flag(line: &[u8], at: usize) -> Option<(usize, usize)> {
    let start = line[..at]
        .iter()
        .rposition(|byte| byte.is_ascii_whitespace() || b"'\"".contains(byte))
        .map_or(0, |space| space + 1);
    let flag = &line[start..at];
    let is_secret = flag.starts_with(b"--") && SECRET_KEYS.iter().any(|key| ends_with(flag, key));
    (is_secret && line.get(at + 1).is_some_and(|byte| *byte != b'-')).then(|| value(line, at + 1))
}

/// A value that begins at `start`: quoted, or to the next space or sign.
fn value(line: &[u8], start: usize) -> (usize, usize) {
    let ends = |from: usize, end: Option<usize>| (from, end.map_or(line.len(), |end| from + end));
    if let Some(quote @ (b'"' | b'\'')) = line.get(start) {
        let mut escaped = false;
        let is_end = |byte: &u8| {
            let ends = byte == quote && !escaped;
            escaped = *byte == b'\\' && !escaped;
            ends || matches!(byte, b'\r' | b'\n')
        };
        return ends(start + 1, line[start + 1..].iter().position(is_end));
    }
    ends(start, line[start..].iter().position(|byte| byte.is_ascii_whitespace() || b"\"'&;,)}]".contains(byte)))
}

/// A token known by its shape.
fn token(line: &[u8], at: usize) -> Option<(usize, usize)> {
    if at > 0 && (line[at - 1].is_ascii_alphanumeric() || line[at - 1] == b'_') {
        return None;
    }
    let (shape, least) = TOKENS.iter().find(|(shape, _)| line[at..].starts_with(shape))?;
    let rest = &line[at + shape.len()..];
    let length = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(byte)).count();
    (length >= *least).then(|| (at, at + shape.len() + length))
}

fn ends_with(text: &[u8], word: &[u8]) -> bool {
    text.len() >= word.len() && text[text.len() - word.len()..].eq_ignore_ascii_case(word)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

fn contains(line: &[u8], what: &[u8]) -> bool {
    find(line, what).is_some()
}

fn find(line: &[u8], what: &[u8]) -> Option<usize> {
    line.windows(what.len()).position(|window| window == what)
}

/// The line end of a line.
fn ending(line: &[u8]) -> &[u8] {
    let text = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    &line[text..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_taken_out_and_the_rest_stays() {
        let table = [
            ("PGPASSWORD=hunter2 pg_dump rota", "PGPASSWORD=*** pg_dump rota"),
            ("mysql --password=hunter2 -u x", "mysql --password=*** -u x"),
            ("mysql --password hunter2 -u x", "mysql --password *** -u x"),
            ("mysql --password -u x", "mysql --password -u x"),
            ("run '--api-key' 'k1'", "run '--api-key' 'k1'"),
            (r#"{"password": "hun\"ter2", "user": "x"}"#, r#"{"password": "***", "user": "x"}"#),
            ("db_password: hunter2", "db_password: ***"),
            ("url=postgres://rota:hun/ter2@db/rota!", "url=postgres://rota:***@db/rota!"),
            ("see http://db:8000/x@y and http://me@db", "see http://db:8000/x@y and http://me@db"),
            ("GET / Authorization: Bearer abc.def\r\n", "GET / Authorization: ***\r\n"),
            ("curl -H 'Authorization: Basic eDp5' http://x", "curl -H 'Authorization: ***' http://x"),
            ("key AKIAIOSFODNN7EXAMPLE used", "key *** used"),
            ("remote: ghp_0123456789abcdefghij0123456789abcdef", "remote: ***"),
            ("tokens=5;8;9 size=3", "tokens=5;8;9 size=3"),
            (
                "FATAL: password authentication failed for user \"x\"",
                "FATAL: password authentication failed for user \"x\"",
            ),
            ("Password: ", "Password: "),
            ("q?token=abc&x=1", "q?token=***&x=1"),
            ("größe: 3 → passwd=é1 ✓", "größe: 3 → passwd=*** ✓"),
        ];
        for (given, expected) in table {
            assert_eq!(text(given), expected);
            assert_eq!(text(expected), expected, "once is enough");
        }
    }

    #[test]
    fn a_private_key_is_taken_out_whole_and_its_end_need_not_come() {
        let given = "a\n-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nProc-Type: 4,ENCRYPTED\nAb+/9=\n-----END RSA PRIVATE KEY-----\nb\n";
        assert_eq!(text(given), "a\n-----BEGIN RSA PRIVATE KEY-----***\nb\n");
        let cut = "-----BEGIN PRIVATE KEY-----\nMIIEow\nIt was read, and then the disk failed!\n";
        assert_eq!(text(cut), "-----BEGIN PRIVATE KEY-----***\nIt was read, and then the disk failed!\n");
        assert_eq!(text("-----BEGIN CERTIFICATE-----\nMIIE\n"), "-----BEGIN CERTIFICATE-----\nMIIE\n");
        assert_eq!(
            text("k=\"-----BEGIN PRIVATE KEY-----\\nMIIE\\n-----END PRIVATE KEY-----\\n\" ok"),
            "k=\"-----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY-----\\n\" ok"
        );
    }

    #[test]
    fn bytes_that_are_no_text_pass_as_they_are() {
        let given = b"\xff\xfe\x00 token=\xff\xfe\n";
        assert_eq!(bytes(given).as_ref(), b"\xff\xfe\x00 token=***\n");
        assert!(matches!(bytes(b"\xff\x00"), Cow::Borrowed(_)));
    }
}
