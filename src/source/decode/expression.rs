//! Regular expressions with named groups: the slow path, for formats that no other decoder reads.

use super::column::{Target, WantedColumns};
use crate::record::field::{FieldKind, Span};
use crate::source::lazy_regex::LazyRegex;
use regex::bytes::{CaptureLocations, Regex};

/// One compiled expression; its groups are its columns. A dot in a column's name is written `__` in the group's.
#[derive(Debug, Clone)]
pub struct Expression {
    regex: Regex,
    targets: Vec<(usize, Target)>,
}

impl Expression {
    pub fn compile(text: &str, wanted: &WantedColumns) -> Result<Self, String> {
        LazyRegex::new(text)?;
        let regex = Regex::new(text).map_err(|error| error.to_string())?;
        let groups = regex.capture_names().enumerate().filter_map(|(group, name)| Some((group, wanted.target(&name?.replace("__", ".")))));
        let targets = groups.filter(|(_, target)| target.is_wanted()).collect();
        Ok(Expression { regex, targets })
    }

    pub fn locations(&self) -> CaptureLocations {
        self.regex.capture_locations()
    }

    /// Reads a line; false if the expression does not match.
    pub fn read(&self, line: &[u8], locations: &mut CaptureLocations, spans: &mut [Span]) -> bool {
        if self.regex.captures_read(locations, line).is_none() {
            return false;
        }
        for (group, target) in &self.targets {
            if let Some((start, end)) = locations.get(*group) {
                target.store(line, start, end, FieldKind::Plain, spans);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_groups_are_columns() {
        let wanted = WantedColumns::new(&[vec!["a".into(), "b".into()], vec!["c".into()]]);
        let expression = Expression::compile(r"^(?<a__b>\d+)(?:x(?<c>.))?$", &wanted).unwrap();
        let mut locations = expression.locations();
        let mut spans = [Span::MISSING; 2];
        assert!(expression.read(b"12", &mut locations, &mut spans));
        assert_eq!((spans[0].end, spans[1]), (2, Span::MISSING));
        assert!(!expression.read(b"x", &mut locations, &mut spans));
        assert!(Expression::compile("(", &wanted).is_err());
    }
}
