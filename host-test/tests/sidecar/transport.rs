//! Compression, limits, TLS, health, metrics.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use host_test::sidecar::events::field;
use host_test::sidecar::proto::{Event, PushEventsRequest};
use host_test::sidecar::{Downstream, Sidecar, call, options, push};
use logtriage_sidecar::{
    ForwardTls, HEALTH_CHECK, ListenTls, MAX_MESSAGE, Options, PUSH_EVENTS, VECTOR_HEALTH_CHECK,
};
use prost::Message;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::{
    Certificate, Channel, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig,
};

use crate::acknowledgements::request;

fn between(downstream: &Downstream, options: &Options) -> (Sidecar, Channel) {
    let sidecar = Sidecar::start(None, options).expect("starts");
    let channel = sidecar.run(async { sidecar.channel() }).expect("an address");
    assert_eq!(downstream.received().len(), 0);
    (sidecar, channel)
}

/// The label of the one log in a request.
fn label(request: &Bytes) -> Option<String> {
    let request = PushEventsRequest::decode(request.clone()).ok()?;
    let Event::Log(log) = request.events.first()?.event.as_ref()? else { return None };
    let triage = serde_json::Value::from(log.root()?.get("triage")?);
    Some(triage["label"].as_str()?.to_owned())
}

const ATTACK: &[u8] = b"Failed password for root from 203.0.113.7 port 4711 ssh2";

#[test]
fn requests_go_on_compressed_as_they_came() {
    let downstream = Downstream::start().expect("starts");
    let (sidecar, channel) = between(&downstream, &options(downstream.address()));
    for (compression, name) in [
        (None, None),
        (Some(CompressionEncoding::Gzip), Some("gzip")),
        (Some(CompressionEncoding::Zstd), Some("zstd")),
    ] {
        let answer = sidecar.run(call(&channel, PUSH_EVENTS, request(ATTACK).into(), compression));
        answer.expect("accepted");
        let received = downstream.take_received();
        assert_eq!(received[0].encoding.as_deref(), name);
        assert_eq!(label(&received[0].message).as_deref(), Some("Security Alert"));
    }
}

/// As Vector's source does: larger messages are refused for good.
#[test]
fn messages_have_vectors_limit() {
    let downstream = Downstream::start().expect("starts");
    let (sidecar, channel) = between(&downstream, &options(downstream.address()));
    // With an unknown field, so that there is little to label.
    let padded = |size: usize| {
        let mut request = request(ATTACK);
        request.extend(field(77, &vec![0; size - request.len() - 6]));
        assert_eq!(request.len(), size);
        request
    };
    sidecar.run(push(&channel, padded(20 << 20))).expect("accepted");
    assert_eq!(label(&downstream.take_received()[0].message).as_deref(), Some("Security Alert"));

    // Labels would make it too large.
    sidecar.run(push(&channel, padded(MAX_MESSAGE))).expect("accepted");
    let received = downstream.take_received();
    assert_eq!((received[0].message.len(), label(&received[0].message)), (MAX_MESSAGE, None));
    let metrics = sidecar.metrics();
    assert!(metrics.contains("unlabelled_requests_total{reason=\"too_large\"} 1"), "{metrics}");

    let larger: Bytes = padded(MAX_MESSAGE + 1).into();
    let answer = sidecar.run(push(&channel, larger.clone()));
    assert_eq!(answer.expect_err("too large").code(), Code::OutOfRange);
    // However small it is when compressed.
    let zstd = Some(CompressionEncoding::Zstd);
    let answer = sidecar.run(call(&channel, PUSH_EVENTS, larger, zstd));
    assert!(answer.is_err());
    assert_eq!(downstream.received().len(), 0);
}

#[test]
fn health_is_told_of_this_process_and_of_the_whole_way() {
    const SERVING: &[u8] = b"\x08\x01";
    const NOT_SERVING: &[u8] = b"\x08\x02";
    let mut downstream = Downstream::start().expect("starts");
    let (sidecar, channel) = between(&downstream, &options(downstream.address()));
    let ask = |path, message: &'static [u8]| {
        let answer = sidecar.run(call(&channel, path, Bytes::from_static(message), None));
        answer.map(tonic::Response::into_inner)
    };
    let whole_way = b"\x0a\x0dvector.Vector";
    assert_eq!(ask(HEALTH_CHECK, b"").expect("answers"), SERVING);
    assert_eq!(ask(HEALTH_CHECK, whole_way).expect("answers"), SERVING);
    assert_eq!(ask(VECTOR_HEALTH_CHECK, b"").expect("answers"), b""[..], "SERVING is 0 here");
    downstream.die();
    assert_eq!(ask(HEALTH_CHECK, b"").expect("answers"), SERVING);
    assert_eq!(ask(HEALTH_CHECK, whole_way).expect("answers"), NOT_SERVING);
    assert_eq!(ask(VECTOR_HEALTH_CHECK, b"").expect("answers"), b""[..]);
    assert_eq!(ask(HEALTH_CHECK, b"\x0a\x01x").expect_err("unknown").code(), Code::NotFound);
    assert_eq!(ask("/vector.Vector/New", b"").expect_err("new").code(), Code::Unimplemented);
}

