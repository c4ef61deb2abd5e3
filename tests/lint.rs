//! The portable subset of SQL (queries/README.md, engine facts): what Polars, DuckDB, DataFusion and Spark answer alike.
//!
//! The walk is over the syntax tree of the parser that Polars itself uses. It allows what is listed and refuses the rest,
//! because what Polars does not know it often answers wrongly instead of refusing: an outer join on an inequality becomes an
//! inner one, a running sum without a frame merges ties, a CTE named like a frame reads the frame.

use crate::support::project;
use credlens::frame::schema::frames;
use credlens::metric::catalog::Catalog;
use sqlparser::ast::*;
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

const AGGREGATES: [&str; 4] = ["count", "sum", "min", "max"];
const FUNCTIONS: [&str; 10] = ["count", "sum", "min", "max", "lag", "row_number", "exp", "ln", "abs", "coalesce"];

/// What is wrong with a file, as `rule what: where`.
fn lint(sql: &str, frame_names: &BTreeSet<String>) -> Vec<String> {
    let mut lint = Lint { frames: frame_names, told: Vec::new(), directions: BTreeSet::new(), has_lag: false, is_grouped: false };
    match Parser::parse_sql(&GenericDialect {}, sql.trim().trim_end_matches(';')) {
        Ok(statements) => match statements.as_slice() {
            [Statement::Query(query)] => lint.file(query),
            _ => lint.tell("Q0 one query a file", &sql.len()),
        },
        Err(error) => lint.tell("Q0 cannot be parsed", &error),
    }
    lint.told
}

struct Lint<'a> {
    frames: &'a BTreeSet<String>,
    told: Vec<String>,
    /// Directions of all windows of the file.
    directions: BTreeSet<bool>,
    has_lag: bool,
    /// Whether the SELECT around has a GROUP BY.
    is_grouped: bool,
}

