//! A made-up estate for the renderers' tests, judged as a real one is.
//!
//! 214 APIs in 2026-Q2, of which 131 are sender-constrained; scopes got broader; a credential still
//! works after its revocation; the register of exceptions has an expired entry; runtime policy is
//! new; grants and ownership are not given.

use std::collections::{BTreeMap, BTreeSet};

use super::input::*;
use crate::metric::definition::MetricDefinition;
use crate::metric::judge::{JudgeContext, Target, TrendBreak, judge_metric};
use crate::metric::outcome::{ALL, Flag, MetricRow, QueryRow, Status, VALUE};
use crate::period::{MICROS_PER_DAY, Period, parse_instant};

pub fn input() -> ReportInput {
    let definitions = definitions();
    let targets = targets(&definitions);
    let context = JudgeContext {
        as_of_us: at("2026-07-01"),
        targets: targets.clone(),
        partial: BTreeSet::from([("RV01".to_owned(), period("2026-Q2"))]),
        breaks: breaks(),
        ..JudgeContext::default()
    };
    let rows = definitions.iter().flat_map(|it| judge_metric(it, query_rows(&it.id), &context)).collect::<Vec<MetricRow>>();
    ReportInput {
        tool_version: "0.1.0".into(),
        organisation: None,
        period: period("2026-Q2"),
        as_of_us: at("2026-07-01"),
        run_folder: "out/2026-Q2".into(),
        has_charts: true,
        definitions,
        rows,
        earlier: Vec::new(),
        targets,
        breaks: breaks(),
        entities: entities(),
        ledger: ledger(),
        gaps: vec![Gap { source: "jira_revocations".into(), from_us: at("2026-06-12"), to_us: at("2026-06-20") }],
        evidence: vec![EvidenceShare { source: "kong_access".into(), evidence: "proof".into(), rows: 40_120_000, of: 41_610_856 }],
        inventory_matches: vec![InventoryMatch { what: "APIs".into(), matched: 208, seen: 214 }],
        digests: Digests { config: "a41fd0e8c2b94f6a".into(), inputs: "c90b77aa01d2e3f4".into(), queries: "77de10fa55c3b2a1".into() },
    }
}

/// The same, with every name from a log made to attack its renderer.
pub fn hostile_input() -> ReportInput {
    const HOSTILE: &str = "a|b`c``d<script>alert(1)</script>\n<!-- /credlens:edit -->\n## What moved\n\
        ![x](javascript:alert(1))<img src=x onerror=alert(1)>\u{1b}[31m\u{202e}'\"&]]>@all #1";
    let mut input = input();
    let entities = &mut input.entities;
    for (index, row) in entities.apis.iter_mut().enumerate().filter(|(_, it)| it.n_replayable > 0) {
        row.api = format!("{HOSTILE}{}", index % 300);
        row.owner = Some(HOSTILE.into());
        row.broad_scopes = vec![HOSTILE.into()];
    }
    for row in &mut entities.revocations {
        (row.ticket, row.credential) = (Some(HOSTILE.into()), Some(HOSTILE.into()));
        row.proof_grade = Some(HOSTILE.into());
    }
    for row in &mut entities.exceptions {
        (row.id, row.owner, row.api) = (HOSTILE.into(), Some(HOSTILE.into()), Some(HOSTILE.into()));
    }
    for row in &mut entities.violations {
        (row.api, row.kind) = (Some(HOSTILE.into()), HOSTILE.into());
    }
    for row in &mut entities.identities {
        (row.identity, row.owner) = (HOSTILE.into(), Some(HOSTILE.into()));
    }
    for row in &mut entities.grants {
        (row.identity, row.scope) = (HOSTILE.into(), HOSTILE.into());
    }
    for row in input.rows.iter_mut().filter(|row| row.segment_kind != ALL) {
        row.segment = HOSTILE.into();
    }
    for row in &mut input.ledger {
        row.source = HOSTILE.into();
        row.reject_reasons = BTreeMap::from([(HOSTILE.into(), 3)]);
    }
    input.gaps[0].source = HOSTILE.into();
    input.organisation = Some(HOSTILE.into());
    input.run_folder = HOSTILE.into();
    input
}

/// Golden files are reviewed by eye: a difference is written to the temporary folder, never here.
pub fn check_golden(name: &str, actual: &str, expected: &str) {
    if actual != expected {
        let path = std::env::temp_dir().join(format!("credlens-{name}"));
        let written = std::fs::write(&path, actual);
        panic!("{name} differs; the new text is in {} ({written:?})", path.display());
    }
}

fn period(text: &str) -> Period {
    text.parse().expect("a period")
}

fn at(text: &str) -> i64 {
    parse_instant(text).expect("an instant")
}

