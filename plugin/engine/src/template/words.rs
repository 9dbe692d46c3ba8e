//! The words that tell the scanner what the next value is. General English and log vocabulary;
//! nothing here belongs to one system.

use crate::swar::{chunk, each};

/// What the words just read promise about the value that comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Cue {
    None,
    /// After `user`: a name may follow.
    User,
    /// After `password`, `publickey`, …: `for NAME` may follow.
    Auth,
    /// After `password for`.
    AuthFor,
    /// After `status`, `response`, …: a three-digit status may follow.
    Status,
    /// After `"GET /path HTTP/1.1`: the status of an access log may follow.
    Request,
    /// After `exit`, `rc`, …: zero or not is what matters.
    Exit,
    /// After `failed`, `errors`, …: a count of zero stays.
    Failures,
}

impl Cue {
    /// The next word may be a name.
    #[inline]
    pub(super) fn awaits_name(self) -> bool {
        matches!(self, Self::User | Self::AuthFor)
    }
}

/// A word of at most eight letters, lower-cased, as one integer.
const fn key(word: &[u8]) -> u64 {
    let mut packed = 0u64;
    let mut i = 0;
    while i < word.len() && i < 8 {
        packed |= ((word[i] | 0x20) as u64) << (8 * i);
        i += 1;
    }
    packed
}

/// As [`key`], with every digit as a `0`.
const fn blind_key(word: &[u8]) -> u64 {
    let mut bytes = key(word).to_le_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if bytes[i].is_ascii_digit() {
            bytes[i] = b'0';
        }
        i += 1;
    }
    u64::from_le_bytes(bytes)
}

/// What [`key`] gives for a word of at most eight letters, in fewer steps.
#[inline]
fn pack(word: &[u8]) -> u64 {
    let packed = match (word.first_chunk::<4>(), word.last_chunk::<4>()) {
        (Some(first), Some(last)) => {
            let shift = 8 * (word.len() as u32).saturating_sub(4);
            let last = u64::from(u32::from_le_bytes(*last));
            u64::from(u32::from_le_bytes(*first)) | last << (shift & 63)
        }
        _ => word.iter().rev().fold(0, |packed, byte| packed << 8 | u64::from(*byte)),
    };
    lower_case(packed, (8 * word.len() as u32).min(64))
}

/// The first bytes of a chunk, lower-cased; `bits` is eight for each, and not 0.
#[inline]
fn lower_case(chunk: u64, bits: u32) -> u64 {
    (chunk | each(0x20)) & u64::MAX >> (64u32.wrapping_sub(bits) & 63)
}

/// A set of words of at most eight letters each: open addressing, filled when compiled.
struct Words<const SLOTS: usize>([u64; SLOTS]);

impl<const SLOTS: usize> Words<SLOTS> {
    const fn new(words: &[&[u8]]) -> Self {
        Self::of_keys(words, false)
    }

    const fn of_keys(words: &[&[u8]], blind: bool) -> Self {
        assert!(SLOTS.is_power_of_two() && SLOTS >= 2 * words.len());
        let mut slots = [0; SLOTS];
        let mut word = 0;
        while word < words.len() {
            assert!(words[word].len() <= 8);
            let packed = if blind { blind_key(words[word]) } else { key(words[word]) };
            let mut slot = Self::slot(packed);
            while slots[slot] != 0 && slots[slot] != packed {
                slot = (slot + 1) % SLOTS;
            }
            slots[slot] = packed;
            word += 1;
        }
        Self(slots)
    }

    const fn slot(packed: u64) -> usize {
        (packed.wrapping_mul(SPREAD) >> (64 - SLOTS.trailing_zeros())) as usize % SLOTS
    }

    #[inline]
    fn contains(&self, word: &[u8]) -> bool {
        !word.is_empty() && word.len() <= 8 && self.has(pack(word))
    }

