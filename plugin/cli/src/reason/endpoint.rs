//! The server that is asked, and the key that it alone gets.

use std::fmt;
use std::net::IpAddr;

use logtriage_engine::Reasoning;
use logtriage_files::Loaded;
use ureq::http::Uri;

use crate::failure::Failure;

/// No real key is shorter, in bytes.
const SHORTEST: usize = 16;

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// `…/chat/completions`.
    pub url: String,
    /// Whether what is sent is encrypted.
    pub is_encrypted: bool,
    /// Whether it goes to this machine.
    pub is_local: bool,
}

impl Endpoint {
    /// Reads `base_url`.
    pub fn parse(base_url: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| {
            Failure::other(format!(
                "[reasoning] base_url {why}; it takes an address such as \
                 http://127.0.0.1:11434/v1 or https://api.openai.com/v1"
            ))
        };
        let uri: Uri = base_url.parse().map_err(|_| wrong("is no URL"))?;
        let is_encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("begins with neither http:// nor https://")),
        };
        let host =
            uri.host().filter(|host| !host.is_empty()).ok_or_else(|| wrong("has no host"))?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("holds a user or password, which belong into api_key_env"));
        }
        if uri.query().is_some() {
            return Err(wrong("holds a query"));
        }
        let address = host.trim_matches(['[', ']']);
        let is_local = address.eq_ignore_ascii_case("localhost")
            || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let url = format!("{}/chat/completions", base_url.trim_end_matches('/'));
        Ok(Self { url, is_encrypted, is_local })
    }
}

/// An API key. It is in no log, message or file of ours.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// Reads the key that the config names: from a file, else from an environment variable. A
    /// variable that is not set is no error: a server may want none.
    ///
    /// # Errors
    /// The file cannot be read; what is there cannot be a key; the key would go over the network
    /// unencrypted.
    pub fn read(
        reasoning: &Reasoning,
        loaded: &Loaded,
        endpoint: &Endpoint,
    ) -> Result<Option<Self>, Failure> {
        let (place, text) = match (&reasoning.api_key_file, &reasoning.api_key_env) {
            (Some(file), _) => {
                let path = loaded.resolve(file);
                let text = std::fs::read_to_string(&path).map_err(|e| Failure::io(&path, e))?;
                (format!("api_key_file = {file:?}"), text)
            }
            (None, Some(name)) => {
                // It may be the key itself, and is not repeated.
                if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                    return Err(Failure::other(
                        "[reasoning] api_key_env takes the name of an environment variable, such as \
                         \"LOGTRIAGE_API_KEY\", and not the key",
                    ));
                }
                let text = std::env::var_os(name).unwrap_or_default();
                let text = text.into_string().unwrap_or_else(|_| "\0".to_owned());
                (format!("api_key_env = {name:?}"), text)
            }
            (None, None) => return Ok(None),
        };
        let key = text.trim();
        if key.is_empty() {
            return Ok(None);
        }
        if !key.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Failure::other(format!(
                "{place}: what is there is no API key: a key is one line of printable ASCII"
            )));
        }
        if !endpoint.is_encrypted && !endpoint.is_local {
            return Err(Failure::other(format!(
                "{place}: the key would go to {} unencrypted; use https, or take the key out of the \
                 config if the server needs none",
                endpoint.url
            )));
        }
        Ok(Some(Self(key.to_owned())))
    }

    /// The value of the header that carries it.
    pub fn header(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// The text without the key, should a server have quoted it.
    pub fn hide(&self, text: &str) -> String {
        text.replace(&self.0, "<*>")
    }

    /// The same of an answer, whose reasons are kept. What servers take that want no key (`ollama`,
    /// `x`) is no secret, and may well be part of an answer.
    pub fn hide_in_answer(&self, answer: &mut String) {
        if self.0.len() >= SHORTEST && answer.contains(&self.0) {
            *answer = self.hide(answer);
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_who_can_listen() {
        let of = |url| Endpoint::parse(url).expect(url);
        for url in [
            "http://127.0.0.1:1/v1",
            "http://localhost/v1",
            "http://[::1]:1/v1",
            "http://127.9.9.9",
        ] {
            assert!(of(url).is_local, "{url}");
        }
        for url in ["http://ollama:11434/v1", "http://127.0.0.1.evil.example/v1", "https://x/v1"] {
            assert!(!of(url).is_local, "{url}");
        }
        assert!(of("https://x/v1").is_encrypted && !of("http://x/v1").is_encrypted);
        assert_eq!(of("http://x/v1/").url, "http://x/v1/chat/completions");
    }

    #[test]
    fn a_wrong_address_is_refused() {
        for url in ["", "x", "/v1", "ftp://x/v1", "http://", "http://a:b@x/v1", "http://x/v1?k=1"] {
            assert!(Endpoint::parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn a_key_does_not_show() {
        let key = Key("sk-1".to_owned());
        assert_eq!(format!("{key:?} {}", key.hide("bad key sk-1")), "Key(…) bad key <*>");
    }
}
