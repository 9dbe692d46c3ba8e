//! The bytes of the message that its template depends on, of those that the scanner does not see.
//!
//! The scanner reads a *blind* line, in which digits and ids are all alike. What they really are is
//! only to be had here, and whoever asks for it pins the place. So two lines that are blind to the
//! same bytes, and hold the same bytes at the pins of one, have the same template.

use super::blind::is_blinded;
use super::chars;

/// More pins than this are not kept: the line is mostly what it says, not what varies.
const MAX_PINS: usize = 16;

/// A byte that the template depends on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pin {
    /// Where in the message it stands.
    pub(crate) place: u32,
    /// A digit, or a letter of an id.
    pub(crate) byte: u8,
}

/// The pins of one message, in the order in which they were needed.
#[derive(Debug, Default)]
pub(super) struct Pins {
    pins: Vec<Pin>,
    /// The pins do not tell all that the template depends on.
    lost: bool,
}

impl Pins {
    pub(super) fn get(&self) -> Option<&[Pin]> {
        (!self.lost).then_some(&self.pins)
    }

    pub(super) fn clear(&mut self) {
        self.pins.clear();
        self.lost = false;
    }

    pub(super) fn lose(&mut self) {
        self.lost = true;
    }

    fn add(&mut self, place: usize, byte: u8) {
        if self.lost || self.pins.iter().any(|pin| pin.place as usize == place) {
            return;
        }
        match u32::try_from(place) {
            Ok(place) if self.pins.len() < MAX_PINS => self.pins.push(Pin { place, byte }),
            _ => self.lose(),
        }
    }
}

/// A line as it is, and blind. Who reads what is blind pins it.
pub(super) struct Original<'a> {
    line: &'a [u8],
    blind: &'a [u8],
    /// Where in the message the line begins.
    offset: usize,
    pins: &'a mut Pins,
}

impl<'a> Original<'a> {
    pub(super) fn new(line: &'a [u8], blind: &'a [u8], offset: usize, pins: &'a mut Pins) -> Self {
        Self { line, blind, offset, pins }
    }

