//! Frames -> the rows of every query, in graph order. The only file that knows the SQL engine.
//!
//! Queries marked `-- per: month` run over a stretch of `requests` at a time, so that memory is bounded and does not grow with
//! the input; their results are put together. A fresh context per query: aliases leak between the
//! statements of one Polars SQL context.

use crate::frame::bridge::{from_polars, to_polars};
use crate::frame::build::Frames;
use crate::frame::schema::frames as frame_schemas;
use crate::frame::table::Table;
use crate::frame::write::ROW_GROUP_ROWS;
use crate::metric::catalog::{Catalog, Query, Role, is_per_month};
use crate::metric::merge::merge_of;
use polars::lazy::dsl;
use polars::prelude::{DataFrame, IntoLazy, LazyFrame, PlRefPath, PolarsError, ScanArgsParquet, UnionArgs, concat};
use polars::sql::SQLContext;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Memory that the queries of calls take for a call, about: the columns of `requests` and `calls`, and what joins keep of them.
const BYTES_PER_CALL: usize = 1_200;

/// Results of a query that wait before they are put together.
const PARTS_AT_ONCE: usize = 8;

/// Planning a query recurses deeply: in an unoptimised build it outgrows the 2 MiB that a pool's threads have by default.
const QUERY_STACK_BYTES: usize = 64 << 20;

/// What the queries gave.
#[derive(Debug, Default)]
pub struct Results {
    /// Rows of facts, entities and metrics, by query name.
    pub tables: BTreeMap<String, Table>,
    /// Time per query.
    pub timings: BTreeMap<String, Duration>,
}

/// A query that failed: which, and what the engine said.
#[derive(Debug, thiserror::Error)]
#[error("query {query}: {message}")]
pub struct EngineError {
    pub query: String,
    pub message: String,
}

fn failed(query: &str, error: PolarsError) -> EngineError {
    EngineError { query: query.to_string(), message: error.to_string() }
}

/// Runs one SQL text over lazily registered frames.
pub fn run_sql(sql: &str, frames: impl IntoIterator<Item = (String, LazyFrame)>) -> Result<DataFrame, PolarsError> {
    let mut context = SQLContext::new();
    for (name, frame) in frames {
        context.register(&name, frame);
    }
    context.execute(sql)?.collect()
}

/// Runs the whole catalog. `wanted` gives the results that are handed back; others live only while they are read.
///
/// `memory`: bytes that calls may take while they are looked at; results and entities come on top.
pub fn run_catalog(
    catalog: &Catalog,
    frames: &Frames,
    small: &BTreeMap<String, Table>,
    memory: usize,
    wanted: &dyn Fn(&Query) -> bool,
) -> Result<Results, EngineError> {
    let mut run = Run::new(catalog, frames, small, memory)?;
    let mut waiting: BTreeSet<&str> = catalog.queries.keys().map(String::as_str).collect();
    while !waiting.is_empty() {
        let ready: Vec<&Query> = waiting.iter().map(|name| &catalog.queries[*name]).filter(|query| !query.is_per_month && run.is_ready(query)).collect();
        if ready.is_empty() {
            let monthly = run.monthly_ready(&waiting);
            if monthly.is_empty() {
                let stuck = catalog.queries.values().find(|query| waiting.contains(query.name.as_str()));
                let stuck =
                    stuck.map(|query| (query.name.clone(), query.reads.iter().filter(|read| !run.done.contains_key(*read)).cloned().collect::<Vec<_>>()));
                let (query, missing) = stuck.unwrap_or_default();
                return Err(EngineError { query, message: format!("reads {}, which nothing provides", missing.join(", ")) });
            }
            for query in &monthly {
                waiting.remove(query.name.as_str());
            }
            run.run_monthly(&monthly, &waiting, wanted)?;
            continue;
        }
        run.run_together(&ready)?;
        for query in ready {
            waiting.remove(query.name.as_str());
        }
        run.forget_unread(&waiting, wanted);
    }
    run.into_results(wanted)
}

/// Results of a monthly query over several stretches as one. Rows of one group that were counted in several stretches are
/// added up as the query's last SELECT says.
fn together(query: &Query, mut parts: Vec<DataFrame>) -> Result<DataFrame, EngineError> {
    if parts.len() <= 1 {
        return Ok(parts.pop().unwrap_or_default());
    }
    let all = concat(parts.into_iter().map(|rows| rows.lazy()).collect::<Vec<_>>(), UnionArgs::default()).map_err(|error| failed(&query.name, error))?;
    match merge_of(&query.sql).map_err(|message| EngineError { query: query.name.clone(), message })? {
        Some(sql) => run_sql(&sql, [("parts".to_string(), all)]),
        None => all.collect(),
    }
    .map_err(|error| failed(&query.name, error))
}

