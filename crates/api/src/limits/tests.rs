use super::*;

fn windows(text: &str, class: LimitClass) -> Vec<(usize, u64)> {
    let limits = RateLimits::parse(text).unwrap();
    let windows = limits.0.get(&class).cloned().unwrap_or_default();
    windows.iter().map(|window| (window.requests, window.span.as_secs())).collect()
}

#[test]
fn settings_are_read_class_by_class() {
    assert_eq!(RateLimits::parse("off").unwrap(), RateLimits::default());
    assert_eq!(windows("events=2/min+5/h", LimitClass::Events), [(2, 60), (5, 3_600)]);
    assert_eq!(windows("events=2/min", LimitClass::Values), []);
    assert_eq!(windows("posthog, values=1/s", LimitClass::Values), [(1, 1)]);
    assert_eq!(windows("posthog, values=1/s", LimitClass::Persons), [(240, 60), (180, 60), (1_200, 3_600)]);
    assert_eq!(windows("posthog,other=off", LimitClass::Other), []);
    for wrong in ["on", "events", "nobody=1/min", "events=1", "events=0/min", "events=1/week", "events=x/min"] {
        assert!(RateLimits::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_window_slides_and_the_longest_wait_counts() {
    let start = Clock::System.instant();
    let at = |seconds| start + Duration::from_secs(seconds);
    let minute = Window { requests: 2, span: Duration::from_secs(60) };
    let hour = Window { requests: 3, span: Duration::from_secs(3_600) };
    let times: VecDeque<Instant> = [at(0), at(30), at(59)].into();
    let wait = |window, now| wait_for(window, &times, at(now)).map(|wait| wait.as_secs());
    // Three are inside: the second has to leave, too.
    assert_eq!(wait(minute, 59), Some(31));
    assert_eq!(wait(minute, 89), Some(1));
    assert_eq!(wait(minute, 90), None);
    assert_eq!(wait(hour, 100), Some(3_500));
    assert_eq!(wait(hour, 3_600), None);
}

#[test]
fn keys_and_classes_are_counted_apart_and_refusals_are_not() {
    let throttle = Throttle::new(RateLimits::parse("events=2/h").unwrap(), Clock::System);
    let passes = |class, key: &str| throttle.pass(class, key).is_ok();
    assert!(passes(LimitClass::Events, "a") && passes(LimitClass::Events, "a"));
    for _ in 0..5 {
        assert!(!passes(LimitClass::Events, "a"));
    }
    assert!(passes(LimitClass::Events, "b") && passes(LimitClass::Other, "a"));
    assert_eq!(throttle.passed.lock()[&(LimitClass::Events, "a".to_owned())].len(), 2);
}
