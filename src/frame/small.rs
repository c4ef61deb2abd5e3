//! The small frames that queries read beside the record frames: inventories, scope verdicts, the calendar, parameters.
//!
//! What portable SQL cannot say (calendar, grammar, patterns) is worked out here and written to Parquet with the rest, so
//! that every engine reads the same.

use crate::frame::build::Frames;
use crate::frame::schema::frames;
use crate::frame::table::{Column, Table};
use crate::metric::judge::Z_95;
use crate::metric::settings::{MeasureSettings, SECRET_KINDS, TOKEN_KINDS};
use crate::period::{Grain, Period};
use crate::record::inventory::Inventory;
use crate::record::scope::{ScopeGrammar, family, glob_matches};
use crate::record::time::{MICROS_PER_DAY, day_of};
use std::collections::{BTreeMap, BTreeSet};

/// Which period is reported and when facts are judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    pub headline: Period,
    pub as_of_us: i64,
    /// Quarters and months that the data touches, and the headline period.
    pub periods: Vec<Period>,
    /// First and last day with calls before `as_of`, strays left out.
    pub horizon: Option<(i64, i64)>,
    /// Days with calls so few and so far from all others that a clock must have been wrong.
    pub stray_days: Vec<i64>,
}

/// Days without a call that set what lies beyond them apart.
pub const STRAY_GAP_DAYS: i64 = 366;
/// Of so many calls, fewer than one may lie apart and still be strays.
const STRAY_SHARE: u64 = 100;

impl Calendar {
    /// Resolves period and `as_of` against the data. Without a wish: the last quarter that the calls cover completely, else
    /// the last quarter with data.
    pub fn resolve(frames: &Frames, period: Option<Period>, as_of_us: Option<i64>) -> Option<Calendar> {
        let event_days = frames.events.column("event_us").map(Column::ints).unwrap_or_default().iter().flatten().map(|at| day_of(*at));
        let ticket_days = frames.tickets.column("reported_us").map(Column::ints).unwrap_or_default().iter().flatten().map(|at| day_of(*at));
        let days: BTreeSet<i64> = frames.request_days.keys().copied().chain(event_days).chain(ticket_days).collect();
        let all = (days.first().copied(), days.last().copied());
        let steady = steady_days(&frames.request_days);
        let calls = (steady.first().copied(), steady.last().copied());
        // What lies at or after `as_of` does not count, so it cannot be reported either.
        let before = |(first, last): (Option<i64>, Option<i64>)| (first, last.map(|last| as_of_us.map_or(last, |at| last.min(day_of(at - 1)))));
        let headline = match period {
            Some(period) => period,
            None => default_headline(before(if calls.0.is_some() { calls } else { all }))?,
        };
        let as_of_us = as_of_us.unwrap_or(headline.end_us());
        let mut periods: BTreeSet<Period> = BTreeSet::new();
        for grain in [Grain::Quarter, Grain::Month] {
            periods.extend(days.iter().filter(|day| *day * MICROS_PER_DAY < as_of_us).filter_map(|day| Period::containing(day * MICROS_PER_DAY, grain)));
        }
        periods.insert(headline);
        let before = |day: &&i64| **day * MICROS_PER_DAY < as_of_us;
        let horizon = steady.iter().find(before).copied().zip(steady.iter().rev().find(before).copied());
        let stray_days = frames.request_days.keys().filter(|day| !steady.contains(day)).copied().collect();
        Some(Calendar { headline, as_of_us, periods: periods.into_iter().collect(), horizon, stray_days })
    }

    /// True when the log's horizon covers `[from, to)`.
    pub fn covers(&self, from_us: i64, to_us: i64) -> bool {
        self.horizon.is_some_and(|(first, last)| first * MICROS_PER_DAY <= from_us && to_us <= (last + 1) * MICROS_PER_DAY)
    }

    /// True when the data does not cover a whole period.
    pub fn is_partial(&self, period: &Period) -> bool {
        period.end_us() > self.as_of_us || !self.covers(period.start_us(), period.end_us())
    }
}

