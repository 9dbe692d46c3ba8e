//! A log event in its bytes: where its fields are, and inserting our object into them.
//!
//! ```text
//! EventWrapper ─ log ─► Log ┬─ fields ─► entries                     as Vector writes an object
//!                           └─ value ─► Value ─ map ─► entries       newer, also for other values
//! ```
//!
//! A `value` comes before `fields`, as in Vector. Only the lengths of what encloses the entries
//! change; every other byte stays, unknown fields and their order among them.

use logtriage_engine::Event;
use logtriage_engine::record::{Found, INPUT_SUFFIX, Keys, OnExisting, is_family};

use crate::value::{Entry, KEY, Value, put_entry};
use crate::wire::{Field, Fields, Malformed, Value as Wire, length_size, put_length};

/// The field of a log's root, where it has one.
const VALUE: u32 = 2;

/// What an `event.EventWrapper` holds.
pub(crate) enum Wrapped {
    /// A log, whose entries were [`Scanned`].
    Log(Log),
    /// A log whose root is no object, so that no key can be added.
    Rootless,
    Metric,
    Trace,
    /// Nothing, or what only a newer Vector knows.
    Unknown,
}

/// A log event whose root is an object: where its messages stand, from the outermost to the one
/// that holds the entries. These are `EventWrapper` and `Log`, and where there is a `value`, `Value`
/// and `ValueMap`.
#[derive(Default)]
pub(crate) struct Log {
    messages: [Place; 4],
    depth: usize,
}

/// Where a message stands in the request.
#[derive(Clone, Copy, Default)]
struct Place {
    /// Where its length begins.
    length: usize,
    start: usize,
    end: usize,
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

/// A request with more in it: what was written, and how much of the request that stands for.
pub(crate) struct Written<'b> {
    request: &'b [u8],
    copied: usize,
    out: Vec<u8>,
}

impl<'b> Written<'b> {
    pub(crate) fn of(request: &'b [u8]) -> Self {
        Self { request, copied: 0, out: Vec::with_capacity(request.len() + request.len() / 2) }
    }

    /// How much was written so far.
    pub(crate) fn size(&self) -> usize {
        self.out.len()
    }

    /// All of it; `None` for the request as it is.
    pub(crate) fn end(mut self) -> Option<Vec<u8>> {
        if self.out.is_empty() {
            return None;
        }
        self.copy(self.request.len());
        Some(self.out)
    }

    /// Copies from the request up to a place.
    fn copy(&mut self, to: usize) {
        self.put(self.request.get(self.copied..to).unwrap_or_default(), to);
    }

    /// Writes something that stands for the request up to a place.
    fn put(&mut self, bytes: &[u8], to: usize) {
        self.out.extend_from_slice(bytes);
        self.copied = to;
    }

    /// Copies up to where a message begins, the innermost of several, but gives it another size.
    fn resize(&mut self, around: &[Place], message: &Place, size: usize) {
        if let Some((outer, around)) = around.split_last() {
            self.resize(around, outer, outer.size_around(message, size));
        }
        self.copy(message.length);
        put_length(size, &mut self.out);
        self.copied = message.start;
    }
}

impl Wrapped {
    /// Looks into the message `event.EventWrapper` that the field `event` of `request` holds, and
    /// at the entries of a log.
    #[inline]
    pub(crate) fn parse<'b>(
        request: &'b [u8],
        event: &Field<'b>,
        keys: &Keys,
        scanned: &mut Scanned<'b>,
    ) -> Result<Self, Malformed> {
        let Some(inner) = only(request, event, 1..=3)? else { return Ok(Self::Unknown) };
        match inner.number {
            1 => {}
            2 => return Ok(Self::Metric),
            _ => return Ok(Self::Trace),
        }
        let mut log = Log::default();
        log.enter(event);
        log.enter(&inner);
        if scanned.scan(Fields::inside(request, &inner)?, keys) == Ok(false) {
            return Ok(Self::Log(log));
        }
        // Beside a `value` its own entries do not count, right or wrong.
        *scanned = Scanned::default();
        let value = only(request, &inner, VALUE..=VALUE)?.ok_or(Malformed)?;
        let Wire::Bytes(root) = value.value else { return Err(Malformed) };
        let map = only(request, &value, 7..=7)?;
        let (Value::Map(_), Some(map)) = (Value::parse(root)?, map) else {
            return Ok(Self::Rootless);
        };
        scanned.scan(Fields::inside(request, &map)?, keys)?;
        log.enter(&value);
        log.enter(&map);
        Ok(Self::Log(log))
    }
}

