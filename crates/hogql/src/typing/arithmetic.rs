//! The types of sums, products, quotients and remainders, by ClickHouse's rules of widening.

use crate::types::{Base, Type};

/// What an operation does to the width of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Widening {
    Plus,
    Minus,
    Multiply,
}

/// Sums, differences and products.
pub(super) fn arithmetic(widening: Widening, left: &Type, right: &Type) -> Option<Base> {
    let (one, other) = (number(&left.base), number(&right.base));
    if widening != Widening::Multiply
        && let Some(base) = temporal(widening, &left.base, &right.base)
    {
        return Some(base);
    }
    if let (Base::Decimal(p, s), Base::Decimal(q, t)) = (&one, &other) {
        let scale = if widening == Widening::Multiply { s + t } else { *s.max(t) };
        return Some(Base::Decimal(wide(*p.max(q)), scale));
    }
    match (&one, &other) {
        (Base::Decimal(p, s), other) | (other, Base::Decimal(p, s)) if other.is_integer() => {
            return Some(Base::Decimal(wide(*p), *s));
        }
        _ => {}
    }
    if one.is_float() || other.is_float() {
        return (one.is_numeric() && other.is_numeric()).then_some(Base::Float64);
    }
    let ((signed, bits), (other_signed, other_bits)) = (one.integer_bits()?, other.integer_bits()?);
    let signed = widening == Widening::Minus || signed || other_signed;
    Some(Base::integer(signed, bits.max(other_bits) * 2))
}

/// The precision of the storage class: 18 or 38 digits.
fn wide(precision: u8) -> u8 {
    if precision <= 18 { 18 } else { 38 }
}

/// A date plus days, an instant plus seconds, and the distance of two of them.
fn temporal(widening: Widening, left: &Base, right: &Base) -> Option<Base> {
    let count = |base: &Base| base.is_integer() || base.is_float() || *base == Base::Bool;
    match (left, right) {
        (time, other) if time.is_temporal() && count(other) => Some(time.clone()),
        (other, time) if time.is_temporal() && count(other) && widening == Widening::Plus => Some(time.clone()),
        (Base::Date, Base::Date) | (Base::DateTime(_), Base::DateTime(_)) if widening == Widening::Minus => {
            Some(Base::Int32)
        }
        (Base::DateTime64(p, _), Base::DateTime64(q, _)) if widening == Widening::Minus => {
            Some(Base::Decimal(18, *p.max(q)))
        }
        _ => None,
    }
}

/// The remainder: the width of the divisor, and the sign of the dividend.
pub(super) fn modulo(left: &Type, right: &Type, positive: bool) -> Option<Base> {
    let (one, other) = (number(&left.base), number(&right.base));
    if one.is_float() || other.is_float() {
        return Some(Base::Float64);
    }
    let ((signed, _), (_, bits)) = (one.integer_bits()?, other.integer_bits()?);
    Some(if signed && !positive { Base::integer(true, bits * 2) } else { Base::integer(false, bits) })
}

/// The whole quotient: the width of the dividend, signed if either is.
pub(super) fn int_div(left: &Type, right: &Type) -> Option<Base> {
    let shape = |base: &Base| if base.is_float() { Some((true, 64)) } else { number(base).integer_bits() };
    let ((signed, bits), (other_signed, _)) = (shape(&left.base)?, shape(&right.base)?);
    Some(Base::integer(signed || other_signed, bits))
}

/// The opposite number.
pub(super) fn negate(ty: &Type) -> Option<Base> {
    let base = number(&ty.base);
    Some(match base.integer_bits() {
        Some((false, bits)) => Base::integer(true, bits * 2),
        _ => base,
    })
}

/// The distance from zero.
pub(super) fn abs(ty: &Type) -> Option<Base> {
    let base = number(&ty.base);
    Some(base.integer_bits().map_or(base, |(_, bits)| Base::integer(false, bits)))
}

/// Bitwise operations: as wide as the wider one, signed if either is.
pub(super) fn bits(left: &Type, right: &Type) -> Option<Base> {
    let ((signed, bits), (other_signed, other_bits)) = (left.base.integer_bits()?, right.base.integer_bits()?);
    Some(Base::integer(signed || other_signed, bits.max(other_bits)))
}

/// What a sum of many such numbers is kept in.
pub(super) fn sum(ty: &Type) -> Option<Base> {
    let base = number(&ty.base);
    Some(match base.integer_bits() {
        Some((signed, _)) => Base::integer(signed, 64),
        None => match base {
            Base::Float32 | Base::Float64 => Base::Float64,
            Base::Decimal(_, scale) => Base::Decimal(38, scale),
            _ => return None,
        },
    })
}

/// Bool counts as UInt8.
fn number(base: &Base) -> Base {
    if *base == Base::Bool { Base::UInt8 } else { base.clone() }
}