/// Days with calls, without strays: one call of the year 1970 or 9999 must neither choose the period nor make it seem that the
/// log covers everything in between.
fn steady_days(calls: &BTreeMap<i64, u64>) -> BTreeSet<i64> {
    let days: Vec<i64> = calls.keys().copied().collect();
    let total: u64 = calls.values().sum();
    let mut groups: Vec<&[i64]> = days.chunk_by(|one, next| next - one <= STRAY_GAP_DAYS).collect();
    let is_stray = |group: &[i64]| group.iter().map(|day| calls[day]).sum::<u64>() * STRAY_SHARE < total;
    while groups.len() > 1 && is_stray(groups[0]) {
        groups.remove(0);
    }
    while groups.len() > 1 && groups.last().is_some_and(|group| is_stray(group)) {
        groups.pop();
    }
    groups.concat().into_iter().collect()
}

fn default_headline(days: (Option<i64>, Option<i64>)) -> Option<Period> {
    let (first, last) = (days.0?, days.1?);
    let newest = Period::containing(last * MICROS_PER_DAY, Grain::Quarter)?;
    let is_complete = |period: &Period| first * MICROS_PER_DAY <= period.start_us() && period.end_us() <= (last + 1) * MICROS_PER_DAY;
    if is_complete(&newest) {
        return Some(newest);
    }
    newest.previous().filter(is_complete).or(Some(newest))
}

/// Builds every small frame, by name.
pub fn small_frames(
    frames_read: &Frames,
    inventory: &Inventory,
    calendar: &Calendar,
    measure: &MeasureSettings,
    grammar: &ScopeGrammar,
) -> BTreeMap<String, Table> {
    let mut tables = BTreeMap::new();
    inventory_tables(inventory, measure, &mut tables);
    scope_tables(frames_read, inventory, grammar, &mut tables);
    limit_tables(measure, &mut tables);
    calendar_tables(calendar, measure, &mut tables);
    tables.insert("params".into(), params_table(frames_read, inventory, calendar, measure));
    for (name, table) in &tables {
        debug_assert_eq!(
            table.columns.iter().map(|(column, _)| column.as_str()).collect::<Vec<_>>(),
            frames()[name].iter().map(|column| column.name.as_str()).collect::<Vec<_>>(),
            "columns of {name}"
        );
    }
    tables
}

fn texts<'a, T: 'a>(rows: &'a [T], value: impl Fn(&'a T) -> Option<&'a String>) -> Column {
    Column::Text(rows.iter().map(|row| value(row).cloned()).collect())
}

