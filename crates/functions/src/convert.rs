//! Values as another type.
//!
//! There are four ways to convert, and each function is one of them: as `CAST` does (numbers wrap, bad text fails), exactly
//! or NULL (`accurateCastOrNull`), the text or NULL (`…OrNull`), or a default (`…OrZero`, `…OrDefault`).

mod instant;
mod pattern;
mod text;

use std::sync::Arc;

use arrow::array::builder::{FixedSizeBinaryBuilder, PrimitiveBuilder};
use arrow::array::types::{Decimal128Type, Int64Type};
use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, PrimitiveArray, StringArray, StructArray, new_null_array,
};
use arrow::buffer::{BooleanBuffer, NullBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};

use crate::arithmetic::ticks;
use crate::build::{with_nulls, wrapped};
use crate::call::{Call, Value, floats, ints, is_integer};
use crate::condition::expand;
use crate::convert::instant::Order;
use crate::decimal::{digits, rescale};
use crate::error::{FunctionError, unparsed};
use crate::show::Printer;
use crate::table::{Scalar, value};
use crate::zone::{DAY, Zone};

pub(crate) const TABLE: &[Scalar] = &[
    value("CAST", |call| converted(call, Way::Cast)),
    value("_CAST", |call| converted(call, Way::Cast)),
    value("accurateCast", |call| converted(call, Way::Exact)),
    value("accurateCastOrNull", |call| converted(call, Way::ExactOrNull)),
    value("toInt8", |call| converted(call, Way::Cast)),
    value("toInt16", |call| converted(call, Way::Cast)),
    value("toInt32", |call| converted(call, Way::Cast)),
    value("toInt64", |call| converted(call, Way::Cast)),
    value("toUInt8", |call| converted(call, Way::Cast)),
    value("toUInt16", |call| converted(call, Way::Cast)),
    value("toUInt32", |call| converted(call, Way::Cast)),
    value("toUInt64", |call| converted(call, Way::Cast)),
    value("toFloat32", |call| converted(call, Way::Cast)),
    value("toFloat64", |call| converted(call, Way::Cast)),
    value("toInt64OrNull", |call| converted(call, Way::ExactOrNull)),
    value("toFloat64OrNull", |call| converted(call, Way::ExactOrNull)),
    value("toInt64OrZero", |call| or_default(call, None)),
    value("toFloat64OrZero", |call| or_default(call, None)),
    value("toInt64OrDefault", |call| or_default(call, Some(1))),
    value("toFloat64OrDefault", |call| or_default(call, Some(1))).own_nulls(),
    value("toBool", |call| converted(call, Way::Cast)),
    value("toUUID", |call| converted(call, Way::Cast)),
    value("toUUIDOrNull", |call| converted(call, Way::ExactOrNull)),
    value("toDate", |call| converted(call, Way::Cast)),
    value("toDateOrNull", |call| converted(call, Way::ExactOrNull)),
    value("toDateTime", |call| converted(call, Way::Cast)),
    value("toDateTime64", |call| converted(call, Way::Cast)),
    value("parseDateTimeBestEffort", |call| converted(call, Way::Cast)),
    value("parseDateTimeBestEffortOrNull", |call| converted(call, Way::ExactOrNull)),
    value("parseDateTime64BestEffort", |call| converted(call, Way::Cast)),
    value("parseDateTime64BestEffortOrNull", |call| converted(call, Way::ExactOrNull)),
    value("parseDateTime64BestEffortUSOrNull", month_first),
    value("parseDateTime", |call| pattern::parsed(call, Way::Cast)),
    value("parseDateTimeOrNull", |call| pattern::parsed(call, Way::ExactOrNull)),
    value("toIntervalSecond", |call| converted(call, Way::Cast)),
    value("toIntervalMinute", |call| converted(call, Way::Cast)),
    value("toIntervalHour", |call| converted(call, Way::Cast)),
    value("toIntervalDay", |call| converted(call, Way::Cast)),
    value("toIntervalWeek", |call| converted(call, Way::Cast)),
    value("toIntervalMonth", |call| converted(call, Way::Cast)),
    value("toIntervalQuarter", |call| converted(call, Way::Cast)),
    value("toIntervalYear", |call| converted(call, Way::Cast)),
];

