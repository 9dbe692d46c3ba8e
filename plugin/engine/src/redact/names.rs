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
const WORDS: [(&str, Name); 44] = [
    ("pass", Name::Secret),
    ("pw", Name::Secret),
    ("jwt", Name::Secret),
    ("sid", Name::Secret),
    ("sig", Name::Secret),
    ("phone", Name::Phone),
    ("telephone", Name::Phone),
    ("tel", Name::Phone),
    ("mobile", Name::Phone),
    ("msisdn", Name::Phone),
    ("telefon", Name::Phone),
    ("phone_number", Name::Phone),
    ("phonenumber", Name::Phone),
    ("phone-number", Name::Phone),
    ("mobile_number", Name::Phone),
    ("mobilenumber", Name::Phone),
    // German, Dutch, Swedish, Norwegian, Danish, Finnish.
    ("kennwort", Name::Foreign),
    ("geheimnis", Name::Foreign),
    ("wachtwoord", Name::Foreign),
    ("lösenord", Name::Foreign),
    ("passord", Name::Foreign),
    ("adgangskode", Name::Foreign),
    ("salasana", Name::Foreign),
    // Spanish, French, Portuguese, Italian.
    ("contraseña", Name::Foreign),
    ("contrasena", Name::Foreign),
    ("mdp", Name::Foreign),
    ("senha", Name::Foreign),
    ("palavra-passe", Name::Foreign),
    // Polish, Czech, Hungarian, Turkish, Greek.
    ("hasło", Name::Foreign),
    ("heslo", Name::Foreign),
    ("jelszó", Name::Foreign),
    ("şifre", Name::Foreign),
    ("κωδικός", Name::Foreign),
    // Russian, Hebrew, Thai.
    ("пароль", Name::Foreign),
    ("סיסמה", Name::Foreign),
    ("รหัสผ่าน", Name::Foreign),
    // Chinese, Japanese, Korean.
    ("密码", Name::Foreign),
    ("密碼", Name::Foreign),
    ("口令", Name::Foreign),
    ("密钥", Name::Foreign),
    ("密鑰", Name::Foreign),
    ("パスワード", Name::Foreign),
    ("비밀번호", Name::Foreign),
    ("암호", Name::Foreign),
];

/// Names of which only the last two words are looked at.
const PHRASES: [(&str, &str, Name); 10] = [
    ("api", "key", Name::Secret),
    ("de", "passe", Name::Foreign),
    ("mật", "khẩu", Name::Foreign),
    ("kata", "sandi", Name::Foreign),
    ("كلمة", "المرور", Name::Foreign),
    ("كلمة", "السر", Name::Foreign),
    ("phone", "number", Name::Phone),
    ("telephone", "number", Name::Phone),
    ("mobile", "number", Name::Phone),
    ("phone", "no", Name::Phone),
];

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

/// A telephone number has at least so many digits.
const DIGITS: usize = 6;

/// A telephone number of so many digits is whole, in whatever country.
const MOST_DIGITS: usize = 12;

/// What a name makes of the text behind it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// A password, in free text too.
    Password,
    /// A secret where one is assigned, or where what follows looks like one.
    Secret,
    /// The same, of a language whose ordinary words we do not know, or where it is quoted.
    Foreign,
    /// A telephone number.
    Phone,
    /// A header, whose whole value is a secret.
    Header,
}

/// Whether a word names a secret.
pub(super) fn is_name(word: &str) -> bool {
    kind(word).is_some()
}

impl Name {
    /// Whether the value that was found behind the name is a secret.
    pub(super) fn is_secret(self, is_assigned: bool, found: &str) -> bool {
        match (self, is_assigned) {
            (Self::Header, _) => !found.is_empty(),
            (Self::Password, true) => !matches!(found, "null" | "none" | "true" | "false"),
            (Self::Password, false) => !is_ordinary(found),
            (Self::Secret | Self::Foreign, true) => !is_ordinary(found),
            (Self::Secret | Self::Foreign, false) => looks_random(found),
            (Self::Phone, _) => found.bytes().filter(u8::is_ascii_digit).count() >= DIGITS,
        }
    }
}

/// What the end of a word names.
pub(super) fn kind(word: &str) -> Option<Name> {
    // No name is longer than this, with what stands before it in the same word.
    let word = part(word, word.ceil_char_boundary(word.len().saturating_sub(64)), word.len());
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
    let mut alike = WORDS.iter().filter(|(name, _)| name.bytes().next_back() == Some(last));
    if let Some((_, name)) = alike.find(|(name, _)| ends(name).is_some_and(begins_word)) {
        return Some(*name);
    }
    // `password_confirmation`, `password2`; what holds escapes is no name.
    let is_plain = || !word.contains(['%', '\\']);
    let holds = |part: &str| {
        word.as_bytes().windows(part.len()).any(|w| w.eq_ignore_ascii_case(part.as_bytes()))
    };
    if holds("password") && is_plain() {
        return Some(Name::Secret);
    }
    // Capitals of other alphabets.
    let small = (!word.is_ascii()).then(|| word.to_lowercase()).filter(|small| small != word)?;
    WORDS.iter().find(|(name, _)| !name.is_ascii() && small.ends_with(name)).map(|(_, name)| *name)
}