fn inventory_tables(inventory: &Inventory, measure: &MeasureSettings, tables: &mut BTreeMap<String, Table>) {
    let rows = &inventory.identities;
    let created: Vec<Option<i64>> = rows.iter().map(|row| row.created_us).collect();
    let mut table = Table::default();
    table.set("identity", texts(rows, |row| Some(&row.identity)));
    table.set("kind", texts(rows, |row| row.kind.as_ref()));
    table.set("owner", texts(rows, |row| row.owner.as_ref()));
    table.set("owner_status", texts(rows, |row| row.owner_status.as_ref()));
    table.set("environment", texts(rows, |row| row.environment.as_ref()));
    table.set("criticality", texts(rows, |row| row.criticality.as_ref()));
    table.set("created_at", Column::Instant(created.clone()));
    table.set("created_us", Column::Int(created));
    tables.insert("inventory_identities".into(), table);

    let rows = &inventory.apis;
    let mut table = Table::default();
    table.set("api", texts(rows, |row| Some(&row.api)));
    table.set("owner", texts(rows, |row| row.owner.as_ref()));
    table.set("environment", texts(rows, |row| row.environment.as_ref()));
    table.set("criticality", texts(rows, |row| row.criticality.as_ref()));
    table.set("is_external", Column::Flag(rows.iter().map(|row| row.is_external).collect()));
    table.set("declared_proof", texts(rows, |row| row.declared_proof.as_ref()));
    tables.insert("inventory_apis".into(), table);

    let rows = &inventory.grants;
    let granted: Vec<Option<i64>> = rows.iter().map(|row| row.granted_us).collect();
    let removed: Vec<Option<i64>> = rows.iter().map(|row| row.removed_us).collect();
    let mut table = Table::default();
    table.set("identity", texts(rows, |row| Some(&row.identity)));
    table.set("scope", texts(rows, |row| Some(&row.scope)));
    table.set("api", texts(rows, |row| row.api.as_ref()));
    table.set("granted_at", Column::Instant(granted.clone()));
    table.set("removed_at", Column::Instant(removed.clone()));
    table.set("granted_us", Column::Int(granted));
    table.set("removed_us", Column::Int(removed));
    tables.insert("inventory_grants".into(), table);

    let rows = &inventory.exceptions;
    let approved: Vec<Option<i64>> = rows.iter().map(|row| row.approved_us).collect();
    let expires: Vec<Option<i64>> = rows.iter().map(|row| row.expires_us).collect();
    let expiry = rows.iter().map(|row| row.expires_us.or(row.approved_us.map(|at| at + measure.exception_days * MICROS_PER_DAY))).collect();
    let mut table = Table::default();
    table.set("id", texts(rows, |row| Some(&row.id)));
    table.set("control", texts(rows, |row| Some(&row.control)));
    table.set("api", texts(rows, |row| row.api.as_ref()));
    table.set("identity", texts(rows, |row| row.identity.as_ref()));
    table.set("reason", texts(rows, |row| row.reason.as_ref()));
    table.set("owner", texts(rows, |row| row.owner.as_ref()));
    table.set("approved_at", Column::Instant(approved.clone()));
    table.set("expires_at", Column::Instant(expires));
    table.set("approved_us", Column::Int(approved));
    table.set("expiry_us", Column::Int(expiry));
    table.set("compensating_control", texts(rows, |row| row.compensating_control.as_ref()));
    tables.insert("exception_register".into(), table);
}

fn scope_tables(frames_read: &Frames, inventory: &Inventory, grammar: &ScopeGrammar, tables: &mut BTreeMap<String, Table>) {
    let sets = &frames_read.scope_sets;
    let mut scopes: BTreeSet<String> = BTreeSet::new();
    for set in 0..sets.len() as i64 {
        scopes.extend(sets.scopes(set).map(str::to_string));
    }
    scopes.extend(inventory.grants.iter().map(|grant| grant.scope.clone()));
    let scopes: Vec<String> = scopes.into_iter().collect();
    let broad: BTreeMap<&str, i64> = scopes.iter().map(|scope| (scope.as_str(), i64::from(grammar.is_broad(scope)))).collect();

    let mut table = Table::default();
    table.set("scope", Column::Text(scopes.iter().cloned().map(Some).collect()));
    table.set("is_broad", Column::Int(scopes.iter().map(|scope| Some(broad[scope.as_str()])).collect()));
    tables.insert("scopes".into(), table);

    let members: Vec<(i64, &str)> = (0..sets.len() as i64).flat_map(|set| sets.scopes(set).map(move |scope| (set, scope))).collect();
    let mut table = Table::default();
    table.set("scope_set", Column::Int(members.iter().map(|(set, _)| Some(*set)).collect()));
    table.set("scope", Column::Text(members.iter().map(|(_, scope)| Some(scope.to_string())).collect()));
    table.set("is_broad", Column::Int(members.iter().map(|(_, scope)| Some(broad[scope])).collect()));
    tables.insert("scope_sets".into(), table);

    let pairs = cover_pairs(&scopes, &broad);
    let mut table = Table::default();
    table.set("granted", Column::Text(pairs.iter().map(|(granted, _)| Some(granted.to_string())).collect()));
    table.set("covered", Column::Text(pairs.iter().map(|(_, covered)| Some(covered.to_string())).collect()));
    tables.insert("scope_cover".into(), table);
}

