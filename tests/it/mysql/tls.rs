//! TLS, with certificates of one's own making: what is refused says why and what mends it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rounds::domain::status::Status;

use super::server::{PATIENT, Server, run, spec};
use crate::postgresql::tls::certificates;
use crate::support::watching::{Watching, sentences};

/// A folder that the server may read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("its mode");
    folder
}

/// Makes certificates between two days; a key of these tests is nobody's secret.
fn certified(folder: &Path, from: &str, to: &str) {
    certificates(folder, from, to);
    fs::set_permissions(folder.join("server.key"), fs::Permissions::from_mode(0o644)).expect("its mode");
}

/// A server that listens on a port of this machine, and its users.
async fn listening(options: &[&str]) -> (Server, u16) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let port_option = format!("--port={port}");
    let network = ["--skip-networking=0", "--bind-address=127.0.0.1", port_option.as_str()];
    let server = Server::start(&[network.as_slice(), options].concat());
    let users =
        "CREATE USER mon@'127.0.0.1'; GRANT ALL ON *.* TO mon@'127.0.0.1'; CREATE USER must@'127.0.0.1' REQUIRE SSL";
    run(&mut server.rota().await, users).await;
    (server, port)
}

async fn told(user: &str, port: u16, more: &str) -> (Status, String) {
    let assessment = Watching::of(spec(&format!("{user}@127.0.0.1:{port}/rota?ssl-mode={more}"), PATIENT)).look().await;
    let text = assessment.findings.first().map_or_else(String::new, |finding| finding.text.clone());
    assert!(assessment.findings.len() <= 1, "{:?}", sentences(&assessment));
    (assessment.status, text)
}

fn well() -> (Status, String) {
    (Status::Ok, String::new())
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_certificate_that_has_expired_is_told_as_that_and_one_that_is_well_is_let_through() {
    let keys = folder();
    certified(keys.path(), "20200101000000Z", "20200201000000Z");
    let of = |option: &str, file: &str| format!("--{option}={}", keys.path().join(file).display());
    let (cert, key) = (of("ssl-cert", "server.pem"), of("ssl-key", "server.key"));
    let (server, port) = listening(&[&cert, &key]).await;
    let ca = keys.path().join("ca.pem");
    let verified = format!("verify_identity&ssl-ca={}", ca.display());
    let (status, text) = told("mon", port, &verified).await;
    assert_eq!(status, Status::Unknown);
    let names = format!("127.0.0.1:{port}: no secure connection with ssl-mode=verify_identity: ");
    assert!(text.starts_with(&names) && text.contains("expired"), "{text}");
    assert!(text.ends_with("; renew the certificate of that server"), "{text}");
    assert_eq!(told("mon", port, "required").await, well(), "nobody asked who it is");
    certified(keys.path(), "20200101000000Z", "20990201000000Z");
    run(&mut server.connect("root").await, "FLUSH SSL").await;
    assert_eq!(told("mon", port, &verified).await, well());
    let (status, text) = told("mon", port, "verify_identity").await;
    assert_eq!(status, Status::Unknown);
    assert!(text.contains("name its authority with `ssl-ca`"), "{text}");
    // Who must come encrypted is turned away like one who does not know the password.
    let (status, text) = told("must", port, "disabled").await;
    assert_eq!(status, Status::Unknown);
    assert!(text.contains("Access denied") && text.ends_with("write ssl-mode=required after `?` in `url`"), "{text}");
    let (_, text) = told("nobody", port, "required").await;
    assert!(text.contains("Access denied") && !text.contains("ssl-mode"), "{text}");
}

#[tokio::test]
#[ignore = "needs MariaDB"]
async fn a_server_without_tls_is_not_talked_to_by_whoever_wants_it() {
    let (_server, port) = listening(&["--skip-ssl"]).await;
    let (status, text) = told("mon", port, "required").await;
    assert_eq!(status, Status::Unknown);
    assert!(text.contains("does not support TLS; set `ssl_cert` and `ssl_key` at that server"), "{text}");
    assert_eq!(told("mon", port, "preferred").await, well());
}
