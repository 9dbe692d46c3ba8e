//! A log event in its bytes: where its fields are, and inserting our object into them.
//!
//! ```text
//! EventWrapper ─ log ─► Log ┬─ fields ─► entries                     as Vector writes an object
//!                           └─ value ─► Value ─ map ─► entries       newer, also for other values
//! ```
//!
//! A `value` comes before `fields`, as in Vector. Only the lengths of what encloses the entries
//! change; every other byte stays, unknown fields and their order among them.

use std::borrow::Cow;

use logtriage_engine::Event;
use logtriage_engine::record::{Found, INPUT_SUFFIX, Keys, OnExisting, is_family};

use crate::value::{Entry, KEY, Value, put_entry};
use crate::wire::{Field, Fields, Malformed, Value as Wire, length_size, put_length};

/// The field of a log's root, where it has one.
const VALUE: u32 = 2;

/// What an `event.EventWrapper` holds.
pub(crate) enum Wrapped<'b> {
    /// A log, whose entries were [`Scanned`].
    Log(Log<'b>),
    /// A log whose root is no object, so that no key can be added.
    Rootless,
    Metric,
    Trace,
    /// Nothing, or what only a newer Vector knows.
    Unknown,
}

/// A log event whose root is an object.
pub(crate) struct Log<'b> {
    /// From the outermost message to the one that holds the entries: `EventWrapper`, and where
    /// there is a `value`, `Log` and `Value`.
    around: [Around<'b>; 3],
    depth: usize,
    /// The message that holds the entries.
    entries: &'b [u8],
}

/// What stands around an inner message in its outer one.
#[derive(Clone, Copy, Default)]
struct Around<'b> {
    /// Up to the inner one's length.
    before: &'b [u8],
    after: &'b [u8],
}

/// The entry that is added.
pub(crate) struct OurEntry<'o> {
    pub(crate) key: &'o str,
    pub(crate) entry: &'o [u8],
    pub(crate) on_existing: OnExisting,
}

impl OurEntry<'_> {
    /// Whether `entry` is ours.
    fn is(&self, entry: &Entry<'_>) -> bool {
        let mut theirs = Vec::with_capacity(self.entry.len());
        put_entry(self.key, entry.value, &mut theirs);
        theirs == self.entry
    }
}

/// What was found in the entries of a log.
#[derive(Default)]
pub(crate) struct Scanned<'b> {
    found: Found<Value<'b>>,
    /// The entries of our family of keys, in order, and where they are.
    family: Vec<(Field<'b>, Entry<'b>)>,
}

impl<'b> Wrapped<'b> {
    /// Looks into the message `event.EventWrapper`, and at the entries of a log.
    #[inline]
    pub(crate) fn parse(
        wrapper: &'b [u8],
        keys: &Keys,
        scanned: &mut Scanned<'b>,
    ) -> Result<Self, Malformed> {
        let Some(event) = only(wrapper, 1..=3)? else { return Ok(Self::Unknown) };
        let log = match event.number {
            1 => inner(&event)?,
            2 => return Ok(Self::Metric),
            _ => return Ok(Self::Trace),
        };
        let around = Around::of(wrapper, &event);
        if scanned.scan(log, keys) == Ok(false) {
            let around = [around, Around::default(), Around::default()];
            return Ok(Self::Log(Log { around, depth: 1, entries: log }));
        }
        // Beside a `value` its own entries do not count, right or wrong.
        *scanned = Scanned::default();
        let value = only(log, VALUE..=VALUE)?.ok_or(Malformed)?;
        let root = inner(&value)?;
        let (Value::Map(entries), Some(map)) = (Value::parse(root)?, only(root, 7..=7)?) else {
            return Ok(Self::Rootless);
        };
        scanned.scan(entries, keys)?;
        let around = [around, Around::of(log, &value), Around::of(root, &map)];
        Ok(Self::Log(Log { around, depth: 3, entries }))
    }
}

/// The one field with a number out of `numbers`. Two are malformed: readers would merge them.
fn only<'b>(
    message: &'b [u8],
    numbers: std::ops::RangeInclusive<u32>,
) -> Result<Option<Field<'b>>, Malformed> {
    let mut only = None;
    for field in Fields::of(message) {
        let field = field?;
        if numbers.contains(&field.number) && only.replace(field).is_some() {
            return Err(Malformed);
        }
    }
    Ok(only)
}

