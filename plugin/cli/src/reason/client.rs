//! One HTTP request, and what may go wrong with it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use logtriage_engine::Timeouts;
use serde::Deserialize;
use serde_json::Value;
use ureq::http::{Response, StatusCode};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Proxy};

use super::endpoint::{Endpoint, Key};
use crate::failure::Failure;
use crate::screen;

/// An answer may be this long, in bytes, unpacked.
pub const LONGEST_ANSWER: u64 = 4 << 20;

/// What is read of the body of an error, in bytes.
const LONGEST_ERROR: u64 = 64 << 10;

/// Longer waits than this are not asked for by a server in its senses.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// An answer of the model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    /// What it wrote.
    pub content: String,
    /// It was cut at its greatest length.
    pub cut: bool,
    /// Tokens of question and answer, as the server counts them.
    pub tokens: Option<(u64, u64)>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub enum CallError {
    /// The server does not take this request: other forms of it may do, the same never.
    Refused(String),
    /// The same request may succeed later, not before the time that the server says.
    Later(String, Option<Duration>),
    /// No request will succeed before a person does something.
    Fatal(String),
}

/// Asks one server.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    endpoint: Endpoint,
    key: Option<Key>,
}

impl Client {
    /// A client of `endpoint`. It follows no redirect, so that nobody else gets key or templates,
    /// keeps no connection open, and speaks to this machine without a proxy.
    ///
    /// # Errors
    /// The system has no certificates to trust.
    pub fn new(endpoint: Endpoint, key: Option<Key>, timeouts: &Timeouts) -> Result<Self, Failure> {
        let seconds = |seconds: u32| Some(Duration::from_secs(seconds.into()));
        let proxy = if endpoint.is_local { None } else { Proxy::try_from_env() };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(proxy)
            .user_agent(concat!("logtriage/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(seconds(timeouts.connect))
            .timeout_recv_response(seconds(timeouts.first_byte))
            .timeout_global(seconds(timeouts.total));
        if endpoint.is_encrypted {
            config = config.tls_config(tls()?);
        }
        Ok(Self { agent: config.build().into(), endpoint, key })
    }

    /// Sends one request and waits for its answer.
    pub fn ask(&self, body: &Value) -> Result<Reply, CallError> {
        let mut request = self
            .agent
            .post(&self.endpoint.url)
            .header("content-type", "application/json")
            .header("accept", "application/json");
        if let Some(key) = &self.key {
            request = request.header("authorization", key.header());
        }
        let body = serde_json::to_vec(body).map_err(|e| CallError::Fatal(e.to_string()))?;
        let mut response = request.send(&body).map_err(|e| self.failed(&e))?;
        match response.status() {
            StatusCode::OK => self.reply(&mut response),
            status => Err(self.refusal(status, &mut response)),
        }
    }

    fn reply(&self, response: &mut Response<Body>) -> Result<Reply, CallError> {
        let body = response.body_mut().with_config().limit(LONGEST_ANSWER);
        let bytes = body.read_to_vec().map_err(|e| self.failed(&e))?;
        let Some(mut reply) = Reply::parse(&bytes) else {
            // Cut when the key is out of it: half of a key is one, too.
            let (url, said) = (&self.endpoint.url, String::from_utf8_lossy(&bytes));
            let said = self.plain(&format!("{url} answers no chat completion: {said}"));
            return Err(CallError::Later(said, None));
        };
        if let Some(key) = &self.key {
            key.hide_in_answer(&mut reply.content);
        }
        Ok(reply)
    }

    fn refusal(&self, status: StatusCode, response: &mut Response<Body>) -> CallError {
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let location = header("location").unwrap_or_default().to_owned();
        let wait = header("retry-after").and_then(|text| retry_after(text, SystemTime::now()));
        let body = response.body_mut().with_config().limit(LONGEST_ERROR);
        let said = body.read_to_vec().unwrap_or_default();
        let said = self.plain(&format!("{status}: {}", complaint(&said)));
        match status.as_u16() {
            300..=399 => CallError::Fatal(self.plain(&format!(
                "{} is somewhere else: {location}; redirects are not followed, set base_url to \
                 where the server is",
                self.endpoint.url
            ))),
            401 | 403 => CallError::Fatal(format!(
                "{said}; the server refuses the API key, or there is none: see api_key_env and \
                 api_key_file"
            )),
            402 => CallError::Fatal(said),
            404 | 405 | 410 => CallError::Fatal(format!("{said}; see base_url and model")),
            408 | 409 | 425 | 429 | 500..=599 if status != StatusCode::NOT_IMPLEMENTED => {
                CallError::Later(said, wait)
            }
            _ => CallError::Refused(said),
        }
    }

    /// No answer came, or not all of it.
    fn failed(&self, error: &ureq::Error) -> CallError {
        let said = self.plain(&format!("{}: {error}", self.endpoint.url));
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => CallError::Fatal(said),
            _ => CallError::Later(said, None),
        }
    }

    /// A server's words for a person: one short line, without the key.
    fn plain(&self, text: &str) -> String {
        let text = self.key.as_ref().map_or_else(|| text.to_owned(), |key| key.hide(text));
        screen::one_line(&text, 400)
    }
}

/// The certificates that the system trusts.
fn tls() -> Result<TlsConfig, Failure> {
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> =
        found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    if roots.is_empty() {
        return Err(Failure::other(
            "the system has no certificates to trust; install its package ca-certificates, or name \
             a file of them in SSL_CERT_FILE",
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(roots)))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Value,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Value,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Value,
}

impl Reply {
    fn parse(body: &[u8]) -> Option<Self> {
        let completion: Completion = serde_json::from_slice(body).ok()?;
        let choice = completion.choices.into_iter().next()?;
        let count = |name: &str| completion.usage.get(name).and_then(Value::as_u64);
        Some(Self {
            content: choice.message.content.as_str().unwrap_or_default().to_owned(),
            cut: choice.finish_reason == "length",
            tokens: count("prompt_tokens").zip(count("completion_tokens")),
        })
    }
}

/// What the body of an error says.
fn complaint(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let Ok(read) = serde_json::from_slice::<Value>(body) else { return text.into_owned() };
    let error = &read["error"];
    let said = [&error["message"], error, &read["message"], &read["detail"]];
    let message = said.iter().find_map(|said| said.as_str());
    match (message, error["param"].as_str()) {
        (Some(message), Some(parameter)) => format!("{message} ({parameter})"),
        (Some(message), None) => message.to_owned(),
        (None, _) => text.into_owned(),
    }
}

/// The header `Retry-After`: seconds, or a date.
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let wait = match text.trim().parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = httpdate::parse_http_date(text.trim()).ok()?;
            date.duration_since(now).unwrap_or_default()
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let wait = |text| retry_after(text, now).map(|wait| wait.as_secs());
        assert_eq!(wait("7"), Some(7));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:42 GMT"), Some(5));
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(wait("99999999"), Some(3600));
        assert_eq!(wait("soon"), None);
    }

    #[test]
    fn a_reply_is_a_chat_completion() {
        let of = |text: &str| Reply::parse(text.as_bytes());
        let whole = r#"{"choices":[{"message":{"content":"x"},"finish_reason":"length"}],
            "usage":{"prompt_tokens":3,"completion_tokens":4}}"#;
        let reply = Reply { content: "x".to_owned(), cut: true, tokens: Some((3, 4)) };
        assert_eq!(of(whole), Some(reply));
        assert_eq!(of(r#"{"choices":[{"message":{"content":null}}]}"#), Some(Reply::default()));
        for text in ["", "{}", "[]", r#"{"choices":[]}"#, "<html>"] {
            assert_eq!(of(text), None, "{text}");
        }
    }

    #[test]
    fn complaints_are_found_where_servers_put_them() {
        for (body, said) in [
            (r#"{"error":{"message":"no","param":"temperature"}}"#, "no (temperature)"),
            (r#"{"error":"model not found"}"#, "model not found"),
            (r#"{"detail":"wrong"}"#, "wrong"),
            ("<html>", "<html>"),
        ] {
            assert_eq!(complaint(body.as_bytes()), said);
        }
    }
}
