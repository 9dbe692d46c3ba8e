//! What never leaves the process, and what stays.

use logtriage_engine::{Masker, redact};
use proptest::prelude::*;

/// A text and what is left of it.
const SECRETS: &[(&str, &str)] = &[
    // Passwords.
    ("su: bob gave password hunter2", "su: bob gave password <*>"),
    ("login with password swordfish ok", "login with password <*> ok"),
    ("Password Tr0ub4dor&3 rejected", "Password <*> rejected"),
    ("password=hunter2", "password=<*>"),
    ("password = hunter2, user = bob", "password = <*>, user = bob"),
    ("password: hunter2", "password: <*>"),
    ("password:hunter2", "password:<*>"),
    ("the password is hunter2", "the password is <*>"),
    ("the password was 'correct horse'", "the password was '<*>'"),
    ("{\"password\":\"hunter2\",\"user\":\"bob\"}", "{\"password\":\"<*>\",\"user\":\"bob\"}"),
    ("{\"password\": \"a \\\"b\\\" c\"}", "{\"password\": \"<*>\"}"),
    ("body={\\\"password\\\":\\\"hunter2\\\"}", "body={\\\"password\\\":\\\"<*>\\\"}"),
    ("{'passwd': 'hunter2'}", "{'passwd': '<*>'}"),
    ("<password>hunter2</password>", "<password><*></password>"),
    ("DB_PASSWORD=s3cr3t ./run", "DB_PASSWORD=<*> ./run"),
    ("dbPassword = \"x y z\"", "dbPassword = \"<*>\""),
    ("--password hunter2 --host db", "--password <*> --host db"),
    ("Server=db;Pwd=p4ss!;Database=x", "Server=db;Pwd=<*>;Database=x"),
    ("CREATE USER bob IDENTIFIED BY 'hunter2'", "CREATE USER bob IDENTIFIED BY '<*>'"),
    ("SET PASSWORD FOR bob = PASSWORD('hunter2')", "SET PASSWORD FOR bob = PASSWORD('<*>')"),
    ("passphrase opensesame given", "passphrase <*> given"),
    ("GET /login?user=bob&password=hunter2&x=1", "GET /login?user=bob&password=<*>&x=1"),
    ("curl -u bob:hunter2 https://x", "curl -u bob:<*> https://x"),
    ("login with password hunter<num>", "login with password <*>"),
    ("user=bob pass=hunter2", "user=bob pass=<*>"),
    ("user=bob pass: hunter2", "user=bob pass: <*>"),
    ("DB_PASS=hunter2 dbPass=hunter2", "DB_PASS=<*> dbPass=<*>"),
    ("pw=hunter2", "pw=<*>"),
    ("{\"password_confirmation\":\"hunter2\"}", "{\"password_confirmation\":\"<*>\"}"),
    ("password2=hunter2", "password2=<*>"),
    ("passwords: hunter2", "passwords: <*>"),
    ("password -> hunter2", "password -> <*>"),
    ("password->hunter2", "password-><*>"),
    ("the secret was: hunter2", "the secret was: <*>"),
    ("{\"password\":[\"hunter2\"]}", "{\"password\":[<*>]}"),
    ("{\"password\": [\"hunter2\", \"hunter3\"], \"a\": 1}", "{\"password\": [<*>], \"a\": 1}"),
    ("map[password:[hunter2] user:[bob]]", "map[password:[<*>] user:[bob]]"),
    ("password for user bob is hunter2", "password for user bob is <*>"),
    ("password of bob: hunter2", "password of bob: <*>"),
    ("the secret is hunter<num>", "the secret is <*>"),
    ("curl -u bob:hunter<num> <url>", "curl -u bob:<*> <url>"),
    ("curl -ubob:hunter2 https://x", "curl -ubob:<*> https://x"),
    // Tokens and keys by their names.
    ("token=abc123def456", "token=<*>"),
    ("token: \"abc\"", "token: \"<*>\""),
    ("using token 9f8e7d6c5b", "using token <*>"),
    ("api key: k-12345", "api key: <*>"),
    ("X-Api-Key: 12345abc", "X-Api-Key: <*>"),
    ("client_secret=\"xyz\"", "client_secret=\"<*>\""),
    ("AWS_SECRET_ACCESS_KEY=abc/def+ghi", "AWS_SECRET_ACCESS_KEY=<*>"),
    ("Authorization: Bearer abc.def.ghi", "Authorization: <*>"),
    ("authorization: Basic Ym9iOmh1bnRlcjI=", "authorization: <*>"),
    ("sent Bearer 0a1b2c3d4e", "sent Bearer <*>"),
    ("Cookie: sid=abc; theme=dark", "Cookie: <*>"),
    ("{\"Authorization\": \"Bearer abcdefgh\"}", "{\"Authorization\": \"<*>\"}"),
    ("{\"authorization\":[\"Bearer abcdefgh\"]}", "{\"authorization\":[<*>]}"),
    ("{\"Cookie\":\"sid=abc; theme=dark\",\"Host\":\"x\"}", "{\"Cookie\":\"<*>\",\"Host\":\"x\"}"),
    ("h={\\\"cookie\\\":\\\"a=b\\\",\\\"x\\\":1}", "h={\\\"cookie\\\":\\\"<*>\\\",\\\"x\\\":1}"),
    ("map[Authorization:[Bearer abc] Cookie:[a=b]]", "map[Authorization:<*>"),
    ("jwt=abc.def.ghi&sig=ab%2Fcd", "jwt=<*>&sig=<*>"),
    ("AccountKey=abcd/efg==;Suffix=x", "AccountKey=<*>;Suffix=x"),
    ("session_id=9a8b7c", "session_id=<*>"),
    ("otp 493021 accepted", "otp <*> accepted"),
    // Tokens and keys by their shapes.
    ("key AKIAIOSFODNN7EXAMPLE found", "key <*> found"),
    ("pushed with ghp_16C7e42F292c6912E7710c838347Ae178B4a", "pushed with <*>"),
    ("glpat-abcdefghij0123456789 revoked", "<*> revoked"),
    ("sk-proj-abcdefghijklmnop0123", "<*>"),
    ("slack xoxb-123456789012-abcdefghijkl", "slack <*>"),
    ("AIzaSyA1234567890abcdefghijklmnopqrstuvw used", "<*> used"),
    ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJib2IifQ.c2lnbmF0dXJl rejected", "jwt <*> rejected"),
    ("secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY leaked", "secret <*> leaked"),
    ("hash d41d8cd98f00b204e9800998ecf8427e", "hash <*>"),
    (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY----- end",
        "<*> end",
    ),
    ("-----BEGIN PRIVATE KEY----- MIIEpAIBAAKC", "<*>"),
    ("GET /reset/0a1B2c3D4e5F6g7H8i9J0k1L done", "GET /reset/<*> done"),
    ("AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY ok", "<*>:<*> ok"),
    (
        "https://hooks.example.com/services/T0/B0/0a1B2c3D4e5F6g7H8i9J0k1L sent",
        "https://hooks.example.com/services/T0/B0/<*> sent",
    ),
    ("k:-----BEGIN PRIVATE KEY-----\nMIIEpA\n-----END PRIVATE KEY----- end", "k:<*> end"),
    // URLs, people, cards, addresses.
    ("postgres://bob:p/ss@db/shop", "postgres://<*>@db/shop"),
    ("postgres://bob:p&s=s@db/shop", "postgres://<*>@db/shop"),
    ("https://example.com/off/bob@example.com", "https://example.com/off/<email>"),
    ("https://example.com/?m=bob%40example.com", "https://example.com/?m=<email>"),
    ("git@github:bob@example.com", "git@github:<email>"),
    ("PAN:4111111111111111 ok", "PAN:<*> ok"),
    ("card:4111 1111 1111 1111 ok", "card:<*> ok"),
    ("client:203.0.113.7 refused", "client:<ip> refused"),
    ("dest=/203.0.113.7:50010", "dest=/<ip>:50010"),
    ("http://203.0.113.7:8080/x", "http://<ip>:8080/x"),
    ("src:2001:db8::7 up", "src:<ip> up"),
    ("mac 52-54-00-12-34-56 seen", "mac <ip> seen"),
    ("postgres://bob:hunter2@db/shop", "postgres://<*>@db/shop"),
    ("https://ghx@example.com/x", "https://<*>@example.com/x"),
    ("mail to bob.smith+x@example.co.uk failed", "mail to <email> failed"),
    ("from=<bob@example.com>, size=3", "from=<<email>>, size=3"),
    ("card 4111 1111 1111 1111 declined", "card <*> declined"),
    ("card 4111-1111-1111-1111 declined", "card <*> declined"),
    ("pan=5500005555555559", "pan=<*>"),
    ("client 203.0.113.7:4711 refused", "client <ip>:4711 refused"),
    ("from 2001:db8::7 port 22", "from <ip> port 22"),
    ("mac 52:54:00:12:34:56 seen", "mac <ip> seen"),
    ("ship to 221 Baker Street today", "ship to <*> today"),
    ("ship to <num> Baker Street today", "ship to <*> today"),
    // Command lines.
    ("mysql -u root -phunter2 shop", "mysql -u root -p<*> shop"),
    ("mysql -uroot -p'two words' shop", "mysql -uroot -p'<*>' shop"),
    ("mysqldump -p hunter2 --all-databases", "mysqldump -p <*> --all-databases"),
    ("/usr/bin/mysqladmin -pswordfish ping", "/usr/bin/mysqladmin -p<*> ping"),
    ("mysql -u root -phunter<num> shop", "mysql -u root -p<*> shop"),
    ("COMMAND=<path> -u root -pswordfish shop", "COMMAND=<path> -u root -p<*> shop"),
    ("tool -u bob -p s3cr3tpw", "tool -u bob -p <*>"),
    ("sshpass -p swordfish ssh -p 22 db", "sshpass -p <*> ssh -p 22 db"),
    ("[\"sshpass\", \"-p\", \"swordfish\"]", "[\"sshpass\", \"-p\", \"<*>\"]"),
    ("docker login -u bob -p swordfish hub", "docker login -u bob -p <*> hub"),
    ("redis-cli -h db -a swordfish ping", "redis-cli -h db -a <*> ping"),
    ("ldapsearch -x -w swordfish", "ldapsearch -x -w <*>"),
    ("deploy --token swordfish --to live", "deploy --token <*> --to live"),
    // Escaped separators.
    ("password%3Dhunter2", "password%3D<*>"),
    ("body=user%3Dbob%26password%3Dp%40ss%26x%3D1", "body=user%3Dbob%26password%3D<*>%26x%3D1"),
    ("q=%7B%22password%22%3A%22hunter2%22%7D", "q=%7B%22password%22%3A%22<*>%22%7D"),
    ("%22token%22%3A%20%22swordfish%22", "%22token%22%3A%20%22<*>%22"),
    ("password%253Dhunter2", "password%253D<*>"),
    ("password\\u003dhunter2", "password\\u003d<*>"),
    ("a\\u0026password\\u003dhunter2\\u0026b", "a\\u0026password\\u003d<*>\\u0026b"),
    ("\\u0022pwd\\u0022: \\u0022hunter2\\u0022", "\\u0022pwd\\u0022: \\u0022<*>\\u0022"),
    ("password%3Dhunter<num>%26a", "password%3D<*>%26a"),
    ("Authorization%3A%20Bearer%20abc", "Authorization%3A%20<*>"),
    ("https://u:p@x/cb%3Ftoken%3Dabc", "https://<*>@x/cb%3Ftoken%3D<*>"),
    // On the next line.
    ("password:\nhunter2", "password:\n<*>"),
    (
        "user: bob\npassword:\r\n  'hunter2'\r\nhost: db",
        "user: bob\npassword:\r\n  '<*>'\r\nhost: db",
    ),
    ("password: |\n  hunter2\nhost: db", "password: |\n  <*>\nhost: db"),
    ("api key =\nabcdef", "api key =\n<*>"),
    // In other languages.
    ("Passwort: swordfish", "Passwort: <*>"),
    ("Kennwort=swordfish", "Kennwort=<*>"),
    ("Kennwort ist hunter2", "Kennwort ist <*>"),
    ("Kennwort 'swordfish' angegeben", "Kennwort '<*>' angegeben"),
    ("contraseña: swordfish", "contraseña: <*>"),
    ("CONTRASEÑA=swordfish", "CONTRASEÑA=<*>"),
    ("mot de passe : swordfish", "mot de passe : <*>"),
    ("Mot de passe=swordfish", "Mot de passe=<*>"),
    ("mdp=swordfish", "mdp=<*>"),
    ("senha swordf1sh", "senha <*>"),
    ("{\"senha\":\"swordfish\"}", "{\"senha\":\"<*>\"}"),
    ("Пароль: swordfish", "Пароль: <*>"),
    ("пароль=меч", "пароль=<*>"),
    ("用户密码：swordfish", "用户密码：<*>"),
    ("密码 = swordfish", "密码 = <*>"),
    ("パスワード:swordfish", "パスワード:<*>"),
    ("비밀번호: swordfish", "비밀번호: <*>"),
    // Bank accounts and telephone numbers.
    ("paid to GB82WEST12345698765432 today", "paid to <*> today"),
    ("iban:DE89 3704 0044 0532 0130 00 paid", "iban:<*> paid"),
    ("phone: +49 (151) 234-5678", "phone: <*>"),
    ("tel:+4915112345678", "tel:<*>"),
    ("mobile=015112345678, a=1", "mobile=<*>, a=1"),
    ("{\"phone\":\"+1 415 555 0100\"}", "{\"phone\":\"<*>\"}"),
    ("sms to phone 4155550100 sent", "sms to phone <*> sent"),
    ("phone number is 415-555-0100", "phone number is <*>"),
    ("userPhone=4155550100", "userPhone=<*>"),
];

