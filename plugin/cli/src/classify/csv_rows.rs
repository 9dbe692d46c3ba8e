//! CSV rows with their bytes. `csv-core` finds where a row ends; the bytes of the row stay, so that
//! it can be passed on as it came.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

/// A row that does not end within this many bytes is not held in memory; one of CSV has a quotation
/// mark that is never closed.
pub const MAX_ROW: usize = 64 << 20;

/// Bytes that are read in vain, behind quotation marks that are never closed, before rows may no
/// longer span lines: a file of nothing but such rows is read in linear time.
const MAX_VAIN: usize = 4 * MAX_ROW;

/// What was found at the beginning of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A row of this many bytes.
    Row(usize),
    /// A row that begins here opens a quotation mark that nothing closes.
    Unclosed,
    /// More bytes are needed to tell.
    More,
}

/// Finds the end of a line in a growing run of bytes, and looks at each byte once.
#[derive(Default)]
pub struct LineFinder {
    looked: usize,
}

impl LineFinder {
    /// The length of the line with which `bytes` begins, with its line end: the same bytes as in
    /// the last call, and more, as long as the answer was `None`.
    pub fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let looked = std::mem::replace(&mut self.looked, bytes.len());
        let at = memchr::memchr(b'\n', bytes.get(looked..)?)?;
        self.looked = 0;
        Some(looked + at + 1)
    }
}

/// Finds rows in a growing run of bytes.
pub struct RowFinder {
    delimiter: u8,
    core: Reader,
    lines: LineFinder,
    /// Bytes of the present row that were looked at.
    seen: usize,
    /// How many more may be read in vain.
    vain_left: usize,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl RowFinder {
    /// For rows with this delimiter.
    pub fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            core: reader(delimiter),
            lines: LineFinder::default(),
            seen: 0,
            vain_left: MAX_VAIN,
            output: vec![0; 4096],
            ends: vec![0; 256],
        }
    }

    /// Looks for the end of the row with which `bytes` begins: the same bytes as in the last call,
    /// and more, as long as the answer was [`Found::More`]. `at_end`: nothing will follow. Blank
    /// lines are a row of their own, so that the row after them begins on its own line.
    pub fn find(&mut self, bytes: &[u8], at_end: bool) -> Found {
        let blank = bytes.iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        if self.seen == 0 && blank > 0 {
            return Found::Row(blank);
        }
        if self.vain_left > 0 {
            return self.find_row(bytes, at_end);
        }
        match self.lines.find(bytes) {
            Some(length) => self.find_row(&bytes[..length], true),
            None if bytes.len() >= MAX_ROW => self.unclosed(),
            None if at_end => self.find_row(bytes, true),
            None => Found::More,
        }
    }

    fn find_row(&mut self, bytes: &[u8], at_end: bool) -> Found {
        while self.seen < bytes.len() {
            match self.step(&bytes[self.seen..]) {
                ReadRecordResult::Record => return Found::Row(self.ended()),
                ReadRecordResult::InputEmpty => break,
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {}
                ReadRecordResult::End => break,
            }
        }
        if self.seen >= MAX_ROW {
            return self.unclosed();
        }
        if !at_end {
            return Found::More;
        }
        // A line feed ends every row but one with an open quotation mark.
        match self.step(b"\n") {
            ReadRecordResult::Record => {
                self.seen -= 1;
                Found::Row(self.ended())
            }
            _ if bytes.contains(&b'"') => self.unclosed(),
            _ => {
                self.seen = bytes.len();
                Found::Row(self.ended())
            }
        }
    }

    fn step(&mut self, bytes: &[u8]) -> ReadRecordResult {
        // What a field holds does not matter here: the output is written over.
        let (result, read, _, _) = self.core.read_record(bytes, &mut self.output, &mut self.ends);
        self.seen += read;
        result
    }

    fn ended(&mut self) -> usize {
        std::mem::take(&mut self.seen)
    }

    fn unclosed(&mut self) -> Found {
        self.core = reader(self.delimiter);
        self.lines = LineFinder::default();
        self.vain_left = self.vain_left.saturating_sub(self.seen);
        self.seen = 0;
        Found::Unclosed
    }
}

