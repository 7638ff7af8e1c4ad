//! A file system whose server never answers: whoever asks it anything hangs in the kernel, as
//! on a dead NFS server.
//!
//! It is a FUSE mount whose other end nobody reads, in a mount namespace of its own, so that
//! nothing else on the machine can stumble over it.

#![expect(clippy::disallowed_methods, reason = "the fixture starts the programs of the system")]

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A hung file system, and the namespace in which it can be seen.
pub(crate) struct Hung {
    place: PathBuf,
    /// Everything that hangs comes back with an error when this is closed.
    server: Option<File>,
    /// Takes requests and answers none, until it is told to stop.
    swallower: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    holder: Child,
}

/// Mounts what its standard input is the other end of, and keeps the namespace alive.
const HOLDER: &str = r#"mount -i -t fuse.sshfs -o fd=0,rootmode=40000,user_id=0,group_id=0 dead "$1" \
    && echo mounted && exec sleep 600 </dev/null"#;

impl Hung {
    /// Mounts one at `place`, which is made. Needs root.
    pub(crate) fn at(place: &Path) -> Self {
        std::fs::create_dir_all(place).expect("a mount point");
        let server = OpenOptions::new().read(true).write(true).open("/dev/fuse").expect("/dev/fuse; needs root");
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", HOLDER, "holder"])
            .arg(place)
            .stdin(server.try_clone().expect("a second handle"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux");
        let mut said = String::new();
        BufReader::new(holder.stdout.take().expect("its output")).read_line(&mut said).expect("its word");
        assert_eq!(said, "mounted\n", "nothing was mounted at {}", place.display());
        Self { place: place.to_owned(), server: Some(server), swallower: None, stop: Arc::default(), holder }
    }

    /// The same, but whoever asks is taken in first: the kernel lets nobody go who waits for an
    /// answer, whatever signal comes.
    pub(crate) fn swallowing(place: &Path) -> Self {
        let mut hung = Self::at(place);
        let server = hung.server.take().expect("it has one");
        let stop = Arc::clone(&hung.stop);
        hung.swallower = Some(std::thread::spawn(move || swallow(server, &stop)));
        hung
    }

    /// A path on it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    /// What must stand before a command for it to see the mount. The process is the same.
    pub(crate) fn prefix(&self) -> [String; 3] {
        ["nsenter".to_owned(), format!("--mount=/proc/{}/ns/mnt", self.holder.id()), "--".to_owned()]
    }

    /// The same command where the mount is seen, with the environment that was set on it.
    pub(crate) fn command(&self, inner: &Command) -> Command {
        let prefix = self.prefix();
        let mut outer = Command::new(&prefix[0]);
        outer.env_clear().args(&prefix[1..]).arg(inner.get_program()).args(inner.get_args()).stdin(Stdio::null());
        outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        outer
    }

    /// Its server dies for good: everything that hung comes back with an error.
    pub(crate) fn release(&mut self) {
        self.server = None;
        self.stop.store(true, Ordering::Release);
        if let Some(swallower) = self.swallower.take() {
            let _ = swallower.join();
        }
    }
}

/// Says yes to the kernel's greeting, and from then on only reads.
fn swallow(mut server: File, stop: &AtomicBool) {
    const LARGEST: usize = 1 << 17;
    let mut request = vec![0; LARGEST];
    let mut greeted = false;
    while !stop.load(Ordering::Acquire) {
        let mut waiting = [rustix::event::PollFd::new(&server, rustix::event::PollFlags::IN)];
        let soon = rustix::event::Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
        if rustix::event::poll(&mut waiting, Some(&soon)).is_ok_and(|ready| ready > 0) {
            let length = server.read(&mut request).unwrap_or(0);
            if !greeted && length >= 16 {
                // An answer: its length, no error, the number of the request, and the terms
                // (version 7.31, the rest as small as it may be).
                let mut answer = vec![0_u8; 16 + 64];
                answer[0..4].copy_from_slice(&80_u32.to_ne_bytes());
                answer[8..16].copy_from_slice(&request[8..16]);
                answer[16..20].copy_from_slice(&7_u32.to_ne_bytes());
                answer[20..24].copy_from_slice(&31_u32.to_ne_bytes());
                answer[36..40].copy_from_slice(&4096_u32.to_ne_bytes());
                server.write_all(&answer).expect("the kernel takes the terms");
                greeted = true;
            }
        }
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.release();
        // Only this child of ours.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
