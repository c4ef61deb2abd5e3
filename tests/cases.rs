//! Runs `queries/**/cases.toml` through the product's engine: given rows -> expected rows.
//!
//! A case's `given` names frames of frames.toml, or facts and entities (its rows then stand in for their query). In a `*_us`
//! column an offset date-time is read as microseconds; `month` and `day` follow from `event_us` when left out. `given.params`
//! overrides single values. `periods`, `period_months` and `instants` follow from `params.as_of_us` when not given: 2026-Q2 and
//! its months, judged at 2026-07-01, every input there, every window covered. An expectation of a metric names its row by
//! statistic, grain, period and segment (left out: `value`, `quarter`, `2026-Q2`, `all`); of other queries by the columns of
//! `key`, else every column given must match in some row. `"null"` means null, `expect_rows` is a full count, and `query =
//! "entities/grants"` checks another result than the folder's own.

use crate::support::with_room;
use credlens::frame::bridge::{from_polars, to_polars};
use credlens::frame::schema::{ColumnType, frames};
use credlens::frame::table::{Column, Table};
use credlens::metric::catalog::{Catalog, Role};
use credlens::metric::engine::run_sql;
use credlens::metric::settings::{SECRET_KINDS, TOKEN_KINDS};
use credlens::period::{MICROS_PER_DAY, MICROS_PER_SECOND, Period, parse_instant};
use polars::prelude::{DataFrame, IntoLazy};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::Mutex;
use toml::{Table as Toml, Value};

const HEADLINE: &str = "2026-Q2";
const METRIC_COLUMNS: [(&str, &str); 13] = [
    ("statistic", "text"),
    ("grain", "text"),
    ("period", "text"),
    ("segment_kind", "text"),
    ("segment", "text"),
    ("value", "double"),
    ("numerator", "int"),
    ("denominator", "int"),
    ("se", "double"),
    ("status", "text"),
    ("reason", "text"),
    ("flags", "text"),
    ("n_insufficient_evidence", "int"),
];
const METRIC_KEY: [(&str, &str); 5] = [("statistic", "value"), ("grain", "quarter"), ("period", HEADLINE), ("segment_kind", "all"), ("segment", "all")];

/// A case and the query it is about.
struct Case {
    query: String,
    file: String,
    case: Toml,
}

impl Case {
    fn name(&self) -> &str {
        self.case.get("name").and_then(Value::as_str).unwrap_or("(no name)")
    }

    fn given(&self) -> Toml {
        self.case.get("given").and_then(Value::as_table).cloned().unwrap_or_default()
    }

    fn expectations(&self) -> Vec<Toml> {
        rows_of(self.case.get("expect"))
    }
}

fn rows_of(value: Option<&Value>) -> Vec<Toml> {
    let rows = value.and_then(Value::as_array).into_iter().flatten();
    rows.map(|row| row.as_table().cloned().expect("rows are tables")).collect()
}

/// All cases: of metrics beside their query, of entities as `<name>.cases.toml`.
fn all_cases(catalog: &Catalog) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut add = |query: &str, file: String, text: &str| {
        let document: Toml = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        for case in rows_of(document.get("case")) {
            let own = case.get("query").and_then(Value::as_str).map(|query| query.rsplit('/').next().unwrap_or(query).to_string());
            cases.push(Case { query: own.unwrap_or_else(|| query.to_string()), file: file.clone(), case });
        }
    };
    for query in catalog.queries.values().filter(|query| matches!(query.role, Role::Metric(_))) {
        add(&query.name, format!("{}/cases.toml", query.name), &query.cases);
    }
    for folder in ["facts", "entities"] {
        for entry in fs::read_dir(crate::support::project().join("queries").join(folder)).expect("a folder of queries").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(query) = name.strip_suffix(".cases.toml") {
                add(query, format!("{folder}/{name}"), &fs::read_to_string(entry.path()).expect("a readable file"));
            }
        }
    }
    cases
}

// ---------------------------------------------------------------------------------------------------------------------
// Given rows -> tables
// ---------------------------------------------------------------------------------------------------------------------

fn micros(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(micros) => Some(*micros),
        Value::Datetime(at) => Some(parse_instant(&at.to_string()).unwrap_or_else(|| panic!("{at} is no instant with an offset"))),
        _ => None,
    }
}

fn is_null(value: &Value) -> bool {
    value.as_str() == Some("null")
}

