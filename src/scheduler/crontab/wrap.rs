//! What the lines of crontabs would be with `rounds exec` before their commands: to be read, and
//! taken over by hand. Nothing is written.

use super::{Crontabs, Entry, name};
use crate::domain::sanitize;

/// Words that only a shell knows.
const OF_THE_SHELL: [&str; 24] = [
    "cd", "export", ".", "source", "if", "for", "while", "until", "case", "umask", "ulimit", "set", "exec", "eval",
    "trap", "unset", "!", ":", "command", "time", "type", "wait", "read", "alias",
];

/// What would be different.
#[derive(Clone, Debug, Default)]
pub struct Difference {
    /// As `diff -U0` writes it.
    pub text: String,
    /// How many lines leave no evidence, and would.
    pub lines: usize,
    /// What to know before it is taken over: a sentence for each line it is about.
    pub advice: Vec<String>,
}

/// The difference for every line that leaves no evidence. `program` is how cron is to call this
/// program.
pub fn difference(crontabs: &Crontabs, program: &str) -> Difference {
    let mut found = Difference::default();
    let mut origin = "";
    // What is held stands there as a comment.
    let live = crontabs.entries.iter().filter(|entry| entry.mark.is_none() && entry.part_of.is_none());
    for (entry, line) in live.filter_map(|entry| Some((entry, wrapped(entry, program)?))) {
        if origin != entry.origin {
            origin = &entry.origin;
            found.text.push_str(&format!("--- {origin}\n+++ {origin}\n"));
        }
        found.text.push_str(&format!("@@ -{0} +{0} @@\n-{1}\n+{line}\n", entry.line, entry.text));
        found.lines += 1;
        found.advice.extend(pipes(entry));
    }
    found
}

/// A pipe ends as its last program does, and what fails before it is not seen.
fn pipes(entry: &Entry) -> Option<String> {
    let words = name::words(&entry.command);
    if !words.iter().any(|word| word == "|") || words.iter().any(|word| word == "pipefail") {
        return None;
    }
    // Not every `sh` knows the option.
    let (place, shell) = (entry.place(), shell(entry));
    let how = match name::base(shell) {
        "bash" | "zsh" | "ksh" => "put `set -o pipefail;` before its command".to_owned(),
        _ => format!(
            "set `SHELL=/bin/bash` above it, for {shell} may not know it, and put `set -o pipefail;` before its command"
        ),
    };
    Some(format!("{place}: a pipe ends as its last program does, so an earlier one that fails is not seen; {how}"))
}

/// What cron runs the line with.
fn shell(entry: &Entry) -> &str {
    let plain =
        |path: &&String| !path.is_empty() && path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    entry.environment.get("SHELL").filter(plain).map_or("/bin/sh", String::as_str)
}

/// The line with the wrapper; `None` for what has it, does not run, or cannot be shown as it is.
fn wrapped(entry: &Entry, program: &str) -> Option<String> {
    // Tabs are blanks of crontabs, and harm nobody.
    let shown = entry.text.replace('\t', " ");
    if entry.wrapped_as.is_some() || entry.schedule.is_err() || sanitize::line(&shown) != shown {
        return None;
    }
    let (before, rest) = entry.text.split_at_checked(entry.command_at)?;
    let (command, input) = rest.split_at(end_of_command(rest));
    let id = &entry.id;
    if needs_a_shell(command) {
        let quoted = command.trim_end().replace('\'', r"'\''");
        let shell = shell(entry);
        return Some(format!("{before}{program} exec --task {id} -- {shell} -c '{quoted}'{input}"));
    }
    Some(format!("{before}{program} exec --task {id} -- {rest}"))
}

/// Where a `%` without a backslash begins what the command is given to read.
fn end_of_command(text: &str) -> usize {
    let is_first = |place: &usize| !text[..*place].ends_with('\\');
    text.match_indices('%').map(|(place, _)| place).find(is_first).unwrap_or(text.len())
}

