//! How the figures came about: targets, thresholds, bounds, breaks, digests.

use std::collections::BTreeMap;

use super::lookup::Lookup;
use super::prose::{Cell, Prose, Table};
use super::{Method, coverage, words};
use crate::metric::definition::{MetricDefinition, Threshold};
use crate::metric::judge::{Target, evidence_bounds};
use crate::period::{format_day, format_minute};
use crate::units::{Unit, counted};

pub fn method(lookup: &Lookup) -> Method {
    let digests = &lookup.input.digests;
    Method {
        summary: summary(lookup),
        targets: targets(lookup),
        thresholds: thresholds(lookup),
        bounds: bounds(lookup),
        breaks: breaks(lookup),
        notes: notes(),
        config_digest: digests.config.clone(),
        inputs_digest: digests.inputs.clone(),
        queries_digest: digests.queries.clone(),
    }
}

fn summary(lookup: &Lookup) -> Prose {
    let (period, totals) = (lookup.input.period, coverage::coverage(lookup.input).totals);
    Prose::new().text(format!(
        "Period {} to {} UTC (end excluded), judged at {}. {}, {}, {}.",
        format_day(period.start_us()),
        format_day(period.end_us()),
        format_minute(lookup.input.as_of_us),
        counted(totals.files, "file", "files"),
        counted(totals.records, "record", "records"),
        words::rejected(totals.rejects, totals.records)
    ))
}

fn targets(lookup: &Lookup) -> Table {
    let mut table = Table::new(&["Measure", "Target", "Source"], None);
    for definition in &lookup.input.definitions {
        let Some(target) = lookup.input.targets.get(&definition.id) else { continue };
        table.push_up_to(usize::MAX, || {
            vec![
                Cell::Words(format!("{} {}", definition.id, definition.title)),
                Cell::Words(target_words(definition, target)),
                Cell::Words(target.source.clone()),
            ]
        });
    }
    table
}

/// `≤ 24 h; critical ≤ 4 h`
fn target_words(definition: &MetricDefinition, target: &Target) -> String {
    let sign = words::sign(definition.direction);
    let figure = |value| match value {
        0.0 => definition.unit.format_target(value),
        _ => format!("{sign} {}", definition.unit.format_target(value)),
    };
    let segments = target.by_segment.values().flatten();
    let own = segments.map(|(segment, value)| format!("; {segment} {}", figure(*value)));
    format!("{}{}", figure(target.value), own.collect::<String>())
}

/// Each threshold once, with the metrics that lean on it.
fn thresholds(lookup: &Lookup) -> Table {
    let mut used_by: BTreeMap<&Threshold, Vec<&str>> = BTreeMap::new();
    for definition in &lookup.input.definitions {
        for threshold in &definition.thresholds {
            used_by.entry(threshold).or_default().push(&definition.id);
        }
    }
    let mut table = Table::new(&["Threshold", "Value", "Source", "Used by"], None);
    for (threshold, ids) in used_by {
        table.push_up_to(usize::MAX, || {
            vec![
                Cell::Words(words::plain_word(&threshold.name)),
                Cell::Words(threshold.value.clone()),
                Cell::Words(threshold.source.clone()),
                Cell::Words(ids.join(" ")),
            ]
        });
    }
    table
}

/// What each share could be if all that was not judged fell outside its numerator, or inside.
fn bounds(lookup: &Lookup) -> Table {
    let titles = ["Measure", "Value#", "Not judged#", "Lowest possible#", "Highest possible#"];
    let mut table = Table::new(&titles, None);
    for definition in &lookup.input.definitions {
        let row = lookup.value(&definition.id, lookup.input.period);
        let Some((row, bounds)) = row.and_then(|row| Some((row, evidence_bounds(row)?))) else {
            continue;
        };
        table.push_up_to(usize::MAX, || {
            vec![
                Cell::Words(format!("{} {}", definition.id, definition.title)),
                Cell::share(row.value.filter(|_| definition.unit == Unit::Share)),
                Cell::Count(row.n_insufficient_evidence),
                Cell::Share(bounds.low),
                Cell::Share(bounds.high),
            ]
        });
    }
    table
}

fn breaks(lookup: &Lookup) -> Vec<Prose> {
    let mut breaks = lookup.input.breaks.clone();
    breaks.sort();
    breaks.dedup();
    let line = |it: &crate::metric::judge::TrendBreak| Prose::new().text(format!("{} at {}: {}", it.metric_id, it.period, it.why));
    breaks.iter().map(line).collect()
}

fn notes() -> Vec<Prose> {
    [
        "Targets are this organisation's own; no standard sets them.",
        "`?` means not measured, never zero. What could not be judged for want of evidence stays \
         out of numerator and denominator and is counted beside them.",
        "Shares carry the Wilson 95% interval, changes of shares Newcombe's method 10, restricted \
         means a normal interval. A change is called improving or regressing only where its \
         interval excludes zero; counts are complete, so any change counts.",
        "A trend breaks where the definition, a threshold or more than 5 points of evidence changed.",
        "NHI6:2025 (Insecure Cloud Deployment Configurations) cannot be measured from these logs.",
    ]
    .map(Prose::from_definition)
    .into()
}
