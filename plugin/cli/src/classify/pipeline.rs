//! Reading, labelling and writing at once, in constant memory.
//!
//! Worker `i` of `n` gets batches `i`, `i + n`, …, and the writer asks the workers in turn, so the
//! output has the order of the input without any sorting.

use std::io::{ErrorKind, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::semantic::EncodeError;
use logtriage_engine::{Engine, OFFER_AGAIN_AFTER, Stats};

use super::csv_rows::{Found, LineFinder, MAX_ROW, RowFinder};
use super::pending::PendingList;
use super::render::{Problem, Renderer};
use super::streams::{Input, refuse_compressed};
use crate::failure::Failure;

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 1024;

/// Bytes of a batch after which it is closed.
const BATCH_BYTES: usize = 1 << 20;

/// Bytes that are read at once, at most, before a row asks for more.
const BUFFER: usize = 256 << 10;

/// Batches that wait before each worker.
const QUEUE: usize = 2;

/// Bad rows that are reported one by one.
const REPORTED: u64 = 20;

/// The engine's clock: it stands still.
pub const NOW: u64 = OFFER_AGAIN_AFTER;

/// How the run is watched.
pub struct Options {
    /// Stop at the first bad row.
    pub strict: bool,
    /// Show a progress bar.
    pub progress: bool,
    /// What messages call the output.
    pub output: String,
}

/// What a run did.
#[derive(Default)]
pub struct Report {
    /// Counts of all engines together.
    pub stats: Stats,
    /// Templates that wait for a verdict.
    pub pending: PendingList,
    /// Rows that could not be read.
    pub bad_rows: u64,
    /// The transformer failed at least once, and that was told.
    pub has_failed: bool,
    /// The run ended early, at a bad row or because the reader of our output went away: the counts
    /// are not whole.
    pub stopped: bool,
}

/// Rows of one input, with their line ends.
pub struct Batch {
    /// The input's name.
    pub name: String,
    /// The input begins with it.
    begins: bool,
    bytes: Vec<u8>,
    rows: Vec<RowAt>,
}

struct RowAt {
    end: usize,
    line: u64,
    part: Part,
}

/// Whether a row is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// It is.
    Whole,
    /// It opens a quotation mark that nothing closes.
    Unclosed,
    /// A piece of a row that is longer than what is held in memory.
    Piece {
        /// The row begins with it.
        first: bool,
        /// The row ends with it.
        last: bool,
    },
}

/// A row of a batch.
pub struct Row<'b> {
    /// With its line end.
    pub bytes: &'b [u8],
    /// Counted from 1.
    pub line: u64,
    /// Whether it is whole.
    pub part: Part,
    /// The input begins with it.
    pub begins: bool,
}

impl Batch {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), begins: false, bytes: Vec::new(), rows: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8], line: u64, part: Part) {
        self.bytes.extend_from_slice(bytes);
        self.rows.push(RowAt { end: self.bytes.len(), line, part });
    }

    /// Puts a blank row first: the input before this one does not end with a line end.
    fn end_line_before(&mut self) {
        self.bytes.insert(0, b'\n');
        self.rows.iter_mut().for_each(|row| row.end += 1);
        self.rows.insert(0, RowAt { end: 1, line: 1, part: Part::Whole });
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut start = 0;
        self.rows.iter().enumerate().map(move |(place, row)| {
            let bytes = self.bytes.get(start..row.end).unwrap_or_default();
            start = row.end;
            let begins = self.begins && place == 0;
            Row { bytes, line: row.line, part: row.part, begins }
        })
    }
}

/// A labelled batch.
struct Done {
    output: Vec<u8>,
    problems: Vec<Problem>,
    pending: Vec<logtriage_engine::Pending>,
    bytes_read: u64,
    /// The transformer failed.
    failure: Option<EncodeError>,
    /// The last one of a worker: its counts.
    stats: Option<Stats>,
}

/// Labels all inputs.
pub fn run(
    inputs: Vec<Rows>,
    renderer: &Arc<Renderer>,
    engines: Vec<Engine>,
    mut writer: Box<dyn Write>,
    options: &Options,
) -> Result<Report, Failure> {
    let bar = progress_bar(&inputs, options);
    let mut report = Report::default();
    write(&mut writer, &renderer.head(), &mut report, options)?;
    let (mut to_workers, mut from_workers) = (Vec::new(), Vec::new());
    for engine in engines {
        let (batches, work) = sync_channel::<Batch>(QUEUE);
        let (results, done) = sync_channel::<Done>(QUEUE);
        let renderer = Arc::clone(renderer);
        std::thread::spawn(move || label_batches(engine, &renderer, &work, &results));
        to_workers.push(batches);
        from_workers.push(done);
    }
    let keeps_line_ends = renderer.keeps_line_ends();
    let reader = std::thread::spawn(move || read_all(inputs, &to_workers, keeps_line_ends));
    let written = write_all(&from_workers, &mut writer, options, &bar, &mut report);
    bar.finish_and_clear();
    written?;
    // A run that ended early does not wait for its reader: it may wait for input that never comes.
    if !report.stopped {
        reader.join().unwrap_or_else(|_| Err(Failure::other("the reader failed")))?;
    }
    Ok(report)
}

