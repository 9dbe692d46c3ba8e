//! Opening what is read and what is written.

use std::fs::{File, Metadata};
use std::io::{BufWriter, IsTerminal, Read, Seek, Write, stdin, stdout};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A stream with its name.
pub struct Input {
    /// The file as the user named it.
    pub name: String,
    /// Its size in bytes, where it has one.
    pub size: Option<u64>,
    /// What is read.
    pub reader: Box<dyn Read + Send>,
}

/// Opens every file before the first is read, so that a typing error costs no work.
pub fn open_all(files: &[PathBuf], output: Option<&Path>) -> Result<Vec<Input>, Failure> {
    let output = match output {
        Some(path) => std::fs::metadata(path).ok().as_ref().and_then(identity),
        None => stream_identity(&stdout()),
    };
    files.iter().map(|file| open(file, output)).collect()
}

fn open(path: &Path, output: Option<FileId>) -> Result<Input, Failure> {
    if path == Path::new("-") {
        let name = "standard input".to_owned();
        refuse_output(&name, stream_identity(&stdin()), output)?;
        return Ok(Input { name, size: None, reader: Box::new(stdin()) });
    }
    let failed = |e| Failure::io(path, e);
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let name = path.display().to_string();
    if metadata.is_dir() {
        return Err(Failure::other(format!(
            "{name} is a directory; name the files in it, e.g. {name}/*.log"
        )));
    }
    refuse_output(&name, identity(&metadata), output)?;
    let size = metadata.is_file().then_some(metadata.len());
    if size.is_some() {
        let mut beginning = Vec::new();
        (&file).take(8).read_to_end(&mut beginning).map_err(failed)?;
        refuse_compressed(&name, &beginning)?;
        file.rewind().map_err(failed)?;
    }
    Ok(Input { name, size, reader: Box::new(file) })
}

/// Packed text would be taken for lines. `beginning`: the first bytes that were read.
pub fn refuse_compressed(name: &str, beginning: &[u8]) -> Result<(), Failure> {
    let packers: [(&[u8], _, _); 3] = [
        (b"\x1f\x8b", "gzip", "zcat"),
        (b"\xfd7zXZ", "xz", "xzcat"),
        (b"\x28\xb5\x2f\xfd", "zstd", "zstdcat"),
    ];
    match packers.iter().find(|(magic, _, _)| beginning.starts_with(magic)) {
        None => Ok(()),
        Some((_, packer, unpack)) => Err(Failure::other(format!(
            "{name} looks {packer}-compressed: {unpack} FILE | logtriage classify --format FORMAT -"
        ))),
    }
}

/// A file that is read while it is written would be lost, or never end.
fn refuse_output(name: &str, input: Option<FileId>, output: Option<FileId>) -> Result<(), Failure> {
    if input.is_some() && input == output {
        return Err(Failure::other(format!("{name} is input and output; write to another file")));
    }
    Ok(())
}

/// Device and number of a regular file: the same for all its names.
type FileId = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    metadata.is_file().then(|| (metadata.dev(), metadata.ino()))
}

#[cfg(unix)]
fn stream_identity(stream: &impl std::os::fd::AsFd) -> Option<FileId> {
    let file = File::from(stream.as_fd().try_clone_to_owned().ok()?);
    identity(&file.metadata().ok()?)
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<FileId> {
    None
}

#[cfg(not(unix))]
fn stream_identity<T>(_: &T) -> Option<FileId> {
    None
}

/// Where output goes.
pub struct Output {
    /// Buffered.
    pub writer: Box<dyn Write>,
    /// A person looks at it.
    pub is_terminal: bool,
}

/// Opens the output file, or standard output.
pub fn open_output(path: Option<&Path>) -> Result<Output, Failure> {
    match path {
        None => Ok(Output {
            is_terminal: stdout().is_terminal(),
            writer: Box::new(BufWriter::new(stdout())),
        }),
        Some(path) => {
            let file = File::create(path).map_err(|e| Failure::io(path, e))?;
            Ok(Output { is_terminal: false, writer: Box::new(BufWriter::new(file)) })
        }
    }
}
