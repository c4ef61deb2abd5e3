//! Text from logs is data. One function per format makes it show as itself and do nothing.
//!
//! Every function first makes the text visible: control codes, line breaks, bidirectional and
//! invisible characters become `\u{…}`, so that a name can neither move a terminal's cursor nor
//! pretend to be another name (Boucher and Anderson, Trojan Source, CVE-2021-42574). Nothing here
//! decides what is data: that is the Report's spans and cells.

/// A name in Markdown prose: a code span, in which no markup, link, image, mention or HTML works.
pub fn markdown_code(text: &str) -> String {
    let text = visible(text);
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    // A span is closed by as many backticks as opened it, so one more than any run inside.
    let longest_run = text.split(|it| it != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest_run + 1);
    let needs_space = text.starts_with(['`', ' ']) || text.ends_with(['`', ' ']);
    let pad = if needs_space { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// The same in a table cell, where a pipe would end the cell even inside a code span.
/// GFM: a backslash before it is removed again before the span is read.
pub fn markdown_table_code(text: &str) -> String {
    markdown_code(text).replace('|', "\\|")
}

/// Words in Markdown, in prose or a table: no markup, HTML, mention, reference or bare link.
pub fn markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let text = visible(text);
    if starts_a_block(&text) {
        escaped.push('\\');
    }
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // A mention or an issue reference is read even where a backslash stands before it.
            '@' => escaped.push_str("&#64;"),
            '#' => escaped.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '{' | '}' | '|' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            _ => escaped.push(character),
        }
    }
    without_bare_links(&escaped)
}

/// Text or an attribute value in HTML.
pub fn html(text: &str) -> String {
    markup(&visible(text))
}

/// Text or an attribute value in SVG. XML forbids most control codes even as references; none are left.
pub fn svg(text: &str) -> String {
    markup(&visible(text))
}

/// Text on a terminal: no escape sequence survives.
pub fn terminal(text: &str) -> String {
    visible(text)
}

/// A field of a CSV file that a spreadsheet may open: quoted, and never read as a formula.
///
/// OWASP, CSV Injection: a leading `=`, `+`, `-`, `@`, tab or line break starts one; an apostrophe
/// before it keeps it text.
pub fn csv(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '|', '%']);
    let guard = if is_formula { "'" } else { "" };
    let needs_quotes = text.contains([',', ';', '"', '\n', '\r', '\t']) || is_formula;
    match needs_quotes {
        true => format!("\"{guard}{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    }
}

/// Characters that are not what they look like are spelled out; the rest is kept.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match is_deceptive(character) {
            true => shown.extend(character.escape_unicode()),
            false => shown.push(character),
        }
    }
    shown
}

/// Columns a terminal needs: none for combining marks, two for East Asian wide characters.
pub fn width(text: &str) -> usize {
    text.chars()
        .map(|character| match character as u32 {
            0x0300..=0x036F | 0x1AB0..=0x1AFF | 0x20D0..=0x20FF | 0xFE20..=0xFE2F => 0,
            0x1100..=0x115F | 0x2E80..=0x303E | 0x3041..=0xA4CF | 0xAC00..=0xD7A3 => 2,
            0xF900..=0xFAFF | 0xFE30..=0xFE6F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 => 2,
            0x1F300..=0x1FAFF | 0x20000..=0x3FFFD => 2,
            _ => 1,
        })
        .sum()
}

fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character as u32,
            // Soft hyphen, combining grapheme joiner, Arabic letter mark, Mongolian vowel separator.
            0xAD | 0x34F | 0x61C | 0x180E
            // Zero width, direction marks, separators, embeddings, isolates, invisible operators.
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F
            // Hangul fillers, variation selectors, byte order mark, annotations, tags.
            | 0x115F | 0x1160 | 0x3164 | 0xFFA0 | 0xFE00..=0xFE0F | 0xFEFF | 0xFFF9..=0xFFFB
            | 0xE0000..=0xE0FFF)
}