impl Lint<'_> {
    fn tell(&mut self, rule: &str, at: &dyn std::fmt::Display) {
        let place: String = at.to_string().chars().take(100).collect();
        self.told.push(format!("{rule}: {}", place.replace('\n', " ")));
    }

    fn file(&mut self, query: &Query) {
        self.query(query, true);
        if self.has_lag && self.directions.len() > 1 {
            self.tell("W1 LAG in a file whose windows run both ways", &"(the file)");
        }
        let is_ordered = matches!(&query.order_by, Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) if !keys.is_empty());
        if !is_ordered {
            self.tell("O1 the file ends in ORDER BY a unique key", &"(the file)");
        }
    }

    fn query(&mut self, query: &Query, is_top: bool) {
        if let Some(with) = &query.with {
            if !is_top {
                self.tell("C2 no WITH inside WITH", query);
            }
            if with.recursive {
                self.tell("C3 no recursion", query);
            }
            for cte in &with.cte_tables {
                if self.frames.contains(&cte.alias.name.value.to_lowercase()) {
                    self.tell("C1 a CTE hides a frame", &cte.alias);
                }
                self.query(&cte.query, false);
            }
        }
        let extras = [query.limit_clause.is_some(), query.fetch.is_some(), !query.locks.is_empty(), query.settings.is_some(), !query.pipe_operators.is_empty()];
        if extras.contains(&true) {
            self.tell("Q1 no LIMIT, FETCH or other clause", query);
        }
        self.body(&query.body);
        if let Some(order) = &query.order_by {
            match &order.kind {
                OrderByKind::Expressions(keys) => keys.iter().for_each(|key| self.order_key(key)),
                OrderByKind::All(_) => self.tell("O2 no ORDER BY ALL", order),
            }
        }
    }

    fn order_key(&mut self, key: &OrderByExpr) {
        if key.options.asc == Some(false) && key.options.nulls_first.is_none() {
            self.tell("O3 DESC says where nulls go", key);
        }
        self.expr(&key.expr, Place::Plain);
    }

    fn body(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::SetOperation { left, op: SetOperator::Union, set_quantifier: SetQuantifier::All, right } => {
                self.body(left);
                self.body(right);
            }
            other => self.tell("U1 only SELECT and UNION ALL", other),
        }
    }

    fn select(&mut self, select: &Select) {
        let outer = self.is_grouped;
        self.is_grouped = match &select.group_by {
            GroupByExpr::Expressions(keys, modifiers) => {
                if !modifiers.is_empty() {
                    self.tell("G1 no ROLLUP, CUBE or GROUPING SETS", select);
                }
                for key in keys {
                    match key {
                        Expr::Rollup(_) | Expr::Cube(_) | Expr::GroupingSets(_) => self.tell("G1 no ROLLUP, CUBE or GROUPING SETS", key),
                        key => self.expr(key, Place::Plain),
                    }
                }
                !keys.is_empty()
            }
            GroupByExpr::All(_) => {
                self.tell("G2 no GROUP BY ALL", select);
                true
            }
        };
        let extras = [
            select.top.is_some(),
            select.into.is_some(),
            !select.lateral_views.is_empty(),
            select.prewhere.is_some(),
            !select.connect_by.is_empty(),
            !select.cluster_by.is_empty(),
            !select.distribute_by.is_empty(),
            !select.sort_by.is_empty(),
            !select.named_window.is_empty(),
            select.qualify.is_some(),
            matches!(select.distinct, Some(Distinct::On(_))),
        ];
        if extras.contains(&true) {
            self.tell("Q2 no QUALIFY, DISTINCT ON or other clause", select);
        }
        match select.from.as_slice() {
            [] => self.tell("FR no SELECT without FROM", select),
            [table] => self.table(table),
            _ => self.tell("J5 joins are spelled out", select),
        }
        for item in &select.projection {
            self.column(item);
        }
        for condition in select.selection.iter().chain(&select.having) {
            self.expr(condition, Place::Plain);
        }
        self.is_grouped = outer;
    }

    fn column(&mut self, item: &SelectItem) {
        match item {
            SelectItem::UnnamedExpr(expr @ (Expr::Identifier(_) | Expr::CompoundIdentifier(_))) => self.expr(expr, Place::Plain),
            SelectItem::ExprWithAlias { expr, alias } => {
                match expr {
                    Expr::Value(ValueWithSpan { value: Value::Number(..), .. }) => self.tell("B1 an integer column is CAST to BIGINT", item),
                    Expr::Value(ValueWithSpan { value: Value::Null, .. }) => self.tell("P2 a null column is CAST", item),
                    _ => {}
                }
                let names = names_in_aggregates(expr);
                if names.contains(&alias.value.to_lowercase()) {
                    self.tell("P3 an aggregate's alias is the name of a column it reads", item);
                }
                self.expr(expr, Place::Plain);
            }
            other => self.tell("P1 no SELECT *, and an alias for every computed column", other),
        }
    }

    fn table(&mut self, table: &TableWithJoins) {
        self.factor(&table.relation);
        for join in &table.joins {
            self.factor(&join.relation);
            match &join.join_operator {
                JoinOperator::CrossJoin(JoinConstraint::None) => {}
                JoinOperator::Join(JoinConstraint::On(on)) | JoinOperator::Inner(JoinConstraint::On(on)) => self.join_condition(on),
                JoinOperator::Left(JoinConstraint::On(on)) | JoinOperator::LeftOuter(JoinConstraint::On(on)) => {
                    self.join_condition(on);
                    if !is_equalities_of_columns(on) {
                        self.tell("J1 an outer join is on equalities of plain columns", on);
                    }
                }
                JoinOperator::Join(JoinConstraint::None) | JoinOperator::Left(JoinConstraint::None) => self.tell("J5 a join says on what", join),
                _ => self.tell("J4 only INNER, CROSS and LEFT JOIN ... ON", join),
            }
        }
    }

    fn join_condition(&mut self, on: &Expr) {
        if has_or(on) {
            self.tell("J3 no OR in a join", on);
        }
        self.expr(on, Place::Plain);
    }

    fn factor(&mut self, factor: &TableFactor) {
        match factor {
            TableFactor::Table { args: None, sample: None, version: None, .. } => {}
            TableFactor::Derived { .. } => self.tell("S1 no subquery: write a CTE", factor),
            _ => self.tell("U2 only tables after FROM and JOIN", factor),
        }
    }

    fn expr(&mut self, expr: &Expr, place: Place) {
        match expr {
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {}
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {}
                Value::Number(..) => self.tell("L1 integer literals only", expr),
                Value::SingleQuotedString(_) | Value::Null | Value::Boolean(_) => {}
                _ => self.tell("L2 plain literals only", expr),
            },
            Expr::Nested(inner) => self.expr(inner, place),
            Expr::UnaryOp { op: UnaryOperator::Not | UnaryOperator::Minus, expr: inner } | Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
                self.expr(inner, Place::Plain)
            }
            Expr::BinaryOp { left, op, right } => {
                self.operator(expr, left, op, right);
                self.expr(left, Place::Plain);
                self.expr(right, Place::Plain);
            }
            Expr::Between { expr: inner, low, high, .. } => [inner, low, high].into_iter().for_each(|part| self.expr(part, Place::Plain)),
            Expr::InList { expr: inner, list, .. } => std::iter::once(&**inner).chain(list).for_each(|part| self.expr(part, Place::Plain)),
            Expr::Like { any: false, expr: inner, pattern, escape_char: None, .. } => {
                [inner, pattern].into_iter().for_each(|part| self.expr(part, Place::Plain))
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let parts = conditions.iter().flat_map(|when| [&when.condition, &when.result]);
                let parts: Vec<&Expr> = parts.chain(operand.as_deref()).chain(else_result.as_deref()).collect();
                parts.into_iter().for_each(|part| self.expr(part, Place::Plain));
            }
            Expr::Cast { kind: CastKind::Cast, expr: inner, data_type, array: false, format: None } => {
                if !matches!(data_type, DataType::BigInt(None) | DataType::Double(_)) {
                    self.tell("F2 CAST only to BIGINT or DOUBLE", expr);
                }
                self.expr(inner, Place::Cast);
            }
            Expr::Function(function) => self.function(function, place),
            Expr::Subquery(_) => self.tell("S1 no subquery: write a CTE", expr),
            Expr::Exists { .. } | Expr::InSubquery { .. } => self.tell("S2 no subquery in a condition: write a join", expr),
            Expr::Interval(_) => self.tell("T1 no INTERVAL", expr),
            _ => self.tell("F1 not in the portable list", expr),
        }
    }

    fn operator(&mut self, whole: &Expr, left: &Expr, op: &BinaryOperator, right: &Expr) {
        use BinaryOperator::*;
        match op {
            Plus | Minus | Multiply | Eq | NotEq | Lt | LtEq | Gt | GtEq | And | Or => {}
            Divide => {
                let is_double = |side: &Expr| match side {
                    Expr::Cast { .. } | Expr::Nested(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_) => true,
                    Expr::Function(function) => ["ln", "exp"].contains(&name_of(function).as_str()),
                    _ => false,
                };
                if !is_double(left) || !is_double(right) {
                    self.tell("D1 both sides are DOUBLE before dividing", whole);
                }
            }
            Modulo => self.tell("M1 no %", whole),
            StringConcat => self.tell("F3 no string concatenation", whole),
            _ => self.tell("F1 not in the portable list", whole),
        }
    }

    fn function(&mut self, function: &Function, place: Place) {
        let name = name_of(function);
        if name == "avg" {
            self.tell("A2 no AVG: a sum and a count", function);
        } else if !FUNCTIONS.contains(&name.as_str()) {
            self.tell("F1 not in the portable list", function);
        }
        if function.filter.is_some() || function.null_treatment.is_some() || !function.within_group.is_empty() {
            self.tell("A1 no FILTER, IGNORE NULLS or WITHIN GROUP", function);
        }
        if place != Place::Cast && ["count", "row_number"].contains(&name.as_str()) {
            self.tell("N1 COUNT and ROW_NUMBER stand in a CAST", function);
        }
        if place != Place::Cast && name == "sum" {
            self.tell("N2 SUM stands in a CAST", function);
        }
        let arguments = arguments_of(function);
        for argument in &arguments {
            if let Some(expr) = argument {
                self.expr(expr, Place::Plain);
            } else if name != "count" {
                self.tell("P1 no * but in COUNT(*)", function);
            }
        }
        match &function.over {
            None => {}
            Some(WindowType::WindowSpec(window)) => self.window(function, &name, &arguments, window),
            Some(_) => self.tell("Q2 no named window", function),
        }
    }

    fn window(&mut self, function: &Function, name: &str, arguments: &[Option<&Expr>], window: &WindowSpec) {
        let directions: BTreeSet<bool> = window.order_by.iter().map(|key| key.options.asc == Some(false)).collect();
        if directions.len() > 1 {
            self.tell("W2 one direction inside a window", function);
        }
        self.directions.extend(directions);
        window.partition_by.iter().for_each(|key| self.expr(key, Place::Plain));
        window.order_by.iter().for_each(|key| self.order_key(key));
        let is_running = !window.order_by.is_empty();
        if is_running && AGGREGATES.contains(&name) {
            let is_rows = window.window_frame.as_ref().is_some_and(|frame| {
                frame.units == WindowFrameUnits::Rows
                    && matches!(frame.start_bound, WindowFrameBound::Preceding(None))
                    && matches!(frame.end_bound, Some(WindowFrameBound::CurrentRow))
            });
            if !is_rows {
                self.tell("W3 a running aggregate has ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", function);
            }
            if matches!(arguments, [Some(Expr::Value(_))]) {
                self.tell("W5 no running aggregate of a literal", function);
            }
        }
        if name == "lag" {
            self.has_lag = true;
            if arguments.len() > 2 {
                self.tell("W4 no default of LAG", function);
            }
        }
        if arguments.iter().flatten().any(|argument| !names_in_aggregates(argument).is_empty() || has_aggregate(argument)) || self.is_grouped {
            self.tell("W7 no window over an aggregate or beside GROUP BY", function);
        }
    }
}

