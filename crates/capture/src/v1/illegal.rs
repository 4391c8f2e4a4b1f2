//! Distinct ids that are no one's: placeholders that careless clients send for everybody.
//!
//! v1 knows more of them than merging does, ignores case, and stores their events without a person.

const ILLEGAL: [&str; 21] = [
    "anonymous",
    "guest",
    "distinctid",
    "distinct_id",
    "id",
    "not_authenticated",
    "email",
    "undefined",
    "true",
    "false",
    "[object object]",
    "nan",
    "none",
    "null",
    "0",
    "00000000-0000-0000-0000-000000000000",
    "anonymous-user",
    "backend",
    "system",
    "user",
    "",
];

pub(super) fn is_illegal(distinct_id: &str) -> bool {
    let unquoted = ['"', '\''].iter().find_map(|quote| distinct_id.strip_prefix(*quote)?.strip_suffix(*quote));
    let id = unquoted.unwrap_or(distinct_id);
    ILLEGAL.iter().any(|illegal| id.eq_ignore_ascii_case(illegal))
}
