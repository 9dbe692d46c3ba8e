//! Where in a text something is wrong.

use std::ops::Range;

/// A problem in a text file that a person wrote, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct TextError {
    /// The file as the host named it.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in characters.
    pub column: usize,
    /// What was expected, and what to do.
    pub message: String,
}

impl TextError {
    /// A problem at a byte range of `text`.
    pub(crate) fn at(
        file: &str,
        text: &str,
        span: Option<Range<usize>>,
        message: impl Into<String>,
    ) -> Self {
        let offset = span.map_or(0, |span| span.start).min(text.len());
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { file: file.to_owned(), line, column, message: message.into() }
    }

    /// A problem that the TOML reader found.
    pub(crate) fn toml(file: &str, text: &str, error: &toml::de::Error) -> Self {
        Self::at(file, text, error.span(), in_words(error.message().trim_end()))
    }
}

#[cfg(feature = "regex")]
/// A place in a text, to be looked up when there is something to say about it: a large file has
/// many places and few errors.
#[derive(Clone)]
pub(crate) struct Place<'t> {
    pub(crate) file: &'t str,
    pub(crate) text: &'t str,
    pub(crate) span: Range<usize>,
}

#[cfg(feature = "regex")]
impl Place<'_> {
    /// A problem at this place.
    pub(crate) fn error(&self, message: impl Into<String>) -> TextError {
        TextError::at(self.file, self.text, Some(self.span.clone()), message)
    }
}

/// What a person expects, instead of the names of our types.
fn in_words(message: &str) -> String {
    [
        ("expected usize", "expected a whole number from 0"),
        ("expected u32", "expected a whole number from 0"),
        ("expected a sequence", "expected a list in square brackets"),
    ]
    .iter()
    .fold(message.to_owned(), |text, (ours, theirs)| text.replace(ours, theirs))
}

/// Checks that a file is text.
pub(crate) fn utf8<'t>(file: &str, bytes: &'t [u8]) -> Result<&'t str, TextError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let valid = std::str::from_utf8(valid).unwrap_or_default();
        TextError::at(
            file,
            valid,
            Some(valid.len()..valid.len()),
            "this byte is not UTF-8; save the file as UTF-8",
        )
    })
}
