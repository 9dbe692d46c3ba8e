//! What Lua calls.
#![allow(unsafe_code)]

use std::cell::RefCell;
use std::ffi::c_int;
use std::path::PathBuf;

use crate::labeller::Labeller;
use crate::lua::{
    NIL, NUMBER_SIZES, State, TABLE, Table, UPVALUE, VERSION, boolean, lua_createtable, lua_error,
    lua_getiuservalue, lua_getmetatable, lua_newuserdatauv, lua_next, lua_pushcclosure,
    lua_pushnil, lua_pushvalue, lua_rawequal, lua_rawget, lua_rawgeti, lua_rawseti, lua_setfield,
    lua_setiuservalue, lua_setmetatable, lua_settop, lua_touserdata, lua_type, luaL_checkversion_,
    push_string, string,
};
use crate::names::Name;
use crate::panics::{caught, keep_messages, tell};
use crate::put::into_log;
use crate::shared;

/// What a userdata of ours points to.
enum Held {
    Labeller(Box<Labeller>),
    /// Why there is none.
    Problem(String),
}

/// What the memory of a userdata holds: null before it is made and after its end.
type Slot = *mut RefCell<Held>;

/// What errors and Lua's own messages call a labeller.
const TYPE: &[u8] = b"logtriage.labeller";

/// Opens the module: `require("logtriage")`.
///
/// # Safety
/// Lua calls it.
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn luaopen_logtriage(state: *mut State) -> c_int {
    keep_messages();
    // SAFETY: Lua gives every C function twenty places on the stack. The frame owns nothing.
    unsafe {
        luaL_checkversion_(state, VERSION, NUMBER_SIZES);
        lua_settop(state, 0);
        lua_createtable(state, 0, 2);
        let module = 1;
        // The metatable is an upvalue of every function, which so knows our userdata from others.
        lua_createtable(state, 0, 5);
        let metatable = 2;
        let set = |table, name: &std::ffi::CStr| lua_setfield(state, table, name.as_ptr());
        let push = |function| {
            lua_pushvalue(state, metatable);
            lua_pushcclosure(state, function, 1);
        };
        push_string(state, TYPE);
        set(metatable, c"__name");
        push_string(state, TYPE);
        set(metatable, c"__metatable");
        push(end);
        set(metatable, c"__gc");
        push(end);
        set(metatable, c"__close");
        lua_createtable(state, 0, 1);
        push(annotate);
        set(-2, c"annotate");
        set(metatable, c"__index");
        push(new);
        set(module, c"new");
        push_string(state, concat!("logtriage ", env!("CARGO_PKG_VERSION")).as_bytes());
        set(module, c"_VERSION");
        lua_settop(state, module);
    }
    1
}

/// `new { config = "/path/to/logtriage.toml", shared = true }`
unsafe extern "C-unwind" fn new(state: *mut State) -> c_int {
    const LABELLER: c_int = 2;
    // SAFETY: what is made in Rust belongs to the userdata from the start, so that this frame owns
    // nothing whatever raises.
    unsafe {
        lua_settop(state, 1);
        let slot = lua_newuserdatauv(state, size_of::<Slot>(), 1).cast::<Slot>();
        slot.write(std::ptr::null_mut());
        lua_pushvalue(state, UPVALUE);
        lua_setmetatable(state, LABELLER);
        slot.write(make(state));
        match &*(**slot).as_ptr() {
            Held::Labeller(labeller) => push_names(state, labeller),
            Held::Problem(problem) => {
                push_string(state, problem.as_bytes());
                return lua_error(state);
            }
        }
        lua_setiuservalue(state, LABELLER, 1);
    }
    1
}

/// Pushes the table of a labeller's names.
unsafe fn push_names(state: *mut State, labeller: &Labeller) {
    // SAFETY: the frame owns nothing: names are borrowed from the labeller.
    unsafe {
        lua_createtable(state, 0, 0);
        for (place, name) in (1..).zip(labeller.names().iter()) {
            push_string(state, name.as_bytes());
            lua_rawseti(state, -2, place);
        }
    }
}

/// Makes what the userdata points to. Raises nothing.
unsafe fn make(state: *mut State) -> Slot {
    // SAFETY: at 1 stands the argument of `new`.
    let options = unsafe { Options::read(state, 1) };
    let made = options.and_then(|options| {
        let opened = caught(|| shared::open(options.config.as_deref(), options.apart));
        let engine = opened?.map_err(|problem| problem.to_string())?;
        caught(|| Box::new(Labeller::new(engine)))
    });
    let held = match made {
        Ok(labeller) => Held::Labeller(labeller),
        Err(problem) => Held::Problem(format!("logtriage: {problem}")),
    };
    Box::into_raw(Box::new(RefCell::new(held)))
}

