//! How the results of a query over stretches of calls become its result over all of them.
//!
//! A query marked `-- per: month` sees calls of whole instants. Where its last SELECT has no groups its rows simply stand
//! together. Where it has, its counts and sums are added up and its smallest and largest values compared, by the same keys:
//! that is read off the SELECT itself, so that a metric's SQL stays its only definition.

use sqlparser::ast::{Expr, FunctionArguments, GroupByExpr, Select, SelectItem, SetExpr, Statement};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;

/// SQL over `parts` (results of stretches, one below the other) that gives the whole result; `None` if they are it already.
/// An error says what cannot be added up.
pub fn merge_of(sql: &str) -> Result<Option<String>, String> {
    let select = last_select(sql)?;
    let GroupByExpr::Expressions(keys, _) = &select.group_by else { return Err("groups by ALL".into()) };
    if keys.is_empty() {
        return if select.distinct.is_some() { Err("selects distinct rows".into()) } else { Ok(None) };
    }
    let (mut columns, mut groups) = (Vec::new(), Vec::new());
    for item in &select.projection {
        let (expression, name) = match item {
            SelectItem::ExprWithAlias { expr, alias } => (expr, alias.value.clone()),
            SelectItem::UnnamedExpr(expr @ Expr::Identifier(name)) => (expr, name.value.clone()),
            other => return Err(format!("`{other}` has no name")),
        };
        columns.push(match aggregate(expression).as_deref() {
            Some("count" | "sum") => format!("cast(sum({name}) as bigint) as {name}"),
            Some(function @ ("min" | "max")) => format!("{function}({name}) as {name}"),
            Some(function) => return Err(format!("{function}() of parts is not {function}() of all")),
            None => {
                groups.push(name.clone());
                name
            }
        });
    }
    if groups.len() != keys.len() {
        return Err("a key of its groups is not in its rows".into());
    }
    Ok(Some(format!("select {} from parts group by {}", columns.join(", "), groups.join(", "))))
}

fn last_select(sql: &str) -> Result<Select, String> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql).map_err(|error| error.to_string())?;
    match statements.into_iter().last() {
        Some(Statement::Query(query)) => match *query.body {
            SetExpr::Select(select) => Ok(*select),
            _ => Err("its last SELECT is a union".into()),
        },
        _ => Err("is no query".into()),
    }
}

/// The aggregate function that an expression is, a cast around it left off.
fn aggregate(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => aggregate(expr),
        Expr::Function(function) if matches!(function.args, FunctionArguments::List(_)) => Some(function.name.to_string().to_lowercase()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_extremes_compare() {
        let sql = "with a as (select 1 as x from requests group by x)
            select month, a.k as k, cast(count(*) as bigint) as n, cast(sum(v) as bigint) as s, min(t) as first_us, max(t) as last_us from a group by month, a.k";
        let merged = "select month, k, cast(sum(n) as bigint) as n, cast(sum(s) as bigint) as s, min(first_us) as first_us, max(last_us) as last_us \
            from parts group by month, k";
        assert_eq!(merge_of(sql).unwrap().as_deref(), Some(merged));
        assert_eq!(merge_of("select month, x from requests").unwrap(), None);
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        for sql in [
            "select month, avg(x) as x from requests group by month",
            "select cast(count(*) as bigint) as n from requests group by month",
            "select distinct month from requests",
            "select month from requests union all select month from requests",
        ] {
            assert!(merge_of(sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn every_monthly_query_of_the_catalog_can_be_put_together() {
        let catalog = crate::metric::catalog::Catalog::new(&[]).unwrap();
        let monthly: Vec<_> = catalog.queries.values().filter(|query| query.is_per_month).collect();
        assert!(monthly.len() >= 9);
        for query in monthly {
            let merge = merge_of(&query.sql).unwrap_or_else(|error| panic!("{}: {error}", query.name));
            assert_eq!(merge.is_none(), matches!(query.name.as_str(), "calls" | "partly_misses"), "{}", query.name);
        }
    }
}
