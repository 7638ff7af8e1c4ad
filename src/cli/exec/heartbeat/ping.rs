//! One word to the service that listens: a request to its address, as healthchecks.io and what is
//! like it want it. Nothing of the address is ever said, for whoever has it can send the same.

use std::io;
use std::sync::Arc;

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, USER_AGENT};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, crypto};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Position, Url};

use crate::config::Secret;

/// Who listens.
#[derive(Debug)]
pub(super) struct Service {
    address: Url,
    /// Whom this machine trusts, where that matters.
    trusting: Option<Arc<ClientConfig>>,
}

/// What it is told of a run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    Start,
    Well,
    Failed,
}

impl Service {
    /// The service at an address that is a secret.
    pub(super) fn of(address: &Secret) -> Result<Self, String> {
        let odd = "its address is no http:// or https:// URL";
        let address = Url::parse(address.expose().trim()).map_err(|_its_text| odd.to_owned())?;
        let is_web = ["http", "https"].contains(&address.scheme()) && address.host().is_some();
        let bare = address.username().is_empty() && address.password().is_none();
        if !is_web || !bare {
            return Err(odd.to_owned());
        }
        let trusting = (address.scheme() == "https").then(trusting).transpose()?;
        Ok(Self { address, trusting })
    }

    /// Says one word about a run. Whoever waits for it decides for how long.
    pub(super) async fn ping(&self, word: Word, run: &str) -> Result<(), String> {
        let address = &self.address;
        let (Some(host), Some(port)) = (address.host_str(), address.port_or_known_default()) else {
            return Err("its address names no host".to_owned());
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, port)).await.map_err(|why| format!("no connection: {why}"))?;
        let status = match &self.trusting {
            Some(trusting) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|why| why.to_string())?;
                let tls = TlsConnector::from(Arc::clone(trusting)).connect(name, stream).await;
                self.ask(tls.map_err(|why| in_words(&why))?, word, run).await
            }
            None => self.ask(stream, word, run).await,
        };
        match status.map_err(|why| format!("no answer: {why}"))? {
            status if status.is_success() => Ok(()),
            status => Err(format!("the service answers {status}")),
        }
    }

    async fn ask<S>(
        &self,
        stream: S,
        word: Word,
        run: &str,
    ) -> Result<StatusCode, Box<dyn std::error::Error + Send + Sync>>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // It ends with the answer, or with the thread.
        drop(tokio::spawn(connection));
        let host = &self.address[Position::BeforeHost..Position::AfterPort];
        let request = Request::get(self.target(word, run))
            .header(HOST, host)
            .header(USER_AGENT, concat!("rounds/", env!("CARGO_PKG_VERSION")))
            .body(Empty::<Bytes>::new())?;
        Ok(sender.send_request(request).await?.status())
    }

    /// `/PING-KEY/nightly/start?rid=…`: the same run has the same `rid` in all its words.
    fn target(&self, word: Word, run: &str) -> String {
        let mut address = self.address.clone();
        let path = address.path().trim_end_matches('/');
        match word {
            Word::Start => address.set_path(&format!("{path}/start")),
            Word::Failed => address.set_path(&format!("{path}/fail")),
            // As it was given.
            Word::Well => {}
        }
        address.query_pairs_mut().append_pair("rid", run);
        address[Position::BeforePath..Position::AfterQuery].to_owned()
    }
}

/// What this machine trusts.
fn trusting() -> Result<Arc<ClientConfig>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().map_err(|why| why.to_string())?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// Why there is no TLS, without the name the certificate should have had.
fn in_words(error: &io::Error) -> String {
    let text = error.to_string();
    let what = text.split(" for name").next().unwrap_or_default();
    format!("no secure connection: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(address: &str) -> Result<Service, String> {
        Service::of(&Secret::of(address).expect("a secret"))
    }

    #[test]
    fn each_word_has_its_place_and_a_query_is_kept() {
        let table = [
            ("https://hc.example/abc-1", "/abc-1/start?rid=7", "/abc-1?rid=7", "/abc-1/fail?rid=7"),
            (
                "http://hc.example:8000/key/nightly/?create=1",
                "/key/nightly/start?create=1&rid=7",
                "/key/nightly/?create=1&rid=7",
                "/key/nightly/fail?create=1&rid=7",
            ),
            ("https://hc.example", "/start?rid=7", "/?rid=7", "/fail?rid=7"),
        ];
        for (address, start, well, failed) in table {
            let service = service(address).expect("a service");
            let said = [Word::Start, Word::Well, Word::Failed].map(|word| service.target(word, "7"));
            assert_eq!(said, [start, well, failed], "{address}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_a_word_of_it() {
        for odd in ["hc-ping.com/hunter2", "ftp://hc.example/hunter2", "https://ann:hunter2@hc.example/", "hunter2"] {
            let why = service(odd).expect_err("it is no address");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
