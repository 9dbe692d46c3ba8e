//! Engines, and who shares one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Instant;

use logtriage_files::{Agent, FileError, Loaded, RuleForm};

/// An engine with its files; labellers of several threads may hold it.
pub(crate) type Shared = Mutex<Agent>;

/// The engines in use, by the config that they were opened with; the built-in one has no path.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<Shared>>> = Mutex::new(BTreeMap::new());

/// An engine for a config, or for the built-in one. It is shared with whoever has the same config
/// already, unless `apart`; a file that says something else by now is another config.
///
/// # Errors
/// Config, rules or model are wrong. They are read even if an engine is in use, which goes on with
/// what it has.
pub(crate) fn open(config: Option<&Path>, apart: bool) -> Result<Arc<Shared>, FileError> {
    let (loaded, path) = match config {
        Some(path) => (Loaded::read(path)?, canonical(path)?),
        None => Default::default(),
    };
    let agent = Agent::open(loaded, RuleForm::Text)?;
    if apart {
        return Ok(Arc::new(Mutex::new(agent)));
    }
    let mut open = lock(&OPEN);
    open.retain(|_, shared| shared.strong_count() > 0);
    let known = open.get(&path).and_then(Weak::upgrade);
    if let Some(known) = known.filter(|known| lock(known).config() == agent.config()) {
        return Ok(known);
    }
    let shared = Arc::new(Mutex::new(agent));
    open.insert(path, Arc::downgrade(&shared));
    Ok(shared)
}

fn canonical(path: &Path) -> Result<PathBuf, FileError> {
    path.canonicalize().map_err(|problem| FileError::Io { file: path.to_owned(), problem })
}

/// Locks. Where a thread panicked before, labelling goes on with what is there.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since somebody first asked.
pub(crate) fn now() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    u64::try_from(START.get_or_init(Instant::now).elapsed().as_millis()).unwrap_or(u64::MAX)
}
