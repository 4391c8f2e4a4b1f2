use super::{CATALOGUE, Function, OURS, arity_fault, find, suggest};

#[test]
fn every_line_is_read() {
    let lines = include_str!("../catalogue.tsv").lines().filter(|line| !line.starts_with('#')).count();
    let ours = OURS.lines().count();
    assert_eq!((lines, CATALOGUE.exact.len()), (740, 740 + ours));
    let listed = || CATALOGUE.exact.values().filter(|function| !function.name.starts_with("_funnel"));
    let tier = |tier: u8| listed().filter(|function| function.tier == tier).count();
    assert_eq!((tier(1), tier(2), tier(3)), (256, 230, 254));
}

#[test]
fn case_matters_except_where_it_does_not() {
    assert!(find("COUNT").is_some());
    assert!(find("toString").is_some());
    assert!(find("TOSTRING").is_none());
}

#[test]
fn a_similar_name_is_suggested() {
    assert_eq!(suggest("coun"), Some("count"));
    assert_eq!(suggest("toStartOfDays"), Some("toStartOfDay"));
    assert_eq!(suggest("zzzzzzzz"), None);
}

#[test]
fn arity_is_explained() {
    let fault = |name: &str, found| {
        let Function { name, kind, arguments, .. } = find(name).unwrap();
        arity_fault(name, kind, "argument", arguments, found)
    };
    assert_eq!(fault("lower", 2).as_deref(), Some("Function 'lower' expects 1 argument, found 2"));
    assert_eq!(fault("concat", 1).as_deref(), Some("Function 'concat' expects at least 2 arguments, found 1"));
    assert_eq!(fault("toDateTime", 3).as_deref(), Some("Function 'toDateTime' expects at most 2 arguments, found 3"));
    assert_eq!(fault("lower", 1), None);
}
