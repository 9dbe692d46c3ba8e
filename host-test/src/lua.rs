//! The Lua module in Lua as Vector embeds it.
//!
//! An event in Vector's `lua` transform is a table `{ log = { … } }`. On the way in and out Vector
//! itself changes some values: null becomes the empty string, an empty array an empty table.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::path::Path;

use mlua::{FromLua, IntoLua, StdLib};

use crate::{Failure, Host, Lost, guest};

/// Vector collects garbage after so many events.
const GC_INTERVAL: usize = 16;

/// What Vector's example configs do with each event.
const PROCESS: &str = "function(event, emit)
    pcall(labeller.annotate, labeller, event)
    emit(event)
end";

/// A `lua` transform.
pub struct Lua {
    lua: mlua::Lua,
    process: mlua::RegistryKey,
    processed: usize,
}

/// A value of a log event, as Vector has it.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string, UTF-8 or not.
    Bytes(Vec<u8>),
    /// A number without a fraction.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// The numbers of a date and time, as `os.date` names them.
    Timestamp([u32; 7]),
    /// An object.
    Object(BTreeMap<String, Value>),
    /// An array.
    Array(Vec<Value>),
}

const TIMESTAMP: [&str; 7] = ["year", "month", "day", "hour", "min", "sec", "nanosec"];

impl Lua {
    /// A transform whose labeller has the config of `directory`, if there is one.
    ///
    /// # Errors
    /// What the labeller says of config, rules or model.
    pub fn start(directory: Option<&Path>) -> Result<Self, Failure> {
        let mut options = String::new();
        if let Some(directory) = directory {
            std::fs::read_dir(directory)?;
            let config = directory.join("logtriage.toml");
            if config.exists() {
                options = format!("config = {config:?}, shared = false");
            }
        }
        Ok(Self::load(guest::lua_module(), &labeller(&options), PROCESS)?)
    }

    /// A transform with the Lua of a config's `source` and `hooks.process`, and the module at
    /// `module`.
    ///
    /// # Errors
    /// What Lua says.
    pub fn load(module: &Path, source: &str, process: &str) -> mlua::Result<Self> {
        // SAFETY: the module is ours, and its tests are here to show that it is safe.
        let lua = unsafe { mlua::Lua::unsafe_new_with(StdLib::ALL_SAFE, mlua::LuaOptions::new()) };
        lua.load(format!("package.cpath = {module:?}")).exec()?;
        lua.load(source).eval::<()>()?;
        let process = lua.load(process).eval::<mlua::Function>()?;
        let process = lua.create_registry_value(process)?;
        Ok(Self { lua, process, processed: 0 })
    }

    /// Calls the transform with an event's log. Gives the logs that it emitted.
    ///
    /// # Errors
    /// The hook failed: what it did not emit is lost.
    pub fn process(&mut self, log: Value) -> mlua::Result<Vec<Value>> {
        let mut emitted = Vec::new();
        let lua = &self.lua;
        let result = lua.scope(|scope| {
            let event = lua.create_table()?;
            event.raw_set("log", log)?;
            let emit = scope.create_function_mut(|_, event: mlua::Table| {
                emitted.push(event.raw_get("log")?);
                Ok(())
            })?;
            lua.registry_value::<mlua::Function>(&self.process)?.call::<()>((event, emit))
        });
        self.processed += 1;
        if self.processed.is_multiple_of(GC_INTERVAL) {
            self.lua.gc_collect()?;
        }
        result.map(|()| emitted)
    }

    /// The Lua state.
    pub fn lua(&self) -> &mlua::Lua {
        &self.lua
    }
}

/// The source that makes a labeller with those options.
pub fn labeller(options: &str) -> String {
    format!("labeller = require('logtriage').new {{ {options} }}")
}

/// A record that comes out is the event's log as Vector would print it: its bytes are not the
/// record's that went in. One that is no event to Vector is lost.
impl Host for Lua {
    fn annotate(&mut self, record: &[u8]) -> Result<Vec<u8>, Lost> {
        let log = Value::log(record).ok_or_else(|| Lost::NotAnObject(record.to_vec()))?;
        let mut emitted =
            self.process(log).map_err(|error| Lost::Trap(error.to_string()))?.into_iter();
        match (emitted.next(), emitted.next()) {
            (Some(log), None) => Ok(log.json().to_string().into_bytes()),
            _ => Err(Lost::NoAnswer),
        }
    }
}

