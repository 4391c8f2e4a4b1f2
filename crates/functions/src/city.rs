//! `cityHash64`, which is CityHash64 of version 1.0.2 of text, mixed with itself for several values.
//!
//! Hashes select persons and samples, so they must not differ in a bit. Later versions of CityHash give other values for
//! lengths of 17 bytes and more.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, TimeUnit};

use crate::call::{Call, floats, ints, range};
use crate::error::FunctionError;
use crate::table::{Scalar, value};

pub(crate) const TABLE: &[Scalar] = &[value("cityHash64", city_hash)];

const K0: u64 = 0xc3a5_c85c_97cb_3127;
const K1: u64 = 0xb492_b66f_be98_f273;
const K2: u64 = 0x9ae1_6a3b_2f90_404f;
const K3: u64 = 0xc949_d7c7_509e_6557;
const MIX: u64 = 0x9ddf_ea08_eb38_2d69;

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes)
}

fn half(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).and_then(|half| half.try_into().ok()).map_or(0, |half| u64::from(u32::from_le_bytes(half)))
}

fn shift_mix(value: u64) -> u64 {
    value ^ (value >> 47)
}

/// Two hashes as one.
fn hash_16(low: u64, high: u64) -> u64 {
    let a = shift_mix((low ^ high).wrapping_mul(MIX));
    shift_mix((high ^ a).wrapping_mul(MIX)).wrapping_mul(MIX)
}

/// The hash of `bytes`.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    match length {
        0..=16 => hash_to_16(bytes),
        17..=32 => hash_to_32(bytes),
        33..=64 => hash_to_64(bytes),
        _ => hash_long(bytes),
    }
}

fn hash_to_16(bytes: &[u8]) -> u64 {
    let length = bytes.len() as u64;
    match bytes {
        [] => K2,
        [first, .., last] if bytes.len() < 4 => {
            short(*first, bytes.get(bytes.len() / 2).copied().unwrap_or(0), *last, length)
        }
        [only] => short(*only, *only, *only, length),
        _ if bytes.len() > 8 => {
            let (a, b) = (word(bytes, 0), word(bytes, bytes.len() - 8));
            hash_16(a, b.wrapping_add(length).rotate_right(u32::try_from(length).unwrap_or(0))) ^ b
        }
        _ => {
            let (a, b) = (half(bytes, 0), half(bytes, bytes.len() - 4));
            hash_16(length.wrapping_add(a << 3), b)
        }
    }
}

fn short(first: u8, middle: u8, last: u8, length: u64) -> u64 {
    let y = u64::from(first) + (u64::from(middle) << 8);
    let z = length + (u64::from(last) << 2);
    shift_mix(y.wrapping_mul(K2) ^ z.wrapping_mul(K3)).wrapping_mul(K2)
}

fn hash_to_32(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let a = word(bytes, 0).wrapping_mul(K1);
    let b = word(bytes, 8);
    let c = word(bytes, length - 8).wrapping_mul(K2);
    let d = word(bytes, length - 16).wrapping_mul(K0);
    hash_16(
        a.wrapping_sub(b).rotate_right(43).wrapping_add(c.rotate_right(30)).wrapping_add(d),
        a.wrapping_add((b ^ K3).rotate_right(20)).wrapping_sub(c).wrapping_add(length as u64),
    )
}

fn hash_to_64(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let mut z = word(bytes, 24);
    let mut a = word(bytes, 0).wrapping_add((length as u64).wrapping_add(word(bytes, length - 16)).wrapping_mul(K0));
    let mut b = a.wrapping_add(z).rotate_right(52);
    let mut c = a.rotate_right(37);
    a = a.wrapping_add(word(bytes, 8));
    c = c.wrapping_add(a.rotate_right(7));
    a = a.wrapping_add(word(bytes, 16));
    let vf = a.wrapping_add(z);
    let vs = b.wrapping_add(a.rotate_right(31)).wrapping_add(c);
    a = word(bytes, 16).wrapping_add(word(bytes, length - 32));
    z = word(bytes, length - 8);
    b = a.wrapping_add(z).rotate_right(52);
    c = a.rotate_right(37);
    a = a.wrapping_add(word(bytes, length - 24));
    c = c.wrapping_add(a.rotate_right(7));
    a = a.wrapping_add(word(bytes, length - 16));
    let wf = a.wrapping_add(z);
    let ws = b.wrapping_add(a.rotate_right(31)).wrapping_add(c);
    let r = shift_mix(vf.wrapping_add(ws).wrapping_mul(K2).wrapping_add(wf.wrapping_add(vs).wrapping_mul(K0)));
    shift_mix(r.wrapping_mul(K0).wrapping_add(vs)).wrapping_mul(K2)
}

/// A weak hash of 32 bytes with two seeds.
fn weak(bytes: &[u8], at: usize, a: u64, b: u64) -> (u64, u64) {
    let (w, x, y, z) = (word(bytes, at), word(bytes, at + 8), word(bytes, at + 16), word(bytes, at + 24));
    let a = a.wrapping_add(w);
    let b = b.wrapping_add(a).wrapping_add(z).rotate_right(21);
    let c = a;
    let a = a.wrapping_add(x).wrapping_add(y);
    (a.wrapping_add(z), b.wrapping_add(a.rotate_right(44)).wrapping_add(c))
}

