//! Vector's messages as far as tests look into them, after `lib/vector-core/proto/event.proto`.

use std::collections::BTreeMap;

use prost::{Message, Oneof};

/// `vector.PushEventsRequest`.
#[derive(Clone, PartialEq, Message)]
pub struct PushEventsRequest {
    /// The events.
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<EventWrapper>,
}

/// `event.EventWrapper`.
#[derive(Clone, PartialEq, Message)]
pub struct EventWrapper {
    /// What kind of event.
    #[prost(oneof = "Event", tags = "1, 2, 3")]
    pub event: Option<Event>,
}

/// One event.
#[derive(Clone, PartialEq, Oneof)]
pub enum Event {
    /// A log.
    #[prost(message, tag = "1")]
    Log(Log),
    /// A metric.
    #[prost(message, tag = "2")]
    Metric(Metric),
    /// A trace.
    #[prost(message, tag = "3")]
    Trace(Trace),
}

/// `event.Log`.
#[derive(Clone, PartialEq, Message)]
pub struct Log {
    /// The root, where it is an object.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
    /// The root; comes before `fields`.
    #[prost(message, optional, tag = "2")]
    pub value: Option<Value>,
    /// Deprecated.
    #[prost(message, optional, tag = "3")]
    pub metadata: Option<Value>,
    /// Where it comes from, secrets, ….
    #[prost(message, optional, tag = "4")]
    pub metadata_full: Option<Metadata>,
}

/// `event.Trace`.
#[derive(Clone, PartialEq, Message)]
pub struct Trace {
    /// The root.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// `event.Metric`, in part.
#[derive(Clone, PartialEq, Message)]
pub struct Metric {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// One of its values.
    #[prost(message, optional, tag = "5")]
    pub counter: Option<Counter>,
}

/// `event.Counter`.
#[derive(Clone, PartialEq, Message)]
pub struct Counter {
    /// The count.
    #[prost(double, tag = "1")]
    pub value: f64,
}

/// `event.Metadata`, in part.
#[derive(Clone, PartialEq, Message)]
pub struct Metadata {
    /// Fields beside the event's.
    #[prost(message, optional, tag = "1")]
    pub value: Option<Value>,
    /// Which source read it.
    #[prost(string, optional, tag = "3")]
    pub source_id: Option<String>,
    /// Its type.
    #[prost(string, optional, tag = "4")]
    pub source_type: Option<String>,
    /// A UUID.
    #[prost(bytes = "vec", tag = "7")]
    pub source_event_id: Vec<u8>,
}

/// `event.Value`.
#[derive(Clone, PartialEq, Message)]
pub struct Value {
    /// What kind of value.
    #[prost(oneof = "Kind", tags = "1, 2, 4, 5, 6, 7, 8, 9")]
    pub kind: Option<Kind>,
}

/// A value.
#[derive(Clone, PartialEq, Oneof)]
pub enum Kind {
    /// A string.
    #[prost(bytes, tag = "1")]
    RawBytes(Vec<u8>),
    /// A time.
    #[prost(message, tag = "2")]
    Timestamp(Timestamp),
    /// An integer.
    #[prost(int64, tag = "4")]
    Integer(i64),
    /// Another number.
    #[prost(double, tag = "5")]
    Float(f64),
    /// True or false.
    #[prost(bool, tag = "6")]
    Boolean(bool),
    /// An object.
    #[prost(message, tag = "7")]
    Map(ValueMap),
    /// An array.
    #[prost(message, tag = "8")]
    Array(ValueArray),
    /// Null.
    #[prost(int32, tag = "9")]
    Null(i32),
}

/// `event.ValueMap`.
#[derive(Clone, PartialEq, Message)]
pub struct ValueMap {
    /// The members.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// `event.ValueArray`.
#[derive(Clone, PartialEq, Message)]
pub struct ValueArray {
    /// The elements.
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Value>,
}

/// `google.protobuf.Timestamp`.
#[derive(Clone, PartialEq, Message)]
pub struct Timestamp {
    /// Since 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// From 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

impl From<Log> for EventWrapper {
    fn from(log: Log) -> Self {
        Self { event: Some(Event::Log(log)) }
    }
}

impl Log {
    /// The root as Vector reads it, if it is an object.
    pub fn root(&self) -> Option<&BTreeMap<String, Value>> {
        match &self.value {
            None => Some(&self.fields),
            Some(Value { kind: Some(Kind::Map(map)) }) => Some(&map.fields),
            Some(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn root_mut(&mut self) -> Option<&mut BTreeMap<String, Value>> {
        match &mut self.value {
            None => Some(&mut self.fields),
            Some(Value { kind: Some(Kind::Map(map)) }) => Some(&mut map.fields),
            Some(_) => None,
        }
    }
}

/// A JSON value as Vector has it: integers of 64 bits, other numbers as floats.
impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        let kind = match json {
            Json::Null => Kind::Null(0),
            Json::Bool(flag) => Kind::Boolean(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Kind::Integer(integer),
                None => Kind::Float(number.as_f64().unwrap_or_default()),
            },
            Json::String(text) => Kind::RawBytes(text.clone().into_bytes()),
            Json::Array(items) => {
                Kind::Array(ValueArray { items: items.iter().map(Self::from).collect() })
            }
            Json::Object(members) => Kind::Map(ValueMap { fields: fields_of(members) }),
        };
        kind.into()
    }
}

/// The members of a JSON object as Vector has them.
pub fn fields_of(members: &serde_json::Map<String, serde_json::Value>) -> BTreeMap<String, Value> {
    members.iter().map(|(name, value)| (name.clone(), value.into())).collect()
}

/// Vector's value as JSON, as Vector's own encoder writes it.
impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match &value.kind {
            None | Some(Kind::Null(_)) => Self::Null,
            Some(Kind::RawBytes(bytes)) => String::from_utf8_lossy(bytes).into(),
            Some(Kind::Timestamp(time)) => format!("{}.{}", time.seconds, time.nanos).into(),
            Some(Kind::Integer(number)) => (*number).into(),
            Some(Kind::Float(number)) => (*number).into(),
            Some(Kind::Boolean(flag)) => (*flag).into(),
            Some(Kind::Map(map)) => json_of(&map.fields),
            Some(Kind::Array(array)) => array.items.iter().map(Self::from).collect(),
        }
    }
}

/// An object as JSON.
pub fn json_of(fields: &BTreeMap<String, Value>) -> serde_json::Value {
    fields.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value))).collect()
}