/// What ordinary lines say of passwords, tokens and numbers.
const ORDINARY: &[&str] = &[
    "password expired for root",
    "Password authentication failed for <*>",
    "Failed password for invalid user <*> from <ip> port <num> ssh2",
    "password is required",
    "invalid password for user bob: account locked",
    "token for <*> is missing",
    "password was changed by admin",
    "the password must not be empty",
    "wrong password, try again",
    "password: <*>",
    "password=<*> token=<*>",
    "token expired",
    "token is invalid",
    "unexpected token in JSON",
    "token bucket is full",
    "secret not found in namespace default",
    "bearer token missing",
    "basic authentication is off",
    "authorization failed",
    "access key rotation is due",
    "session opened for user root by (uid=0)",
    "Accepted publickey for <*> from <ip> port <num> ssh2: RSA <*>",
    "order 4111111111111112 shipped",
    "at 2026-11-23T10:00:00Z in 1700000000000",
    "root@web-01: command not found",
    "version 1.2.3 of package 10.20",
    "org.springframework.beans.factory.support.AbstractAutowireCapableBeanFactory",
    "https://example.com/a/b?c=d",
    "http://registry:5000/@scope/package at 10:20:30",
    "bypass: on, compass=north, signal 11, tests pass",
    "ns::add::item of std::net::SocketAddr",
    "systemctl -u nginx",
    "/opt/app/lib:/usr/lib:/usr/local/lib/x86_64-linux-gnu",
    "mkdir -p /srv/app && cp -p a b",
    "ssh -p 22 -u bob db",
    "docker run -u 1000 -p 8080:80 nginx",
    "ps -u root -p 12345",
    "journalctl -u nginx -p err",
    "mysql -u root -p <*> shop",
    "mysql: connection refused; retry with -p later",
    "find . -user root -print",
    "mysqld -P 3306 is up",
    "password%20expired for bob",
    "GET /a%3Db%26c%3Dd done",
    "C:\\users\\u0022 is a path",
    "password%3D<*>%26x",
    "tokens%3A4 of a bucket",
    "Enter password:\nLogin incorrect",
    "password:\n  required: true",
    "password:\nfailed",
    "contraseña incorrecta",
    "mot de passe incorrect",
    "la clé de passe-partout",
    "Kennwort abgelaufen",
    "Неверный пароль пользователя",
    "密码错误",
    "パスワードが違います",
    "autoclave: on, enclave=north",
    "order GB82WEST12345698765433 shipped",
    "CODE 12 AB34 WORK",
    "hotel: 4155550100 rooms",
    "iphone 15 of 20 sold",
    "mobile app 3.2.1 started",
    "telemetry 4155550100 points",
    "call 4155550100 units",
    "phone line 3 is busy",
    "pass 3 of 4 done",
    "Wall Street closed",
    "a <num> b",
    "",
];

