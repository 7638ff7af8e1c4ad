//! What this process keeps in files whose names are gone already, as far as the system tells.

/// The bytes of the one such file whose name began like this; `None` where there is none, or more than
/// one, or where nobody tells.
#[cfg(target_os = "linux")]
pub fn bytes_of(prefix: &str) -> Option<u64> {
    let open = std::fs::read_dir("/proc/self/fd").ok()?.flatten();
    let is_meant = |target: std::path::PathBuf| {
        let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.starts_with(prefix) && name.ends_with(" (deleted)")
    };
    let mut found = open.map(|entry| entry.path()).filter(|file| std::fs::read_link(file).is_ok_and(is_meant));
    let (first, second) = (found.next()?, found.next());
    std::fs::metadata(first).ok().filter(|_| second.is_none()).map(|file| file.len())
}

#[cfg(not(target_os = "linux"))]
pub fn bytes_of(_prefix: &str) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_without_a_name_is_measured_unless_there_are_two() {
        let prefix = "rounds-nameless-test-";
        let make = || tempfile::Builder::new().prefix(prefix).tempfile().expect("a file");
        assert_eq!(bytes_of(prefix), None);
        let mut file = make();
        file.write_all(&[7; 4321]).expect("bytes");
        assert_eq!(bytes_of(prefix), None, "it has its name yet");
        std::fs::remove_file(file.path()).expect("its name goes");
        assert_eq!(bytes_of(prefix), Some(4321));
        let other = make();
        std::fs::remove_file(other.path()).expect("its name goes");
        assert_eq!(bytes_of(prefix), None, "nobody knows which is meant");
    }
}
