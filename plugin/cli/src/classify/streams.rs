//! Opening what is read and what is written.

use std::fs::File;
use std::io::{BufWriter, IsTerminal, Read, Write, stdin, stdout};
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
    let output = output.and_then(|path| path.canonicalize().ok());
    files.iter().map(|file| open(file, output.as_deref())).collect()
}

fn open(path: &Path, output: Option<&Path>) -> Result<Input, Failure> {
    if path == Path::new("-") {
        return Ok(Input {
            name: "standard input".to_owned(),
            size: None,
            reader: Box::new(stdin()),
        });
    }
    let failed = |e| Failure::io(path, e);
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(Failure::other(format!(
            "{} is a directory; name the files in it, e.g. {}/*.log",
            path.display(),
            path.display()
        )));
    }
    if output.is_some() && path.canonicalize().ok().as_deref() == output {
        return Err(Failure::other(format!(
            "{} is input and output; write to another file",
            path.display()
        )));
    }
    Ok(Input {
        name: path.display().to_string(),
        size: metadata.is_file().then_some(metadata.len()),
        reader: Box::new(file),
    })
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