/// Every pair of scopes of which the first covers the second. Scopes are sorted, so a family is a range of them.
fn cover_pairs<'a>(scopes: &'a [String], broad: &BTreeMap<&str, i64>) -> Vec<(&'a str, &'a str)> {
    let mut pairs = BTreeSet::new();
    for granted in scopes {
        pairs.insert((granted.as_str(), granted.as_str()));
        if granted.contains('*') {
            pairs.extend(scopes.iter().filter(|other| glob_matches(granted, other)).map(|other| (granted.as_str(), other.as_str())));
        }
        if broad[granted.as_str()] == 1
            && let Some(family) = family(granted)
        {
            let from = scopes.partition_point(|other| other.as_str() < family);
            pairs.extend(scopes[from..].iter().take_while(|other| other.starts_with(family)).map(|other| (granted.as_str(), other.as_str())));
        }
    }
    pairs.into_iter().collect()
}

fn limit_tables(measure: &MeasureSettings, tables: &mut BTreeMap<String, Table>) {
    let kinds: Vec<&String> = measure.ttl_limits_us.keys().collect();
    let is_token = |kind: &str| TOKEN_KINDS.iter().any(|(token, _)| *token == kind);
    let mut table = Table::default();
    table.set("kind", Column::Text(kinds.iter().map(|kind| Some(kind.to_string())).collect()));
    table.set("limit_us", Column::Int(kinds.iter().map(|kind| Some(measure.ttl_limits_us[*kind])).collect()));
    table.set("is_secret", Column::Int(kinds.iter().map(|kind| Some(i64::from(SECRET_KINDS.contains(&kind.as_str())))).collect()));
    table.set("is_token", Column::Int(kinds.iter().map(|kind| Some(i64::from(is_token(kind)))).collect()));
    tables.insert("ttl_limits".into(), table);

    let mut table = Table::default();
    table.set("severity", Column::Text(measure.revoke_targets_us.keys().cloned().map(Some).collect()));
    table.set("target_us", Column::Int(measure.revoke_targets_us.values().copied().map(Some).collect()));
    tables.insert("revoke_targets".into(), table);
}

fn calendar_tables(calendar: &Calendar, measure: &MeasureSettings, tables: &mut BTreeMap<String, Table>) {
    let periods = &calendar.periods;
    let t = |period: &Period| period.end_us().min(calendar.as_of_us);
    let mut table = Table::default();
    table.set("period", Column::Text(periods.iter().map(|period| Some(period.to_string())).collect()));
    table.set("grain", Column::Text(periods.iter().map(|period| Some(period.grain().as_str().to_string())).collect()));
    table.set("start_us", Column::Int(periods.iter().map(|period| Some(period.start_us())).collect()));
    table.set("end_us", Column::Int(periods.iter().map(|period| Some(period.end_us())).collect()));
    table.set("t_us", Column::Int(periods.iter().map(|period| Some(t(period))).collect()));
    table.set("ordinal", Column::Int(periods.iter().map(|period| Some(period.ordinal())).collect()));
    table.set("is_headline", Column::Int(periods.iter().map(|period| Some(i64::from(*period == calendar.headline))).collect()));
    tables.insert("periods".into(), table);

    let months: Vec<(String, &Period)> = periods.iter().flat_map(|period| period.months().into_iter().map(move |month| (month.to_string(), period))).collect();
    let mut table = Table::default();
    table.set("month", Column::Text(months.iter().map(|(month, _)| Some(month.clone())).collect()));
    table.set("grain", Column::Text(months.iter().map(|(_, period)| Some(period.grain().as_str().to_string())).collect()));
    table.set("period", Column::Text(months.iter().map(|(_, period)| Some(period.to_string())).collect()));
    tables.insert("period_months".into(), table);

    let instants: BTreeSet<i64> = periods.iter().map(t).chain([calendar.as_of_us]).collect();
    let covered = |start: i64, end: i64| Some(i64::from(calendar.covers(start, end)));
    let mut table = Table::default();
    table.set("t_us", Column::Int(instants.iter().map(|t| Some(*t)).collect()));
    table.set("window_start_us", Column::Int(instants.iter().map(|t| Some(t - measure.window_us)).collect()));
    table.set("dormant_start_us", Column::Int(instants.iter().map(|t| Some(t - measure.dormant_us)).collect()));
    table.set("window_covered", Column::Int(instants.iter().map(|t| covered(t - measure.window_us, *t)).collect()));
    table.set("dormant_covered", Column::Int(instants.iter().map(|t| covered(t - measure.dormant_us, *t)).collect()));
    tables.insert("instants".into(), table);
}