fn int(value: i64) -> Value {
    Value::Integer(value)
}

fn row<const N: usize>(cells: [(&str, Value); N]) -> Toml {
    cells.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// The frames of a case with all defaults and derivations, and the rows it gives in place of queries.
fn frames_of(given: &Toml) -> (BTreeMap<String, Vec<Toml>>, BTreeMap<String, Vec<Toml>>) {
    let mut rows: BTreeMap<String, Vec<Toml>> = BTreeMap::new();
    let params = params(given.get("params").and_then(Value::as_table).unwrap_or(&Toml::new()));
    let as_of = micros(&params["as_of_us"]).expect("as_of_us is an instant");
    let (window, dormant) = (micros(&params["window_us"]).unwrap(), micros(&params["dormant_us"]).unwrap());
    let headline = params["headline_period"].as_str().unwrap_or(HEADLINE).to_string();
    let named = match given.get("periods") {
        Some(periods) => rows_of(Some(periods)),
        None => [HEADLINE, "2026-04", "2026-05", "2026-06"].iter().map(|name| row([("period", Value::from(*name))])).collect(),
    };
    let periods: Vec<Toml> = named.into_iter().map(|own| whole_period(own, as_of, &headline)).collect();
    let mut months = Vec::new();
    for period in &periods {
        let parsed: Period = period["period"].as_str().unwrap().parse().expect("a period");
        months.extend(
            parsed
                .months()
                .iter()
                .map(|month| row([("month", Value::from(month.to_string())), ("grain", period["grain"].clone()), ("period", period["period"].clone())])),
        );
    }
    let instants: BTreeSet<i64> = periods.iter().filter_map(|period| micros(&period["t_us"])).chain([as_of]).collect();
    let instant = |t: &i64| {
        row([
            ("t_us", int(*t)),
            ("window_start_us", int(t - window)),
            ("dormant_start_us", int(t - dormant)),
            ("window_covered", int(1)),
            ("dormant_covered", int(1)),
        ])
    };
    let limit = |kind: &str, limit_us: i64, is_secret: i64| {
        row([("kind", Value::from(kind)), ("limit_us", int(limit_us)), ("is_secret", int(is_secret)), ("is_token", int(1 - is_secret))])
    };
    let tokens = TOKEN_KINDS.iter().map(|(kind, seconds)| limit(kind, seconds * MICROS_PER_SECOND, 0));
    let limits = tokens.chain(SECRET_KINDS.iter().map(|kind| limit(kind, 90 * MICROS_PER_DAY, 1))).collect();
    rows.insert("params".into(), vec![params]);
    rows.insert("period_months".into(), months);
    rows.insert("periods".into(), periods);
    rows.insert("instants".into(), instants.iter().map(instant).collect());
    rows.insert("ttl_limits".into(), limits);
    rows.insert("revoke_targets".into(), vec![row([("severity", Value::from("critical")), ("target_us", int(4 * 3_600 * MICROS_PER_SECOND))])]);
    for (name, value) in given {
        if name != "params" && name != "periods" {
            rows.insert(name.clone(), rows_of(Some(value)));
        }
    }
    for frame in ["requests", "identity_events"] {
        for record in rows.get_mut(frame).into_iter().flatten() {
            let Some(at) = record.get("event_us").filter(|value| !is_null(value)).and_then(micros) else { continue };
            record.entry("month").or_insert_with(|| Value::from(credlens::frame::build::month_name(at)));
            if frame == "requests" {
                record.entry("day").or_insert_with(|| int(at.div_euclid(MICROS_PER_DAY)));
            }
        }
    }
    rows.into_iter().partition(|(name, _)| frames().contains_key(name))
}

fn params(given: &Toml) -> Toml {
    let at = |text: &str| int(parse_instant(text).expect("a day"));
    let day = |text: &str| int(parse_instant(text).expect("a day") / MICROS_PER_DAY);
    let mut params = row([
        ("as_of_us", at("2026-07-01")),
        ("headline_period", Value::from(HEADLINE)),
        ("headline_grain", Value::from("quarter")),
        ("headline_start_us", at("2026-04-01")),
        ("headline_end_us", at("2026-07-01")),
        ("grace_us", int(300 * MICROS_PER_SECOND)),
        ("window_us", int(90 * MICROS_PER_DAY)),
        ("dormant_us", int(90 * MICROS_PER_DAY)),
        ("tau7_us", int(7 * MICROS_PER_DAY)),
        ("tau30_us", int(30 * MICROS_PER_DAY)),
        ("revoke_target_us", int(MICROS_PER_DAY)),
        ("attach_us", int(7 * MICROS_PER_DAY)),
        ("over_privileged_percent", int(40)),
        ("scope_known_percent", int(95)),
        ("no_evidence_percent", int(5)),
        ("dominant_percent", int(50)),
        ("access_token_limit_us", int(3_600 * MICROS_PER_SECOND)),
        ("rate_limited_counts", int(0)),
        ("z", Value::Float(1.959963984540054)),
        ("first_day", day("2025-01-01")),
        ("last_day", day("2026-06-30")),
    ]);
    for column in frames()["params"].iter().filter(|column| column.name.starts_with("has_")) {
        params.insert(column.name.clone(), int(1));
    }
    params.extend(given.clone());
    let as_of = micros(&params["as_of_us"]).expect("an instant");
    params.entry("as_of_tod_us").or_insert_with(|| int(as_of.rem_euclid(MICROS_PER_DAY)));
    params
}

/// A row of `periods` from its name alone; what the case gives beside it wins.
fn whole_period(own: Toml, as_of: i64, headline: &str) -> Toml {
    let name = own["period"].as_str().expect("a period's name").to_string();
    let period: Period = name.parse().expect("a period");
    let mut whole = row([
        ("period", Value::from(name.clone())),
        ("grain", Value::from(period.grain().as_str())),
        ("start_us", int(period.start_us())),
        ("end_us", int(period.end_us())),
        ("t_us", int(period.end_us().min(as_of))),
        ("ordinal", int(period.ordinal())),
        ("is_headline", int(i64::from(name == headline))),
    ]);
    whole.extend(own);
    whole
}

/// Rows -> a table of these columns; a column that a row leaves out is null, one that the table lacks is a mistake.
fn table_of(name: &str, columns: &[(String, ColumnType)], rows: &[Toml]) -> Table {
    for row in rows {
        let unknown: Vec<&String> = row.keys().filter(|key| !columns.iter().any(|(column, _)| column == *key)).collect();
        assert!(unknown.is_empty(), "{name} has no column {unknown:?}");
    }
    let mut table = Table::default();
    for (column, kind) in columns {
        let cells = || rows.iter().map(|row| row.get(column).filter(|value| !is_null(value)));
        let ints = || cells().map(|cell| cell.map(|value| micros(value).unwrap_or_else(|| panic!("{name}.{column}: {value} is no integer"))));
        table.set(
            column,
            match kind {
                ColumnType::String => Column::Text(cells().map(|cell| cell.map(|value| value.as_str().expect("a text").to_string())).collect()),
                ColumnType::Bigint => Column::Int(ints().collect()),
                ColumnType::Timestamp => Column::Instant(ints().collect()),
                ColumnType::Date => Column::Date(ints().collect()),
                ColumnType::Smallint => Column::Small(ints().map(|cell| cell.map(|value| value as i16)).collect()),
                ColumnType::Double => Column::Double(cells().map(|cell| cell.map(|value| number(value).expect("a number"))).collect()),
                ColumnType::Boolean => Column::Flag(cells().map(|cell| cell.map(|value| value.as_bool().expect("a flag"))).collect()),
                ColumnType::List => Column::List(cells().map(|cell| cell.map(texts)).collect()),
            },
        );
    }
    table
}

fn texts(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().map(|item| item.as_str().expect("a text").to_string()).collect()
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|number| number as f64))
}