/// What two words name.
fn phrase(before: &str, word: &str) -> Option<Name> {
    let is = |(first, last, _): &&(&str, &str, Name)| {
        let same = |word: &str, name: &str| match word.is_ascii() {
            true => word.eq_ignore_ascii_case(name),
            false => word.to_lowercase() == name,
        };
        same(word, last) && same(before, first)
    };
    PHRASES.iter().find(is).map(|(.., name)| *name)
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
    let named = token.trim_end_matches([':', '：', '＝', '\\', '-']);
    let name = phrase(before, named).or_else(|| kind(named))?;
    let end = start + named.len();
    let (from, assigned) = separator(text, end);
    if assigned && let Some(next) = next_line(text, from) {
        let (from, to) = whole_line(text, next)?;
        let found = part(text, from, to);
        return (name.is_secret(true, found) && !is_ordinary(found)).then_some((from, to));
    }
    let (from, assigned) = behind_owner(text, from).unwrap_or((from, assigned));
    let (from, to) = match name {
        Name::Header if assigned => header_value(text, from),
        Name::Header => return None,
        Name::Phone => telephone_number(text, from)?,
        Name::Password | Name::Secret | Name::Foreign => value(text, from)?,
    };
    if mask_end(text, from) == Some(to) {
        return None;
    }
    // `--token abc`, `Passwort "abc"`
    let is_quoted = from > end + 1 && matches!(byte(text, from - 1), b'"' | b'\'' | b'`');
    let assigned = assigned
        || (name == Name::Secret && token.starts_with("--"))
        || (name == Name::Foreign && is_quoted);
    name.is_secret(assigned, part(text, from, to)).then_some((from, to))
}

/// `password:hunter2` is one token.
fn glued(text: &str, token: &str, start: usize) -> Option<(usize, usize)> {
    let (name, behind) = token.split_once([':', '：', '＝'])?;
    let from = start + token.len() - behind.len();
    if behind.trim_start_matches([':', '\\']).is_empty() {
        return None;
    }
    match kind(name)? {
        Name::Header => None,
        Name::Phone => telephone_number(text, from),
        Name::Password | Name::Secret | Name::Foreign => value(text, from),
    }
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
            0xef if part(text, at, text.len()).starts_with(['：', '＝']) => {
                assigned = true;
                at += 2;
            }
            _ => break,
        }
        at += 1;
    }
    for word in ["is", "was", "IS", "Is", "ist", "lautet", "es", "est", "é", "è"] {
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

/// Where the next line begins, if nothing more stands on this one: but for the mark of a block in
/// YAML.
fn next_line(text: &str, from: usize) -> Option<usize> {
    let line = part(text, from, text.len());
    let rest = line.trim_start_matches(['|', '>', '-', '+', ' ', '\r']);
    let behind = rest.strip_prefix('\n')?;
    Some(text.len() - behind.trim_start().len())
}

/// The value that is all of the line which begins at `start`.
fn whole_line(text: &str, start: usize) -> Option<(usize, usize)> {
    let (from, to) = value(text, start)?;
    let rest = part(text, to, line_end(text, start).max(to));
    rest.trim_start_matches(['"', '\'', '`', ' ', '\r']).is_empty().then_some((from, to))
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
pub(super) fn value(text: &str, from: usize) -> Option<(usize, usize)> {
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
    let is_done = mask_end(text, text.len() - rest.len());
    match is_done.is_some_and(|end| byte(text, end) == b']') {
        true => (from, from),
        false => (from, line_end(text, from)),
    }
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

/// A telephone number, with what stands between its digits: `+49 (151) 234-5678`.
fn telephone_number(text: &str, from: usize) -> Option<(usize, usize)> {
    let rest = part(text, from, text.len()).trim_start_matches(['"', '\'', '\\', ' ']);
    let from = text.len() - rest.len();
    let (mut at, mut end, mut digits) = (from, from, 0);
    loop {
        match byte(text, at) {
            b'0'..=b'9' => {
                digits += 1;
                end = at + 1;
            }
            b'+' if at == from => {}
            // What follows a whole number is another one; a gap is no wider than two marks.
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' if digits < MOST_DIGITS && at < end + 2 => {}
            _ => break,
        }
        at += 1;
    }
    let is_number = digits >= DIGITS && !byte(text, end).is_ascii_alphanumeric();
    is_number.then_some((from, end))
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

/// Text that nobody would write as a word: mixed, a number, or long.
fn looks_random(text: &str) -> bool {
    is_mixed(text)
        || (text.len() >= 3 && text.bytes().all(|b| b.is_ascii_digit() || b == b'<'))
        || text.chars().count() >= 24
}

/// Digits (or the mask of some) among letters, or capitals inside.
pub(super) fn is_mixed(text: &str) -> bool {
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let has_number = has(|b| b.is_ascii_digit() || *b == b'<') && has(u8::is_ascii_alphabetic);
    let has_capital = text.bytes().skip(1).any(|b| b.is_ascii_uppercase());
    text.len() >= 6 && (has_number || has_capital && has(u8::is_ascii_lowercase))
}
