use super::*;

#[test]
fn every_question_in_hogql_is_planned() {
    let mut table = Vec::new();
    plan::print(None, 2, &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    assert_eq!(table.lines().count(), 15, "{table}");
    assert!(table.contains("of 13 questions within the budget"), "{table}");
}

#[test]
fn only_plans_are_asked_for() {
    let read = |line: &str| data_dir(line.split_whitespace().map(str::to_owned));
    assert_eq!(read("plan").unwrap(), None);
    assert_eq!(read("plan d").unwrap(), Some(PathBuf::from("d")));
    for line in ["", "d", "plan d e"] {
        assert_eq!(read(line).unwrap_err().to_string(), USAGE, "{line}");
    }
}
