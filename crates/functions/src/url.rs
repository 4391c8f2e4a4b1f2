//! Parts of URLs.
//!
//! These follow ClickHouse's simple reading of a URL, not the standard: it is fast, never fails, and a host without a dot is no
//! host. What is not there is the empty text.

mod parameters;

use arrow::array::ArrayRef;

use crate::build::TextBuilder;
use crate::call::Call;
use crate::error::FunctionError;
use crate::table::{Scalar, value};

macro_rules! piece {
    ($name:literal, $f:expr) => {
        value($name, |call| {
            let f: fn(&str) -> &str = $f;
            let texts = call.texts(0)?;
            call.write_texts(|row, out| {
                out.push_str(f(texts.get(row)));
                Ok(())
            })
        })
    };
}

pub(crate) const TABLE: &[Scalar] = &[
    piece!("protocol", protocol),
    piece!("domain", domain),
    piece!("domainWithoutWWW", |url| without_www(domain(url))),
    piece!("topLevelDomain", top_level_domain),
    piece!("firstSignificantSubdomain", |url| significant(without_www(domain(url))).0),
    piece!("cutToFirstSignificantSubdomain", |url| significant(without_www(domain(url))).1),
    piece!("cutToFirstSignificantSubdomainWithWWW", |url| significant(domain(url)).1),
    piece!("netloc", netloc),
    piece!("path", |url| before(path_full(url), ['?', '#'])),
    piece!("pathFull", path_full),
    piece!("queryString", |url| before(query(url).unwrap_or_default(), ['#', '#'])),
    piece!("fragment", |url| url.split_once('#').map_or("", |(_, fragment)| fragment)),
    piece!("queryStringAndFragment", query_and_fragment),
    piece!("cutFragment", |url| before(url, ['#', '#'])),
    piece!("cutQueryStringAndFragment", cut_query_and_fragment),
    value("cutQueryString", cut_query),
    value("cutWWW", cut_www),
    value("port", port),
    value("URLHierarchy", |call| hierarchy(call, true)),
    value("URLPathHierarchy", |call| hierarchy(call, false)),
    value("extractURLParameter", parameters::one),
    value("extractURLParameters", |call| parameters::all(call, parameters::Part::Whole)),
    value("extractURLParameterNames", |call| parameters::all(call, parameters::Part::Name)),
    value("cutURLParameter", parameters::cut),
];

fn before(text: &str, ends: [char; 2]) -> &str {
    text.split(ends).next().unwrap_or_default()
}

/// Letters, digits and `-`, `+`, `.` before a colon.
fn protocol(url: &str) -> &str {
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    match url.split_once(':') {
        Some((scheme, _)) if scheme.bytes().all(is_scheme) => scheme,
        _ => "",
    }
}

/// What comes after `scheme://` or `//`, or all of it.
fn authority(url: &str) -> &str {
    if let Some(rest) = url.strip_prefix("//") {
        return rest;
    }
    let scheme = protocol(url);
    if scheme.is_empty() {
        return url;
    }
    url.get(scheme.len()..).and_then(|rest| rest.strip_prefix("://")).unwrap_or(url)
}

/// The host, if it has a dot.
fn domain(url: &str) -> &str {
    let authority = authority(url);
    let (mut start, mut end) = (0, authority.len());
    let mut dotted = false;
    for (at, byte) in authority.bytes().enumerate() {
        match byte {
            b'.' => dotted = true,
            b':' | b'/' | b'?' | b'#' => {
                end = at;
                break;
            }
            b'@' => (start, dotted) = (at + 1, false),
            b' ' | b'\t' | b'<' | b'>' | b'%' | b'{' | b'}' | b'|' | b'\\' | b'^' | b'~' | b'[' | b']' | b';'
            | b'=' | b'&' => return "",
            _ => {}
        }
    }
    let host = authority.get(start..end).unwrap_or_default();
    if dotted && !host.ends_with('.') { host } else { "" }
}

fn without_www(host: &str) -> &str {
    host.strip_prefix("www.").unwrap_or(host)
}

fn top_level_domain(url: &str) -> &str {
    let host = domain(url);
    let last = host.rsplit_once('.').map_or("", |(_, last)| last);
    if last.starts_with(|c: char| c.is_ascii_digit()) { "" } else { last }
}

