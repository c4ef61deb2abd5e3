//! Shapes and text on 640 x 240. The only file that writes SVG markup; all text is escaped here.

use std::fmt::Write;

use super::Chart;
use crate::summary::escape;
use crate::summary::report::prose::cut;

pub const WIDTH: f64 = 640.0;
pub const HEIGHT: f64 = 240.0;
/// The drawing area between the heading and the axis labels.
pub const TOP: f64 = 52.0;
pub const BOTTOM: f64 = 210.0;
pub const LEFT: f64 = 56.0;
pub const RIGHT: f64 = 620.0;

/// Roughly the width of a character at 11 px; only to keep labels apart.
const CHARACTER: f64 = 6.2;

/// Classes start with `c-` so that they harm nothing in a page. Colours keep 4.5:1 for text and 3:1
/// for shapes against their background, and blue and orange differ for colour-blind readers.
pub const STYLE: &str = "\
.c-bg{fill:#fff}.c-t{font:11px system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;fill:#59636e}\
.c-h{font-size:14px;font-weight:600;fill:#1f2328}.c-v{fill:#1f2328;font-weight:600}\
.c-i{fill:#fff;font-weight:600}.c-o{stroke:#fff;stroke-width:3;paint-order:stroke}.c-grid{stroke:#d9dee3;stroke-width:1}.c-axis{stroke:#8c959f;stroke-width:1}\
.c-line{fill:none;stroke:#0b62a8;stroke-width:2}.c-dot{fill:#0b62a8}.c-band{fill:#0b62a8;fill-opacity:.14}\
.c-target{fill:none;stroke:#a8430b;stroke-width:1.5;stroke-dasharray:6 4}.c-tt{fill:#a8430b}\
.c-a{fill:#0b62a8}.c-b{fill:#7d8894}.c-c{fill:#c4540a}.c-open{fill:none;stroke:#7d8894;stroke-dasharray:3 2}\
.c-hatch{stroke:#fff;stroke-width:1.5}.c-cell{stroke:#fff;stroke-width:1}.c-none{fill:#eef1f4}\
@media(prefers-color-scheme:dark){.c-bg{fill:#0d1117}.c-t{fill:#9da7b1}.c-h,.c-v{fill:#e6edf3}.c-i{fill:#0d1117}\
.c-grid{stroke:#262c33}.c-axis{stroke:#6e7681}.c-line{stroke:#58a6e6}.c-dot,.c-a,.c-band{fill:#58a6e6}\
.c-band{fill-opacity:.2}.c-target{stroke:#f0883e}.c-tt{fill:#f0883e}.c-b{fill:#8b949e}.c-c{fill:#f0883e}\
.c-open{stroke:#8b949e}.c-o{stroke:#0d1117}.c-hatch,.c-cell{stroke:#0d1117}.c-none{fill:#1c2128}}";

#[derive(Clone, Copy)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Default)]
pub struct Canvas {
    body: String,
}

impl Canvas {
    /// A background and the heading.
    pub fn new(heading: &str) -> Canvas {
        let mut canvas = Canvas::default();
        canvas.rect(0.0, 0.0, WIDTH, HEIGHT, "c-bg");
        canvas.text(16.0, 22.0, "c-h", Anchor::Start, heading);
        canvas
    }

    /// Escapes its text; `class` adds to the base text style.
    pub fn text(&mut self, x: f64, y: f64, class: &str, anchor: Anchor, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let (x, y, text) = (number(x), number(y), escape::svg(text));
        let _ = writeln!(self.body, "<text x=\"{x}\" y=\"{y}\" class=\"c-t {class}\" text-anchor=\"{anchor}\">{text}</text>");
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
        let _ = writeln!(self.body, "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" class=\"{class}\"/>");
    }

    pub fn rect(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        let [x, y, width, height] = [x, y, width.max(0.0), height.max(0.0)].map(number);
        let _ = writeln!(self.body, "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" class=\"{class}\"/>");
    }

    /// A rectangle with diagonal lines, told from a plain one without colour.
    pub fn hatched(&mut self, x: f64, y: f64, width: f64, height: f64, class: &str) {
        self.rect(x, y, width, height, class);
        const STEP: f64 = 5.0;
        let n_lines = ((width + height) / STEP).floor() as i64;
        let mut path = String::new();
        for index in 1..=n_lines {
            // The line x + y = offset, cut to the rectangle.
            let offset = index as f64 * STEP;
            let from = (x + offset.min(width), y + (offset - width).max(0.0));
            let to = (x + (offset - height).max(0.0), y + offset.min(height));
            let [x1, y1, x2, y2] = [from.0, from.1, to.0, to.1].map(number);
            let _ = write!(path, "M{x1} {y1}L{x2} {y2}");
        }
        if !path.is_empty() {
            self.path(&path, "c-hatch");
        }
    }

