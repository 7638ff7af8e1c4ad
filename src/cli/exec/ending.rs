//! How a command ended, and how its wrapper is to end.

use std::io;
use std::process::{ExitCode, ExitStatus};

use super::{note, system};
use crate::platform::process::signal_of;

/// How the command ended, and how the wrapper is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Code(i32),
    Signal(i32),
}

impl Ending {
    pub(super) fn of(status: io::Result<ExitStatus>, timed_out: bool) -> Self {
        const UNKNOWN: i32 = 255;
        match status {
            _ if timed_out => Ending::Code(124),
            Ok(status) => match (status.code(), signal_of(status)) {
                (Some(code), _) => Ending::Code(code),
                (None, Some(signal)) => Ending::Signal(signal),
                (None, None) => Ending::Code(UNKNOWN),
            },
            Err(error) => {
                note(format_args!("the command cannot be waited for: {error}"));
                Ending::Code(UNKNOWN)
            }
        }
    }

    /// As a shell would tell that there was nothing to wait for.
    pub(super) fn not_started(error: &io::Error) -> Self {
        Ending::Code(if error.kind() == io::ErrorKind::NotFound { 127 } else { 126 })
    }

    pub fn code(self) -> Option<i32> {
        match self {
            Ending::Code(code) => Some(code),
            Ending::Signal(_) => None,
        }
    }

    pub fn signal(self) -> Option<i32> {
        match self {
            Ending::Code(_) => None,
            Ending::Signal(signal) => Some(signal),
        }
    }

    /// What `main` returns; does not come back when the command was killed, or ended by a
    /// number that is none of a byte.
    pub fn finish(self) -> ExitCode {
        match self {
            Ending::Code(code) => u8::try_from(code).map_or_else(|_wide| leave_with(code), ExitCode::from),
            Ending::Signal(signal) => {
                system::die_by(signal);
                // As a shell would tell it, should there be no shell to die as.
                u8::try_from(128 + signal).unwrap_or(u8::MAX).into()
            }
        }
    }
}

/// Codes of Windows have 32 bits, and `main` can return eight.
#[expect(clippy::disallowed_methods, reason = "the code would be cut otherwise, and nothing is left to be done")]
fn leave_with(code: i32) -> ExitCode {
    std::process::exit(code)
}
