//! How it looks is chosen by the environment and by name, and what goes to the terminal is
//! what that terminal can show.

use super::pty::{CONFIG, Terminal, arguments, dashboard, folder};

/// The deepest colour in a stream: 0 for none, 16, 256, or 1 << 24.
fn deepest(stream: &[u8]) -> u32 {
    let text = String::from_utf8_lossy(stream);
    let sequences = text.split("\u{1b}[").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ';')?;
        rest[end..].starts_with('m').then(|| rest[..end].split(';').map(|one| one.parse().unwrap_or(0)))
    });
    let mut deepest = 0;
    for sequence in sequences {
        let parameters: Vec<u32> = sequence.collect();
        let mut rest = &parameters[..];
        while let [first, after @ ..] = rest {
            let (depth, used) = match (first, after) {
                (38 | 48, [2, _, _, _, ..]) => (1 << 24, 4),
                (38 | 48, [5, index, ..]) => (if *index < 16 { 16 } else { 256 }, 2),
                (30..=37 | 40..=47 | 90..=97 | 100..=107, _) => (16, 0),
                _ => (0, 0),
            };
            deepest = deepest.max(depth);
            rest = &after[used..];
        }
    }
    deepest
}

/// The dashboard with these variables and flags.
fn start(variables: &[(&str, &str)], flags: &[&str]) -> Terminal {
    let folder = folder(CONFIG);
    let mut command = dashboard(folder.path());
    for (name, value) in variables {
        command.env(name, value);
    }
    command.args(flags);
    Terminal::sized(command, Some(folder), 40, 120)
}

/// Variables, flags, and the depth of what is written.
type Start = (&'static [(&'static str, &'static str)], &'static [&'static str], u32);

#[test]
fn no_terminal_gets_more_colours_than_it_has() {
    let table: [Start; 9] = [
        (&[("COLORTERM", "truecolor")], &[], 1 << 24),
        (&[("TERM", "xterm-256color")], &[], 256),
        (&[("TERM", "xterm-256color"), ("ROUNDS_THEME", "light")], &[], 256),
        (&[("TERM", "linux"), ("COLORTERM", "truecolor")], &[], 16),
        (&[("TERM", "dumb")], &[], 0),
        (&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")], &[], 0),
        (&[("COLORTERM", "truecolor"), ("ROUNDS_THEME", "mono")], &[], 0),
        (&[("COLORTERM", "truecolor")], &["--color", "never"], 0),
        (&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")], &["--color", "always"], 1 << 24),
    ];
    for (variables, flags, depth) in table {
        let mut terminal = start(variables, flags);
        terminal.wait_for("Pseudo Terminal");
        terminal.type_keys("?");
        terminal.wait_for("help for where you are");
        terminal.type_keys("\u{1b}");
        terminal.wait_gone("help for where you are");
        terminal.quit();
        assert_eq!(deepest(&terminal.written), depth, "{variables:?} {flags:?}");
    }
}

#[test]
fn a_theme_is_chosen_by_name_and_a_wrong_name_hears_which_there_are() {
    let mut terminal = start(&[("COLORTERM", "truecolor"), ("ROUNDS_THEME", "mono")], &[]);
    terminal.wait_for("Pseudo Terminal");
    assert_eq!(deepest(&terminal.written), 0);
    terminal.type_keys(":theme nope\r");
    terminal.wait_for("there is no theme `nope`; there are: dark, light, high-contrast, mono");
    terminal.type_keys(":theme\r");
    terminal.wait_for("which theme? there are: dark, light, high-contrast, mono");
    terminal.type_keys(":theme li\t\r");
    terminal.wait_for("theme light: colours for a light terminal");
    assert_eq!(deepest(&terminal.written), 1 << 24);
    assert!(!terminal.contents().is_ascii());
    terminal.type_keys(":ascii\r");
    terminal.wait("plain signs", |screen| screen.contents().contains("plain signs;") && screen.contents().is_ascii());
    terminal.type_keys(":ascii\r");
    terminal.wait("lines and marks", |screen| !screen.contents().is_ascii());
    terminal.quit();

    let mut plain = start(&[("ROUNDS_ASCII", "1")], &[]);
    plain.wait_for("Pseudo Terminal");
    assert!(plain.contents().is_ascii(), "{}", plain.contents());
    plain.quit();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the program is run from outside")]
fn an_environment_that_means_nothing_is_told_and_leaves_other_commands_alone() {
    let folder = folder(CONFIG);
    let run = |name: &str, value: &str, words: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rounds"));
        command.args(arguments(folder.path())).args(words).env("HOME", folder.path()).env(name, value);
        command.output().expect("the program starts")
    };
    let table = [
        ("ROUNDS_THEME", "solarized", "rounds: ROUNDS_THEME is `solarized`, and there is no such theme; write one of"),
        ("ROUNDS_ASCII", "maybe", "rounds: ROUNDS_ASCII is `maybe`; write 1 for plain signs"),
    ];
    for (name, value, said) in table {
        let refused = run(name, value, &[]);
        let message = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(2) && message.starts_with(said), "{message}");
        let ran = run(name, value, &["exec", "--task", "one", "--", "/bin/echo", "ran"]);
        assert!(ran.status.success() && ran.stdout == b"ran\n", "{ran:?}");
    }
}