/// The one field with a number out of `numbers` in the message that `field` holds. Two are
/// malformed: readers would merge them.
fn only<'b>(
    request: &'b [u8],
    field: &Field<'b>,
    numbers: std::ops::RangeInclusive<u32>,
) -> Result<Option<Field<'b>>, Malformed> {
    let mut only = None;
    for field in Fields::inside(request, field)? {
        let field = field?;
        if numbers.contains(&field.number) && only.replace(field).is_some() {
            return Err(Malformed);
        }
    }
    Ok(only)
}

impl Place {
    /// Of the message that a field holds.
    fn of(field: &Field<'_>) -> Self {
        let size = if let Wire::Bytes(bytes) = field.value { bytes.len() } else { 0 };
        Self { length: field.tag_end, start: field.end - size, end: field.end }
    }

    fn size(&self) -> usize {
        self.end - self.start
    }

    /// Its size when the message in it at `inner` has another one.
    fn size_around(&self, inner: &Self, size: usize) -> usize {
        let around = self.size() - (inner.end - inner.length);
        around + length_size(size) + size
    }
}

impl Log {
    /// Goes into the message that a field holds.
    fn enter(&mut self, field: &Field<'_>) {
        if let Some(message) = self.messages.get_mut(self.depth) {
            *message = Place::of(field);
            self.depth += 1;
        }
    }

    /// Writes the request up to the end of the log's entries, with `ours` as the last of them. What
    /// happens to a key that is there already is as for a JSON record: see
    /// [`logtriage_engine::record::Record::splice`]. Writes nothing for an event that stays as it
    /// is.
    pub(crate) fn splice(
        &self,
        scanned: &Scanned<'_>,
        ours: &OurEntry<'_>,
        written: &mut Written<'_>,
    ) {
        let mut existing = scanned.family.iter().filter(|(_, e)| e.key == ours.key.as_bytes());
        if let Some((_, first)) = existing.next() {
            let unchanged = ours.is(first) && existing.next().is_none();
            if unchanged || ours.on_existing == OnExisting::Keep {
                return;
            }
        }
        let Some((entries, around)) = self.messages.get(..self.depth).and_then(<[_]>::split_last)
        else {
            return;
        };
        let renamed = renamed(written.request, entries, &scanned.family);
        let size = renamed.as_ref().map_or(entries.size(), Vec::len) + ours.entry.len();
        written.resize(around, entries, size);
        match renamed {
            Some(renamed) => written.put(&renamed, entries.end),
            None => written.copy(entries.end),
        }
        written.put(ours.entry, entries.end);
    }
}

impl<'b> Scanned<'b> {
    /// Looks at the entries in a message. Says whether there is a field [`VALUE`] beside them.
    #[inline]
    fn scan(&mut self, message: Fields<'b>, keys: &Keys) -> Result<bool, Malformed> {
        let mut has_value = false;
        for field in message {
            let field = field?;
            let Some(entry) = Entry::of(&field)? else {
                has_value |= field.number == VALUE;
                continue;
            };
            if !keys.may_matter(entry.key) {
                continue;
            }
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

/// The entries with one more `_input` behind each key of the family; `None` where there is none.
fn renamed(request: &[u8], entries: &Place, family: &[(Field<'_>, Entry<'_>)]) -> Option<Vec<u8>> {
    if family.is_empty() {
        return None;
    }
    let mut out = Vec::with_capacity(entries.size() + 16 * family.len());
    let mut from = entries.start;
    for (field, _) in family {
        let Wire::Bytes(entry) = field.value else { continue };
        let mut parts = Fields::of(entry).flatten();
        let Some(key) = parts.find(|part| part.number == KEY) else { continue };
        let Wire::Bytes(name) = key.value else { continue };
        let size = name.len() + INPUT_SUFFIX.len();
        let rest = entry.get(key.end..).unwrap_or_default();
        out.extend_from_slice(request.get(from..field.tag_end).unwrap_or_default());
        put_length(key.tag_end + length_size(size) + size + rest.len(), &mut out);
        out.extend_from_slice(entry.get(..key.tag_end).unwrap_or_default());
        put_length(size, &mut out);
        out.extend_from_slice(name);
        out.extend_from_slice(INPUT_SUFFIX.as_bytes());
        out.extend_from_slice(rest);
        from = field.end;
    }
    out.extend_from_slice(request.get(from..entries.end).unwrap_or_default());
    Some(out)
}
