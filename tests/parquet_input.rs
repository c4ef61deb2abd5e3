//! Parquet files are read as the records that they hold: the same rows as their JSON, and a clear word for a broken file.

use crate::support::{Row, Sources, project, skipped};
use arrow::array::{ArrayRef, Int64Builder, ListArray, ListBuilder, MapBuilder, RecordBatch, StringBuilder, StructArray, TimestampMillisecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use credlens::source::read::FileState;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

/// Values under one key as an array: objects as a struct of every key met, lists as lists, integers and everything else as text.
fn column(values: &[Option<&Value>]) -> ArrayRef {
    let some = |test: &dyn Fn(&Value) -> bool| values.iter().flatten().any(|value| test(value));
    if some(&Value::is_object) {
        return Arc::new(structs(values));
    }
    if some(&|value| value.as_array().is_some_and(|items| items.iter().any(Value::is_object))) {
        let items: Vec<Option<&Value>> = values.iter().flatten().filter_map(|value| value.as_array()).flatten().map(Some).collect();
        let lengths = values.iter().map(|value| value.and_then(Value::as_array).map_or(0, Vec::len));
        let nulls = NullBuffer::from_iter(values.iter().map(|value| value.is_some_and(Value::is_array)));
        let items: ArrayRef = Arc::new(structs(&items));
        let field = Arc::new(Field::new("element", items.data_type().clone(), true));
        return Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), items, Some(nulls)));
    }
    if some(&Value::is_array) {
        let mut list = ListBuilder::new(StringBuilder::new());
        for value in values {
            match value.and_then(Value::as_array) {
                Some(items) => list.append_value(items.iter().map(|item| Some(plain(item)))),
                None => list.append_null(),
            }
        }
        return Arc::new(list.finish());
    }
    if values.iter().flatten().all(|value| value.is_i64() || value.is_null()) {
        let mut numbers = Int64Builder::new();
        values.iter().for_each(|value| numbers.append_option(value.and_then(Value::as_i64)));
        return Arc::new(numbers.finish());
    }
    let mut texts = StringBuilder::new();
    values.iter().for_each(|value| texts.append_option(value.filter(|value| !value.is_null()).map(plain)));
    Arc::new(texts.finish())
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

fn structs(values: &[Option<&Value>]) -> StructArray {
    let objects: Vec<Option<&Map<String, Value>>> = values.iter().map(|value| value.and_then(Value::as_object)).collect();
    let mut keys: Vec<&String> = objects.iter().flatten().flat_map(|object| object.keys()).collect();
    keys.sort();
    keys.dedup();
    let columns: Vec<ArrayRef> =
        keys.iter().map(|key| column(&objects.iter().map(|object| object.and_then(|object| object.get(*key))).collect::<Vec<_>>())).collect();
    let fields: Fields = keys.iter().zip(&columns).map(|(key, column)| Field::new(*key, column.data_type().clone(), true)).collect();
    StructArray::try_new(fields, columns, Some(NullBuffer::from_iter(objects.iter().map(Option::is_some)))).expect("columns of one length")
}

fn written(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).set_max_row_group_row_count(Some(4)).build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties)).expect("a writer");
    writer.write(batch).expect("a batch");
    writer.close().expect("a footer");
    bytes
}

/// JSON records as Parquet.
fn parquet_of(records: &[Value], compression: Compression) -> Vec<u8> {
    written(&RecordBatch::from(structs(&records.iter().map(Some).collect::<Vec<_>>())), compression)
}

/// The valid records of OCSF's sample.
fn ocsf() -> Vec<Value> {
    let text = fs::read_to_string(project().join("sample-data/packs/ocsf/sample.ndjson")).expect("a sample");
    let records: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert!(records.len() > 10);
    records
}

/// Files for `fuzz.rs` to change: every kind of column, every compression.
pub fn seeds() -> Vec<Vec<u8>> {
    let records = ocsf();
    let compressions = [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default()), Compression::GZIP(Default::default())];
    compressions.iter().flat_map(|compression| [parquet_of(&records[..2], *compression), parquet_of(&[call(json!(1777885200000i64))], *compression)]).collect()
}

/// Rows without where they came from and, since Parquet has no order of keys, sorted.
fn content(rows: &BTreeMap<&'static str, Vec<Row>>) -> Vec<String> {
    let mut all: Vec<String> = rows
        .iter()
        .flat_map(|(frame, rows)| rows.iter().map(move |row| (frame, row)))
        .map(|(frame, row)| {
            let mut row = row.clone();
            row.remove("file");
            format!("{frame} {}", Value::Object(row))
        })
        .collect();
    all.sort();
    all
}

