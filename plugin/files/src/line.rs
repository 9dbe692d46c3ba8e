//! JSON lines that people look at, with log text in them.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// A value as one line of JSON, without the line end. Characters that act on a terminal, or that
/// nobody sees, are escaped; letters of every script stay readable.
///
/// # Errors
/// A value that JSON cannot hold.
pub fn json_line(value: &impl Serialize) -> serde_json::Result<String> {
    let mut line = Vec::new();
    value.serialize(&mut Serializer::with_formatter(&mut line, Inert))?;
    String::from_utf8(line).map_err(|e| serde_json::Error::io(io::Error::other(e)))
}

/// Whether a character acts on a terminal or cannot be seen: controls, marks that turn the
/// direction of text around, separators of lines, characters without a width.
pub fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

struct Inert;

impl Formatter for Inert {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_active(*c)) {
            let (plain, behind) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = behind.get(c.len_utf8()..).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::json_line;

    #[test]
    fn what_acts_is_escaped_and_what_is_read_stays() {
        let text = "é中\u{7f}\u{9b}2J\u{202e}\u{feff}\u{e0041}\n\u{1b}[2J\"";
        let line = json_line(&text).expect("a line");
        assert_eq!(line, "\"é中\\u007f\\u009b2J\\u202e\\ufeff\\udb40\\udc41\\n\\u001b[2J\\\"\"");
        assert_eq!(serde_json::from_str::<String>(&line).expect("JSON"), text);
    }
}
