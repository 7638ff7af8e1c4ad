//! The kernel's own table of what is mounted, which is always there to be read: to ask the file
//! systems themselves may never come back. Only Linux has one.
#![cfg(target_os = "linux")]

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// One line of the table, see `proc_pid_mountinfo(5)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// `8:1`
    pub device: String,
    /// Which part of the file system is mounted: `/` for all of it.
    pub root: PathBuf,
    pub point: PathBuf,
    /// `ext4`
    pub kind: String,
    /// `/dev/sda1`; whoever mounted it chose this text.
    pub source: String,
    /// It met errors and takes no writes any more, though it is mounted to be written.
    pub failed: bool,
}

/// The table as it is now.
pub fn read() -> io::Result<Vec<u8>> {
    std::fs::read("/proc/self/mountinfo")
}

/// The lines of the table; what makes no sense is passed over.
pub fn lines(table: &[u8]) -> impl Iterator<Item = Line> {
    table.split(|byte| *byte == b'\n').filter_map(Line::parse)
}

/// Whether the file system that holds `path` failed. May never come back where that hangs.
pub fn has_failed(path: &Path) -> io::Result<bool> {
    let number = std::fs::metadata(path)?.dev();
    let device = format!("{}:{}", rustix::fs::major(number), rustix::fs::minor(number));
    Ok(lines(&read()?).any(|line| line.failed && line.device == device))
}

impl Line {
    fn parse(line: &[u8]) -> Option<Self> {
        let mut fields = line.split(|byte| *byte == b' ');
        let device = String::from_utf8(fields.nth(2)?.to_vec()).ok()?;
        let root = path(fields.next()?);
        let point = path(fields.next()?);
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let kind = String::from_utf8_lossy(fields.next()?).into_owned();
        let source = path(fields.next()?).to_string_lossy().into_owned();
        let mut options = fields.next().unwrap_or_default().split(|byte| *byte == b',');
        Some(Self { device, root, point, kind, source, failed: options.any(is_of_failure) })
    }
}

/// What ext4 adds to its options when errors made it stop: since Linux 6.15 it is not called
/// read-only any more then (`fs/ext4/super.c`, `_ext4_show_options`).
fn is_of_failure(option: &[u8]) -> bool {
    matches!(option, b"emergency_ro" | b"shutdown")
}

/// A field, in which blanks and backslashes are written as three octal digits.
fn path(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = |digit: &u8| matches!(digit, b'0'..=b'7').then(|| u32::from(digit - b'0'));
        let escaped = match tail {
            [a, b, c, ..] if *first == b'\\' => octal(a).zip(octal(b)).zip(octal(c)),
            _ => None,
        };
        if let Some(byte) = escaped.and_then(|((a, b), c)| u8::try_from(a * 64 + b * 8 + c).ok()) {
            bytes.push(byte);
            rest = &tail[3..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_digits_are_bytes_of_a_path() {
        assert_eq!(path(br"/a\040b\\\9\777"), PathBuf::from(r"/a b\\\9\777"));
    }

    #[test]
    fn a_file_system_that_failed_is_told_from_one_that_works() {
        let table = b"\
42 27 7:0 / /broken rw,relatime - ext4 /dev/sdb1 rw,abort,errors=remount-ro,emergency_ro
43 27 7:1 / /down rw,relatime - ext4 /dev/sdc1 rw,shutdown
44 27 7:2 / /works rw,relatime - ext4 /dev/sdd1 rw,errors=remount-ro
45 27 7:3 / /image ro - squashfs /dev/loop1 ro";
        let failed: Vec<bool> = lines(table).map(|line| line.failed).collect();
        assert_eq!(failed, [true, true, false, false]);
        assert!(!has_failed(&std::env::temp_dir()).expect("it is there"));
    }
}