fn markup(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A list, a rule or an underline of a heading; `-2.8 pp` is none.
fn starts_a_block(text: &str) -> bool {
    let mut characters = text.chars();
    let is_bullet = matches!(characters.next(), Some('-' | '+' | '='));
    is_bullet && characters.next().is_none_or(|it| matches!(it, ' ' | '-' | '+' | '='))
}

/// GFM links `www.`, `http://` and the like by themselves; an entity in the middle stops that.
fn without_bare_links(text: &str) -> String {
    let text = text.replace("://", "&#58;//").replace("mailto:", "mailto&#58;");
    let text = text.replace("xmpp:", "xmpp&#58;");
    text.replace("www.", "www&#46;").replace("WWW.", "WWW&#46;")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an attacker could name an API.
    const HOSTILE: [&str; 8] = [
        "a|b`c``d",
        "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "![x](https://evil.example/p.png) [y](javascript:alert(1)) @security #1 https://evil.example",
        "line\nbreak\r\n# heading\n<!-- credlens:edit -->",
        "\u{1b}[31mred\u{1b}[0m\u{7}",
        "safe\u{202e}gpj.exe\u{200b}",
        "=HYPERLINK(\"http://evil.example\")",
        "]]><svg onload=alert(1)>' \" & \0",
    ];

    #[test]
    fn markdown_shows_a_name_as_it_is_and_does_nothing() {
        for text in HOSTILE {
            for escaped in [markdown(text), markdown_code(text), markdown_table_code(text)] {
                assert!(!escaped.contains(['\n', '\r', '\u{1b}', '\u{202e}']), "{escaped}");
            }
            let prose = markdown(text);
            assert!(!prose.replace("\\]", "").contains(['<', ']']) && !prose.contains("https://"));
            let cell = markdown_table_code(text);
            assert!(!cell.replace("\\|", "").contains('|'), "{cell}");
        }
        assert_eq!(markdown_code("a`b"), "``a`b``");
        assert_eq!(markdown_code("``"), "``` `` ```");
        assert_eq!(markdown_code(""), "(empty)");
        assert_eq!(markdown_table_code("a|b"), "`a\\|b`");
        assert_eq!(markdown("*a*_b_ [c](d)"), "\\*a\\*\\_b\\_ \\[c\\](d)");
        assert_eq!((markdown("- a"), markdown("---")), ("\\- a".into(), "\\---".into()));
        assert_eq!(markdown("-2.8 pp"), "-2.8 pp");
        assert_eq!(markdown("@bob #7"), "&#64;bob &#35;7");
    }

    #[test]
    fn html_has_no_markup_left() {
        for text in HOSTILE {
            let escaped = html(text);
            assert!(!escaped.contains(['<', '>', '"', '\'', '\n']), "{escaped}");
        }
        assert_eq!(html("a<b & 'c'"), "a&lt;b &amp; &#39;c&#39;");
    }

    #[test]
    fn svg_is_well_formed_xml() {
        for text in HOSTILE {
            let escaped = svg(text);
            assert!(!escaped.contains(['<', '>', '"', '\'', '\0', '\u{7}', '\u{1b}']), "{escaped}");
        }
    }

    #[test]
    fn a_terminal_gets_no_control_code() {
        for text in HOSTILE {
            assert!(!terminal(text).chars().any(|it| it.is_control() || it == '\u{202e}'));
        }
        assert_eq!(terminal("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(terminal("safe\u{202e}gpj"), "safe\\u{202e}gpj");
    }

    #[test]
    fn csv_fields_are_never_formulas() {
        assert_eq!(csv("=1+1"), "\"'=1+1\"");
        assert_eq!(csv("-2"), "\"'-2\"");
        assert_eq!(csv("a,\"b\"\n"), "\"a,\"\"b\"\"\n\"");
        assert_eq!(csv("plain"), "plain");
        for text in HOSTILE {
            let first = csv(text).trim_start_matches('"').chars().next();
            assert!(!first.is_some_and(|it| "=+-@".contains(it)));
        }
    }

    #[test]
    fn wide_and_combining_text_is_measured() {
        assert_eq!((width("ab"), width("日本"), width("e\u{301}")), (2, 4, 1));
    }
}