/// Where an expression stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Plain,
    /// Right inside a CAST.
    Cast,
}

fn name_of(function: &Function) -> String {
    function.name.to_string().to_lowercase()
}

/// The arguments of a function; `None` for `*`.
fn arguments_of(function: &Function) -> Vec<Option<&Expr>> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    list.args
        .iter()
        .map(|argument| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        })
        .collect()
}

fn has_or(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op: BinaryOperator::Or, .. } => true,
        Expr::BinaryOp { left, right, .. } => has_or(left) || has_or(right),
        Expr::Nested(inner) => has_or(inner),
        _ => false,
    }
}

fn is_equalities_of_columns(expr: &Expr) -> bool {
    let is_column = |expr: &Expr| matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
    match expr {
        Expr::Nested(inner) => is_equalities_of_columns(inner),
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => is_equalities_of_columns(left) && is_equalities_of_columns(right),
        Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => is_column(left) && is_column(right),
        _ => false,
    }
}

/// Calls `visit` for an expression and all in it.
fn each_expr<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e Expr)) {
    visit(expr);
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } | Expr::IsNull(inner) | Expr::IsNotNull(inner) | Expr::Cast { expr: inner, .. } => {
            each_expr(inner, visit)
        }
        Expr::BinaryOp { left, right, .. } => [left, right].into_iter().for_each(|side| each_expr(side, visit)),
        Expr::Between { expr: inner, low, high, .. } => [inner, low, high].into_iter().for_each(|part| each_expr(part, visit)),
        Expr::InList { expr: inner, list, .. } => std::iter::once(&**inner).chain(list).for_each(|part| each_expr(part, visit)),
        Expr::Case { operand, conditions, else_result, .. } => {
            let parts = conditions.iter().flat_map(|when| [&when.condition, &when.result]).chain(operand.as_deref()).chain(else_result.as_deref());
            parts.for_each(|part| each_expr(part, visit));
        }
        Expr::Function(function) => arguments_of(function).into_iter().flatten().for_each(|argument| each_expr(argument, visit)),
        _ => {}
    }
}

