//! Reads the names that ClickHouse gives to types.

use std::sync::Arc;

use super::{Base, Element, Name, Type, Unit};

/// How deep a type may be nested.
const DEPTH: u32 = 32;

/// Reads `Array(Nullable(String))`; zones that are not named become `zone`. `None` if it names no type we have.
pub(crate) fn parse(text: &str, zone: &Name) -> Option<Type> {
    let mut parser = Parser { rest: text, zone };
    let ty = parser.ty(DEPTH)?;
    parser.space();
    parser.rest.is_empty().then_some(ty)
}

/// Reads a type whose names are in lower case, as CAST gives it.
pub(crate) fn parse_any_case(text: &str, zone: &Name) -> Option<Type> {
    const NAMES: [&str; 27] = [
        "Nullable",
        "LowCardinality",
        "Array",
        "Map",
        "Tuple",
        "DateTime64",
        "DateTime",
        "Decimal128",
        "Decimal64",
        "Decimal32",
        "Decimal",
        "Nothing",
        "Bool",
        "UInt8",
        "UInt16",
        "UInt32",
        "UInt64",
        "Int8",
        "Int16",
        "Int32",
        "Int64",
        "Float32",
        "Float64",
        "String",
        "UUID",
        "Date",
        "IPv4",
    ];
    let mut spelled = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(['\0']) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        spelled.push_str(NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(&word)).unwrap_or(&word));
        word.clear();
        if c != '\0' {
            spelled.push(c);
        }
    }
    parse(&spelled, zone)
}

struct Parser<'a> {
    rest: &'a str,
    zone: &'a Name,
}

impl<'a> Parser<'a> {
    fn ty(&mut self, depth: u32) -> Option<Type> {
        let depth = depth.checked_sub(1)?;
        let name = self.word()?;
        Some(match name {
            "Nullable" => self.within(|p| p.ty(depth))?.or_null(),
            "LowCardinality" => self.within(|p| p.ty(depth))?,
            "Array" => Type::array(self.within(|p| p.ty(depth))?),
            "Map" => self.within(|p| {
                let key = p.ty(depth)?;
                p.take(",")?;
                Some(Type::map(key, p.ty(depth)?))
            })?,
            "Tuple" => Type::new(Base::Tuple(self.within(|p| p.elements(depth))?)),
            "DateTime" => {
                let zone = if self.peek("(") { self.within(|p| p.quoted())? } else { Arc::clone(self.zone) };
                Type::new(Base::DateTime(zone))
            }
            "DateTime64" => {
                let zone = Arc::clone(self.zone);
                Type::new(self.within(|p| {
                    let precision = p.number()?;
                    let zone = if p.take(",").is_some() { p.quoted()? } else { zone };
                    (precision <= 9).then_some(Base::DateTime64(precision, zone))
                })?)
            }
            "Decimal" => Type::new(self.within(|p| {
                let precision = p.number()?;
                let scale = if p.take(",").is_some() { p.number()? } else { 0 };
                (precision <= 38 && scale <= precision).then_some(Base::Decimal(precision, scale))
            })?),
            "Decimal32" => self.decimal(9)?,
            "Decimal64" => self.decimal(18)?,
            "Decimal128" => self.decimal(38)?,
            _ => Type::new(plain(name)?),
        })
    }

    fn decimal(&mut self, precision: u8) -> Option<Type> {
        let scale = self.within(|p| p.number())?;
        (scale <= precision).then(|| Type::new(Base::Decimal(precision, scale)))
    }

    /// `String, UInt8` or `x String, y UInt8`.
    fn elements(&mut self, depth: u32) -> Option<Vec<Element>> {
        let mut elements = Vec::new();
        if self.peek(")") {
            return Some(elements);
        }
        loop {
            let before = self.rest;
            let unnamed = self.ty(depth).filter(|_| self.peek(",") || self.peek(")"));
            elements.push(match unnamed {
                Some(ty) => Element { name: None, ty },
                None => {
                    self.rest = before;
                    let name = Some(Name::from(self.word()?));
                    Element { name, ty: self.ty(depth)? }
                }
            });
            if self.take(",").is_none() {
                return Some(elements);
            }
        }
    }

    fn within<T>(&mut self, inner: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.take("(")?;
        let value = inner(self)?;
        self.take(")")?;
        Some(value)
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn peek(&mut self, token: &str) -> bool {
        self.space();
        self.rest.starts_with(token)
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.space();
        self.rest = self.rest.strip_prefix(token)?;
        Some(())
    }

    fn word(&mut self) -> Option<&'a str> {
        self.space();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn number(&mut self) -> Option<u8> {
        self.word()?.parse().ok()
    }

    fn quoted(&mut self) -> Option<Name> {
        self.take("'")?;
        let (text, rest) = self.rest.split_once('\'')?;
        self.rest = rest;
        Some(Name::from(text))
    }
}

fn plain(name: &str) -> Option<Base> {
    Some(match name {
        "Nothing" => Base::Nothing,
        "Bool" => Base::Bool,
        "UInt8" => Base::UInt8,
        "UInt16" => Base::UInt16,
        "UInt32" => Base::UInt32,
        "UInt64" => Base::UInt64,
        "Int8" => Base::Int8,
        "Int16" => Base::Int16,
        "Int32" => Base::Int32,
        "Int64" => Base::Int64,
        "Float32" => Base::Float32,
        "Float64" => Base::Float64,
        "String" => Base::String,
        "UUID" => Base::Uuid,
        "Date" => Base::Date,
        "IPv4" => Base::IPv4,
        "IPv6" => Base::IPv6,
        _ => {
            let unit = name.strip_prefix("Interval")?;
            Base::Interval(Unit::ALL.into_iter().find(|candidate| candidate.name() == unit)?)
        }
    })
}
