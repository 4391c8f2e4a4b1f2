//! The one type that can hold the values of several, as ClickHouse's `getLeastSupertype` has it.
//!
//! Two cases are wider here than there: 64-bit integers beside floats meet in Float64, and UInt64 beside signed integers
//! in Int64, where ClickHouse finds no common type. The resolver makes such conversions explicit, so that both
//! back-ends do them.

use std::sync::Arc;

use crate::types::{Base, Element, Type};

/// The common type of `types`, if there is one. Of none at all it is Nothing.
pub(crate) fn common<'a>(types: impl IntoIterator<Item = &'a Type>) -> Option<Type> {
    types
        .into_iter()
        .try_fold(None, |so_far: Option<Type>, next| match so_far {
            None => Some(Some(next.clone())),
            Some(so_far) => Some(Some(pair(&so_far, next)?)),
        })?
        .map_or(Some(Type::new(Base::Nothing)), Some)
}

/// The common type of two.
pub(crate) fn pair(left: &Type, right: &Type) -> Option<Type> {
    let nullable = left.nullable || right.nullable;
    Some(Type::new(base(&left.base, &right.base)?).or_null_if(nullable))
}

fn base(left: &Base, right: &Base) -> Option<Base> {
    if left == right {
        return Some(left.clone());
    }
    if let (Some(one), Some(other)) = (left.integer_bits(), right.integer_bits()) {
        return Some(integers(one, other));
    }
    Some(match (left, right) {
        (Base::Nothing, other) | (other, Base::Nothing) => other.clone(),
        // ClickHouse keeps Bool as a UInt8 with another name, and the first name wins.
        (Base::Bool | Base::UInt8, Base::Bool | Base::UInt8) => left.clone(),
        (Base::Bool, other) | (other, Base::Bool) if other.is_numeric() => return base(&Base::UInt8, other),
        (one, other) if one.is_float() || other.is_float() => return floats(one, other),
        (Base::Decimal(..), other) | (other, Base::Decimal(..)) if other.is_integer() => {
            return decimal_and_integer(left, right);
        }
        (Base::Decimal(p, s), Base::Decimal(q, t)) => decimals((*p, *s), (*q, *t)),
        (Base::Date, other) | (other, Base::Date) if other.is_instant() => other.clone(),
        (Base::DateTime(zone), Base::DateTime(_)) => Base::DateTime(Arc::clone(zone)),
        (Base::DateTime64(p, zone), Base::DateTime64(q, _)) => Base::DateTime64(*p.max(q), Arc::clone(zone)),
        (Base::DateTime(_), Base::DateTime64(p, zone)) | (Base::DateTime64(p, zone), Base::DateTime(_)) => {
            Base::DateTime64(*p, Arc::clone(zone))
        }
        (Base::Array(one), Base::Array(other)) => Base::Array(Box::new(pair(one, other)?)),
        (Base::Map(k, v), Base::Map(l, w)) => Base::Map(Box::new(pair(k, l)?), Box::new(pair(v, w)?)),
        (Base::Tuple(one), Base::Tuple(other)) if one.len() == other.len() => Base::Tuple(
            one.iter()
                .zip(other)
                .map(|(a, b)| {
                    Some(Element { name: a.name.clone().filter(|_| a.name == b.name), ty: pair(&a.ty, &b.ty)? })
                })
                .collect::<Option<_>>()?,
        ),
        _ => return None,
    })
}

fn integers((signed, bits): (bool, u32), (other_signed, other_bits): (bool, u32)) -> Base {
    if signed == other_signed {
        return Base::integer(signed, bits.max(other_bits));
    }
    let (signed_bits, unsigned_bits) = if signed { (bits, other_bits) } else { (other_bits, bits) };
    Base::integer(true, signed_bits.max(unsigned_bits * 2))
}

fn floats(one: &Base, other: &Base) -> Option<Base> {
    let narrow = |base: &Base| *base == Base::Float32 || base.integer_bits().is_some_and(|(_, bits)| bits <= 16);
    let numeric = |base: &Base| base.is_float() || base.is_integer() || matches!(base, Base::Decimal(..));
    (numeric(one) && numeric(other)).then_some(if narrow(one) && narrow(other) { Base::Float32 } else { Base::Float64 })
}

fn decimals((p, s): (u8, u8), (q, t): (u8, u8)) -> Base {
    let scale = s.max(t);
    let whole = (p.saturating_sub(s)).max(q.saturating_sub(t));
    Base::Decimal((whole + scale).clamp(9, 38), scale)
}

fn decimal_and_integer(left: &Base, right: &Base) -> Option<Base> {
    let ((Base::Decimal(p, s), _) | (_, Base::Decimal(p, s))) = (left, right) else { return None };
    Some(Base::Decimal((*p).max(18), *s))
}
