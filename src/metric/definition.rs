//! What a metric means: `metric.toml` beside its query, read and checked.
//!
//! An unknown key or value is an error, never ignored: a misspelt `target` would otherwise leave a
//! metric without one. Which file the text came from is the caller's to say.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::outcome::VALUE;
use crate::units::Unit;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Up,
    Down,
}

impl Direction {
    pub fn opposite(self) -> Direction {
        match self {
            Direction::Up => Direction::Down,
            Direction::Down => Direction::Up,
        }
    }
}

/// How much work the fix is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    Low,
    Medium,
    High,
}

impl Effort {
    pub fn as_str(self) -> &'static str {
        match self {
            Effort::Low => "low",
            Effort::Medium => "medium",
            Effort::High => "high",
        }
    }
}

/// `metric.toml`. Targets are in the metric's unit, seconds for durations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricDefinition {
    pub id: String,
    pub title: String,
    pub question: String,
    pub unit: Unit,
    pub direction: Direction,
    #[serde(default)]
    pub target: Option<f64>,
    /// Stands on the first screen. Where no definition says so, every metric does.
    #[serde(default)]
    pub headline: bool,
    pub formula: String,
    #[serde(default)]
    pub docs: String,
    #[serde(default)]
    pub why: String,
    #[serde(default)]
    pub fix: String,
    #[serde(default)]
    pub effort: Option<Effort>,
    #[serde(default)]
    pub caveats: Vec<String>,
    #[serde(default)]
    pub frameworks: Vec<String>,
    #[serde(default)]
    pub breaks_when: String,
    #[serde(default)]
    pub grain: Option<String>,
    #[serde(default)]
    pub needs: Vec<String>,
    #[serde(default)]
    pub thresholds: Vec<Threshold>,
    #[serde(default)]
    pub statistics: BTreeMap<String, StatisticDefinition>,
    #[serde(default)]
    pub segments: BTreeMap<String, SegmentDefinition>,
}

/// A constant the formula leans on, and who says so.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    pub name: String,
    pub value: String,
    pub source: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticDefinition {
    pub unit: Unit,
    #[serde(default)]
    pub direction: Option<Direction>,
    pub meaning: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentDefinition {
    pub meaning: String,
}

/// Why a metric.toml was refused.
#[derive(Clone, Debug, PartialEq)]
pub enum DefinitionError {
    Toml(Box<toml::de::Error>),
    /// The id is not letters and digits, as codes are.
    Id(String),
    /// The target cannot be a value of the metric's unit.
    Target(f64),
}

impl fmt::Display for DefinitionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DefinitionError::Toml(error) => error.fmt(formatter),
            DefinitionError::Id(id) => write!(formatter, "`{}` is not a metric id: expected letters and digits, like SC01", id.escape_debug()),
            DefinitionError::Target(target) => {
                write!(formatter, "target {target} is no value of the metric's unit")
            }
        }
    }
}

impl std::error::Error for DefinitionError {}

impl MetricDefinition {
    pub fn parse(text: &str) -> Result<MetricDefinition, DefinitionError> {
        let definition: MetricDefinition = toml::from_str(text).map_err(|error| DefinitionError::Toml(Box::new(error)))?;
        let is_code = |id: &str| !id.is_empty() && id.bytes().all(|it| it.is_ascii_alphanumeric());
        if !is_code(&definition.id) {
            return Err(DefinitionError::Id(definition.id));
        }
        match definition.target {
            Some(target) if !is_value_of(definition.unit, target) => Err(DefinitionError::Target(target)),
            _ => Ok(definition),
        }
    }

    /// A statistic's unit: as declared, else the metric's for `value`, else by the naming rule of
    /// outputs.md (`n_…` counts, `share_…` is a share), else the metric's.
    pub fn unit_of(&self, statistic: &str) -> Unit {
        match self.statistics.get(statistic) {
            Some(declared) => declared.unit,
            None if statistic == VALUE => self.unit,
            None if statistic.starts_with("n_") => Unit::Count,
            None if statistic.starts_with("share_") => Unit::Share,
            None => self.unit,
        }
    }

    /// Which way a statistic is better, where that can be said: as declared; the metric's where the
    /// unit is the same; for a share beside a duration (`share_within_target`) the other way. How
    /// many of something there are has no good direction unless it is declared.
    pub fn direction_of(&self, statistic: &str) -> Option<Direction> {
        let declared = self.statistics.get(statistic).and_then(|it| it.direction);
        let inferred = match (self.unit, self.unit_of(statistic)) {
            _ if statistic == VALUE => Some(self.direction),
            (_, Unit::Count) => None,
            (metric, unit) if metric == unit => Some(self.direction),
            (Unit::Seconds, Unit::Share) => Some(self.direction.opposite()),
            _ => None,
        };
        declared.or(inferred)
    }
}

pub fn is_value_of(unit: Unit, value: f64) -> bool {
    match unit {
        Unit::Share => (0.0..=1.0).contains(&value),
        Unit::Seconds | Unit::Count => value.is_finite() && value >= 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RV01: &str = r#"
        id = "RV01"
        title = "Mean time to revoke"
        question = "How long does a compromised credential live?"
        unit = "seconds"
        direction = "down"
        target = 86400
        formula = "restricted mean to 30 d"
        effort = "medium"
        [[thresholds]]
        name = "tau"
        value = "30 d"
        source = "credlens contract"
        [statistics.n_open]
        unit = "count"
        meaning = "cases not revoked"
    "#;

    #[test]
    fn a_definition_is_read_with_defaults() {
        let definition = MetricDefinition::parse(RV01).expect("a definition");
        assert_eq!(definition.target, Some(86_400.0));
        assert_eq!(definition.effort, Some(Effort::Medium));
        assert_eq!(definition.thresholds.len(), 1);
        assert!(!definition.headline);
    }

    #[test]
    fn units_and_directions_of_statistics() {
        let definition = MetricDefinition::parse(RV01).expect("a definition");
        assert_eq!(definition.unit_of("n_open"), Unit::Count);
        assert_eq!(definition.unit_of("n_cases"), Unit::Count);
        assert_eq!(definition.unit_of("share_within_target"), Unit::Share);
        assert_eq!(definition.unit_of("median_km"), Unit::Seconds);
        assert_eq!(definition.direction_of("rmst_7d"), Some(Direction::Down));
        assert_eq!(definition.direction_of("share_within_target"), Some(Direction::Up));
        assert_eq!(definition.direction_of("n_open"), None);
    }

    #[test]
    fn a_misspelt_key_a_bad_id_or_target_is_refused() {
        let refused = |from: &str, to: &str| MetricDefinition::parse(&RV01.replace(from, to)).unwrap_err().to_string();
        assert!(refused("target =", "taget =").contains("taget"));
        assert!(refused("RV01", "RV/../01").contains("not a metric id"));
        assert!(refused("86400", "-1").contains("target -1"));
        assert!(refused("\"seconds\"", "\"weeks\"").contains("weeks"));
    }
}
