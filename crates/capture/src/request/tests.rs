use super::*;

#[test]
fn t12_only_beacon_one_wants_no_content() {
    for query in ["beacon=1", "?_=1&beacon=1".trim_start_matches('?'), "beacon=1&beacon=0", "beacon=%31"] {
        assert!(wants_no_content(query), "{query}");
    }
    for query in ["", "beacon", "beacon=", "beacon=0", "beacon=2", "beacon=true", "beacon=1.0", "xbeacon=1"] {
        assert!(!wants_no_content(query), "{query}");
    }
}
