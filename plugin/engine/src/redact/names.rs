//! Secrets that a name before them gives away.

use super::{byte, is_delimiter, mask_end, part, token_end};

/// What names end like, in lower case, and what stands behind such a name.
const NAMES: [(&str, Name); 36] = [
    ("password", Name::Password),
    ("passwords", Name::Password),
    ("passwd", Name::Password),
    ("passphrase", Name::Password),
    ("passcode", Name::Password),
    ("passwort", Name::Password),
    ("pwd", Name::Password),
    ("secret", Name::Secret),
    ("token", Name::Secret),
    ("apikey", Name::Secret),
    ("api_key", Name::Secret),
    ("api-key", Name::Secret),
    ("access_key", Name::Secret),
    ("access-key", Name::Secret),
    ("accesskey", Name::Secret),
    ("access_key_id", Name::Secret),
    ("secret_key", Name::Secret),
    ("secret-key", Name::Secret),
    ("secretkey", Name::Secret),
    ("private_key", Name::Secret),
    ("private-key", Name::Secret),
    ("privatekey", Name::Secret),
    ("encryption_key", Name::Secret),
    ("account_key", Name::Secret),
    ("accountkey", Name::Secret),
    ("credential", Name::Secret),
    ("credentials", Name::Secret),
    ("session_id", Name::Secret),
    ("session-id", Name::Secret),
    ("sessionid", Name::Secret),
    ("signature", Name::Secret),
    ("otp", Name::Secret),
    ("cvv", Name::Secret),
    ("ssn", Name::Secret),
    ("authorization", Name::Header),
    ("cookie", Name::Header),
];

/// Names that are words of their own, in lower case: `pass=…` and `DB_PASS=…`, but not `bypass=…`.
const SHORT_NAMES: [&str; 5] = ["pass", "pw", "jwt", "sid", "sig"];

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
    /// A password, in free text too.
    Password,
    /// A secret where one is assigned, or where what follows looks like one.
    Secret,
    /// A header, whose whole value is a secret.
    Header,
}

/// Whether a word names a secret.
pub(super) fn is_name(word: &str) -> bool {
    kind(word).is_some()
}

