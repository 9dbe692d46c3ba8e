//! Following a journal of verdicts while it grows.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;

use logtriage_engine::{Engine, JournalProblem, Kind, read_journal};

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
        Self { kind, file, read: 0, tail: Vec::new(), lines: 0, state }
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
        // People change lines anywhere; machines only append.
        let edited = self.state == State::Changed && self.kind == Kind::Person;
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
        (self.read, self.lines) = (0, 0);
        self.tail.clear();
        self.state = State::Reading { anew: true };
    }

    fn learn(&mut self, piece: &Piece, engine: &mut Engine) -> Vec<String> {
        let complete = piece.complete();
        let text = if piece.last { &piece.bytes } else { complete };
        let (verdicts, problems) = read_journal(text);
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

    fn advance(&mut self, complete: &[u8]) {
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