impl Value {
    /// The log of an event that Vector makes of a JSON object; `None` for what it does not take for
    /// one.
    pub fn log(record: &[u8]) -> Option<Self> {
        let record: serde_json::Value = serde_json::from_slice(record).ok()?;
        record.is_object().then(|| record.into())
    }

    /// As JSON. Bytes that are not UTF-8 become U+FFFD.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into(),
            Self::Integer(integer) => (*integer).into(),
            Self::Float(float) => (*float).into(),
            Self::Boolean(boolean) => (*boolean).into(),
            Self::Timestamp(parts) => format!("{parts:?}").into(),
            Self::Object(members) => {
                members.iter().map(|(key, value)| (key.clone(), value.json())).collect()
            }
            Self::Array(items) => items.iter().map(Self::json).collect(),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Bytes(Vec::new()),
            serde_json::Value::Bool(boolean) => Self::Boolean(boolean),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Self::Integer(integer),
                (None, float) => Self::Float(float.unwrap_or_default()),
            },
            serde_json::Value::String(text) => Self::Bytes(text.into_bytes()),
            serde_json::Value::Array(items) if items.is_empty() => Self::Object(BTreeMap::new()),
            serde_json::Value::Array(items) => {
                Self::Array(items.into_iter().map(Self::from).collect())
            }
            serde_json::Value::Object(members) => {
                Self::Object(members.into_iter().map(|(key, value)| (key, value.into())).collect())
            }
        }
    }
}

impl IntoLua for Value {
    fn into_lua(self, lua: &mlua::Lua) -> mlua::Result<mlua::Value> {
        Ok(match self {
            Self::Bytes(bytes) => mlua::Value::String(lua.create_string(bytes)?),
            Self::Integer(integer) => mlua::Value::Integer(integer),
            Self::Float(float) => mlua::Value::Number(float),
            Self::Boolean(boolean) => mlua::Value::Boolean(boolean),
            Self::Timestamp(parts) => {
                mlua::Value::Table(lua.create_table_from(TIMESTAMP.into_iter().zip(parts))?)
            }
            Self::Object(members) => mlua::Value::Table(lua.create_table_from(members)?),
            Self::Array(items) => mlua::Value::Table(lua.create_sequence_from(items)?),
        })
    }
}

impl FromLua for Value {
    fn from_lua(value: mlua::Value, lua: &mlua::Lua) -> mlua::Result<Self> {
        Ok(match value {
            mlua::Value::String(text) => Self::Bytes(text.as_bytes().to_vec()),
            mlua::Value::Integer(integer) => Self::Integer(integer),
            mlua::Value::Number(float) if !float.is_nan() => Self::Float(float),
            mlua::Value::Boolean(boolean) => Self::Boolean(boolean),
            mlua::Value::Table(table) if table.len()? > 0 => {
                Self::Array(FromLua::from_lua(mlua::Value::Table(table), lua)?)
            }
            mlua::Value::Table(table) => match timestamp(&table)? {
                Some(parts) => Self::Timestamp(parts),
                None => Self::Object(FromLua::from_lua(mlua::Value::Table(table), lua)?),
            },
            other => {
                let from = other.type_name();
                return Err(mlua::Error::FromLuaConversionError {
                    from,
                    to: "Value".to_owned(),
                    message: Some("Vector has no such value".to_owned()),
                });
            }
        })
    }
}

/// What a table says that has the fields of a time; Vector takes it for one.
fn timestamp(table: &mlua::Table) -> mlua::Result<Option<[u32; 7]>> {
    let mut parts = [0; 7];
    for (name, part) in TIMESTAMP.into_iter().zip(&mut parts) {
        if !table.contains_key(name)? && name != "nanosec" {
            return Ok(None);
        }
        *part = table.raw_get::<Option<u32>>(name)?.unwrap_or_default();
    }
    Ok(Some(parts))
}
