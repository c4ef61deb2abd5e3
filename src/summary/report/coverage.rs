//! What was read, per format, and what is missing.

use std::collections::BTreeMap;

use super::input::{LedgerRow, ReportInput};
use super::{Coverage, FormatCoverage};

pub fn coverage(input: &ReportInput) -> Coverage {
    let mut by_source: BTreeMap<&str, Vec<&LedgerRow>> = BTreeMap::new();
    for row in &input.ledger {
        by_source.entry(&row.source).or_default().push(row);
    }
    let mut gaps = input.gaps.clone();
    gaps.sort();
    let mut evidence = input.evidence.clone();
    evidence.sort();
    let mut matches = input.inventory_matches.clone();
    matches.sort();
    Coverage {
        formats: by_source.iter().map(|(source, rows)| sum(source, rows)).collect(),
        totals: sum("all", &input.ledger.iter().collect::<Vec<_>>()),
        gaps,
        evidence,
        matches,
    }
}

fn sum(source: &str, rows: &[&LedgerRow]) -> FormatCoverage {
    let total = |field: fn(&LedgerRow) -> i64| rows.iter().map(|row| field(row)).sum::<i64>();
    FormatCoverage {
        source: source.to_owned(),
        files: rows.len() as i64,
        records: total(|row| row.records),
        rows: total(|row| row.rows),
        duplicates: total(|row| row.duplicates),
        skipped: total(|row| row.skipped),
        rejects: total(|row| row.rejects),
        main_reject_reason: main_reason(rows),
        first_us: rows.iter().filter_map(|row| row.first_us).min(),
        last_us: rows.iter().filter_map(|row| row.last_us).max(),
    }
}

/// The reason of most rejects; of equals the first by name.
fn main_reason(rows: &[&LedgerRow]) -> Option<String> {
    let mut reasons: BTreeMap<&str, i64> = BTreeMap::new();
    let counted = rows.iter().flat_map(|row| &row.reject_reasons).filter(|(_, count)| **count > 0);
    for (reason, count) in counted {
        *reasons.entry(reason).or_default() += count;
    }
    let most = reasons.into_iter().rev().max_by_key(|(_, count)| *count)?;
    Some(most.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_format_are_summed_and_its_main_reason_named() {
        let row = |rows, reasons: &[(&str, i64)]| LedgerRow {
            source: "kong_access".into(),
            records: rows + 3,
            rows,
            rejects: 3,
            reject_reasons: reasons.iter().map(|(name, n)| (name.to_string(), *n)).collect(),
            first_us: Some(rows),
            last_us: Some(rows * 2),
            ..LedgerRow::default()
        };
        let (a, b) = (row(10, &[("b", 2), ("a", 1)]), row(20, &[("a", 1), ("c", 2)]));
        let total = sum("kong_access", &[&a, &b]);
        assert_eq!((total.files, total.records, total.rows, total.rejects), (2, 36, 30, 6));
        assert_eq!(total.main_reject_reason.as_deref(), Some("a"));
        assert_eq!((total.first_us, total.last_us), (Some(10), Some(40)));
    }
}