fn is_aggregate(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.over.is_none() && AGGREGATES.contains(&name_of(function).as_str()))
}

fn has_aggregate(expr: &Expr) -> bool {
    let mut found = false;
    each_expr(expr, &mut |part| found |= is_aggregate(part));
    found
}

/// Names of the columns that an expression with an aggregate reads.
fn names_in_aggregates(expr: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if has_aggregate(expr) {
        each_expr(expr, &mut |part| match part {
            Expr::Identifier(name) => drop(names.insert(name.value.to_lowercase())),
            Expr::CompoundIdentifier(path) => drop(path.last().map(|name| names.insert(name.value.to_lowercase()))),
            _ => {}
        });
    }
    names
}

// ---------------------------------------------------------------------------------------------------------------------
// The tests
// ---------------------------------------------------------------------------------------------------------------------

fn frame_names() -> BTreeSet<String> {
    let catalog = Catalog::new(&[]).expect("the catalog");
    frames().keys().chain(catalog.queries.keys()).map(|name| name.to_lowercase()).collect()
}

/// Every .sql file under `queries/`.
fn sql_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut waiting = vec![project().join("queries")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "sql") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

#[test]
fn every_query_stays_in_the_portable_subset() {
    let names = frame_names();
    let files = sql_files();
    assert!(files.len() >= 70, "only {} files were found", files.len());
    let mut told = Vec::new();
    for file in &files {
        let is_in = |folder: &str| file.components().any(|part| part.as_os_str() == folder);
        for problem in lint(&fs::read_to_string(file).expect("a readable file"), &names) {
            // Facts are sets that other queries read. Investigations answer people at a prompt: largest first, cut where it bores.
            let is_allowed = is_in("facts") && problem.starts_with("O1") || is_in("investigations") && (problem.starts_with("Q1") || problem.starts_with("O3"));
            if !is_allowed {
                told.push(format!("{}: {problem}", file.strip_prefix(project()).expect("a path below").display()));
            }
        }
    }
    assert!(told.is_empty(), "{} violations:\n{}", told.len(), told.join("\n"));
}

