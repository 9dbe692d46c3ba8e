//! Requests for property tests, made byte by byte, so that they hold what no decoder keeps: unknown
//! fields, any order, keys that come twice. And how our key is taken out of one.

use proptest::prelude::*;
use prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};

/// What makes bytes. Boxed: strategies inside strategies take more stack than a test has.
type Made = BoxedStrategy<Vec<u8>>;

/// A field whose value is bytes or a message.
pub fn field(number: u32, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut out);
    encode_varint(bytes.len() as u64, &mut out);
    out.extend_from_slice(bytes);
    out
}

fn varint(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::Varint, &mut out);
    encode_varint(value, &mut out);
    out
}

fn double(number: u32, value: f64) -> Vec<u8> {
    let mut out = Vec::new();
    encode_key(number, WireType::SixtyFourBit, &mut out);
    out.extend_from_slice(&value.to_le_bytes());
    out
}

/// Mostly nothing, or a field that no version of Vector knows.
fn unknown() -> Made {
    prop_oneof![
        12 => Just(Vec::new()),
        1 => (50u32..99_999, any::<u64>()).prop_map(|(number, value)| varint(number, value)),
        1 => (50u32..99_999, any::<f64>()).prop_map(|(number, value)| double(number, value)),
        1 => (50u32..99_999, prop::collection::vec(any::<u8>(), 0..200))
            .prop_map(|(number, bytes)| field(number, &bytes)),
    ]
    .boxed()
}

/// A message of `parts` with unknown fields around them.
fn with_unknown(parts: impl Strategy<Value = Vec<u8>> + 'static) -> Made {
    (unknown(), parts, unknown())
        .prop_map(|(before, parts, after)| [before, parts, after].concat())
        .boxed()
}

fn text() -> Made {
    prop_oneof![
        4 => crate::records::message(),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        // Around the sizes at which a length takes one byte more.
        1 => (100usize..140).prop_map(|size| vec![b'x'; size]),
        1 => (16_250usize..16_400).prop_map(|size| vec![b' '; size]),
    ]
    .boxed()
}

fn key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "message",
        "log",
        "host",
        "source",
        "service",
        "kubernetes",
        "container_name",
        "kubernetes.container_name",
        "triage",
        "triage_input",
        "triage_input_input",
        "triage_inputs",
        "",
        "timestamp",
    ])
}

/// The message `event.Value`.
fn value() -> Made {
    let leaf = prop_oneof![
        6 => text().prop_map(|text| field(1, &text)),
        1 => any::<i64>().prop_map(|seconds| field(2, &varint(1, seconds.cast_unsigned()))),
        1 => any::<i64>().prop_map(|number| varint(4, number.cast_unsigned())),
        1 => any::<f64>().prop_map(|number| double(5, number)),
        1 => any::<bool>().prop_map(|flag| varint(6, u64::from(flag))),
        1 => Just(varint(9, 0)),
        1 => Just(Vec::new()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            map(inner.clone()).prop_map(|entries| field(7, &entries)),
            prop::collection::vec(inner, 0..4).prop_map(|items| {
                let items: Vec<u8> = items.iter().flat_map(|item| field(1, item)).collect();
                field(8, &items)
            }),
        ]
    })
    .boxed()
}

/// Entries; some keys come twice, and some values before their keys.
fn map(value: Made) -> Made {
    let entry = (key(), with_unknown(value), any::<u8>()).prop_map(|(key, value, order)| {
        let (key, value) = (field(1, key.as_bytes()), field(2, &value));
        field(1, &if order < 20 { [value, key].concat() } else { [key, value].concat() })
    });
    let entries = prop::collection::vec(with_unknown(entry), 0..7);
    entries.prop_map(|entries| entries.concat()).boxed()
}

/// The message `event.Log`.
fn log() -> Made {
    let metadata = prop::option::of(value()).prop_map(|value| {
        let Some(value) = value else { return Vec::new() };
        [field(3, &value), field(4, &field(1, &value))].concat()
    });
    let fields = map(value());
    let root = map(value()).prop_map(|entries| field(2, &field(7, &entries)));
    let other_root = value().prop_map(|value| field(2, &value));
    let body = prop_oneof![
        5 => fields.clone(),
        2 => root,
        1 => (fields, other_root).prop_map(|(fields, root)| [fields, root].concat()),
    ];
    (body, metadata, unknown(), any::<bool>())
        .prop_map(|(body, metadata, unknown, swapped)| {
            if swapped { [metadata, body, unknown] } else { [body, metadata, unknown] }.concat()
        })
        .boxed()
}

/// The message `event.EventWrapper`.
fn event() -> Made {
    prop_oneof![
        8 => with_unknown(log().prop_map(|log| field(1, &log))),
        1 => with_unknown("[a-z]{0,9}".prop_map(|name| field(2, &field(1, name.as_bytes())))),
        1 => with_unknown(map(value()).prop_map(|entries| field(3, &entries))),
        1 => unknown(),
    ]
    .boxed()
}

