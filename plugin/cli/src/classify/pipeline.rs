//! Reading, labelling and writing at once, in constant memory.
//!
//! Worker `i` of `n` gets batches `i`, `i + n`, …, and the writer asks the workers in turn, so the
//! output has the order of the input without any sorting.

use std::io::{ErrorKind, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use indicatif::{ProgressBar, ProgressStyle};
use logtriage_engine::{Engine, OFFER_AGAIN_AFTER, Stats};

use super::csv_rows::{Found, RowFinder};
use super::render::{Problem, Renderer};
use super::streams::Input;
use crate::failure::Failure;
use crate::state::PendingList;

/// Rows of a batch, at most.
const BATCH_ROWS: usize = 1024;

/// Bytes of a batch after which it is closed.
const BATCH_BYTES: usize = 1 << 20;

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
    /// The run ended early, at a bad row or because the reader of our output went away: the counts
    /// are not whole.
    pub stopped: bool,
}

/// Rows of one input, with their line ends.
pub struct Batch {
    /// The input's name.
    pub name: String,
    bytes: Vec<u8>,
    rows: Vec<RowAt>,
}

struct RowAt {
    end: usize,
    line: u64,
    /// A quotation mark that is never closed.
    unclosed: bool,
}

/// A row of a batch.
pub struct Row<'b> {
    /// With its line end.
    pub bytes: &'b [u8],
    /// Counted from 1.
    pub line: u64,
    /// It opens a quotation mark that nothing closes.
    pub unclosed: bool,
}

impl Batch {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), bytes: Vec::new(), rows: Vec::new() }
    }

    fn push(&mut self, bytes: &[u8], line: u64, unclosed: bool) {
        self.bytes.extend_from_slice(bytes);
        self.rows.push(RowAt { end: self.bytes.len(), line, unclosed });
    }

    /// Puts a blank row first: the input before this one does not end with a line end.
    fn end_line_before(&mut self) {
        self.bytes.insert(0, b'\n');
        self.rows.iter_mut().for_each(|row| row.end += 1);
        self.rows.insert(0, RowAt { end: 1, line: 1, unclosed: false });
    }

    /// The rows in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let mut start = 0;
        self.rows.iter().map(move |row| {
            let bytes = self.bytes.get(start..row.end).unwrap_or_default();
            start = row.end;
            Row { bytes, line: row.line, unclosed: row.unclosed }
        })
    }
}

/// A labelled batch.
struct Done {
    output: Vec<u8>,
    problems: Vec<Problem>,
    pending: Vec<logtriage_engine::Pending>,
    bytes_read: u64,
    /// The last one of a worker: its counts.
    stats: Option<Stats>,
}

