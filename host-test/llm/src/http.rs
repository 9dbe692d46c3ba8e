//! As much of HTTP/1.1 as a chat server speaks, and ways to get it wrong.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// Method and path.
    pub line: String,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Received {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// The question: what the user's message holds.
    pub fn question(&self) -> Value {
        let body = self.json();
        let content = body["messages"][1]["content"].as_str().unwrap_or_default();
        serde_json::from_str(content.lines().next().unwrap_or_default()).unwrap_or_default()
    }

    /// The ids and templates that it asks about.
    pub fn templates(&self) -> Vec<(String, String)> {
        let question = self.question();
        let templates = question["templates"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        templates.iter().map(|asked| (text(&asked["id"]), text(&asked["template"]))).collect()
    }
}

/// Reads one request.
pub(crate) fn receive(stream: &mut TcpStream) -> Option<Received> {
    let mut reader = BufReader::new(stream);
    let mut received = Received::default();
    reader.read_line(&mut received.line).ok()?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        received.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = received.header("content-length")?.parse().ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    received.body = String::from_utf8(body).ok()?;
    Some(received)
}

/// Answers, and closes the connection.
pub(crate) fn respond(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, String)],
    body: &[u8],
) -> Result<()> {
    head(stream, status, headers, body.len())?;
    stream.write_all(body)
}

fn head(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, String)],
    length: usize,
) -> Result<()> {
    let mut head = format!("HTTP/1.1 {status} x\r\ncontent-type: application/json\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {length}\r\n\r\n"));
    stream.write_all(head.as_bytes())
}

pub(crate) fn respond_half(stream: &mut TcpStream, body: &[u8]) -> Result<()> {
    head(stream, 200, &[], body.len())?;
    stream.write_all(body.get(..body.len() / 2).unwrap_or_default())
}

/// A completion that goes on and on. A client that has enough goes away.
pub(crate) fn respond_huge(stream: &mut TcpStream, length: usize) -> Result<()> {
    head(stream, 200, &[], length)?;
    stream.write_all(b"{\"choices\":[{\"message\":{\"content\":\"")?;
    let block = [b'x'; 1 << 16];
    let mut left = length;
    while left > 0 {
        let part = block.get(..left.min(block.len())).unwrap_or_default();
        stream.write_all(part)?;
        left -= part.len();
    }
    Ok(())
}

pub(crate) fn wait_for_close(stream: &mut TcpStream) -> Result<()> {
    stream.read(&mut [0]).map(drop)
}

/// The head at once, then a byte of the body now and then.
pub(crate) fn drip(stream: &mut TcpStream) -> Result<()> {
    head(stream, 200, &[], 1_000_000)?;
    loop {
        stream.write_all(b" ")?;
        thread::sleep(Duration::from_millis(50));
    }
}

/// Packed without being made smaller: a block as it is between a head and a checksum.
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let mut blocks = body.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        packed.push(u8::from(blocks.peek().is_none()));
        let length = block.len() as u16;
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    packed.extend(crc32(body).to_le_bytes());
    packed.extend((body.len() as u32).to_le_bytes());
    packed
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}
