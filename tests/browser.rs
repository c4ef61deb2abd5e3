//! summary.html in headless Chromium, as its readers open it: tests/peers/browser.py looks at it.
//!
//! CREDLENS_CHROMIUM names the browser (default `chromium`), CREDLENS_PYTHON the Python (default `python3`, no module is
//! needed). Without them the tests say so and pass, unless CREDLENS_REQUIRE_PEERS=1. With CREDLENS_SHOTS, a folder, the
//! screenshots and the printed pages are kept there.

use crate::support::{estate, project, skipped};
use std::path::Path;
use std::process::Command;

/// Chromium and Python, if both are here; else a notice, or a failure where peers are required.
fn browser_and_python() -> Option<(String, String)> {
    let named = |variable: &str, usual: &str| std::env::var(variable).unwrap_or_else(|_| usual.into());
    let found = (named("CREDLENS_CHROMIUM", "chromium"), named("CREDLENS_PYTHON", "python3"));
    let starts = |program: &str| Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success());
    if let Some(missing) = [&found.0, &found.1].into_iter().find(|program| !starts(program)) {
        assert_ne!(std::env::var("CREDLENS_REQUIRE_PEERS").as_deref(), Ok("1"), "CREDLENS_REQUIRE_PEERS=1, but {missing} does not start");
        skipped("summary.html in a browser", &format!("`{missing}` does not start"));
        return None;
    }
    Some(found)
}

/// What the script says of a page: whether it found no fault, and its words.
fn look_at(page: &Path, shots: Option<&Path>) -> Option<(bool, String)> {
    let (browser, python) = browser_and_python()?;
    let mut command = Command::new(python);
    command.arg(project().join("tests/peers/browser.py")).arg(browser).arg(page).args(shots);
    let output = command.env("PYTHONDONTWRITEBYTECODE", "1").output().expect("Python starts");
    Some((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn the_page_of_the_estate_works_in_a_browser() {
    let shots = std::env::var_os("CREDLENS_SHOTS");
    let Some((is_well, told)) = look_at(&estate().folder.join("summary.html"), shots.as_deref().map(Path::new)) else { return };
    assert!(is_well, "{told}");
}

#[test]
fn the_look_finds_a_page_that_is_broken() {
    let page = std::fs::read_to_string(estate().folder.join("summary.html")).expect("the page");
    let broken = page
        .replace(".appendChild(it.row)", ".appendChild")
        .replace("id=\"method\"", "id=\"methods\"")
        .replace("<main id=\"main\">", "<main><img src=\"https://example.invalid/x.png\" alt=\"\"><p style=\"width:3000px\">wide</p>");
    let place = tempfile::tempdir().expect("a temporary folder");
    let path = place.path().join("broken.html");
    std::fs::write(&path, broken).expect("a page is written");
    let Some((is_well, told)) = look_at(&path, None) else { return };
    assert!(!is_well);
    for fault in ["sorts descending", "log: ", "lead somewhere"] {
        assert!(told.contains(fault), "{fault} was not found:\n{told}");
    }
}