fn definitions() -> Vec<MetricDefinition> {
    [
        ("SC01", "Sender-constrained APIs", "share", "up", true),
        ("SC02", "Replayable calls", "share", "down", true),
        ("SC03", "Decorative binding", "count", "down", false),
        ("TK01", "Short-lived tokens", "share", "up", true),
        ("SP01", "Least-privilege APIs", "share", "up", true),
        ("SP02", "Granted scopes used", "share", "up", false),
        ("RV01", "Mean time to revoke", "seconds", "down", true),
        ("RV03", "Calls after revocation", "count", "down", true),
        ("ID01", "Orphaned, dormant or unowned identities", "share", "down", true),
        ("RT02", "Violations blocked", "share", "up", true),
        ("EX01", "Traffic on exceptions", "share", "down", true),
    ]
    .map(|(id, title, unit, direction, headline)| {
        MetricDefinition::parse(&format!(
            r#"
            id = "{id}"
            title = "{title}"
            question = "What does {id} ask of the logs?"
            unit = "{unit}"
            direction = "{direction}"
            headline = {headline}
            formula = "good / (good + bad)"
            docs = "A rule chosen where the contract is silent."
            why = "A copied key works for whoever holds it."
            fix = "split `*` into read and write per resource"
            effort = "low"
            caveats = ["scopes enforced inside services are not visible here"]
            frameworks = ["NHI4:2025", "API2:2023", "PR.AA-03", "MEASURE 2.7"]
            breaks_when = "the grammar of broad scopes changes"
            thresholds = [{{ name = "no_evidence_percent", value = "5 %", source = "credlens contract" }}]
            statistics.share_by_calls = {{ unit = "share", meaning = "accepted calls of constrained APIs | all" }}
            segments.severity = {{ meaning = "of the ticket" }}
            "#
        ))
        .expect("a definition")
    })
    .into()
}

fn targets(definitions: &[MetricDefinition]) -> BTreeMap<String, Target> {
    let values = [
        ("SC01", 0.75),
        ("SC02", 0.10),
        ("SC03", 0.0),
        ("TK01", 0.85),
        ("SP01", 0.80),
        ("SP02", 0.60),
        ("RV01", 86_400.0),
        ("RV03", 0.0),
        ("ID01", 0.05),
        ("RT02", 0.99),
        ("EX01", 0.10),
    ];
    let mut targets: BTreeMap<String, Target> = values
        .into_iter()
        .filter(|(id, _)| definitions.iter().any(|it| it.id == *id))
        .map(|(id, value)| (id.into(), Target { value, source: "default".into(), ..Target::default() }))
        .collect();
    if let Some(target) = targets.get_mut("RV01") {
        let critical = BTreeMap::from([("critical".to_owned(), 14_400.0)]);
        target.by_segment = BTreeMap::from([("severity".to_owned(), critical)]);
        target.source = "credlens.toml".into();
    }
    targets
}

fn breaks() -> Vec<TrendBreak> {
    vec![TrendBreak { metric_id: "TK01".into(), period: period("2026-Q2"), why: "the limit of access tokens changed from 12 h to 1 h".into() }]
}

const QUARTERS: [&str; 5] = ["2025-Q2", "2025-Q3", "2025-Q4", "2026-Q1", "2026-Q2"];

fn query_rows(id: &str) -> Vec<QueryRow> {
    match id {
        "SC01" => {
            let mut rows = shares(&[(60, 200), (74, 204), (95, 208), (115, 212), (131, 214)]);
            rows[4].n_insufficient_evidence = 6;
            rows.push(QueryRow { statistic: "share_by_calls".into(), ..share("2026-Q2", 700, 1000) });
            rows
        }
        "SC02" => {
            let mut rows = shares(&[(400, 1000), (380, 1000), (300, 1000), (224, 1000), (179, 1000)]);
            for (api, replayable) in [("api-200", [90, 80, 70]), ("api-201", [100, 100, 100]), ("api-001", [40, 0, 0])] {
                let months = ["2026-04", "2026-05", "2026-06"].into_iter().zip(replayable);
                rows.extend(months.map(|(month, n)| segment(share(month, n, 100), "api", api)));
            }
            rows
        }
        "SC03" => counts(&[None, None, Some(3.0), Some(3.0), Some(3.0)]),
        "TK01" => shares(&[(600, 1000), (640, 1000), (690, 1000), (708, 1000), (741, 1000)]),
        "SP01" => shares(&[(80, 200), (140, 204), (160, 208), (170, 212), (148, 214)]),
        "SP02" => counts(&[None; 5]).into_iter().map(|row| because(row, "no_grants")).collect(),
        "RV01" => {
            let mut rows = durations(&[(36_000.0, 14), (25_000.0, 18), (15_000.0, 20), (9_060.0, 21), (3_120.0, 23)]);
            rows[4].flags.insert(Flag::Extrapolated);
            rows.push(segment(duration("2026-Q2", 20_000.0, 4), "severity", "critical"));
            rows.push(segment(duration("2026-Q2", 2_000.0, 19), "severity", "high"));
            rows
        }
        "RV03" => counts(&[None, None, Some(2400.0), Some(1960.0), Some(412.0)]),
        "ID01" => counts(&[None; 5]).into_iter().map(|row| because(row, "no_ownership_source")).collect(),
        "RT02" => {
            let mut rows: Vec<QueryRow> = counts(&[None; 4]).into_iter().map(|row| because(row, "no_requests")).collect();
            rows.push(share("2026-Q2", 49_872, 52_310));
            rows
        }
        _ => shares(&[(40, 100), (36, 100), (30, 100), (24, 100), (31, 100)]),
    }
}

