//! A file system of one's own: small, filled to the last byte, or turned read-only under whoever writes.
//! It goes when the test does, and wants root.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system that is mounted.
pub(crate) struct Disk {
    at: PathBuf,
    image: Option<PathBuf>,
}

impl Disk {
    /// In memory; `size` as in `size=2m`.
    pub(crate) fn tmpfs(at: &Path, size: &str) -> Self {
        fs::create_dir_all(at).expect("a directory");
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "rounds-test", text(at)]);
        Self { at: at.to_owned(), image: None }
    }

    /// On a disk that turns read-only when something goes wrong with it, as most are mounted.
    pub(crate) fn ext4(at: &Path, megabytes: u64) -> Self {
        let image = at.with_extension("image");
        fs::File::create(&image).and_then(|file| file.set_len(megabytes << 20)).expect("an image");
        run("mkfs.ext4", &["-q", "-m", "0", text(&image)]);
        fs::create_dir_all(at).expect("a directory");
        let disk = Self { at: at.to_owned(), image: Some(image) };
        disk.mount();
        fs::set_permissions(at, fs::Permissions::from_mode(0o700)).expect("its mode");
        disk
    }

    fn mount(&self) {
        let image = self.image.as_deref().expect("only an image can be mounted again");
        run("mount", &["-o", "loop,errors=remount-ro", text(image), text(&self.at)]);
    }

    /// Fills it, but for so many bytes.
    pub(crate) fn fill(&self, but: u64) {
        let mut filler = fs::File::create(self.at.join("filler")).expect("a filler");
        let much = vec![1; 65_536];
        while filler.write_all(&much).is_ok() {}
        while filler.write_all(&[1; 512]).is_ok() {}
        let full = filler.metadata().expect("its size").len();
        filler.set_len(full.saturating_sub(but)).expect("a little room");
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.at.join("filler")).expect("the filler goes");
    }

    /// Brings to the disk what is there already.
    pub(crate) fn settle(&self) {
        run("sync", &["-f", text(&self.at)]);
    }

    /// Turns it read-only under whoever writes, as its kernel does when the disk fails.
    pub(crate) fn fails(&self) {
        run("mount", &["-o", "remount,abort", text(&self.at)]);
    }

    /// Takes it away and mounts it again, as after a repair.
    pub(crate) fn again(&self) {
        run("umount", &[text(&self.at)]);
        let image = self.image.as_deref().expect("only an image can be mounted again");
        // The device under it may still be at work when the file system is gone.
        let at_work =
            || !Command::new("losetup").args(["-j", text(image)]).output().expect("losetup").stdout.is_empty();
        while at_work() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        // 1: errors were corrected, as is to be expected.
        let checked = Command::new("fsck.ext4").args(["-p", "-f", text(image)]).output().expect("fsck starts");
        assert!(checked.status.code().is_some_and(|code| code <= 1), "{}", String::from_utf8_lossy(&checked.stdout));
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).status();
    }
}

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it starts");
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}
