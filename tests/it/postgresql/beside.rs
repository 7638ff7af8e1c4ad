//! One server that is down, one that hangs and one that is slow, beside ten that are well: the ten
//! are read on time, and every key is answered at once.

use std::collections::BTreeMap;
use std::time::Duration;

use portable_pty::CommandBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UnixStream};

use super::server::{Server, run};
use crate::support::World;
use crate::terminal::Terminal;

/// How often each is read, and how long one that does not answer is waited for.
const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(25);

/// Accepts and never answers.
async fn hung() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            kept.push(socket);
        }
    });
    port
}

/// Every byte to and from a real server takes its time.
pub(super) async fn slow(socket: std::path::PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("its address").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = UnixStream::connect(&socket).await else { return };
            let (mut from, mut to) = client.into_split();
            let (mut back, mut forth) = server.into_split();
            tokio::spawn(async move { delayed(&mut from, &mut forth).await });
            tokio::spawn(async move { delayed(&mut back, &mut to).await });
        }
    });
    port
}

async fn delayed(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin)) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(read) = from.read(&mut bytes).await {
        tokio::time::sleep(Duration::from_millis(300)).await;
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn servers_in_trouble_cost_ten_others_no_reading_and_no_key() {
    let server = Server::start("max_connections = 60\nlog_statement = 'all'\nlog_line_prefix = '%n %d|'");
    let mut own = server.connect("postgres", "postgres").await;
    let port = TcpListener::bind("127.0.0.1:0").await.and_then(|free| free.local_addr()).expect("a port").port();
    let socket = server.path().join(".s.PGSQL.5432");
    let troubles = [("down", port), ("hung", hung().await), ("slow", slow(socket).await)];
    let mut config = "version = 1\n[host]\nevery = '1h'\ncpu = {}\nmemory = {}\nswap = {}\nload = {}\n".to_owned();
    for (id, port) in troubles {
        config += &format!(
            "[[database]]\nid = '{id}'\nurl = 'postgres://postgres@127.0.0.1:{port}/postgres'\nevery = '30s'\n\
             timeout = '{}s'\n",
            PATIENCE.as_secs()
        );
    }
    for number in 0..10 {
        run(&mut own, &format!("CREATE DATABASE well{number}")).await;
        let (folder, every) = (server.path().display(), EVERY.as_secs());
        config += &format!(
            "[[database]]\nid = 'well{number}'\nurl = 'postgres://postgres@/well{number}?host={folder}'\n\
             every = '{every}s'\ntimeout = '{every}s'\n"
        );
    }
    let world = World::new().config(&config);
    let folder = world.path("");
    let log = server.path().join("log");
    tokio::task::spawn_blocking(move || {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_rounds"));
        command.args(["--config".into(), folder.join("config.toml").display().to_string()]);
        command.args(["--store".into(), format!("sqlite:{}", folder.join("own.db").display())]);
        command.env("HOME", folder.join("home"));
        command.env("XDG_STATE_HOME", folder.join("state"));
        command.cwd("/");
        let mut terminal = Terminal::run(command, None);
        terminal.wait_for("1 Needs attention");
        let began = tokio::time::Instant::now();
        // As long as the one that hangs is waited for, and after that while it rests.
        while began.elapsed() < PATIENCE + Duration::from_secs(5) {
            terminal.type_keys("?");
            terminal.wait_for("help for where you are");
            terminal.type_keys("\u{1b}");
            terminal.wait("help to close", |screen| !screen.contents().contains("help for where you are"));
        }
        terminal.wait_for("no answer to");
        terminal.type_keys("q");
        assert!(terminal.end().success());
    })
    .await
    .expect("the dashboard lived");
    // Each reading begins by asking who the server is, through each of both connections.
    let text = std::fs::read_to_string(log).expect("the log");
    let mut readings: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.windows(2).filter(|pair| pair[1].contains("current_setting('server_version_num')")) {
        let Some((at, database)) = pair[0].split('|').next().and_then(|prefix| prefix.split_once(' ')) else {
            continue;
        };
        readings.entry(database.to_owned()).or_default().push(at.parse().expect("a time"));
    }
    for number in 0..10 {
        let times = &readings[&format!("well{number}")];
        assert!(times.len() >= 10, "well{number} was read {} times", times.len());
        let longest = times.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        // Less than what the hung one costs, and far more than a busy machine may be late.
        assert!(longest < PATIENCE.as_secs_f64() - 4.0, "well{number} was not read for {longest} s");
    }
}
