//! Secrets that a name before them gives away.

use super::{byte, is_delimiter, mask_end, part};

/// Names that end like this have a password behind them, in free text too.
const PASSWORDS: [&str; 6] = ["password", "passwd", "passphrase", "passcode", "passwort", "pwd"];

/// Names that end like this have a secret behind them where one is assigned, or where what follows
/// looks like one.
const SECRETS: &str = "
    secret token apikey api_key api-key access_key access-key accesskey access_key_id secret_key
    secret-key secretkey private_key private-key privatekey encryption_key credential
    credentials session_id session-id sessionid signature otp cvv ssn";

/// Headers whose whole value is a secret.
const HEADERS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Words that ordinarily stand behind the word `password`.
const ORDINARY: &str = "
    a accepted account age agent an and are as at attempt attempts auth backend bad be been but
    by cache can cannot change changes check checks client command complexity correct daemon
    database db denied dialog did do does email empty entry error errors expire expires expiry
    fail fails failure failures field fields file files for form from given had has hash hashes
    have hint history if in incorrect input invalid is it key keys length less limit link login
    mail manager match matches may method mismatch mode module must no not null of ok on only
    option options or page parameter plugin policy prompt provider quality quota recovery
    request requests requirements reset resets response retries retry rule rules screen server
    service set sha should storage store strength string sync that the this to token too true
    false none type unknown unset update updates user users valid value variable via was weak
    will with wrong";

/// So do words that end like this: `expired`, `checking`, `authentication`.
const ORDINARY_ENDINGS: [&str; 4] = ["ed", "ing", "tion", "ment"];

/// What a name makes of the text behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Name {
    Password,
    Secret,
    Header,
}

/// Whether a word names a secret.
pub(super) fn is_name(word: &str) -> bool {
    kind(word).is_some()
}

fn kind(word: &str) -> Option<Name> {
    let ends = |name: &str| {
        let start = word.len().checked_sub(name.len());
        start.and_then(|start| word.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(name))
    };
    if PASSWORDS.into_iter().any(ends) {
        Some(Name::Password)
    } else if SECRETS.split_ascii_whitespace().any(ends) {
        Some(Name::Secret)
    } else {
        HEADERS.into_iter().any(ends).then_some(Name::Header)
    }
}

/// Where the secret stands that the token `text[start..end]` names, if any. `before` is the token
/// before it.
pub(super) fn value_behind(
    text: &str,
    start: usize,
    end: usize,
    before: &str,
) -> Option<(usize, usize)> {
    let token = part(text, start, end);
    if ["bearer", "basic"].iter().any(|scheme| token.eq_ignore_ascii_case(scheme)) {
        return value(text, end).filter(|(from, to)| looks_random(part(text, *from, *to)));
    }
    if ["-u", "--user"].contains(&before) {
        // `curl -u name:password`
        let colon = token.find(':')?;
        return Some((start + colon + 1, end)).filter(|(from, to)| from < to);
    }
    if before.eq_ignore_ascii_case("identified") && token.eq_ignore_ascii_case("by") {
        return value(text, end);
    }
    if let Some(found) = glued(text, token, start) {
        return Some(found);
    }
    let named = token.trim_end_matches([':', '\\']);
    let is_key = named.eq_ignore_ascii_case("key") && before.eq_ignore_ascii_case("api");
    let name = if is_key { Name::Secret } else { kind(named)? };
    let (from, assigned) = separator(text, start + named.len());
    let (from, to) = match name {
        Name::Header if assigned => (from, line_end(text, from)),
        Name::Header => return None,
        Name::Password | Name::Secret => value(text, from)?,
    };
    let found = part(text, from, to);
    let is_secret = match (name, assigned) {
        (Name::Header, _) => !found.is_empty() && mask_end(text, from) != Some(to),
        (Name::Password, true) => !matches!(found, "null" | "none" | "true" | "false"),
        (Name::Password, false) => !is_ordinary(found),
        (Name::Secret, true) => !is_ordinary(found),
        (Name::Secret, false) => looks_random(found),
    };
    is_secret.then_some((from, to))
}

/// `password:hunter2` is one token.
fn glued(text: &str, token: &str, start: usize) -> Option<(usize, usize)> {
    let colon = token.find(':')?;
    let from = start + colon + 1;
    let begins = !part(token, colon + 1, token.len()).trim_start_matches([':', '\\']).is_empty();
    if !begins || kind(part(token, 0, colon)).is_none_or(|name| name == Name::Header) {
        return None;
    }
    value(text, from)
}

