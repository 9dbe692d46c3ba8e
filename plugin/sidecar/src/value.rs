//! `event.Value`, Vector's value of any kind: reading one, and writing those that ours is made of.

use std::borrow::Cow;

use logtriage_engine::record::Node;

use crate::wire::{Field, Fields, Malformed, Value as Wire, field_size, put_length, sized};

/// A value, as far as the sidecar looks into it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'b> {
    Bytes(&'b [u8]),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// The entries, each the field [`ENTRY`].
    Map(&'b [u8]),
    /// A timestamp, an array, null, or nothing.
    Other,
}

/// An entry of a map.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry<'b> {
    /// Empty where there is none.
    pub(crate) key: &'b [u8],
    /// The message `event.Value`; empty where there is none.
    pub(crate) value: &'b [u8],
}

/// The field of a map's entries, in `Log` and in `ValueMap` alike.
pub(crate) const ENTRY: u32 = 1;

/// The field of an entry's key.
pub(crate) const KEY: u32 = 1;

const ENTRY_TAG: u8 = 0x0a;
const KEY_TAG: u8 = 0x0a;
const VALUE_TAG: u8 = 0x12;
const BYTES_TAG: u8 = 0x0a;
const FLOAT_TAG: u8 = 0x29;
const BOOLEAN_TAG: u8 = 0x30;
const MAP_TAG: u8 = 0x3a;
const ARRAY_TAG: u8 = 0x42;
const ITEM_TAG: u8 = 0x0a;

impl<'b> Value<'b> {
    /// Reads the message `event.Value`. One of two kinds at once is malformed: readers differ on
    /// it.
    #[inline]
    pub(crate) fn parse(message: &'b [u8]) -> Result<Self, Malformed> {
        match tagged(message, BYTES_TAG, 0) {
            // Nearly all there is.
            Some((bytes, end)) if end == message.len() => Ok(Self::Bytes(bytes)),
            _ => Self::parse_fields(message),
        }
    }

    fn parse_fields(message: &'b [u8]) -> Result<Self, Malformed> {
        let mut value = None;
        for field in Fields::of(message) {
            let field = field?;
            let kind = match (field.number, field.value) {
                (1, Wire::Bytes(bytes)) => Self::Bytes(bytes),
                (4, Wire::Varint(number)) => Self::Integer(number.cast_signed()),
                (5, Wire::Fixed64(bits)) => Self::Float(f64::from_bits(bits)),
                (6, Wire::Varint(number)) => Self::Boolean(number != 0),
                (7, Wire::Bytes(entries)) => Self::Map(entries),
                (2 | 8, Wire::Bytes(_)) | (9, Wire::Varint(_)) => Self::Other,
                (1 | 2 | 4..=9, _) => return Err(Malformed),
                _ => continue,
            };
            if value.replace(kind).is_some() {
                return Err(Malformed);
            }
        }
        Ok(value.unwrap_or(Self::Other))
    }
}

impl<'b> Node<'b> for Value<'b> {
    fn text(self) -> Option<Cow<'b, [u8]>> {
        match self {
            Self::Bytes(bytes) => Some(Cow::Borrowed(bytes)),
            Self::Integer(number) => Some(Cow::Owned(number.to_string().into_bytes())),
            // Vector has no other numbers.
            Self::Float(number) if number.is_finite() => {
                serde_json::to_vec(&number).ok().map(Cow::Owned)
            }
            Self::Boolean(true) => Some(Cow::Borrowed(b"true")),
            Self::Boolean(false) => Some(Cow::Borrowed(b"false")),
            Self::Float(_) | Self::Map(_) | Self::Other => None,
        }
    }

    fn member(self, name: &str) -> Option<Self> {
        let Self::Map(entries) = self else { return None };
        let mut last = None;
        for field in Fields::of(entries) {
            if let Some(entry) = Entry::of(&field.ok()?).ok()?
                && entry.key == name.as_bytes()
            {
                last = Some(entry);
            }
        }
        last.and_then(|entry| Value::parse(entry.value).ok())
    }
}

