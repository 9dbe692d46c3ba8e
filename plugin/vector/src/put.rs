//! Putting an answer into an event: the part that makes tables and strings, and so may raise.
//!
//! It runs in a protected call, and its frames own nothing. An event is changed once everything
//! that needs memory is there: whatever raises, it stays as it was.
#![allow(unsafe_code)]

use std::ffi::{c_int, c_void};

use crate::answer::{Answer, Value};
use crate::lua::{
    NIL, OK, State, TABLE, lua_checkstack, lua_concat, lua_createtable, lua_error, lua_gettop,
    lua_next, lua_pcallk, lua_pushboolean, lua_pushcclosure, lua_pushlightuserdata, lua_pushnil,
    lua_pushnumber, lua_pushvalue, lua_rawequal, lua_rawget, lua_rawgeti, lua_rawset, lua_rawseti,
    lua_settop, lua_touserdata, lua_type, push_string, string,
};
use crate::names::Name;

/// The places of the arguments of [`put`].
const LOG: c_int = 1;
const NAMES: c_int = 2;
const ANSWER: c_int = 3;
/// The places of what it makes.
const OURS: c_int = 4;
const MOVED: c_int = 5;
const ABSENT: c_int = 6;

/// Puts `answer` into the table at `log`. Whatever goes wrong, the table stays as it was.
///
/// # Errors
/// What Lua said.
///
/// # Safety
/// At `log` and `names` stand tables, counted from the bottom; names are those of the answer.
pub(crate) unsafe fn into_log(
    state: *mut State,
    log: c_int,
    names: c_int,
    answer: &Answer,
) -> Result<(), String> {
    // SAFETY: nothing here raises; `put` does, in a protected call. The answer outlives it.
    unsafe {
        if lua_checkstack(state, 4) == 0 {
            return Err("not enough memory".to_owned());
        }
        lua_pushcclosure(state, put, 0);
        lua_pushvalue(state, log);
        lua_pushvalue(state, names);
        lua_pushlightuserdata(state, (&raw const *answer).cast_mut().cast::<c_void>());
        if lua_pcallk(state, 3, 0, 0, 0, None) == OK {
            return Ok(());
        }
        let said = string(state, -1).unwrap_or(b"an error without a message");
        Err(String::from_utf8_lossy(said).into_owned())
    }
}

/// Takes log, names and answer.
unsafe extern "C-unwind" fn put(state: *mut State) -> c_int {
    // SAFETY: the arguments are what `into_log` passed. Every frame from here on owns nothing.
    unsafe {
        let answer = &*lua_touserdata(state, ANSWER).cast::<Answer>();
        new_object(state, answer);
        if !answer.has_family {
            set(state, LOG, answer.key, OURS);
            return 0;
        }
        let is_there = get(state, LOG, answer.key) != NIL;
        if is_there && (answer.keep || is_same(state, OURS, -1)) {
            return 0;
        }
        lua_settop(state, OURS);
        move_family(state, answer);
    }
    0
}

/// Pushes our object.
unsafe fn new_object(state: *mut State, answer: &Answer) {
    // SAFETY: frames own nothing. Three more places on the stack, within the twenty there are.
    unsafe {
        lua_createtable(state, 0, answer.members.len() as c_int);
        for (name, value) in &answer.members {
            push_name(state, *name);
            match value {
                Value::Name(name) => push_name(state, *name),
                Value::Text(range) => push_string(state, answer.text(range).as_bytes()),
                Value::Float(float) => lua_pushnumber(state, *float),
                Value::Boolean(boolean) => lua_pushboolean(state, c_int::from(*boolean)),
                Value::Candidates(candidates) => push_candidates(state, answer, candidates),
            }
            lua_rawset(state, OURS);
        }
    }
}

unsafe fn push_candidates(state: *mut State, answer: &Answer, candidates: &[(Name, f64)]) {
    let (label, confidence) = answer.candidate();
    // SAFETY: as above, with four more places.
    unsafe {
        lua_createtable(state, candidates.len() as c_int, 0);
        for (place, (name, probability)) in (1..).zip(candidates) {
            lua_createtable(state, 0, 2);
            push_name(state, label);
            push_name(state, *name);
            lua_rawset(state, -3);
            push_name(state, confidence);
            lua_pushnumber(state, *probability);
            lua_rawset(state, -3);
            lua_rawseti(state, -2, place);
        }
    }
}