    #[inline]
    fn has(&self, packed: u64) -> bool {
        let mut slot = Self::slot(packed);
        loop {
            match self.0[slot] {
                0 => return false,
                known if known == packed => return true,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }
}

/// A set of words of which some hold digits. Most words are told from them when they are blind: the
/// digits of others need not be asked for.
struct DigitWords<const SLOTS: usize> {
    blind: Words<SLOTS>,
    exact: Words<SLOTS>,
}

impl<const SLOTS: usize> DigitWords<SLOTS> {
    const fn new(words: &[&[u8]]) -> Self {
        Self { blind: Words::of_keys(words, true), exact: Words::of_keys(words, false) }
    }

    #[inline]
    fn contains<'a>(&self, blind: &[u8], word: impl FnOnce() -> &'a [u8]) -> bool {
        self.blind.contains(blind) && self.exact.contains(word())
    }
}

/// Spreads the words over a table; no two words of [`WORDS`] fall into the same slot.
const SPREAD: u64 = 0x5f68_0e21_578b_dd3b;

/// What a word says beside itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// Nothing: most words.
    Plain,
    /// What follows gets this cue.
    Gives(Cue),
    /// `for`: passes `password …` on.
    For,
    /// `invalid`: may stand between `for` and `user`.
    Invalid,
    /// `status`: of a request, a process or a response.
    Status,
    /// `code`, `is`, `of`, …: passes a cue for numbers on.
    PassesOn,
    /// A day or month, short or long.
    DayOrMonth,
    /// A noun that counts failures: as a key (`failed=0`).
    CountsFailures,
}

impl Meaning {
    /// The cue behind this word, where `present` was the cue before it.
    #[inline]
    pub(super) fn cue_after(self, present: Cue) -> Cue {
        match self {
            Self::Plain | Self::DayOrMonth | Self::CountsFailures => Cue::None,
            Self::Gives(cue) => cue,
            Self::For if present == Cue::Auth => Cue::AuthFor,
            Self::Invalid if present == Cue::AuthFor => Cue::AuthFor,
            Self::Status if matches!(present, Cue::Exit | Cue::Request) => present,
            Self::Status => Cue::Status,
            Self::PassesOn if matches!(present, Cue::Status | Cue::Request | Cue::Exit) => present,
            Self::For | Self::Invalid | Self::PassesOn => Cue::None,
        }
    }

    /// The cue for the value, where this is the key of a pair.
    pub(super) fn cue_of_value(self) -> Cue {
        match self {
            Self::CountsFailures => Cue::Failures,
            _ => self.cue_after(Cue::None),
        }
    }
}

/// What the word `text[start..end]` says. One look into a table for words of up to eight letters.
#[inline]
pub(super) fn meaning(text: &[u8], start: usize, end: usize) -> Meaning {
    match end - start {
        0 => Meaning::Plain,
        length @ 1..=8 => short_meaning(chunk(text, start), 8 * length as u32),
        _ => long_meaning(text.get(start..end).unwrap_or_default()),
    }
}

/// What the word of eight letters or more says that begins with a chunk.
#[inline]
pub(super) fn meaning_from(chunk: u64, word: &[u8]) -> Meaning {
    if word.len() == 8 { short_meaning(chunk, 64) } else { long_meaning(word) }
}

/// What the word says whose letters are the first bytes of a chunk, `bits` of it.
#[inline]
pub(super) fn short_meaning(chunk: u64, bits: u32) -> Meaning {
    let packed = lower_case(chunk, bits);
    match MEANINGS[slot(packed)] {
        (known, meaning) if known == packed => meaning,
        _ => Meaning::Plain,
    }
}

#[inline(never)]
fn long_meaning(word: &[u8]) -> Meaning {
    match word {
        b"publickey" | b"hostbased" | b"authentication" | b"keyboard-interactive" => {
            Meaning::Gives(Cue::Auth)
        }
        b"status_code" | b"statusCode" | b"StatusCode" | b"http_status" | b"responded" => {
            Meaning::Gives(Cue::Status)
        }
        b"exit_code" | b"exit_status" | b"returncode" | b"return_code" => Meaning::Gives(Cue::Exit),
        b"Wednesday" | b"September" => Meaning::DayOrMonth,
        _ => Meaning::Plain,
    }
}

const fn slot(packed: u64) -> usize {
    (packed.wrapping_mul(SPREAD) >> 56) as usize
}

