//! Horizontal bars with a name each: grants used and unused, calls on exceptions.

use super::Chart;
use super::canvas::{Anchor, Canvas, Fill, Scale, label, text_width};
use crate::summary::report::{Report, words};
use crate::units::{Count, Share};

const NAME_CHARACTERS: usize = 24;
const NAMES_END: f64 = 178.0;
const BARS_END: f64 = 500.0;
const FIRST_Y: f64 = 52.0;
const ROOM: f64 = 182.0;

/// One bar: its name, its parts from the left, and the words at its end.
struct Bar {
    name: String,
    parts: Vec<(Fill, i64)>,
    note: String,
}

pub fn scope_use(report: &Report) -> Option<Chart> {
    let bars: Vec<Bar> = report
        .figures
        .scope_use
        .iter()
        .map(|it| Bar {
            name: label(&it.identity, NAME_CHARACTERS),
            parts: vec![(Fill::Plain("c-a"), it.used), (Fill::Hatched("c-c"), it.unused), (Fill::Plain("c-open"), it.not_judged)],
            note: format!("{} of {} unused", Count(it.unused), Count(it.used + it.unused)),
        })
        .collect();
    let title = "Granted scopes used, identities with most unused".to_owned();
    let legend = [(Fill::Plain("c-a"), "used in 90 days"), (Fill::Hatched("c-c"), "unused"), (Fill::Plain("c-open"), "too young or not observable")];
    draw("scope-use.svg", title, &legend, &bars)
}

pub fn exception_traffic(report: &Report) -> Option<Chart> {
    let fill = |state: &str| match state {
        "expired_in_use" => Fill::Hatched("c-c"),
        _ => Fill::Plain("c-a"),
    };
    let bars: Vec<Bar> = report
        .figures
        .exception_traffic
        .iter()
        .map(|it| {
            let share = it.share_of_calls.map(|share| format!(", {}", Share(share)));
            Bar {
                name: label(&it.id, NAME_CHARACTERS),
                parts: vec![(fill(&it.state), it.calls)],
                note: format!("{} calls{}", Count(it.calls), share.unwrap_or_default()),
            }
        })
        .collect();
    let title = format!("Calls on exceptions, {}", report.period);
    let legend = [(Fill::Plain("c-a"), "active"), (Fill::Hatched("c-c"), "expired, still relied on")];
    draw("exceptions.svg", title, &legend, &bars)
}

fn draw(file_name: &str, title: String, legend: &[(Fill, &str)], bars: &[Bar]) -> Option<Chart> {
    let total = |bar: &Bar| bar.parts.iter().map(|(_, count)| count).sum::<i64>();
    let most = bars.iter().map(total).max().filter(|most| *most > 0)?;
    let mut canvas = Canvas::new(&title);
    canvas.legend(legend);
    let scale = Scale { low: 0.0, high: most as f64, from: 0.0, to: BARS_END - NAMES_END - 8.0 };
    let pitch = (ROOM / bars.len() as f64).min(26.0);
    let height = (pitch - 5.0).max(6.0);
    for (index, bar) in bars.iter().enumerate() {
        let y = FIRST_Y + pitch * index as f64;
        let text_y = y + height / 2.0 + 4.0;
        canvas.text(NAMES_END, text_y, "", Anchor::End, &bar.name);
        let mut x = NAMES_END + 8.0;
        for (fill, count) in bar.parts.iter().filter(|(_, count)| *count > 0) {
            let width = scale.at(*count as f64).max(1.0);
            canvas.fill(*fill, x, y, width, height);
            x += width;
        }
        let note_x = (x + 6.0).min(632.0 - text_width(&bar.note));
        canvas.text(note_x, text_y, "c-v", Anchor::Start, &bar.note);
    }
    let lines: Vec<String> = bars.iter().map(|bar| format!("{}: {}", bar.name, bar.note)).collect();
    let description = format!("{}.", words::plain_word(&lines.join("; ")));
    Some(canvas.finish(file_name, title, description))
}
