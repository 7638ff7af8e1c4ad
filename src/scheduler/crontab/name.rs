//! Names for crontab lines: the program's, as an operator would call the job.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::Entry;

/// Programs that only lead up to the one that matters, with the number of arguments they eat.
const PREFIXES: [(&str, usize); 15] = [
    ("sudo", 0),
    ("nice", 0),
    ("ionice", 0),
    ("chronic", 0),
    ("env", 0),
    ("exec", 0),
    ("nohup", 0),
    ("setsid", 0),
    ("time", 0),
    ("caffeinate", 0),
    ("timeout", 1),
    ("flock", 1),
    ("chpst", 0),
    ("systemd-cat", 0),
    ("stdbuf", 0),
];

/// Parts of a line that prepare or ask.
const GUARDS: [&str; 14] =
    ["test", "[", "cd", "command", "true", ":", "export", ".", "source", "if", "then", "fi", "sleep", "exit"];

/// Programs that run another, named in their first plain argument.
const INTERPRETERS: [&str; 12] =
    ["sh", "bash", "dash", "zsh", "python", "python3", "perl", "ruby", "php", "node", "manage.py", "artisan"];

/// What a command is called: `python3 /srv/rota/manage.py send_report` is `send_report`.
pub(super) fn of(command: &str, line: usize) -> String {
    let words = words(command);
    let is_operator = |word: &String| ["&&", "||", ";", "|", "(", ")", "{", "}", "&"].contains(&word.as_str());
    let names: Vec<String> =
        words.split(is_operator).filter_map(part).filter(|name| !GUARDS.contains(&name.as_str())).collect();
    // A script within the line, `perl -e '…'`, names the line only when nothing else does.
    let named = names.iter().find(|name| !INTERPRETERS.contains(&name.as_str()));
    let name = named.or(names.first());
    let name = name.map(|name| plain(name)).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| format!("line-{line}"))
}

/// The program of one part of a command line.
fn part(words: &[String]) -> Option<String> {
    let is_assignment = |word: &str| {
        word.split_once('=')
            .is_some_and(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
    };
    let mut words = words.iter().map(String::as_str).filter(|word| !is_assignment(word)).peekable();
    loop {
        let program = base(words.next()?);
        if let Some((_, arguments)) = PREFIXES.iter().find(|(prefix, _)| *prefix == program) {
            while let Some(option) = words.next_if(|word| word.starts_with('-')) {
                if option.len() == 2 {
                    words.next_if(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
                }
            }
            for _ in 0..*arguments {
                words.next();
            }
        } else if program == "run-parts" {
            return words.last().map(|folder| base(folder).replace('.', "-"));
        } else if INTERPRETERS.contains(&unversioned(program)) {
            while let Some(option) = words.next_if(|word| word.starts_with('-')) {
                match option {
                    // Its argument is a program in itself.
                    "-c" | "-e" => return Some(program.to_owned()),
                    "-m" => return words.next().map(str::to_owned),
                    _ => {}
                }
            }
            if words.peek().is_none() {
                return Some(program.to_owned());
            }
        } else {
            return Some(program.to_owned());
        }
    }
}

/// `python3` of `python3.11`.
fn unversioned(program: &str) -> &str {
    program
        .split_once('.')
        .filter(|(_, rest)| rest.starts_with(|c: char| c.is_ascii_digit()))
        .map_or(program, |(name, _)| name)
}

/// The last part of a path.
pub(super) fn base(word: &str) -> &str {
    word.rsplit('/').find(|part| !part.is_empty()).unwrap_or(word)
}

/// Without the ending of a script and with dashes for what a shell would trip over.
fn plain(name: &str) -> String {
    let endings = [".sh", ".py", ".pl", ".rb", ".php", ".js"];
    let name = endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name);
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).take(64).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// The words of a command line, near enough to how a shell would split it. Operators are
/// words of their own.
pub(super) fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = command.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(characters.next()),
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, ';' | '&' | '|' | '(' | ')') => {
                words.extend(word.take());
                let double = (c == '&' || c == '|') && characters.next_if_eq(&c).is_some();
                words.push(if double { format!("{c}{c}") } else { c.to_string() });
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// Gives lines of one name different ones: by what they run, then by when, then by their
/// order. The last only tells lines apart that are alike in every respect.
pub(super) fn distinguish(entries: &mut [Entry]) {
    let by_command = |entry: &Entry| mark(&[&entry.user, &entry.command]);
    let by_schedule = |entry: &Entry| {
        let when = entry.schedule.as_ref().map_or_else(ToString::to_string, |schedule| schedule.text.clone());
        mark(&[&entry.user, &entry.command, &when])
    };
    let mut seen = HashMap::new();
    let commands: Vec<(String, String)> = entries.iter().map(|entry| (entry.id.clone(), by_command(entry))).collect();
    for (index, entry) in entries.iter_mut().enumerate() {
        let (id, command) = &commands[index];
        let namesakes: Vec<&(String, String)> = commands.iter().filter(|(other, _)| other == id).collect();
        // Lines that `rounds exec` wraps have the name they record under, also when two share it.
        if namesakes.len() > 1 && entry.wrapped_as.is_none() {
            let alike = namesakes.iter().filter(|(_, other)| other == command).count() > 1;
            entry.id = format!("{id}-{}", if alike { by_schedule(entry) } else { command.clone() });
        }
        let count = seen.entry(entry.id.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            entry.id = format!("{}-{count}", entry.id);
        }
    }
}

/// Four digits that stand for some texts.
fn mark(texts: &[&str]) -> String {
    let digest = Sha256::digest(texts.join("\0").as_bytes());
    format!("{:02x}{:02x}", digest[0], digest[1])
}