/// One slot for each word, filled when compiled; a quarter full.
static MEANINGS: [(u64, Meaning); 256] = {
    let mut table = [(0, Meaning::Plain); 256];
    let mut word = 0;
    while word < WORDS.len() {
        let packed = key(WORDS[word].0);
        let place = slot(packed);
        assert!(table[place].0 == 0, "choose another SPREAD");
        table[place] = (packed, WORDS[word].1);
        word += 1;
    }
    table
};

const WORDS: [(&[u8], Meaning); 74] = {
    use Meaning::{CountsFailures, DayOrMonth, For, Gives, Invalid, PassesOn, Status};
    [
        (b"user", Gives(Cue::User)),
        (b"for", For),
        (b"invalid", Invalid),
        (b"password", Gives(Cue::Auth)),
        (b"pam", Gives(Cue::Auth)),
        (b"login", Gives(Cue::Auth)),
        (b"auth", Gives(Cue::Auth)),
        (b"logon", Gives(Cue::Auth)),
        (b"status", Status),
        (b"http", Gives(Cue::Status)),
        (b"returned", Gives(Cue::Status)),
        (b"response", Gives(Cue::Status)),
        (b"exit", Gives(Cue::Exit)),
        (b"exited", Gives(Cue::Exit)),
        (b"exitcode", Gives(Cue::Exit)),
        (b"rc", Gives(Cue::Exit)),
        (b"code", PassesOn),
        (b"with", PassesOn),
        (b"of", PassesOn),
        (b"is", PassesOn),
        (b"was", PassesOn),
        (b"value", PassesOn),
        (b"mon", DayOrMonth),
        (b"tue", DayOrMonth),
        (b"wed", DayOrMonth),
        (b"thu", DayOrMonth),
        (b"fri", DayOrMonth),
        (b"sat", DayOrMonth),
        (b"sun", DayOrMonth),
        (b"monday", DayOrMonth),
        (b"tuesday", DayOrMonth),
        (b"thursday", DayOrMonth),
        (b"friday", DayOrMonth),
        (b"saturday", DayOrMonth),
        (b"sunday", DayOrMonth),
        (b"jan", DayOrMonth),
        (b"feb", DayOrMonth),
        (b"mar", DayOrMonth),
        (b"apr", DayOrMonth),
        (b"may", DayOrMonth),
        (b"jun", DayOrMonth),
        (b"jul", DayOrMonth),
        (b"aug", DayOrMonth),
        (b"sep", DayOrMonth),
        (b"sept", DayOrMonth),
        (b"oct", DayOrMonth),
        (b"nov", DayOrMonth),
        (b"dec", DayOrMonth),
        (b"january", DayOrMonth),
        (b"february", DayOrMonth),
        (b"march", DayOrMonth),
        (b"april", DayOrMonth),
        (b"june", DayOrMonth),
        (b"july", DayOrMonth),
        (b"august", DayOrMonth),
        (b"october", DayOrMonth),
        (b"november", DayOrMonth),
        (b"december", DayOrMonth),
        (b"error", CountsFailures),
        (b"errors", CountsFailures),
        (b"failure", CountsFailures),
        (b"failures", CountsFailures),
        (b"failed", CountsFailures),
        (b"fail", CountsFailures),
        (b"fails", CountsFailures),
        (b"fatal", CountsFailures),
        (b"critical", CountsFailures),
        (b"lost", CountsFailures),
        (b"dropped", CountsFailures),
        (b"corrupt", CountsFailures),
        (b"bad", CountsFailures),
        (b"problems", CountsFailures),
        (b"issues", CountsFailures),
        (b"defects", CountsFailures),
    ]
};

/// A noun that counts failures: `0 errors` and `failed=0` differ in meaning from `3 errors`.
pub(super) fn counts_failures(word: &[u8]) -> bool {
    meaning(word, 0, word.len()) == Meaning::CountsFailures
}

