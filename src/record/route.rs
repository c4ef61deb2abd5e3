//! Paths -> route templates, so that the number of routes stays bounded by the API and not by its data.
//!
//! `/orders/8812/items/3fa85f64-5717-4562-b3fc-2c963f66afa6?x=1` becomes `/orders/{id}/items/{id}`. Segments that look like
//! identifiers are replaced: integers, UUIDs, hashes, dates, e-mail addresses, long tokens of letters and digits.

/// The path of a request target: scheme and host, query and fragment dropped.
pub fn path_of(target: &str) -> &str {
    let path = match target.find("://") {
        Some(at) if !target.starts_with('/') => {
            let rest = &target[at + 3..];
            rest.find('/').map_or("/", |slash| &rest[slash..])
        }
        _ => target,
    };
    let end = path.find(['?', '#', ';']).unwrap_or(path.len());
    if end == 0 { "/" } else { &path[..end] }
}

/// The template of a path, appended to `out`.
pub fn template_into(target: &str, out: &mut String) {
    let path = path_of(target);
    for (number, segment) in path.split('/').enumerate() {
        if number > 0 {
            out.push('/');
        }
        if is_identifier(segment) { out.push_str("{id}") } else { out.push_str(segment) }
    }
}

/// True for a path segment that names one thing rather than a kind of things.
fn is_identifier(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|byte| byte.is_ascii_digit()).count();
    if bytes.is_empty() || (digits == 0 && bytes.len() < 16 && !segment.contains('@')) {
        return false;
    }
    digits == bytes.len()
        || is_uuid(bytes)
        || is_date(bytes)
        || is_email(segment)
        || (bytes.len() >= 16 && bytes.iter().all(u8::is_ascii_hexdigit))
        || is_long_token(bytes, digits)
}

fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36 && bytes.iter().enumerate().all(|(i, byte)| if matches!(i, 8 | 13 | 18 | 23) { *byte == b'-' } else { byte.is_ascii_hexdigit() })
}

fn is_date(bytes: &[u8]) -> bool {
    bytes.len() >= 10
        && bytes[..10].iter().enumerate().all(|(i, byte)| if matches!(i, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() })
        && bytes[10..].iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'T' | b't' | b'Z' | b'z' | b':' | b'.' | b'+' | b'-'))
}

/// Of files whose names hold an `@`: `logo@2x.png`. None of them is a top-level domain.
const FILE_ENDINGS: [&str; 14] = ["png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "ico", "css", "js", "mjs", "json", "html", "woff"];

fn is_email(segment: &str) -> bool {
    let Some((name, domain)) = segment.split_once('@').or_else(|| segment.split_once("%40")) else { return false };
    let Some((host, last)) = domain.rsplit_once('.') else { return false };
    !name.is_empty()
        && !host.is_empty()
        && last.len() >= 2
        && last.bytes().all(|byte| byte.is_ascii_alphabetic())
        && !FILE_ENDINGS.contains(&last.to_ascii_lowercase().as_str())
}

/// Sixteen or more letters, digits, `_` and `-`, of which at least a quarter are digits spread over both: a key, not a word.
fn is_long_token(bytes: &[u8], digits: usize) -> bool {
    let letters = bytes.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    bytes.len() >= 16
        && letters > 0
        && digits >= 2
        && digits * 6 >= bytes.len()
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_become_id_and_words_stay() {
        let template = |path: &str| {
            let mut out = String::new();
            template_into(path, &mut out);
            out
        };
        assert_eq!(template("/orders/8812/items?page=2"), "/orders/{id}/items");
        assert_eq!(template("https://h.example/v1/users/a@b.example#x"), "/v1/users/{id}");
        assert_eq!(template("/x/3fa85f64-5717-4562-b3fc-2c963f66afa6/2026-01-31"), "/x/{id}/{id}");
        assert_eq!(template("/c/0123456789abcdef"), "/c/{id}");
        assert_eq!(template("/v2/oauth2/token/customer-accounts-export"), "/v2/oauth2/token/customer-accounts-export");
        assert_eq!(template("/k/AKIA1234567890ABCD99"), "/k/{id}");
        assert_eq!(template("/img/header_image@2x.png/a@3x.JPG"), "/img/header_image@2x.png/a@3x.JPG");
        assert_eq!(template("/u/ann%40mail.example.org/x@y.7"), "/u/{id}/x@y.7");
        assert_eq!(template("?x"), "/");
        assert_eq!(template("/"), "/");
    }
}
