//! Template masking: what it keeps, what it masks, and its invariants (idempotent, total, bounded).

mod support;

use logtriage_engine::{MAX_TEMPLATE, Masker, TemplateId};
use proptest::prelude::*;

fn mask(message: &str) -> String {
    Masker::default().mask(message.as_bytes()).to_owned()
}

/// `(message, template)`, grouped by what they show.
const GOLDEN: &[(&str, &str)] = &[
    // Values that their shape gives away.
    ("Listening on 10.0.0.1:8080", "Listening on <ip>"),
    ("peer fe80::1ff:fe23:4567:890a gone", "peer <ip> gone"),
    ("lease for 00:1b:44:11:3a:b7", "lease for <mac>"),
    ("took 20 ms", "took <dur>"),
    ("took 1h30m", "took <dur>"),
    ("freed 12.5 MB of 3GiB", "freed <size> of <size>"),
    ("cpu at 85%", "cpu at <num>%"),
    ("id 123e4567-e89b-12d3-a456-426614174000 ok", "id <uuid> ok"),
    ("fault at 0x7ffd12", "fault at <hex>"),
    ("commit deadbeef42", "commit <hex>"),
    ("open /var/log/app/x.log: ok", "open <path>: ok"),
    ("open C:\\Temp\\x.txt now", "open <path> now"),
    ("GET https://example.com/a?b=c done", "GET <url> done"),
    ("mail to ada@example.com sent", "mail to <email> sent"),
    ("resolve db-1.prod.example.com", "resolve <host>"),
    ("eth0 is up", "eth<num> is up"),
    ("block blk_-160899 lost", "block <id> lost"),
    ("retry in -5 steps", "retry in <num> steps"),
    // Times in the forms of common loggers.
    ("2026-11-23T01:02:03.456Z start", "<time> start"),
    ("2026-11-23 01:02:03,456 start", "<time> start"),
    ("[23/Nov/2026:01:02:03 +0000] start", "[<time>] start"),
    ("Mon Nov 23 01:02:03 2026 start", "<time> start"),
    ("Mon, 23 Nov 2026 01:02:03 GMT start", "<time> start"),
    ("Monday, November 23 start", "<time> start"),
    ("Mon Mon Nov 23 start", "Mon <time> start"),
    ("20261123-01:02:03:606|Step|3|ok", "<time>|Step|<num>|ok"),
    ("Jul  9 12:16:49 host sshd[23]: bye", "<time> <host> sshd[<num>]: bye"),
    ("2026-11-23 01:02:03 INFO main: up", "<time> INFO main: up"),
    // Values that syntax gives away.
    (
        "Failed password for root from 203.0.113.7 port 4711 ssh2",
        "Failed password for <*> from <ip> port <num> ssh2",
    ),
    (
        "Failed password for invalid user bob from 203.0.113.7 port 4711 ssh2",
        "Failed password for invalid user <*> from <ip> port <num> ssh2",
    ),
    ("session opened for user ada by (uid=0)", "session opened for user <*> by (uid=<*>)"),
    ("user session closed", "user session closed"),
    ("relation \"users\" does not exist", "relation \"<*>\" does not exist"),
    ("can't open 'a.b' here", "can't open '<*>' here"),
    ("uid=0 tty=ssh ruser= rhost=x.example.com", "uid=<*> tty=<*> ruser= rhost=<*>"),
    ("acl=[a, b] next={x=1, y=2} end", "acl=<*> next=<*> end"),
    ("from 192.0.2.1 (a.example.com) at", "from <ip> at"),
    ("from 192.0.2.1 () at", "from <ip> at"),
    // What decides the meaning stays.
    ("status: 503", "status: <5xx>"),
    ("server returned 404", "server returned <4xx>"),
    ("HTTP status code 429", "HTTP status code <4xx>"),
    (
        "192.0.2.1 - - [23/Nov/2026:01:02:03 +0000] \"GET /a HTTP/1.1\" 200 12",
        "<ip> - - [<time>] \"GET <path> HTTP/<num>\" <status> <num>",
    ),
    ("\"GET /a HTTP/1.1\" 502 12", "\"GET <path> HTTP/<num>\" <5xx> <num>"),
    ("exited with code 0", "exited with code 0"),
    ("exited with code 137", "exited with code <nonzero>"),
    ("exit_code=1", "exit_code=<nonzero>"),
    ("done with 0 errors", "done with 0 errors"),
    ("done with 7 errors", "done with <num> errors"),
    ("ok=5 failed=0", "ok=<*> failed=0"),
    ("ok=5 failed=2", "ok=<*> failed=<num>"),
    ("level=error msg=\"disk full\" dev=sda", "level=error msg=\"disk full\" dev=<*>"),
    ("using ssh2, ipv6 and sha256", "using ssh2, ipv6 and sha256"),
    ("com.example.http2.FrameReader closed", "com.example.http2.FrameReader closed"),
    ("main.go:42 hello", "main.go:<num> hello"),
    // What stands behind a value has a say in what it is.
    ("2026-11-2://a up", "<url> up"),
    ("2026-11-20 10:20:300 up", "<time> <num>:<num>:<num> up"),
    ("at 12:34:56: up", "at <time>: up"),
    ("done with 0\terrors", "done with 0 errors"),
    ("took 5\tms", "took <dur>"),
    // Lists.
    ("ports 1, 2, 3", "ports <num>"),
    ("delete blk_1 blk_2 blk_3", "delete <id>"),
    ("hosts [a, b, c] left", "hosts [<*>] left"),
    ("names \"a\", \"b\"", "names \"<*>\""),
    // JSON.
    (
        r#"{"level":"error","user":"bob","msg":"login failed","pid":12}"#,
        r#"{"level":"error","user":"<*>","msg":"login failed","pid":<num>}"#,
    ),
    (
        r#"{"eventType":"user.session.start","displayMessage":"Account locked","actorId":"x"}"#,
        r#"{"eventType":"user.session.start","displayMessage":"Account locked","actorId":"<*>"}"#,
    ),
    (
        "error_message=\"no route\" LOG_LEVEL=warn zone=b",
        "error_message=\"no route\" LOG_LEVEL=warn zone=<*>",
    ),
    // Secrets.
    ("password: hunter", "password: <*>"),
    ("api_key=abcdef", "api_key=<*>"),
    ("Authorization: Bearer abc.def.ghi", "Authorization: <*>"),
    (r#"{"token":"abc","x":1}"#, r#"{"token":"<*>","x":<num>}"#),
    // Shape of the line.
    ("\x1b[31mERROR\x1b[0m bad  thing\t9", "ERROR bad thing <num>"),
    ("java.lang.Error: no\n\tat a.b(C.java:1)", "java.lang.Error: no"),
    ("\n\n first\nsecond", "first"),
    ("接続に失敗しました 10.0.0.1", "接続に失敗しました <ip>"),
    ("Ошибка подключения 5", "Ошибка подключения <num>"),
    ("", ""),
];

#[test]
fn golden() {
    let wrong: Vec<_> = GOLDEN
        .iter()
        .map(|(message, template)| (*message, mask(message), *template))
        .filter(|(_, made, template)| made != template)
        .collect();
    assert!(wrong.is_empty(), "message, made, expected: {wrong:#?}");
}

#[test]
fn nothing_behind_a_mask_that_does_not_fit_is_kept() {
    let words = "w ".repeat((MAX_TEMPLATE - 8) / 2);
    assert_eq!(mask(&format!("{words}7 is")), format!("{words}<*>"));
}

#[test]
fn no_space_behind_a_word_that_does_not_fit_is_kept() {
    let before = format!("{}==<", "w ".repeat(507));
    assert_eq!(mask(&format!("{before}status  on")), format!("{before}<*>"));
}

#[test]
fn a_template_is_not_cut_within_a_word() {
    for length in 1..10 {
        let before = format!("{}{}", "w ".repeat(504), "w".repeat(length));
        let template = mask(&format!("{before}  session"));
        let whole = template == format!("{before} session");
        assert!(whole || template == format!("{before} <*>"), "{template}");
    }
}

#[test]
fn invalid_utf8_becomes_replacement_characters() {
    assert_eq!(Masker::default().mask(b"bad \xff\xfe byte 7"), "bad \u{fffd}\u{fffd} byte <num>");
}

#[test]
fn ids_are_xxh3_of_the_template() {
    assert_eq!(TemplateId::of("").to_string(), "2d06800538d394c2");
    assert_eq!(TemplateId::of("<num>").to_string().len(), 16);
}

#[test]
fn a_line_of_a_megabyte_is_cut_and_says_so() {
    for unit in [
        "word ",
        "接続",
        "a=b,",
        "'x ",
        "[a,",
        "k=[",
        "\"x\":\"y\" ",
        "12 ab ",
        "user x ",
        "Mon ",
        "May, ",
    ] {
        let template = mask(&unit.repeat(1_000_000 / unit.len()));
        assert!(template.len() <= MAX_TEMPLATE, "{unit:?}: {} bytes", template.len());
        assert_eq!(mask(&template), template, "{unit:?}");
    }
    assert!(mask(&"word ".repeat(1000)).ends_with(" <*>"));
}

/// Messages that once were masked to a template that masks to another.
const ONCE_UNSTABLE: &[&[u8]] = &[
    b"\x1b[1m/- ",
    b"0\\-\0",
    b"a={]a",
    b"A=\"\"<",
    b"'a'0",
    b"/0'#'\0",
    b"a=a\r<*>user",
    b"a.b.com\\0",
    b"errors=1",
    b"0=user\r<*>",
    b"\0\0'\0)'\0",
    b"0=\" <*>",
    b"<time>UTC00",
    b"(\r)10.0.0.1(\r)10.0.0.1",
    b"10.0.0.1 ( a.b ) up",
    b"2026-11-23-0A@1f",
    b"AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:AA:",
    br#""I/O on \"http://a.example/x1\": refused""#,
    br#"" name=" ""other""#,
    br#""e=\""f""#,
    br#""headers=["] ""last""#,
    br#""t=']"'%'"#,
    b"Failed password for root from1023",
    b"user ada for\\3",
    b"0 error@host",
    b"0 errors/o4",
    b"user 0 errors",
];

#[test]
fn what_once_was_unstable_is_stable() {
    let long = "code\r0M aaaaA=".repeat(61);
    for message in ONCE_UNSTABLE.iter().copied().chain([long.as_bytes()]) {
        let template = Masker::default().mask(message).to_owned();
        assert_eq!(mask(&template), template, "{:?}", message.escape_ascii().to_string());
    }
}

/// Pieces of which logs are made, in any order: finds more than random bytes do.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            " ", "  ", "\t", ",", ", ", ":", ": ", ";", "=", "==", "\"", "'", "(", ")", "[", "]",
            "{", "}", "<", ">", "/", "//", "\\", "-", "--", ".", "..", "|", "@", "#", "%", "&",
            "?", "*", "+", "\x1b[1m", "\x1b", "\u{fffd}", "é", "接", "\r", "\0", "\n", "$", "_",
            "~",
        ])
        .prop_map(str::to_owned),
        prop::sample::select(vec![
            "user",
            "password",
            "for",
            "from",
            "by",
            "status",
            "code",
            "exit",
            "HTTP/1.1",
            "http",
            "failed",
            "errors",
            "0",
            "1",
            "200",
            "503",
            "token",
            "Bearer",
            "msg",
            "Mon",
            "Nov",
            "23",
            "2026",
            "UTC",
            "12:34:56",
            "2026-11-23",
            "10.0.0.1",
            "::1",
            "fe80",
            "a.b.com",
            "x.log",
            "ms",
            "KB",
            "B",
            "s",
            "eth0",
            "ssh2",
            "blk_-12",
            "C:\\x",
            "a@b.c",
            "A@1f",
            "sshd",
            "alice",
            "and/or",
            "3/4",
            "v1.2",
            "0x1f",
            "deadbeef1",
            "-5",
            "1e9",
            "_",
            "key",
            "https://",
            "<num>",
            "<*>",
            "<time>",
            "<5xx>",
            "<nonzero>",
            "<ip>",
            "\"<*>\"",
            "INFO",
        ])
        .prop_map(str::to_owned),
        "[a-zA-Z]{1,9}",
        "[0-9]{1,9}",
        "[ -~]{1,12}",
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(support::config(2500))]

    #[test]
    fn masking_is_idempotent(message in fragments()) {
        let template = mask(&message);
        prop_assert_eq!(mask(&template), template);
    }

    #[test]
    fn masking_long_lines_is_idempotent_and_bounded(unit in fragments(), times in 1usize..200) {
        let template = mask(&unit.repeat(times));
        prop_assert!(template.len() <= MAX_TEMPLATE);
        prop_assert_eq!(mask(&template), template);
    }

    #[test]
    fn masking_is_total(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut masker = Masker::default();
        let template = masker.mask(&message).to_owned();
        prop_assert!(template.len() <= MAX_TEMPLATE);
        prop_assert!(!template.contains(['\n', '\r', '\x1b', '\0']));
        prop_assert_eq!(masker.mask(template.as_bytes()), template);
    }
}