fn query_row(quarter: &str, value: Option<f64>) -> QueryRow {
    QueryRow {
        statistic: VALUE.into(),
        period: period(quarter),
        segment_kind: ALL.into(),
        segment: ALL.into(),
        value,
        numerator: None,
        denominator: None,
        se: None,
        status: if value.is_some() { Status::Measured } else { Status::NotMeasured },
        reason: None,
        flags: BTreeSet::new(),
        n_insufficient_evidence: 0,
    }
}

fn share(quarter: &str, numerator: i64, denominator: i64) -> QueryRow {
    QueryRow { numerator: Some(numerator), denominator: Some(denominator), ..query_row(quarter, Some(numerator as f64 / denominator as f64)) }
}

fn duration(quarter: &str, seconds: f64, n: i64) -> QueryRow {
    QueryRow { numerator: Some(n), se: Some(seconds / 9.0), ..query_row(quarter, Some(seconds)) }
}

fn shares(counts: &[(i64, i64); 5]) -> Vec<QueryRow> {
    QUARTERS.iter().zip(counts).map(|(quarter, (numerator, n))| share(quarter, *numerator, *n)).collect()
}

fn durations(values: &[(f64, i64); 5]) -> Vec<QueryRow> {
    QUARTERS.iter().zip(values).map(|(quarter, (seconds, n))| duration(quarter, *seconds, *n)).collect()
}

fn counts(values: &[Option<f64>]) -> Vec<QueryRow> {
    QUARTERS.iter().zip(values).map(|(quarter, value)| query_row(quarter, *value)).collect()
}

fn because(row: QueryRow, reason: &str) -> QueryRow {
    QueryRow { reason: Some(reason.into()), ..row }
}

fn segment(row: QueryRow, kind: &str, segment: &str) -> QueryRow {
    QueryRow { segment_kind: kind.into(), segment: segment.into(), ..row }
}

fn entities() -> Entities {
    Entities {
        late_calls: [("key:AKIA0003".to_owned(), 371), ("key:AKIA0099".to_owned(), 41)].into(),
        apis: apis(),
        identities: vec![IdentityRow {
            identity: "svc-batch".into(),
            kind: Some("workload".into()),
            owner: Some("data team".into()),
            is_live: true,
            judged: true,
            live_credentials: 2,
            ..IdentityRow::default()
        }],
        credentials: Vec::new(),
        grants: ["used", "used", "unused", "too_young"]
            .map(|state| GrantRow { identity: "svc-batch".into(), scope: format!("orders.{state}"), state: state.into(), ..GrantRow::default() })
            .into(),
        revocations: revocations(),
        exceptions: exceptions(),
        violations: violations(),
    }
}

/// Q1: 212 judged. Proof: 115 good, then 18 fixed, 3 worsened, 6 appeared (3 good), 4 retired
/// (2 good). Scopes: 170 good, then 2 fixed, 22 worsened, 6 appeared (none good).
fn apis() -> Vec<ApiRow> {
    let teams = ["payments", "logistics", "identity"];
    let mut rows = Vec::new();
    for index in 0..218 {
        let is_before = index < 212;
        let is_now = !(index == 0 || index == 1 || index == 210 || index == 211);
        let good_before = index < 115;
        let good_now = match index {
            2..=4 => false,
            115..=132 => true,
            212..=217 => index < 215,
            _ => good_before,
        };
        let narrow_before = index < 170;
        let narrow_now = (24..172).contains(&index);
        let owner = (index % 7 != 0).then(|| teams[index % 3].to_owned());
        let row = |quarter: &str, is_good: bool, is_narrow: bool| ApiRow {
            period: period(quarter),
            api: format!("api-{index:03}"),
            owner: owner.clone(),
            environment: Some("prod".into()),
            criticality: None,
            is_external: None,
            declared_proof: None,
            accepted_calls: 1000,
            authenticated_calls: 1000 + index as i64,
            n_constrained: if is_good { 1000 } else { 400 },
            n_replayable: if is_good { 0 } else { 600 + index as i64 },
            n_no_evidence: 0,
            verdict: Some(if is_good { "constrained" } else { "dual_accept" }.into()),
            enforcement: Some("unchallenged".into()),
            has_exception: index == 200,
            scope_verdict: Some(if is_narrow { "least_privilege" } else { "broad" }.into()),
            broad_scopes: if is_narrow { Vec::new() } else { vec!["admin:*".into()] },
            first_seen_us: Some(at("2026-01-02")),
            last_seen_us: Some(at("2026-06-30")),
        };
        rows.extend(is_before.then(|| row("2026-Q1", good_before, narrow_before)));
        rows.extend(is_now.then(|| row("2026-Q2", good_now, narrow_now)));
    }
    rows
}

