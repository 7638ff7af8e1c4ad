//! What the lines of crontabs would be with `rounds exec` before their commands: to be read, and
//! taken over by hand. Nothing is written.

use super::{Crontabs, Entry};
use crate::domain::sanitize;

/// Words that only a shell knows.
const OF_THE_SHELL: [&str; 17] = [
    "cd", "export", ".", "source", "if", "for", "while", "until", "case", "umask", "ulimit", "set", "exec", "eval",
    "trap", "unset", "!",
];

/// A difference as `diff -U0` writes it, for every line that leaves no evidence; and how many
/// those are. `program` is how cron is to call this program.
pub fn difference(crontabs: &Crontabs, program: &str) -> (String, usize) {
    let (mut text, mut count) = (String::new(), 0);
    let mut origin = "";
    for (entry, line) in crontabs.entries.iter().filter_map(|entry| Some((entry, wrapped(entry, program)?))) {
        if origin != entry.origin {
            origin = &entry.origin;
            text.push_str(&format!("--- {origin}\n+++ {origin}\n"));
        }
        text.push_str(&format!("@@ -{0} +{0} @@\n-{1}\n+{line}\n", entry.line, entry.text));
        count += 1;
    }
    (text, count)
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
        return Some(format!("{before}{program} exec --task {id} -- /bin/sh -c '{quoted}'{input}"));
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
    use crate::domain::time::Zone;

    fn after(line: &str, user: Option<&str>) -> Option<String> {
        let entry = entries(format!("{line}\n").as_bytes(), user, &Zone::utc()).next().expect("an entry");
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
    fn what_does_not_run_or_cannot_be_shown_is_left_alone() {
        for line in ["61 2 * * * /srv/a.sh", "0 2 * * *", "0 2 * * * /srv/\u{1b}[31ma.sh"] {
            assert_eq!(after(line, Some("ann")), None, "{line}");
        }
    }
}
