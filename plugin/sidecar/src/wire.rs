//! Protobuf's wire format, as far as the sidecar looks into it: fields and their places, nothing
//! decoded that nobody asks for.
//!
//! What other readers may take in more than one way (groups, a tag of 0) is malformed here: such an
//! event passes as it came.

/// Bytes that are no protobuf message, or one that the sidecar will not touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The largest tag has 32 bits, three of them for the type.
const MAX_NUMBER: u32 = u32::MAX >> 3;

/// The type of a field that has a length.
const BYTES: u64 = 2;

/// The fields of a message, in order.
#[derive(Clone)]
pub(crate) struct Fields<'b> {
    /// Up to where the message ends.
    bytes: &'b [u8],
    at: usize,
}

/// A field of a message. Its places are counted from where the bytes of its [`Fields`] begin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Field<'b> {
    /// From 1.
    pub(crate) number: u32,
    pub(crate) value: Value<'b>,
    /// Where its tag begins.
    pub(crate) start: usize,
    /// Where its tag ends.
    pub(crate) tag_end: usize,
    /// Where it ends.
    pub(crate) end: usize,
}

/// A value as the wire has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'b> {
    Varint(u64),
    Fixed64(u64),
    Fixed32,
    /// A string, bytes, or a message.
    Bytes(&'b [u8]),
}

impl<'b> Fields<'b> {
    pub(crate) fn of(message: &'b [u8]) -> Self {
        Self { bytes: message, at: 0 }
    }

    /// Those of the message that a field of `bytes` holds, with their places in `bytes`.
    pub(crate) fn inside(bytes: &'b [u8], field: &Field<'b>) -> Result<Self, Malformed> {
        let Value::Bytes(message) = field.value else { return Err(Malformed) };
        let bytes = bytes.get(..field.end).ok_or(Malformed)?;
        Ok(Self { bytes, at: bytes.len() - message.len() })
    }

    #[inline(always)]
    fn field(&self) -> Option<Field<'b>> {
        let (tag, tag_end) = varint(self.bytes, self.at)?;
        // Nearly all there is.
        let (value, end) = if tag & 7 == BYTES {
            let (bytes, end) = sized(self.bytes, tag_end)?;
            (Value::Bytes(bytes), end)
        } else {
            scalar(tag & 7, self.bytes, tag_end)?
        };
        let number = u32::try_from(tag >> 3).ok().filter(|n| (1..=MAX_NUMBER).contains(n))?;
        Some(Field { number, value, start: self.at, tag_end, end })
    }
}

/// As many bytes as the number at `at` says, from behind it, and where they end.
#[inline(always)]
pub(crate) fn sized(bytes: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let (length, start) = varint(bytes, at)?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    Some((bytes.get(start..end)?, end))
}

/// A value of a type that is not [`BYTES`], and where it ends.
#[inline(never)]
fn scalar(wire_type: u64, bytes: &[u8], at: usize) -> Option<(Value<'_>, usize)> {
    let rest = bytes.get(at..)?;
    Some(match wire_type {
        0 => {
            let (number, end) = varint(bytes, at)?;
            (Value::Varint(number), end)
        }
        1 => (Value::Fixed64(u64::from_le_bytes(*rest.first_chunk()?)), at + 8),
        5 => (Value::Fixed32, rest.first_chunk::<4>().map(|_| at + 4)?),
        _ => return None,
    })
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<Field<'b>, Malformed>;

    /// Ends after the first thing that is wrong.
    #[inline(always)]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.field();
        self.at = field.map_or(self.bytes.len(), |field| field.end);
        Some(field.ok_or(Malformed))
    }
}

/// The number at `at`, and where it ends. Most have one byte or two.
#[inline(always)]
fn varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let low = *bytes.get(at)?;
    if low < 0x80 {
        return Some((u64::from(low), at + 1));
    }
    match *bytes.get(at + 1)? {
        high @ ..0x80 => Some((u64::from(low & 0x7f) | u64::from(high) << 7, at + 2)),
        _ => long_varint(bytes, at),
    }
}

#[inline(never)]
fn long_varint(bytes: &[u8], at: usize) -> Option<(u64, usize)> {
    let mut value = 0;
    for (place, byte) in bytes.get(at..)?.iter().take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        // The tenth byte has room for one bit.
        if place == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * place);
        if byte & 0x80 == 0 {
            return Some((value, at + place + 1));
        }
    }
    None
}

/// Appends a number in the least bytes.
#[inline]
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends the length of what follows.
#[inline]
pub(crate) fn put_length(length: usize, out: &mut Vec<u8>) {
    put_varint(length as u64, out);
}

/// How many bytes the length takes.
#[inline]
pub(crate) fn length_size(length: usize) -> usize {
    let bits = (usize::BITS - length.leading_zeros()).max(1);
    bits.div_ceil(7) as usize
}

/// The size of a field with a tag of one byte, and `size` bytes behind their length.
#[inline]
pub(crate) fn field_size(size: usize) -> usize {
    1 + length_size(size) + size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
        Fields::of(message).collect()
    }

    #[test]
    fn fields_know_their_places() {
        let message = b"\x0a\x02hi\x10\x96\x01\x1d1234\x2112345678\x82\x01\x00";
        let fields = fields(message).expect("a message");
        let values: Vec<_> = fields.iter().map(|field| (field.number, field.value)).collect();
        assert_eq!(
            values,
            [
                (1, Value::Bytes(b"hi")),
                (2, Value::Varint(150)),
                (3, Value::Fixed32),
                (4, Value::Fixed64(u64::from_le_bytes(*b"12345678"))),
                (16, Value::Bytes(b"")),
            ]
        );
        let places: Vec<_> = fields.iter().map(|f| (f.start, f.tag_end, f.end)).collect();
        assert_eq!(places, [(0, 1, 4), (4, 5, 7), (7, 8, 12), (12, 13, 21), (21, 23, 24)]);
    }

    #[test]
    fn what_is_cut_off_or_strange_is_malformed() {
        let strange: [&[u8]; 12] = [
            b"\x0a",
            b"\x0a\x02h",
            b"\x80",
            b"\x08",
            b"\x0d123",
            b"\x091234567",
            b"\x00\x00",
            b"\x0b\x0c",
            b"\x0f",
            b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\xff\xff\xff\xff\x7f\x00",
        ];
        for message in strange {
            assert_eq!(fields(message), Err(Malformed), "{}", message.escape_ascii());
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                put_varint(value, &mut bytes);
                let length = usize::try_from(value).expect("64 bits");
                assert_eq!(length_size(length), bytes.len(), "{value}");
                bytes.insert(0, 0x08);
                let read = fields(&bytes).expect("a field");
                assert_eq!(read.first().map(|field| field.value), Some(Value::Varint(value)));
            }
        }
    }
}