impl<'b> Entry<'b> {
    /// The entry that a field of a map is. One that has its key or its value twice is malformed.
    #[inline(always)]
    pub(crate) fn of(field: &Field<'b>) -> Result<Option<Self>, Malformed> {
        match (field.number, field.value) {
            (ENTRY, Wire::Bytes(bytes)) => match Self::usual(bytes) {
                Some(entry) => Ok(Some(entry)),
                None => Self::parse(bytes).map(Some),
            },
            (ENTRY, _) => Err(Malformed),
            _ => Ok(None),
        }
    }

    /// An entry that is a key, a value and nothing else, as everybody writes it.
    #[inline(always)]
    fn usual(bytes: &'b [u8]) -> Option<Self> {
        let (key, key_end) = tagged(bytes, KEY_TAG, 0)?;
        let (value, end) = tagged(bytes, VALUE_TAG, key_end)?;
        (end == bytes.len()).then_some(Self { key, value })
    }

    fn parse(bytes: &'b [u8]) -> Result<Self, Malformed> {
        let (mut key, mut value) = (None, None);
        for part in Fields::of(bytes) {
            let part = part?;
            let twice = match (part.number, part.value) {
                (KEY, Wire::Bytes(bytes)) => key.replace(bytes).is_some(),
                (2, Wire::Bytes(bytes)) => value.replace(bytes).is_some(),
                (KEY | 2, _) => true,
                _ => false,
            };
            if twice {
                return Err(Malformed);
            }
        }
        Ok(Self { key: key.unwrap_or_default(), value: value.unwrap_or_default() })
    }
}

/// The bytes of the field at `at`, if it has this tag, and where it ends.
#[inline(always)]
fn tagged(bytes: &[u8], tag: u8, at: usize) -> Option<(&[u8], usize)> {
    if *bytes.get(at)? != tag {
        return None;
    }
    sized(bytes, at + 1)
}

/// Appends an entry of a map whose value is bytes.
pub(crate) fn put_text(key: &str, text: &[u8], out: &mut Vec<u8>) {
    put_text_head(key, text.len(), out);
    out.extend_from_slice(text);
}

/// Appends an entry of a map up to its value of that many bytes.
pub(crate) fn put_text_head(key: &str, size: usize, out: &mut Vec<u8>) {
    put_entry_head(key, field_size(size), out);
    out.push(BYTES_TAG);
    put_length(size, out);
}