/// The tables a query may read: every frame (empty where the case gives none), and stand-ins with the columns of their query.
fn tables_of(bench: &Bench, given: &Toml) -> Result<BTreeMap<String, Table>, String> {
    let (given_frames, stand_ins) = frames_of(given);
    let mut tables = BTreeMap::new();
    for (name, schema) in frames() {
        let columns: Vec<(String, ColumnType)> = schema.iter().map(|column| (column.name.clone(), column.kind)).collect();
        let rows = given_frames.get(name).map(Vec::as_slice).unwrap_or_default();
        tables.insert(name.clone(), table_of(name, &columns, rows));
    }
    for (name, rows) in &stand_ins {
        let own = bench.run(&[name.as_str()], &tables)?.remove(name).expect("it was wanted");
        let columns: Vec<(String, ColumnType)> = own.columns.iter().map(|(column, values)| (column.clone(), kind_of(values))).collect();
        tables.insert(name.clone(), table_of(name, &columns, rows));
    }
    Ok(tables)
}

fn kind_of(column: &Column) -> ColumnType {
    match column {
        Column::Text(_) => ColumnType::String,
        Column::Int(_) => ColumnType::Bigint,
        Column::Double(_) => ColumnType::Double,
        Column::Flag(_) => ColumnType::Boolean,
        other => panic!("a query gives {other:?}, which the portable subset has no type for"),
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Running queries
// ---------------------------------------------------------------------------------------------------------------------

/// What stands under a name, and a digest of all it was made from.
type Made = (DataFrame, [u8; 32]);

/// Runs queries over given tables, each after those it reads. What was run over the same rows before is not run again: most
/// cases leave most frames empty.
struct Bench {
    catalog: Catalog,
    known: Mutex<HashMap<[u8; 32], DataFrame>>,
}

impl Bench {
    fn new() -> Bench {
        Bench { catalog: Catalog::new(&[]).expect("the catalog"), known: Mutex::default() }
    }

    fn run(&self, wanted: &[&str], tables: &BTreeMap<String, Table>) -> Result<BTreeMap<String, Table>, String> {
        let mut made = BTreeMap::new();
        for (name, table) in tables {
            let frame = to_polars(table).map_err(|error| format!("{name}: {error}"))?;
            made.insert(name.clone(), (frame, Sha256::digest(format!("{name} {table:?}")).into()));
        }
        for name in wanted {
            self.settle(name, &mut made)?;
        }
        wanted.iter().map(|name| Ok((name.to_string(), from_polars(&made[*name].0).map_err(|error| format!("{name}: {error}"))?))).collect()
    }

    fn settle(&self, name: &str, made: &mut BTreeMap<String, Made>) -> Result<(), String> {
        if made.contains_key(name) {
            return Ok(());
        }
        let query = self.catalog.queries.get(name).ok_or_else(|| format!("{name} is read, and is neither a frame nor a query"))?;
        let mut digest = Sha256::new().chain_update(name);
        for read in &query.reads {
            self.settle(read, made)?;
            digest.update(made[read].1);
        }
        let digest = digest.finalize().into();
        let known = self.known.lock().expect("no test panics with the lock").get(&digest).cloned();
        let rows = match known {
            Some(rows) => rows,
            None => {
                let inputs: Vec<_> = query.reads.iter().map(|read| (read.clone(), made[read].0.clone().lazy())).collect();
                run_sql(&query.sql, inputs).map_err(|error| format!("{name}: {error}"))?
            }
        };
        self.known.lock().expect("no test panics with the lock").insert(digest, rows.clone());
        made.insert(name.to_string(), (rows, digest));
        Ok(())
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// Expected rows
// ---------------------------------------------------------------------------------------------------------------------

fn cell(table: &Table, column: &str, row: usize) -> Option<Value> {
    match table.column(column)? {
        Column::Text(values) => values[row].clone().map(Value::String),
        Column::Int(values) => values[row].map(Value::Integer),
        Column::Double(values) => values[row].map(Value::Float),
        Column::Flag(values) => values[row].map(Value::Boolean),
        other => panic!("a query gives {other:?}, which the portable subset has no type for"),
    }
}

fn is_same(got: Option<&Value>, wanted: &Value) -> bool {
    if is_null(wanted) {
        return got.is_none();
    }
    let Some(got) = got else { return false };
    match (got, wanted) {
        (Value::Float(_), _) | (_, Value::Float(_)) => match (number(got), number(wanted)) {
            (Some(got), Some(wanted)) => (got - wanted).abs() <= 1e-9 * wanted.abs().max(1.0),
            _ => false,
        },
        (_, Value::Datetime(_)) => micros(wanted) == micros(got),
        _ => got == wanted,
    }
}

/// What is wrong with a case's result; empty when nothing is.
fn failures(bench: &Bench, case: &Case) -> Vec<String> {
    let result = tables_of(bench, &case.given()).and_then(|mut tables| {
        tables.remove(&case.query);
        bench.run(&[case.query.as_str()], &tables)
    });
    let table = match result {
        Ok(mut results) => results.remove(&case.query).expect("it was wanted"),
        Err(error) => return vec![error],
    };
    let mut failures = Vec::new();
    if let Some(wanted) = case.case.get("expect_rows").and_then(Value::as_integer)
        && wanted != table.rows() as i64
    {
        failures.push(format!("{} rows, {wanted} expected", table.rows()));
    }
    let is_metric = matches!(bench.catalog.queries[&case.query].role, Role::Metric(_));
    for mut wanted in case.expectations() {
        let key: Option<Vec<String>> = if is_metric {
            for (column, default) in METRIC_KEY {
                wanted.entry(column).or_insert_with(|| Value::from(default));
            }
            Some(METRIC_KEY.iter().map(|(column, _)| column.to_string()).collect())
        } else {
            case.case.get("key").map(texts)
        };
        failures.extend(missed(&table, &wanted, key.as_deref()));
    }
    failures
}

fn missed(table: &Table, wanted: &Toml, key: Option<&[String]>) -> Vec<String> {
    if let Some(unknown) = wanted.keys().find(|column| table.column(column).is_none()) {
        return vec![format!("the result has no column {unknown}")];
    }
    let fits = |row: &usize| {
        let mut columns = wanted.iter().filter(|(column, _)| key.is_none_or(|key| key.contains(column)));
        columns.all(|(column, value)| is_same(cell(table, column, *row).as_ref(), value))
    };
    let found: Vec<usize> = (0..table.rows()).filter(fits).collect();
    if found.is_empty() || (key.is_some() && found.len() > 1) {
        return vec![format!("{} rows fit {wanted}", found.len())];
    }
    let differs = |(column, value): (&String, &Value)| {
        let got = cell(table, column, found[0]);
        (!is_same(got.as_ref(), value)).then(|| {
            let name: Vec<String> =
                wanted.iter().filter(|(column, _)| key.is_some_and(|key| key.contains(column))).map(|(_, value)| value.to_string()).collect();
            format!("{}: {column} is {}, {value} expected", name.join(" "), got.map_or("null".into(), |got| got.to_string()))
        })
    };
    if key.is_none() { Vec::new() } else { wanted.iter().filter_map(differs).collect() }
}

// ---------------------------------------------------------------------------------------------------------------------
// The tests
// ---------------------------------------------------------------------------------------------------------------------

#[test]
fn every_case_holds_on_the_products_engine() {
    let bench = Bench::new();
    let cases = all_cases(&bench.catalog);
    let tell = |case: &Case| failures(&bench, case).into_iter().map(|failure| format!("{}: {}: {failure}", case.file, case.name())).collect::<Vec<_>>();
    let told: Vec<String> = with_room(|| cases.par_iter().flat_map_iter(tell).collect());
    assert!(cases.len() > 100, "only {} cases were found", cases.len());
    assert!(told.is_empty(), "{} of {} cases fail:\n{}", told.len(), cases.len(), told.join("\n"));
}

/// A metric without a case for nothing at all, or for an input that is absent, is where "0 incidents" is born.
#[test]
fn every_metric_has_cases_for_empty_and_for_absent_input() {
    let catalog = Catalog::new(&[]).expect("the catalog");
    let cases = all_cases(&catalog);
    let is_empty = |case: &&Case| {
        let given = case.given();
        let records = ["requests", "identity_events", "revocation_tickets", "cases", "calls"];
        records.iter().all(|frame| !given.contains_key(*frame)) && !case.expectations().is_empty()
    };
    let is_not_measured = |row: &Toml| row.get("status").and_then(Value::as_str) == Some("not_measured") && row.contains_key("reason");
    for id in catalog.definitions().keys() {
        let own: Vec<&Case> = cases.iter().filter(|case| case.query == *id).collect();
        assert!(own.len() >= 3, "{id} has {} cases", own.len());
        assert!(own.iter().any(&is_empty), "{id} has no case with empty input");
        assert!(own.iter().any(|case| case.expectations().iter().any(is_not_measured)), "{id} has no case that is not measured, with its reason");
        assert!(own.iter().all(|case| case.case.contains_key("expect") || case.case.contains_key("expect_rows")), "{id} has a case that expects nothing");
    }
    let entities: BTreeSet<&str> = catalog.entities().map(|(name, _)| name.as_str()).collect();
    let without: Vec<&&str> = entities.iter().filter(|entity| !cases.iter().any(|case| case.query == **entity)).collect();
    assert!(without.is_empty(), "entities without a case: {without:?}");
}

/// On no records at all, every query runs, and every metric has its rows for every period: columns as promised, sorted, unique.
#[test]
fn without_records_every_metric_still_has_a_row_for_every_period() {
    let bench = Bench::new();
    let catalog = &bench.catalog;
    let names: Vec<&str> = catalog.queries.keys().map(String::as_str).collect();
    for (input, has) in [("absent", 0), ("present but empty", 1)] {
        let params: Toml = frames()["params"].iter().filter(|column| column.name.starts_with("has_")).map(|column| (column.name.clone(), int(has))).collect();
        let mut given = Toml::new();
        given.insert("params".into(), Value::Table(params));
        let tables = tables_of(&bench, &given).expect("frames");
        let results = with_room(|| bench.run(&names, &tables)).unwrap_or_else(|error| panic!("input {input}: {error}"));
        for (id, definition) in catalog.definitions() {
            check_metric_rows(&format!("{id}, input {input}"), &results[&id], &definition.statistics.keys().cloned().collect(), has == 0);
        }
    }
}

fn check_metric_rows(what: &str, table: &Table, declared: &BTreeSet<String>, is_absent: bool) {
    let columns: Vec<(&str, &str)> = table.columns.iter().map(|(name, column)| (name.as_str(), type_name(column))).collect();
    assert_eq!(columns, METRIC_COLUMNS, "{what}");
    let key = |row: usize| METRIC_KEY.map(|(column, _)| table.text(column, row).expect("keys are never null").to_string());
    let keys: Vec<[String; 5]> = (0..table.rows()).map(key).collect();
    assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{what}: rows are not sorted, or not unique");
    let found: BTreeSet<String> = keys.iter().map(|key| key[0].clone()).collect();
    assert_eq!(found, *declared, "{what}: statistics of metric.toml and of the query");
    for statistic in declared {
        let of_all: BTreeSet<(&str, &str)> =
            keys.iter().filter(|key| key[0] == *statistic && key[3] == "all").map(|key| (key[1].as_str(), key[2].as_str())).collect();
        let wanted = BTreeSet::from([("quarter", HEADLINE), ("month", "2026-04"), ("month", "2026-05"), ("month", "2026-06")]);
        assert_eq!(of_all, wanted, "{what}: {statistic}");
    }
    for (row, key) in keys.iter().enumerate() {
        let is_measured = match table.text("status", row) {
            Some("measured") => true,
            Some("not_measured") => false,
            other => panic!("{what}: status {other:?}"),
        };
        assert!(!is_absent || !is_measured, "{what}: {:?} is measured though its input is absent", key);
        let reason = table.text("reason", row);
        assert_eq!(reason.is_some() && !is_measured, !is_measured, "{what}: {:?} gives no reason", key);
        assert!(is_measured || table.double("value", row).is_none(), "{what}: {:?} has a value though not measured", key);
    }
}

fn type_name(column: &Column) -> &'static str {
    match column {
        Column::Text(_) => "text",
        Column::Int(_) => "int",
        Column::Double(_) => "double",
        _ => "another type",
    }
}

/// The runner itself must be able to fail: a wrong value, a missing row, a wrong count and an unknown column are all told.
#[test]
fn a_case_that_does_not_hold_is_told() {
    let bench = Bench::new();
    let failing = |text: &str| {
        let case: Toml = text.parse().expect("a case");
        with_room(|| failures(&bench, &Case { query: "SC03".into(), file: "planted".into(), case }))
    };
    let given =
        "given.requests = [{ api = \"a\", event_us = 2026-05-04T00:00:00Z, decision = \"allowed\", auth_scheme = \"bearer\", proof = \"bound_downgraded\" }]\n";
    assert_eq!(failing(&format!("{given}expect = [{{ value = 1.0 }}]")), Vec::<String>::new());
    assert!(failing(&format!("{given}expect = [{{ value = 2.0 }}]"))[0].contains("value is 1.0, 2.0 expected"));
    assert!(failing(&format!("{given}expect = [{{ period = \"2026-Q3\" }}]"))[0].contains("0 rows fit"));
    assert!(failing(&format!("{given}expect = [{{ colour = 1 }}]"))[0].contains("no column colour"));
    assert!(failing(&format!("{given}expect_rows = 0"))[0].contains("0 expected"));
}
