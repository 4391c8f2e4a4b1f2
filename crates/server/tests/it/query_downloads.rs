//! Rows of a query as a file: CSV, lines of JSON, an Arrow stream, Parquet. As many as there are.

use arrow::array::{Array as _, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use arrow::ipc::reader::StreamReader;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};
use testkit::{Answer, Server};

use crate::{event, server};

const ARROW: &str = "application/vnd.apache.arrow.stream";
const PARQUET: &str = "application/vnd.apache.parquet";

fn download(server: &Server, query: Value, accept: &str) -> Answer {
    let bearer = format!("Bearer {}", testkit::KEY);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json"), ("accept", accept)];
    server.send("POST", "/api/projects/1/query/", &headers, json!({"query": query}).to_string().as_bytes())
}

fn hogql(text: &str) -> Value {
    json!({"kind": "HogQLQuery", "query": text})
}

/// The rows of a file, in one batch.
fn rows(answer: &Answer, accept: &str) -> RecordBatch {
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.header("content-type"), Some(accept));
    let bytes = answer.bytes.clone();
    let batches: Vec<RecordBatch> = if accept == ARROW {
        StreamReader::try_new(bytes.as_slice(), None).unwrap().map(Result::unwrap).collect()
    } else {
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap().build().unwrap();
        reader.map(Result::unwrap).collect()
    };
    arrow::compute::concat_batches(&batches[0].schema(), &batches).unwrap()
}

#[test]
fn there_is_no_limit_on_rows_in_any_format() {
    let server = server();
    let query = hogql("select number, toString(number) as text from numbers(300000)");
    let csv = download(&server, query.clone(), "text/csv");
    assert_eq!(csv.body.lines().count(), 300_001);
    assert_eq!(csv.body.lines().next(), Some("number,text"));
    let lines = download(&server, query.clone(), "application/x-ndjson");
    assert_eq!(lines.body.lines().count(), 300_000);
    for accept in [ARROW, PARQUET] {
        let rows = rows(&download(&server, query.clone(), accept), accept);
        assert_eq!(rows.num_rows(), 300_000);
        let numbers = rows.column(0).as_primitive::<UInt64Type>();
        let sum: u64 = numbers.values().iter().sum();
        assert_eq!(sum, 300_000 * 299_999 / 2, "each row once");
    }
    let limited = download(&server, hogql("select number from numbers(300000) limit 70000"), "text/csv");
    assert_eq!(limited.body.lines().count(), 70_001);
}

#[test]
fn columns_keep_their_types_and_ids_are_text() {
    let server = server();
    server.ingest(&[
        event("signup", "d1", "2026-01-01T10:00:00.5Z", json!({"price": 1.5, "tags": ["a", "b"]})),
        event("signup", "d2", "2026-01-01T11:00:00Z", json!({})),
    ]);
    let text = "select uuid, event, timestamp, toFloat(properties.price) as price, \
                JSONExtract(properties, 'tags', 'Array(String)') as tags, toDate(timestamp) as day, event = 'signup' as same, \
                null as nothing from events order by timestamp";
    let shown = server.post("/api/projects/1/query/", &json!({"query": hogql(text)})).json();
    for accept in [ARROW, PARQUET] {
        let rows = rows(&download(&server, hogql(text), accept), accept);
        let schema = rows.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["uuid", "event", "timestamp", "price", "tags", "day", "same", "nothing"]);
        let kind = |at: usize| rows.column(at).data_type().clone();
        assert_eq!((kind(0), kind(1), kind(5)), (DataType::Utf8, DataType::Utf8, DataType::Date32));
        assert!(matches!(kind(2), DataType::Timestamp(TimeUnit::Microsecond, Some(_))), "{}", kind(2));
        assert_eq!(rows.column(0).as_string::<i32>().value(0), shown["results"][0][0]);
        assert_eq!(rows.column(2).as_primitive::<TimestampMicrosecondType>().value(0), 1_767_261_600_500_000);
        let prices = rows.column(3).as_primitive::<Float64Type>();
        assert_eq!((prices.value(0), prices.is_null(1)), (1.5, true));
        let tags = rows.column(4).as_list::<i32>().value(0);
        assert_eq!(tags.as_string::<i32>().iter().flatten().collect::<Vec<_>>(), ["a", "b"]);
    }
}

#[test]
fn an_answer_without_rows_is_a_file_all_the_same() {
    let server = server();
    let query = hogql("select event, timestamp from events where 1 = 2");
    assert_eq!(download(&server, query.clone(), "text/csv").body, "event,timestamp\r\n");
    assert_eq!(download(&server, query.clone(), "application/x-ndjson").body, "");
    let arrow = download(&server, query.clone(), ARROW).bytes;
    let reader = StreamReader::try_new(arrow.as_slice(), None).unwrap();
    assert_eq!((reader.schema().fields().len(), reader.count()), (2, 0));
    let parquet = bytes::Bytes::from(download(&server, query, PARQUET).bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(parquet).unwrap();
    assert_eq!((reader.schema().fields().len(), reader.metadata().file_metadata().num_rows()), (2, 0));
}

#[test]
fn lines_of_json_hold_properties_as_text() {
    let server = server();
    let tricky = json!({"quote\"d": "a \"b\" \\ \n é 😀 \u{1}", "list": [1.5, {"x": null}], "n": -7, "on": true, "id": "0193a1f0-5f7e-7c3b-9d1e-2f4a6b8c0d1e"});
    server.ingest(&[event("signup", "d1", "2026-01-01T10:00:00Z", tricky.clone())]);
    let query = hogql("select properties, event, person.properties as of_person from events");
    let lines = download(&server, query.clone(), "application/x-ndjson").body;
    let row: Value = serde_json::from_str(&lines).unwrap();
    let properties: Value = serde_json::from_str(row["properties"].as_str().unwrap()).unwrap();
    for (key, value) in tricky.as_object().unwrap() {
        assert_eq!(&properties[key], value, "{key}");
    }
    let shown = server.post("/api/projects/1/query/", &json!({"query": hogql("select properties from events")})).json();
    assert_eq!(shown["results"][0][0], row["properties"]);
    assert_eq!(row.as_object().unwrap().len(), 3);
}

#[test]
fn lists_of_events_can_be_downloaded_too() {
    let server = server();
    server.ingest(&[event("signup", "d1", "2026-01-01T10:00:00Z", json!({}))]);
    let query = json!({"kind": "EventsQuery", "select": ["event", "distinct_id"], "after": "all"});
    let rows = rows(&download(&server, query, PARQUET), PARQUET);
    assert_eq!(rows.column(1).as_string::<i32>().value(0), "d1");
}

#[test]
fn what_fails_before_the_first_row_is_an_error() {
    let server = server();
    for (text, status) in [("select foo from events", 400), ("select intDiv(1, number) from numbers(2)", 400)] {
        for accept in ["text/csv", ARROW, PARQUET] {
            let answer = download(&server, hogql(text), accept);
            assert_eq!((answer.status, answer.header("content-type")), (status, Some("application/json")), "{text}");
        }
    }
    assert_eq!(download(&server, hogql("select 1"), "image/png").status, 406);
    assert_eq!(download(&server, hogql("select 1"), "application/json, text/csv").json()["results"], json!([[1]]));
    assert_eq!(download(&server, hogql("select 1 as x"), "image/png, text/csv;q=0.5").body, "x\r\n1\r\n");
}
