//! Frames -> the rows of every query, in graph order. The only file that knows the SQL engine.
//!
//! Queries marked `-- per: month` run over a few months of `requests` at a time, so that memory is bounded by the largest
//! months and not by the input; their results are put together. A fresh context per query: aliases leak between the
//! statements of one Polars SQL context.

use crate::frame::bridge::{from_polars, to_polars};
use crate::frame::build::Frames;
use crate::frame::schema::frames as frame_schemas;
use crate::frame::table::Table;
use crate::metric::catalog::{Catalog, Query, Role, is_per_month};
use polars::lazy::dsl;
use polars::prelude::{DataFrame, IntoLazy, LazyFrame, PlRefPath, PolarsError, ScanArgsParquet, UnionArgs, concat};
use polars::sql::SQLContext;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant};

/// Rows of `requests` that are looked at together.
const ROWS_AT_ONCE: u64 = 3_000_000;

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
pub fn run_catalog(catalog: &Catalog, frames: &Frames, small: &BTreeMap<String, Table>, wanted: &dyn Fn(&Query) -> bool) -> Result<Results, EngineError> {
    let mut run = Run::new(catalog, frames, small)?;
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

struct Run<'a> {
    catalog: &'a Catalog,
    frames: &'a Frames,
    /// Frames that can be read now.
    done: BTreeMap<String, DataFrame>,
    timings: BTreeMap<String, Duration>,
    request_columns: Vec<String>,
    pool: rayon::ThreadPool,
}

impl<'a> Run<'a> {
    fn new(catalog: &'a Catalog, frames: &'a Frames, small: &BTreeMap<String, Table>) -> Result<Self, EngineError> {
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
        let is_read = |column: &String| column != "month" && readers.iter().any(|query| mentions(&query.sql, column));
        let pool = rayon::ThreadPoolBuilder::new().stack_size(QUERY_STACK_BYTES).build();
        let pool = pool.map_err(|error| EngineError { query: "(any)".into(), message: error.to_string() })?;
        Ok(Run { catalog, frames, done, timings: BTreeMap::new(), request_columns: columns.filter(is_read).collect(), pool })
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

    /// Runs monthly queries over a few months at a time and puts their results together.
    fn run_monthly(&mut self, queries: &[&Query], waiting: &BTreeSet<&str>, wanted: &dyn Fn(&Query) -> bool) -> Result<(), EngineError> {
        let is_read = |name: &str| waiting.iter().any(|reader| self.catalog.queries[*reader].reads.contains(name));
        let kept: BTreeMap<String, bool> = queries.iter().map(|query| (query.name.clone(), wanted(query) || is_read(&query.name))).collect();
        let mut parts: BTreeMap<String, Vec<DataFrame>> = BTreeMap::new();
        for months in self.month_groups() {
            let mut here = BTreeMap::new();
            here.insert("requests".to_string(), self.requests(&months).map_err(|error| failed("requests", error))?);
            let mut left: Vec<&Query> = queries.to_vec();
            while !left.is_empty() {
                // Those that read nothing that is still to come.
                let (now, later): (Vec<&Query>, Vec<&Query>) =
                    left.iter().partition(|query| !query.reads.iter().any(|read| left.iter().any(|other| other.name == *read)));
                let results: Vec<_> = now.par_iter().map(|query| self.execute(query, &here)).collect();
                for (query, result) in now.iter().zip(results) {
                    let (rows, time) = result?;
                    *self.timings.entry(query.name.clone()).or_default() += time;
                    if kept[&query.name] {
                        parts.entry(query.name.clone()).or_default().push(rows.clone());
                    }
                    here.insert(query.name.clone(), rows);
                }
                left = later;
            }
        }
        for query in queries {
            let rows = parts.remove(&query.name).unwrap_or_default().into_iter().map(|rows| rows.lazy()).collect::<Vec<_>>();
            let rows = if rows.is_empty() {
                DataFrame::empty()
            } else {
                concat(rows, UnionArgs::default()).and_then(|all| all.collect()).map_err(|error| failed(&query.name, error))?
            };
            self.done.insert(query.name.clone(), rows);
        }
        Ok(())
    }

    /// Months in order, as many together as make a bearable number of rows; one empty group where there are no calls.
    fn month_groups(&self) -> Vec<Vec<String>> {
        let mut groups: Vec<Vec<String>> = vec![Vec::new()];
        let mut rows = 0;
        for (month, count) in &self.frames.request_months {
            if rows + count > ROWS_AT_ONCE && rows > 0 {
                groups.push(Vec::new());
                rows = 0;
            }
            rows += count;
            groups.last_mut().expect("one group is always there").push(month.clone());
        }
        groups
    }

    /// The columns of `requests` that queries read, of some months.
    fn requests(&self, months: &[String]) -> Result<DataFrame, PolarsError> {
        let columns: Vec<_> = self.request_columns.iter().map(|column| dsl::col(column.as_str())).collect();
        let scan = |month: &str| -> Result<LazyFrame, PolarsError> {
            let path = self.frames.folder.join(format!("requests/month={month}/part-0.parquet"));
            let args = ScanArgsParquet { hive_options: polars::prelude::HiveOptions::new_disabled(), ..Default::default() };
            let scan = LazyFrame::scan_parquet(PlRefPath::new(path.to_string_lossy()), args)?;
            Ok(scan.select(columns.clone()).with_column(dsl::lit(month.to_string()).alias("month")))
        };
        let months: Vec<&str> = if months.is_empty() { vec!["1970-01"] } else { months.iter().map(String::as_str).collect() };
        let scans = months.into_iter().map(scan).collect::<Result<Vec<_>, _>>()?;
        concat(scans, UnionArgs::default())?.collect()
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
        return from_polars(&run_sql(sql, frames).map_err(as_given)?).map_err(as_given);
    }
    let mut parts = Vec::new();
    for (month, file) in month_files(&place.join("frames/requests")).map_err(|error| as_given(error.into()))? {
        frames.insert("requests".to_string(), scan_month(&month, &file).map_err(as_given)?);
        parts.push(run_sql(sql, frames.clone()).map_err(as_given)?.lazy());
    }
    let rows = concat(parts, UnionArgs::default()).and_then(|all| all.collect()).map_err(as_given)?;
    from_polars(&rows).map_err(as_given)
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
    let frame = scan_folder(folder)?.limit(rows as u32).select([dsl::all().exclude_cols(["scopes", "required_scopes"]).as_expr()]).collect()?;
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
