use super::*;

fn value(encoded: &str, name: &str) -> Option<String> {
    field(encoded.as_bytes(), name).map(|value| String::from_utf8_lossy(&value).into_owned())
}

#[test]
fn a_field_is_found_by_its_name_and_decoded() {
    let encoded = "_=17&data=a+b%2Bc%3D&xdata=no&dat%61=second&empty=&flag";
    for (name, expected) in [
        ("_", Some("17")),
        ("data", Some("a b+c=")),
        ("xdata", Some("no")),
        ("empty", Some("")),
        ("flag", Some("")),
        ("missing", None),
    ] {
        assert_eq!(value(encoded, name).as_deref(), expected, "{name}");
    }
}

#[test]
fn broken_escapes_stay_as_they_are() {
    assert_eq!(value("data=100%&x=%zz%4", "data").as_deref(), Some("100%"));
    assert_eq!(value("data=100%&x=%zz%4", "x").as_deref(), Some("%zz%4"));
}

#[test]
fn d3_bad_query_parameters_are_ignored() {
    for (query, expected) in [
        ("_=17", Some(17)),
        ("_=-3", Some(-3)),
        ("_=abc", None),
        ("_=17.5", None),
        ("_=", None),
        ("_=99999999999999999999", None),
    ] {
        assert_eq!(integer(query, "_"), expected, "{query}");
    }
}
