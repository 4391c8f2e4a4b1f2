//! Base64, hexadecimal, and the escapes of URLs and XML.

use std::fmt::Write as _;

use arrow::array::{ArrayRef, AsArray};
use arrow::datatypes::DataType;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::call::Call;
use crate::error::{FunctionError, unparsed};
use crate::strings::push_bytes;
use crate::table::{Scalar, value};

pub(crate) const TABLE: &[Scalar] = &[
    value("base64Encode", |call| {
        let texts = call.texts(0)?;
        call.write_texts(|row, out| {
            STANDARD.encode_string(texts.get(row), out);
            Ok(())
        })
    }),
    value("base64Decode", |call| base64_decode(call, |text| Err(unparsed(text, "base64")))),
    value("tryBase64Decode", |call| base64_decode(call, |_| Ok(Vec::new()))),
    value("hex", hex),
    value("unhex", unhex),
    value("encodeURLComponent", |call| encode_url(call, false)),
    value("encodeURLFormComponent", |call| encode_url(call, true)),
    value("decodeURLComponent", |call| decode_url(call, false)),
    value("decodeURLFormComponent", |call| decode_url(call, true)),
    value("encodeXMLComponent", encode_xml),
];

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

fn base64_decode(
    call: &Call<'_>,
    otherwise: fn(&str) -> Result<Vec<u8>, FunctionError>,
) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let text = texts.get(row);
        let bytes = LENIENT.decode(text).or_else(|_| otherwise(text))?;
        push_bytes(out, &bytes);
        Ok(())
    })
}

/// Text byte by byte, integers without leading zeros, other types as they lie in memory.
fn hex(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    match value.data_type() {
        DataType::Utf8 => {
            let texts = call.texts(0)?;
            call.write_texts(|row, out| {
                texts.get(row).bytes().for_each(|byte| push_hex(out, byte));
                Ok(())
            })
        }
        DataType::FixedSizeBinary(_) => {
            let bytes = value.array().as_fixed_size_binary();
            call.write_texts(|row, out| {
                bytes.value(value.index(row)).iter().for_each(|byte| push_hex(out, *byte));
                Ok(())
            })
        }
        DataType::Float64 => {
            let values = call.floats(0)?;
            call.write_texts(|row, out| {
                values.get(row).to_bits().to_le_bytes().iter().for_each(|byte| push_hex(out, *byte));
                Ok(())
            })
        }
        ty => {
            let mask = u64::MAX >> (64 - crate::bits::width(ty).clamp(8, 64));
            let values = call.ints(0)?;
            call.write_texts(|row, out| {
                let digits = format!("{:X}", values.get(row).cast_unsigned() & mask);
                if digits.len() % 2 == 1 {
                    out.push('0');
                }
                out.push_str(&digits);
                Ok(())
            })
        }
    }
}

fn push_hex(out: &mut String, byte: u8) {
    write!(out, "{byte:02X}").unwrap_or_default();
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Pairs of digits; an odd number of them begins with half a pair, and what is no digit counts as one all the same.
fn unhex(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let digits = texts.get(row).as_bytes();
        let (half, pairs) = digits.split_at(digits.len() % 2);
        let value = |byte: u8| digit(byte).unwrap_or(0xff);
        let mut bytes: Vec<u8> = half.iter().map(|byte| value(*byte)).collect();
        bytes.extend(pairs.chunks(2).map(|pair| match pair {
            [high, low] => value(*high) << 4 | value(*low),
            _ => 0,
        }));
        push_bytes(out, &bytes);
        Ok(())
    })
}

fn encode_url(call: &Call<'_>, form: bool) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        for byte in texts.get(row).bytes() {
            match byte {
                b' ' if form => out.push('+'),
                b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
                byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
                byte => {
                    write!(out, "%{byte:02X}").unwrap_or_default();
                }
            }
        }
        Ok(())
    })
}

/// An escape that is none stays as it is.
fn decode_url(call: &Call<'_>, form: bool) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let bytes = texts.get(row).as_bytes();
        if !bytes.contains(&b'%') && !form {
            out.push_str(texts.get(row));
            return Ok(());
        }
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let escape = bytes.get(at + 1).copied().and_then(digit).zip(bytes.get(at + 2).copied().and_then(digit));
            match (byte, escape) {
                (b'%', Some((high, low))) => {
                    decoded.push(high << 4 | low);
                    at += 3;
                    continue;
                }
                (b'+', _) if form => decoded.push(b' '),
                _ => decoded.push(*byte),
            }
            at += 1;
        }
        push_bytes(out, &decoded);
        Ok(())
    })
}

fn encode_xml(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        for c in texts.get(row).chars() {
            match c {
                '<' => out.push_str("&lt;"),
                '&' => out.push_str("&amp;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&apos;"),
                c => out.push(c),
            }
        }
        Ok(())
    })
}
