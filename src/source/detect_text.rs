//! Which pack reads lines of text: each reads the head's first lines with its own decoder.
//!
//! A line is known to a pack if its decoder reads it whole and it has the columns that `detect` asks for, or if the pack
//! leaves such lines out. A pack fits if it reads at least one line and knows at least half of them. Of those that fit and
//! know the most lines, and those with a clearly higher priority that know nearly as many, the higher priority wins; then the
//! more known lines, the more requirements, the more columns read. A line or two that a much looser format reads as well are no
//! reason to take it.

use super::detect::{Choice, Detected, framing_of, head_lines, tie};
use crate::record::field::{FieldKind, Fields};
use crate::source::decode::Decoder;
use crate::source::decode::text::{TextPlan, TextReader};
use crate::source::library::Pack;
use crate::source::pack::DecoderKind;

/// Lines of the head that are read: enough to see past what a program says when it starts.
const HEAD_LINES: usize = 100;

/// How many lines a pack may lack of those that another knows and still be chosen for its priority: a tenth, rounded up. Of
/// a handful of lines each counts.
fn may_lack(known_lines: usize) -> usize {
    if known_lines < 5 { 0 } else { known_lines.div_ceil(10) }
}

/// By how much the priority of a pack must be higher that lacks lines. Of packs that are nearly alike, what each knows counts.
const CLEAR_PRIORITY: i32 = 10;

/// What a pack makes of the head, the better the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Score {
    priority: i32,
    known_lines: usize,
    requirements: usize,
    columns: usize,
    read_lines: usize,
}

/// The pack that knows the lines best.
pub fn detect_lines(choice: Choice<'_>, head: &[u8]) -> Detected {
    let lines: Vec<&[u8]> = head_lines(head).take(HEAD_LINES).collect();
    let packs = choice.library.packs.iter().enumerate().filter(|(index, _)| choice.only.is_none_or(|only| only == *index));
    let scores: Vec<(usize, Score)> = packs.filter_map(|(index, pack)| Some((index, score(pack, &lines)?))).collect();
    let fits = |score: &Score| score.read_lines > 0 && score.known_lines * 2 >= lines.len();
    let fitting: Vec<Score> = scores.iter().map(|(_, score)| *score).filter(fits).collect();
    let most = fitting.iter().map(|score| score.known_lines).max().unwrap_or(0);
    let of_most = fitting.iter().filter(|score| score.known_lines == most).map(|score| score.priority).max().unwrap_or(0);
    let may_win = |score: &Score| {
        let lacks_few = score.known_lines + may_lack(most) >= most;
        score.known_lines == most || lacks_few && score.priority >= of_most.saturating_add(CLEAR_PRIORITY)
    };
    match fitting.into_iter().filter(may_win).max() {
        None => Detected::Unknown(closest(choice, &scores, lines.len())),
        Some(best) => {
            let packs: Vec<usize> = scores.iter().filter(|(_, score)| *score == best).map(|(index, _)| *index).collect();
            match packs.as_slice() {
                [pack] => Detected::Pack { pack: *pack, layout: framing_of(&choice.library.packs[*pack]).into() },
                several => tie(choice, several),
            }
        }
    }
}

/// How many of the lines a pack knows.
pub fn known_lines(pack: &Pack, lines: &[&[u8]]) -> usize {
    score(pack, lines).map_or(0, |score| score.known_lines)
}

fn closest(choice: Choice<'_>, scores: &[(usize, Score)], lines: usize) -> String {
    match scores.iter().max_by_key(|(_, score)| (score.read_lines, *score)) {
        Some((pack, score)) if score.read_lines > 0 => {
            format!("closest: {} reads {} of its first {lines} lines", choice.library.packs[*pack].id(), score.read_lines)
        }
        _ => "no pack knows this text".into(),
    }
}

fn score(pack: &Pack, lines: &[&[u8]]) -> Option<Score> {
    let Decoder::Text(plan) = &pack.decoder else { return None };
    if !pack.file.decoder.is_text() {
        return None;
    }
    let directives: Vec<&[u8]> = lines.iter().copied().filter(|line| line.starts_with(FIELDS)).collect();
    let names_columns = pack.file.decoder == DecoderKind::W3c && !directives.is_empty();
    if names_columns && !directives.iter().any(|directive| directive_fits(pack, directive)) {
        return None;
    }
    let mut reader = TextReader::new(plan);
    let detect = &pack.file.detect;
    let requirements = detect.required.len() + detect.any_of.len() + detect.matches.len();
    let mut score = Score { priority: detect.priority, known_lines: 0, requirements, columns: 0, read_lines: 0 };
    for line in lines {
        if let Some(columns) = columns_read(pack, plan, &mut reader, line) {
            score.known_lines += 1;
            score.columns += columns;
            // A W3C log without a single row is one by its directive.
            score.read_lines += usize::from(columns > 0 || line.starts_with(FIELDS) && directive_fits(pack, line));
        }
    }
    Some(score)
}

/// What names the columns of a W3C log.
const FIELDS: &[u8] = b"#Fields:";

/// True where a directive names the columns that `detect` asks for.
fn directive_fits(pack: &Pack, directive: &[u8]) -> bool {
    let directive = String::from_utf8_lossy(&directive[FIELDS.len()..]).to_lowercase();
    let names: Vec<&str> = directive.split_whitespace().collect();
    let has = |name: &String| names.contains(&name.to_lowercase().as_str());
    let detect = &pack.file.detect;
    detect.required.iter().all(has) && detect.any_of.iter().all(|group| group.iter().any(has)) && !detect.none_of.iter().any(has)
}

/// How many of the wanted columns a line has; `None` if the pack does not know it.
fn columns_read(pack: &Pack, plan: &TextPlan, reader: &mut TextReader, line: &[u8]) -> Option<usize> {
    let Ok(line) = std::str::from_utf8(line) else { return None };
    match reader.read(plan, line) {
        Err(_) => None,
        Ok(None) => Some(0),
        Ok(Some(fields)) => fits(pack, &fields).then(|| (0..plan.slots()).filter(|slot| is_logged(&fields, *slot)).count()),
    }
}

fn is_logged(fields: &Fields<'_>, slot: usize) -> bool {
    fields.kind(slot) != FieldKind::Missing
}

fn fits(pack: &Pack, fields: &Fields<'_>) -> bool {
    let has = |slot: &usize| is_logged(fields, *slot);
    let columns = &pack.columns;
    columns.required.iter().all(has)
        && columns.any_of.iter().all(|group| group.iter().any(has))
        && !columns.none_of.iter().any(has)
        && columns.matches.iter().zip(pack.matches.values()).all(|(slot, pattern)| fields.text(*slot).is_some_and(|text| pattern.is_match(&text)))
}
