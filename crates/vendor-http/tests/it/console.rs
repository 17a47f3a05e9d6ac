//! A host with a certificate of its own, as consoles at home have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use domain::Port;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use vendor_http::http::{HeaderValue, Method, header};
use vendor_http::{AccountKey, BaseUrl, Call};

/// A certificate, and a key to prove it.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) certificate: CertificateDer<'static>,
    key: Arc<KeyPair>,
}

impl Shown {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, key: Arc::new(key) }
    }

    /// This certificate with the key of another: it proves nothing.
    pub(crate) fn with_the_key_of(&self, other: &Self) -> Self {
        Self { certificate: self.certificate.clone(), key: other.key.clone() }
    }
}

pub(crate) struct Console {
    port: Port,
    /// Connections so far.
    pub(crate) connections: Arc<AtomicUsize>,
    /// What came of requests, after the handshake.
    requests: Arc<Mutex<Vec<u8>>>,
    shown: Arc<Mutex<Shown>>,
    _task: JoinSet<()>,
}

impl Console {
    /// Answers each request with `status` and hangs up.
    pub(crate) async fn start(shown: &Shown, status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port().to_string().parse().unwrap();
        let (connections, requests) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let shown = Arc::new(Mutex::new(shown.clone()));
        let (counted, seen, current) = (connections.clone(), requests.clone(), shown.clone());
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let acceptor = acceptor(&current.lock().unwrap().clone());
                let Ok(mut stream) = acceptor.accept(stream).await else { continue };
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_buf(&mut request).await {
                        Ok(0) | Err(_) => break,
                        Ok(_) => {}
                    }
                }
                seen.lock().unwrap().extend_from_slice(&request);
                let answer =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 2\r\n\r\n[]");
                // Whoever hung up does not want it.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, connections, requests, shown, _task: task }
    }

    /// From now on it shows another certificate.
    pub(crate) fn show(&self, shown: &Shown) {
        *self.shown.lock().unwrap() = shown.clone();
    }

    /// All requests that came, one after the other.
    pub(crate) fn requests(&self) -> String {
        String::from_utf8(self.requests.lock().unwrap().clone()).unwrap()
    }

    /// A call with a key, to the console by this name.
    pub(crate) fn call(&self, host: &str) -> Call {
        let base = BaseUrl::of_host("https", &host.parse().unwrap(), self.port).unwrap();
        let mut key = HeaderValue::from_static("Bearer the-key");
        key.set_sensitive(true);
        let url = base.at(&["doors"], &[]);
        Call::new(AccountKey::new("ours"), Method::GET, url, "/doors").header(header::AUTHORIZATION, key)
    }
}

fn acceptor(shown: &Shown) -> TlsAcceptor {
    let provider = rustls::crypto::ring::default_provider();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(shown.key.serialize_der()));
    let key = provider.key_provider.load_private_key(key).unwrap();
    // Not checked to match.
    let certified = CertifiedKey::new(vec![shown.certificate.clone()], key);
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified)));
    TlsAcceptor::from(Arc::new(config))
}
