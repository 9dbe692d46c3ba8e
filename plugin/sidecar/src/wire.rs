//! Protobuf's wire format, as far as the sidecar looks into it: fields and their places, nothing
//! decoded that nobody asks for.
//!
//! What other readers may take in more than one way (groups, a tag of 0) is malformed here: such an
//! event passes as it came.

/// Bytes that are no protobuf message, or one that the sidecar will not touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The fields of a message, in order.
#[derive(Clone)]
pub(crate) struct Fields<'b> {
    message: &'b [u8],
    at: usize,
}

/// A field of a message.
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
    Fixed64([u8; 8]),
    Fixed32,
    /// A string, bytes, or a message.
    Bytes(&'b [u8]),
}

impl<'b> Fields<'b> {
    pub(crate) fn of(message: &'b [u8]) -> Self {
        Self { message, at: 0 }
    }

    fn field(&mut self) -> Result<Field<'b>, Malformed> {
        let start = self.at;
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let tag_end = self.at;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.take(8)?.try_into().map_err(|_| Malformed)?),
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(usize::try_from(length).map_err(|_| Malformed)?)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed32
            }
            _ => return Err(Malformed),
        };
        match tag >> 3 {
            0 => Err(Malformed),
            number => Ok(Field { number, value, start, tag_end, end: self.at }),
        }
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Malformed> {
        let rest = self.message.get(self.at..).unwrap_or_default();
        if let Some(byte) = rest.first().filter(|byte| **byte < 0x80) {
            self.at += 1;
            return Ok(u64::from(*byte));
        }
        let mut value = 0;
        for (place, byte) in rest.iter().take(10).enumerate() {
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if place == 9 && bits > 1 {
                return Err(Malformed);
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                self.at += place + 1;
                return Ok(value);
            }
        }
        Err(Malformed)
    }

    #[inline]
    fn take(&mut self, length: usize) -> Result<&'b [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let taken = self.message.get(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(taken)
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = Result<Field<'b>, Malformed>;

    /// Ends after the first thing that is wrong.
    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.message.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.message.len();
        }
        Some(field)
    }
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
                (4, Value::Fixed64(*b"12345678")),
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
