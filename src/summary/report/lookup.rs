//! Finding rows and owners while a report is built.

use std::collections::{BTreeMap, BTreeSet};

use super::input::{ApiRow, ReportInput};
use crate::metric::outcome::{ALL, MetricRow, VALUE};
use crate::period::{Grain, Period};

pub struct Lookup<'a> {
    pub input: &'a ReportInput,
    rows: BTreeMap<(&'a str, &'a str, Period), Vec<&'a MetricRow>>,
    api_owners: BTreeMap<&'a str, &'a str>,
    identity_owners: BTreeMap<&'a str, &'a str>,
    departed_owners: BTreeSet<&'a str>,
}

impl<'a> Lookup<'a> {
    pub fn new(input: &'a ReportInput) -> Lookup<'a> {
        let mut rows: BTreeMap<_, Vec<&MetricRow>> = BTreeMap::new();
        for row in &input.rows {
            rows.entry(key(row)).or_default().push(row);
        }
        for row in &input.earlier {
            let known = rows.entry(key(row)).or_default();
            if !known.iter().any(|it| it.value.is_some() && is_same_segment(it, row)) {
                known.retain(|it| !is_same_segment(it, row));
                known.push(row);
            }
        }
        for rows in rows.values_mut() {
            rows.sort_by(|a, b| segment_key(a).cmp(&segment_key(b)));
        }
        let mut apis: Vec<&ApiRow> = input.entities.apis.iter().collect();
        apis.sort_by_key(|row| row.period);
        let api_owners = apis.into_iter().filter_map(|row| Some((&*row.api, row.owner.as_deref()?)));
        let identities = input.entities.identities.iter();
        let identity_owners = identities.filter_map(|it| Some((&*it.identity, it.owner.as_deref()?)));
        let orphans = input.entities.identities.iter().filter(|it| it.is_orphaned == Some(true));
        let departed_owners = orphans.filter_map(|it| it.owner.as_deref()).collect();
        Lookup { input, rows, api_owners: api_owners.collect(), identity_owners: identity_owners.collect(), departed_owners }
    }

    /// The figure over everything.
    pub fn value(&self, id: &str, period: Period) -> Option<&'a MetricRow> {
        self.statistic(id, VALUE, period)
    }

    pub fn statistic(&self, id: &str, statistic: &str, period: Period) -> Option<&'a MetricRow> {
        self.all(id, statistic, period).find(|row| row.is_over_all())
    }

    /// Headline figures by segment, in the order of kind and segment.
    pub fn segments(&self, id: &str, period: Period) -> impl Iterator<Item = &'a MetricRow> {
        self.all(id, VALUE, period).filter(|row| row.segment_kind != ALL)
    }

    /// Statistics other than the headline that a metric has in a period, by name.
    pub fn statistics(&self, id: &str, period: Period) -> Vec<&'a MetricRow> {
        let rows = self.rows.iter().filter(|((metric, statistic, at), _)| *metric == id && *statistic != VALUE && *at == period);
        rows.filter_map(|(_, rows)| rows.iter().find(|row| row.is_over_all()).copied()).collect()
    }

    pub fn api_owner(&self, api: Option<&str>) -> Option<&'a str> {
        self.api_owners.get(api?).copied()
    }

    pub fn identity_owner(&self, identity: Option<&str>) -> Option<&'a str> {
        self.identity_owners.get(identity?).copied()
    }

    /// Whether an identity of this owner is orphaned: the owner has left, so that nothing can be asked of them.
    pub fn has_left(&self, owner: &str) -> bool {
        self.departed_owners.contains(owner)
    }

    /// APIs of the headline period; of its quarter where verdicts are given by quarter only.
    pub fn apis(&self) -> impl Iterator<Item = &'a ApiRow> {
        let period = self.input.period;
        let quarter = Period::containing(period.start_us(), Grain::Quarter);
        let has_own = self.has_own_apis();
        self.apis_of(if has_own { period } else { quarter.unwrap_or(period) })
    }

    pub fn has_own_apis(&self) -> bool {
        self.apis_of(self.input.period).next().is_some()
    }

    pub fn apis_of(&self, period: Period) -> impl Iterator<Item = &'a ApiRow> {
        self.input.entities.apis.iter().filter(move |row| row.period == period)
    }

    /// When the headline period's states are judged: its end or `as_of`, whichever is earlier.
    pub fn judged_at_us(&self) -> i64 {
        self.input.period.end_us().min(self.input.as_of_us)
    }

    pub fn is_in_period(&self, instant_us: Option<i64>) -> bool {
        instant_us.is_some_and(|it| self.input.period.contains(it))
    }

    fn all(&self, id: &str, statistic: &str, period: Period) -> impl Iterator<Item = &'a MetricRow> + use<'a> {
        let found = self.rows.range((id, statistic, period)..=(id, statistic, period)).next();
        found.map(|(_, rows)| rows.clone()).unwrap_or_default().into_iter()
    }
}

fn key(row: &MetricRow) -> (&str, &str, Period) {
    (&row.metric_id, &row.statistic, row.period)
}

fn segment_key(row: &MetricRow) -> (&str, &str) {
    (&row.segment_kind, &row.segment)
}

fn is_same_segment(a: &MetricRow, b: &MetricRow) -> bool {
    segment_key(a) == segment_key(b)
}
