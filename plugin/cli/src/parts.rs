//! Model bundles as directories.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use logtriage_engine::semantic::{
    BundleParts, EXAMPLES, HEAD, LEXICON, MANIFEST, TABLE, VOCABULARY,
};

/// Every file that a bundle or a table may hold.
const NAMES: [&str; 6] = [MANIFEST, VOCABULARY, TABLE, HEAD, LEXICON, EXAMPLES];

/// A bundle's file or directory could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {error}", path.display())]
pub(crate) struct PartsError {
    path: PathBuf,
    error: io::Error,
}

/// Reads the parts that are in `dir`; what is missing is for the reader of the bundle to tell.
pub(crate) fn read(dir: &Path) -> Result<BundleParts, PartsError> {
    fs::read_dir(dir).map_err(|error| PartsError { path: dir.to_owned(), error })?;
    let mut parts = BundleParts::new();
    for name in NAMES {
        let path = dir.join(name);
        match fs::read(&path) {
            Ok(bytes) => parts.insert(name.to_owned(), Cow::Owned(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(PartsError { path, error }),
        };
    }
    Ok(parts)
}

/// Writes `parts` to `dir`, which is made if need be. The manifest goes last: a bundle cut short
/// does not load.
pub(crate) fn write(dir: &Path, parts: &BundleParts) -> Result<(), PartsError> {
    fs::create_dir_all(dir).map_err(|error| PartsError { path: dir.to_owned(), error })?;
    let (manifest, rest): (Vec<_>, Vec<_>) = parts.iter().partition(|(name, _)| *name == MANIFEST);
    for (name, bytes) in rest.into_iter().chain(manifest) {
        let path = dir.join(name);
        fs::write(&path, bytes).map_err(|error| PartsError { path, error })?;
    }
    Ok(())
}