#[test]
fn prometheus_finds_metrics() {
    let downstream = Downstream::start().expect("starts");
    let mut options = options(downstream.address());
    options.metrics_listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    let (sidecar, channel) = between(&downstream, &options);
    for message in [ATTACK, ATTACK, b"qwghlm zxcvb"] {
        sidecar.run(push(&channel, request(message))).expect("accepted");
    }
    let get = |path: &str| {
        let address = sidecar.metrics_address().expect("an address");
        let mut stream = TcpStream::connect(address).expect("listens");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").expect("can be sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("answers");
        answer
    };
    let answer = get("/metrics");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for line in [
        "logtriage_received_events_total{kind=\"log\"} 3\n",
        "logtriage_events_total{tier=\"rule\",label=\"Security Alert\"} 2\n",
        "logtriage_events_total{tier=\"none\",label=\"Unclassified\"} 1\n",
        "logtriage_requests_total{code=\"OK\"} 3\n",
        "logtriage_answered_events_total{code=\"OK\"} 3\n",
        "logtriage_requests_in_flight 0\n",
        "logtriage_request_duration_seconds_count 3\n",
        "logtriage_labelling_duration_seconds_count 3\n",
        "logtriage_cache_misses_total 1\n",
        "logtriage_pending_templates 1\n",
        "# EOF\n",
    ] {
        assert!(answer.contains(line), "{line} in {answer}");
    }
    assert!(get("/").starts_with("HTTP/1.1 404 "));
}

/// Certificates of one root, as files and as text.
struct Pki {
    directory: tempfile::TempDir,
    root: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = CertifiedIssuer::self_signed(params, key).expect("a root");
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("ca.pem"), root.pem()).expect("can be written");
        Self { directory, root }
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// A certificate and its key.
    fn issue(&self, name: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        let certificate = params.signed_by(&key, &self.root).expect("signed");
        let path = |end: &str| self.directory.path().join(format!("{name}.{end}"));
        std::fs::write(path("pem"), certificate.pem()).expect("can be written");
        std::fs::write(path("key"), key.serialize_pem()).expect("can be written");
        (path("pem"), path("key"))
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).expect("can be read")
}

fn identity((certificate, key): &(PathBuf, PathBuf)) -> Identity {
    Identity::from_pem(text(certificate), text(key))
}

#[test]
fn both_sides_can_speak_tls_and_ask_for_certificates() {
    let (pki, strangers) = (Pki::new(), Pki::new());
    let ca = Certificate::from_pem(text(&pki.ca()));
    let source = pki.issue("source.example");
    let tls = ServerTlsConfig::new().identity(identity(&source)).client_ca_root(ca.clone());
    let downstream = Downstream::start_with(Some(tls)).expect("starts");

    let sidecar = pki.issue("sidecar.example");
    let mut options = options(downstream.address());
    options.listen_tls = Some(ListenTls {
        certificate: sidecar.0.clone(),
        key: sidecar.1.clone(),
        client_ca: Some(pki.ca()),
    });
    options.forward_tls = Some(ForwardTls {
        ca: pki.ca(),
        identity: Some(sidecar),
        server_name: Some("source.example".to_owned()),
    });
    let running = Sidecar::start(None, &options).expect("starts");
    let push_as = |identity: Option<Identity>, ca: &Certificate| {
        running.run(async {
            let mut tls =
                ClientTlsConfig::new().ca_certificate(ca.clone()).domain_name("sidecar.example");
            if let Some(identity) = identity {
                tls = tls.identity(identity);
            }
            let endpoint = Endpoint::from_shared(format!("https://{}", running.address()));
            let endpoint = endpoint.expect("an address").tls_config(tls).expect("certificates");
            push(&endpoint.connect_lazy(), request(ATTACK)).await
        })
    };
    let sink = pki.issue("sink.example");
    push_as(Some(identity(&sink)), &ca).expect("accepted");
    assert_eq!(label(&downstream.received()[0].message).as_deref(), Some("Security Alert"));
    assert!(push_as(None, &ca).is_err(), "no certificate");
    let stranger = strangers.issue("sink.example");
    assert!(push_as(Some(identity(&stranger)), &ca).is_err(), "of another root");

    // A downstream of another root, or with another name, gets nothing.
    for change in [
        |tls: &mut ForwardTls, strangers: &Pki| tls.ca = strangers.ca(),
        |tls: &mut ForwardTls, _: &Pki| tls.server_name = Some("other.example".to_owned()),
        |tls: &mut ForwardTls, _: &Pki| tls.identity = None,
    ] {
        let mut options = options.clone();
        options.listen_tls = None;
        change(options.forward_tls.as_mut().expect("TLS"), &strangers);
        let sidecar = Sidecar::start(None, &options).expect("starts");
        let channel = sidecar.run(async { sidecar.channel() }).expect("an address");
        let answer = sidecar.run(push(&channel, request(ATTACK)));
        assert_eq!(answer.expect_err("refused").code(), Code::Unavailable);
    }
    assert_eq!(downstream.received().len(), 1);
}

