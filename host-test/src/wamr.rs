//! The guest in WAMR's fast interpreter, called as Fluent Bit's `flb_wasm.c` calls it.
//!
//! The runtime is built with Fluent Bit's features. The thread manager is one of them, and it
//! matters: it leaves a guest a fifth of the stack that its linker gave it.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr::null_mut;
use std::sync::{LazyLock, Mutex, PoisonError};

use wamrx_sys as wamr;

use crate::{Failure, Host, Lost, fluent_bit, guest};

const TAG: &CStr = c"kube.var.log.containers.checkout";
const PAGE: usize = 1 << 16;

/// Fluent Bit's settings of the filter.
#[derive(Clone, Copy)]
pub struct Settings<'s> {
    /// `accessible_paths`, of which there is one or none here.
    pub directory: Option<&'s Path>,
    /// `wasm_stack_size` in bytes.
    pub stack_size: u32,
    /// `wasm_heap_size` in bytes.
    pub heap_size: u32,
    /// Whether tag and record are freed after each call. Fluent Bit 4.1.0, 4.1.1 and those before
    /// 4.0.14 do not.
    pub frees: bool,
}

impl Default for Settings<'_> {
    fn default() -> Self {
        Self { directory: None, stack_size: 8192, heap_size: 8192, frees: true }
    }
}

/// One filter.
pub struct Wamr {
    module: wamr::wasm_module_t,
    instance: wamr::wasm_module_inst_t,
    environment: wamr::wasm_exec_env_t,
    /// The runtime refers to these as long as the module lives.
    _binary: Vec<u8>,
    directory: Option<Directory>,
    stderr: File,
    frees: bool,
}

impl Wamr {
    /// Starts our guest.
    ///
    /// # Errors
    /// The runtime refuses it, or the directory is missing.
    pub fn start(settings: &Settings<'_>) -> Result<Self, Failure> {
        Self::start_module(guest::core_module(), settings)
    }