/// The last line of a query reads what the CTEs prepared, and says its grain or purpose where it is shared.
#[test]
fn facts_say_their_grain() {
    for file in sql_files().iter().filter(|file| file.components().any(|part| part.as_os_str() == "facts")) {
        let text = fs::read_to_string(file).expect("a readable file");
        assert!(text.starts_with("-- "), "{} has no comment that says its grain", file.display());
    }
}

/// Each rule can fail: a planted violation is told under its rule.
#[test]
fn each_rule_tells_its_violation() {
    let names = BTreeSet::from(["requests".to_string()]);
    let good = "with counted as (select api, cast(count(*) as bigint) as n from requests group by api) select api, n from counted order by api";
    assert_eq!(lint(good, &names), Vec::<String>::new());
    let planted = [
        ("Q0", "select a from t order by a; select b from t order by b"),
        ("Q0", "select a from t where order by a"),
        ("C1", "with requests as (select a from t) select a from requests order by a"),
        ("C2", "with x as (with y as (select a from t) select a from y) select a from x order by a"),
        ("C3", "with recursive x as (select a from t) select a from x order by a"),
        ("L1", "select a from t where b > 0.5 order by a"),
        ("L1", "select a from t where b > 1e6 order by a"),
        ("F1", "select round(a) as b from t order by b"),
        ("F1", "select a from t where regexp_like(a, 'x') order by a"),
        ("F1", "select date_trunc('month', a) as b from t order by b"),
        ("F2", "select cast(a as varchar) as b from t order by b"),
        ("F2", "select cast(a as integer) as b from t order by b"),
        ("F1", "select try_cast(a as bigint) as b from t order by b"),
        ("F3", "select a || 'x' as b from t order by b"),
        (
            "W1",
            "select lag(a, 1) over (order by b) as c, max(a) over (order by b desc nulls last rows between unbounded preceding and current row) as d from t order by c",
        ),
        ("W2", "select lag(a, 1) over (order by b, c desc nulls last) as d from t order by d"),
        ("W3", "select cast(sum(a) over (order by b) as bigint) as c from t order by c"),
        ("W3", "select cast(sum(a) over (order by b range between unbounded preceding and current row) as bigint) as c from t order by c"),
        ("W4", "select lag(a, 1, 0) over (order by b) as c from t order by c"),
        ("W5", "select cast(sum(1) over (order by b rows between unbounded preceding and current row) as bigint) as c from t order by c"),
        ("W7", "select cast(sum(count(*)) over () as bigint) as c from t order by c"),
        ("W7", "select a, max(a) over (partition by a) as c from t group by a order by a"),
        ("J1", "select t.a as a from t left join u on t.a < u.a order by a"),
        ("J1", "select t.a as a from t left join u on t.a = u.a and u.b = 1 order by a"),
        ("J3", "select t.a as a from t join u on t.a = u.a or t.b = u.b order by a"),
        ("J4", "select t.a as a from t join u using (a) order by a"),
        ("J4", "select t.a as a from t full outer join u on t.a = u.a order by a"),
        ("J4", "select t.a as a from t right join u on t.a = u.a order by a"),
        ("J5", "select t.a as a from t, u where t.a = u.a order by a"),
        ("S1", "select a from (select a from t) as u order by a"),
        ("S1", "select a from t where a = (select max(b) as c from u) order by a"),
        ("S2", "select a from t where a in (select b from u) order by a"),
        ("S2", "select a from t where exists (select b from u) order by a"),
        ("Q1", "select a from t order by a limit 1"),
        ("Q2", "select a from t qualify cast(row_number() over (order by a) as bigint) = 1 order by a"),
        ("Q2", "select distinct on (a) a, b from t order by a"),
        ("G1", "select a, cast(count(*) as bigint) as n from t group by rollup (a) order by a"),
        ("G2", "select a, cast(count(*) as bigint) as n from t group by all order by a"),
        ("A1", "select cast(count(*) filter (where a = 1) as bigint) as n from t order by n"),
        ("A2", "select avg(a) as b from t order by b"),
        ("T1", "select a from t where a > interval '1 day' order by a"),
        ("M1", "select a % 2 as b from t order by b"),
        ("P1", "select * from t order by a"),
        ("P1", "select t.* from t order by a"),
        ("P1", "select a + b from t order by a"),
        ("P2", "select null as b from t order by b"),
        ("P3", "select cast(sum(a) as bigint) as a from t order by a"),
        ("B1", "select 1 as b from t order by b"),
        ("N1", "select count(*) as n from t order by n"),
        ("N1", "select a, row_number() over (order by a) as n from t order by a"),
        ("N2", "select sum(a) as n from t order by n"),
        ("D1", "select 1 / 2 as b from t order by b"),
        ("U1", "select a from t union select a from u order by a"),
        ("U1", "select a from t except select a from u order by a"),
        ("U2", "select a from generate_series(1, 2) order by a"),
        ("FR", "select 'x' as a order by a"),
        ("O1", "select a from t"),
        ("O3", "select a from t order by a desc"),
    ];
    for (rule, sql) in planted {
        let told = lint(sql, &names);
        assert!(told.iter().any(|problem| problem.starts_with(rule)), "{rule} is not told for `{sql}`, but {told:?}");
    }
}

