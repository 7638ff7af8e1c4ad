//! `rounds task list --wrap`: the crontabs as they would be with `rounds exec` in every line.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Session, output};
use crate::domain::humanize;
use crate::platform::lacks;
use crate::scheduler::crontab::{self, Account, Place};

/// Prints the difference, and changes nothing.
pub(super) fn run(session: &Session) -> color_eyre::Result<ExitCode> {
    if let Some(why) = lacks::CRONTABS {
        output::progress(&format!("there is nothing to wrap: {why}"));
        return Ok(ExitCode::SUCCESS);
    }
    let root = Path::new("/");
    let place = Place { root: root.to_owned(), user: Account::effective(root).name, zone: session.zone.clone() };
    let crontabs = crontab::read(&place, crontab::list);
    // Cron has a short path of its own.
    let program = std::env::current_exe().ok().and_then(|path| path.into_os_string().into_string().ok());
    let plain = |path: &String| path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
    let found = crontab::difference(&crontabs, program.filter(plain).as_deref().unwrap_or("rounds"));
    output::answer(&found.text)?;
    for told in crontabs.problems.iter().chain(&found.advice) {
        output::progress(told);
    }
    let lines = humanize::count(found.lines, "line");
    output::progress(&format!("{lines} would be recorded; nothing was changed, take them over with `crontab -e`"));
    Ok(ExitCode::SUCCESS)
}
