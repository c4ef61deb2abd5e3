//! Policy violations over the period, stacked by what became of them.

use super::Chart;
use super::canvas::{Anchor, BOTTOM, Canvas, Fill, LEFT, RIGHT, Scale, TOP, nice_ticks};
use crate::period::{MICROS_PER_DAY, format_day};
use crate::summary::report::{Report, ViolationBin};
use crate::units::{Count, compact};

const BLOCKED: Fill = Fill::Plain("c-b");
const OBSERVED: Fill = Fill::Plain("c-a");
const MISSED: Fill = Fill::Hatched("c-c");

pub fn chart(report: &Report) -> Option<Chart> {
    let bins = &report.figures.violations;
    let total = |bin: &ViolationBin| bin.blocked + bin.observed + bin.missed;
    let most = bins.iter().map(total).max().filter(|most| *most > 0)?;
    let unit = match bins {
        bins if is_daily(bins) => "day",
        _ => "week",
    };
    let title = format!("Policy violations by {unit}, {}", report.period);
    let mut canvas = Canvas::new(&title);
    canvas.legend(&[(BLOCKED, "blocked"), (OBSERVED, "observed only"), (MISSED, "missed")]);
    let y = axis(&mut canvas, most);
    let pitch = (RIGHT - LEFT) / bins.len() as f64;
    for (index, bin) in bins.iter().enumerate() {
        column(&mut canvas, bin, LEFT + pitch * index as f64 + 1.5, (pitch - 3.0).max(1.0), &y);
    }
    let every = bins.len().div_ceil(7);
    for (index, bin) in bins.iter().enumerate().step_by(every) {
        let day = format_day(bin.start_us);
        let short = day.get(5..).unwrap_or(&day);
        canvas.text(LEFT + pitch * (index as f64 + 0.5), 226.0, "", Anchor::Middle, short);
    }
    Some(canvas.finish("violations.svg", title, description(bins)))
}

fn is_daily(bins: &[ViolationBin]) -> bool {
    bins.windows(2).next().is_none_or(|pair| pair[1].start_us - pair[0].start_us == MICROS_PER_DAY)
}

fn axis(canvas: &mut Canvas, most: i64) -> Scale {
    let ticks = nice_ticks(0.0, most as f64);
    let high = ticks.last().copied().unwrap_or(1.0);
    let scale = Scale { low: 0.0, high, from: BOTTOM, to: TOP };
    for tick in ticks {
        canvas.line((LEFT, scale.at(tick)), (RIGHT, scale.at(tick)), "c-grid");
        canvas.text(LEFT - 6.0, scale.at(tick) + 4.0, "", Anchor::End, &compact(tick));
    }
    scale
}

fn column(canvas: &mut Canvas, bin: &ViolationBin, x: f64, width: f64, y: &Scale) {
    let mut below = 0;
    for (fill, count) in [(MISSED, bin.missed), (OBSERVED, bin.observed), (BLOCKED, bin.blocked)] {
        if count > 0 {
            let (bottom, top) = (y.at(below as f64), y.at((below + count) as f64));
            canvas.fill(fill, x, top, width, bottom - top);
            below += count;
        }
    }
}

fn description(bins: &[ViolationBin]) -> String {
    let sum = |field: fn(&ViolationBin) -> i64| Count(bins.iter().map(field).sum());
    format!("{} blocked, {} observed only, {} missed.", sum(|bin| bin.blocked), sum(|bin| bin.observed), sum(|bin| bin.missed))
}