/// Skips what stands between a name and its value. Says where the value begins, and whether it is
/// assigned: by `=`, `:`, `(`, the `>` of an XML element, or `is`.
fn separator(text: &str, mut at: usize) -> (usize, bool) {
    let mut assigned = false;
    loop {
        match byte(text, at) {
            b'=' | b':' => assigned = true,
            // Not a mask: `token <id>`.
            b'>' if !assigned => assigned = true,
            b'(' if matches!(byte(text, at + 1), b'"' | b'\'') => assigned = true,
            // The end of a quoted name; a value's own mark stays.
            b'"' | b'\'' | b'\\' if !assigned && matches!(after_marks(text, at), b':' | b'=') => {}
            b' ' | b'\t' => {}
            b'>' if byte(text, at.wrapping_sub(1)) == b'=' => {}
            _ => break,
        }
        at += 1;
    }
    for word in ["is ", "was ", "IS ", "Is "] {
        // `password is hunter2`; `password is required` is told by the word itself.
        if !assigned && part(text, at, text.len()).starts_with(word) {
            return (at + word.len(), false);
        }
    }
    (at, assigned)
}

/// The first byte behind quotation marks and white space.
fn after_marks(text: &str, at: usize) -> u8 {
    let rest = text.as_bytes().get(at..).unwrap_or_default().iter().take(8);
    rest.copied().find(|b| !matches!(b, b'"' | b'\'' | b'\\' | b' ')).unwrap_or(0)
}

/// The value that begins at `from`, without its quotation marks: `None` where there is none, or
/// nothing but a mask.
fn value(text: &str, from: usize) -> Option<(usize, usize)> {
    let gap = text.as_bytes().get(from..)?.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    let mut from = from + gap;
    let escaped = byte(text, from) == b'\\' && matches!(byte(text, from + 1), b'"' | b'\'');
    from += usize::from(escaped);
    let quote = byte(text, from);
    let to = if matches!(quote, b'"' | b'\'' | b'`') {
        from += 1;
        quoted_end(text, from, quote, escaped)
    } else {
        bare_end(text, from)
    };
    let is_mask = mask_end(text, from) == Some(to);
    (from < to && !is_mask).then_some((from, to))
}

fn quoted_end(text: &str, from: usize, quote: u8, escaped: bool) -> usize {
    let bytes = text.as_bytes();
    let mut at = from;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' if escaped && bytes.get(at + 1) == Some(&quote) => return at,
            b'\\' if !escaped && bytes.get(at + 1).is_some_and(u8::is_ascii) => at += 1,
            b'\n' => return at,
            byte if *byte == quote => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

/// Masks inside a value are part of it: `hunter<num>`.
fn bare_end(text: &str, from: usize) -> usize {
    let mut at = from;
    // In `?password=hunter2&page=1` it ends a value, in free text it may be part of one.
    let in_query = byte(text, from.wrapping_sub(1)) == b'=';
    loop {
        if let Some(end) = mask_end(text, at) {
            at = end;
            continue;
        }
        match text.as_bytes().get(at) {
            None => break,
            Some(b'&') if !in_query => at += 1,
            // A password may hold anything that does not end a value everywhere.
            Some(b) if is_delimiter(*b) && !matches!(b, b'=' | b'(' | b'[' | b'{' | b'|') => break,
            Some(_) => at += 1,
        }
    }
    while at > from + 1 && matches!(byte(text, at - 1), b'.' | b':' | b'\\') {
        at -= 1;
    }
    at
}

fn line_end(text: &str, from: usize) -> usize {
    let rest = text.as_bytes().get(from..).unwrap_or_default();
    from + rest.iter().position(|b| matches!(b, b'\n' | b'\r' | b'"')).unwrap_or(rest.len())
}

/// A word that may stand behind the name of a secret without being one.
fn is_ordinary(word: &str) -> bool {
    // Punctuation is no password that somebody typed.
    if !word.bytes().any(|b| b.is_ascii_alphanumeric() || !b.is_ascii()) {
        return true;
    }
    let lower = word.to_ascii_lowercase();
    let is_small = word.bytes().skip(1).all(|b| b.is_ascii_lowercase());
    let ends = |ending: &str| lower.len() > ending.len() + 2 && lower.ends_with(ending);
    let known = ORDINARY.split_ascii_whitespace().any(|known| known == lower);
    let is_one_case = is_small || word.bytes().all(|b| b.is_ascii_uppercase());
    (known && is_one_case) || (is_small && ORDINARY_ENDINGS.into_iter().any(ends))
}

/// Text that nobody would write as a word: digits among letters, or capitals inside.
fn looks_random(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let capital_inside = text.bytes().skip(1).any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_lowercase());
    let mixed = digits > 0 && letters > 0 || capital_inside;
    (text.len() >= 6 && mixed)
        || (text.len() >= 3 && letters == 0 && digits == text.len())
        || text.len() >= 24
}