    pub fn circle(&mut self, x: f64, y: f64, radius: f64, class: &str) {
        let [x, y, radius] = [x, y, radius].map(number);
        let _ = writeln!(self.body, "<circle cx=\"{x}\" cy=\"{y}\" r=\"{radius}\" class=\"{class}\"/>");
    }

    /// Straight lines through the points.
    pub fn polyline(&mut self, points: &[(f64, f64)], class: &str) {
        if points.len() > 1 {
            self.path(&through(points), class);
        }
    }

    pub fn polygon(&mut self, points: &[(f64, f64)], class: &str) {
        if points.len() > 2 {
            self.path(&format!("{}Z", through(points)), class);
        }
    }

    fn path(&mut self, path: &str, class: &str) {
        let _ = writeln!(self.body, "<path d=\"{path}\" class=\"{class}\"/>");
    }

    /// Entries of (drawn like, words) from the left, below the heading.
    pub fn legend(&mut self, entries: &[(Fill, &str)]) {
        let mut x = 16.0;
        for (fill, words) in entries {
            self.fill(*fill, x, 31.0, 12.0, 10.0);
            self.text(x + 16.0, 40.0, "", Anchor::Start, words);
            x += 32.0 + text_width(words);
        }
    }

    pub fn fill(&mut self, fill: Fill, x: f64, y: f64, width: f64, height: f64) {
        match fill {
            Fill::Plain(class) => self.rect(x, y, width, height, class),
            Fill::Hatched(class) => self.hatched(x, y, width, height, class),
        }
    }

    pub fn finish(self, file_name: &str, title: String, description: String) -> Chart {
        Chart { file_name: file_name.to_owned(), title, description, body: self.body }
    }
}

#[derive(Clone, Copy)]
pub enum Fill {
    Plain(&'static str),
    Hatched(&'static str),
}

pub fn wrap(file_name: &str, title: &str, description: &str, style: &str, body: &str) -> String {
    let id = file_name.trim_end_matches(".svg");
    let (title, description) = (escape::svg(title), escape::svg(description));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"640\" height=\"240\" viewBox=\"0 0 640 240\" \
         role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
         <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{description}</desc>\n{style}{body}</svg>\n"
    )
}

pub fn text_width(text: &str) -> f64 {
    escape::width(text) as f64 * CHARACTER
}

/// A name short enough for a label; made visible before it is cut, as that lengthens it.
pub fn label(name: &str, max_characters: usize) -> String {
    cut(&escape::visible(name), max_characters)
}

/// A linear map of values onto pixels.
#[derive(Clone, Copy)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
    pub from: f64,
    pub to: f64,
}

impl Scale {
    pub fn at(&self, value: f64) -> f64 {
        let span = self.high - self.low;
        let share = if span > 0.0 { (value - self.low) / span } else { 0.5 };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }
}

/// Round bounds and four or so ticks around `low..high`: steps of 1, 2 or 5 times a power of ten.
///
/// Heckbert, P. S. (1990), Nice numbers for graph labels, Graphics Gems, 61-63.
pub fn nice_ticks(low: f64, high: f64) -> Vec<f64> {
    let span = if high > low { high - low } else { high.abs().max(1.0) };
    let rough = span / 4.0;
    let magnitude = 10_f64.powf(rough.log10().floor());
    let step = match rough / magnitude {
        it if it <= 1.0 => magnitude,
        it if it <= 2.0 => 2.0 * magnitude,
        it if it <= 5.0 => 5.0 * magnitude,
        _ => 10.0 * magnitude,
    };
    let (first, last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    let last = last.max(first + 1);
    (first..=last).map(|index| index as f64 * step).collect()
}

/// One decimal at most, so that the bytes do not depend on rounding far behind the point.
fn number(value: f64) -> String {
    let rounded = (value * 10.0).round() / 10.0;
    // Adding zero turns -0 into 0.
    format!("{}", rounded + 0.0)
}

fn through(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{command}{} {}", number(*x), number(*y));
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        let close = |ticks: Vec<f64>, expected: &[f64]| {
            assert_eq!(ticks.len(), expected.len(), "{ticks:?}");
            assert!(ticks.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9), "{ticks:?}");
        };
        close(nice_ticks(0.31, 0.75), &[0.2, 0.4, 0.6, 0.8]);
        close(nice_ticks(0.0, 412.0), &[0.0, 200.0, 400.0, 600.0]);
        close(nice_ticks(0.0, 0.0), &[0.0, 0.5]);
        close(nice_ticks(5.0, 5.0), &[4.0, 6.0]);
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([0.1 + 0.2, -0.01, 12.0, 3.25].map(number), ["0.3", "0", "12", "3.3"]);
    }
}