/// Labels all inputs.
pub fn run(
    inputs: Vec<Rows>,
    renderer: &Renderer,
    engines: Vec<Engine>,
    mut writer: Box<dyn Write>,
    options: &Options,
) -> Result<Report, Failure> {
    let bar = progress_bar(&inputs, options);
    let mut report = Report::default();
    write(&mut writer, &renderer.head(), &mut report)?;
    let ended = std::thread::scope(|scope| {
        let (mut to_workers, mut from_workers) = (Vec::new(), Vec::new());
        for engine in engines {
            let (batches, work) = sync_channel::<Batch>(QUEUE);
            let (results, done) = sync_channel::<Done>(QUEUE);
            scope.spawn(move || label_batches(engine, renderer, &work, &results));
            to_workers.push(batches);
            from_workers.push(done);
        }
        let reader = scope.spawn(move || read_all(inputs, &to_workers, renderer.keeps_line_ends()));
        let written = write_all(&from_workers, &mut writer, options, &bar, &mut report);
        // The workers stop when nobody takes their results, the reader when they do.
        drop(from_workers);
        let read = reader.join().unwrap_or_else(|_| Err(Failure::other("the reader failed")));
        written.and(read)
    });
    bar.finish_and_clear();
    ended?;
    match writer.flush() {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => report.stopped = true,
        Err(e) => return Err(Failure::Io { file: "output".to_owned(), problem: e }),
        Ok(()) => {}
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
            begins = false;
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
    buffer: Vec<u8>,
    start: usize,
    line: u64,
    at_end: bool,
}

impl Rows {
    /// Rows that end with a line; with a delimiter: CSV rows.
    pub fn new(input: Input, csv_delimiter: Option<u8>) -> Self {
        let csv = csv_delimiter.map(RowFinder::new);
        Self { input, csv, buffer: Vec::new(), start: 0, line: 1, at_end: false }
    }

    /// The input's name.
    pub fn name(&self) -> &str {
        &self.input.name
    }

    /// Takes the first row that is not blank, with the blank ones before it; `None` where there is
    /// none.
    pub fn first(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        let mut batch = Batch::new(self.name());
        loop {
            let rows = batch.rows.len();
            self.fill_batch(&mut batch, rows + 1)?;
            if batch.rows.len() == rows {
                return Ok(None);
            }
            let bytes = batch.bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&batch.bytes);
            if !bytes.trim_ascii().is_empty() {
                return Ok(Some(batch.bytes));
            }
        }
    }

    /// The next rows; `None` at the end.
    fn batch(&mut self) -> Result<Option<Batch>, Failure> {
        let mut batch = Batch::new(self.name());
        self.fill_batch(&mut batch, BATCH_ROWS)?;
        Ok((!batch.rows.is_empty()).then_some(batch))
    }

    fn fill_batch(&mut self, batch: &mut Batch, most: usize) -> Result<(), Failure> {
        while batch.rows.len() < most && batch.bytes.len() < BATCH_BYTES {
            if self.at_end && self.start == self.buffer.len() {
                break;
            }
            match self.find() {
                Found::More => self.fill()?,
                Found::Row(length) => {
                    let length = self.with_line_feed(length)?;
                    self.take(length, false, batch);
                }
                Found::Unclosed => {
                    let rest = &self.buffer[self.start..];
                    let length = newline(rest).map_or(rest.len(), |at| at + 1);
                    self.take(length, true, batch);
                }
            }
        }
        Ok(())
    }

    fn find(&mut self) -> Found {
        let rest = &self.buffer[self.start..];
        match &mut self.csv {
            _ if rest.is_empty() => Found::More,
            Some(finder) => finder.find(rest, self.at_end),
            None => match newline(rest) {
                Some(at) => Found::Row(at + 1),
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
        while self.buffer.len() == self.start + length && !self.at_end {
            self.fill()?;
        }
        let follows = self.buffer.get(self.start + length) == Some(&b'\n');
        Ok(length + usize::from(follows))
    }

    fn take(&mut self, length: usize, unclosed: bool, batch: &mut Batch) {
        let row = &self.buffer[self.start..self.start + length];
        batch.push(row, self.line, unclosed);
        self.line += memchr::memchr_iter(b'\n', row).count() as u64;
        self.start += length;
    }

    fn fill(&mut self) -> Result<(), Failure> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let before = self.buffer.len();
        let room = (before / 2).max(256 << 10);
        self.buffer.resize(before + room, 0);
        let read = loop {
            match self.input.reader.read(&mut self.buffer[before..]) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(problem) => return Err(Failure::Io { file: self.input.name.clone(), problem }),
                Ok(read) => break read,
            }
        };
        self.buffer.truncate(before + read);
        self.at_end = read == 0;
        Ok(())
    }
}

fn newline(bytes: &[u8]) -> Option<usize> {
    memchr::memchr(b'\n', bytes)
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
        stats,
    };
    for batch in batches {
        let mut labelled = Done { bytes_read: batch.bytes.len() as u64, ..empty(None) };
        renderer.batch(&batch, &mut engine, &mut labelled.output, &mut labelled.problems);
        // Long before `NOW`, so that every batch offers a template again and all its events count.
        labelled.pending = engine.take_pending(usize::MAX, 0);
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
        write(writer, output, report)?;
        report.pending.add(done.pending);
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

/// Writes, unless nobody reads any more.
fn write(writer: &mut dyn Write, output: &[u8], report: &mut Report) -> Result<(), Failure> {
    match writer.write_all(output) {
        Err(e) if e.kind() == ErrorKind::BrokenPipe => report.stopped = true,
        Err(problem) => return Err(Failure::Io { file: "output".to_owned(), problem }),
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
