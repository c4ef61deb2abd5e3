//! Each API's share of replayable calls by month: 0% is proof only, 100% bearer only.

use super::Chart;
use super::canvas::{Anchor, Canvas, Fill, label};
use crate::summary::report::{HeatCell, Report};
use crate::units::{Count, Share};
use std::fmt::Write;

const NAME_CHARACTERS: usize = 26;
const NAMES_END: f64 = 190.0;
const CELLS_START: f64 = 198.0;
const CELLS_END: f64 = 624.0;
const FIRST_Y: f64 = 62.0;
const ROOM: f64 = 172.0;

pub fn chart(report: &Report) -> Option<Chart> {
    let heat = &report.figures.heat;
    if heat.rows.is_empty() || heat.months.is_empty() {
        return None;
    }
    let mut title = "Calls that could be replayed, by API and month".to_owned();
    if heat.n_apis > heat.rows.len() as i64 {
        let _ = write!(title, " ({} of {} APIs)", heat.rows.len(), Count(heat.n_apis));
    }
    let mut canvas = Canvas::new(&title);
    let caption = "0% proof only, 100% bearer only, between: both accepted; ? too little evidence, · no calls";
    canvas.text(16.0, 39.0, "", Anchor::Start, caption);
    let width = (CELLS_END - CELLS_START) / heat.months.len() as f64;
    let height = (ROOM / heat.rows.len() as f64).min(22.0);
    for (index, month) in heat.months.iter().enumerate() {
        let x = CELLS_START + width * (index as f64 + 0.5);
        canvas.text(x, FIRST_Y - 5.0, "", Anchor::Middle, &month.to_string());
    }
    for (index, row) in heat.rows.iter().enumerate() {
        let y = FIRST_Y + height * index as f64;
        let name = label(&row.api, NAME_CHARACTERS);
        canvas.text(NAMES_END, y + height / 2.0 + 4.0, "", Anchor::End, &name);
        for (column, one) in row.cells.iter().enumerate() {
            cell(&mut canvas, *one, CELLS_START + width * column as f64, y, width, height);
        }
    }
    let description = description(report);
    Some(canvas.finish("api-proof.svg", title, description))
}

fn cell(canvas: &mut Canvas, cell: HeatCell, x: f64, y: f64, width: f64, height: f64) {
    let (fill, text, class) = match cell {
        HeatCell::NoCalls => (Fill::Plain("c-none"), "·".to_owned(), ""),
        HeatCell::InsufficientEvidence => (Fill::Hatched("c-none"), "?".to_owned(), "c-v"),
        HeatCell::Replayable(share) if share <= 0.0 => (Fill::Plain("c-a"), Share(share).to_string(), "c-i"),
        HeatCell::Replayable(share) if share < 1.0 => (Fill::Plain("c-b"), Share(share).to_string(), "c-i"),
        HeatCell::Replayable(share) => (Fill::Plain("c-c"), Share(share).to_string(), "c-i"),
    };
    canvas.fill(fill, x + 1.0, y + 1.0, width - 2.0, height - 2.0);
    canvas.text(x + width / 2.0, y + height / 2.0 + 4.0, class, Anchor::Middle, &text);
}

fn description(report: &Report) -> String {
    let rows = report.figures.heat.rows.iter().map(|row| {
        let last = match row.cells.last() {
            Some(HeatCell::Replayable(share)) => Share(*share).to_string(),
            Some(HeatCell::InsufficientEvidence) => "too little evidence".to_owned(),
            Some(HeatCell::NoCalls) | None => "no calls".to_owned(),
        };
        format!("{} {last}", label(&row.api, NAME_CHARACTERS))
    });
    format!("In the last month: {}.", rows.collect::<Vec<_>>().join("; "))
}
