//! What we call of Lua 5.4's C interface, and a view of tables that cannot raise.
//!
//! Lua raises an error by `longjmp`, which passes over Rust's frames without dropping what they
//! own. So the functions stand here in two groups. Those that never raise may be called anywhere;
//! the others only in frames that own nothing, with a protected call or Lua itself beneath them.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_int, c_void};
use std::marker::PhantomData;

/// A Lua thread.
#[repr(C)]
pub(crate) struct State {
    _private: [u8; 0],
}

/// What Lua can call.
pub(crate) type Function = unsafe extern "C-unwind" fn(*mut State) -> c_int;

pub(crate) const OK: c_int = 0;
pub(crate) const NIL: c_int = 0;
const BOOLEAN: c_int = 1;
const NUMBER: c_int = 3;
pub(crate) const STRING: c_int = 4;
pub(crate) const TABLE: c_int = 5;

/// `LUA_VERSION_NUM`.
pub(crate) const VERSION: f64 = 504.0;
/// `LUAL_NUMSIZES`: integers and floats of eight bytes.
pub(crate) const NUMBER_SIZES: usize = 8 * 16 + 8;

/// The place of a function's first upvalue.
pub(crate) const UPVALUE: c_int = -1_000_000 - 1000 - 1;

// These never raise. (`lua_next` does for a key that is not in the table, `lua_tolstring` for a
// number when memory is short, `lua_rawset` for a new key likewise.)
unsafe extern "C-unwind" {
    pub(crate) fn lua_gettop(state: *mut State) -> c_int;
    pub(crate) fn lua_settop(state: *mut State, top: c_int);
    fn lua_rotate(state: *mut State, from: c_int, by: c_int);
    pub(crate) fn lua_pushvalue(state: *mut State, at: c_int);
    pub(crate) fn lua_checkstack(state: *mut State, more: c_int) -> c_int;
    pub(crate) fn lua_type(state: *mut State, at: c_int) -> c_int;
    fn lua_isinteger(state: *mut State, at: c_int) -> c_int;
    fn lua_tointegerx(state: *mut State, at: c_int, is_one: *mut c_int) -> i64;
    fn lua_tonumberx(state: *mut State, at: c_int, is_one: *mut c_int) -> f64;
    fn lua_toboolean(state: *mut State, at: c_int) -> c_int;
    fn lua_tolstring(state: *mut State, at: c_int, length: *mut usize) -> *const c_char;
    pub(crate) fn lua_touserdata(state: *mut State, at: c_int) -> *mut c_void;
    pub(crate) fn lua_rawequal(state: *mut State, a: c_int, b: c_int) -> c_int;
    pub(crate) fn lua_rawget(state: *mut State, table: c_int) -> c_int;
    pub(crate) fn lua_rawgeti(state: *mut State, table: c_int, place: i64) -> c_int;
    pub(crate) fn lua_getiuservalue(state: *mut State, userdata: c_int, number: c_int) -> c_int;
    pub(crate) fn lua_getmetatable(state: *mut State, at: c_int) -> c_int;
    pub(crate) fn lua_next(state: *mut State, table: c_int) -> c_int;
    pub(crate) fn lua_pushnil(state: *mut State);
    pub(crate) fn lua_pushnumber(state: *mut State, number: f64);
    pub(crate) fn lua_pushboolean(state: *mut State, boolean: c_int);
    pub(crate) fn lua_pushlightuserdata(state: *mut State, pointer: *mut c_void);
    pub(crate) fn lua_pcallk(
        state: *mut State,
        arguments: c_int,
        results: c_int,
        handler: c_int,
        context: isize,
        continuation: Option<Function>,
    ) -> c_int;
}

// These raise: all when memory is short, some by what they are for.
unsafe extern "C-unwind" {
    pub(crate) fn lua_pushlstring(
        state: *mut State,
        text: *const c_char,
        length: usize,
    ) -> *const c_char;
    pub(crate) fn lua_createtable(state: *mut State, array: c_int, hash: c_int);
    pub(crate) fn lua_newuserdatauv(state: *mut State, size: usize, values: c_int) -> *mut c_void;
    /// Raises nothing for a function without upvalues.
    pub(crate) fn lua_pushcclosure(state: *mut State, function: Function, upvalues: c_int);
    pub(crate) fn lua_rawset(state: *mut State, table: c_int);
    pub(crate) fn lua_rawseti(state: *mut State, table: c_int, place: i64);
    pub(crate) fn lua_setfield(state: *mut State, table: c_int, name: *const c_char);
    pub(crate) fn lua_setiuservalue(state: *mut State, userdata: c_int, number: c_int) -> c_int;
    pub(crate) fn lua_setmetatable(state: *mut State, at: c_int) -> c_int;
    pub(crate) fn lua_concat(state: *mut State, count: c_int);
    pub(crate) fn lua_error(state: *mut State) -> c_int;
    pub(crate) fn luaL_checkversion_(state: *mut State, version: f64, number_sizes: usize);
}