/// The message `vector.PushEventsRequest`, sound but unusual.
pub fn request() -> Made {
    let events = prop::collection::vec(with_unknown(event().prop_map(|e| field(1, &e))), 0..6);
    events.prop_map(|events| events.concat()).boxed()
}

/// Bytes that are a request, nearly one, or none.
pub fn bytes() -> Made {
    let place = any::<prop::sample::Index>;
    prop_oneof![
        2 => (request(), place(), any::<u8>()).prop_filter_map("empty", |(mut bytes, place, byte)| {
            let at = if bytes.is_empty() { return None } else { place.index(bytes.len()) };
            bytes[at] = byte;
            Some(bytes)
        }),
        1 => (request(), place()).prop_map(|(mut bytes, place)| {
            bytes.truncate(place.index(bytes.len() + 1));
            bytes
        }),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        // What readers merge: an event, a root, a value twice.
        1 => (log(), log()).prop_map(|(a, b)| field(1, &[field(1, &a), field(1, &b)].concat())),
        1 => (log(), log()).prop_map(|(a, b)| field(1, &field(1, &[a, b].concat()))),
        1 => (value(), value()).prop_map(|(a, b)| {
            let entry = [field(1, b"message"), field(2, &[a, b].concat())].concat();
            field(1, &field(1, &field(1, &entry)))
        }),
    ]
    .boxed()
}

/// The fields of a message: what stands before the value of each, the value, and whether a length
/// belongs before it.
struct Parts(Vec<(u32, Vec<u8>, Option<Vec<u8>>)>);

impl Parts {
    /// # Panics
    /// The message is not sound.
    fn of(mut message: &[u8]) -> Self {
        let mut parts = Vec::new();
        while !message.is_empty() {
            let whole = message;
            let (number, kind) = decode_key(&mut message).expect("a tag");
            let tag = whole[..whole.len() - message.len()].to_vec();
            let size = match kind {
                WireType::LengthDelimited => {
                    let length = decode_varint(&mut message).expect("a length") as usize;
                    parts.push((number, tag, Some(message[..length].to_vec())));
                    message = &message[length..];
                    continue;
                }
                WireType::Varint => {
                    let mut rest = message;
                    decode_varint(&mut rest).expect("a number");
                    message.len() - rest.len()
                }
                WireType::SixtyFourBit => 8,
                WireType::ThirtyTwoBit => 4,
                other => panic!("{other:?}"),
            };
            parts.push((number, [&tag, &message[..size]].concat(), None));
            message = &message[size..];
        }
        Self(parts)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (_, head, value) in &self.0 {
            out.extend_from_slice(head);
            if let Some(value) = value {
                encode_varint(value.len() as u64, &mut out);
                out.extend_from_slice(value);
            }
        }
        out
    }

    /// The value of the last field with a number.
    fn get(&mut self, number: u32) -> Option<&mut Vec<u8>> {
        let is_it = |part: &&mut (u32, _, _)| part.0 == number;
        self.0.iter_mut().rev().find(is_it)?.2.as_mut()
    }
}

/// Takes our entry out of each event that `labelled` has another than `request` for, and one
/// `_input` from each key of its family.
///
/// # Panics
/// Where they have not the same events, or one is not sound.
pub fn undo(request: &[u8], labelled: &[u8]) -> Vec<u8> {
    let before = Parts::of(request);
    let mut after = Parts::of(labelled);
    assert_eq!(before.0.len(), after.0.len(), "events");
    for (before, after) in before.0.iter().zip(&mut after.0) {
        if let (1, _, Some(wrapper)) = after
            && before.2.as_ref() != Some(wrapper)
        {
            undo_event(wrapper);
        }
    }
    after.bytes()
}

fn undo_event(wrapper: &mut Vec<u8>) {
    change(wrapper, 1, |log| match Parts::of(log).get(2) {
        Some(_) => change(log, 2, |value| change(value, 7, undo_entries)),
        None => undo_entries(log),
    });
}

fn change(message: &mut Vec<u8>, number: u32, how: impl FnOnce(&mut Vec<u8>)) {
    let mut parts = Parts::of(message);
    how(parts.get(number).expect("the field"));
    *message = parts.bytes();
}

fn undo_entries(message: &mut Vec<u8>) {
    let mut parts = Parts::of(message);
    let (number, _, entry) = parts.0.pop().expect("our entry");
    let ours = field(1, b"triage");
    assert!(
        number == 1 && entry.is_some_and(|entry| entry.starts_with(&ours)),
        "our entry is last"
    );
    for (_, _, entry) in parts.0.iter_mut().filter(|(number, ..)| *number == 1) {
        change(entry.as_mut().expect("an entry"), 1, |key| {
            if key.starts_with(b"triage_input") && is_family(key) {
                key.truncate(key.len() - "_input".len());
            }
        });
    }
    *message = parts.bytes();
}

fn is_family(key: &[u8]) -> bool {
    String::from_utf8_lossy(key).replace("_input", "") == "triage"
}