/// What `new` was called with.
#[derive(Default)]
struct Options {
    config: Option<PathBuf>,
    apart: bool,
}

impl Options {
    /// Reads the table at `at`, or nil. Raises nothing.
    unsafe fn read(state: *mut State, at: c_int) -> Result<Self, String> {
        let mut options = Self::default();
        // SAFETY: nothing changes the table while it is traversed; key and value are on top.
        unsafe {
            match lua_type(state, at) {
                NIL => return Ok(options),
                TABLE => lua_pushnil(state),
                _ => {
                    return Err(
                        "new takes a table: new { config = \"/path/to/logtriage.toml\" }".into()
                    );
                }
            }
            while lua_next(state, at) != 0 {
                match string(state, -2) {
                    Some(b"config") => options.config = Some(path(string(state, -1))?),
                    Some(b"shared") => {
                        let shared = boolean(state, -1);
                        options.apart = !shared.ok_or("shared: expected true or false")?;
                    }
                    Some(other) => {
                        let other = String::from_utf8_lossy(other);
                        return Err(format!("unknown option {other:?}: expected config or shared"));
                    }
                    None => return Err("options have names: new { config = \"…\" }".into()),
                }
                lua_settop(state, -2);
            }
        }
        Ok(options)
    }
}

fn path(text: Option<&[u8]>) -> Result<PathBuf, String> {
    let text = text.and_then(|text| str::from_utf8(text).ok()).filter(|text| !text.is_empty());
    text.map(PathBuf::from)
        .ok_or_else(|| "config: expected the path of a logtriage.toml".to_owned())
}

/// `labeller:annotate(event)`. Makes no call that could raise, but for what `put` protects.
unsafe extern "C-unwind" fn annotate(state: *mut State) -> c_int {
    // SAFETY: two arguments, nil where they are missing; labeller and event stay on the stack.
    unsafe {
        lua_settop(state, 2);
        match slot(state).and_then(|slot| slot.read().as_ref()) {
            Some(held) => annotate_with(state, held),
            None => tell("call", || "annotate is called as labeller:annotate(event)".to_owned()),
        }
        lua_settop(state, 2);
    }
    1
}

unsafe fn annotate_with(state: *mut State, held: &RefCell<Held>) {
    const EVENT: c_int = 2;
    const NAMES: c_int = 3;
    const LOG: c_int = 4;
    // A finalizer that runs while our table goes into an event may come here again.
    let Ok(mut held) = held.try_borrow_mut() else {
        return tell("busy", || {
            "annotate was called from within itself; the event passes".to_owned()
        });
    };
    let Held::Labeller(labeller) = &mut *held else { return };
    // SAFETY: nothing here raises. The userdata has a table of names, the labeller's own.
    unsafe {
        lua_getiuservalue(state, 1, 1);
        if lua_type(state, EVENT) != TABLE {
            return;
        }
        lua_rawgeti(state, NAMES, Name::LOG.place());
        if lua_rawget(state, EVENT) != TABLE {
            return;
        }
        let log = Table::new(state, LOG);
        let labelled = caught(|| labeller.label(log));
        lua_settop(state, LOG);
        if let Err(problem) = labelled {
            tell("panic", || format!("a panic, the event passes as Unclassified: {problem}"));
            labeller.give_up();
        }
        if let Err(problem) = into_log(state, LOG, NAMES, labeller.answer()) {
            tell("lua", || format!("an event passes unlabelled: {problem}"));
        }
    }
}

/// The end of a labeller: `__gc` and `__close`. Raises nothing.
unsafe extern "C-unwind" fn end(state: *mut State) -> c_int {
    // SAFETY: a slot that is emptied is the last that is known of what it pointed to, unless
    // `annotate` is at work with it: then the end comes later.
    unsafe {
        lua_settop(state, 1);
        if let Some(slot) = slot(state)
            && let Some(held) = slot.read().as_ref()
            && held.try_borrow_mut().is_ok()
        {
            let held = slot.replace(std::ptr::null_mut());
            // Nobody is left to tell of a panic.
            let _ = caught(|| drop(Box::from_raw(held)));
        }
    }
    0
}

/// The slot of the first argument, if that is a userdata of ours. Raises nothing.
unsafe fn slot(state: *mut State) -> Option<*mut Slot> {
    // SAFETY: only our userdata have our metatable, and hold a slot.
    unsafe {
        let has_metatable = lua_getmetatable(state, 1) != 0;
        let is_ours = has_metatable && lua_rawequal(state, -1, UPVALUE) != 0;
        if has_metatable {
            lua_settop(state, -2);
        }
        is_ours.then(|| lua_touserdata(state, 1).cast())
    }
}
