//! README.md is true: its console blocks run as they stand, and its examples of configuration and packs are read.

use crate::support::{binary, copy_folder, embedded_packs, project, skipped};
use credlens::cli::config::Config;
use credlens::source::library::Pack;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Fenced blocks of a language, with the number of their first line.
fn blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, bool, String)> = None;
    for (number, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(tag)) => open = Some((number + 2, tag.trim() == language, String::new())),
            (Some(_), Some(_)) => {
                let (first, is_wanted, block) = open.take().expect("it is open");
                if is_wanted {
                    blocks.push((first, block));
                }
            }
            (Some((_, _, block)), None) => *block += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    blocks
}

/// A command of a console block and the output that stands below it.
struct Shown {
    line: usize,
    command: String,
    output: Vec<String>,
}

fn commands(text: &str) -> Vec<Shown> {
    let mut commands: Vec<Shown> = Vec::new();
    for (first, block) in blocks(text, "console") {
        let before = commands.len();
        for (offset, line) in block.lines().enumerate() {
            match line.strip_prefix("$ ") {
                Some(command) => commands.push(Shown { line: first + offset, command: command.to_string(), output: Vec::new() }),
                None if commands.len() > before => commands.last_mut().expect("there is one").output.push(line.to_string()),
                None => {}
            }
        }
    }
    commands
}

/// What is run for a shown command: ours, with the built binary; of others (`git clone`, `cargo build`) nothing.
fn ours(command: &str) -> Option<String> {
    let rest = command.strip_prefix("cargo run --release -- ").or_else(|| command.strip_prefix("credlens "))?;
    Some(format!("credlens {rest}"))
}

/// Durations differ from run to run.
fn without_times(line: &str) -> String {
    let pattern = regex::Regex::new(r"\bin \d+(\.\d+)? m?s\b").expect("a fixed pattern");
    pattern.replace_all(line.trim_end(), "in TIME").into_owned()
}

/// Runs in a copy of the project, in the order shown; each command ends well, and says every line that is shown, in order.
/// A line `...` stands for any lines.
#[test]
fn console_blocks_of_the_readme_run() {
    let Ok(text) = fs::read_to_string(project().join("README.md")) else { return skipped("README.md", "it is not there") };
    let copy = tempfile::tempdir().expect("a folder");
    copy_project(copy.path());
    let path = format!("{}:{}", Path::new(binary()).parent().expect("a folder").display(), std::env::var("PATH").unwrap_or_default());
    let mut n_run = 0;
    for shown in commands(&text) {
        let Some(command) = ours(&shown.command) else { continue };
        n_run += 1;
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(copy.path())
            .env("PATH", &path)
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .env_remove("CREDLENS_CONFIG")
            .output()
            .expect("a shell");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "README.md:{}: `{command}` ends with {}:\n{said}", shown.line, output.status);
        let mut said_lines = said.lines().map(without_times);
        for wanted in shown.output.iter().filter(|line| !line.trim().is_empty() && line.trim() != "...") {
            let wanted = without_times(wanted);
            assert!(said_lines.any(|line| line == wanted), "README.md:{}: `{command}` does not say\n{wanted}\nbut\n{said}", shown.line);
        }
    }
    assert!(n_run >= 3, "README.md shows {n_run} commands of ours");
}

fn copy_project(place: &Path) {
    for folder in ["sample-data", "queries", "docs"] {
        if project().join(folder).is_dir() {
            copy_folder(&project().join(folder), &place.join(folder));
        }
    }
    fs::copy(project().join("README.md"), place.join("README.md")).expect("a file can be copied");
}

#[test]
fn examples_of_configuration_and_packs_are_read() {
    let Ok(text) = fs::read_to_string(project().join("README.md")) else { return skipped("README.md", "it is not there") };
    let folder = tempfile::tempdir().expect("a folder");
    let mut n_packs = 0;
    for (line, block) in blocks(&text, "toml") {
        if block.contains("detect.required") {
            n_packs += 1;
            Pack::compile(&block, "README").unwrap_or_else(|error| panic!("README.md:{line}: {error}"));
        } else {
            let path = folder.path().join("credlens.toml");
            fs::write(&path, &block).expect("it can be written");
            Config::load(Some(&path), &[]).unwrap_or_else(|error| panic!("README.md:{line}: {error}"));
        }
    }
    assert!(n_packs >= 1, "README.md shows how to write a pack");
}

/// Every measure, every pack and every key of the configuration is named.
#[test]
fn the_readme_names_every_measure() {
    let Ok(text) = fs::read_to_string(project().join("README.md")) else { return skipped("README.md", "it is not there") };
    for (id, definition) in credlens::metric::catalog::Catalog::new(&[]).expect("the catalog").definitions() {
        assert!(text.contains(&format!("| [{id}](")) && text.contains(&definition.title), "README.md does not name {id} {}", definition.title);
    }
}

#[test]
fn the_readme_names_every_pack() {
    let Ok(text) = fs::read_to_string(project().join("README.md")) else { return skipped("README.md", "it is not there") };
    let library = embedded_packs();
    let missing: Vec<&str> = library.packs.iter().map(Pack::id).filter(|id| !text.contains(&format!("| `{id}` |"))).collect();
    assert!(missing.is_empty(), "README.md does not name {missing:?}");
}

/// Links lead to files that are there.
#[test]
fn links_of_the_documents_lead_somewhere() {
    let pattern = regex::Regex::new(r"\]\(([^)#\s]+)[^)]*\)").expect("a fixed pattern");
    for document in ["README.md", "ARCHITECTURE.md", "queries/README.md"] {
        let Ok(text) = fs::read_to_string(project().join(document)) else {
            skipped(document, "it is not there");
            continue;
        };
        let folder = project().join(document);
        for link in pattern.captures_iter(&text).map(|found| found[1].to_string()).filter(|link| !link.contains("://")) {
            let target = folder.parent().expect("a folder").join(&link);
            assert!(target.exists(), "{document} links to {link}, which is not there");
        }
    }
}