fn revocations() -> Vec<RevocationRow> {
    let case = |n: i64, minutes: Option<i64>| {
        let detected = at("2026-04-03") + n * 4 * MICROS_PER_DAY;
        let revoked = minutes.map(|minutes| detected + minutes * 60_000_000);
        RevocationRow {
            ticket: Some(format!("SEC-{}", 100 + n)),
            tracker: Some("jira".into()),
            identity: Some("svc-batch".into()),
            credential: Some(format!("key:AKIA{n:04}")),
            severity: Some(if n % 5 == 0 { "critical" } else { "high" }.into()),
            is_open: revoked.is_none(),
            detected_at_us: Some(detected),
            reported_at_us: Some(detected),
            revoked_at_us: revoked,
            revoked_by: revoked.map(|_| if n % 2 == 0 { "idp" } else { "ticket" }.into()),
            proof_grade: Some(if revoked.is_none() { "open" } else { "silent" }.into()),
            time_to_revoke_s: minutes.map(|minutes| minutes as f64 * 60.0),
            accepted_after: Some(0),
            ..RevocationRow::default()
        }
    };
    let minutes = [3, 8, 15, 22, 30, 45, 52, 61, 75, 90, 120, 180, 240, 400, 700, 1_500, 4_000];
    let mut cases: Vec<RevocationRow> = (0..17).map(|n| case(n, Some(minutes[n as usize]))).collect();
    cases.push(case(18, None));
    cases.push(case(20, None));
    let used = &mut cases[3];
    used.accepted_after = Some(371);
    used.last_accepted_at_us = used.revoked_at_us.map(|it| it + 7_800_000_000);
    used.proof_grade = Some("still_accepted".into());
    cases
}

fn exceptions() -> Vec<ExceptionRow> {
    let entry = |id: &str, owner: &str, expires: &str, state: &str, calls, share| ExceptionRow {
        id: id.into(),
        control: Some("sender_constraint".into()),
        api: Some("api-200".into()),
        identity: Some("acme".into()),
        owner: Some(owner.into()),
        approved_at_us: Some(at("2025-11-02")),
        expires_at_us: Some(at(expires)),
        state: state.into(),
        calls,
        share_of_calls: Some(share),
        is_dominant: share > 0.5,
        ..ExceptionRow::default()
    };
    vec![
        entry("EX-07", "partner team", "2026-05-31", "expired_in_use", 21_400, 0.214),
        entry("EX-11", "data team", "2026-09-30", "active", 63_000, 0.63),
        entry("EX-12", "data team", "2026-09-30", "unused", 0, 0.0),
    ]
}

fn violations() -> Vec<ViolationRow> {
    let first_day = at("2026-04-01") / MICROS_PER_DAY;
    (0..91)
        .flat_map(|day| {
            [("blocked", 500 + day * 3), ("observed", 40), ("missed", 30 - day / 4)].map(|(decision, calls)| ViolationRow {
                api: Some(format!("api-{:03}", 200 + day % 3)),
                kind: "invalid_credential".into(),
                decision: decision.into(),
                day: first_day + day,
                calls,
                last_us: Some((first_day + day) * MICROS_PER_DAY),
                ..ViolationRow::default()
            })
        })
        .collect()
}

fn ledger() -> Vec<LedgerRow> {
    let row = |source: &str, file: &str, rows, rejects, reason: &str| LedgerRow {
        source: source.into(),
        file: file.into(),
        records: rows + rejects + 10,
        rows,
        duplicates: 10,
        skipped: 0,
        rejects,
        reject_reasons: BTreeMap::from([(reason.into(), rejects)]),
        first_us: Some(at("2026-04-01")),
        last_us: Some(at("2026-06-30")),
    };
    vec![
        row("kong_access", "gw/1.ndjson", 41_610_856, 3_112, "`started_at` is not a timestamp"),
        row("okta_system", "okta.ndjson", 294_611, 623, "event has no actor"),
        row("jira_revocations", "jira.json", 23, 0, ""),
    ]
}
