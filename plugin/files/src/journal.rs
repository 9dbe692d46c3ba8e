//! Following a journal of verdicts while it grows.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

use logtriage_engine::{Engine, JournalProblem, Kind, Verdict, read_journal};

use crate::error::FileError;
use crate::watch::Watched;

/// A step reads at most this many bytes: what an event may have to wait for.
const STEP: usize = 64 << 10;

/// By this many bytes before the place where reading stopped a journal is known to have only grown.
const TAIL: usize = 256;

/// A journal, read in steps. Where it only grew, reading goes on behind what was read; else it is
/// read anew, and the verdicts that are no longer there go when that is done.
#[derive(Debug)]
pub(crate) struct Follower {
    kind: Kind,
    file: Watched,
    /// Everything before was learnt.
    read: u64,
    /// The last bytes before `read`.
    tail: Vec<u8>,
    /// The lines before `read`.
    lines: usize,
    /// `read` is inside of a line that is longer than a step, and passed over.
    inside_line: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Read to its end.
    Resting,
    /// It is no longer what it was.
    Changed,
    /// There may be more behind `read`.
    Reading { anew: bool },
}

impl Follower {
    pub(crate) fn new(kind: Kind, path: PathBuf) -> Self {
        let file = Watched::unseen(path);
        let state = State::Resting;
        Self { kind, file, read: 0, tail: Vec::new(), lines: 0, inside_line: false, state }
    }

    /// Looks whether the journal changed.
    pub(crate) fn look(&mut self) {
        if self.file.changed() {
            self.state = State::Changed;
        }
    }

    /// Whether the next step has something to read.
    pub(crate) fn is_reading(&self) -> bool {
        self.state != State::Resting
    }

    /// Reads and learns one piece. Gives what was wrong in it: lines that cannot be read, verdicts
    /// that cannot hold.
    ///
    /// # Errors
    /// The journal cannot be read; what is known stays, and the next change is another try.
    pub(crate) fn step(&mut self, engine: &mut Engine) -> Result<Vec<String>, FileError> {
        let piece = self.next_piece(engine).inspect_err(|_| self.state = State::Resting)?;
        Ok(self.learn(&piece, engine))
    }

