//! Hosts of the engine and of the guest, behind one trait, so that one corpus and one set of
//! properties run over all of them.
//!
//! | Host | Runs | Called through |
//! | --- | --- | --- |
//! | [`Native`] | the engine | Rust: the reference |
//! | [`Component`] | wasmtime | `wit/logtriage.wit` |
//! | [`CoreModule`] | wasmtime | Fluent Bit's ABI |
//! | [`sidecar::SidecarHost`] | the sidecar | gRPC, between two ends of the tests' own |
//! | [`Wamr`] | WAMR's fast interpreter, built as Fluent Bit builds it | Fluent Bit's ABI, as `flb_wasm.c` does |
//! | [`Lua`] | Lua 5.4, embedded as Vector embeds it | the Lua module, events as tables |

pub mod bench;
pub mod command;
mod component;
mod core_module;
mod directory;
pub mod fluent_bit;
pub mod guest;
pub mod lua;
mod native;
pub mod records;
pub mod sidecar;
mod wamr;

use std::fmt;
use std::path::{Path, PathBuf};

pub use component::Component;
pub use core_module::{Clock, CoreModule, Settings as CoreModuleSettings};
pub use lua::Lua;
pub use native::Native;
pub use wamr::{Settings as WamrSettings, Wamr};

/// The project's directory.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Why a host did not start.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What labels records.
pub trait Host {
    /// The record as it goes on.
    ///
    /// # Errors
    /// The record is lost to the pipeline.
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost>;
}

/// Why there is no record any more.
#[derive(Clone, PartialEq, Eq)]
pub enum Lost {
    /// The guest trapped.
    Trap(String),
    /// It answered with a null pointer, one outside its memory, or an empty string.
    NoAnswer,
    /// It answered with something else than a JSON object.
    NotAnObject(Vec<u8>),
}

impl fmt::Debug for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(exception) => write!(f, "a trap: {exception}"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::NotAnObject(answer) => write!(f, "not an object: {}", answer.escape_ascii()),
        }
    }
}

/// The hosts that hand over records as bytes, each with its ordinary settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// See [`Native`].
    Native,
    /// See [`Component`].
    Component,
    /// See [`CoreModule`].
    CoreModule,
    /// See [`Wamr`].
    Wamr,
}

impl Kind {
    /// Every host.
    pub const ALL: [Self; 4] = [Self::Native, Self::Component, Self::CoreModule, Self::Wamr];

    /// The hosts that call the guest through Fluent Bit's ABI.
    pub const FLUENT_BIT: [Self; 2] = [Self::CoreModule, Self::Wamr];

    /// Starts the host with the config, rules and verdicts of a directory, or with what is built
    /// in.
    ///
    /// # Errors
    /// The guest, or a directory that was named, cannot be used.
    pub fn start(self, directory: Option<&Path>) -> Result<Box<dyn Host>, Failure> {
        Ok(match self {
            Self::Native => Box::new(Native::start(directory)?),
            Self::Component => Box::new(Component::start(directory)?),
            Self::CoreModule => {
                let settings = CoreModuleSettings { directory, ..CoreModuleSettings::default() };
                Box::new(CoreModule::start(&settings)?)
            }
            Self::Wamr => {
                let settings = WamrSettings { directory, ..WamrSettings::default() };
                Box::new(Wamr::start(&settings)?)
            }
        })
    }
}
