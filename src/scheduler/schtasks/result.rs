//! What the last result of a task means: most are the exit code of its program, and some are
//! words of the Task Scheduler that look like failures and are none.

use crate::scheduler::source::Outcome;

/// Words of the Task Scheduler and of Windows, which no program says.
const WORDS: [(u32, &str); 13] = [
    (0x8007_0002, "its file was not found"),
    (0x8007_0003, "its folder was not found"),
    (0x8007_0005, "access was denied"),
    (0x8007_010B, "the folder it starts in is no folder"),
    (0x8007_052E, "the name or the password it runs with is wrong"),
    (0x8007_0569, "its user may not log on as a batch job"),
    (0x8004_1306, "its window was closed"),
    (0x0004_1306, "it was ended by a user"),
    (0xC000_013A, "its window was closed, or Ctrl-C pressed in it"),
    (0xC000_0005, "its program crashed (access violation)"),
    (0xC000_0135, "a library of its program is missing"),
    (0xC000_0142, "its program could not begin"),
    (0x8004_1309, "one of its triggers is not there"),
];

/// Words of the Task Scheduler about a task that are no end of a run.
const STATES: [(u32, &str); 7] = [
    (0x0004_1300, "it is ready for its next time"),
    (0x0004_1302, "it is disabled"),
    (0x0004_1304, "no further run is due"),
    (0x0004_1305, "its schedule is not complete"),
    (0x0004_1307, "it has no trigger, or none that is on"),
    (0x0004_1308, "it waits for an event"),
    (0x0004_1325, "it waits for another to end"),
];

const RUNNING: u32 = 0x0004_1301;
const NEVER_RAN: u32 = 0x0004_1303;
const ALREADY_RUNNING: u32 = 0x8004_131F;
const START_REFUSED: u32 = 0x8007_10E0;

/// How the last run went, with the words for it; `None` when there was none.
pub(super) fn outcome(code: u32, status: &str) -> Option<(Outcome, String)> {
    let untold = |words: &str| Some((Outcome::Untold, words.to_owned()));
    if let Some((code, words)) = STATES.iter().find(|(known, _)| *known == code).filter(|_| status != "Running") {
        return untold(&format!("0x{code:08X}: {words}; Windows does not tell how its last run ended"));
    }
    match code {
        _ if status == "Running" => Some((Outcome::Running, String::new())),
        NEVER_RAN => None,
        // A word of an earlier run that lasts while it is ready again says nothing.
        RUNNING if status == "Ready" => untold("Windows does not tell how it ended"),
        RUNNING => Some((Outcome::Running, String::new())),
        START_REFUSED => untold(
            "a further start was refused (0x800710E0): it runs already, the power is off, or nobody is logged on",
        ),
        ALREADY_RUNNING => untold("a further start was refused (0x8004131F): it runs already"),
        code => {
            let words = WORDS.iter().find(|(known, _)| *known == code).map(|(_, words)| *words);
            let words = match (code, words) {
                (0, _) => String::new(),
                (code, Some(words)) => format!("0x{code:08X}: {words}"),
                (code, None) => format!("0x{code:X}"),
            };
            let exit_code = Some(code.cast_signed());
            Some((Outcome::Ended { at: None, exit_code, signal: None, timed_out: false }, words))
        }
    }
}
