//! What goes to a terminal. Log text is hostile: nothing in it may act on the screen.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};

use anstyle::{AnsiColor, Style};
use logtriage_engine::{Tier, UNCLASSIFIED};
use logtriage_files::is_active;

use crate::failure::Failure;

/// The text with every control character made visible as a space or an escape.
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => plain.push('\n'),
            '\t' => plain.push(' '),
            c if is_active(c) => plain.extend(c.escape_default()),
            c => plain.push(c),
        }
    }
    Cow::Owned(plain)
}

/// Writes a result to standard output. A reader that went away is no failure.
pub fn print(result: &[u8]) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(result).and_then(|()| output.flush()) {
        Err(problem) if problem.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::Io { file: "standard output".to_owned(), problem })
        }
        _ => Ok(()),
    }
}

/// Says a line on standard error, where anybody listens.
pub fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", safe(text));
}

/// One line of at most `width` characters.
pub fn one_line(text: &str, width: usize) -> String {
    let line = safe(text).replace('\n', " ");
    match line.char_indices().nth(width) {
        None => line,
        Some(_) => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// How a label looks: by urgency for the default labels, plain for a user's own.
pub fn label_style(label: &str) -> Style {
    let colour = match label {
        "Critical Error" => return Style::new().fg_color(Some(AnsiColor::Red.into())).bold(),
        "Security Alert" => AnsiColor::Magenta,
        "Error" => AnsiColor::Red,
        "Workflow Error" | "Deprecation Warning" => AnsiColor::Yellow,
        "Resource Usage" => AnsiColor::Cyan,
        "User Action" => AnsiColor::Blue,
        "HTTP Status" => AnsiColor::Green,
        UNCLASSIFIED => return Style::new().bold(),
        _ => return Style::new(),
    };
    Style::new().fg_color(Some(colour.into()))
}

/// How a tier looks.
pub fn tier_style(tier: Tier) -> Style {
    if tier == Tier::None { Style::new().bold() } else { Style::new().dimmed() }
}

/// A count with thin groups of three digits.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_on_the_terminal() {
        assert_eq!(safe("a\x1b[2Jb\x07"), "a\\u{1b}[2Jb\\u{7}");
        assert_eq!(safe("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(one_line("a\nb\tc", 9), "a b c");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }

    #[test]
    fn counts_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