    /// What the scanner sees.
    pub(super) fn blind(&self) -> &'a [u8] {
        self.blind
    }

    /// What follows is not told by the pins.
    pub(super) fn lose_pins(&mut self) {
        self.pins.lose();
    }

    /// The digit at `at`.
    #[inline(never)]
    pub(super) fn digit(&mut self, at: usize) -> u8 {
        let digit = chars::at(self.line, at);
        self.pins.add(self.offset + at, digit);
        digit
    }

    /// The line from `from` to `to`.
    #[inline(never)]
    pub(super) fn part(&mut self, from: usize, to: usize) -> &'a [u8] {
        let part = chars::part(self.line, from, to);
        for (place, byte) in part.iter().enumerate() {
            if is_blinded(self.blind, from + place) {
                self.pins.add(self.offset + from + place, *byte);
            }
        }
        part
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Masker;
    use crate::template::Blind;

    /// The template, and the pins in the order of their places.
    fn mask(message: &[u8]) -> (String, Option<Vec<Pin>>) {
        let mut masker = Masker::default();
        let template = masker.mask(message).to_owned();
        let pins = masker.pins().map(|pins| {
            let mut pins = pins.to_vec();
            pins.sort_by_key(|pin| pin.place);
            pins
        });
        (template, pins)
    }

    fn blind(message: &[u8]) -> Vec<u8> {
        super::super::blinded(message)
    }

    fn pinned(message: &str) -> Option<String> {
        let (_, pins) = mask(message.as_bytes());
        Some(pins?.iter().map(|pin| char::from(pin.byte)).collect())
    }

    /// Whether some other digit at `place` makes another template.
    fn matters(message: &str, place: usize) -> bool {
        (b'0'..=b'9').any(|digit| {
            let mut other = message.as_bytes().to_vec();
            other[place] = digit;
            mask(&other).0 != mask(message.as_bytes()).0
        })
    }

    #[test]
    fn what_decides_is_pinned_and_decides() {
        for (message, digits) in [
            ("server returned 404", "4"),
            ("status=600", "6"),
            ("192.0.2.1 \"GET /a9 HTTP/1.1\" 502 12", "5"),
            ("\n status: 503\n2nd line", "5"),
            ("exited with code 0", "0"),
            ("exit=3", "3"),
            ("failed=0 ok=5", "0"),
            ("done with 7 errors", "7"),
            ("0 lost, 3\tdropped", "03"),
            ("Mon Nov 23 01:02:03 2026 start", "20"),
            ("01:02:03 1999 start", "19"),
            ("01:02:03 4026 start", "4"),
            ("fault at 0x7ffd12", "0"),
            ("ssh2, IPv6 and sha256", "26256"),
            ("com.example.http2.FrameReader closed", "2"),
            ("wrote dump1.bz2", "2"),
            ("got <5xx> and <2xx>", "52"),
            ("x=<4xx> \"<3xx>\"", "43"),
            ("status=<4xx>", "4"),
        ] {
            assert_eq!(pinned(message).as_deref(), Some(digits), "{message}");
            for pin in mask(message.as_bytes()).1.unwrap() {
                assert_eq!(message.as_bytes()[pin.place as usize], pin.byte, "{message}");
                assert!(matters(message, pin.place as usize), "{message}: {pin:?}");
            }
        }
    }

    #[test]
    fn what_varies_is_not_pinned() {
        for message in [
            "2026-11-20T06:02:41Z up",
            "2026-11-20 06:02:41,045 +0100 up",
            "[23/Nov/2026:01:02:03 +0000] up",
            "Jul  9 12:16:49 host sshd[23]: bye",
            "took 10ms, 1.5 s, 20 MB, 3rd of 4",
            "from 10.0.0.1:8080 port 22 for 00:1b:44:11:3a:b7",
            "commit deadbeef42 of 123e4567-e89b-12d3-a456-426614174000",
            "eth0 blk_12 worker-7 db-1.example.com /var/log/x1.log",
            "exited with code 137",
            "retry 3 of 5, 4 left, 7 ok",
            "uid=0 pid=12 {\"size\":12}",
        ] {
            assert_eq!(pinned(message).as_deref(), Some(""), "{message}");
        }
    }

    #[test]
    fn what_pins_do_not_tell_has_none() {
        let many = "ssh2, ".repeat(MAX_PINS + 1);
        let long = "word ".repeat(1000);
        for message in ["\x1b[31mup 1", &many, &long] {
            assert_eq!(pinned(message), None, "{message}");
        }
        assert_eq!(mask(b"bad \xff 1").1, None);
        assert_eq!(pinned(&"ssh2, ".repeat(MAX_PINS)).map(|pins| pins.len()), Some(MAX_PINS));
    }

    #[test]
    fn common_lines_have_few_pins() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../configs/sample.log");
        let sample = std::fs::read(path).unwrap();
        let lines = || sample.split(|b| *b == b'\n');
        let pins: usize = lines().map(|line| mask(line).1.map_or(0, |pins| pins.len())).sum();
        assert!(pins <= lines().count(), "{pins} pins in {} lines", lines().count());
    }

    /// What digits and ids decide, and what stands around it, in any order.
    fn messages() -> impl Strategy<Value = String> {
        // A regular expression is read once here, and not for each piece.
        let like = |regex| prop::string::string_regex(regex).unwrap();
        let piece = prop_oneof![
            prop::sample::select(vec![
                " ",
                " ",
                " ",
                "  ",
                "\t",
                ", ",
                ": ",
                "=",
                "\"",
                "'",
                "(",
                ")",
                "[",
                "]",
                "<",
                ">",
                "/",
                "-",
                ".",
                ":",
                "|",
                "\n",
                "\"GET /a HTTP/1.1\" ",
                "{\"code\":",
                "é",
            ])
            .prop_map(str::to_owned),
            prop::sample::select(vec![
                "status ",
                "returned ",
                "code=",
                "exit ",
                "rc=",
                "exited with ",
                "failed=",
                "errors: ",
                " errors",
                " failed",
                "\tlost",
                "user ",
                "password for ",
                "token: ",
                "12:34:56 ",
                "Mon ",
                "Nov ",
                "user=",
                " from ",
                " ms",
                " KB",
                "x=",
                "\":",
            ])
            .prop_map(str::to_owned),
            // Behind and before what asks for them.
            like("[0-9]{2}:[0-9]{2} (19|20|1[0-9]|2[0-9])[0-9]{2} "),
            like("(status|returned|exit|rc|failed)[ =][0-9]{1,3}[ ,]"),
            like("[0-9]{1,2} (errors|lost|failed)"),
            like("[0-9]"),
            like("[0-6][0-9]{2}"),
            like("(19|20|[0-9]{2})[0-9]{2}"),
            like("[0-9]{1,9}"),
            like("[+-][0-9]{1,4}"),
            like("[0-9][xX][0-9a-f]{0,8}"),
            like("[0-9a-f]{1,12}"),
            like("([0-9a-fA-F]{1,8}-?){1,4}"),
            like("[0-9a-f]{3,6}[.:/@_-]"),
            like("<[0-9]xx>"),
            like("(\\[[0-9;]{0,3}m)?"),
            like("[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]\\.[0-9]{1,3}(:[0-9]{1,4})?"),
            like("20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ]?([0-9]{2}:[0-9]{2}:[0-9]{2})?(,[0-9]{3})?Z?"),
            like("(ssh|ipv|IPv|md|s|h|k|x|sha|utf|http|log|ext)[0-9]{1,3}[a-z]?"),
            like("[a-z]{1,3}[0-9]?\\.(bz|gz|log|tar)[0-9]?"),
            like("[a-z]{2,5}[0-9]{1,2}[A-Za-z]{0,5}"),
            like("[ -~]{1,8}"),
        ];
        prop::collection::vec(piece, 1..16).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::with_cases(5000)
        })]

        #[test]
        fn what_is_not_pinned_does_not_matter(
            message in messages(),
            digits in prop::collection::vec(b'0'..=b'9', 1..40),
            letters in "[0-9a-fA-F]{1,40}",
        ) {
            let (template, Some(pins)) = mask(message.as_bytes()) else {
                return Ok(());
            };
            let blind = blind(message.as_bytes());
            let mut other = message.into_bytes();
            let replacements = digits.iter().cycle().zip(letters.as_bytes().iter().cycle());
            for (place, (digit, letter)) in (0..other.len()).zip(replacements) {
                match pins.iter().find(|pin| pin.place as usize == place) {
                    Some(pin) => prop_assert_eq!(pin.byte, other[place]),
                    None if other[place].is_ascii_digit() => other[place] = *digit,
                    None => {}
                }
                // In an id a letter may stand for a digit.
                let was = std::mem::replace(&mut other[place], *letter);
                let is_pinned = pins.iter().any(|pin| pin.place as usize == place);
                if is_pinned || self::blind(&other) != blind {
                    other[place] = was;
                }
            }
            prop_assert_eq!(mask(&other), (template, Some(pins)));
        }

        #[test]
        fn a_blind_text_may_be_given(message in messages()) {
            let message = message.as_bytes();
            let (mut masker, mut blind) = (Masker::default(), Blind::default());
            blind.make(message);
            let template = masker.mask(message).to_owned();
            let pins = masker.pins().map(<[Pin]>::to_vec);
            prop_assert_eq!(masker.mask_blind(message, &blind), &template);
            prop_assert_eq!(masker.pins().map(<[Pin]>::to_vec), pins);
            blind.text.push(b'0');
            prop_assert_eq!(masker.mask_blind(message, &blind), template);
        }
    }
}
