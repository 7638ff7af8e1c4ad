//! The heartbeats of `rounds exec`, heard by a real listener: what it is told, and that a run goes
//! on as it would whatever becomes of them.

#![expect(clippy::disallowed_methods, reason = "tests measure real time")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rounds::scheduler::spool::{self, Unheard};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, crypto};

use crate::exec::{only_run, state, wrapper};

/// Part of every address, and seen by nobody but the listener.
const SECRET: &str = "hunter2-ping-key";

/// How a listener behaves.
#[derive(Clone)]
enum Manner {
    Answers(&'static str),
    /// It takes the request and says nothing.
    Hangs,
    Encrypts(Arc<ServerConfig>),
}

/// Somebody who listens, and remembers what was asked for.
struct Listener {
    port: u16,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    fn new(manner: Manner) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("address").port();
        let heard = Arc::<Mutex<Vec<String>>>::default();
        let to = Arc::clone(&heard);
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in socket.incoming().flatten() {
                match &manner {
                    Manner::Answers(status) => answer(stream, &to, status),
                    Manner::Hangs => held.push(stream),
                    Manner::Encrypts(config) => {
                        let connection = ServerConnection::new(Arc::clone(config)).expect("TLS");
                        answer(StreamOwned::new(connection, stream), &to, "200 OK");
                    }
                }
            }
        });
        Self { port, heard }
    }

    fn address(&self) -> String {
        format!("http://127.0.0.1:{}/{SECRET}", self.port)
    }

    /// What it heard, without the names of runs.
    fn heard(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("its list");
        heard.iter().map(|target| target.split("rid=").next().unwrap_or_default().to_owned()).collect()
    }

    fn runs(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("its list");
        heard.iter().filter_map(|target| Some(target.split_once("rid=")?.1.to_owned())).collect()
    }
}

fn answer(mut stream: impl Read + Write, heard: &Mutex<Vec<String>>, status: &str) {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => request.push(byte[0]),
            _ => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let target = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or("?");
    heard.lock().expect("its list").push(target.to_owned());
    let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\nOK");
    let _ = stream.flush();
}