/// What becomes of a value that has no exact counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Numbers are cut and wrap round; text that cannot be read is an error.
    Cast,
    /// An error.
    Exact,
    /// NULL.
    ExactOrNull,
}

/// What a conversion needs to know beside the types.
#[derive(Debug, Clone, Copy)]
struct Context {
    way: Way,
    order: Order,
    now_micros: i64,
}

fn converted(call: &Call<'_>, way: Way) -> Result<ArrayRef, FunctionError> {
    let context = Context { way, order: Order::DayFirst, now_micros: call.now_micros };
    convert_first(call, context)
}

fn month_first(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    convert_first(call, Context { way: Way::ExactOrNull, order: Order::MonthFirst, now_micros: call.now_micros })
}

/// The first argument in the type to answer, one for each row.
fn convert_first(call: &Call<'_>, context: Context) -> Result<ArrayRef, FunctionError> {
    let value = call.argument(0)?;
    // NULL rows may hold anything, and must not fail.
    let nulls = if value.is_constant() { None } else { call.nulls.as_ref() };
    let array = with_nulls(value.array(), nulls)?;
    let array = convert(&array, call.returns, context)?;
    expand(&if value.is_constant() { Value::Constant(array) } else { Value::Column(array) }, call.rows)
}

fn or_default(call: &Call<'_>, default: Option<usize>) -> Result<ArrayRef, FunctionError> {
    let context = Context { way: Way::ExactOrNull, order: Order::DayFirst, now_micros: call.now_micros };
    let array = convert_first(call, context)?;
    let given = match default {
        Some(at) if call.has(at) => call.argument(at)?.clone(),
        _ => Value::Constant(crate::elements::default_value(call.returns)?),
    };
    let fill = coerce(given.array(), call.returns)?;
    let picks: Vec<_> =
        (0..call.rows).map(|row| if array.is_null(row) { (1, given.index(row)) } else { (0, row) }).collect();
    Ok(arrow::compute::interleave(&[array.as_ref(), fill.as_ref()], &picks)?)
}

