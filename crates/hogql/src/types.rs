//! The static types of resolved expressions, which are ClickHouse's.
//!
//! ClickHouse is the oracle of this language, so every expression of a resolved tree carries exactly the type that
//! `toTypeName` would give there; a planner maps it to its own types and never infers one. A type is a [`Base`] and
//! whether NULL is among its values. Arrays, tuples and maps are never nullable, as there; their elements may be.

mod parse;

pub(crate) use parse::{parse, parse_any_case};

use std::fmt;
use std::sync::Arc;

/// A name shared by the many places of a tree that mention it.
pub type Name = Arc<str>;

/// What an expression evaluates to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Type {
    /// The values other than NULL.
    pub base: Base,
    /// Whether NULL is possible.
    pub nullable: bool,
}

/// The values of a type, NULL apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Base {
    /// No value at all: the type of a bare NULL and of the elements of `[]`.
    Nothing,
    /// `true` and `false`. Comparisons are not of this type but [`Base::UInt8`].
    Bool,
    /// 8-bit unsigned; also what a comparison gives.
    UInt8,
    /// 16-bit unsigned.
    UInt16,
    /// 32-bit unsigned.
    UInt32,
    /// 64-bit unsigned.
    UInt64,
    /// 8-bit signed.
    Int8,
    /// 16-bit signed.
    Int16,
    /// 32-bit signed.
    Int32,
    /// 64-bit signed.
    Int64,
    /// Single precision.
    Float32,
    /// Double precision.
    Float64,
    /// Digits in all, and those after the point.
    Decimal(u8, u8),
    /// Bytes, usually UTF-8.
    String,
    /// 16 bytes.
    Uuid,
    /// Days since 1970-01-01, within 1970..2149.
    Date,
    /// Whole seconds since the epoch, shown in a zone.
    DateTime(Name),
    /// Ticks of `10^-precision` seconds since the epoch, shown in a zone.
    DateTime64(u8, Name),
    /// A count of calendar units.
    Interval(Unit),
    /// An IPv4 address.
    IPv4,
    /// An IPv6 address.
    IPv6,
    /// A list of values of one type.
    Array(Box<Type>),
    /// A fixed list of values, each of its own type.
    Tuple(Vec<Element>),
    /// Keys and values.
    Map(Box<Type>, Box<Type>),
    /// The argument of a higher-order function; only ever the type of a lambda.
    Function,
}

/// One place in a tuple. Without a name it is addressed by its position, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Element {
    /// The name, if the tuple names its places.
    pub name: Option<Name>,
    /// What the place holds.
    pub ty: Type,
}

/// A calendar unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// One second.
    Second,
    /// 60 seconds.
    Minute,
    /// 60 minutes.
    Hour,
    /// A local day.
    Day,
    /// Seven days.
    Week,
    /// A calendar month.
    Month,
    /// Three months.
    Quarter,
    /// Twelve months.
    Year,
}

impl Unit {
    /// Every unit, shortest first.
    pub const ALL: [Self; 8] =
        [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Quarter, Self::Year];

    /// The unit as ClickHouse spells it in names of types and functions: `Day`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Second => "Second",
            Self::Minute => "Minute",
            Self::Hour => "Hour",
            Self::Day => "Day",
            Self::Week => "Week",
            Self::Month => "Month",
            Self::Quarter => "Quarter",
            Self::Year => "Year",
        }
    }

    /// Reads `day`, `days`, `Day`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let singular = text.strip_suffix('s').unwrap_or(&text);
        Self::ALL.into_iter().find(|unit| unit.name().eq_ignore_ascii_case(singular))
    }
}

impl Type {
    /// `base`, without NULL.
    pub const fn new(base: Base) -> Self {
        Self { base, nullable: false }
    }

    /// `base` or NULL; for an array, tuple or map, which cannot be NULL, `base` alone.
    pub fn nullable(base: Base) -> Self {
        Self::new(base).or_null()
    }

    /// The type of a bare NULL.
    pub const fn null() -> Self {
        Self { base: Base::Nothing, nullable: true }
    }

    /// Text.
    pub const fn string() -> Self {
        Self::new(Base::String)
    }

    /// What a comparison gives.
    pub const fn flag() -> Self {
        Self::new(Base::UInt8)
    }

    /// An array of `element`.
    pub fn array(element: Self) -> Self {
        Self::new(Base::Array(Box::new(element)))
    }

    /// A tuple with unnamed places.
    pub fn tuple(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::new(Base::Tuple(elements.into_iter().map(|ty| Element { name: None, ty }).collect()))
    }

    /// A map.
    pub fn map(key: Self, value: Self) -> Self {
        Self::new(Base::Map(Box::new(key), Box::new(value)))
    }

    /// Microseconds in `zone`: the type of every timestamp column.
    pub fn timestamp(zone: &Name) -> Self {
        Self::new(Base::DateTime64(6, Arc::clone(zone)))
    }

    /// This type with NULL among its values, where it can be.
    #[must_use]
    pub fn or_null(mut self) -> Self {
        self.nullable |= self.base.may_be_null();
        self
    }

