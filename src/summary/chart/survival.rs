//! The share of compromised credentials not yet revoked, by time since detection.
//!
//! Open cases are censored at `as_of` and marked; time is on a log axis from a minute to the longest
//! case, as some cases take minutes and others weeks.

use super::Chart;
use super::canvas::{Anchor, BOTTOM, Canvas, LEFT, RIGHT, Scale, TOP};
use crate::summary::report::{Report, SurvivalStep};
use crate::units::{DurationSeconds, Share, counted};

const FIRST_S: f64 = 60.0;
const TICKS_S: [f64; 9] = [60.0, 600.0, 3_600.0, 14_400.0, 86_400.0, 604_800.0, 2_592_000.0, 7_776_000.0, 31_536_000.0];
const TICK_NAMES: [&str; 9] = ["1 min", "10 min", "1 h", "4 h", "1 d", "7 d", "30 d", "90 d", "1 y"];

pub fn chart(report: &Report) -> Option<Chart> {
    let steps = &report.figures.survival;
    let n = steps.first()?.at_risk;
    let open: i64 = steps.iter().map(|step| step.censored).sum();
    let title = format!("Compromised credentials not yet revoked, {}", report.period);
    let mut canvas = Canvas::new(&title);
    let subtitle = format!("{}, {open} open (marked +); time since detection, log scale", counted(n, "case", "cases"));
    canvas.text(16.0, 40.0, "", Anchor::Start, &subtitle);
    let y = Scale { low: 0.0, high: 1.0, from: BOTTOM, to: TOP };
    let x = time_axis(&mut canvas, steps, &y);
    curve(&mut canvas, steps, &x, &y);
    target(&mut canvas, report, &x);
    Some(canvas.finish("survival.svg", title, description(steps, n, open)))
}

fn time_axis(canvas: &mut Canvas, steps: &[SurvivalStep], y: &Scale) -> impl Fn(f64) -> f64 + use<> {
    let longest = steps.last().map_or(FIRST_S, |step| step.t_s).max(7_200.0);
    let scale = Scale { low: FIRST_S.ln(), high: longest.ln(), from: LEFT, to: RIGHT - 20.0 };
    let x = move |seconds: f64| scale.at(seconds.max(FIRST_S).ln());
    for share in [0.0, 0.25, 0.5, 0.75, 1.0] {
        canvas.line((LEFT, y.at(share)), (RIGHT, y.at(share)), "c-grid");
        canvas.text(LEFT - 6.0, y.at(share) + 4.0, "", Anchor::End, &format!("{}%", share * 100.0));
    }
    for (seconds, name) in TICKS_S.into_iter().zip(TICK_NAMES) {
        if seconds <= longest * 1.001 {
            canvas.line((x(seconds), BOTTOM), (x(seconds), BOTTOM + 4.0), "c-axis");
            canvas.text(x(seconds), 226.0, "", Anchor::Middle, name);
        }
    }
    x
}

fn curve(canvas: &mut Canvas, steps: &[SurvivalStep], x: &impl Fn(f64) -> f64, y: &Scale) {
    let mut points = vec![(LEFT, y.at(1.0))];
    let mut surviving = 1.0;
    for step in steps {
        points.push((x(step.t_s), y.at(surviving)));
        points.push((x(step.t_s), y.at(step.surviving)));
        surviving = step.surviving;
    }
    points.push((RIGHT, y.at(surviving)));
    canvas.polyline(&points, "c-line");
    for step in steps.iter().filter(|step| step.censored > 0) {
        let (at_x, at_y) = (x(step.t_s), y.at(step.surviving));
        canvas.line((at_x, at_y - 5.0), (at_x, at_y + 5.0), "c-line");
        canvas.line((at_x - 5.0, at_y), (at_x + 5.0, at_y), "c-line");
    }
}

/// The target of RV01, where it is one.
fn target(canvas: &mut Canvas, report: &Report, x: &impl Fn(f64) -> f64) {
    let row = report.scorecard.iter().find(|row| row.id == "RV01");
    if let Some(target) = row.and_then(|row| row.target).filter(|it| *it > 0.0) {
        let at = x(target);
        canvas.line((at, TOP), (at, BOTTOM), "c-target");
        let label = format!("target {}", DurationSeconds(target));
        let (anchor, at) = if at > 480.0 { (Anchor::End, at - 5.0) } else { (Anchor::Start, at + 5.0) };
        canvas.text(at, TOP + 10.0, "c-tt", anchor, &label);
    }
}

fn description(steps: &[SurvivalStep], n: i64, open: i64) -> String {
    let surviving = |limit_s: f64| steps.iter().take_while(|step| step.t_s <= limit_s).last().map_or(1.0, |step| step.surviving);
    format!(
        "Of {n} cases {} were not yet revoked after 1 hour, {} after 24 hours and {} after 7 days. \
         {open} are open.",
        Share(surviving(3_600.0)),
        Share(surviving(86_400.0)),
        Share(surviving(604_800.0)),
    )
}