/// Appends an entry of a map whose value is a number.
pub(crate) fn put_float(key: &str, number: f64, out: &mut Vec<u8>) {
    put_float_head(key, out);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends an entry of a map up to its value, a number: eight bytes, little-endian.
pub(crate) fn put_float_head(key: &str, out: &mut Vec<u8>) {
    put_entry_head(key, 9, out);
    out.push(FLOAT_TAG);
}

/// Appends an entry of a map whose value is true or false.
pub(crate) fn put_boolean(key: &str, flag: bool, out: &mut Vec<u8>) {
    put_entry_head(key, 2, out);
    out.extend_from_slice(&[BOOLEAN_TAG, u8::from(flag)]);
}

/// Appends an entry of a map whose value is an array of maps, each given by its entries.
pub(crate) fn put_maps(key: &str, maps: &[Box<[u8]>], out: &mut Vec<u8>) {
    let sizes = maps.iter().map(|map| field_size(map_value_size(map)));
    let items: usize = sizes.sum();
    put_entry_head(key, field_size(items), out);
    out.push(ARRAY_TAG);
    put_length(items, out);
    for map in maps {
        out.push(ITEM_TAG);
        put_length(map_value_size(map), out);
        put_map_value(map, out);
    }
}

/// Appends an entry of a map whose value is the message `event.Value`.
pub(crate) fn put_entry(key: &str, value: &[u8], out: &mut Vec<u8>) {
    put_entry_head(key, value.len(), out);
    out.extend_from_slice(value);
}

/// Appends an entry of a map whose value is a map, given by its entries.
pub(crate) fn put_map(key: &str, entries: &[u8], out: &mut Vec<u8>) {
    put_entry_head(key, map_value_size(entries), out);
    put_map_value(entries, out);
}

/// The size of the message `event.Value` that holds a map, given by its entries.
fn map_value_size(entries: &[u8]) -> usize {
    field_size(entries.len())
}

/// Appends the message `event.Value` that holds a map, given by its entries.
fn put_map_value(entries: &[u8], out: &mut Vec<u8>) {
    out.push(MAP_TAG);
    put_length(entries.len(), out);
    out.extend_from_slice(entries);
}

/// Appends an entry of a map up to its value, the message `event.Value` of `size` bytes.
fn put_entry_head(key: &str, size: usize, out: &mut Vec<u8>) {
    out.push(ENTRY_TAG);
    put_length(field_size(key.len()) + field_size(size), out);
    out.push(KEY_TAG);
    put_length(key.len(), out);
    out.extend_from_slice(key.as_bytes());
    out.push(VALUE_TAG);
    put_length(size, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(value: Value<'_>) -> Option<String> {
        value.text().map(|text| String::from_utf8_lossy(&text).into_owned())
    }

    #[test]
    fn numbers_read_as_json_writes_them() {
        for (value, expected) in [
            (Value::Integer(-7), "-7"),
            (Value::Float(1.0), "1.0"),
            (Value::Float(-0.5), "-0.5"),
            (Value::Float(65_536.25), "65536.25"),
            (Value::Boolean(false), "false"),
        ] {
            assert_eq!(text(value).as_deref(), Some(expected));
        }
        for none in [Value::Float(f64::NAN), Value::Float(f64::INFINITY), Value::Map(b"")] {
            assert_eq!(text(none), None);
        }
    }

    #[test]
    fn the_last_member_of_a_name_counts() {
        let mut entries = Vec::new();
        put_text("a", b"first", &mut entries);
        put_float("b", 0.5, &mut entries);
        put_text("a", b"last", &mut entries);
        put_boolean("c", true, &mut entries);
        let mut message = Vec::new();
        put_map_value(&entries, &mut message);
        let map = Value::parse(&message).expect("a value");
        assert_eq!(map.member("a"), Some(Value::Bytes(b"last")));
        assert_eq!(map.member("b"), Some(Value::Float(0.5)));
        assert_eq!(map.member("c"), Some(Value::Boolean(true)));
        assert_eq!(map.member("d"), None);
    }

    #[test]
    fn two_kinds_at_once_are_malformed() {
        assert_eq!(Value::parse(b"\x20\x07\x30\x01"), Err(Malformed));
        assert_eq!(Value::parse(b"\x0d1234"), Err(Malformed), "bytes of four bytes");
        assert_eq!(Value::parse(b""), Ok(Value::Other));
    }

    proptest! {
        /// Both ways to read an entry read the same; most of these bytes are one, some are not.
        #[test]
        fn what_is_read_the_usual_way_is_read_the_same_in_full(
            key in "[a-z]{0,3}|[a-z]{128,130}",
            value in prop::collection::vec(any::<u8>(), 0..200),
            at in 0_usize..8,
            with in any::<u8>(),
        ) {
            let mut bytes = Vec::new();
            bytes.push(KEY_TAG);
            put_length(key.len(), &mut bytes);
            bytes.extend_from_slice(key.as_bytes());
            bytes.push(VALUE_TAG);
            put_length(value.len(), &mut bytes);
            bytes.extend_from_slice(&value);
            prop_assert!(Entry::usual(&bytes).is_some());
            prop_assert_eq!(Entry::usual(&bytes).ok_or(Malformed), Entry::parse(&bytes));
            if let Some(byte) = bytes.get_mut(at) {
                *byte = with;
            }
            if let Some(entry) = Entry::usual(&bytes) {
                prop_assert_eq!(Ok(entry), Entry::parse(&bytes));
            }
        }
    }
}