    /// The bytes behind what was read.
    fn next_piece(&mut self, engine: &mut Engine) -> Result<Piece, FileError> {
        let path = self.file.path().to_owned();
        let failed = |problem| FileError::io(&path, problem);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                self.start_anew(engine);
                return Ok(Piece { bytes: Vec::new(), last: true });
            }
            Err(problem) => return Err(failed(problem)),
        };
        // People change lines anywhere; machines only append, but for files of a ConfigMap, which are
        // links, and replaced as a whole.
        let is_link = || std::fs::symlink_metadata(&path).is_ok_and(|file| file.is_symlink());
        let edited = self.state == State::Changed && (self.kind == Kind::Person || is_link());
        if edited || !self.only_grew(&mut file).map_err(failed)? {
            self.start_anew(engine);
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
        } else if self.state == State::Changed {
            self.state = State::Reading { anew: false };
        }
        let mut bytes = Vec::new();
        let read = file.take(STEP as u64).read_to_end(&mut bytes).map_err(failed)?;
        Ok(Piece { bytes, last: read < STEP })
    }

    /// Whether what was read is still there, as far as its last bytes tell. Leaves the file at the
    /// place where reading goes on.
    fn only_grew(&self, file: &mut File) -> std::io::Result<bool> {
        file.seek(SeekFrom::Start(self.read.saturating_sub(self.tail.len() as u64)))?;
        let mut tail = vec![0; self.tail.len()];
        match file.read_exact(&mut tail) {
            Ok(()) => Ok(tail == self.tail),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(e) => Err(e),
        }
    }

    fn start_anew(&mut self, engine: &mut Engine) {
        engine.begin_relearning(self.kind);
        (self.read, self.lines, self.inside_line) = (0, 0, false);
        self.tail.clear();
        self.state = State::Reading { anew: true };
    }

    fn learn(&mut self, piece: &Piece, engine: &mut Engine) -> Vec<String> {
        let complete = piece.complete();
        let text = if piece.last { &piece.bytes } else { complete };
        let (verdicts, problems) = self.read_lines(text, piece.last);
        let refused = engine.learn(self.kind, &verdicts).refused;
        let problems = self.problems(&problems, refused, engine);
        self.advance(complete);
        if piece.last {
            if self.state == (State::Reading { anew: true }) {
                engine.end_relearning(self.kind);
            }
            self.state = State::Resting;
        }
        problems
    }

    /// The verdicts of a piece: whole lines, but for the last one of the journal.
    fn read_lines(&self, text: &[u8], last: bool) -> (Vec<Verdict>, Vec<JournalProblem>) {
        let end = text.iter().position(|b| *b == b'\n');
        match (self.inside_line, end) {
            // What is left of a line is no line, even if it looks like one.
            (true, end) => read_journal(end.and_then(|end| text.get(end..)).unwrap_or_default()),
            (false, None) if !last => {
                let message = format!("a line of over {STEP} bytes is passed over");
                (Vec::new(), vec![JournalProblem { line: 1, message }])
            }
            (false, _) => read_journal(text),
        }
    }

    fn advance(&mut self, complete: &[u8]) {
        if let Some(last) = complete.last() {
            self.inside_line = *last != b'\n';
        }
        self.read += complete.len() as u64;
        self.lines += complete.iter().filter(|b| **b == b'\n').count();
        self.tail.extend_from_slice(
            complete.get(complete.len().saturating_sub(TAIL)..).unwrap_or_default(),
        );
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
    }

    fn problems(
        &self,
        problems: &[JournalProblem],
        refused: usize,
        engine: &Engine,
    ) -> Vec<String> {
        let path = self.file.path().display();
        // A line of a journal is a text of one line to its reader.
        let message = |p: &JournalProblem| p.message.replace(" at line 1 column ", " at column ");
        let line = |p: &JournalProblem| format!("{path}:{}: {}", self.lines + p.line, message(p));
        let refused = (refused > 0).then(|| {
            let labels = engine.setup().labels();
            format!("{path}: {refused} verdicts are not used; the labels are: {labels}")
        });
        problems.iter().map(line).chain(refused).collect()
    }
}

/// A piece of a journal.
struct Piece {
    bytes: Vec<u8>,
    /// The journal ends behind it.
    last: bool,
}

impl Piece {
    /// The lines that are complete. A line longer than a piece is passed over in pieces.
    fn complete(&self) -> &[u8] {
        match self.bytes.iter().rposition(|b| *b == b'\n') {
            Some(end) => self.bytes.get(..=end).unwrap_or_default(),
            None if self.last => &[],
            None => &self.bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use logtriage_engine::{Event, Tier};

    use super::*;
    use crate::{Loaded, RuleForm};

    /// Also if a part of it, read alone, would be a verdict.
    #[test]
    fn a_line_longer_than_a_step_is_passed_over_as_a_whole() {
        let verdict =
            |template: &str| format!("{{\"template\":\"{template}\",\"label\":\"Error\"}}\n");
        let long = format!("{}{}", "x".repeat(3 * STEP), verdict("lamp glows"));
        let journal = [long, verdict("kettle boils"), "no JSON\n".to_owned()].concat();
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("verdicts.human.jsonl");
        std::fs::write(&path, journal).expect("written");
        let setup = Loaded::default().setup(RuleForm::Text).expect("a setup");
        let mut engine = Engine::new(Arc::new(setup));
        let mut follower = Follower::new(Kind::Person, path);
        follower.look();
        let mut problems = Vec::new();
        while follower.is_reading() {
            problems.extend(follower.step(&mut engine).expect("read"));
        }
        let mut tier = |message: &str| {
            let message = Some(message.as_bytes().into());
            engine.label(&Event { message, source: None }, 0).tier
        };
        assert_eq!(tier("kettle boils"), Tier::Reviewed);
        assert_ne!(tier("lamp glows"), Tier::Reviewed);
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains(".jsonl:1: a line of over"), "{problems:?}");
        assert!(problems[1].contains(".jsonl:3: "), "{problems:?}");
    }
}