fn reader(delimiter: u8) -> Reader {
    ReaderBuilder::new().delimiter(delimiter).build()
}

/// The fields of one row.
pub struct Fields {
    text: Vec<u8>,
    ends: Vec<usize>,
}

/// Reads the fields of rows. To build one costs as much as to read a hundred rows.
pub struct FieldReader {
    delimiter: u8,
    core: Reader,
}

impl FieldReader {
    /// For rows with this delimiter.
    pub fn new(delimiter: u8) -> Self {
        Self { delimiter, core: reader(delimiter) }
    }

    /// Reads the row that `bytes` are.
    pub fn read(&mut self, bytes: &[u8]) -> Fields {
        let mut text = vec![0; bytes.len() + 1];
        let mut ends = vec![0; memchr::memchr_iter(self.delimiter, bytes).count() + 2];
        self.core.reset();
        let (mut written, mut fields) = (0, 0);
        for chunk in [bytes, b"\n"] {
            let (result, _, out, end) =
                self.core.read_record(chunk, &mut text[written..], &mut ends[fields..]);
            written += out;
            fields += end;
            if result == ReadRecordResult::Record {
                break;
            }
        }
        ends.truncate(fields);
        text.truncate(written);
        Fields { text, ends }
    }
}

impl Fields {
    /// Whether there is none: a row of nothing but line ends.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The bytes of one, without its quotation marks.
    pub fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)?;
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut finder = RowFinder::new(b',');
        let (mut at, mut rows) = (0, Vec::new());
        while at < bytes.len() {
            match finder.find(&bytes[at..], true) {
                Found::Row(length) => {
                    rows.push(bytes[at..at + length].to_vec());
                    at += length;
                }
                other => panic!("{other:?} at {at}"),
            }
        }
        rows
    }

    #[test]
    fn rows_keep_their_bytes() {
        for text in ["a,b\n1,2\n", "a,b\r\n\"x\ny\",2\r\n", "a\n\n\nb", "\"q\"\"q\",1\n", "a,b"] {
            assert_eq!(rows(text.as_bytes()).concat(), text.as_bytes(), "{text:?}");
        }
        assert_eq!(rows(b"a,\"x\ny\"\nb,c\n").len(), 2);
        assert_eq!(rows(b"a\n\n\nb"), [b"a\n".as_slice(), b"\n\n", b"b"]);
    }

    #[test]
    fn an_open_quotation_mark_is_found_at_the_end() {
        let mut finder = RowFinder::new(b',');
        assert_eq!(finder.find(b"\"abc\nd,e\n", false), Found::More);
        assert_eq!(finder.find(b"\"abc\nd,e\n", true), Found::Unclosed);
    }

    #[test]
    fn rows_no_longer_span_lines_after_too_much_in_vain() {
        let mut finder = RowFinder { vain_left: 20, ..RowFinder::new(b',') };
        let text = b"x\"y,\"z\nx\"y,\"z\nx\"y,\"z\nc,d\n";
        for line in [0, 7, 14] {
            assert_eq!(finder.find(&text[line..], true), Found::Unclosed);
            assert_eq!(finder.vain_left, 0);
        }
        assert_eq!(finder.find(b"\"a\nb\",c\n", false), Found::Unclosed);
        assert_eq!(finder.find(b"\"a,b\",c\nd,e", false), Found::Row(8));
        assert_eq!(finder.find(b"d,e", false), Found::More);
        assert_eq!(finder.find(b"d,e", true), Found::Row(3));
    }

    #[test]
    fn fields_lose_their_quotation_marks() {
        let mut reader = FieldReader::new(b',');
        reader.read(b"x,\"open,\n");
        let fields = reader.read(b"a,\"b \"\"c\"\", d\",\r\n");
        assert_eq!(fields.len(), 3);
        assert_eq!(fields.get(1), Some(b"b \"c\", d".as_slice()));
        assert_eq!(fields.get(2), Some(b"".as_slice()));
        assert_eq!(fields.get(3), None);
    }
}