/// The label before the public suffix, and the host from there on.
fn significant(host: &str) -> (&str, &str) {
    let Some((_, _)) = host.split_once('.') else { return ("", host) };
    let suffix = psl::suffix_str(host).unwrap_or_default();
    let Some(rest) = host.strip_suffix(suffix).and_then(|rest| rest.strip_suffix('.')) else {
        // The host is a suffix itself.
        return (host.split('.').next().unwrap_or_default(), host);
    };
    let label = rest.rsplit('.').next().unwrap_or_default();
    (label, host.get(rest.len() - label.len()..).unwrap_or_default())
}

/// The authority: user, host and port.
fn netloc(url: &str) -> &str {
    authority(url).split(['/', '?', '#', ' ']).next().unwrap_or_default()
}

fn path_full(url: &str) -> &str {
    let Some(at) = url.find('/') else { return "" };
    let rest = url.get(at..).unwrap_or_default();
    let Some(after) = rest.strip_prefix("//") else { return rest };
    after.find('/').and_then(|at| after.get(at..)).unwrap_or_default()
}

/// What follows the first question mark.
fn query(url: &str) -> Option<&str> {
    url.split_once('?').map(|(_, query)| query)
}

fn query_and_fragment(url: &str) -> &str {
    let fragment = || url.find('#').and_then(|at| url.get(at..)).unwrap_or_default();
    query(url).unwrap_or_else(fragment)
}

fn cut_query_and_fragment(url: &str) -> &str {
    url.split_once('?').map_or_else(|| before(url, ['#', '#']), |(head, _)| head)
}

fn cut_query(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let url = texts.get(row);
        let (head, query) = url.split_once('?').unwrap_or((url, ""));
        out.push_str(head);
        if let Some(at) = query.find('#') {
            out.push_str(query.get(at..).unwrap_or_default());
        }
        Ok(())
    })
}

fn cut_www(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_texts(|row, out| {
        let url = texts.get(row);
        let host = authority(url);
        match host.strip_prefix("www.") {
            Some(rest) if host.len() < url.len() => {
                out.push_str(url.get(..url.len() - host.len()).unwrap_or_default());
                out.push_str(rest);
            }
            _ => out.push_str(url),
        }
        Ok(())
    })
}

/// `port(url[, default])`.
fn port(call: &Call<'_>) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    let defaults = if call.has(1) { Some(call.ints(1)?) } else { None };
    call.number(|row| {
        let url = texts.get(row);
        read_port(url).unwrap_or_else(|| defaults.as_ref().map_or(0, |defaults| defaults.get(row)))
    })
}

fn read_port(url: &str) -> Option<i64> {
    let host = domain(url);
    if host.is_empty() {
        return None;
    }
    let authority = authority(url);
    let start = authority.find(host)? + host.len();
    let digits = authority.get(start..)?.strip_prefix(':')?;
    let digits = digits.split(['/', '?', '#']).next()?;
    digits.parse().ok().filter(|port| (0..=65_535).contains(port))
}

/// The URL up to each `/`, `?` and `#`; `whole` begins with the host, else only what comes after it is shown.
fn hierarchy(call: &Call<'_>, whole: bool) -> Result<ArrayRef, FunctionError> {
    let texts = call.texts(0)?;
    call.write_text_lists(|row, out| hierarchy_of(texts.get(row), whole, out))
}

fn hierarchy_of(url: &str, whole: bool, out: &mut TextBuilder) -> Result<(), FunctionError> {
    let is_end = |c: char| matches!(c, '/' | '?' | '#');
    if url.is_empty() {
        return Ok(());
    }
    let scheme = url.bytes().take_while(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).count();
    let Some(rest) = url.get(scheme..).and_then(|rest| rest.strip_prefix("://")).filter(|rest| !rest.is_empty()) else {
        return if whole { out.push(url) } else { Ok(()) };
    };
    let host = url.len() - rest.len() + rest.find(is_end).unwrap_or(rest.len());
    let start = if whole { 0 } else { host };
    let mut at = (host + 1).min(url.len());
    if whole {
        out.push(url.get(..at).unwrap_or_default())?;
    }
    loop {
        let rest = url.get(at..).unwrap_or_default();
        let skipped = rest.len() - rest.trim_start_matches(is_end).len();
        let word = rest.get(skipped..).unwrap_or_default();
        if word.is_empty() {
            return Ok(());
        }
        at += skipped + word.find(is_end).map_or(word.len(), |end| end + 1);
        out.push(url.get(start..at).unwrap_or_default())?;
    }
}
