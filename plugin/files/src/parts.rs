//! Model bundles as directories.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::Path;

use logtriage_engine::Model;
use logtriage_engine::semantic::{BundleParts, MANIFEST, PARTS};

use crate::error::FileError;

/// Reads and checks the bundle in `directory`.
///
/// # Errors
/// A part that is missing, damaged or of another format.
pub fn load_model(directory: &Path) -> Result<Model, FileError> {
    let wrong = |error| FileError::Other(format!("{}: {error}", directory.display()));
    Model::load(read(directory)?).map_err(wrong)
}

/// Reads the parts that are in `directory`; what is missing is for the reader of the bundle to
/// tell.
///
/// # Errors
/// No such directory, or a part that is there and cannot be read.
pub fn read(directory: &Path) -> Result<BundleParts, FileError> {
    fs::read_dir(directory).map_err(|problem| FileError::io(directory, problem))?;
    let mut parts = BundleParts::new();
    for name in PARTS {
        let path = directory.join(name);
        match fs::read(&path) {
            Ok(bytes) => parts.insert(name.to_owned(), Cow::Owned(bytes)),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => continue,
            Err(problem) => return Err(FileError::io(&path, problem)),
        };
    }
    Ok(parts)
}

/// Writes `parts` to `directory`, which is made if need be. The manifest goes last: a bundle cut
/// short does not load.
///
/// # Errors
/// What the system says.
pub fn write(directory: &Path, parts: &BundleParts) -> Result<(), FileError> {
    fs::create_dir_all(directory).map_err(|problem| FileError::io(directory, problem))?;
    let (manifest, rest): (Vec<_>, Vec<_>) = parts.iter().partition(|(name, _)| *name == MANIFEST);
    for (name, bytes) in rest.into_iter().chain(manifest) {
        let path = directory.join(name);
        fs::write(&path, bytes).map_err(|problem| FileError::io(&path, problem))?;
    }
    Ok(())
}
