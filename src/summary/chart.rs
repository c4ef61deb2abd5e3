//! Charts: a line of block characters, and SVG written by hand.
//!
//! 640 x 240, deterministic (coordinates are rounded before they are written), with a title and a
//! description in words, system fonts, light and dark by `prefers-color-scheme`, and no meaning in
//! colour alone. No script and nothing from elsewhere.

mod bars;
mod canvas;
mod heat;
mod survival;
mod trend;
mod violations;

use super::report::{Report, ScoreRow};

pub use canvas::STYLE;

/// One drawing. `body` is the markup inside `<svg>`, without the style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Below `charts/`.
    pub file_name: String,
    pub title: String,
    pub description: String,
    body: String,
}

impl Chart {
    /// A file of its own, with its style.
    pub fn svg(&self) -> String {
        self.wrap(&format!("<style>{STYLE}</style>\n"))
    }

    /// For a page that carries `STYLE` once.
    pub fn inline(&self) -> String {
        self.wrap("")
    }

    fn wrap(&self, style: &str) -> String {
        canvas::wrap(&self.file_name, &self.title, &self.description, style, &self.body)
    }
}

/// Every chart of a report, those about the whole first, then a trend per measure.
pub fn all(report: &Report) -> Vec<Chart> {
    let trends = report.scorecard.iter().filter_map(|row| trend(report, row));
    overview(report).into_iter().chain(trends).collect()
}

/// Charts about more than one measure's trend; those without data are left out.
pub fn overview(report: &Report) -> Vec<Chart> {
    let of_metrics = ["SC02", "RV01", "SP02", "RT02"].map(|id| of_metric(report, id));
    of_metrics.into_iter().flatten().chain(exceptions(report)).collect()
}

/// The chart that shows what is behind a metric, besides its trend.
pub fn of_metric(report: &Report, id: &str) -> Option<Chart> {
    match id {
        "SC02" => heat::chart(report),
        "RV01" => survival::chart(report),
        "SP02" => bars::scope_use(report),
        "RT02" => violations::chart(report),
        _ => None,
    }
}

/// Calls on each entry of the register.
pub fn exceptions(report: &Report) -> Option<Chart> {
    bars::exception_traffic(report)
}

/// A measure's history with its interval band and target; `None` without a value.
pub fn trend(report: &Report, row: &ScoreRow) -> Option<Chart> {
    trend::chart(report, row)
}

/// Block characters scaled to the history's own range; `·` is a period without a value.
pub fn sparkline(row: &ScoreRow) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values: Vec<f64> = row.history.iter().filter_map(|point| point.value).collect();
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let block = |value: f64| match values.len() {
        1 => '•',
        _ if high <= low => BLOCKS[3],
        _ => BLOCKS[((value - low) / (high - low) * 7.0).round() as usize],
    };
    row.history.iter().map(|point| point.value.map_or('·', block)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::report::sample;
    use super::*;

    #[test]
    fn every_chart_is_one_well_formed_labelled_image() {
        for input in [sample::input(), sample::hostile_input()] {
            let report = Report::build(input);
            let charts = all(&report);
            assert_eq!(overview(&report).len(), 5);
            for chart in charts {
                let svg = chart.svg();
                assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
                for part in ["role=\"img\"", "<title ", "<desc ", "width=\"640\"", "height=\"240\""] {
                    assert!(svg.contains(part), "{} lacks {part}", chart.file_name);
                }
                assert!(!svg.contains("NaN") && !svg.contains("inf"), "{}", chart.file_name);
                check_tags(&svg);
            }
        }
    }

    /// Tags open and close in order, and nothing but ours is a tag.
    fn check_tags(svg: &str) {
        const KNOWN: [&str; 11] = ["svg", "title", "desc", "style", "rect", "line", "path", "circle", "text", "g", "tspan"];
        let mut open: Vec<&str> = Vec::new();
        for tag in svg.split('<').skip(1) {
            let tag = tag.split('>').next().unwrap_or_default();
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap_or_default();
            assert!(KNOWN.contains(&name), "unknown tag {name}");
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name)),
                (false, false) => open.push(name),
                (false, true) => {}
            }
        }
        assert!(open.is_empty());
    }

    #[test]
    fn sparklines_show_gaps_and_single_values() {
        let report = Report::build(sample::input());
        let of = |id: &str| report.scorecard.iter().find(|row| row.id == id).map(sparkline);
        assert_eq!(of("SC01").as_deref(), Some("▁▂▅▆█"));
        assert_eq!(of("RT02").as_deref(), Some("····•"));
    }
}
