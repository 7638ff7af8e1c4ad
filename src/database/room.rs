//! Room on disk: whether an act that writes has enough of it, asked before the first byte.

use std::io;
use std::path::Path;

use crate::domain::humanize;
use crate::platform;

/// The bytes that are free for an unprivileged process where `path` lies.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    Ok(platform::room::at(path)?.available)
}

/// Refuses when `need` bytes do not fit into `free`; the text says where, how much is
/// missing, and what to do. `for_what` finishes "… needs": `the copy`.
pub fn require(for_what: &str, place: &Path, need: u64, free: u64) -> Result<(), String> {
    if free >= need {
        return Ok(());
    }
    Err(format!(
        "{for_what} needs {} in {}, {} are free there; make room for {} more",
        humanize::bytes(need as f64),
        place.display(),
        humanize::bytes(free as f64),
        humanize::bytes((need - free) as f64),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_too_few_is_refused_with_both_numbers() {
        let place = Path::new("/srv");
        assert_eq!(require("the copy", place, 100, 100), Ok(()));
        assert_eq!(
            require("the copy", place, 43_200_000, 12_000_000).expect_err("too little"),
            "the copy needs 43.2 MB in /srv, 12.0 MB are free there; make room for 31.2 MB more"
        );
    }

    #[test]
    fn a_real_directory_has_a_figure() {
        assert!(free_bytes(&std::env::temp_dir()).expect("statvfs") > 0);
        assert!(free_bytes(Path::new("/does/not/exist")).is_err());
    }
}
