//! TLS, with certificates of one's own making: what is refused says why and what mends it.

#![expect(clippy::disallowed_methods, reason = "certificates are made as an operator makes them")]

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use rounds::domain::status::Status;

use super::faults::PATIENT;
use super::server::{Server, run, spec};
use crate::support::watching::{Watching, sentences};

fn openssl(folder: &Path, arguments: &[&str]) {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().expect("openssl starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and a certificate of it for this machine between two days.
pub(crate) fn certificates(folder: &Path, from: &str, to: &str) {
    let settings = "[ca]\ndefault_ca = own\n[own]\ndatabase = index\nserial = serial\nnew_certs_dir = .\ndefault_md = sha256\n\
                    policy = any\nx509_extensions = leaf\nunique_subject = no\n[any]\ncommonName = supplied\n\
                    [leaf]\nsubjectAltName = DNS:localhost,IP:127.0.0.1\nbasicConstraints = CA:FALSE\n\
                    [req]\ndistinguished_name = name\n[name]\n";
    fs::write(folder.join("settings"), settings).expect("its settings");
    fs::write(folder.join("index"), "").expect("its index");
    fs::write(folder.join("serial"), "01\n").expect("its serial");
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "settings"];
    let authority = ["req", "-x509", "-days", "3650", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=own"];
    let authority = [authority.as_slice(), &key, &["-addext", "basicConstraints=critical,CA:TRUE"]].concat();
    openssl(folder, &authority);
    let wish = ["req", "-new", "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost"];
    openssl(folder, &[wish.as_slice(), &key].concat());
    let signed = [
        "ca",
        "-batch",
        "-config",
        "settings",
        "-in",
        "server.csr",
        "-out",
        "server.pem",
        "-notext",
        "-cert",
        "ca.pem",
    ];
    openssl(folder, &[signed.as_slice(), &["-keyfile", "ca.key", "-startdate", from, "-enddate", to]].concat());
}

/// A server that listens on a port of this machine.
fn server(settings: &str, prepare: impl FnOnce(&Path)) -> (Server, u16) {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
    let settings = format!("listen_addresses = '127.0.0.1'\nport = {port}\n{settings}");
    (Server::made_with(&[], &settings, prepare), port)
}

async fn told(port: u16, more: &str) -> (Status, String) {
    let assessment = Watching::of(spec(&format!("postgres@127.0.0.1:{port}/postgres{more}"), PATIENT)).look().await;
    let text = assessment.findings.first().map_or_else(String::new, |finding| finding.text.clone());
    assert!(assessment.findings.len() <= 1, "{:?}", sentences(&assessment));
    (assessment.status, text)
}

const SSL: &str = "ssl = on\nssl_cert_file = '../server.pem'\nssl_key_file = '../server.key'";

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_certificate_that_has_expired_is_told_as_that_and_one_that_is_well_is_let_through() {
    let (expired, port) = server(SSL, |folder| certificates(folder, "20200101000000Z", "20200201000000Z"));
    let ca = format!("?sslmode=verify-full&sslrootcert={}", expired.path().join("ca.pem").display());
    let (status, text) = told(port, &ca).await;
    assert_eq!(status, Status::Unknown);
    assert!(text.contains("expired") && text.contains("renew the certificate of that server"), "{text}");
    assert_eq!(told(port, "?sslmode=require").await, (Status::Ok, String::new()), "nobody asked who it is");
    drop(expired);
    let (well, port) = server(SSL, |folder| certificates(folder, "20200101000000Z", "20990201000000Z"));
    let ca = well.path().join("ca.pem");
    let ca = ca.display();
    assert_eq!(told(port, &format!("?sslmode=verify-full&sslrootcert={ca}")).await, (Status::Ok, String::new()));
    let (status, text) = told(port, "?sslmode=verify-full").await;
    assert_eq!(status, Status::Unknown);
    assert!(text.contains("name its authority with `sslrootcert`"), "{text}");
    // What the server wants encrypted, it does not take in the clear.
    fs::write(well.path().join("data/pg_hba.conf"), "local all all trust\nhostssl all all 127.0.0.1/32 trust\n")
        .expect("rules");
    let mut own = well.connect("postgres", "postgres").await;
    run(&mut own, "SELECT pg_reload_conf()").await;
    let (status, text) = told(port, "?sslmode=disable").await;
    assert_eq!(status, Status::Unknown);
    // Before 14 a server called it `SSL off`.
    assert!(
        (text.contains("no encryption") || text.contains("SSL off")) && text.contains("sslmode=verify-full"),
        "{text}"
    );
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_server_without_tls_is_not_talked_to_by_whoever_wants_it() {
    let (_server, port) = server("", |_| ());
    let (status, text) = told(port, "?sslmode=require").await;
    assert_eq!(status, Status::Unknown);
    assert!(text.contains("turn `ssl` on at that server"), "{text}");
    assert_eq!(told(port, "?sslmode=prefer").await, (Status::Ok, String::new()));
}