    /// Starts any guest.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_module(binary: &[u8], settings: &Settings<'_>) -> Result<Self, Failure> {
        enter_thread()?;
        let mut binary = binary.to_vec();
        let mut this = Self {
            directory: settings.directory.map(directory).transpose()?,
            stderr: tempfile::tempfile()?,
            frees: settings.frees,
            module: load(&mut binary)?,
            instance: null_mut(),
            environment: null_mut(),
            _binary: binary,
        };
        this.set_wasi_arguments();
        this.instance = instantiate(this.module, settings)?;
        // SAFETY: the instance was made above.
        this.environment =
            unsafe { wamr::wasm_runtime_create_exec_env(this.instance, settings.stack_size) };
        if this.environment.is_null() {
            return Err("WAMR cannot make an execution environment".into());
        }
        Ok(this)
    }

    fn set_wasi_arguments(&mut self) {
        let (list, count) = match &mut self.directory {
            Some((_, list)) => (list.as_mut_ptr(), 1),
            None => (null_mut(), 0),
        };
        // SAFETY: the list of directories and the names in it live as long as the module, in
        // `self`; everything else is empty. The runtime does not close standard streams.
        unsafe {
            wamr::wasm_runtime_set_wasi_args_ex(
                self.module,
                list,
                count,
                null_mut(),
                0,
                null_mut(),
                0,
                null_mut(),
                0,
                0,
                1,
                i64::from(self.stderr.as_raw_fd()),
            );
        }
    }

    /// The size of the guest's memory, in bytes. It never shrinks.
    pub fn memory_size(&self) -> usize {
        // SAFETY: the instance lives as long as `self`.
        let pages = unsafe {
            let memory = wamr::wasm_runtime_get_default_memory(self.instance);
            if memory.is_null() { 0 } else { wamr::wasm_memory_get_cur_page_count(memory) }
        };
        pages as usize * PAGE
    }

    /// What the guest wrote to standard error.
    ///
    /// # Errors
    /// The file that took it cannot be read.
    pub fn stderr(&mut self) -> Result<String, Failure> {
        let mut text = String::new();
        self.stderr.rewind()?;
        self.stderr.read_to_string(&mut text)?;
        Ok(text)
    }

    /// What the guest answers, whether Fluent Bit takes it or not. A record ends at its first zero:
    /// Fluent Bit hands over C strings.
    ///
    /// # Errors
    /// A trap, or no answer.
    pub fn answer(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        let end = record.iter().position(|byte| *byte == 0).unwrap_or(record.len());
        let record = CString::new(&record[..end]).unwrap_or_default();
        self.call(Some(&record), end as u32)
    }

    /// A call with the null pointer and the length of a record that did not fit into the guest.
    ///
    /// # Errors
    /// There is no answer to it that would be a record; a trap is another thing.
    pub fn call_without_record(&mut self, length: u32) -> Result<Vec<u8>, Lost> {
        self.call(None, length)
    }

    /// `flb_wasm_call_function_format_json`, line by line.
    fn call(&mut self, record: Option<&CStr>, length: u32) -> Result<Vec<u8>, Lost> {
        enter_thread().map_err(|error| Lost::Trap(error.to_string()))?;
        let name = LazyLock::force(&FUNCTION).as_ptr();
        // SAFETY: instance and environment live as long as `self`, which is borrowed for the whole
        // call. Tag and record are C strings, copied in with their zeros. The arguments are six
        // words, as the function's type says; WAMR checks that. The answer is read only after WAMR
        // has found its end inside the guest's memory, and before the guest runs again.
        unsafe {
            let function = wamr::wasm_runtime_lookup_function(self.instance, name);
            if function.is_null() {
                return Err(Lost::Trap("the guest has no such function".to_owned()));
            }
            let tag = self.copy_in(TAG);
            let record = record.map_or(0, |record| self.copy_in(record));
            let tag_length = TAG.count_bytes() as u32;
            let mut arguments =
                [tag as u32, tag_length, 1_795_157_011, 204_118_000, record as u32, length];
            let answer = if !wamr::wasm_runtime_call_wasm(
                self.environment,
                function,
                arguments.len() as u32,
                arguments.as_mut_ptr(),
            ) {
                let exception = wamr::wasm_runtime_get_exception(self.instance);
                let exception = text(exception);
                wamr::wasm_runtime_clear_exception(self.instance);
                Err(Lost::Trap(exception))
            } else if !wamr::wasm_runtime_validate_app_str_addr(
                self.instance,
                u64::from(arguments[0]),
            ) {
                Err(Lost::NoAnswer)
            } else {
                let place =
                    wamr::wasm_runtime_addr_app_to_native(self.instance, u64::from(arguments[0]));
                if place.is_null() {
                    Err(Lost::NoAnswer)
                } else {
                    Ok(CStr::from_ptr(place.cast()).to_bytes().to_vec())
                }
            };
            for copied in [tag, record] {
                if self.frees && copied != 0 {
                    wamr::wasm_runtime_module_free(self.instance, copied);
                }
            }
            answer
        }
    }

    /// Where a C string is in the guest now; 0 where it gives no room.
    fn copy_in(&self, text: &CStr) -> u64 {
        let bytes = text.to_bytes_with_nul();
        // SAFETY: the instance lives as long as `self`; the length is the slice's.
        unsafe {
            let (start, length) = (bytes.as_ptr().cast(), bytes.len() as u64);
            wamr::wasm_runtime_module_dup_data(self.instance, start, length)
        }
    }
}

static FUNCTION: LazyLock<CString> =
    LazyLock::new(|| CString::new(fluent_bit::FUNCTION).unwrap_or_default());

impl Host for Wamr {
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        self.answer(record).and_then(fluent_bit::record)
    }
}

