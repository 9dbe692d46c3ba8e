//! Where a sidecar stands, and its certificates.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig, Uri};

const BEGIN_CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// A sidecar that cannot start. Says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub(crate) String);

/// Where a sidecar stands.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where Vector's `vector` sink sends its events.
    pub listen: SocketAddr,
    /// Where Vector's `vector` source takes them: `host:port`, or a URL.
    pub forward: String,
    /// Where Prometheus finds `/metrics`.
    pub metrics_listen: Option<SocketAddr>,
    /// For the upstream.
    pub listen_tls: Option<ListenTls>,
    /// For the downstream; without it, connections are not encrypted.
    pub forward_tls: Option<ForwardTls>,
}

/// What a sidecar shows to those who connect, each a PEM file.
#[derive(Clone, Debug)]
pub struct ListenTls {
    /// Its certificate, and those between it and a root.
    pub certificate: PathBuf,
    /// The key of the certificate.
    pub key: PathBuf,
    /// With it, only those are let in who have a certificate of these roots.
    pub client_ca: Option<PathBuf>,
}

/// How a sidecar knows its downstream, each a PEM file.
#[derive(Clone, Debug)]
pub struct ForwardTls {
    /// The roots that it trusts.
    pub ca: PathBuf,
    /// Its own certificate and key, where the downstream asks for one.
    pub identity: Option<(PathBuf, PathBuf)>,
    /// The name in the downstream's certificate, where it is not the host's.
    pub server_name: Option<String>,
}

impl Options {
    /// The downstream with its scheme.
    pub(crate) fn forward_uri(&self) -> Result<Uri, StartError> {
        let wrong = |what: &str| {
            StartError(format!("{:?} is no address to forward to: {what}", self.forward))
        };
        let scheme = if self.forward_tls.is_some() { "https" } else { "http" };
        let url = match self.forward.split_once("://") {
            Some(_) => self.forward.clone(),
            None => format!("{scheme}://{}", self.forward),
        };
        let uri: Uri = url.parse().map_err(|_| wrong("give HOST:PORT"))?;
        match uri.scheme_str() {
            Some("http" | "https") if uri.scheme_str() != Some(scheme) => {
                Err(wrong("https goes with a file of trusted roots, http without"))
            }
            Some("http" | "https") => match (uri.port(), uri.path()) {
                (Some(_), "" | "/") => Ok(uri),
                (Some(_), _) => Err(wrong("it has a path; give HOST:PORT")),
                (None, _) => Err(wrong("it has no port; give HOST:PORT")),
            },
            _ => Err(wrong("give HOST:PORT, http://HOST:PORT or https://HOST:PORT")),
        }
    }
}

impl ListenTls {
    pub(crate) fn config(&self) -> Result<ServerTlsConfig, StartError> {
        let config = ServerTlsConfig::new().identity(identity(&self.certificate, &self.key)?);
        Ok(match &self.client_ca {
            Some(ca) => config.client_ca_root(certificate(ca)?),
            None => config,
        })
    }
}

impl ForwardTls {
    pub(crate) fn config(&self) -> Result<ClientTlsConfig, StartError> {
        // Vector's source speaks HTTP/2 alone, and does not say so in the handshake.
        let mut config =
            ClientTlsConfig::new().ca_certificate(certificate(&self.ca)?).assume_http2(true);
        if let Some((certificate, key)) = &self.identity {
            config = config.identity(identity(certificate, key)?);
        }
        Ok(match &self.server_name {
            Some(name) => config.domain_name(name),
            None => config,
        })
    }
}

fn identity(certificate: &Path, key: &Path) -> Result<Identity, StartError> {
    Ok(Identity::from_pem(read(certificate)?, read(key)?))
}

fn certificate(path: &Path) -> Result<Certificate, StartError> {
    let pem = read(path)?;
    // Else nobody would be trusted, without a word.
    if !pem.windows(BEGIN_CERTIFICATE.len()).any(|text| text == BEGIN_CERTIFICATE) {
        return Err(StartError(format!("{}: holds no certificate in PEM format", path.display())));
    }
    Ok(Certificate::from_pem(pem))
}

fn read(path: &Path) -> Result<Vec<u8>, StartError> {
    std::fs::read(path).map_err(|problem| StartError(format!("{}: {problem}", path.display())))
}