struct Run<'a> {
    catalog: &'a Catalog,
    frames: &'a Frames,
    /// Frames that can be read now.
    done: BTreeMap<String, DataFrame>,
    timings: BTreeMap<String, Duration>,
    request_columns: Vec<String>,
    /// Calls that are looked at together at most.
    rows_at_once: usize,
    pool: rayon::ThreadPool,
}

/// A stretch of calls that is looked at together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stretch {
    /// Whole months; none where there are no calls.
    Months(Vec<String>),
    /// Rows of one month.
    Part { month: String, rows: std::ops::Range<usize>, is_last: bool },
}

impl<'a> Run<'a> {
    fn new(catalog: &'a Catalog, frames: &'a Frames, small: &BTreeMap<String, Table>, memory: usize) -> Result<Self, EngineError> {
        let mut done = BTreeMap::new();
        let mut add = |name: &str, table: &Table| -> Result<(), EngineError> {
            done.insert(name.to_string(), to_polars(table).map_err(|error| failed(name, error))?);
            Ok(())
        };
        add("identity_events", &frames.events)?;
        add("revocation_tickets", &frames.tickets)?;
        for (name, table) in small {
            add(name, table)?;
        }
        let readers: Vec<&Query> = catalog.queries.values().filter(|query| query.reads.contains("requests")).collect();
        let columns = frame_schemas()["requests"].iter().map(|column| column.name.clone());
        // Where a month is cut, its instants tell.
        let is_read = |column: &String| column != "month" && (column == "event_us" || readers.iter().any(|query| mentions(&query.sql, column)));
        let pool = rayon::ThreadPoolBuilder::new().stack_size(QUERY_STACK_BYTES).build();
        let pool = pool.map_err(|error| EngineError { query: "(any)".into(), message: error.to_string() })?;
        // Whole row groups, where there is room for one: each is then decoded once.
        let rows = (memory / BYTES_PER_CALL).max(1);
        let rows_at_once = if rows < ROW_GROUP_ROWS { rows } else { rows / ROW_GROUP_ROWS * ROW_GROUP_ROWS };
        Ok(Run { catalog, frames, done, timings: BTreeMap::new(), request_columns: columns.filter(is_read).collect(), rows_at_once, pool })
    }

    fn is_ready(&self, query: &Query) -> bool {
        query.reads.iter().all(|read| self.done.contains_key(read))
    }