/// Takes off TLS and negotiates no protocol, as Vector's source does, before what speaks without.
fn terminate_tls(
    runtime: &Runtime,
    (certificate, key): &(PathBuf, PathBuf),
    to: SocketAddr,
) -> SocketAddr {
    let certificate = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let config = ServerConfig::builder().with_no_client_auth();
    let config = config.with_single_cert(vec![certificate], key).expect("they fit");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0))).expect("an address");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut plain = tokio::net::TcpStream::connect(to).await.expect("it listens");
            tokio::spawn(async move { copy_bidirectional(&mut stream, &mut plain).await });
        }
    });
    address
}

#[test]
fn a_source_that_negotiates_no_protocol_is_spoken_to() {
    let (pki, downstream) = (Pki::new(), Downstream::start().expect("starts"));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let source = pki.issue("source.example");
    let mut options = options(terminate_tls(&runtime, &source, downstream.address()));
    options.forward_tls = Some(ForwardTls {
        ca: pki.ca(),
        identity: None,
        server_name: Some("source.example".to_owned()),
    });
    let (sidecar, channel) = between(&downstream, &options);
    sidecar.run(push(&channel, request(ATTACK))).expect("accepted");
    assert_eq!(label(&downstream.received()[0].message).as_deref(), Some("Security Alert"));
}

#[test]
fn what_cannot_be_used_is_said() {
    let said = |options: &Options| match Sidecar::start(None, options) {
        Ok(_) => panic!("{options:?}"),
        Err(problem) => problem.to_string(),
    };
    let usable = options(SocketAddr::from(([127, 0, 0, 1], 9)));
    for (forward, expected) in [
        ("", "HOST:PORT"),
        ("localhost", "it has no port"),
        ("unix:/run/vector.sock", "HOST:PORT"),
        ("ftp://localhost:1", "http://HOST:PORT"),
        ("https://localhost:1", "trusted roots"),
        ("http://localhost:1/path", "it has a path"),
    ] {
        let problem = said(&Options { forward: forward.to_owned(), ..usable.clone() });
        assert!(problem.contains(expected), "{problem}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let problem = said(&Options { listen: address, ..usable.clone() });
    assert!(problem.starts_with(&format!("cannot listen on {address}: ")), "{problem}");

    let pki = Pki::new();
    let (certificate, key) = pki.issue("sidecar.example");
    let no_file = PathBuf::from("no-such.pem");
    for (certificate, key, expected) in [
        (&no_file, &key, "no-such.pem: "),
        (&certificate, &no_file, "no-such.pem: "),
        (&key, &key, "sidecar.example.key: certificate or key cannot be used"),
        (&certificate, &certificate, "sidecar.example.pem: certificate or key cannot be used"),
    ] {
        let (certificate, key) = (certificate.clone(), key.clone());
        let tls = ListenTls { certificate, key, client_ca: None };
        let problem = said(&Options { listen_tls: Some(tls), ..usable.clone() });
        assert!(problem.contains(expected), "{problem}");
    }
    let tls = ForwardTls { ca: key, identity: None, server_name: None };
    let problem = said(&Options { forward_tls: Some(tls), ..usable });
    assert!(problem.contains("sidecar.example.key: holds no certificate"), "{problem}");
}