/// Follows `user` without being a name: `user session closed`, `user not found`.
pub(super) fn not_a_name(word: &[u8]) -> bool {
    static SHORT: Words<512> = Words::new(&[
        b"a",
        b"account",
        b"accounts",
        b"added",
        b"agent",
        b"and",
        b"are",
        b"as",
        b"at",
        b"auth",
        b"base",
        b"by",
        b"cache",
        b"can",
        b"cannot",
        b"changed",
        b"count",
        b"created",
        b"data",
        b"database",
        b"db",
        b"defined",
        b"deleted",
        b"denied",
        b"disabled",
        b"does",
        b"domain",
        b"enabled",
        b"error",
        b"exists",
        b"failed",
        b"flow",
        b"for",
        b"found",
        b"from",
        b"group",
        b"groups",
        b"had",
        b"has",
        b"have",
        b"home",
        b"id",
        b"ids",
        b"in",
        b"info",
        b"input",
        b"is",
        b"limit",
        b"list",
        b"locked",
        b"logged",
        b"login",
        b"logon",
        b"logout",
        b"manager",
        b"memory",
        b"mode",
        b"mount",
        b"name",
        b"names",
        b"no",
        b"not",
        b"null",
        b"of",
        b"on",
        b"or",
        b"out",
        b"owned",
        b"password",
        b"policy",
        b"process",
        b"profile",
        b"query",
        b"quota",
        b"removed",
        b"request",
        b"role",
        b"roles",
        b"runtime",
        b"service",
        b"services",
        b"session",
        b"sessions",
        b"signed",
        b"slice",
        b"space",
        b"table",
        b"task",
        b"thread",
        b"threads",
        b"time",
        b"to",
        b"token",
        b"type",
        b"unknown",
        b"updated",
        b"was",
        b"with",
    ]);
    const LONG: [&[u8]; 8] = [
        b"accessible",
        b"authenticated",
        b"authentication",
        b"connection",
        b"credentials",
        b"interface",
        b"permission",
        b"permissions",
    ];
    SHORT.contains(word) || LONG.contains(&word)
}

/// May stand right behind a name: `user alice from …`, `for alice by …`.
pub(super) fn follows_a_name(word: &[u8]) -> bool {
    static WORDS: Words<64> = Words::new(&[
        b"from", b"by", b"at", b"on", b"via", b"with", b"using", b"logged", b"port", b"in", b"to",
        b"for", b"has", b"is", b"was", b"signed",
    ]);
    WORDS.contains(word)
}

/// A severity, which is no host name although it follows the time.
pub(super) fn is_level(word: &[u8]) -> bool {
    static WORDS: Words<64> = Words::new(&[
        b"trace",
        b"debug",
        b"info",
        b"notice",
        b"warn",
        b"warning",
        b"error",
        b"err",
        b"crit",
        b"critical",
        b"alert",
        b"emerg",
        b"fatal",
        b"severe",
        b"fine",
        b"log",
        b"audit",
        b"verbose",
        b"panic",
        b"config",
    ]);
    WORDS.contains(word)
}

/// What the value of `key=value` and `"key": value` is to the template.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Worth {
    /// A variable: masked as a whole.
    Variable,
    /// It decides the meaning, or is text: scanned like the rest of the line.
    Text,
    /// Never shown, whatever it looks like.
    Secret,
}

pub(super) fn worth(name: &[u8]) -> Worth {
    static TEXT: Words<256> = Words::new(&[
        b"action",
        b"alert",
        b"category",
        b"cause",
        b"class",
        b"code",
        b"cond",
        b"decision",
        b"desc",
        b"detail",
        b"details",
        b"err",
        b"error",
        b"event",
        b"exit",
        b"exitcode",
        b"failed",
        b"failures",
        b"fault",
        b"health",
        b"level",
        b"lvl",
        b"log",
        b"message",
        b"method",
        b"mode",
        b"msg",
        b"op",
        b"outcome",
        b"phase",
        b"prio",
        b"rc",
        b"reason",
        b"res",
        b"response",
        b"result",
        b"severity",
        b"stage",
        b"state",
        b"status",
        b"summary",
        b"text",
        b"title",
        b"type",
        b"verb",
        b"warning",
    ]);
    // Most names are one short word in small letters.
    let is_word = name.len() <= 8 && name.iter().all(u8::is_ascii_lowercase);
    let name = if is_word { name } else { last_part(name) };
    if TEXT.contains(name) || !is_word && is_long_text(name) {
        Worth::Text
    } else if is_secret(name) {
        Worth::Secret
    } else {
        Worth::Variable
    }
}

