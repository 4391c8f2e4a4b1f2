use jiff::ZonedDateTime;

use super::resolve;

fn at(text: &str) -> String {
    let now: ZonedDateTime = "2026-03-31T15:30:45[America/New_York]".parse().unwrap();
    resolve(text, &now).map_or_else(|| String::from("none"), |time| time.datetime().to_string())
}

#[test]
fn units_go_back_from_now() {
    assert_eq!(at("-7d"), "2026-03-24T15:30:45");
    assert_eq!(at("7d"), "2026-03-24T15:30:45");
    assert_eq!(at("-1m"), "2026-02-28T15:30:45");
    assert_eq!(at("-10M"), "2026-03-31T15:20:45");
    assert_eq!(at("-2w"), "2026-03-17T15:30:45");
    assert_eq!(at("-1q"), "2025-12-31T15:30:45");
    assert_eq!(at("-1y"), "2025-03-31T15:30:45");
    assert_eq!(at("-3h"), "2026-03-31T12:30:45");
}

#[test]
fn edges_snap_after_going_back() {
    assert_eq!(at("dStart"), "2026-03-31T00:00:00");
    assert_eq!(at("-1dEnd"), "2026-03-30T23:59:59.999999");
    assert_eq!(at("mStart"), "2026-03-01T00:00:00");
    assert_eq!(at("-1mStart"), "2026-02-01T00:00:00");
    assert_eq!(at("-1mEnd"), "2026-02-28T23:59:59.999999");
    assert_eq!(at("yStart"), "2026-01-01T00:00:00");
    assert_eq!(at("wStart"), "2026-03-30T00:00:00");
    assert_eq!(at("hEnd"), "2026-03-31T15:59:59.999999");
    assert_eq!(at("qStart"), "2026-01-01T00:00:00");
}

#[test]
fn absolute_text_is_local_unless_it_has_an_offset() {
    assert_eq!(at("2026-01-11"), "2026-01-11T00:00:00");
    assert_eq!(at("2026-01-11T00:00:00Z"), "2026-01-10T19:00:00");
    assert_eq!(at("yesterday"), "none");
}