impl Drop for Wamr {
    fn drop(&mut self) {
        let _alone = alone();
        // SAFETY: each was made by the runtime or is null; nothing uses them afterwards, and what
        // is made of another goes before it.
        unsafe {
            if !self.environment.is_null() {
                wamr::wasm_runtime_destroy_exec_env(self.environment);
            }
            if !self.instance.is_null() {
                wamr::wasm_runtime_deinstantiate(self.instance);
            }
            wamr::wasm_runtime_unload(self.module);
        }
    }
}

/// A buffer that the runtime writes a message into.
type ErrorText = [c_char; 128];

/// The binary must stay where it is while the module lives; moving its vector does not move it.
fn load(binary: &mut [u8]) -> Result<wamr::wasm_module_t, Failure> {
    let _alone = alone();
    let mut error: ErrorText = [0; 128];
    // SAFETY: both lengths are those of what they stand beside.
    let module = unsafe {
        let (code, length) = (binary.as_mut_ptr(), binary.len() as u32);
        wamr::wasm_runtime_load(code, length, error.as_mut_ptr(), error.len() as u32)
    };
    if module.is_null() { Err(refused("load", &error)) } else { Ok(module) }
}

fn instantiate(
    module: wamr::wasm_module_t,
    settings: &Settings<'_>,
) -> Result<wamr::wasm_module_inst_t, Failure> {
    let _alone = alone();
    let mut error: ErrorText = [0; 128];
    // SAFETY: the module is loaded; the length is the buffer's.
    let instance = unsafe {
        let (stack, heap) = (settings.stack_size, settings.heap_size);
        wamr::wasm_runtime_instantiate(module, stack, heap, error.as_mut_ptr(), error.len() as u32)
    };
    if instance.is_null() { Err(refused("instantiate", &error)) } else { Ok(instance) }
}

/// A name and the list that it is in.
type Directory = (CString, Box<[*const c_char; 1]>);

fn directory(directory: &Path) -> Result<Directory, Failure> {
    let name = CString::new(directory.to_str().ok_or("the directory's name is not UTF-8")?)?;
    let list = Box::new([name.as_ptr()]);
    Ok((name, list))
}

fn refused(step: &str, error: &ErrorText) -> Failure {
    // SAFETY: the runtime ends its messages with a zero inside the buffer, which begins with one.
    let message = unsafe { text(error.as_ptr()) };
    format!("WAMR does not {step} the guest: {message}").into()
}

/// # Safety
/// `message` is null or a C string.
unsafe fn text(message: *const c_char) -> String {
    if message.is_null() {
        return String::new();
    }
    // SAFETY: the caller's promise.
    unsafe { CStr::from_ptr(message) }.to_string_lossy().into_owned()
}

/// Modules are loaded and dropped by one thread at a time, as in Fluent Bit.
fn alone() -> std::sync::MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts the runtime, once, and makes it known to this thread.
fn enter_thread() -> Result<(), Failure> {
    static STARTED: LazyLock<bool> = LazyLock::new(|| {
        let mut arguments = wamr::RuntimeInitArgs {
            mem_alloc_type: wamr::Alloc_With_System_Allocator,
            ..wamr::RuntimeInitArgs::default()
        };
        // SAFETY: the arguments are whole, and the lock around this lets one thread in.
        unsafe { wamr::wasm_runtime_full_init(&mut arguments) }
    });
    thread_local!(static ENTERED: Thread = Thread::enter());
    if !*STARTED {
        return Err("WAMR does not start".into());
    }
    if !ENTERED.with(|thread| thread.entered) {
        return Err("WAMR cannot be used in this thread".into());
    }
    Ok(())
}

/// The runtime's handling of signals in one thread.
struct Thread {
    entered: bool,
}

impl Thread {
    fn enter() -> Self {
        // SAFETY: the runtime was started before. Doing it again in the thread that started it does
        // nothing.
        Self { entered: unsafe { wamr::wasm_runtime_init_thread_env() } }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // SAFETY: this thread has entered, and leaves once.
        unsafe { wamr::wasm_runtime_destroy_thread_env() }
    }
}