/// Unsafe code stands in three modules, and each use says why it is sound; all others forbid it.
#[test]
fn unsafe_code_stands_in_named_modules_and_says_why() {
    const ALLOWED: [&str; 3] = ["structural", "grammar", "shape"];
    const ON_THE_WAY: [&str; 2] = ["source", "decode"];
    for (name, bytes) in crate::support::files_under(&crate::support::project().join("src")) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let is_allowed = ALLOWED.iter().any(|module| name == format!("source/decode/{module}.rs"));
            if line.contains("unsafe {") || line.contains("unsafe fn") || line.contains("unsafe impl") {
                let above = &lines[number.saturating_sub(5)..number];
                assert!(is_allowed && above.iter().any(|line| line.contains("SAFETY:")), "{name}:{}: {line}", number + 1);
            }
            assert!(is_allowed || !line.contains("allow(unsafe_code)"), "{name}:{}: {line}", number + 1);
            if !["lib.rs", "source/mod.rs", "source/decode/mod.rs"].contains(&name.as_str()) {
                continue;
            }
            if let Some(module) = line.trim_start_matches("pub ").strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
                let leads_there = ALLOWED.contains(&module) || ON_THE_WAY.contains(&module);
                assert!(leads_there || lines[number - 1] == "#[forbid(unsafe_code)]", "{name}: {module} does not forbid unsafe code");
            }
        }
    }
}
