use super::{date, instant, strict};

#[test]
fn text_is_read_in_the_zone_unless_it_has_an_offset() {
    assert_eq!(instant("2026-01-11", "UTC"), Some(1_768_089_600_000_000));
    assert_eq!(instant("2026-01-11", "America/New_York"), Some(1_768_107_600_000_000));
    assert_eq!(instant("2026-01-11T00:00:00Z", "America/New_York"), Some(1_768_089_600_000_000));
    assert_eq!(instant("2026-01-11T02:00:00+02:00", "America/New_York"), Some(1_768_089_600_000_000));
    assert_eq!(instant("2026-01-11 00:00:00.5", "UTC"), Some(1_768_089_600_500_000));
    assert_eq!(instant("2026-01-11 00:00", "UTC"), Some(1_768_089_600_000_000));
    assert_eq!(instant("yesterday", "UTC"), None);
    assert_eq!(instant("", "UTC"), None);
}

#[test]
fn dates_and_strict_instants() {
    assert_eq!(date("1970-01-02"), Some(1));
    assert_eq!(date("2026-1-1"), None);
    assert_eq!(strict("2026-01-11 00:00:00", "UTC"), Some(Some(1_768_089_600_000_000)));
    assert_eq!(strict("2026-13-11", "UTC"), Some(None));
    assert_eq!(strict("2026-01-11T00:00:00Z", "UTC"), None);
}