fn kind(word: &str) -> Option<Name> {
    let last = word.bytes().next_back()?.to_ascii_lowercase();
    let ends = |name: &str| {
        let start = word.len().checked_sub(name.len())?;
        word.get(start..).filter(|end| end.eq_ignore_ascii_case(name)).map(|_| start)
    };
    // Most words end in another letter than most names.
    let mut alike = NAMES.iter().filter(|(name, _)| name.bytes().next_back() == Some(last));
    if let Some((_, name)) = alike.find(|(name, _)| ends(name).is_some()) {
        return Some(*name);
    }
    let begins_word = |start: usize| {
        let (before, first) = (byte(word, start.wrapping_sub(1)), byte(word, start));
        start == 0
            || !before.is_ascii_alphanumeric()
            || before.is_ascii_lowercase() && first.is_ascii_uppercase()
    };
    let is_short = SHORT_NAMES.iter().filter_map(|name| ends(name)).any(begins_word);
    // `password_confirmation`, `password2`
    let holds = |part: &str| {
        word.as_bytes().windows(part.len()).any(|w| w.eq_ignore_ascii_case(part.as_bytes()))
    };
    (is_short || holds("password")).then_some(Name::Secret)
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
    // `curl -u name:password`, `curl -uname:password`
    let user = match before {
        "-u" | "--user" => Some(token),
        _ => token.strip_prefix("-u"),
    };
    if let Some((_, password)) = user.and_then(|user| user.split_once(':')) {
        let from = end - password.len();
        return Some((from, bare_end(text, from))).filter(|(from, to)| from < to);
    }
    if before.eq_ignore_ascii_case("identified") && token.eq_ignore_ascii_case("by") {
        return value(text, end);
    }
    if let Some(found) = glued(text, token, start) {
        return Some(found);
    }
    // The last is half of an arrow: `password->hunter2`.
    let named = token.trim_end_matches([':', '\\', '-']);
    let is_key = named.eq_ignore_ascii_case("key") && before.eq_ignore_ascii_case("api");
    let name = if is_key { Name::Secret } else { kind(named)? };
    let (from, assigned) = separator(text, start + named.len());
    let (from, assigned) = behind_owner(text, from).unwrap_or((from, assigned));
    let (from, to) = match name {
        Name::Header if assigned => header_value(text, from),
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
            b'-' if byte(text, at + 1) == b'>' => assigned = true,
            b'>' if byte(text, at.wrapping_sub(1)) == b'-' => {}
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
    for word in ["is", "was", "IS", "Is"] {
        // `password is hunter2`; `password is required` is told by the word itself.
        if !assigned && part(text, at, text.len()).starts_with(word) {
            let behind = at + word.len();
            match byte(text, behind) {
                b' ' => return (behind + 1, false),
                b':' => return (behind + 1, true),
                _ => {}
            }
        }
    }
    (at, assigned)
}

/// Whose it is may stand between a name and its value: `password for user bob is hunter2`.
fn behind_owner(text: &str, from: usize) -> Option<(usize, bool)> {
    let word = ["for ", "of "].into_iter().find(|w| part(text, from, text.len()).starts_with(w))?;
    let mut at = from + word.len();
    for _ in 0..3 {
        let end = mask_end(text, at).unwrap_or_else(|| token_end(text, at));
        let named = at + part(text, at, end).trim_end_matches(':').len();
        let (value, _) = separator(text, named);
        if !part(text, named, value).trim().is_empty() {
            return Some((value, false));
        }
        at = value;
    }
    None
}

/// The first byte behind quotation marks and white space.
fn after_marks(text: &str, at: usize) -> u8 {
    let rest = text.as_bytes().get(at..).unwrap_or_default().iter().take(8);
    rest.copied().find(|b| !matches!(b, b'"' | b'\'' | b'\\' | b' ')).unwrap_or(0)
}

/// The value that begins at `from`, without its quotation marks: `None` where there is none, or
/// nothing but a mask.
fn value(text: &str, from: usize) -> Option<(usize, usize)> {
    // What a list or group begins with is no part of it: `["hunter2"]`.
    let opens = |b: &&u8| matches!(b, b' ' | b'\t' | b'[' | b'{' | b'(');
    let gap = text.as_bytes().get(from..)?.iter().take_while(opens).count();
    let is_list = gap > 0 && byte(text, from + gap - 1) == b'[';
    let mut from = from + gap;
    if is_list && matches!(byte(text, from), b'"' | b'\'') {
        return Some((from, list_end(text, from)));
    }
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

/// Where a list of quoted texts ends: before its bracket.
fn list_end(text: &str, mut at: usize) -> usize {
    loop {
        let quote = byte(text, at);
        if matches!(quote, b'"' | b'\'') {
            at = quoted_end(text, at + 1, quote, false);
            at += usize::from(at < text.len() && byte(text, at) == quote);
        }
        if !matches!(byte(text, at), b',' | b' ') {
            return at;
        }
        at += 1;
    }
}

/// The value of a header: what stands in quotation marks or a list, else the rest of the line.
fn header_value(text: &str, from: usize) -> (usize, usize) {
    let rest = part(text, from, text.len()).trim_start_matches(['\\', '[']);
    if rest.starts_with(['"', '\'']) {
        return value(text, from).unwrap_or((from, from));
    }
    (from, line_end(text, from))
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

/// Text that nobody would write as a word: digits (or the mask of some) among letters, or capitals
/// inside.
fn looks_random(text: &str) -> bool {
    let digits = text.bytes().filter(|b| b.is_ascii_digit() || *b == b'<').count();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    let capital_inside = text.bytes().skip(1).any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_lowercase());
    let mixed = digits > 0 && letters > 0 || capital_inside;
    (text.len() >= 6 && mixed)
        || (text.len() >= 3 && letters == 0 && digits == text.len())
        || text.len() >= 24
}
