//! The guest as a core module in wasmtime, through Fluent Bit's ABI: the host for faults that WAMR
//! cannot play.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use wasmtime::{Config, Engine, Linker, Memory, Module, Store, TypedFunc};
use wasmtime_wasi::p1::{self, WasiP1Ctx};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, HostMonotonicClock, HostWallClock, WasiCtxBuilder};

use crate::{Failure, Host, Lost, fluent_bit, guest};

const TAG: &[u8] = b"kube.var.log.containers.checkout";

/// What a guest may write to standard error, in bytes.
const MAX_STDERR: usize = 16 << 20;

/// How the host behaves.
#[derive(Clone, Copy)]
pub struct Settings<'s> {
    /// The accessible directory.
    pub directory: Option<&'s Path>,
    /// Whether the guest may write there.
    pub writable: bool,
    /// Whether tag and record are freed after each call. Fluent Bit 4.1.0, 4.1.1 and those before
    /// 4.0.14 do not.
    pub frees: bool,
    /// Another clock than the machine's.
    pub clock: Option<&'s Clock>,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { directory: None, writable: true, frees: true, clock: None }
    }
}

/// A clock that stands still until it is set.
#[derive(Clone, Default)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Sets it, forwards or backwards.
    pub fn set(&self, since_start: Duration) {
        self.0.store(since_start.as_nanos() as u64, Ordering::Relaxed);
    }

    fn nanoseconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        1
    }

    fn now(&self) -> u64 {
        self.nanoseconds()
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds())
    }
}

/// The core module.
pub struct CoreModule {
    store: Store<WasiP1Ctx>,
    memory: Memory,
    malloc: TypedFunc<u32, u32>,
    free: TypedFunc<u32, ()>,
    function: TypedFunc<(u32, u32, u32, u32, u32, u32), u32>,
    frees: bool,
    stderr: MemoryOutputPipe,
}

impl CoreModule {
    /// Starts the guest.
    ///
    /// # Errors
    /// It lacks what Fluent Bit needs, or the directory is missing.
    pub fn start(settings: &Settings<'_>) -> Result<Self, Failure> {
        let (engine, module) = compiled();
        let stderr = MemoryOutputPipe::new(MAX_STDERR);
        let mut linker = Linker::new(engine);
        p1::add_to_linker_sync(&mut linker, |context: &mut WasiP1Ctx| context)?;
        let mut store = Store::new(engine, wasi(settings, stderr.clone())?);
        let instance = linker.instantiate(&mut store, module)?;
        let initialize = instance.get_typed_func::<(), ()>(&mut store, "_initialize")?;
        initialize.call(&mut store, ())?;
        Ok(Self {
            memory: instance.get_memory(&mut store, "memory").ok_or("the guest has no memory")?,
            malloc: instance.get_typed_func(&mut store, "malloc")?,
            free: instance.get_typed_func(&mut store, "free")?,
            function: instance.get_typed_func(&mut store, fluent_bit::FUNCTION)?,
            frees: settings.frees,
            stderr,
            store,
        })
    }

    /// The size of the guest's memory, in bytes. It never shrinks.
    pub fn memory_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// What the guest wrote to standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.contents()).into_owned()
    }

    /// A call with the null pointer and the length of a record that did not fit into the guest.
    ///
    /// # Errors
    /// There is no answer to it that would be a record; a trap is another thing.
    pub fn call_without_record(&mut self, length: u32) -> Result<Vec<u8>, Lost> {
        let tag = self.copy_in(TAG)?;
        let answer = self.call(tag, 0, length);
        self.release(tag)?;
        answer
    }

    fn call(&mut self, tag: u32, record: u32, length: u32) -> Result<Vec<u8>, Lost> {
        let arguments = (tag, TAG.len() as u32, 1_795_157_011, 204_118_000, record, length);
        let answer = self.function.call(&mut self.store, arguments).map_err(trap)?;
        if answer == 0 {
            return Err(Lost::NoAnswer);
        }
        let rest = self.memory.data(&self.store).get(answer as usize..).ok_or(Lost::NoAnswer)?;
        let end = rest.iter().position(|byte| *byte == 0).ok_or(Lost::NoAnswer)?;
        fluent_bit::record(rest[..end].to_vec())
    }

    /// Copies bytes and a zero into the guest; 0 where it gives no room.
    fn copy_in(&mut self, bytes: &[u8]) -> Result<u32, Lost> {
        let place = self.malloc.call(&mut self.store, bytes.len() as u32 + 1).map_err(trap)?;
        if place != 0 {
            let memory = self.memory.data_mut(&mut self.store);
            let room = memory.get_mut(place as usize..).and_then(|r| r.get_mut(..=bytes.len()));
            let room = room.ok_or_else(|| Lost::Trap("malloc gave what is not there".into()))?;
            room[..bytes.len()].copy_from_slice(bytes);
            room[bytes.len()] = 0;
        }
        Ok(place)
    }

    fn release(&mut self, place: u32) -> Result<(), Lost> {
        if self.frees && place != 0 {
            self.free.call(&mut self.store, place).map_err(trap)?;
        }
        Ok(())
    }
}

impl Host for CoreModule {
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        let tag = self.copy_in(TAG)?;
        let place = self.copy_in(record)?;
        let answer = self.call(tag, place, record.len() as u32);
        self.release(tag)?;
        self.release(place)?;
        answer
    }
}

fn trap(error: wasmtime::Error) -> Lost {
    Lost::Trap(format!("{error:#}"))
}

fn wasi(settings: &Settings<'_>, stderr: MemoryOutputPipe) -> Result<WasiP1Ctx, Failure> {
    let mut wasi = WasiCtxBuilder::new();
    wasi.stderr(stderr);
    if let Some(directory) = settings.directory {
        let permissions = if settings.writable { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        // By its own name, as in Fluent Bit.
        let name = directory.to_str().ok_or("the directory's name is not UTF-8")?;
        wasi.preopened_dir(directory, name, permissions)?;
    }
    if let Some(clock) = settings.clock {
        wasi.monotonic_clock(clock.clone()).wall_clock(clock.clone());
    }
    Ok(wasi.build_p1())
}

/// Traps come from checks and not from signals: those are WAMR's in the same process.
pub(crate) fn engine() -> Engine {
    let mut config = Config::new();
    config.signals_based_traps(false);
    Engine::new(&config).unwrap_or_else(|error| panic!("wasmtime does not start: {error:#}"))
}

fn compiled() -> &'static (Engine, Module) {
    static COMPILED: LazyLock<(Engine, Module)> = LazyLock::new(|| {
        let engine = engine();
        let module = Module::new(&engine, guest::core_module())
            .unwrap_or_else(|error| panic!("the guest is no module: {error:#}"));
        (engine, module)
    });
    &COMPILED
}