/// The same for other spellings of such names.
#[inline(never)]
fn is_long_text(name: &[u8]) -> bool {
    const LONG_TEXT: [&[u8]; 14] = [
        b"status_code",
        b"statusCode",
        b"StatusCode",
        b"http_status",
        b"exit_code",
        b"exit_status",
        b"description",
        b"exception",
        b"condition",
        b"operation",
        b"component",
        b"disposition",
        b"subsystem",
        b"eventName",
    ];
    LONG_TEXT.contains(&name) || decides(last_word(name))
}

/// The last word of a name in any spelling: `displayMessage`, `error_message`, `log-level`.
fn last_word(name: &[u8]) -> &[u8] {
    let start = name.iter().rposition(|b| matches!(b, b'_' | b'-')).map_or(0, |at| at + 1);
    let start = match name.iter().rposition(u8::is_ascii_uppercase) {
        // All capitals are one word.
        Some(capital) if !name.iter().skip(start).all(u8::is_ascii_uppercase) => capital.max(start),
        _ => start,
    };
    name.get(start..).unwrap_or_default()
}

/// The last word of keys whose value decides the meaning, whatever stands before it.
fn decides(word: &[u8]) -> bool {
    static WORDS: Words<64> = Words::new(&[
        b"message",
        b"msg",
        b"error",
        b"err",
        b"reason",
        b"level",
        b"severity",
        b"status",
        b"state",
        b"result",
        b"outcome",
        b"type",
        b"event",
        b"action",
        b"op",
        b"method",
    ]);
    WORDS.contains(word) || word.eq_ignore_ascii_case(b"exception")
}

/// Every key of a secret ends in one of these letters: most names do not.
#[inline]
pub(super) fn may_end_secret(last: u8) -> bool {
    const LETTERS: u32 = letters(b"detnyl");
    last & 0x40 != 0 && LETTERS >> (last & 0x1f) & 1 != 0
}

/// A bit for each letter of `set`, in upper or lower case.
const fn letters(set: &[u8]) -> u32 {
    let mut bits = 0;
    let mut i = 0;
    while i < set.len() {
        bits |= 1 << (set[i] & 0x1f);
        i += 1;
    }
    bits
}

/// A key whose value is a secret, in the usual spellings (`api_key`, `X-Auth-Token`, `dbPassword`).
#[inline]
pub(super) fn is_secret(name: &[u8]) -> bool {
    name.last().is_some_and(|b| may_end_secret(*b)) && names_secret(name)
}

#[inline(never)]
fn names_secret(name: &[u8]) -> bool {
    const MARKS: [&[u8]; 9] = [
        b"password",
        b"passwd",
        b"pwd",
        b"passphrase",
        b"secret",
        b"token",
        b"apikey",
        b"api_key",
        b"credential",
    ];
    let lower = |b: &u8| b.to_ascii_lowercase();
    name.len() <= 64
        && MARKS.iter().any(|mark| {
            name.len() >= mark.len()
                && name[name.len() - mark.len()..].iter().map(lower).eq(mark.iter().copied())
        })
        || name.eq_ignore_ascii_case(b"authorization")
        || name.eq_ignore_ascii_case(b"access_key")
}

/// Field names are often dotted (`http.status`, `log.level`): the last part decides.
pub(super) fn last_part(name: &[u8]) -> &[u8] {
    name.rsplit(|b| *b == b'.').next().unwrap_or(name)
}

/// Technical terms with a digit in them: part of the wording, not a value.
pub(super) fn is_term<'a>(blind: &[u8], token: impl FnOnce() -> &'a [u8]) -> bool {
    static TERMS: DigitWords<256> = DigitWords::new(&[
        b"ssh1", b"ssh2", b"http1", b"http2", b"http3", b"h2", b"h2c", b"h3", b"ipv4", b"ipv6",
        b"ip4", b"ip6", b"tcp4", b"tcp6", b"udp4", b"udp6", b"inet6", b"icmp6", b"icmpv6",
        b"dhcp4", b"dhcp6", b"dhcpv6", b"sha1", b"sha2", b"sha256", b"sha384", b"sha512", b"md4",
        b"md5", b"crc32", b"crc32c", b"rc4", b"aes128", b"aes256", b"base64", b"utf8", b"utf16",
        b"x86", b"x64", b"i386", b"i686", b"amd64", b"arm64", b"win32", b"ext2", b"ext3", b"ext4",
        b"nfs3", b"nfs4", b"nfsv3", b"nfsv4", b"smb1", b"smb2", b"smb3", b"ntlmv1", b"ntlmv2",
        b"oauth2", b"log4j", b"s3", b"ec2", b"k8s", b"i18n", b"ipv6cp", b"x509",
    ]);
    TERMS.contains(blind, token)
}

