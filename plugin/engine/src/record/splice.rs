//! Inserting our object.

use super::{OnExisting, Record};

/// What is put behind a key that was there before us.
pub const INPUT_SUFFIX: &str = "_input";

impl Record<'_> {
    /// Appends the record with our key and `object` as its last member to `out`.
    ///
    /// Every other byte stays. Where the record already has the key:
    ///
    /// * a value equal to `object` stays, and nothing is added: labelling twice changes nothing;
    /// * with [`OnExisting::Keep`] the record passes as it is;
    /// * else the old member may be forged: it is renamed to `<key>_input`. So that this can be
    ///   undone, a member already called `<key>_input` gets one more `_input`, and so on.
    ///
    /// Taking the last member away, and one `_input` from each key of that family, gives the input.
    pub fn splice(&self, object: &[u8], on_existing: OnExisting, out: &mut Vec<u8>) {
        let (record, close, key) = (self.bytes, self.scanned.close, self.keys.output());
        let mut existing = self.family.iter().filter(|m| *m.key.decode() == *key.as_bytes());
        if let Some(first) = existing.next() {
            let unchanged = first.raw == object && existing.next().is_none();
            if unchanged || on_existing == OnExisting::Keep {
                return out.extend_from_slice(record);
            }
        }
        let mut from = 0;
        for member in &self.family {
            out.extend_from_slice(record.get(from..member.key_end).unwrap_or_default());
            out.extend_from_slice(INPUT_SUFFIX.as_bytes());
            from = member.key_end;
        }
        out.extend_from_slice(record.get(from..close).unwrap_or_default());
        out.extend_from_slice(if self.scanned.is_empty { b"\"" } else { b",\"" });
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(object);
        out.extend_from_slice(record.get(close..).unwrap_or_default());
    }
}

/// Whether `name` is `key`, `key_input`, `key_input_input`, …: the names that get one more `_input`
/// where our object is added.
pub fn is_family(name: &[u8], key: &str) -> bool {
    let Some(mut rest) = name.strip_prefix(key.as_bytes()) else { return false };
    while let Some(shorter) = rest.strip_prefix(INPUT_SUFFIX.as_bytes()) {
        rest = shorter;
    }
    rest.is_empty()
}