/// Whether the table at `ours` and the value at `theirs` say the same. Raises nothing.
unsafe fn is_same(state: *mut State, ours: c_int, theirs: c_int) -> bool {
    // SAFETY: the stack grows with the depth of our table, which is three. Both tables stay as they
    // are while they are traversed.
    unsafe {
        if lua_rawequal(state, ours, theirs) != 0 {
            return true;
        }
        if lua_type(state, ours) != TABLE || lua_type(state, theirs) != TABLE {
            return false;
        }
        let (ours, theirs) = (place_of(state, ours), place_of(state, theirs));
        let mut more: i64 = 0;
        lua_pushnil(state);
        while lua_next(state, ours) != 0 {
            more += 1;
            lua_pushvalue(state, -2);
            lua_rawget(state, theirs);
            if !is_same(state, -2, -1) {
                lua_settop(state, -4);
                return false;
            }
            lua_settop(state, -3);
        }
        lua_pushnil(state);
        while lua_next(state, theirs) != 0 {
            more -= 1;
            lua_settop(state, if more < 0 { -3 } else { -2 });
            if more < 0 {
                return false;
            }
        }
        more == 0
    }
}

/// A place counted from the bottom.
unsafe fn place_of(state: *mut State, at: c_int) -> c_int {
    // SAFETY: nothing is changed.
    if at < 0 { unsafe { lua_gettop(state) + at + 1 } } else { at }
}

/// Whether the key at `at` is of our family. Raises nothing.
unsafe fn is_family(state: *mut State, at: c_int, answer: &Answer) -> bool {
    // SAFETY: the string is on the stack.
    unsafe { string(state, at) }.is_some_and(|key| answer.is_family(key))
}

/// Puts our object under its key, and every member of the family under a key with one more suffix.
unsafe fn move_family(state: *mut State, answer: &Answer) {
    // SAFETY: frames own nothing; the places are those named above, and six more at most. A key is
    // never a number, so nothing converts it.
    unsafe {
        // What each key of the family will hold.
        lua_createtable(state, 0, 2);
        set(state, MOVED, answer.key, OURS);
        lua_pushnil(state);
        while lua_next(state, LOG) != 0 {
            if is_family(state, -2, answer) {
                lua_pushvalue(state, -2);
                push_name(state, answer.suffix);
                lua_concat(state, 2);
                lua_pushvalue(state, -2);
                lua_rawset(state, MOVED);
            }
            lua_settop(state, -2);
        }
        add_absent(state);
        // From here on every key is there, and changing values takes no memory.
        lua_pushnil(state);
        while lua_next(state, LOG) != 0 {
            if is_family(state, -2, answer) {
                lua_pushvalue(state, -2);
                lua_pushvalue(state, -1);
                lua_rawget(state, MOVED);
                lua_rawset(state, LOG);
            }
            lua_settop(state, -2);
        }
    }
}

/// Adds those keys that the log does not have yet: all of them, or none.
unsafe fn add_absent(state: *mut State) {
    // SAFETY: as above.
    unsafe {
        lua_createtable(state, 0, 2);
        lua_pushnil(state);
        while lua_next(state, MOVED) != 0 {
            lua_pushvalue(state, -2);
            lua_pushvalue(state, -1);
            if lua_rawget(state, LOG) == NIL {
                lua_pushvalue(state, -2);
                lua_pushvalue(state, -4);
                lua_rawset(state, ABSENT);
            }
            lua_settop(state, -4);
        }
        lua_pushcclosure(state, add_all, 0);
        lua_pushvalue(state, LOG);
        lua_pushvalue(state, ABSENT);
        if lua_pcallk(state, 2, 0, 0, 0, None) == OK {
            return;
        }
        // Some may be there: out with them.
        lua_pushnil(state);
        while lua_next(state, ABSENT) != 0 {
            lua_settop(state, -2);
            lua_pushvalue(state, -1);
            if lua_rawget(state, LOG) != NIL {
                lua_pushvalue(state, -2);
                lua_pushnil(state);
                lua_rawset(state, LOG);
            }
            lua_settop(state, -2);
        }
        lua_error(state);
    }
}

/// Takes two tables, and adds to the first what the second holds.
unsafe extern "C-unwind" fn add_all(state: *mut State) -> c_int {
    // SAFETY: `add_absent` passed two tables. The frame owns nothing.
    unsafe {
        lua_pushnil(state);
        while lua_next(state, 2) != 0 {
            lua_pushvalue(state, -2);
            lua_pushvalue(state, -2);
            lua_rawset(state, 1);
            lua_settop(state, -2);
        }
    }
    0
}

/// Pushes the string that a name stands for. Raises nothing.
unsafe fn push_name(state: *mut State, name: Name) {
    // SAFETY: there stands a table of strings.
    unsafe { lua_rawgeti(state, NAMES, name.place()) };
}

/// Pushes the value under `name`, and gives its type. Raises nothing.
unsafe fn get(state: *mut State, table: c_int, name: Name) -> c_int {
    // SAFETY: `table` is one.
    unsafe {
        push_name(state, name);
        lua_rawget(state, table)
    }
}

/// Puts the value at `value` under `name`.
unsafe fn set(state: *mut State, table: c_int, name: Name, value: c_int) {
    // SAFETY: `table` is one.
    unsafe {
        push_name(state, name);
        lua_pushvalue(state, value);
        lua_rawset(state, table);
    }
}
