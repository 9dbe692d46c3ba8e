//! Secrets and personal data that their own shape gives away.

use super::{ADDRESS, EMAIL, REDACTED, byte, part, token_end};

/// How well-known keys begin, and how many bytes follow at least.
const BEGINNINGS: [(&str, usize); 31] = [
    ("AKIA", 12),
    ("ASIA", 12),
    ("AIza", 30),
    ("ya29.", 20),
    ("GOCSPX-", 20),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghu_", 20),
    ("ghs_", 20),
    ("ghr_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("gldt-", 16),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("xoxa-", 10),
    ("xoxs-", 10),
    ("xapp-", 10),
    ("sk-", 16),
    ("sk_live_", 10),
    ("sk_test_", 10),
    ("rk_live_", 10),
    ("whsec_", 16),
    ("SG.", 30),
    ("hf_", 20),
    ("gsk_", 20),
    ("npm_", 20),
    ("pypi-", 20),
    ("dop_v1_", 20),
    ("hvs.", 16),
    ("AGE-SECRET-KEY-", 20),
];

/// How street names end, in the languages that end them so.
const STREETS: [&str; 16] = [
    "Street",
    "St",
    "St.",
    "Avenue",
    "Ave",
    "Ave.",
    "Road",
    "Rd",
    "Rd.",
    "Lane",
    "Boulevard",
    "Blvd",
    "Drive",
    "Court",
    "Square",
    "Terrace",
];

/// Random text is at least so long, in bytes.
const RANDOM: usize = 24;

/// What begins at `at`, where a token may begin: up to where it goes, and what stands for it.
pub(super) fn at_token(text: &str, at: usize) -> Option<(usize, &'static str)> {
    let first = byte(text, at);
    if first == b'-' && part(text, at, text.len()).starts_with("-----BEGIN ") {
        return Some((private_key_end(text, at)?, REDACTED));
    }
    let before = byte(text, at.wrapping_sub(1));
    if at > 0 && (before.is_ascii_alphanumeric() || !before.is_ascii()) {
        return None;
    }
    if !first.is_ascii_alphanumeric() && first != b':' {
        return None;
    }
    if let Some(found) = number_or_address(text, at) {
        return Some(found);
    }
    let end = token_end(text, at);
    let token = part(text, at, end).trim_end_matches(['.', ':', ',', '!', '?']);
    let end = at + token.len();
    is_secret(token).then_some((end, REDACTED))
}

/// A card number, an IBAN, a street address, or an IP or MAC address that begins at `at`.
fn number_or_address(text: &str, at: usize) -> Option<(usize, &'static str)> {
    if let Some(end) = iban(text, at) {
        return Some((end, REDACTED));
    }
    if byte(text, at).is_ascii_digit() {
        let number = card_number(text, at).or_else(|| street_address(text, at));
        if let Some(end) = number {
            return Some((end, REDACTED));
        }
    }
    ip_address(text, at).map(|end| (end, ADDRESS))
}

/// What stands inside the token `text[start..end]`: user and password of a URL, an e-mail address,
/// a private key, and behind a colon, slash or the like what would be found where a token begins.
/// As a range of the text, with what stands for it.
pub(super) fn inside_token(
    text: &str,
    start: usize,
    end: usize,
) -> Option<(usize, usize, &'static str)> {
    let token = part(text, start, end);
    if let Some(scheme) = token.find("://")
        && let Some((from, to)) = url_user(text, start + scheme + 3)
    {
        return Some((from, to, REDACTED));
    }
    if let Some((from, to)) = email(token) {
        return Some((start + from, start + to, EMAIL));
    }
    if let Some(at) = token.find("-----BEGIN") {
        return private_key_end(text, start + at).map(|end| (start + at, end, REDACTED));
    }
    parts(text, start, end)
}

/// User and password of the URL whose authority begins at `start`. A password may hold, against the
/// rules, what ends an authority: `postgres://bob:a/b@db`.
fn url_user(text: &str, start: usize) -> Option<(usize, usize)> {
    let ends_url = |c: char| c.is_whitespace() || c.is_control() || "\"'`<>".contains(c);
    let rest = part(text, start, text.len());
    let rest = rest.split(ends_url).next().unwrap_or_default();
    let authority = rest.split(['/', '?', '#', '&', ',', ';', '|', ')', ']', '}']).next()?;
    if let Some(at) = authority.rfind('@') {
        return (at > 0).then_some((start, start + at));
    }
    let (user, password) = authority.split_once(':')?;
    let is_port = password.bytes().all(|b| b.is_ascii_digit());
    if user.is_empty() || is_port {
        return None;
    }
    rest.find('@').map(|at| (start, start + at))
}

/// `name@domain.tld` with what may stand around it, the first of several.
fn email(token: &str) -> Option<(usize, usize)> {
    let plain = token.match_indices('@').find_map(|(at, _)| email_at(token, at, at + 1));
    let encoded = || token.match_indices("%40").find_map(|(at, _)| email_at(token, at, at + 3));
    plain.or_else(encoded)
}

/// An address whose name ends at `at`, and whose domain begins at `domain`.
fn email_at(token: &str, at: usize, domain: usize) -> Option<(usize, usize)> {
    let is_name = |b: &u8| b.is_ascii_alphanumeric() || b"._%+-".contains(b) || !b.is_ascii();
    let is_domain = |b: &u8| b.is_ascii_alphanumeric() || b"-.".contains(b) || !b.is_ascii();
    let (name, host) = (part(token, 0, at), part(token, domain, token.len()));
    let host = part(host, 0, host.bytes().take_while(|b| is_domain(b)).count());
    let host = host.trim_end_matches(['.', '-']);
    let (_, top) = host.rsplit_once('.')?;
    let is_top = top.len() >= 2 && !top.bytes().any(|b| b.is_ascii_digit());
    let start = at - name.bytes().rev().take_while(|b| is_name(b)).count();
    (start < at && is_top).then_some((start, domain + host.len()))
}

/// A part of a path, URL or name that is a secret, a card number or an address.
fn parts(text: &str, start: usize, end: usize) -> Option<(usize, usize, &'static str)> {
    const MARKS: [char; 5] = ['/', ':', '?', '#', '@'];
    let token = part(text, start, end);
    let mut from = start;
    for piece in token.split_inclusive(MARKS) {
        // In base64 a slash is a letter, behind a colon though: `id:wJalrXUt/K7MDENG`.
        let long = part(text, from, end).split([':', '?', '#', '@']).next().unwrap_or_default();
        let is_path = byte(text, from) == b'/' || byte(text, from.wrapping_sub(1)) == b'/';
        for name in [if is_path { piece } else { long }, piece] {
            let name = name.trim_end_matches(MARKS).trim_end_matches('.');
            if name.len() < token.len() && is_secret(name) {
                return Some((from, from + name.len(), REDACTED));
            }
        }
        if from > start
            && let Some((to, with)) = number_or_address(text, from)
        {
            return Some((from, to, with));
        }
        from += piece.len();
    }
    None
}

fn is_secret(token: &str) -> bool {
    let known = BEGINNINGS.iter().any(|(start, least)| {
        token.strip_prefix(start).is_some_and(|rest| {
            rest.len() >= *least
                && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        })
    });
    known || is_web_token(token) || is_random(token)
}

/// Three parts in base64, of which the first begins a JSON object.
fn is_web_token(token: &str) -> bool {
    token.starts_with("eyJ") && token.len() >= 20 && token.contains('.')
}

/// Long text in base64 or hexadecimal. Names from source code are long, too, but change between
/// small letters, capitals and digits less often.
fn is_random(token: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"+/=_-".contains(&b);
    if token.len() < RANDOM || !token.bytes().all(plain) {
        return false;
    }
    let class = |b: u8| match b {
        b'0'..=b'9' => 1,
        b'a'..=b'z' => 2,
        b'A'..=b'Z' => 3,
        _ => 0,
    };
    let changes = token
        .bytes()
        .zip(token.bytes().skip(1))
        .filter(|(a, b)| {
            let (a, b) = (class(*a), class(*b));
            // A capital and a small letter begin a word.
            a != b && a != 0 && b != 0 && !(a == 3 && b == 2)
        })
        .count();
    let is_hex = token.bytes().all(|b| b.is_ascii_hexdigit()) && changes > 0;
    is_hex || changes >= token.len() / 5
}

fn private_key_end(text: &str, at: usize) -> Option<usize> {
    let rest = part(text, at, text.len());
    let first = part(rest, 0, rest.find('\n').unwrap_or(rest.len()));
    if !first.contains("PRIVATE KEY") {
        return None;
    }
    let end = rest.find("-----END ").and_then(|end| {
        let tail = part(rest, end + 9, rest.len());
        tail.find("-----").map(|dashes| end + 9 + dashes + 5)
    });
    Some(at + end.unwrap_or(rest.len()))
}

/// 13 to 19 digits, in groups or not, of which the last is the check digit of the others.
fn card_number(text: &str, start: usize) -> Option<usize> {
    let (mut digits, mut sum, mut end) = ([0_u8; 19], 0_u32, start);
    let mut count = 0;
    loop {
        let digit = byte(text, end);
        if digit.is_ascii_digit() {
            *digits.get_mut(count)? = digit - b'0';
            count += 1;
        } else if !(matches!(digit, b' ' | b'-') && byte(text, end + 1).is_ascii_digit()) {
            break;
        }
        end += 1;
    }
    for (place, digit) in digits.iter().take(count).rev().enumerate() {
        let digit = u32::from(*digit);
        sum += if place % 2 == 1 { digit * 2 / 10 + digit * 2 % 10 } else { digit };
    }
    let ends = !byte(text, end).is_ascii_alphanumeric();
    (count >= 13 && sum > 0 && sum.is_multiple_of(10) && ends).then_some(end)
}

/// An international bank account number: a country, two check digits, and 11 to 30 capitals and
/// digits, as one text or in groups of four.
fn iban(text: &str, start: usize) -> Option<usize> {
    let value = |b: u8| match b {
        b'0'..=b'9' => Some(u32::from(b - b'0')),
        b'A'..=b'Z' => Some(u32::from(b - b'A') + 10),
        _ => None,
    };
    let add = |sum: u32, value: u32| (sum * if value < 10 { 10 } else { 100 } + value) % 97;
    let begin = text.as_bytes().get(start..)?.first_chunk::<4>()?;
    let is_begin = begin.map(|b| (b.is_ascii_uppercase(), b.is_ascii_digit()))
        == [(true, false), (true, false), (false, true), (false, true)];
    if !is_begin {
        return None;
    }
    let (mut at, mut length, mut sum, mut found) = (start + 4, 4, 0, None);
    let is_grouped = byte(text, at) == b' ';
    while length < 34 {
        // A group is whole, or the last one.
        at += usize::from(is_grouped && length % 4 == 0 && byte(text, at) == b' ');
        let Some(digit) = value(byte(text, at)) else { break };
        (at, length, sum) = (at + 1, length + 1, add(sum, digit));
        let checked = begin.iter().filter_map(|b| value(*b)).fold(sum, add);
        if length >= 15 && checked == 1 && !byte(text, at).is_ascii_alphanumeric() {
            found = Some(at);
        }
    }
    found
}

/// `221 Baker Street`, `<num> Baker Street`.
fn street_address(text: &str, at: usize) -> Option<usize> {
    let digits = |b: &u8| b.is_ascii_digit();
    let number = text.as_bytes().get(at..)?.iter().take(6).take_while(|b| digits(b)).count();
    street_behind(text, at + number)
}

/// Up to three words with capitals, of which the last is what streets are called.
pub(super) fn street_behind(text: &str, mut at: usize) -> Option<usize> {
    for words in 0..4 {
        if byte(text, at) != b' ' || !byte(text, at + 1).is_ascii_uppercase() {
            return None;
        }
        let end = token_end(text, at + 1);
        if words > 0 && STREETS.contains(&part(text, at + 1, end)) {
            return Some(end);
        }
        at = end;
    }
    None
}

/// IPv4, IPv6 and MAC addresses, as the standard library reads them.
fn ip_address(text: &str, at: usize) -> Option<usize> {
    let ends = |end: usize| {
        let next = byte(text, end);
        !(next.is_ascii_alphanumeric() || next == b'_')
    };
    let is_group = |(place, b): (usize, u8)| match place % 3 {
        2 => b == b'-',
        _ => b.is_ascii_hexdigit(),
    };
    // A MAC address with dashes; with colons it is read below.
    let dashed = part(text, at, at + 17);
    if dashed.len() == 17 && dashed.bytes().enumerate().all(is_group) && ends(at + 17) {
        return Some(at + 17);
    }
    let is_part = |b: &&u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':');
    let length = text.as_bytes().get(at..)?.iter().take(46).take_while(is_part).count();
    let candidate = part(text, at, at + length).trim_end_matches(['.', ':']);
    let whole = at + candidate.len();
    if candidate.contains("::") || candidate.bytes().filter(|b| *b == b':').count() >= 5 {
        let is_mac = candidate.len() == 17 && candidate.split(':').all(|group| group.len() == 2);
        let is_ip = candidate.parse::<std::net::Ipv6Addr>().is_ok();
        return ((is_mac || is_ip) && ends(whole) && candidate.len() > 2).then_some(whole);
    }
    // A port may follow.
    let host = candidate.split(':').next().unwrap_or_default();
    let end = at + host.len();
    (host.parse::<std::net::Ipv4Addr>().is_ok() && ends(end)).then_some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_source_code_are_not_random() {
        for name in [
            "AbstractSingletonProxyFactoryBeanImplementation",
            "org/apache/hadoop/hdfs/server/namenode/NameNodeRpcServer",
            "x86_64-unknown-linux-gnu-toolchain-stable",
            "com_example_service_HttpRequestHandlerV2Implementation",
        ] {
            assert!(!is_random(name), "{name}");
        }
        for secret in
            ["wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "d41d8cd98f00b204e9800998ecf8427e"]
        {
            assert!(is_random(secret), "{secret}");
        }
    }

    #[test]
    fn an_iban_has_check_digits() {
        for (text, end) in [
            ("GB82WEST12345698765432", Some(22)),
            ("GB82 WEST 1234 5698 7654 32 OK", Some(27)),
            ("BE68 5390 0754 7034 FROM", Some(19)),
            ("NO9386011117947.", Some(15)),
            ("GB82WEST12345698765433", None),
            ("GB82WEST12345698765432X", None),
            ("DE00", None),
            ("gb82west12345698765432", None),
        ] {
            assert_eq!(iban(text, 0), end, "{text}");
        }
    }

    #[test]
    fn a_card_number_has_a_check_digit() {
        assert_eq!(card_number("4111 1111 1111 1111 x", 0), Some(19));
        assert_eq!(card_number("4111 1111 1111 1112 x", 0), None);
        assert_eq!(card_number("0000000000000000", 0), None);
    }
}
