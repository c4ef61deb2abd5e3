//! What was measured, as plain data: a query's row, and the row of metrics.parquet made from it.
//!
//! Nothing here computes. `judge` turns a `QueryRow` into a `MetricRow`; the writer turns a
//! `MetricRow` into a Parquet row, column by column in the order of the fields.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::period::{Grain, Period};
use crate::units::Unit;

/// The statistic of a metric's headline figure.
pub const VALUE: &str = "value";
/// Segment kind and segment of a figure over everything.
pub const ALL: &str = "all";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Measured,
    NotMeasured,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Measured => "measured",
            Status::NotMeasured => "not_measured",
        }
    }

    pub fn parse(text: &str) -> Option<Status> {
        [Status::Measured, Status::NotMeasured].into_iter().find(|it| it.as_str() == text)
    }
}

/// A value against its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    Met,
    Missed,
    NoTarget,
    NotMeasured,
}

impl Judgement {
    pub fn as_str(self) -> &'static str {
        match self {
            Judgement::Met => "met",
            Judgement::Missed => "missed",
            Judgement::NoTarget => "no_target",
            Judgement::NotMeasured => "not_measured",
        }
    }
}

/// A value against the previous equal period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    Improving,
    Flat,
    Regressing,
    /// No earlier value.
    New,
    /// The earlier value was measured differently, or on other evidence.
    Broken,
    NotMeasured,
}

impl Trend {
    pub fn as_str(self) -> &'static str {
        match self {
            Trend::Improving => "improving",
            Trend::Flat => "flat",
            Trend::Regressing => "regressing",
            Trend::New => "new",
            Trend::Broken => "broken",
            Trend::NotMeasured => "not_measured",
        }
    }
}

/// A remark on a row. The order here is the order in the `flags` column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Fewer than 30 things were counted.
    Small,
    /// Follow-up ends before tau, so survival was held flat to tau.
    Extrapolated,
    /// Too few cases ended for this quantile to be known.
    NotReached,
    /// The data does not cover the whole period.
    Partial,
}

impl Flag {
    pub const ALL: [Flag; 4] = [Flag::Small, Flag::Extrapolated, Flag::NotReached, Flag::Partial];

    pub fn as_str(self) -> &'static str {
        match self {
            Flag::Small => "small",
            Flag::Extrapolated => "extrapolated",
            Flag::NotReached => "not_reached",
            Flag::Partial => "partial",
        }
    }

    pub fn parse(text: &str) -> Option<Flag> {
        Flag::ALL.into_iter().find(|flag| flag.as_str() == text)
    }
}

/// One row as a metric's query returns it; grain and period are one `Period`.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryRow {
    pub statistic: String,
    pub period: Period,
    pub segment_kind: String,
    pub segment: String,
    pub value: Option<f64>,
    pub numerator: Option<i64>,
    pub denominator: Option<i64>,
    /// Standard error of a restricted mean.
    pub se: Option<f64>,
    pub status: Status,
    pub reason: Option<String>,
    pub flags: BTreeSet<Flag>,
    pub n_insufficient_evidence: i64,
}

/// One row of metrics.parquet. Instants are microseconds since 1970 UTC.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MetricRow {
    pub metric_id: String,
    pub statistic: String,
    pub grain: Grain,
    pub period: Period,
    pub period_start_us: i64,
    pub period_end_us: i64,
    pub segment_kind: String,
    pub segment: String,
    pub value: Option<f64>,
    pub numerator: Option<i64>,
    pub denominator: Option<i64>,
    pub ci_low: Option<f64>,
    pub ci_high: Option<f64>,
    pub unit: Unit,
    pub status: Status,
    pub reason: Option<String>,
    pub flags: BTreeSet<Flag>,
    pub n_insufficient_evidence: i64,
    pub target: Option<f64>,
    pub judgement: Judgement,
    pub trend: Trend,
    pub as_of_us: i64,
}

impl MetricRow {
    /// The figure a scorecard shows: statistic `value` over everything.
    pub fn is_headline(&self) -> bool {
        self.statistic == VALUE && self.is_over_all()
    }

    pub fn is_over_all(&self) -> bool {
        self.segment_kind == ALL && self.segment == ALL
    }

    pub fn is_measured(&self) -> bool {
        self.status == Status::Measured
    }

    /// The `flags` column: remarks joined by `;`, null where there are none.
    pub fn flags_text(&self) -> Option<String> {
        let names: Vec<&str> = self.flags.iter().map(|flag| flag.as_str()).collect();
        (!names.is_empty()).then(|| names.join(";"))
    }

    /// How many things the figure rests on: a share's denominator, a duration's cases.
    pub fn n(&self) -> Option<i64> {
        match self.unit {
            Unit::Share => self.denominator,
            Unit::Seconds => self.numerator,
            Unit::Count => None,
        }
    }

    /// Unique in metrics.parquet, and its order.
    pub fn key(&self) -> impl Ord + '_ {
        (
            self.metric_id.as_str(),
            self.statistic.as_str(),
            self.grain.as_str(),
            // Within a grain, the order of time is the order of the names.
            self.period,
            (self.segment_kind.as_str(), self.segment.as_str()),
            self.as_of_us,
        )
    }
}
