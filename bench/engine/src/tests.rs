//! The protocol, as the benchmark speaks it.

use super::*;

/// What is replied to these lines.
fn replies(questions: &str) -> String {
    let mut replies = Vec::new();
    let answer = |question: &str| match question {
        "Q1" => Ok(Answer::Text("a,1\n".to_owned())),
        "Q13" => Ok(Answer::Bytes(7)),
        _ => anyhow::bail!("there is no question {question:?}"),
    };
    converse(questions.as_bytes(), &mut replies, answer).unwrap();
    String::from_utf8(replies).unwrap()
}

fn arguments(line: &str) -> anyhow::Result<Arguments> {
    Arguments::read(line.split_whitespace().map(str::to_owned))
}

#[test]
fn every_question_gets_one_line() {
    let lines = replies("Q1\nQ99\n");
    let lines: Vec<&str> = lines.lines().collect();
    assert!(lines[1].contains(r#""text":"a,1\n""#), "{}", lines[1]);
    assert_eq!((lines[0], lines[2]), ("READY", r#"{"error":"there is no question \"Q99\""}"#));
    assert_eq!(replies(""), "READY\n");
}

#[test]
fn an_answer_is_one_object_with_its_cost() {
    let reply = |answer| Reply::Measured { ms: 1.5, cpu_ms: 2.5, rss: 3, answer };
    let line = |answer| serde_json::to_string(&reply(answer)).unwrap();
    assert_eq!(line(Answer::Text("a,1\n".to_owned())), r#"{"ms":1.5,"cpu_ms":2.5,"rss":3,"text":"a,1\n"}"#);
    assert_eq!(line(Answer::Bytes(7)), r#"{"ms":1.5,"cpu_ms":2.5,"rss":3,"bytes":7}"#);
}

#[test]
fn work_is_measured() {
    let (result, cost) = measure::measured(|| Ok((0..1_000_000_u64).map(std::hint::black_box).sum::<u64>())).unwrap();
    assert_eq!(result, 499_999_500_000);
    assert!(cost.ms > 0.0 && cost.cpu_ms > 0.0 && cost.peak_mib > 0, "{cost:?}");
}

#[test]
fn every_question_in_hogql_is_planned() {
    let mut table = Vec::new();
    plan::print(None, 2, &mut table).unwrap();
    let table = String::from_utf8(table).unwrap();
    assert_eq!(table.lines().count(), 15, "{table}");
    assert!(table.contains("of 13 questions within the budget"), "{table}");
}

#[test]
fn both_arguments_are_needed() {
    let expected = Arguments { data_dir: PathBuf::from("d"), ids: PathBuf::from("i.json") };
    assert_eq!(arguments("--ids i.json --data-dir d").unwrap(), expected);
    for line in ["", "--ids i.json", "--ids", "--colour red"] {
        assert!(arguments(line).is_err(), "{line}");
    }
}