/// A run that sends its heartbeats to `address`; what came of it, and what it said on standard error.
fn run(state: &Path, address: &str, more: &[&str], script: &str) -> (std::process::ExitStatus, String) {
    let mut command = wrapper(state, &[&["--heartbeat", "env:ROUNDS_TEST_PING"], more].concat());
    let output = command.args(["sh", "-c", script]).env("ROUNDS_TEST_PING", address).output().expect("wrapper");
    (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
}

fn unheard(state: &Path) -> Vec<Unheard> {
    spool::unheard(&spool::directory(state))
}

#[test]
fn a_run_is_told_from_its_beginning_to_its_end() {
    let table = [
        ("exit 0", &[][..], Some(0), None, ""),
        ("exit 3", &[], Some(3), None, "/fail"),
        ("ulimit -c 0; kill -9 $$", &[], None, Some(9), "/fail"),
        ("sleep 60", &["--timeout", "100ms"], Some(124), None, "/fail"),
    ];
    for (script, more, code, signal, end) in table {
        let (state, listener) = (state(), Listener::new(Manner::Answers("200 OK")));
        let (status, said) = run(state.path(), &listener.address(), more, script);
        assert_eq!((status.code(), status.signal(), said.as_str()), (code, signal, ""), "{script}");
        assert_eq!(listener.heard(), [format!("/{SECRET}/start?"), format!("/{SECRET}{end}?")], "{script}");
        let run = only_run(state.path());
        assert_eq!(listener.runs(), [run.id.clone(), run.id], "the service can tell runs apart: {script}");
        assert_eq!(unheard(state.path()), []);
    }
}

#[test]
fn a_service_that_hangs_changes_nothing_but_what_is_said_of_it() {
    let (state, listener) = (state(), Listener::new(Manner::Hangs));
    let began = Instant::now();
    let (status, said) = run(state.path(), &listener.address(), &[], "echo works; exit 7");
    assert_eq!(status.code(), Some(7));
    assert!(began.elapsed() < Duration::from_mins(1), "it waits for nobody: {:?}", began.elapsed());
    assert_eq!(said, "rounds exec: the heartbeat of `t` is not sent: the service does not answer\n");
    let run = only_run(state.path());
    assert_eq!((run.ended.expect("an end").exit_code, run.tail.as_str()), (Some(7), "works"));
    let kept = unheard(state.path());
    assert_eq!(
        (kept.len(), kept[0].run.as_str(), kept[0].why.as_str()),
        (1, run.id.as_str(), "the service does not answer")
    );
}

#[test]
fn what_nobody_heard_is_kept_until_somebody_hears_again() {
    let state = state();
    let gone = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a free port");
    let (status, said) = run(state.path(), &format!("http://{gone}/{SECRET}"), &[], "exit 0");
    assert!(status.success() && said.contains("no connection") && !said.contains(SECRET), "{said}");
    assert_eq!(unheard(state.path()).len(), 1);
    let odd = Listener::new(Manner::Answers("404 Not Found"));
    let (status, said) = run(state.path(), &odd.address(), &[], "exit 0");
    assert!(status.success() && said.ends_with("the service answers 404 Not Found\n"), "{said}");
    assert_eq!(unheard(state.path()).len(), 1);
    let listener = Listener::new(Manner::Answers("204 No Content"));
    let (status, said) = run(state.path(), &listener.address(), &[], "exit 0");
    assert_eq!((status.code(), said.as_str()), (Some(0), ""));
    assert_eq!(unheard(state.path()), []);
}

#[test]
fn an_address_is_never_said_written_or_passed_on() {
    let (state, listener) = (state(), Listener::new(Manner::Answers("500 Internal Server Error")));
    let file = state.path().join("address");
    std::fs::write(&file, format!("{}\n", listener.address())).expect("the address");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("for us alone");
    let from_file = format!("file:{}", file.display());
    let program = format!("command:[\"cat\", \"{}\"]", file.display());
    for reference in [from_file, program] {
        let mut command = wrapper(state.path(), &["--heartbeat", &reference]);
        // What the command sees of itself, of its wrapper, and of what both were given.
        let script = "cat /proc/$$/cmdline /proc/$PPID/cmdline /proc/$$/environ /proc/$PPID/environ | tr '\\0' ' '";
        let output = command.args(["sh", "-c", script]).output().expect("wrapper");
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("--heartbeat") && said.contains("the service answers 500"), "{said}");
        assert!(!said.contains(SECRET), "{said}");
    }
    assert_eq!(listener.heard().len(), 4, "both were told");
    for kept in std::fs::read_dir(spool::directory(state.path())).expect("spool") {
        let kept = std::fs::read_to_string(kept.expect("a file").path()).expect("text");
        assert!(!kept.contains(SECRET), "{kept}");
    }
    // One that was written in place is not used, and not repeated.
    let mut command = wrapper(state.path(), &["--heartbeat", &listener.address()]);
    let output = command.args(["echo", "ran"]).output().expect("wrapper");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"ran\n"[..]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("write \"env:NAME\"") && said.contains("nobody is told") && !said.contains(SECRET), "{said}");
    assert_eq!(listener.heard().len(), 4);
}

#[test]
fn a_run_that_is_skipped_is_no_heartbeat() {
    let (state, listener) = (state(), Listener::new(Manner::Answers("200 OK")));
    let (status, _) = run(
        state.path(),
        &listener.address(),
        &["--lock", "skip"],
        &format!(
            "{} exec --task t --lock skip --heartbeat env:ROUNDS_TEST_PING --store sqlite:{}/rounds.db -- false; true",
            env!("CARGO_BIN_EXE_rounds"),
            state.path().display()
        ),
    );
    assert_eq!(status.code(), Some(0));
    assert_eq!(listener.heard(), [format!("/{SECRET}/start?"), format!("/{SECRET}?")], "of the outer one alone");
}

#[test]
fn over_tls_a_service_has_to_prove_who_it_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/heartbeat");
    let chain = CertificateDer::from_pem_file(folder.join("server.pem")).expect("its certificate");
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key")).expect("its key");
    let config = ServerConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![chain], key).expect("its own"));
    for (trusted, expected) in [(true, ""), (false, "no secure connection: invalid peer certificate: UnknownIssuer\n")]
    {
        let (state, listener) = (state(), Listener::new(Manner::Encrypts(Arc::clone(&config))));
        let mut command = wrapper(state.path(), &["--heartbeat", "env:ROUNDS_TEST_PING"]);
        command.env("ROUNDS_TEST_PING", format!("https://localhost:{}/{SECRET}", listener.port));
        command.env_remove("SSL_CERT_DIR");
        // Who trusts nobody but this server itself does not trust who signed for it.
        command.env("SSL_CERT_FILE", folder.join(if trusted { "ca.pem" } else { "server.pem" }));
        let output = command.args(["true"]).output().expect("wrapper");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.ends_with(expected) && said.is_empty() == trusted, "{said}");
        assert_eq!(listener.heard().len(), if trusted { 2 } else { 0 });
        assert_eq!(unheard(state.path()).is_empty(), trusted);
    }
}