#[test]
fn a_parquet_file_gives_the_rows_of_its_json() {
    let records = ocsf();
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    let wanted = Sources::new().file("in/a.ndjson", text).read();
    for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::ZSTD(Default::default()), Compression::GZIP(Default::default())] {
        let found = Sources::new().file("in/a.parquet", parquet_of(&records, compression)).read();
        assert_eq!(found.format_of("a.parquet"), Some("ocsf"));
        for (found, wanted) in content(&found.rows).iter().zip(&content(&wanted.rows)) {
            assert_eq!(found, wanted, "{compression}");
        }
        assert_eq!(content(&found.rows).len(), content(&wanted.rows).len());
        let (a, b) = (found.ledger_of("a.parquet"), wanted.ledger_of("a.ndjson"));
        assert_eq!((a.records, a.rows, a.skipped, a.rejects), (b.records, b.rows, b.skipped, b.rejects));
    }
}

/// One OCSF API call.
fn call(time: Value) -> Value {
    json!({"class_uid": 6003, "class_name": "API Activity", "activity_id": 1, "type_uid": 600301, "category_uid": 6, "metadata": {"version": "1.3.0"}, "time": time,
        "api": {"operation": "GetThing", "service": {"name": "things"}, "response": {"code": 200}}, "actor": {"user": {"uid": "u-1"}}})
}

#[test]
fn rejects_of_parquet_name_their_row() {
    let records: Vec<Value> = (0..9).map(|row| call(if row == 6 { json!("tomorrow") } else { json!("1777885200000") })).collect();
    let reading = Sources::new().file("in/a.parquet", parquet_of(&records, Compression::SNAPPY)).read();
    let rejects: Vec<_> = reading.rejects.iter().map(|reject| (reject.record, reject.byte_offset, reject.reason)).collect();
    assert_eq!(rejects, [(7, 0, "bad_timestamp")]);
    let numbers: Vec<i64> = reading.rows["requests"].iter().filter_map(|row| row["record"].as_i64()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 8, 9]);
}