fn hash_long(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    let mut x = word(bytes, 0);
    let mut y = word(bytes, length - 16) ^ K1;
    let mut z = word(bytes, length - 56) ^ K0;
    let mut v = weak(bytes, length - 64, length as u64, y);
    let mut w = weak(bytes, length - 32, (length as u64).wrapping_mul(K1), K0);
    z = z.wrapping_add(shift_mix(v.1).wrapping_mul(K1));
    x = z.wrapping_add(x).rotate_right(39).wrapping_mul(K1);
    y = y.rotate_right(33).wrapping_mul(K1);
    let mut at = 0;
    let end = (length - 1) & !63;
    while at < end {
        x = x.wrapping_add(y).wrapping_add(v.0).wrapping_add(word(bytes, at + 16)).rotate_right(37).wrapping_mul(K1);
        y = y.wrapping_add(v.1).wrapping_add(word(bytes, at + 48)).rotate_right(42).wrapping_mul(K1);
        x ^= w.1;
        y ^= v.0;
        z = (z ^ w.0).rotate_right(33);
        v = weak(bytes, at, v.1.wrapping_mul(K1), x.wrapping_add(w.0));
        w = weak(bytes, at + 32, z.wrapping_add(w.1), y);
        std::mem::swap(&mut z, &mut x);
        at += 64;
    }
    hash_16(
        hash_16(v.0, w.0).wrapping_add(shift_mix(y).wrapping_mul(K1)).wrapping_add(z),
        hash_16(v.1, w.1).wrapping_add(x),
    )
}

/// The hash of a number of up to 64 bits.
fn int_hash(value: u64) -> u64 {
    let mut x = value ^ 0x4cf2_d2ba_ae6d_a887;
    x ^= x >> 33;
    x = x.wrapping_mul(0xff51_afd7_ed55_8ccd);
    x ^= x >> 33;
    x = x.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    x ^ (x >> 33)
}

/// The hash of each value of `array`.
fn hashes(call: &Call<'_>, array: &ArrayRef) -> Result<Vec<u64>, FunctionError> {
    Ok(match array.data_type() {
        DataType::Utf8 => {
            array.as_string::<i32>().iter().map(|text| hash(text.unwrap_or_default().as_bytes())).collect()
        }
        DataType::FixedSizeBinary(_) => {
            let bytes = array.as_fixed_size_binary();
            (0..bytes.len()).map(|at| uuid_hash(bytes.value(at))).collect()
        }
        DataType::Float64 => floats(array).unwrap_or_default().iter().map(|value| int_hash(value.to_bits())).collect(),
        DataType::Float32 => {
            let values = array.as_primitive::<arrow::datatypes::Float32Type>();
            values.values().iter().map(|value| int_hash(u64::from(value.to_bits()))).collect()
        }
        // Instants with a fraction are bytes there, and no numbers.
        DataType::Timestamp(TimeUnit::Millisecond | TimeUnit::Microsecond | TimeUnit::Nanosecond, _) => {
            ints(array).unwrap_or_default().iter().map(|value| hash(&value.to_le_bytes())).collect()
        }
        DataType::Decimal128(precision, _) => {
            // As many bytes as ClickHouse keeps decimals of this precision in.
            let width = match precision {
                ..=9 => 4,
                10..=18 => 8,
                _ => 16,
            };
            let digits = array.as_primitive::<arrow::datatypes::Decimal128Type>();
            digits.values().iter().map(|value| hash(value.to_le_bytes().get(..width).unwrap_or_default())).collect()
        }
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter().map(|column| hashes(call, column));
            combined(columns.collect::<Result<Vec<_>, _>>()?).unwrap_or_else(|| vec![0; array.len()])
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let items = hashes(call, lists.values())?;
            let list_hash = |at: usize| {
                let places = range(lists, at);
                let seed = int_hash(places.len() as u64);
                places.filter_map(|place| items.get(place)).fold(seed, |all, item| hash_16(all, *item))
            };
            (0..lists.len()).map(list_hash).collect()
        }
        _ => {
            let values = ints(array).ok_or_else(|| call.illegal(0))?;
            values.iter().map(|value| int_hash(value.cast_unsigned())).collect()
        }
    })
}

/// As ClickHouse lays a uuid out: each half as a little-endian word.
fn uuid_hash(bytes: &[u8]) -> u64 {
    let mut laid: Vec<u8> = Vec::with_capacity(16);
    for half in bytes.chunks(8) {
        laid.extend(half.iter().rev());
    }
    hash(&laid)
}

/// The hashes of several columns as one.
fn combined(columns: Vec<Vec<u64>>) -> Option<Vec<u64>> {
    let mut columns = columns.into_iter();
    let mut all = columns.next()?;
    for column in columns {
        for (one, other) in all.iter_mut().zip(column) {
            *one = hash_16(*one, other);
        }
    }
    Some(all)
}

fn city_hash(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let mut columns = Vec::with_capacity(call.arguments.len());
    for value in call.arguments {
        let hashes = hashes(call, value.array())?;
        columns.push((0..call.rows).map(|row| hashes.get(value.index(row)).copied().unwrap_or(0)).collect());
    }
    let all = combined(columns).ok_or_else(|| call.contract("it needs arguments"))?;
    call.wrapped(all.into_iter().map(u64::cast_signed).collect())
}
