//! Whatever answers where a server should: refusals of every kind, garbage, a pooler that keeps
//! half of what it is told. Each is a clear state with its cause, and none an escape or a flood.

use std::path::{Path, PathBuf};

use rounds::domain::status::Status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};

use super::faults::PATIENT;
use super::server::{Server, run, spec};
use crate::support::watching::{Watching, sentences};

const NO_TLS: u32 = 80_877_103;

/// The first message of a connection that wants no more than to begin, TLS refused.
async fn startup(socket: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    loop {
        let length = socket.read_u32().await?;
        let mut body = vec![0; length as usize - 4];
        socket.read_exact(&mut body).await?;
        if body[..4] != NO_TLS.to_be_bytes() {
            return Ok(body);
        }
        socket.write_all(b"N").await?;
    }
}

/// A message of the server that ends the connection.
fn fatal(code: &str, message: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, value) in [(b'S', "FATAL"), (b'V', "FATAL"), (b'C', code), (b'M', message)] {
        body.push(field);
        body.extend_from_slice(value.as_bytes());
        body.push(0);
    }
    body.push(0);
    let length = (body.len() as u32 + 4).to_be_bytes();
    [b"E".as_slice(), &length, &body].concat()
}

/// Somebody who answers every connection in one way; the port.
async fn answers(with: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let with = with.clone();
            tokio::spawn(async move {
                let _gone_already = startup(&mut socket).await;
                let _gone_already = socket.write_all(&with).await;
                let _gone_already = socket.shutdown().await;
            });
        }
    });
    port
}

#[tokio::test]
async fn every_state_a_server_can_be_in_has_its_own_sentence() {
    let missing = Status::Critical;
    let table = [
        ("57P03", "the database system is starting up", missing, "its log says how far it is"),
        ("57P03", "the database system is shutting down", missing, "its log says how far it is"),
        ("57P03", "the database system is in recovery mode", missing, "its log says how far it is"),
        ("57P03", "the database system is not yet accepting connections", missing, "its log says how far it is"),
        ("53300", "sorry, too many clients already", missing, "raise max_connections"),
        ("53300", "too many connections for role \"mon\"", Status::Unknown, "raise its CONNECTION LIMIT"),
        ("3D000", "database \"rota\" does not exist", missing, "mend `url`"),
        ("28P01", "password authentication failed for user \"mon\"", Status::Unknown, "mend `password`"),
        ("28000", "no pg_hba.conf entry for host \"10.0.0.1\", no encryption", Status::Unknown, "sslmode=verify-full"),
        ("42501", "permission denied for database \"rota\"", Status::Unknown, "GRANT CONNECT"),
        ("08P01", "unsupported startup parameter: options", missing, "a connection pooler answers there"),
        ("XX000", "something \u{1b}[31mred\u{1b}[0m\nand \u{202e}more", Status::Unknown, "something red"),
    ];
    for (code, message, status, mend) in table {
        let port = answers(fatal(code, message)).await;
        let assessment = Watching::of(spec(&format!("mon@127.0.0.1:{port}/rota"), PATIENT)).look().await;
        assert_eq!(assessment.status, status, "{message}: {:?}", sentences(&assessment));
        let text = &assessment.findings[0].text;
        assert!(text.contains(mend), "{message}: {text}");
        assert!(!text.chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{text:?}");
    }
}

#[tokio::test]
async fn what_is_no_server_is_unknown_and_a_flood_of_words_is_cut() {
    let page = b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n".to_vec();
    let flood = fatal("XX000", &"never ends ".repeat(100_000));
    let half = fatal("XX000", "cut in the middle")[..9].to_vec();
    for (answer, what) in
        [(page, "a web server"), (flood, "a flood"), (half, "half an answer"), (Vec::new(), "nothing")]
    {
        let port = answers(answer).await;
        let assessment = Watching::of(spec(&format!("mon@127.0.0.1:{port}/rota"), PATIENT)).look().await;
        assert_eq!(assessment.status, Status::Unknown, "{what}: {:?}", sentences(&assessment));
        let text = &assessment.findings[0].text;
        assert!(text.contains(&format!("127.0.0.1:{port}: ")), "{what}: {text}");
        assert!(text.len() < 1000, "{what}: {} bytes", text.len());
    }
}

/// A pooler before a real server: it swallows the options of a session, as one does that was told
/// to ignore what it does not know.
async fn pooler(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(pooled(socket, folder.clone()));
        }
    });
    port
}

async fn pooled(mut socket: TcpStream, folder: PathBuf) {
    let Ok(body) = startup(&mut socket).await else { return };
    let mut words = body[4..].split(|byte| *byte == 0);
    let mut kept = body[..4].to_vec();
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        if !key.is_empty() && key != b"options" {
            kept.extend_from_slice(key);
            kept.push(0);
            kept.extend_from_slice(value);
            kept.push(0);
        }
    }
    kept.push(0);
    let Ok(mut server) = UnixStream::connect(Path::new(&folder).join(".s.PGSQL.5432")).await else { return };
    let length = (kept.len() as u32 + 4).to_be_bytes();
    let _gone_already = server.write_all(&[length.as_slice(), &kept].concat()).await;
    let _gone_already = tokio::io::copy_bidirectional(&mut socket, &mut server).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_pooler_that_drops_what_keeps_us_harmless_is_refused() {
    let server = Server::start("log_statement = 'all'\nlog_line_prefix = '%a|'");
    let mut rota = server.rota().await;
    run(&mut rota, "SELECT 1").await;
    let port = pooler(server.path().to_owned()).await;
    let assessment = Watching::of(spec(&format!("postgres@127.0.0.1:{port}/rota"), PATIENT)).look().await;
    assert_eq!(assessment.status, Status::Unknown, "{:?}", sentences(&assessment));
    let text = &assessment.findings[0].text;
    assert!(
        text.contains("a connection pooler answers there") && text.contains("address of the server itself"),
        "{text}"
    );
    let log = std::fs::read_to_string(server.path().join("log")).expect("the log");
    let ours = log.lines().filter(|line| line.starts_with("rounds|") && line.contains("statement:")).count();
    assert_eq!(ours, 2, "nothing is asked but who it is, once for each connection");
}