/// The message that a field holds.
fn inner<'b>(field: &Field<'b>) -> Result<&'b [u8], Malformed> {
    match field.value {
        Wire::Bytes(bytes) => Ok(bytes),
        Wire::Varint(_) | Wire::Fixed64(_) | Wire::Fixed32 => Err(Malformed),
    }
}

impl<'b> Around<'b> {
    fn of(outer: &'b [u8], field: &Field<'b>) -> Self {
        Self {
            before: outer.get(..field.tag_end).unwrap_or_default(),
            after: outer.get(field.end..).unwrap_or_default(),
        }
    }

    /// The size of the outer message around an inner one.
    fn size(&self, inner: usize) -> usize {
        self.before.len() + length_size(inner) + inner + self.after.len()
    }
}

impl<'b> Log<'b> {
    /// Appends `before` and then the length and the bytes of the message with `ours` as the last of
    /// its entries. What happens to a key that is there already is as for a JSON record: see
    /// [`logtriage_engine::record::Record::splice`]. Says whether anything was appended: if not,
    /// the message stays as it is.
    pub(crate) fn splice(
        &self,
        scanned: &Scanned<'b>,
        ours: &OurEntry<'_>,
        before: &[u8],
        out: &mut Vec<u8>,
    ) -> bool {
        let mut existing = scanned.family.iter().filter(|(_, e)| e.key == ours.key.as_bytes());
        if let Some((_, first)) = existing.next() {
            let unchanged = ours.is(first) && existing.next().is_none();
            if unchanged || ours.on_existing == OnExisting::Keep {
                return false;
            }
        }
        let entries = renamed(self.entries, &scanned.family);
        let around = self.around.get(..self.depth).unwrap_or_default();
        let mut size = entries.len() + ours.entry.len();
        let mut sizes = [0; 3];
        for (around, kept) in around.iter().zip(&mut sizes).rev() {
            *kept = size;
            size = around.size(size);
        }
        out.extend_from_slice(before);
        put_length(size, out);
        for (around, size) in around.iter().zip(sizes) {
            out.extend_from_slice(around.before);
            put_length(size, out);
        }
        out.extend_from_slice(&entries);
        out.extend_from_slice(ours.entry);
        for around in around.iter().rev() {
            out.extend_from_slice(around.after);
        }
        true
    }
}

impl<'b> Scanned<'b> {
    /// Looks at the entries in a message. Says whether there is a field [`VALUE`] beside them.
    #[inline]
    fn scan(&mut self, message: &'b [u8], keys: &Keys) -> Result<bool, Malformed> {
        let mut has_value = false;
        for field in Fields::of(message) {
            let field = field?;
            let Some(entry) = Entry::of(&field)? else {
                has_value |= field.number == VALUE;
                continue;
            };
            if let Some(found) = keys.place(entry.key).and_then(|at| self.found.get_mut(at)) {
                *found = Some(Value::parse(entry.value)?);
            }
            if is_family(entry.key, keys.output()) {
                self.family.push((field, entry));
            }
        }
        Ok(has_value)
    }

    /// The event to be labelled.
    pub(crate) fn event(&self, keys: &Keys) -> Event<'b> {
        let fields = keys.fields(&self.found);
        Event { message: fields.message, source: fields.source }
    }
}

/// The entries, with one more `_input` behind each key of the family.
fn renamed<'b>(entries: &'b [u8], family: &[(Field<'b>, Entry<'b>)]) -> Cow<'b, [u8]> {
    if family.is_empty() {
        return Cow::Borrowed(entries);
    }
    let mut out = Vec::with_capacity(entries.len() + 16 * family.len());
    let mut from = 0;
    for (field, _) in family {
        let Wire::Bytes(entry) = field.value else { continue };
        let mut parts = Fields::of(entry).flatten();
        let Some(key) = parts.find(|part| part.number == KEY) else { continue };
        let Wire::Bytes(name) = key.value else { continue };
        let size = name.len() + INPUT_SUFFIX.len();
        let rest = entry.get(key.end..).unwrap_or_default();
        out.extend_from_slice(entries.get(from..field.tag_end).unwrap_or_default());
        put_length(key.tag_end + length_size(size) + size + rest.len(), &mut out);
        out.extend_from_slice(entry.get(..key.tag_end).unwrap_or_default());
        put_length(size, &mut out);
        out.extend_from_slice(name);
        out.extend_from_slice(INPUT_SUFFIX.as_bytes());
        out.extend_from_slice(rest);
        from = field.end;
    }
    out.extend_from_slice(entries.get(from..).unwrap_or_default());
    Cow::Owned(out)
}