/// Whether a command is more than one program with its arguments and where its output goes.
fn needs_a_shell(command: &str) -> bool {
    let plain = command.replace(">&", ">");
    let first = command.split([' ', '\t']).next().unwrap_or_default();
    let assigns = first.split_once('=').is_some_and(|(name, _)| !name.contains('/'));
    plain.contains([';', '&', '|', '(', ')', '{', '}', '`']) || assigns || OF_THE_SHELL.contains(&first)
}

#[cfg(test)]
mod tests {
    use super::super::line::entries;
    use super::*;
    use crate::domain::schedule::Dialect;
    use crate::domain::time::Zone;

    fn after(line: &str, user: Option<&str>) -> Option<String> {
        let entry =
            entries(format!("{line}\n").as_bytes(), user, &Zone::utc(), Dialect::default()).next().expect("an entry");
        wrapped(&entry, "rounds")
    }

    #[test]
    fn one_program_is_wrapped_as_it_stands_and_a_shell_s_work_in_a_shell() {
        let table = [
            ("0 2 * * * /srv/backup.sh --all", "0 2 * * * rounds exec --task backup -- /srv/backup.sh --all"),
            ("@daily\t/srv/a.sh > /tmp/log 2>&1", "@daily\trounds exec --task a -- /srv/a.sh > /tmp/log 2>&1"),
            ("0 2 * * * /srv/Staff\\ Rota/a.sh", "0 2 * * * rounds exec --task a -- /srv/Staff\\ Rota/a.sh"),
            (
                "0  2 * * *  cd /srv && ./a.sh 'x y'",
                r"0  2 * * *  rounds exec --task a -- /bin/sh -c 'cd /srv && ./a.sh '\''x y'\'''",
            ),
            ("0 2 * * * A=b /srv/a.sh", "0 2 * * * rounds exec --task a -- /bin/sh -c 'A=b /srv/a.sh'"),
            (
                "0 2 * * * date +\\%F | mail%Hi",
                "0 2 * * * rounds exec --task date -- /bin/sh -c 'date +\\%F | mail'%Hi",
            ),
        ];
        for (line, expected) in table {
            assert_eq!(after(line, Some("ann")).as_deref(), Some(expected));
            // What was written is a line of cron that records itself, and is not wrapped again.
            assert_eq!(after(expected, Some("ann")), None, "{expected}");
        }
        let system = "17 * * * * root  /srv/a.sh";
        assert_eq!(after(system, None).as_deref(), Some("17 * * * * root  rounds exec --task a -- /srv/a.sh"));
    }

    #[test]
    fn a_pipe_is_advised_about_by_what_its_shell_knows() {
        let advice = |text: &str| {
            let zone = Zone::utc();
            let entries = entries(text.as_bytes(), Some("ann"), &zone, Dialect::default());
            let entries = entries.map(|entry| Entry { origin: "crontab of ann".into(), ..entry }).collect();
            difference(&Crontabs { entries, ..Crontabs::default() }, "rounds").advice
        };
        let seen = "crontab of ann, line 1: a pipe ends as its last program does, so an earlier one that fails is not \
                    seen; set `SHELL=/bin/bash` above it, for /bin/sh may not know it, and put `set -o pipefail;` before \
                    its command";
        assert_eq!(advice("0 2 * * * mysqldump rota | gzip > /srv/rota.gz\n"), [seen]);
        let bash = advice("SHELL=/bin/bash\n0 2 * * * mysqldump rota | gzip > /srv/rota.gz\n");
        assert!(bash[0].ends_with("is not seen; put `set -o pipefail;` before its command"), "{bash:?}");
        for quiet in ["/srv/a.sh || true", "echo 'a|b'", "set -o pipefail; a | b", "/srv/a.sh"] {
            assert_eq!(advice(&format!("0 2 * * * {quiet}\n")), [] as [String; 0], "{quiet}");
        }
    }

    #[test]
    fn what_does_not_run_or_cannot_be_shown_is_left_alone() {
        for line in ["61 2 * * * /srv/a.sh", "0 2 * * *", "0 2 * * * /srv/\u{1b}[31ma.sh"] {
            assert_eq!(after(line, Some("ann")), None, "{line}");
        }
    }
}