/// `array` as `ty`; text must be readable.
pub(crate) fn strict(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef, FunctionError> {
    convert(array, ty, Context { way: Way::Cast, order: Order::DayFirst, now_micros: 0 })
}

/// `array` as `ty`, of a kind that the resolver lets pass without a conversion: another width, another unit.
pub(crate) fn coerce(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef, FunctionError> {
    strict(array, ty)
}

fn convert(array: &ArrayRef, ty: &DataType, context: Context) -> Result<ArrayRef, FunctionError> {
    let from = array.data_type();
    if from == ty {
        return Ok(Arc::clone(array));
    }
    match (from, ty) {
        (DataType::Null, _) => Ok(new_null_array(ty, array.len())),
        (DataType::Utf8, _) => from_text(array.as_string(), ty, context),
        (_, DataType::Utf8) => to_text(array),
        (DataType::List(_), DataType::List(field)) => {
            let lists = array.as_list::<i32>();
            let values = convert(lists.values(), field.data_type(), context)?;
            let nulls = lists.nulls().cloned();
            Ok(Arc::new(ListArray::try_new(Arc::clone(field), lists.offsets().clone(), values, nulls)?))
        }
        (DataType::Struct(_), DataType::Struct(fields)) => {
            let columns = array.as_struct().columns().iter().zip(fields);
            let columns = columns.map(|(column, field)| convert(column, field.data_type(), context));
            let nulls = array.nulls().cloned();
            Ok(Arc::new(StructArray::try_new_with_length(
                fields.clone(),
                columns.collect::<Result<_, _>>()?,
                nulls,
                array.len(),
            )?))
        }
        (DataType::Map(_, _), DataType::Map(field, ordered)) => {
            let maps = array.as_map();
            let entries: ArrayRef = Arc::new(maps.entries().clone());
            let entries = convert(&entries, field.data_type(), context)?;
            let nulls = maps.nulls().cloned();
            Ok(Arc::new(MapArray::try_new(
                Arc::clone(field),
                maps.offsets().clone(),
                entries.as_struct().clone(),
                nulls,
                *ordered,
            )?))
        }
        (_, DataType::Date32 | DataType::Timestamp(_, _)) => to_time(array, ty),
        (_, DataType::Decimal128(_, _)) => to_decimal(array, ty, context),
        (_, DataType::Float64 | DataType::Float32) => to_float(array, ty, context),
        _ if is_integer(ty) => to_integer(array, ty, context),
        _ => Ok(cast(array, ty)?),
    }
}

/// Values or a reason why there is none, as an array of `T`.
fn collect<T: arrow::array::ArrowPrimitiveType>(
    array: &StringArray,
    ty: &DataType,
    way: Way,
    name: &'static str,
    read: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef, FunctionError> {
    let mut builder = PrimitiveBuilder::<T>::with_capacity(array.len());
    for text in array {
        match text.map(|text| (text, read(text))) {
            None => builder.append_null(),
            Some((_, Some(value))) => builder.append_value(value),
            Some((_, None)) if way == Way::ExactOrNull => builder.append_null(),
            Some((text, None)) => return Err(unparsed(text, name)),
        }
    }
    Ok(Arc::new(builder.finish().with_data_type(ty.clone())))
}

/// Integers read from text, narrowed by `wrapped`.
fn whole(
    array: &StringArray,
    ty: &DataType,
    way: Way,
    name: &'static str,
    read: impl Fn(&str) -> Option<i64>,
) -> Result<ArrayRef, FunctionError> {
    let wide = collect::<Int64Type>(array, &DataType::Int64, way, name, read)?;
    narrowed(&wide, ty)
}

fn narrowed(wide: &ArrayRef, ty: &DataType) -> Result<ArrayRef, FunctionError> {
    let values = wide.as_primitive::<Int64Type>().values().to_vec();
    let narrow = wrapped(values, ty).ok_or_else(|| FunctionError::Range(ty.clone()))?;
    with_nulls(&narrow, wide.nulls())
}

fn from_text(array: &StringArray, ty: &DataType, context: Context) -> Result<ArrayRef, FunctionError> {
    let way = context.way;
    match ty {
        DataType::Float64 | DataType::Float32 => {
            let floats =
                collect::<arrow::datatypes::Float64Type>(array, &DataType::Float64, way, "Float64", text::float)?;
            if ty == &DataType::Float64 { Ok(floats) } else { Ok(cast(&floats, ty)?) }
        }
        DataType::Boolean => whole(array, ty, way, "Bool", |text| text::boolean(text).map(i64::from)),
        DataType::Date32 => whole(array, ty, way, "Date", text::date),
        DataType::Timestamp(unit, zone) => {
            let zone = Zone::named(zone.as_deref().unwrap_or("UTC"))?;
            let year = text::year_of(zone.local(context.now_micros.div_euclid(1_000_000)).div_euclid(DAY));
            let ticks = ticks(*unit);
            whole(array, ty, way, "DateTime", |text| {
                let instant = instant::best_effort(text, &zone, context.order, year, ticks)?;
                Some(in_ticks(instant.second, instant.nano, ticks))
            })
        }
        DataType::Decimal128(precision, scale) => {
            collect::<Decimal128Type>(array, ty, way, "Decimal", |text| text::decimal(text, *precision, *scale))
        }
        DataType::FixedSizeBinary(16) => uuids(array, way),
        _ if is_integer(ty) => {
            let (signed, exact) = (!ty.is_unsigned_integer(), way != Way::Cast);
            #[expect(clippy::cast_possible_truncation, reason = "text wraps round as numbers do")]
            whole(array, ty, way, "an integer", |text| {
                let value = text::integer(text, signed, exact)?;
                (!exact || fits(value, ty)).then_some(value as i64)
            })
        }
        _ => Err(FunctionError::Contract { function: "CAST", message: format!("text is never cast to {ty}") }),
    }
}

/// Ticks of an instant. A whole second is within the years 1970 to 2106, as DateTime is.
fn in_ticks(second: i64, nano: i64, ticks: i64) -> i64 {
    if ticks == 1 {
        return second.clamp(0, i64::from(u32::MAX));
    }
    second.saturating_mul(ticks).saturating_add(nano / (1_000_000_000 / ticks))
}

fn uuids(array: &StringArray, way: Way) -> Result<ArrayRef, FunctionError> {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(array.len(), 16);
    for text in array {
        match text.map(|text| (text, text::uuid(text))) {
            Some((_, Some(bytes))) => builder.append_value(bytes)?,
            Some((text, None)) if way != Way::ExactOrNull => return Err(unparsed(text, "UUID")),
            _ => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn to_text(array: &ArrayRef) -> Result<ArrayRef, FunctionError> {
    let printer = Printer::new(array, None)?;
    let mut builder = crate::build::TextBuilder::new("toString", array.len());
    for row in 0..array.len() {
        if printer.is_null(row) {
            builder.null()?;
        } else {
            printer.plain(builder.text(), row);
            builder.end()?;
        }
    }
    Ok(Arc::new(builder.finish()?))
}

/// The least and greatest value of an integer type.
fn limits(ty: &DataType) -> (i128, i128) {
    let bits = crate::bits::width(ty);
    match ty {
        DataType::Boolean => (0, 1),
        ty if ty.is_unsigned_integer() => (0, (1 << bits) - 1),
        _ => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
    }
}

fn fits(value: i128, ty: &DataType) -> bool {
    let (least, greatest) = limits(ty);
    (least..=greatest).contains(&value)
}

/// Truth is whether a number is not zero; other integers are cut, and then wrap round or must fit.
#[expect(clippy::cast_possible_truncation, reason = "wrapping is what is asked for")]
fn to_integer(array: &ArrayRef, ty: &DataType, context: Context) -> Result<ArrayRef, FunctionError> {
    if ty == &DataType::Boolean {
        let booleans = crate::condition::booleans(array).ok_or_else(|| no_cast(array.data_type(), ty))?;
        return Ok(Arc::new(booleans));
    }
    let exact = context.way != Way::Cast;
    let value_of: Box<dyn Fn(usize) -> Option<i128>> = match array.data_type() {
        from if from.is_floating() => {
            let values = floats(array).ok_or_else(|| no_cast(from, ty))?;
            let whole = move |value: f64| if exact { value.trunc() == value } else { value.is_finite() };
            // Beyond 64 bits there is no meaning, and the processor answers the least integer.
            let cut = |value: f64| if value.abs() < 9.3e18 { value as i128 } else { i128::from(i64::MIN) };
            let cut = move |value: f64| if exact { value as i128 } else { cut(value) };
            Box::new(move |row| Some(values[row]).filter(|value| whole(*value)).map(cut))
        }
        DataType::Timestamp(unit, _) => {
            let (values, ticks) = (ints(array).ok_or_else(|| no_cast(array.data_type(), ty))?, ticks(*unit));
            Box::new(move |row| Some(i128::from(values[row].div_euclid(ticks))))
        }
        DataType::Date32 => {
            let values = ints(array).ok_or_else(|| no_cast(array.data_type(), ty))?;
            Box::new(move |row| Some(i128::from(values[row])))
        }
        from => {
            let digits = digits(array).ok_or_else(|| no_cast(from, ty))?;
            Box::new(move |row| rescale(digits.get(row), digits.scale(), 0))
        }
    };
    let mut builder = PrimitiveBuilder::<Int64Type>::with_capacity(array.len());
    for row in 0..array.len() {
        let value =
            if array.is_null(row) { Some(None) } else { value_of(row).filter(|v| !exact || fits(*v, ty)).map(Some) };
        match value {
            Some(value) => builder.append_option(value.map(|value| value as i64)),
            None if context.way == Way::ExactOrNull => builder.append_null(),
            None => return Err(FunctionError::Range(ty.clone())),
        }
    }
    let wide: ArrayRef = Arc::new(builder.finish());
    narrowed(&wide, ty)
}

fn no_cast(from: &DataType, to: &DataType) -> FunctionError {
    FunctionError::Contract { function: "CAST", message: format!("{from} is never cast to {to}") }
}

/// Instants are seconds with their fraction.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "what a conversion to a float means")]
fn to_float(array: &ArrayRef, ty: &DataType, context: Context) -> Result<ArrayRef, FunctionError> {
    let values: Vec<f64> = match array.data_type() {
        DataType::Timestamp(unit, _) => {
            let (values, ticks) = (ints(array).unwrap_or_default(), ticks(*unit) as f64);
            values.iter().map(|value| *value as f64 / ticks).collect()
        }
        DataType::Date32 => ints(array).unwrap_or_default().iter().map(|value| *value as f64).collect(),
        from => floats(array).ok_or_else(|| no_cast(from, ty))?.into_owned(),
    };
    let wide: ArrayRef = Arc::new(PrimitiveArray::<arrow::datatypes::Float64Type>::from(values.clone()));
    let mut nulls = array.logical_nulls();
    if context.way != Way::Cast && ty == &DataType::Float32 && array.data_type() == &DataType::Float64 {
        let exact =
            |row: usize| values[row].is_nan() || f64::from(values[row] as f32).to_bits() == values[row].to_bits();
        let valid = NullBuffer::new(BooleanBuffer::collect_bool(array.len(), exact));
        nulls = NullBuffer::union(nulls.as_ref(), Some(&valid));
    }
    if context.way != Way::Cast && is_integer(array.data_type()) {
        let digits = digits(array).ok_or_else(|| no_cast(array.data_type(), ty))?;
        let single = ty == &DataType::Float32;
        let exact = |row: usize| {
            let float = if single { f64::from(values[row] as f32) } else { values[row] };
            crate::compare::order_of(digits.get(row), float).is_some_and(std::cmp::Ordering::is_eq)
        };
        let valid = BooleanBuffer::collect_bool(array.len(), exact);
        if context.way == Way::Exact && valid.count_set_bits() < array.len() - array.logical_null_count() {
            return Err(FunctionError::Range(ty.clone()));
        }
        nulls = NullBuffer::union(nulls.as_ref(), Some(&NullBuffer::new(valid)));
    }
    let wide = if ty == &DataType::Float64 { wide } else { cast(&wide, ty)? };
    with_nulls(&wide, nulls.as_ref())
}

fn to_decimal(array: &ArrayRef, ty: &DataType, context: Context) -> Result<ArrayRef, FunctionError> {
    let DataType::Decimal128(precision, scale) = ty else { return Err(no_cast(array.data_type(), ty)) };
    let limit = text::decimal_limit(*precision);
    let read: Box<dyn Fn(usize) -> Option<i128>> = if array.data_type().is_floating() {
        let values = floats(array).unwrap_or_default();
        let unit = 10f64.powi(i32::from(*scale));
        #[expect(clippy::cast_possible_truncation, reason = "digits after the scale are dropped")]
        Box::new(move |row| Some(values[row] * unit).filter(|value| value.abs() < 1.7e38).map(|value| value as i128))
    } else {
        let digits = digits(array).ok_or_else(|| no_cast(array.data_type(), ty))?;
        Box::new(move |row| rescale(digits.get(row), digits.scale(), *scale))
    };
    let mut builder = PrimitiveBuilder::<Decimal128Type>::with_capacity(array.len());
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_null();
            continue;
        }
        match read(row).filter(|value| value.abs() < limit) {
            Some(value) => builder.append_value(value),
            None if context.way == Way::ExactOrNull => builder.append_null(),
            None => return Err(FunctionError::Range(ty.clone())),
        }
    }
    Ok(Arc::new(builder.finish().with_data_type(ty.clone())))
}

/// Dates are local days, instants are the same instant, numbers are seconds since the epoch; a small one is a day to a date.
fn to_time(array: &ArrayRef, ty: &DataType) -> Result<ArrayRef, FunctionError> {
    let nulls = array.logical_nulls();
    let values: Vec<i64> = match (array.data_type(), ty) {
        (DataType::Date32, DataType::Timestamp(unit, zone)) => {
            let (zone, ticks) = (Zone::named(zone.as_deref().unwrap_or("UTC"))?, ticks(*unit));
            ints(array).unwrap_or_default().iter().map(|day| zone.midnight(*day).saturating_mul(ticks)).collect()
        }
        (DataType::Timestamp(from, zone), DataType::Date32) => {
            let (zone, ticks) = (Zone::named(zone.as_deref().unwrap_or("UTC"))?, ticks(*from));
            let day = |value: &i64| zone.local(value.div_euclid(ticks)).div_euclid(DAY);
            ints(array).unwrap_or_default().iter().map(day).collect()
        }
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) => {
            let (from, to) = (ticks(*from), ticks(*to));
            let scale =
                |value: &i64| if to >= from { value.saturating_mul(to / from) } else { value.div_euclid(from / to) };
            ints(array).unwrap_or_default().iter().map(scale).collect()
        }
        (from, DataType::Date32) => {
            let seconds = seconds(array).ok_or_else(|| no_cast(from, ty))?;
            let day = |second: i64| if second > 65_535 { second.div_euclid(DAY).min(65_535) } else { second.max(0) };
            seconds.into_iter().map(|(second, _)| day(second)).collect()
        }
        (from, DataType::Timestamp(unit, _)) => {
            let seconds = seconds(array).ok_or_else(|| no_cast(from, ty))?;
            seconds.into_iter().map(|(second, nano)| in_ticks(second, nano, ticks(*unit))).collect()
        }
        (from, _) => return Err(no_cast(from, ty)),
    };
    with_nulls(&wrapped(values, ty).ok_or_else(|| no_cast(array.data_type(), ty))?, nulls.as_ref())
}

/// Numbers as seconds and nanoseconds.
#[expect(clippy::cast_possible_truncation, reason = "times beyond 64 bits do not exist")]
fn seconds(array: &ArrayRef) -> Option<Vec<(i64, i64)>> {
    if is_integer(array.data_type()) {
        return Some(ints(array)?.iter().map(|second| (*second, 0)).collect());
    }
    let split = |value: &f64| (value.floor() as i64, ((value - value.floor()) * 1e9).round() as i64);
    Some(floats(array)?.iter().map(split).collect())
}

/// A type that holds the values of both.
pub(crate) fn common(one: &DataType, other: &DataType) -> Option<DataType> {
    if one == other {
        return Some(one.clone());
    }
    let is_number = |ty: &DataType| ty.is_numeric() || is_integer(ty);
    Some(match (one, other) {
        (DataType::Null, other) | (other, DataType::Null) => other.clone(),
        (DataType::List(left), DataType::List(right)) => {
            let item = common(left.data_type(), right.data_type())?;
            DataType::List(Arc::new(left.as_ref().clone().with_data_type(item).with_nullable(true)))
        }
        (DataType::Struct(left), DataType::Struct(right)) if left.len() == right.len() => {
            let fields = left.iter().zip(right).map(|(left, right)| {
                let ty = common(left.data_type(), right.data_type())?;
                Some(left.as_ref().clone().with_data_type(ty).with_nullable(true))
            });
            DataType::Struct(fields.collect::<Option<Vec<_>>>()?.into())
        }
        (one, other) if is_number(one) && is_number(other) => common_number(one, other),
        (DataType::Timestamp(unit, zone), DataType::Timestamp(other, _)) => {
            DataType::Timestamp(finer(*unit, *other), zone.clone())
        }
        (DataType::Date32, time @ DataType::Timestamp(_, _)) | (time @ DataType::Timestamp(_, _), DataType::Date32) => {
            time.clone()
        }
        _ => return None,
    })
}

fn common_number(one: &DataType, other: &DataType) -> DataType {
    if one.is_floating() || other.is_floating() {
        return DataType::Float64;
    }
    if let (DataType::Decimal128(_, scale), _) | (_, DataType::Decimal128(_, scale)) = (one, other) {
        let other_scale = match other {
            DataType::Decimal128(_, scale) => *scale,
            _ => 0,
        };
        return DataType::Decimal128(38, (*scale).max(other_scale));
    }
    match (one == &DataType::UInt64, other == &DataType::UInt64) {
        (false, false) => DataType::Int64,
        (true, _) if other.is_signed_integer() => DataType::Decimal128(38, 0),
        (_, true) if one.is_signed_integer() => DataType::Decimal128(38, 0),
        _ => DataType::UInt64,
    }
}

fn finer(one: TimeUnit, other: TimeUnit) -> TimeUnit {
    if ticks(one) >= ticks(other) { one } else { other }
}