/// The bytes of the string at `at`; `None` for anything else. A number is not converted: in a table
/// that is being traversed, that would change its key.
///
/// # Safety
/// `at` is a place on the stack, and Lua keeps the string while the result is in use.
pub(crate) unsafe fn string<'l>(state: *mut State, at: c_int) -> Option<&'l [u8]> {
    let mut length = 0;
    // SAFETY: by the contract of this function; a string has its bytes, and a zero behind them.
    unsafe {
        if lua_type(state, at) != STRING {
            return None;
        }
        let start = lua_tolstring(state, at, &raw mut length);
        Some(std::slice::from_raw_parts(start.cast(), length))
    }
}

/// The boolean at `at`; `None` for anything else.
///
/// # Safety
/// `at` is a place on the stack.
pub(crate) unsafe fn boolean(state: *mut State, at: c_int) -> Option<bool> {
    // SAFETY: by the contract of this function.
    unsafe { (lua_type(state, at) == BOOLEAN).then(|| lua_toboolean(state, at) != 0) }
}

/// Pushes a string. Raises when memory is short.
///
/// # Safety
/// There is room on the stack, and the caller's frame owns nothing.
pub(crate) unsafe fn push_string(state: *mut State, text: &[u8]) {
    // SAFETY: by the contract of this function; Lua copies the text.
    unsafe { lua_pushlstring(state, text.as_ptr().cast(), text.len()) };
}

/// A table on the stack, to be read: no metamethod runs, nothing raises, and nothing is allocated,
/// so that strings stay where they are.
#[derive(Clone, Copy)]
pub(crate) struct Table<'l> {
    state: *mut State,
    at: c_int,
    lifetime: PhantomData<&'l State>,
}

/// A member of a table that is being read.
pub(crate) struct Member<'l>(Table<'l>);

/// A value of a table.
#[derive(Clone, Copy)]
pub(crate) enum Value<'l> {
    Text(&'l [u8]),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Table(Table<'l>),
    /// Nothing that an event may hold.
    Other,
}

impl<'l> Table<'l> {
    /// # Safety
    /// `at` is the place of a table, counted from the bottom. For the lifetime nobody else does
    /// anything with the state. What reading leaves above on the stack goes after it.
    pub(crate) unsafe fn new(state: *mut State, at: c_int) -> Self {
        Self { state, at, lifetime: PhantomData }
    }

    /// Visits the members whose keys are strings; none where there is no memory for more stack.
    pub(crate) fn each(self, mut visit: impl FnMut(&'l [u8], Member<'l>)) {
        let state = self.state;
        // SAFETY: by the contract of `new`. Before each round the key is on top, then its value above
        // it; `Member::keep` leaves them there. The table holds the key, so the string stays.
        unsafe {
            if lua_checkstack(state, 2) == 0 {
                return;
            }
            lua_pushnil(state);
            while lua_next(state, self.at) != 0 {
                if let Some(key) = string(state, -2) {
                    visit(key, Member(self));
                }
                lua_settop(state, -2);
            }
        }
    }
}

impl<'l> Member<'l> {
    /// The value. A table stays on the stack, below the key; where there is no memory for more
    /// stack it is taken for something else.
    pub(crate) fn keep(self) -> Value<'l> {
        let state = self.0.state;
        // SAFETY: `Table::each` is at this member: its value is on top. A null pointer asks for nothing
        // more. The table holds a string, so it stays. Room is asked for the place that a table
        // takes for good and for the next value.
        unsafe {
            match lua_type(state, -1) {
                STRING => string(state, -1).map_or(Value::Other, Value::Text),
                NUMBER if lua_isinteger(state, -1) != 0 => {
                    Value::Integer(lua_tointegerx(state, -1, std::ptr::null_mut()))
                }
                NUMBER => Value::Float(lua_tonumberx(state, -1, std::ptr::null_mut())),
                BOOLEAN => Value::Boolean(lua_toboolean(state, -1) != 0),
                TABLE if lua_checkstack(state, 2) != 0 => {
                    lua_pushvalue(state, -1);
                    lua_rotate(state, -3, 1);
                    Value::Table(Table { at: lua_gettop(state) - 2, ..self.0 })
                }
                _ => Value::Other,
            }
        }
    }
}
