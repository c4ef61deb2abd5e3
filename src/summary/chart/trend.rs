//! A measure over the periods: line, 95 % band, target rule, value labels.

use super::Chart;
use super::canvas::{Anchor, BOTTOM, Canvas, LEFT, RIGHT, Scale, TOP, nice_ticks};
use crate::summary::report::{HistoryPoint, Report, ScoreRow, words};
use crate::units::{Unit, compact};

pub fn chart(report: &Report, row: &ScoreRow) -> Option<Chart> {
    row.history.iter().any(|point| point.value.is_some()).then(|| draw(report, row))
}

fn draw(report: &Report, row: &ScoreRow) -> Chart {
    let title = format!("{} {}", row.id, row.title);
    let mut canvas = Canvas::new(&title);
    let y = axis(&mut canvas, row);
    let n = row.history.len();
    let step = (RIGHT - 90.0 - LEFT) / n.max(2) as f64;
    let x = |index: usize| LEFT + step * (index as f64 + 0.5);
    for (index, point) in row.history.iter().enumerate() {
        canvas.text(x(index), 228.0, "", Anchor::Middle, &point.period.to_string());
    }
    for run in runs(&row.history) {
        band(&mut canvas, &row.history, run.clone(), &x, &y);
        let points: Vec<(f64, f64)> = run.filter_map(|index| Some((x(index), y.at(row.history[index].value?)))).collect();
        canvas.polyline(&points, "c-line");
    }
    if let Some(target) = row.target {
        let at = y.at(target);
        canvas.line((LEFT, at), (RIGHT - 90.0, at), "c-target");
        let label = format!("target {}", words::target(row));
        canvas.text(RIGHT - 84.0, at + 4.0, "c-tt", Anchor::Start, &label);
    }
    labels(&mut canvas, row, &x, &y);
    canvas.finish(&format!("{}.svg", row.id), alt(report, row), description(row))
}

/// Ticks, grid and labels on the left. Shares stay within 0 and 100 %, other units start at zero.
fn axis(canvas: &mut Canvas, row: &ScoreRow) -> Scale {
    let points = row.history.iter();
    let known = points.flat_map(|it| [it.value, it.ci_low, it.ci_high]).flatten().chain(row.target);
    let known: Vec<f64> = known.collect();
    let high = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = match row.unit {
        Unit::Share => known.iter().copied().fold(f64::INFINITY, f64::min),
        Unit::Seconds | Unit::Count => 0.0,
    };
    let per = seconds_per_tick_unit(row.unit, high);
    let mut ticks: Vec<f64> = nice_ticks(low / per, high / per).into_iter().map(|it| it * per).collect();
    if row.unit == Unit::Share {
        ticks.retain(|tick| (-1e-9..=1.0 + 1e-9).contains(tick));
    }
    let low = ticks.first().copied().unwrap_or(0.0);
    let high = ticks.last().copied().unwrap_or(1.0);
    let scale = Scale { low, high, from: BOTTOM, to: TOP };
    for tick in ticks {
        let at = scale.at(tick);
        canvas.line((LEFT, at), (RIGHT - 90.0, at), "c-grid");
        let label = match row.unit {
            Unit::Share => format!("{}%", compact(tick * 100.0)),
            Unit::Seconds => row.unit.format(tick),
            Unit::Count => compact(tick),
        };
        canvas.text(LEFT - 6.0, at + 4.0, "", Anchor::End, &label);
    }
    scale
}

/// Durations are ticked in round minutes, hours or days.
fn seconds_per_tick_unit(unit: Unit, high: f64) -> f64 {
    match unit {
        Unit::Seconds if high >= 4.0 * 86_400.0 => 86_400.0,
        Unit::Seconds if high >= 4.0 * 3_600.0 => 3_600.0,
        Unit::Seconds if high >= 4.0 * 60.0 => 60.0,
        Unit::Share | Unit::Seconds | Unit::Count => 1.0,
    }
}

/// Stretches of periods without a gap.
fn runs(history: &[HistoryPoint]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for index in (0..history.len()).filter(|index| history[*index].value.is_some()) {
        match runs.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => runs.push(index..index + 1),
        }
    }
    runs
}

fn band(canvas: &mut Canvas, history: &[HistoryPoint], run: std::ops::Range<usize>, x: &impl Fn(usize) -> f64, y: &Scale) {
    let limits = |index: usize| Some((history[index].ci_low?, history[index].ci_high?));
    let known: Vec<(usize, f64, f64)> = run.filter_map(|index| limits(index).map(|(low, high)| (index, low, high))).collect();
    // One period alone has no area: its interval is a bar.
    if let [(index, low, high)] = known[..] {
        let (top, bottom) = (y.at(high), y.at(low));
        return canvas.rect(x(index) - 7.0, top, 14.0, bottom - top, "c-band");
    }
    let upper = known.iter().map(|(index, _, high)| (x(*index), y.at(*high)));
    let lower = known.iter().rev().map(|(index, low, _)| (x(*index), y.at(*low)));
    canvas.polygon(&upper.chain(lower).collect::<Vec<_>>(), "c-band");
}

fn labels(canvas: &mut Canvas, row: &ScoreRow, x: &impl Fn(usize) -> f64, y: &Scale) {
    for (index, point) in row.history.iter().enumerate() {
        let Some(value) = point.value else {
            canvas.text(x(index), BOTTOM - 8.0, "c-o", Anchor::Middle, "?");
            continue;
        };
        let at = y.at(value);
        canvas.circle(x(index), at, 4.0, "c-dot");
        let is_high = at < TOP + 14.0;
        let text_y = if is_high { at + 18.0 } else { at - 9.0 };
        canvas.text(x(index), text_y, "c-v c-o", Anchor::Middle, &row.unit.format(value));
    }
}

fn alt(report: &Report, row: &ScoreRow) -> String {
    let target = row.target.map(|_| format!(", target {}", words::target(row))).unwrap_or_default();
    let periods = report.period.grain().plural();
    format!("{} {}, {} {periods}{target}", row.id, row.title, row.history.len())
}

fn description(row: &ScoreRow) -> String {
    let points = row.history.iter().map(|point| match point.value {
        Some(value) => format!("{} {}", point.period, row.unit.format(value)),
        None => format!("{} not measured", point.period),
    });
    let band = row.ci_low.map_or("", |_| " The band is the 95% interval.");
    format!("{}.{band}", points.collect::<Vec<_>>().join(", "))
}