#[test]
fn secrets_are_taken_out() {
    for (text, left) in SECRETS {
        assert_eq!(redact(text), *left, "{text}");
        assert_eq!(redact(left), *left, "what is left of {text}");
    }
}

#[test]
fn ordinary_lines_stay() {
    for text in ORDINARY {
        assert_eq!(redact(text), *text);
    }
}

/// A verdict on the redacted template must find its way back.
#[test]
fn masking_and_redacting_again_changes_nothing() {
    let (mut once, mut twice) = (Masker::default(), Masker::default());
    for text in SECRETS.iter().map(|(text, _)| text).chain(ORDINARY) {
        let template = once.mask_and_redact(text.as_bytes());
        assert_eq!(twice.mask_and_redact(template.as_bytes()), template, "{text}");
    }
}

/// Texts in which secrets are likely.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        prop::sample::select(SECRETS).prop_map(|(text, _)| text.to_owned()),
        prop::sample::select(ORDINARY).prop_map(str::to_owned),
        "[ -~\u{e9}\u{4e2d}]{0,12}",
        prop::sample::select(
            &[
                "password",
                "token",
                "=",
                ":",
                "\"",
                "\\",
                "<*>",
                "<",
                "://",
                "@",
                "%3D",
                "%22",
                "%26",
                "\\u003d",
                "\n",
                "mysql -p",
                " -u a ",
                "contraseña",
                "пароль",
                "：",
                "tel",
                "+49 151 ",
                "GB82 WEST 1234 5698 7654 32",
                "de passe",
                "0123",
            ][..]
        )
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn redacting_is_total_and_settles(text in text()) {
        let once = redact(&text).into_owned();
        prop_assert!(redact(&once).len() <= text.len() * 2 + 16);
        let mut masker = Masker::default();
        let template = masker.mask_and_redact(text.as_bytes()).into_owned();
        prop_assert_eq!(masker.mask_and_redact(template.as_bytes()), template);
    }

    #[test]
    fn any_bytes_are_masked_and_redacted(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut masker = Masker::default();
        let template = masker.mask_and_redact(&bytes).into_owned();
        prop_assert_eq!(masker.mask_and_redact(template.as_bytes()), template);
    }
}