    /// The monthly queries that can run now, each after those it reads.
    fn monthly_ready(&self, waiting: &BTreeSet<&str>) -> Vec<&'a Query> {
        let mut ready: Vec<&'a Query> = Vec::new();
        loop {
            let next = self.catalog.queries.values().find(|query| {
                query.is_per_month
                    && waiting.contains(query.name.as_str())
                    && !ready.iter().any(|other| other.name == query.name)
                    && query.reads.iter().all(|read| read == "requests" || self.done.contains_key(read) || ready.iter().any(|other| other.name == *read))
            });
            match next {
                Some(query) => ready.push(query),
                None => return ready,
            }
        }
    }

    /// Runs queries that do not read each other side by side: on little data most of a query's time is its planning.
    fn run_together(&mut self, queries: &[&Query]) -> Result<(), EngineError> {
        let (here, run) = (BTreeMap::new(), &*self);
        let results: Vec<_> = run.pool.install(|| queries.par_iter().map(|query| run.execute(query, &here)).collect());
        for (query, result) in queries.iter().zip(results) {
            let (rows, time) = result?;
            *self.timings.entry(query.name.clone()).or_default() += time;
            self.done.insert(query.name.clone(), rows);
        }
        Ok(())
    }

    fn execute(&self, query: &Query, here: &BTreeMap<String, DataFrame>) -> Result<(DataFrame, Duration), EngineError> {
        let start = Instant::now();
        let inputs = query.reads.iter().filter_map(|read| {
            let frame = here.get(read).or_else(|| self.done.get(read))?;
            Some((read.clone(), frame.clone().lazy()))
        });
        let rows = run_sql(&query.sql, inputs.collect::<Vec<_>>()).map_err(|error| failed(&query.name, error))?;
        Ok((rows, start.elapsed()))
    }

    /// Runs monthly queries over a stretch of calls at a time and puts their results together.
    fn run_monthly(&mut self, queries: &[&Query], waiting: &BTreeSet<&str>, wanted: &dyn Fn(&Query) -> bool) -> Result<(), EngineError> {
        let is_read = |name: &str| waiting.iter().any(|reader| self.catalog.queries[*reader].reads.contains(name));
        let kept: BTreeSet<&str> = queries.iter().filter(|query| wanted(query) || is_read(&query.name)).map(|query| query.name.as_str()).collect();
        let mut parts: BTreeMap<String, Vec<DataFrame>> = BTreeMap::new();
        let mut tail: Option<DataFrame> = None;
        for stretch in self.stretches() {
            let calls = self.calls(&stretch, &mut tail).map_err(|error| failed("requests", error))?;
            for (name, rows) in self.run_stretch(queries, calls)? {
                if kept.contains(name.as_str()) {
                    let query = &self.catalog.queries[&name];
                    let own = parts.entry(name).or_default();
                    own.push(rows);
                    if own.len() == PARTS_AT_ONCE {
                        let rows = together(query, std::mem::take(own))?;
                        own.push(rows);
                    }
                }
            }
        }
        for query in queries {
            let rows = together(query, parts.remove(&query.name).unwrap_or_default())?;
            self.done.insert(query.name.clone(), rows);
        }
        Ok(())
    }

    /// Runs monthly queries over some calls, each after those it reads.
    fn run_stretch(&mut self, queries: &[&Query], calls: DataFrame) -> Result<Vec<(String, DataFrame)>, EngineError> {
        let mut here = BTreeMap::from([("requests".to_string(), calls)]);
        let mut left: Vec<&Query> = queries.to_vec();
        while !left.is_empty() {
            // Those that read nothing that is still to come.
            let (now, later): (Vec<&Query>, Vec<&Query>) =
                left.iter().partition(|query| !query.reads.iter().any(|read| left.iter().any(|other| other.name == *read)));
            let results: Vec<_> = now.par_iter().map(|query| self.execute(query, &here)).collect();
            for (query, result) in now.iter().zip(results) {
                let (rows, time) = result?;
                *self.timings.entry(query.name.clone()).or_default() += time;
                here.insert(query.name.clone(), rows);
            }
            left = later;
        }
        here.remove("requests");
        Ok(here.into_iter().collect())
    }

    /// All calls in stretches that memory bears: months together while they are small, parts of a month where it is large.
    fn stretches(&self) -> Vec<Stretch> {
        let (mut stretches, mut months, mut rows) = (Vec::new(), Vec::new(), 0);
        for (month, count) in &self.frames.request_months {
            let count = *count as usize;
            if rows + count > self.rows_at_once && !months.is_empty() {
                stretches.push(Stretch::Months(std::mem::take(&mut months)));
                rows = 0;
            }
            if count <= self.rows_at_once {
                months.push(month.clone());
                rows += count;
                continue;
            }
            for start in (0..count).step_by(self.rows_at_once) {
                let end = (start + self.rows_at_once).min(count);
                stretches.push(Stretch::Part { month: month.clone(), rows: start..end, is_last: end == count });
            }
        }
        if !months.is_empty() || stretches.is_empty() {
            stretches.push(Stretch::Months(months));
        }
        stretches
    }

    /// The columns of `requests` that queries read, of a stretch. Calls of one instant stay together: those of a part's last
    /// instant wait in `tail` for the next part.
    fn calls(&self, stretch: &Stretch, tail: &mut Option<DataFrame>) -> Result<DataFrame, PolarsError> {
        match stretch {
            Stretch::Months(months) => {
                let months: Vec<&str> = if months.is_empty() { vec!["1970-01"] } else { months.iter().map(String::as_str).collect() };
                concat(months.into_iter().map(|month| self.scan(month)).collect::<Result<Vec<_>, _>>()?, UnionArgs::default())?.collect()
            }
            Stretch::Part { month, rows, is_last } => {
                let mut calls = self.scan(month)?.slice(rows.start as i64, rows.len() as u32).collect()?;
                if let Some(tail) = tail.take() {
                    calls = concat([tail.lazy(), calls.lazy()], UnionArgs::default())?.collect()?;
                }
                if !is_last {
                    let instants = calls.column("event_us")?.i64()?;
                    let last = instants.get(instants.len() - 1);
                    let whole = (0..instants.len()).rev().find(|&row| instants.get(row) != last).map_or(0, |row| row + 1);
                    *tail = Some(calls.slice(whole as i64, calls.height() - whole));
                    calls = calls.slice(0, whole);
                }
                Ok(calls)
            }
        }
    }

    fn scan(&self, month: &str) -> Result<LazyFrame, PolarsError> {
        let columns: Vec<_> = self.request_columns.iter().map(|column| dsl::col(column.as_str())).collect();
        let path = self.frames.folder.join(format!("requests/month={month}/part-0.parquet"));
        Ok(scan_file(&path)?.select(columns).with_column(dsl::lit(month.to_string()).alias("month")))
    }

    /// Drops what no waiting query reads and nobody wants.
    fn forget_unread(&mut self, waiting: &BTreeSet<&str>, wanted: &dyn Fn(&Query) -> bool) {
        let catalog = self.catalog;
        self.done.retain(|name, _| catalog.queries.get(name).is_none_or(wanted) || waiting.iter().any(|reader| catalog.queries[*reader].reads.contains(name)));
    }

    fn into_results(self, wanted: &dyn Fn(&Query) -> bool) -> Result<Results, EngineError> {
        let mut tables = BTreeMap::new();
        for (name, frame) in &self.done {
            if self.catalog.queries.get(name).is_some_and(wanted) {
                tables.insert(name.clone(), from_polars(frame).map_err(|error| failed(name, error))?);
            }
        }
        Ok(Results { tables, timings: self.timings })
    }
}