/// A data file by its extension. Source files (`main.go:42`) stay: they name the code, not a value.
pub(super) fn is_data_extension<'a>(blind: &[u8], extension: impl FnOnce() -> &'a [u8]) -> bool {
    static WORDS: DigitWords<256> = DigitWords::new(&[
        b"conf", b"cfg", b"cnf", b"ini", b"log", b"txt", b"xml", b"json", b"yml", b"yaml", b"toml",
        b"csv", b"tsv", b"jar", b"war", b"zip", b"gz", b"tgz", b"tar", b"bz2", b"xz", b"sql",
        b"db", b"dat", b"bin", b"tmp", b"bak", b"pid", b"sock", b"lock", b"pem", b"crt", b"cer",
        b"key", b"so", b"dll", b"exe", b"html", b"htm", b"png", b"jpg", b"pdf", b"xlsx", b"docx",
    ]);
    WORDS.contains(blind, extension)
}

/// Ends a host name that has no digit in it (`mail.example.com`, `db.prod.internal`).
pub(super) fn is_host_ending(label: &[u8]) -> bool {
    static WORDS: Words<128> = Words::new(&[
        b"com",
        b"net",
        b"org",
        b"edu",
        b"gov",
        b"io",
        b"dev",
        b"de",
        b"uk",
        b"fr",
        b"nl",
        b"cn",
        b"jp",
        b"ru",
        b"br",
        b"tw",
        b"pl",
        b"kr",
        b"us",
        b"eu",
        b"biz",
        b"cloud",
        b"local",
        b"localnet",
        b"internal",
        b"lan",
        b"corp",
        b"example",
    ]);
    WORDS.contains(label)
}

/// Units whose size changes with the number, so that number and unit are one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Unit {
    Bytes,
    Time,
}

/// Whether a unit may begin with this byte: most words are none.
#[inline]
pub(super) fn may_begin_unit(first: u8) -> bool {
    const LETTERS: u32 = letters(b"bkmgtpnush");
    first >= 0x80 || first & 0x40 != 0 && LETTERS >> (first & 0x1f) & 1 != 0
}

pub(super) fn unit(word: &[u8]) -> Option<Unit> {
    if word.len() > 4 {
        return None;
    }
    static BYTES: Words<128> = Words::new(&[
        b"b", b"k", b"m", b"g", b"t", b"kb", b"mb", b"gb", b"tb", b"pb", b"kib", b"mib", b"gib",
        b"tib", b"ki", b"mi", b"gi", b"ti", b"kbit", b"mbit", b"kbps", b"mbps", b"gbps",
    ]);
    static TIME: Words<64> = Words::new(&[
        b"ns", b"us", b"ms", b"s", b"sec", b"secs", b"msec", b"min", b"mins", b"h", b"hr", b"hrs",
    ]);
    if TIME.contains(word) || word == "µs".as_bytes() || word == "μs".as_bytes() {
        Some(Unit::Time)
    } else if BYTES.contains(word) {
        Some(Unit::Bytes)
    } else {
        None
    }
}

/// A day or month by its English short or long name, with a capital.
pub(super) fn is_day_or_month(word: &[u8]) -> bool {
    word.first().is_some_and(u8::is_ascii_uppercase)
        && meaning(word, 0, word.len()) == Meaning::DayOrMonth
}

/// A time zone right behind a time.
pub(super) fn is_zone(word: &[u8]) -> bool {
    const ZONES: [&[u8]; 12] = [
        b"UTC", b"GMT", b"Z", b"CET", b"CEST", b"EST", b"EDT", b"PST", b"PDT", b"AM", b"PM", b"MSK",
    ];
    ZONES.contains(&word)
}