fn read_all(
    inputs: Vec<Rows>,
    workers: &[SyncSender<Batch>],
    keeps_line_ends: bool,
) -> Result<(), Failure> {
    let mut turn = workers.iter().cycle();
    let mut ends_line = true;
    for mut rows in inputs {
        let mut begins = true;
        while let Some(mut batch) = rows.batch()? {
            if begins && !ends_line && keeps_line_ends {
                batch.end_line_before();
            }
            batch.begins = std::mem::take(&mut begins);
            ends_line = batch.bytes.ends_with(b"\n");
            let Some(worker) = turn.next() else { return Ok(()) };
            if worker.send(batch).is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Cuts one input into rows.
pub struct Rows {
    input: Input,
    csv: Option<RowFinder>,
    lines: LineFinder,
    /// What was read stands from `start` to `end`.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    line: u64,
    /// A row too long to be held goes by in pieces.
    in_pieces: bool,
    began: bool,
    at_end: bool,
}

impl Rows {
    /// Rows that end with a line; with a delimiter: CSV rows.
    pub fn new(input: Input, csv_delimiter: Option<u8>) -> Self {
        Self {
            input,
            csv: csv_delimiter.map(RowFinder::new),
            lines: LineFinder::default(),
            buffer: Vec::new(),
            start: 0,
            end: 0,
            line: 1,
            in_pieces: false,
            began: false,
            at_end: false,
        }
    }

    /// The input's name.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// Takes the first row that is not blank, with the blank ones before it; `None` where there is
    /// none.
    pub fn first(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut batch = Batch::new(self.name());
        while self.row(&mut batch)? || self.fill()? {
            let bytes = batch.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&batch.bytes);
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(batch.bytes));
            }
        }
        Ok(None)
    }

    /// The next rows; `None` at the end. Waits for input only where there is no row yet, so that
    /// the rows of a live stream are not kept back.
    fn batch(&mut self) -> Result<Option<Batch>, Failure> {
        let mut batch = Batch::new(self.name());
        while batch.rows.len() < BATCH_ROWS && batch.bytes.len() < BATCH_BYTES {
            if !self.row(&mut batch)? && (!batch.rows.is_empty() || !self.fill()?) {
                break;
            }
        }
        Ok((!batch.rows.is_empty()).then_some(batch))
    }

    /// Takes a row; false where more must be read first.
    fn row(&mut self, batch: &mut Batch) -> Result<bool, Failure> {
        if self.in_pieces {
            return Ok(self.piece(false, batch));
        }
        match self.find() {
            Found::More if self.end - self.start >= MAX_ROW => return Ok(self.piece(true, batch)),
            Found::More => return Ok(false),
            Found::Row(length) => {
                let length = self.with_line_feed(length)?;
                self.take(length, Part::Whole, batch);
            }
            Found::Unclosed => match LineFinder::default().find(self.rest()) {
                Some(length) => self.take(length, Part::Unclosed, batch),
                None if self.at_end => self.take(self.end - self.start, Part::Unclosed, batch),
                None => return Ok(self.piece(true, batch)),
            },
        }
        Ok(true)
    }

    fn rest(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    fn find(&mut self) -> Found {
        let rest = &self.buffer[self.start..self.end];
        match &mut self.csv {
            _ if rest.is_empty() => Found::More,
            Some(finder) => finder.find(rest, self.at_end),
            None => match self.lines.find(rest) {
                Some(length) => Found::Row(length),
                None if self.at_end => Found::Row(rest.len()),
                None => Found::More,
            },
        }
    }

    /// A row that ends with a carriage return takes the line feed after it along.
    fn with_line_feed(&mut self, length: usize) -> Result<usize, Failure> {
        if self.buffer[self.start + length - 1] != b'\r' {
            return Ok(length);
        }
        while self.end == self.start + length && self.fill()? {}
        let follows = self.rest().get(length) == Some(&b'\n');
        Ok(length + usize::from(follows))
    }

    /// Takes a piece of a row that is too long, up to the row's end; false where more must be read
    /// first.
    fn piece(&mut self, first: bool, batch: &mut Batch) -> bool {
        let rest = self.rest();
        let most = char_start(rest, BATCH_BYTES);
        let ends = LineFinder::default().find(&rest[..most]);
        let length = match ends {
            Some(length) => length,
            // With what comes the last character may go on.
            None if most == rest.len() && !self.at_end => char_start(rest, most.saturating_sub(1)),
            None => most,
        };
        if length == 0 {
            return false;
        }
        let last = ends.is_some() || (self.at_end && length == rest.len());
        self.in_pieces = !last;
        self.lines = LineFinder::default();
        self.take(length, Part::Piece { first, last }, batch);
        true
    }

    fn take(&mut self, length: usize, part: Part, batch: &mut Batch) {
        let row = &self.buffer[self.start..self.start + length];
        batch.push(row, self.line, part);
        self.line += memchr::memchr_iter(b'\n', row).count() as u64;
        self.start += length;
    }

    /// Reads what there is; false where the end was seen before.
    fn fill(&mut self) -> Result<bool, Failure> {
        if self.at_end {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize((2 * self.end).max(BUFFER), 0);
        }
        let read = loop {
            match self.input.reader.read(&mut self.buffer[self.end..]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(problem) => return Err(Failure::Io { file: self.input.name.clone(), problem }),
                Ok(read) => break read,
            }
        };
        self.end += read;
        self.at_end = read == 0;
        if !std::mem::replace(&mut self.began, true) {
            refuse_compressed(&self.input.name, self.rest())?;
        }
        Ok(true)
    }
}

/// The greatest place up to `most` where a UTF-8 character begins, or the text ends.
fn char_start(text: &[u8], most: usize) -> usize {
    let most = most.min(text.len());
    let continues = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    (most.saturating_sub(3)..=most).rev().find(|at| !continues(at)).unwrap_or(most)
}

fn label_batches(
    mut engine: Engine,
    renderer: &Renderer,
    batches: &Receiver<Batch>,
    done: &SyncSender<Done>,
) {
    let empty = |stats| Done {
        output: Vec::new(),
        problems: Vec::new(),
        pending: Vec::new(),
        bytes_read: 0,
        failure: None,
        stats,
    };
    for batch in batches {
        let mut labelled = Done { bytes_read: batch.bytes.len() as u64, ..empty(None) };
        renderer.batch(&batch, &mut engine, &mut labelled.output, &mut labelled.problems);
        // Long before `NOW`, so that every batch offers a template again and all its events count.
        labelled.pending = engine.take_pending(usize::MAX, 0);
        labelled.failure = engine.take_failure();
        if done.send(labelled).is_err() {
            return;
        }
    }
    // Nobody may be left to hear it.
    let _ = done.send(empty(Some(engine.stats())));
}

fn write_all(
    workers: &[Receiver<Done>],
    writer: &mut dyn Write,
    options: &Options,
    bar: &ProgressBar,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut running = vec![true; workers.len()];
    for (worker, done) in workers.iter().enumerate().cycle() {
        if !running.contains(&true) {
            break;
        }
        let Some(done) = running[worker].then(|| done.recv()) else { continue };
        let Ok(done) = done else {
            return Err(Failure::other("a worker stopped; this is a defect of logtriage"));
        };
        if let Some(stats) = done.stats {
            report.stats.add(&stats);
            running[worker] = false;
            continue;
        }
        bar.inc(done.bytes_read);
        let stops_at = done.problems.first().filter(|_| options.strict);
        let output =
            stops_at.map_or(&*done.output, |problem| &done.output[..problem.output_before]);
        write(writer, output, report, options)?;
        report.pending.add(done.pending);
        if let Some(failure) = done.failure.filter(|_| !report.has_failed) {
            report.has_failed = true;
            let so = "such events pass without the semantic tier";
            bar.suspend(|| crate::screen::tell(&format!("logtriage: {failure}; {so}")));
        }
        let reported = if options.strict { 1 } else { usize::MAX };
        for problem in done.problems.iter().take(reported) {
            problem_found(problem, bar, report, options);
        }
        report.stopped |= stops_at.is_some();
        if report.stopped {
            return Ok(());
        }
    }
    if report.bad_rows > REPORTED {
        let more = report.bad_rows - REPORTED;
        crate::screen::tell(&format!("logtriage: and {more} more rows that could not be read"));
    }
    Ok(())
}

/// Writes at once, unless nobody reads any more: what comes live goes on live.
fn write(
    writer: &mut dyn Write,
    output: &[u8],
    report: &mut Report,
    options: &Options,
) -> Result<(), Failure> {
    match writer.write_all(output).and_then(|()| writer.flush()) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => report.stopped = true,
        Err(problem) => return Err(Failure::Io { file: options.output.clone(), problem }),
        Ok(()) => {}
    }
    Ok(())
}

fn problem_found(problem: &Problem, bar: &ProgressBar, report: &mut Report, options: &Options) {
    report.bad_rows += 1;
    if report.bad_rows <= REPORTED {
        let then =
            if options.strict { "stopped here (--strict)" } else { "the row passes unlabelled" };
        bar.suspend(|| crate::screen::tell(&format!("logtriage: {problem}; {then}")));
    }
}

/// Shown for long work on a terminal only.
fn progress_bar(inputs: &[Rows], options: &Options) -> ProgressBar {
    let total: Option<u64> = inputs.iter().map(|rows| rows.input.size).sum();
    if !options.progress || total.is_some_and(|total| total < 8 << 20) {
        return ProgressBar::hidden();
    }
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            "{wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta_precise}",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes} {bytes_per_sec} {elapsed_precise}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