fn params_table(frames_read: &Frames, inventory: &Inventory, calendar: &Calendar, measure: &MeasureSettings) -> Table {
    let mut table = Table::default();
    let int = |table: &mut Table, name: &str, value: i64| table.set(name, Column::Int(vec![Some(value)]));
    let text = |table: &mut Table, name: &str, value: String| table.set(name, Column::Text(vec![Some(value)]));
    let headline = &calendar.headline;
    int(&mut table, "as_of_us", calendar.as_of_us);
    int(&mut table, "as_of_tod_us", calendar.as_of_us.rem_euclid(MICROS_PER_DAY));
    text(&mut table, "headline_period", headline.to_string());
    text(&mut table, "headline_grain", headline.grain().as_str().to_string());
    int(&mut table, "headline_start_us", headline.start_us());
    int(&mut table, "headline_end_us", headline.end_us());
    int(&mut table, "grace_us", measure.grace_us);
    int(&mut table, "window_us", measure.window_us);
    int(&mut table, "dormant_us", measure.dormant_us);
    int(&mut table, "tau7_us", 7 * MICROS_PER_DAY);
    int(&mut table, "tau30_us", 30 * MICROS_PER_DAY);
    int(&mut table, "revoke_target_us", measure.revoke_target_us);
    int(&mut table, "attach_us", measure.attach_us);
    int(&mut table, "over_privileged_percent", measure.over_privileged_percent);
    int(&mut table, "scope_known_percent", measure.scope_known_percent);
    int(&mut table, "no_evidence_percent", measure.no_evidence_percent);
    int(&mut table, "dominant_percent", measure.dominant_percent);
    int(&mut table, "access_token_limit_us", measure.ttl_limits_us.get("access_token").copied().unwrap_or(0));
    int(&mut table, "rate_limited_counts", i64::from(measure.rate_limited_counts));
    table.set("z", Column::Double(vec![Some(Z_95)]));
    let events = frames_read.events.column("action").map(Column::texts).unwrap_or_default();
    let has_action = |actions: &[&str]| events.iter().flatten().any(|action| actions.contains(&action.as_str()));
    let has_ownership =
        inventory.identities.iter().any(|entry| entry.owner.is_some() || entry.owner_status.is_some()) || has_action(&["owner_assigned", "owner_removed"]);
    let flags = [
        ("has_requests", calendar.horizon.is_some()),
        ("has_identity_events", frames_read.events.rows() > 0),
        ("has_tickets", frames_read.tickets.rows() > 0),
        ("has_identity_inventory", !inventory.identities.is_empty()),
        ("has_api_inventory", !inventory.apis.is_empty()),
        ("has_declared_proof", inventory.apis.iter().any(|api| api.declared_proof.is_some())),
        ("has_grants", !inventory.grants.is_empty() || has_action(&["scope_granted"])),
        ("has_ownership", has_ownership),
        ("has_exceptions", !inventory.exceptions.is_empty()),
    ];
    for (name, flag) in flags {
        int(&mut table, name, i64::from(flag));
    }
    table.set("first_day", Column::Int(vec![calendar.horizon.map(|(first, _)| first)]));
    table.set("last_day", Column::Int(vec![calendar.horizon.map(|(_, last)| last)]));
    table
}