/// Runs SQL over a finished run: its frames, its Parquet files, and, where the SQL reads them, the catalog's facts.
pub fn query_run(catalog: &Catalog, folder: &Path, sql: &str) -> Result<Table, EngineError> {
    query_run_with(catalog, folder, sql, &BTreeMap::new())
}

/// The same with tables of the caller beside the run's. SQL whose head says `-- per: month` sees the calls of one month at a
/// time, so that memory is bounded by the largest month, and its results are put together.
pub fn query_run_with(catalog: &Catalog, folder: &Path, sql: &str, own: &BTreeMap<String, Table>) -> Result<Table, EngineError> {
    let as_given = |error| failed("as given", error);
    let place = folder.join("parquet");
    let mut frames = run_frames(catalog, &place, sql, own)?;
    if !is_per_month(sql) || !frames.contains_key("requests") {
        let rows = match run_sql(sql, frames.clone()) {
            // Counting the rows of several files and nothing else: the optimiser adds the counts in a type that is left out
            // of this build. With a column in memory it counts that one.
            Err(error) if error.to_string().contains("UInt128") => run_sql(sql, in_memory(frames, sql).map_err(as_given)?),
            rows => rows,
        };
        return from_polars(&rows.map_err(as_given)?).map_err(as_given);
    }
    let mut parts = Vec::new();
    for (month, file) in month_files(&place.join("frames/requests")).map_err(|error| as_given(error.into()))? {
        frames.insert("requests".to_string(), scan_month(&month, &file).map_err(as_given)?);
        parts.push(run_sql(sql, frames.clone()).map_err(as_given)?.lazy());
    }
    let rows = concat(parts, UnionArgs::default()).and_then(|all| all.collect()).map_err(as_given)?;
    from_polars(&rows).map_err(as_given)
}

/// Frames of months with only those columns that a text names, or their first.
fn in_memory(frames: BTreeMap<String, LazyFrame>, sql: &str) -> Result<BTreeMap<String, LazyFrame>, PolarsError> {
    let mut loaded = BTreeMap::new();
    for (name, mut frame) in frames {
        let columns: Vec<String> = frame.collect_schema()?.iter_names().map(|column| column.to_string()).collect();
        let mut named: Vec<&String> = columns.iter().filter(|column| mentions(sql, column)).collect();
        if named.is_empty() {
            named.extend(columns.first());
        }
        let frame = match frame_schemas().contains_key(&name) {
            true => frame.select(named.into_iter().map(|column| dsl::col(column.as_str())).collect::<Vec<_>>()).collect()?.lazy(),
            false => frame,
        };
        loaded.insert(name, frame);
    }
    Ok(loaded)
}

