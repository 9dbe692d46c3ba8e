//! ONNX Runtime's shared library, loaded once per process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;
use ort::logging::LogLevel;

use crate::error::OnnxError;

/// The variable that says where it is, as `ort` and others have it.
const PLACE: &str = "ORT_DYLIB_PATH";

/// What the system's loader is asked for where nobody says where it is.
const NAME: &str = if cfg!(target_os = "macos") {
    "libonnxruntime.dylib"
} else if cfg!(windows) {
    "onnxruntime.dll"
} else {
    "libonnxruntime.so"
};

/// What became of loading it: if it failed, from where and why. `ort` must not be asked again after
/// a failure: it takes what it did not load for loaded.
type Loaded = Result<Environment, (Option<PathBuf>, String)>;

static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

/// Loads the library from `path`, else from where [`PLACE`] says, else from where the system looks.
/// It is done once: later calls get what became of it then, whatever they ask for.
pub(crate) fn start(path: Option<&Path>) -> Result<Environment, OnnxError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    let became = loaded.get_or_insert_with(|| {
        let named = || std::env::var_os(PLACE).filter(|place| !place.is_empty()).map(PathBuf::from);
        let path = path.map(Path::to_owned).or_else(named);
        load(path.as_deref()).map_err(|reason| (path, reason))
    });
    let failed = |(path, reason)| OnnxError::Runtime { path, reason };
    became.clone().map_err(failed)
}

fn load(path: Option<&Path>) -> Result<Environment, String> {
    let builder = ort::init_from(path.unwrap_or(Path::new(NAME))).map_err(|e| e.to_string())?;
    let builder = builder.with_name("logtriage").with_telemetry(false);
    let environment = builder.build().map_err(|e| e.to_string())?;
    // What goes wrong is told by us, and not for every event.
    environment.set_log_level(LogLevel::Fatal);
    Ok(environment)
}
