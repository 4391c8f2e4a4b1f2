//! What servers print, as they print it.

use super::*;

#[test]
fn the_address_is_found_in_the_start_message() {
    let line = "Hedgerow is listening on http://127.0.0.1:8000\n";
    assert_eq!(parse_address(line), Some("127.0.0.1:8000".parse().unwrap()));
    assert_eq!(parse_address(""), None);
}

#[test]
fn a_figure_is_found_by_its_whole_name() {
    let page = "# HELP a_b Text.\n# TYPE a_b gauge\na_b 12\na_b_total 3\na_b_c{x=\"y\"} 4\n";
    let metrics = Metrics(page.to_owned());
    assert_eq!(metrics.value("a_b"), Some(12.0));
    assert_eq!(metrics.value("a_b_total"), Some(3.0));
    assert_eq!(metrics.value("a_b_c"), None);
}