/// What a text reads, by name: the caller's tables, the run's files, and facts, which are computed again.
fn run_frames(catalog: &Catalog, place: &Path, sql: &str, own: &BTreeMap<String, Table>) -> Result<BTreeMap<String, LazyFrame>, EngineError> {
    let mut frames: BTreeMap<String, LazyFrame> = BTreeMap::new();
    let mut waiting: Vec<String> = crate::metric::catalog::frames_read(sql).into_iter().collect();
    let mut order: Vec<String> = Vec::new();
    while let Some(name) = waiting.pop() {
        if frames.contains_key(&name) || order.contains(&name) {
            continue;
        }
        let found = match own.get(&name) {
            Some(table) => to_polars(table).map(|frame| Some(frame.lazy())),
            None => scan_run(place, &name),
        };
        match found.map_err(|error| failed(&name, error))? {
            Some(frame) => drop(frames.insert(name, frame)),
            None => {
                let reads = catalog.queries.get(&name).map(|query| query.reads.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
                waiting.extend(reads);
                order.push(name);
            }
        }
    }
    // Facts are computed again, each after those it reads.
    while !order.is_empty() {
        let is_ready = |name: &String| catalog.queries.get(name).is_some_and(|query| query.reads.iter().all(|read| frames.contains_key(read)));
        let Some(at) = order.iter().position(is_ready) else { break };
        let name = order.remove(at);
        let inputs = catalog.queries[&name].reads.iter().map(|read| (read.clone(), frames[read].clone()));
        let rows = run_sql(&catalog.queries[&name].sql, inputs.collect::<Vec<_>>()).map_err(|error| failed(&name, error))?;
        frames.insert(name, rows.lazy());
    }
    Ok(frames)
}

/// A frame or Parquet file of a run, if it has one of that name.
fn scan_run(place: &Path, name: &str) -> Result<Option<LazyFrame>, PolarsError> {
    let (folder, small, file) = (place.join("frames").join(name), place.join(format!("frames/{name}.parquet")), place.join(format!("{name}.parquet")));
    if folder.is_dir() {
        return scan_folder(&folder).map(Some);
    }
    for path in [small, file] {
        if path.is_file() {
            return scan_file(&path).map(Some);
        }
    }
    Ok(None)
}

fn scan_file(path: &Path) -> Result<LazyFrame, PolarsError> {
    let args = ScanArgsParquet { hive_options: polars::prelude::HiveOptions::new_disabled(), ..Default::default() };
    LazyFrame::scan_parquet(PlRefPath::new(path.to_string_lossy()), args)
}

/// A frame partitioned by month, the month as a column.
fn scan_folder(folder: &Path) -> Result<LazyFrame, PolarsError> {
    let scans = month_files(folder)?.into_iter().map(|(month, file)| scan_month(&month, &file));
    concat(scans.collect::<Result<Vec<_>, PolarsError>>()?, UnionArgs::default())
}

/// Month and file of a partitioned frame, in order.
fn month_files(folder: &Path) -> std::io::Result<Vec<(String, std::path::PathBuf)>> {
    let mut months: Vec<_> = std::fs::read_dir(folder)?.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    months.sort();
    let name = |month: &Path| month.file_name().map(|name| name.to_string_lossy().replace("month=", "")).unwrap_or_default();
    Ok(months.iter().map(|month| (name(month), month.join("part-0.parquet"))).collect())
}

fn scan_month(month: &str, file: &Path) -> Result<LazyFrame, PolarsError> {
    Ok(scan_file(file)?.with_column(dsl::lit(month.to_string()).alias("month")))
}

/// The first rows of a frame partitioned by month, lists left out.
pub fn read_parquet_folder(folder: &Path, rows: usize) -> Result<Table, PolarsError> {
    let frame = scan_folder(folder)?
        .limit(rows as u32)
        .with_columns(["scopes", "required_scopes"].map(|column| dsl::col(column).list().join(dsl::lit(" "), true)))
        .collect()?;
    from_polars(&frame)
}

/// True when a query's text names a column.
fn mentions(sql: &str, column: &str) -> bool {
    sql.match_indices(column).any(|(at, _)| {
        let is_word = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        !is_word(sql.as_bytes()[..at].last()) && !is_word(sql.as_bytes().get(at + column.len()))
    })
}

/// True for the results that become files: entities, their lists and metrics.
pub fn is_output(query: &Query) -> bool {
    !matches!(query.role, Role::Fact) || is_list(&query.name)
}

/// A fact that holds an entity's list column: `apis_broad_scopes`.
pub fn is_list(name: &str) -> bool {
    ENTITY_LISTS.iter().any(|(entity, list, _)| name == format!("{entity}_{list}"))
}

/// (entity, list column, key columns shared by both) of every list column.
pub const ENTITY_LISTS: [(&str, &str, &[&str]); 3] =
    [("apis", "broad_scopes", &["period", "api"]), ("revocations", "apis_reached", &["case_id"]), ("revocations", "scopes_used", &["case_id"])];