#[test]
fn timestamps_maps_and_json_in_text_are_read_as_what_they_hold() {
    let base = RecordBatch::from(structs(&[Some(&call(json!(0))), Some(&call(json!(0)))]));
    let mut unmapped = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    unmapped.keys().append_value("token_scopes");
    unmapped.values().append_value("things.read");
    unmapped.append(true).expect("a map");
    unmapped.append(false).expect("a null");
    let times: ArrayRef = Arc::new(TimestampMillisecondArray::from(vec![1777885200000, 1777885200500]).with_timezone("UTC"));
    let text: ArrayRef = Arc::new(arrow::array::StringArray::from(vec![r#"{"token_scopes":"things.write"}"#, "{no json"]));
    let with = |unmapped: ArrayRef| {
        let columns = base
            .schema()
            .fields()
            .iter()
            .zip(base.columns())
            .filter(|(field, _)| field.name() != "time")
            .map(|(f, c)| (f.name().clone(), c.clone()))
            .collect::<Vec<_>>();
        let columns = columns.into_iter().chain([("time".to_string(), times.clone()), ("unmapped".to_string(), unmapped)]);
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.map(|(name, column)| (Field::new(name, column.data_type().clone(), true), column)).unzip();
        written(&RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("a batch"), Compression::SNAPPY)
    };
    let unmapped: ArrayRef = Arc::new(unmapped.finish());
    assert!(matches!(unmapped.data_type(), DataType::Map(..)));
    let reading = Sources::new().file("in/a.parquet", with(unmapped)).file("in/b.parquet", with(text)).read();
    assert_eq!(reading.rejects, []);
    let rows: Vec<Value> = reading.rows["requests"].iter().map(|row| json!([row["event_time"], row.get("scopes")])).collect();
    assert_eq!(rows[0], json!(["2026-05-04T09:00:00Z", ["things.read"]]));
    assert_eq!(rows[1], json!(["2026-05-04T09:00:00Z", ["things.write"]]));
    assert_eq!((&rows[2][1], &rows[3][1]), (&Value::Null, &Value::Null));
    assert!(rows[3][0].as_str().is_some_and(|time| time.starts_with("2026-05-04T09:00:00.5")), "{}", rows[3][0]);
}

#[test]
fn a_broken_parquet_file_is_told_and_harms_nothing_else() {
    let whole = parquet_of(&ocsf(), Compression::SNAPPY);
    let mut no_footer = whole.clone();
    no_footer.truncate(whole.len() / 2);
    let mut bad_footer = whole.clone();
    let middle = whole.len() - 40;
    bad_footer[middle..middle + 20].fill(0xff);
    let mut bad_pages = whole.clone();
    bad_pages[4..whole.len() / 3].fill(0x5a);
    let sources = Sources::new()
        .file("in/a.parquet", no_footer)
        .file("in/b.parquet", bad_footer)
        .file("in/c.parquet", bad_pages)
        .file("in/d.parquet", b"PAR1")
        .file("in/e.parquet", whole)
        .file("in/f.parquet", parquet_of(&[json!({"x": "1"}), json!({"x": "2"})], Compression::SNAPPY));
    let reading = sources.read();
    let states: Vec<String> = reading.evidence.files.iter().map(|file| format!("{:?}", file.state)).collect();
    assert!(states[0].contains("it was cut off"), "{}", states[0]);
    assert!(states[1].contains("a damaged Parquet file"), "{}", states[1]);
    assert!(states[2].contains("a damaged Parquet file"), "{}", states[2]);
    assert!(states[3].contains("it was cut off"), "{}", states[3]);
    assert_eq!(reading.evidence.files[4].state, FileState::Read);
    assert!(states[5].contains("rows of Parquet"), "{}", states[5]);
    assert!(!reading.rows["requests"].is_empty());
}

/// Flips bytes all over a file: whatever comes of it is rows, rejects or an error, never a panic.
#[test]
fn flipped_bytes_never_stop_a_run() {
    let whole = parquet_of(&ocsf(), Compression::UNCOMPRESSED);
    let sources = Sources::new();
    let step = whole.len() / 60;
    for (number, at) in (4..whole.len() - 4).step_by(step.max(1)).enumerate() {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x41;
        bytes[at + 1] = 0xff;
        sources.put(&format!("in/{number:03}.parquet"), bytes);
    }
    let reading = sources.read();
    assert!(reading.evidence.files.len() >= 60);
    assert!(reading.evidence.files.iter().any(|file| matches!(file.state, FileState::Failed(_))));
    assert!(!reading.rows["requests"].is_empty());
}

#[test]
fn parquet_written_by_spark_is_read() {
    let file = project().join("../shared/samples/ocsf/parquet/highFailedLogin.parquet");
    if !file.exists() {
        return skipped("Parquet written by Spark", "the shared samples are not here");
    }
    let reading = crate::support::Reading::new(std::slice::from_ref(&file), None, None);
    assert_eq!(reading.format_of("highFailedLogin.parquet"), Some("ocsf"));
    let counts = reading.ledger_of("highFailedLogin.parquet");
    // Of one event id and instant the file has several.
    assert_eq!((counts.records, counts.rows + counts.duplicates, counts.rejects), (75, 75, 0));
    let failed: Vec<&Row> = reading.rows["identity_events"].iter().filter(|row| row["outcome"] == "failure").collect();
    assert!(failed.len() > 40 && failed.iter().all(|row| row["action"] == "access_denied" && row["identity"] != "NULL SID"));
}

/// `check` looks at the first rows and at whole inventories, and takes neither for broken.
#[test]
fn check_looks_at_the_first_rows_of_parquet_and_at_whole_documents() {
    let records: Vec<Value> = (0..2000).map(|row| call(json!((1777885200000i64 + row).to_string()))).collect();
    let paths: Map<String, Value> = (0..4000).map(|number| (format!("/things/part-{number}"), json!({"get": {"summary": "x".repeat(20)}}))).collect();
    let document = json!({"openapi": "3.0.0", "info": {"title": "Things"}, "paths": paths}).to_string();
    assert!(document.len() > 200_000);
    let sources = Sources::new().file("in/a.parquet", parquet_of(&records, Compression::SNAPPY)).file("in/things.json", document);
    let finished = sources.run(&["check", "in"]);
    assert!(finished.stdout.contains("1 ocsf") && finished.stdout.contains("1 openapi"), "{}{}", finished.stdout, finished.stderr);
    assert!(!finished.stdout.contains("damaged") && !finished.stdout.contains("left out") && !finished.stdout.contains("truncated"), "{}", finished.stdout);
}

#[test]
fn inspect_tells_the_native_field_behind_a_column_of_parquet() {
    let sources = Sources::new().file("in/a.parquet", parquet_of(&[call(json!("1777885200000")), call(json!("1777885201000"))], Compression::SNAPPY));
    let finished = sources.run(&["inspect", "in/a.parquet", "--records", "1"]);
    let line = |column: &str| finished.stdout.lines().find(|line| line.trim_start().starts_with(column)).unwrap_or_default().to_string();
    assert!(finished.stdout.contains("ocsf (") && finished.stdout.contains("2 records: 2 rows"), "{}", finished.stdout);
    assert!(line("api ").contains("things") && line("api ").contains("api.service.name"), "{}", finished.stdout);
}