    /// This type without NULL.
    #[must_use]
    pub fn without_null(mut self) -> Self {
        self.nullable = false;
        self
    }

    /// This type, nullable if `nullable` is set.
    #[must_use]
    pub fn or_null_if(self, nullable: bool) -> Self {
        if nullable { self.or_null() } else { self }
    }

    /// Whether this is the type of a bare NULL.
    pub fn is_null(&self) -> bool {
        self.nullable && self.base == Base::Nothing
    }

    /// The type of the elements, if this is an array.
    pub fn element(&self) -> Option<&Self> {
        match &self.base {
            Base::Array(element) => Some(element),
            _ => None,
        }
    }
}

impl Base {
    /// Whether `Nullable(…)` of this type exists.
    pub fn may_be_null(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Tuple(_) | Self::Map(..) | Self::Function)
    }

    /// Whether this is an integer; Bool is not.
    pub fn is_integer(&self) -> bool {
        self.integer_bits().is_some()
    }

    /// Whether this is an integer of 64 bits: neither sums nor doubles hold all of them.
    pub fn is_wide(&self) -> bool {
        self.integer_bits().is_some_and(|(_, bits)| bits >= 64)
    }

    /// Whether this is a float.
    pub fn is_float(&self) -> bool {
        matches!(self, Self::Float32 | Self::Float64)
    }

    /// Whether arithmetic works on it: integers, floats, decimals and Bool.
    pub fn is_numeric(&self) -> bool {
        self.is_integer() || self.is_float() || matches!(self, Self::Bool | Self::Decimal(..))
    }

    /// Whether this is a date or a point in time.
    pub fn is_temporal(&self) -> bool {
        *self == Self::Date || self.is_instant()
    }

    /// Whether this is a point in time.
    pub fn is_instant(&self) -> bool {
        matches!(self, Self::DateTime(_) | Self::DateTime64(..))
    }

    /// Whether negative numbers are among the integers of this type, and its width; `None` if it is no integer.
    pub fn integer_bits(&self) -> Option<(bool, u32)> {
        Some(match self {
            Self::UInt8 => (false, 8),
            Self::UInt16 => (false, 16),
            Self::UInt32 => (false, 32),
            Self::UInt64 => (false, 64),
            Self::Int8 => (true, 8),
            Self::Int16 => (true, 16),
            Self::Int32 => (true, 32),
            Self::Int64 => (true, 64),
            _ => return None,
        })
    }

    /// The integer type of `bits` (8, 16, 32, else 64).
    pub fn integer(signed: bool, bits: u32) -> Self {
        match (signed, bits) {
            (false, ..=8) => Self::UInt8,
            (false, ..=16) => Self::UInt16,
            (false, ..=32) => Self::UInt32,
            (false, _) => Self::UInt64,
            (true, ..=8) => Self::Int8,
            (true, ..=16) => Self::Int16,
            (true, ..=32) => Self::Int32,
            (true, _) => Self::Int64,
        }
    }
}

impl From<Base> for Type {
    fn from(base: Base) -> Self {
        Self::new(base)
    }
}

/// The name that ClickHouse gives the type: `Nullable(DateTime64(6, 'UTC'))`.
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.nullable { write!(f, "Nullable({})", self.base) } else { self.base.fmt(f) }
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("Nothing"),
            Self::Bool => f.write_str("Bool"),
            Self::UInt8 => f.write_str("UInt8"),
            Self::UInt16 => f.write_str("UInt16"),
            Self::UInt32 => f.write_str("UInt32"),
            Self::UInt64 => f.write_str("UInt64"),
            Self::Int8 => f.write_str("Int8"),
            Self::Int16 => f.write_str("Int16"),
            Self::Int32 => f.write_str("Int32"),
            Self::Int64 => f.write_str("Int64"),
            Self::Float32 => f.write_str("Float32"),
            Self::Float64 => f.write_str("Float64"),
            Self::Decimal(precision, scale) => write!(f, "Decimal({precision}, {scale})"),
            Self::String => f.write_str("String"),
            Self::Uuid => f.write_str("UUID"),
            Self::Date => f.write_str("Date"),
            Self::DateTime(zone) => write!(f, "DateTime('{zone}')"),
            Self::DateTime64(precision, zone) => write!(f, "DateTime64({precision}, '{zone}')"),
            Self::Interval(unit) => write!(f, "Interval{}", unit.name()),
            Self::IPv4 => f.write_str("IPv4"),
            Self::IPv6 => f.write_str("IPv6"),
            Self::Array(element) => write!(f, "Array({element})"),
            Self::Map(key, value) => write!(f, "Map({key}, {value})"),
            Self::Function => f.write_str("Function"),
            Self::Tuple(elements) => {
                f.write_str("Tuple(")?;
                for (at, element) in elements.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    if let Some(name) = &element.name {
                        write!(f, "{name} ")?;
                    }
                    element.ty.fmt(f)?;
                }
                f.write_str(")")
            }
        }
    }
}
